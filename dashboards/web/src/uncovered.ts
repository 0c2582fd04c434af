// uncovered: what is to be said of an answer's coverage. Not known is not whole.
import type { Windowed } from './api'

/** A share as a number, or null: not known (the server leaves it out, or says null). */
export function known(share: unknown): number | null {
  return typeof share === 'number' && Number.isFinite(share) ? share : null
}
/** Null: all of it is covered. */
export function uncovered(c: Windowed['coverage'] | undefined): string | null {
  const share = known(c?.share)
  const text = c?.text ?? ''
  if (share === null) return text.startsWith('coverage not known') ? text : `coverage not known: ${text === '' ? 'the server does not say it' : text}`
  if (share >= 1 && (c?.gaps ?? 0) === 0) return null
  return text === '' ? 'this window is not wholly covered' : text
}
