// Badges: severity, outcome, status: a word and a mark of its own shape, so that no colour has to be told apart.
import type { Alert, Outcome, Severity } from '../api'

const MARK: Record<Severity, string> = { critical: '▲▲', high: '▲', medium: '◆', low: '▽', info: '○' }
export function SeverityBadge({ of }: { of: Severity }) {
  return (
    <span class={`badge sev-${of}`}>
      <span aria-hidden="true">{MARK[of] ?? '○'}</span> {of}
    </span>
  )
}
export const OUTCOME_WORD: Record<Outcome, string> = {
  success: 'ok',
  denied: 'denied',
  failure: 'failed',
  not_found: 'not found',
  unknown: 'unknown',
}
export function OutcomeBadge({ of }: { of: Outcome }) {
  return <span class={`out out-${of}`}>{OUTCOME_WORD[of] ?? of}</span>
}
export function StatusBadge({ of }: { of: Alert['status'] }) {
  return <span class={`badge status-${of}`}>{of}</span>
}
/** good, warn, bad, idle: a light with its words. */
export function Light({ is, children }: { is: 'good' | 'warn' | 'bad' | 'idle'; children: preact.ComponentChildren }) {
  const mark = { good: '✓', warn: '!', bad: '✕', idle: '–' }[is]
  return (
    <span class={`light light-${is}`}>
      <span class="mark" aria-hidden="true">
        {mark}
      </span>{' '}
      {children}
    </span>
  )
}
export function New() {
  return <span class="badge new">new</span>
}
