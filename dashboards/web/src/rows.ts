// rows: pages of a list that is read by a cursor, newest first, as one list: each row once, whatever came meanwhile.

/** What is held of a list: of which question, its rows, and the cursor behind the last (null: that is all). */
export interface Held<T> {
  question: string
  rows: readonly T[]
  next: string | null
}
type Key<T> = (row: T) => number | string

/** The newest page, asked again: before the rows that are held where both meet, else in their place (what lies between
 * them is not known, and a list has no holes). Another question begins anew. */
export function before<T>(held: Held<T>, page: Held<T>, key: Key<T>): Held<T> {
  const fresh = new Set(page.rows.map(key))
  if (held.question !== page.question || page.next === null || !held.rows.some((r) => fresh.has(key(r)))) return page
  return { ...page, rows: [...page.rows, ...held.rows.filter((r) => !fresh.has(key(r)))], next: held.next }
}
/** The page that `cursor` brought, behind the rows; one of an older question, or of another place, is dropped. */
export function behind<T>(held: Held<T>, page: Held<T>, cursor: string, key: Key<T>): Held<T> {
  if (held.question !== page.question || held.next !== cursor) return held
  const there = new Set(held.rows.map(key))
  return { ...held, rows: [...held.rows, ...page.rows.filter((r) => !there.has(key(r)))], next: page.next }
}
