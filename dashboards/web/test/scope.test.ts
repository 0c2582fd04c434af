import './browser'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Me } from '../src/api'
import { home, me, scoped, sees } from '../src/me'
import { SCOPED } from '../src/paths'

const who = (scope: string | null) => ({ user: 'a', role: 'admin', scope }) as Me
const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')

describe('who has a scope', () => {
  it('sees the pages that are made of records', () => {
    me.value = who('instance:vault-eu')
    expect([scoped.value, home.value, sees('/search'), sees('/map')]).toEqual([true, '/', true, true])
    for (const p of ['/', '/alerts', '/alert', '/actor', '/source']) expect(sees(p)).toBe(true)
    for (const p of ['/coverage', '/reports', '/integrity', '/settings', '/silences', '/blast']) expect(sees(p)).toBe(false)
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
    const file = (p: string) => (p === '/' ? '/overview' : ['/actor', '/secret', '/ip', '/session'].includes(p) ? '/named' : p)
    const pages = [...[...SCOPED].map((p) => `src/pages${file(p)}.tsx`), 'src/pages/timeline.tsx', 'src/components/record.tsx', 'src/components/queryfield.tsx', 'src/components/facets.tsx']
    const asked = pages.flatMap((p) => [...read(p).matchAll(/(?:useAsk|get|address)(?:<[^>]*>)?\((?:[^'()]*\? )?'([^']+)'/g)].map((m) => m[1]))
    expect(asked).toContain('histogram')
    expect(asked.filter((c) => !answered.includes(c))).toEqual([])
  })
})
