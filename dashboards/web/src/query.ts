// query: terms of the query language as the page writes them (docs/query.md). Judging is the server's; here is only
// enough to add and take away a term of one field.

/** A value as the language wants it: quoted where it is not a plain word, so that nothing in it has a meaning. */
export function quoted(value: string): string {
  return /^[A-Za-z0-9_][A-Za-z0-9_.@/+-]*$/.test(value) && !/^(OR|AND)$/.test(value)
    ? value
    : `"${value.replace(/[\\"]/g, '\\$&')}"`
}
/** Fields whose values are numbers, networks or words are not quoted. */
const BARE = new Set(['asn', 'seq', 'count', 'ip'])
export function term(field: string, value: string): string {
  return `${field}:${BARE.has(field) && /^[0-9A-Fa-f:./]+$/.test(value) ? value : quoted(value)}`
}

/** The top-level terms, as they are written; quotes and parentheses keep together. */
export function terms(q: string): string[] {
  const out: string[] = []
  let depth = 0
  let inside = false
  let word = ''
  for (let i = 0; i < q.length; i++) {
    const c = q.charAt(i)
    if (inside && c === '\\') {
      word += c + q.charAt(++i)
      continue
    }
    if (c === '"') inside = !inside
    else if (!inside && c === '(') depth++
    else if (!inside && c === ')') depth--
    if (/\s/.test(c) && !inside && depth <= 0) {
      if (word !== '') out.push(word)
      word = ''
    } else word += c
  }
  if (word !== '') out.push(word)
  return out
}
export function has(q: string, t: string): boolean {
  return terms(q).includes(t)
}
/** With the term, or without it where it stands already; its opposite goes. An OR at the top keeps together. */
export function toggle(q: string, field: string, value: string, out = false): string {
  const yes = term(field, value)
  const [want, other] = out ? [`-${yes}`, yes] : [yes, `-${yes}`]
  const all = terms(q)
  if (all.includes(want)) return all.filter((t) => t !== want).join(' ')
  const kept = all.filter((t) => t !== other)
  return both(kept.join(' '), want)
}
/** All of `qs`; an OR at the top of one keeps together. */
export function both(...qs: string[]): string {
  return qs
    .filter((q) => q !== '')
    .map((q) => (terms(q).includes('OR') ? `(${q})` : q))
    .join(' ')
}
/** What the counts of an answer count. Of reads: KT_ASK_READS of core/answer/ask.h, as far as they got something. */
export const READS = 'secret:* (action:read,export,issue OR (action:use -secret:aws-kms://**,az-kv://*/keys/** -(source:cloudtrail secret:aws-sm://** -ip:*))) outcome:success,unknown'
export const FAILED = 'outcome:denied,failure,not_found'
/** Bytes of UTF-8 (what the server counts in) to places in a string, and back. */
export function placeOf(s: string, byte: number): number {
  let n = 0
  let at = 0
  for (const c of s) {
    if (n >= byte) break
    n += new TextEncoder().encode(c).length
    at += c.length
  }
  return at
}
export function byteOf(s: string, place: number): number {
  return new TextEncoder().encode(s.slice(0, place)).length
}
