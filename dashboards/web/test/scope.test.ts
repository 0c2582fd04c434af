import './browser'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Me } from '../src/api'
import { home, me, scoped, sees } from '../src/me'
import { SCOPED } from '../src/paths'

const who = (scope: string | null) => ({ user: 'a', role: 'admin', scope }) as Me
const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')

describe('who has a scope', () => {
  it('sees the pages of records, and begins on the search', () => {
    me.value = who('instance:vault-eu')
    expect([scoped.value, home.value, sees('/search'), sees('/map')]).toEqual([true, '/search', true, true])
    for (const p of ['/', '/alerts', '/alert', '/coverage', '/reports', '/integrity', '/settings', '/actor', '/blast', '/source']) expect(sees(p)).toBe(false)
  })
  it('is told from who has none', () => {
    for (const scope of [null, '']) {
      me.value = who(scope)
      expect([scoped.value, home.value, sees('/alerts')]).toEqual([false, '/', true])
    }
    me.value = false
    expect(scoped.value).toBe(false)
  })
  it('is asked for nothing that the server refuses', () => {
    const list = /KT_API_SCOPED\(X\)([^]*?)\n[^ ]/.exec(read('../api/calls.h'))?.[1] ?? ''
    const answered = [...list.matchAll(/X\((\w+)\)/g)].map((m) => m[1])
    expect(answered).toContain('search')
    const pages = [...[...SCOPED].map((p) => `src/pages${p}.tsx`), 'src/pages/timeline.tsx', 'src/components/record.tsx', 'src/components/queryfield.tsx', 'src/components/facets.tsx']
    const asked = pages.flatMap((p) => [...read(p).matchAll(/(?:useAsk|get|address)(?:<[^>]*>)?\((?:[^'()]*\? )?'([^']+)'/g)].map((m) => m[1]))
    expect(asked).toContain('histogram')
    expect(asked.filter((c) => !answered.includes(c))).toEqual([])
  })
})
