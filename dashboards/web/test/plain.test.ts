import { describe, expect, it } from 'vitest'
import { about, bytes, count, cut, cutFront, percent, pieces, plain, sentence, short } from '../src/plain'
import { both, byteOf, FAILED, has, placeOf, READS, term, terms, toggle } from '../src/query'

describe('text of strangers', () => {
  it('writes out what is not seen or turns text round', () => {
    expect(plain('a\u0000b\u001b[31m')).toBe('a\\x00b\\x1b[31m')
    expect(plain('evil\u202egpj.exe')).toBe('evil\\u{202e}gpj.exe')
    expect(plain('a\u200bb\ufeff\u2066\u{e0041}')).toBe('a\\u{200b}b\\u{feff}\\u{2066}\\u{e0041}')
    expect(plain('\ud800')).toBe('\\u{d800}')
    expect(plain('Müller 東京 😀 <b>')).toBe('Müller 東京 😀 <b>')
  })
  it('gives pieces in turn that make the whole', () => {
    expect(pieces('a\u202eb')).toEqual(['a', '\\u{202e}', 'b'])
    expect(pieces('\u202e')).toEqual(['', '\\u{202e}', ''])
    expect(pieces('plain')).toEqual(['plain'])
  })
  it('makes sentences of what the server says', () => {
    expect(sentence("query: there is no field 'actr': did you mean 'actor'?")).toBe("There is no field 'actr': did you mean 'actor'?")
    expect(sentence('log in first')).toBe('Log in first.')
  })
  it('never cuts a character in half', () => {
    expect(cut('ab😀', 3)).toBe('ab…')
    expect(cut('ab', 2)).toBe('ab')
    expect(cutFront('a😀b', 2)).toBe('…b')
    expect(cutFront('vault/x', 3)).toBe('…t/x')
  })
})
describe('numbers', () => {
  it('are short without a lie', () => {
    expect(count(18402911)).toBe('18,402,911')
    expect(short(18402911)).toBe('18.4 M')
    expect(short(12000)).toBe('12 k')
    expect(short(9999)).toBe('9,999')
    expect(about(0.04)).toBe('< 0.1')
    expect(about(57.25)).toBe('57')
    expect(about(5.25)).toBe('5.3')
    expect(percent(1)).toBe('100 %')
    expect(percent(0.99999)).toBe('99.9 %')
    expect(percent(0.5)).toBe('50 %')
    expect(percent(0.0017)).toBe('< 1 %')
    expect(percent(0)).toBe('0 %')
    expect(bytes(1536)).toBe('1.5 KiB')
  })
})
describe('terms of a query', () => {
  it('quotes what could mean something', () => {
    expect(term('actor', 'alice@example.com')).toBe('actor:alice@example.com')
    expect(term('actor', 'a b*')).toBe('actor:"a b*"')
    expect(term('actor', 'a"\\')).toBe('actor:"a\\"\\\\"')
    expect(term('secret', 'vault://acme/-/x')).toBe('secret:"vault://acme/-/x"')
    expect(term('ip', '2001:db8::1')).toBe('ip:2001:db8::1')
    expect(term('actor', 'OR')).toBe('actor:"OR"')
  })
  it('keeps quotes and parentheses together', () => {
    expect(terms('actor:"a \\" b" (x OR  y) -z')).toEqual(['actor:"a \\" b"', '(x OR  y)', '-z'])
  })
  it('adds, takes away and turns round', () => {
    expect(toggle('', 'actor', 'a')).toBe('actor:a')
    expect(toggle('action:read', 'actor', 'a')).toBe('action:read actor:a')
    expect(toggle('action:read actor:a', 'actor', 'a')).toBe('action:read')
    expect(toggle('actor:a', 'actor', 'a', true)).toBe('-actor:a')
    expect(toggle('a OR b', 'actor', 'x')).toBe('(a OR b) actor:x')
    expect(has('-actor:a x', '-actor:a')).toBe(true)
  })
  it('counts bytes as the server does', () => {
    expect(byteOf('ü😀a', 3)).toBe(6)
    expect(placeOf('ü😀a', 6)).toBe(3)
  })
})
describe('queries joined', () => {
  it('keeps an OR at the top of one together', () => {
    expect(both('actor:alice OR actor:al', FAILED)).toBe('(actor:alice OR actor:al) outcome:denied,failure,not_found')
    expect(both('actor:alice', 'action:read')).toBe('actor:alice action:read')
    expect(both('', READS)).toBe(READS)
    expect(both('actor:"a OR b"', '')).toBe('actor:"a OR b"')
  })
})
