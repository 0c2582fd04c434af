import { describe, expect, it } from 'vitest'
import { before, behind, type Held } from '../src/rows'

const id = (n: number) => n
const list = (question: string, rows: number[], next: string | null): Held<number> => ({ question, rows, next })

describe('a list that is read page after page', () => {
  it('takes the page its cursor brought', () => {
    expect(behind(list('a', [9, 8], 'x'), list('a', [7, 6], 'y'), 'x', id)).toEqual(list('a', [9, 8, 7, 6], 'y'))
  })
  it('drops what an older question brought, and what came twice', () => {
    const held = list('b', [9, 8], 'x')
    expect(behind(held, list('a', [7], null), 'x', id)).toBe(held)
    expect(behind(held, list('b', [7], 'z'), 'w', id)).toBe(held)
    expect(behind(held, list('b', [8, 7], null), 'x', id)).toEqual(list('b', [9, 8, 7], null))
  })
  it('keeps what was read when new rows come', () => {
    const held = list('a', [9, 8, 7, 6, 5, 4], 'deep')
    expect(before(held, list('a', [11, 10, 9, 8], 'shallow'), id)).toEqual(list('a', [11, 10, 9, 8, 7, 6, 5, 4], 'deep'))
  })
  it('begins anew when something may lie between, the question is another, or the page is all', () => {
    const held = list('a', [9, 8, 7], 'deep')
    for (const page of [list('a', [20, 19], 'x'), list('b', [9, 8], 'x'), list('a', [9, 7], null), list('a', [], null)]) expect(before(held, page, id)).toBe(page)
  })
})
