import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { operand, shell } from '../src/shellword'

const HOSTILE = [
  'alice',
  'x; touch /tmp/owned',
  '$(id)',
  '`id`',
  "it's",
  "';id;'",
  '',
  ' ',
  'a\nid\n',
  '\u001b[201~id\n',
  "\\x41'\u0007\\",
  '*',
  '~root',
  '!!',
  '#no',
  'a\u0085\u2028b',
  'Zoë 秘 \u202e',
  '--help',
  '-x\t$HOME',
]
const bash = (command: string) => execFileSync('bash', ['--norc', '-c', command]).toString()

describe('a word for a shell', () => {
  it('is the value itself, whatever stands in it', () => {
    for (const s of HOSTILE) expect(bash(`printf '%s|' ${shell(s)}`)).toBe(`${s}|`)
  })
  it('pastes no control character', () => {
    for (const s of HOSTILE) expect(shell(s)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/)
  })
  it('is no option where it stands alone', () => {
    expect(operand('--help')).toBe('-- --help')
    expect(operand('-a b')).toBe("-- '-a b'")
    expect(operand('alice')).toBe('alice')
  })
})
