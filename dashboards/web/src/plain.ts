// plain: text of strangers as text that can be looked at: what would not be seen, or would turn other text round, is
// written out as \x1b or \u{202e}, as the command line does. Marking up is text.tsx's; nothing here knows HTML.

// Controls; soft hyphen; Arabic letter mark; zero width; line and paragraph ends; directions (UAX #9: embeddings, overrides,
// isolates); invisible operators; BOM; fillers that look empty; variation selectors; tags (U+E0000…); lone surrogates.
const UNSEEN =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\u{e0000}-\u{e0fff}]|\p{Surrogate}/gu

export function escape(c: string): string {
  const n = c.codePointAt(0) ?? 0
  return n < 0x100 ? `\\x${n.toString(16).padStart(2, '0')}` : `\\u{${n.toString(16)}}`
}
/** Pieces in turn: as written, written out, as written, … */
export function pieces(s: string): string[] {
  const out: string[] = []
  let at = 0
  for (const m of s.matchAll(UNSEEN)) {
    out.push(s.slice(at, m.index), escape(m[0]))
    at = m.index + m[0].length
  }
  out.push(s.slice(at))
  return out
}
export function plain(s: string): string {
  return s.replace(UNSEEN, escape)
}
/** At most `max` UTF-16 units and the mark of a cut; never half a character. */
export function cut(s: string, max: number): string {
  if (s.length <= max) return s
  const half = /[\ud800-\udbff]$/.test(s.slice(0, max)) ? max - 1 : max
  return `${s.slice(0, half)}…`
}
/** The same from the other end: its last `max` units. */
export function cutFront(s: string, max: number): string {
  if (s.length <= max) return s
  const end = s.slice(-max)
  return `…${/^[\udc00-\udfff]/.test(end) ? end.slice(1) : end}`
}

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const tenth = new Intl.NumberFormat('en', { maximumFractionDigits: 1 })
const UNITS: readonly [number, string][] = [
  [1e9, ' G'],
  [1e6, ' M'],
  [1e4, ' k'],
]
/** 18,402,911 */
export function count(n: number): string {
  return whole.format(n)
}
/** 9.3, 57, 0.4: at most one digit behind the point, and that below 10 only. */
export function about(n: number): string {
  return n !== 0 && Math.abs(n) < 0.1 ? (n < 0 ? '> −0.1' : '< 0.1') : Math.abs(n) < 10 ? tenth.format(n) : whole.format(n)
}
/** 18.4 M: for axes and narrow places; the exact number stands in a title or a table. */
export function short(n: number): string {
  const unit = UNITS.find(([size]) => Math.abs(n) >= size)
  return unit ? `${tenth.format(n / (unit[0] === 1e4 ? 1e3 : unit[0]))}${unit[1]}` : Number.isInteger(n) ? count(n) : about(n)
}
export function bytes(n: number): string {
  const at = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let i = 0
  while (n >= 1024 && i < at.length - 1) {
    n /= 1024
    i++
  }
  return `${i === 0 ? n : tenth.format(n)} ${at[i]}`
}
export function percent(share: number): string {
  // a gap must not round to "100 %", and little is not nothing
  if (share > 0 && share < 0.01) return '< 1 %'
  return `${share >= 1 ? '100' : (Math.floor(share * 1000) / 10).toFixed(share > 0.99 ? 1 : 0)} %`
}
export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`
}
/** The server's words as a sentence of the page: "query: there is no field" to "There is no field." */
export function sentence(s: string): string {
  const t = plain(s).replace(/^query: /, '')
  return `${t.charAt(0).toUpperCase()}${t.slice(1)}${/[.!?…]$/.test(t) ? '' : '.'}`
}
