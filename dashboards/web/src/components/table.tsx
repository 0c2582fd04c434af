// Table: rows of one height, of which only those in sight are made; sorted by a click on a head; walked with j and k
// (h and l choose a column, Enter opens, f filters its value in, x out).
import type { ComponentChildren } from 'preact'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { useKeys } from '../keys'
import { narrow as phone } from '../theme'
import { filter } from './value'

export interface Column<R> {
  key: string
  title: string
  cell: (row: R) => ComponentChildren
  width?: number // pixels; without one it takes what is left
  num?: boolean // aligned right
  narrow?: boolean // also on a phone
  /** What to sort by; without it the column cannot be sorted. */
  by?: (row: R) => number | string | null | undefined
  /** What f and x filter by. */
  value?: (row: R) => { field: string; value: string } | null
}
export interface TableProps<R> {
  label: string
  columns: readonly Column<R>[]
  rows: readonly R[]
  id: (row: R) => string | number
  onOpen?: (row: R) => void
  /** The row that keys or a click came to. */
  onMove?: (row: R) => void
  /** Near the end of the rows: bring more. */
  onEnd?: () => void
  /** Rows below each other are all made up to this many; above, the table scrolls in itself. */
  all?: number
  rowClass?: (row: R) => string
  /** On a phone: a row as two lines of its own, instead of columns. */
  card?: (row: R) => ComponentChildren
  /** Listens to keys even when the focus is elsewhere: one table a page. */
  primary?: boolean
  sorted?: { key: string; down: boolean }
}

const LINE = 30 // pixels, as --row in style.css
const CARD = 66 // as --card
const GROWS = 150 // the least width of a column that takes what is left
const SPARE = 12

function compare(a: number | string | null | undefined, b: number | string | null | undefined): number {
  if (a === b) return 0
  if (a === null || a === undefined) return -1
  if (b === null || b === undefined) return 1
  return typeof a === 'number' && typeof b === 'number' ? a - b : String(a).localeCompare(String(b))
}

export function Table<R>(p: TableProps<R>) {
  const box = useRef<HTMLDivElement>(null)
  const [sort, setSort] = useState(p.sorted ?? null)
  const [top, setTop] = useState(0)
  const [high, setHigh] = useState(600)
  const [chosen, setChosen] = useState<{ n: number; id: string | number } | null>(null)
  const [col, setCol] = useState(0)
  const [turn, setTurn] = useState(0) // the table that was used last hears first

  const card = phone.value ? p.card : undefined
  const ROW = card ? CARD : LINE
  const rows = useMemo(() => {
    const by = sort && p.columns.find((c) => c.key === sort.key)?.by
    if (!by) return p.rows
    const out = [...p.rows].sort((a, b) => compare(by(a), by(b)))
    return sort.down ? out.reverse() : out
  }, [p.rows, sort, p.columns])

  // the chosen row stays the same row when others come above it
  const at =
    chosen === null
      ? -1
      : rows[chosen.n] !== undefined && p.id(rows[chosen.n] as R) === chosen.id
        ? chosen.n
        : rows.findIndex((r) => p.id(r) === chosen.id)
  const setAt = (n: number) => {
    const r = rows[n]
    setChosen(r === undefined ? null : { n, id: p.id(r) })
  }

  const virtual = rows.length > (p.all ?? 60)
  const first = virtual ? Math.max(0, Math.floor(top / ROW) - SPARE) : 0
  const last = virtual ? Math.min(rows.length, Math.ceil((top + high) / ROW) + SPARE) : rows.length

  useEffect(() => {
    const b = box.current
    if (!b || !virtual) return
    const seen = new ResizeObserver(() => setHigh(b.clientHeight))
    seen.observe(b)
    return () => seen.disconnect()
  }, [virtual])
  useEffect(() => {
    if (virtual && last >= rows.length - SPARE) p.onEnd?.()
  }, [last, rows.length, virtual, p.onEnd])

  const move = (to: number) => {
    const n = Math.max(0, Math.min(rows.length - 1, to))
    setAt(n)
    if (rows[n]) p.onMove?.(rows[n])
    const b = box.current
    if (!b) return
    if (virtual) {
      const head = card ? 0 : LINE
      if (n * ROW < b.scrollTop) b.scrollTop = n * ROW
      else if ((n + 1) * ROW + head > b.scrollTop + b.clientHeight) b.scrollTop = (n + 1) * ROW + head - b.clientHeight
    }
    requestAnimationFrame(() => {
      const row = b.querySelector<HTMLElement>(`tr[aria-rowindex="${n + 2}"]`)
      row?.focus({ preventScroll: virtual })
      if (!virtual) row?.scrollIntoView({ block: 'nearest' })
    })
  }
  const narrow = (out: boolean) => {
    const v = rows[at] && p.columns[col]?.value?.(rows[at])
    if (v) filter(v.field, v.value, out)
  }
  const open = () => {
    if (rows[at]) p.onOpen?.(rows[at])
  }
  const sides = p.columns.some((c) => c.value)
  const keys = [
    { key: 'j', text: 'next row', run: () => move(at + 1) },
    { key: 'k', text: 'previous row', run: () => move(at - 1) },
    ...(sides
      ? [
          { key: 'h', text: 'column to the left', run: () => setCol(Math.max(0, col - 1)) },
          { key: 'l', text: 'column to the right', run: () => setCol(Math.min(p.columns.length - 1, col + 1)) },
          { key: 'f', text: 'only rows with this value', run: () => narrow(false) },
          { key: 'x', text: 'without rows with this value', run: () => narrow(true) },
        ]
      : []),
  ]
  useKeys(p.primary || turn > 0 ? keys : [], turn)

  const inside = (e: KeyboardEvent) => {
    if (e.target instanceof Element && e.target.closest('a,button,input')) return
    const page = Math.max(1, Math.floor(high / ROW) - 2)
    const to: Record<string, number> = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      PageDown: at + page,
      PageUp: at - page,
      Home: 0,
      End: rows.length - 1,
    }
    const n = to[e.key]
    if (n !== undefined) move(n)
    else if (e.key === 'ArrowLeft' && sides) setCol(Math.max(0, col - 1))
    else if (e.key === 'ArrowRight' && sides) setCol(Math.min(p.columns.length - 1, col + 1))
    else if (e.key === 'Enter' && p.onOpen) open()
    else return
    e.preventDefault()
  }
  const sortBy = (c: Column<R>) => {
    setSort((s) =>
      s?.key !== c.key
        ? { key: c.key, down: c.num === true }
        : s.down === (c.num === true)
          ? { key: c.key, down: !s.down }
          : null,
    )
    setAt(-1)
  }
  const blank = (n: number) => n > 0 && <tr aria-hidden="true" class="blank" style={{ height: `${n * ROW}px` }} />
  const least = (of: readonly Column<R>[]) => `${of.reduce((s, c) => s + (c.width ?? GROWS), 0)}px`
  return (
    <div
      ref={box}
      class={`table${virtual ? ' virtual' : ''}${card ? ' cards' : ''}`}
      tabIndex={0}
      role="group"
      aria-label={p.label}
      onScroll={(e) => virtual && setTop(e.currentTarget.scrollTop)}
      onKeyDown={inside}
      onFocusIn={() => turn === 0 && setTurn(Date.now())}
    >
      <table
        aria-rowcount={rows.length + 1}
        style={card ? {} : { '--least': least(p.columns), '--least-narrow': least(p.columns.filter((c) => c.narrow)) }}
      >
        <caption class="hidden">{p.label}</caption>
        <colgroup>
          {!card &&
            p.columns.map((c) => (
              <col
                key={c.key}
                class={c.narrow ? '' : 'wide-only'}
                style={c.width === undefined ? {} : { width: `${c.width}px` }}
              />
            ))}
        </colgroup>
        <thead class={card ? 'hidden' : ''}>
          <tr aria-rowindex={1}>
            {card ? (
              <th scope="col">{p.label}</th>
            ) : (
              p.columns.map((c) => (
                <th
                  key={c.key}
                  scope="col"
                  class={`${c.num ? 'num' : ''}${c.narrow ? '' : ' wide-only'}`}
                  aria-sort={sort?.key === c.key ? (sort.down ? 'descending' : 'ascending') : undefined}
                >
                  {c.by ? (
                    <button type="button" class="sort" onClick={() => sortBy(c)}>
                      {c.title}
                      <span aria-hidden="true">{sort?.key === c.key ? (sort.down ? ' ↓' : ' ↑') : ''}</span>
                    </button>
                  ) : (
                    c.title
                  )}
                </th>
              ))
            )}
          </tr>
        </thead>
        <tbody>
          {blank(first)}
          {rows.slice(first, last).map((r, i) => {
            const n = first + i
            return (
              <tr
                key={p.id(r)}
                aria-rowindex={n + 2}
                tabIndex={-1}
                class={`${p.rowClass?.(r) ?? ''}${n === at ? ' at' : ''}${p.onOpen ? ' opens' : ''}`}
                onClick={(e) => {
                  setAt(n)
                  if (p.onOpen && !(e.target as Element).closest('a,button') && !window.getSelection()?.toString()) p.onOpen(r)
                }}
              >
                {card ? (
                  <td class="card">{card(r)}</td>
                ) : (
                  p.columns.map((c, k) => (
                    <td
                      key={c.key}
                      class={`${c.num ? 'num' : ''}${c.narrow ? '' : ' wide-only'}${sides && n === at && k === col ? ' cell-at' : ''}`}
                    >
                      {c.cell(r)}
                    </td>
                  ))
                )}
              </tr>
            )
          })}
          {blank(rows.length - last)}
        </tbody>
      </table>
    </div>
  )
}
