// time: moments and spans in words, in UTC or in the zone of who looks; the window that a page asks about.
// Owns: which zone is shown (kept in this browser). The window lives in the address (router).
import { computed, signal } from '@preact/signals'
import type { Ns } from './api'
import { WINDOW } from './paths'
import { named, patch, path } from './router'

const KEPT = 'keytrail.zone'
export const zone = signal<'utc' | 'local'>(kept())
function kept(): 'utc' | 'local' {
  try {
    return window.localStorage.getItem(KEPT) === 'local' ? 'local' : 'utc'
  } catch {
    return 'utc'
  }
}
export function setZone(z: 'utc' | 'local'): void {
  zone.value = z
  try {
    window.localStorage.setItem(KEPT, z)
  } catch {
    /* a browser that keeps nothing: the choice lasts until the page is closed */
  }
}

/** Seconds east of UTC of what is shown, at a moment (summer time moves it). */
export function offset_s(ms: number): number {
  return zone.value === 'utc' ? 0 : -new Date(ms).getTimezoneOffset() * 60
}
function offsetText(ms: number): string {
  return offsetWords(offset_s(ms))
}
function offsetWords(s: number): string {
  const m = Math.abs(s) / 60
  return `UTC${s < 0 ? '−' : '+'}${two(Math.floor(m / 60))}:${two(m % 60)}`
}
/** "UTC", or "local time, UTC+01:00": stands wherever single times do (each has the offset of its own moment). */
export const zoneText = computed(() => (zone.value === 'utc' ? 'UTC' : `local time, ${offsetText(Date.now())}`))
/** `tz` of a call: the zone of day words, hours and days. One offset: the one of now, also where summer time moves it. */
export const tz = computed(() => offset_s(Date.now()))
/** The zone of what the server counted by hours and days: `tz`, so that a bar has the name of the hours it is of. */
export const countedZone = computed(() => (zone.value === 'utc' ? 'UTC' : `${offsetWords(tz.value)} throughout`))

const two = (n: number) => String(n).padStart(2, '0')
export const ms = (t: Ns): number => Math.floor(t / 1e6)
export const ns = (t: number): Ns => t * 1e6

/** `at`: seconds east of UTC, of a bar (`tz`); else those of the moment itself. */
function shifted(t: Ns, at = offset_s(ms(t))): Date {
  return new Date(ms(t) + at * 1000)
}
export function day(t: Ns, at?: number): string {
  const d = shifted(t, at)
  return `${d.getUTCFullYear()}-${two(d.getUTCMonth() + 1)}-${two(d.getUTCDate())}`
}
export function clock(t: Ns, seconds = true, at?: number): string {
  const d = shifted(t, at)
  return `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}${seconds ? `:${two(d.getUTCSeconds())}` : ''}`
}
export function moment(t: Ns, seconds = true, at?: number): string {
  return `${day(t, at)} ${clock(t, seconds, at)}`
}
/** With its zone: for titles and for what is copied. */
export function exact(t: Ns): string {
  const milli = String(ms(t) % 1000).padStart(3, '0')
  return `${moment(t)}.${milli} ${zone.value === 'utc' ? 'UTC' : offsetText(ms(t))}`
}
/** RFC 3339, UTC: for addresses and commands. */
export function rfc3339(t: Ns): string {
  return new Date(ms(t)).toISOString().replace('.000Z', 'Z')
}

const UNITS: readonly [string, number][] = [
  ['d', 86400],
  ['h', 3600],
  ['min', 60],
  ['s', 1],
]
/** "2 d 4 h", "35 s", "< 1 s": the two largest units. */
export function span(seconds: number): string {
  const s = Math.abs(seconds)
  if (s < 1) return s === 0 ? '0 s' : '< 1 s'
  const at = UNITS.findIndex(([, n]) => s >= n)
  const [unit, size] = UNITS[at] ?? ['s', 1]
  const first = Math.floor(s / size)
  const next = UNITS[at + 1]
  const second = next ? Math.floor((s - first * size) / next[1]) : 0
  return next && second > 0 && first < 10 ? `${first} ${unit} ${second} ${next[0]}` : `${first} ${unit}`
}
/** "4 min ago"; `now` moves by itself, so that open pages do not lie. */
export const now = signal(ns(Date.now()))
window.setInterval(() => {
  now.value = ns(Date.now())
}, 15_000)
export function ago(t: Ns): string {
  const exactly = (now.value - t) / 1e9
  const s = Math.abs(exactly) < 60 ? exactly : Math.round(exactly / 60) * 60
  return s < -5 ? `in ${span(s)}` : s < 5 ? 'just now' : `${span(s)} ago`
}
/** "+0.250s", "+12s", "+3m22s", "+2h04m", "+3d5h": the step between neighbours of a list, narrow. */
export function delta(earlier: Ns, later: Ns): string {
  const s = (later - earlier) / 1e9
  if (s < 0) return `−${delta(later, earlier).slice(1)}`
  if (s < 10) return `+${s.toFixed(s < 1 ? 3 : 1)}s`
  const n = Math.round(s)
  if (n < 60) return `+${n}s`
  if (n < 3600) return `+${Math.floor(n / 60)}m${two(n % 60)}s`
  if (n < 86_400) return `+${Math.floor(n / 3600)}h${two(Math.floor((n % 3600) / 60))}m`
  return `+${Math.floor(n / 86_400)}d${Math.floor((n % 86_400) / 3600)}h`
}

export const RANGES: readonly { since: string; text: string }[] = [
  { since: '15m', text: '15 min' },
  { since: '1h', text: '1 h' },
  { since: '24h', text: '24 h' },
  { since: '7d', text: '7 d' },
  { since: '30d', text: '30 d' },
  { since: '90d', text: '90 d' },
  { since: 'today', text: 'today' },
  { since: 'yesterday', text: 'yesterday' },
]
/** The window that the address asks for, else the page's own; '' at both ends: all that is stored. */
export function askedWindow(): { since: string; until: string; tz: number } {
  const { since, until } = named()
  return { since: since || (WINDOW[path.value] ?? ''), until, tz: tz.value }
}
export function setWindow(since: string, until = ''): void {
  patch({ since, until, cursor: null })
}
/** "last 24 h", or both ends, or "all that is stored". */
export function windowText(w: { since: string; until: string }): string {
  const known = RANGES.find((r) => r.since === w.since)
  const end = (s: string) => {
    const t = Date.parse(s)
    return /^\d{4}-/.test(s) && !Number.isNaN(t) ? moment(ns(t)) : s
  }
  if (w.since === '') return w.until === '' ? 'all that is stored' : `until ${end(w.until)}`
  const length = /^(\d+)([smhdw])$/.exec(w.since)
  if (w.until === '') return length ? `last ${known?.text ?? `${length[1]} ${length[2]}`}` : (known?.text ?? `since ${end(w.since)}`)
  return `${end(w.since)} to ${end(w.until)}`
}
