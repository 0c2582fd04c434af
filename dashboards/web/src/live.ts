// live: what the server says by itself (Server-Sent Events): counters each 2 s, alerts when they change.
// The browser reconnects and names the last event it has; `again` means that some are lost: ask anew.
import { signal } from '@preact/signals'
import type { Alert, Counters } from './api'
import { address, get } from './api'

export type LiveState = 'off' | 'connecting' | 'live' | 'lost'
export const liveState = signal<LiveState>('off')
export const counters = signal<Counters | null>(null)
/** Counts the times that what is shown may be old: pages that show alerts depend on it. */
export const changes = signal(0)
/** The newest alert that came while the page was open. */
export const newest = signal<Alert | null>(null)

const RETRY_MS = 10_000
let source: EventSource | null = null
let retry = 0

export function listen(): void {
  if (source !== null) return
  window.clearTimeout(retry)
  liveState.value = 'connecting'
  const s = new EventSource(address('live'))
  source = s
  s.onopen = () => {
    liveState.value = 'live'
  }
  s.onerror = () => {
    liveState.value = 'lost'
    if (s.readyState !== EventSource.CLOSED) return
    source = null // refused, not cut off: the browser does not try again by itself
    get('me').catch(() => {}) // who is no longer logged in is shown so
    retry = window.setTimeout(listen, RETRY_MS)
  }
  s.addEventListener('counters', (e) => {
    counters.value = JSON.parse((e as MessageEvent<string>).data) as Counters
    liveState.value = 'live'
  })
  s.addEventListener('alert', (e) => {
    newest.value = JSON.parse((e as MessageEvent<string>).data) as Alert
    changes.value++
  })
  s.addEventListener('again', () => {
    changes.value++
  })
}
export function stopListening(): void {
  window.clearTimeout(retry)
  source?.close()
  source = null
  liveState.value = 'off'
}
