import { describe, expect, it } from 'vitest'
import { known, uncovered } from '../src/uncovered'

describe('coverage', () => {
  it('is said unless it is known to be whole', () => {
    expect(uncovered({ share: 1, gaps: 0, text: 'coverage 100 %' })).toBe(null)
    expect(uncovered({ share: 0.97, gaps: 1, text: 'coverage 97 %: …' })).toBe('coverage 97 %: …')
    expect(uncovered({ share: 1, gaps: 1, text: 'a gap' })).toBe('a gap')
  })
  it('that is not known never looks whole', () => {
    expect(uncovered({ text: 'coverage not known: it took too long' })).toBe('coverage not known: it took too long')
    expect(uncovered({ share: null, gaps: 0, text: 'told to others' })).toBe('coverage not known: told to others')
    for (const c of [null, undefined, { text: null }, { share: NaN, gaps: 0, text: '' }]) expect(uncovered(c)).toMatch(/^coverage not known: /)
    expect(known(undefined)).toBe(null)
    expect(known(0)).toBe(0)
  })
})
