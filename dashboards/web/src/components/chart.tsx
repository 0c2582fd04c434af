// Chart: series over time by uPlot: bars on each other (outcomes) or one line; drag, or the keyboard, chooses a span.
// Each chart is also a table. Colours are variables of the sheet, told apart without seeing red or green; uPlot sets
// its styles by script (the policy allows that).
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import type { Ns, Series } from '../api'
import { OUTCOMES } from '../api'
import { about, count, short } from '../plain'
import { clock, countedZone, day, moment, ms, ns, span, tz, zone } from '../time'
import { shade } from '../theme'
import { OUTCOME_WORD } from './badge'
import { Table } from './table'

export interface Line {
  name: string
  colour: string // a variable of the sheet, "--out-denied"
  values: (number | null)[]
}
export interface ChartProps {
  label: string
  from: Ns
  step: Ns
  lines: readonly Line[]
  kind?: 'bars' | 'line'
  height?: number
  /** Level lines: what is usual, a threshold. */
  levels?: readonly { name: string; value: number; colour?: string }[]
  /** A span was chosen: [from, until). */
  onSpan?: (from: Ns, until: Ns) => void
}

/** A mark below the axis: midnight has the day's name. */
function tick(t: Ns, step: number): string {
  const hour = clock(t, step < 60, tz.value)
  return step >= 86_400 || hour === '00:00' ? day(t, tz.value).slice(5) : hour
}

/** The lines of a series by outcome; outcomes that never happened are left out. */
export function outcomeLines(s: Series): Line[] {
  return OUTCOMES.filter((o) => s[o]?.some((n) => n > 0)).map((o) => ({
    name: OUTCOME_WORD[o],
    colour: `--out-${o}`,
    values: s[o] ?? [],
  }))
}

const colourOf = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim()

function stack(lines: readonly Line[]): (number | null)[][] {
  const sum: number[] = []
  return lines.map((l) => l.values.map((v, i) => (sum[i] = (sum[i] ?? 0) + (v ?? 0))))
}

function options(p: ChartProps, width: number, chosen: (a: number, b: number) => void): uPlot.Options {
  const bars = p.kind !== 'line'
  const ink = colourOf('--quiet')
  const axis = { stroke: ink, grid: { stroke: colourOf('--rule'), width: 1 }, ticks: { show: false }, font: '11px system-ui' }
  const n = p.lines[0]?.values.length ?? 0
  const zoned = (t: number) => new Date((t + tz.value) * 1000)
  const path = uPlot.paths.bars?.({ size: [0.86, 60], align: 1 })
  // the highest sum is drawn first, so that each bar covers the upper part of the one behind it
  const series = p.lines.map((l) => ({
    label: l.name,
    stroke: colourOf(l.colour),
    width: bars ? 0 : 1.5,
    points: { show: false },
    ...(bars ? { fill: colourOf(l.colour), ...(path ? { paths: path } : {}) } : {}),
  }))
  return {
    width,
    height: p.height ?? 140,
    // a time is drawn as if it were UTC after shifting: the zone is the page's choice, not the browser's
    tzDate: (t) => {
      const d = zoned(t)
      return new Date(d.getTime() + d.getTimezoneOffset() * 60_000)
    },
    padding: [8, 8, 0, 0],
    legend: { show: false },
    cursor: {
      points: { show: !bars },
      y: false,
      drag: { x: p.onSpan !== undefined, y: false, setScale: false },
    },
    scales: {
      x: { time: true, range: () => [p.from / 1e9, (p.from + p.step * Math.max(n, 1)) / 1e9] },
      y: { range: (_u, _lo, hi) => [0, Math.max(1, hi, ...(p.levels ?? []).map((l) => l.value)) * 1.06] },
    },
    axes: [
      {
        ...axis,
        size: 20,
        space: 70,
        values: (_u, at, _i, _s, step) => at.map((t) => tick(t * 1e9, step)),
      },
      { ...axis, size: 46, space: 28, values: (_u, at) => at.map((v) => (Number.isInteger(v) || v < 1 ? short(v) : '')) },
    ],
    series: [{}, ...(bars ? series.reverse() : series)],
    hooks: {
      draw: [
        (u) => {
          for (const l of p.levels ?? []) {
            const y = u.valToPos(l.value, 'y', true)
            u.ctx.save()
            u.ctx.strokeStyle = colourOf(l.colour ?? '--ink')
            u.ctx.setLineDash([4, 4])
            u.ctx.beginPath()
            u.ctx.moveTo(u.bbox.left, y)
            u.ctx.lineTo(u.bbox.left + u.bbox.width, y)
            u.ctx.stroke()
            u.ctx.restore()
          }
        },
      ],
      setSelect: [
        (u) => {
          if (u.select.width < 3) return
          const a = u.posToVal(u.select.left, 'x')
          const b = u.posToVal(u.select.left + u.select.width, 'x')
          u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
          chosen(a, b)
        },
      ],
    },
  }
}

export function Chart(p: ChartProps) {
  const place = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  const [table, setTable] = useState(false)
  const [at, setAt] = useState<number | null>(null)
  const [from, setFrom] = useState<number | null>(null) // where a span chosen by keys began
  const n = p.lines[0]?.values.length ?? 0
  const bars = p.kind !== 'line'
  const data = useMemo(() => {
    const x = Array.from({ length: n }, (_, i) => (p.from + i * p.step) / 1e9)
    const y = bars ? stack(p.lines).reverse() : p.lines.map((l) => l.values)
    return [x, ...y] as uPlot.AlignedData
  }, [p.lines, p.from, p.step, bars, n])

  const last = useRef(p)
  last.current = p
  useEffect(() => {
    const el = place.current
    if (table || !el) return
    const choose = (a: number, b: number) => {
      const q = last.current
      const floor = (t: number) => q.from + Math.floor((t * 1e9 - q.from) / q.step) * q.step
      q.onSpan?.(floor(a), floor(b) + q.step)
    }
    const u = new uPlot(options(p, el.clientWidth, choose), data, el)
    plot.current = u
    u.root.ariaHidden = 'true'
    const seen = new ResizeObserver(() => u.setSize({ width: el.clientWidth, height: p.height ?? 140 }))
    seen.observe(el)
    const over = () => setAt(u.cursor.idx ?? null)
    u.over.addEventListener('mousemove', over)
    u.over.addEventListener('mouseleave', () => setAt(null))
    return () => {
      seen.disconnect()
      u.destroy()
      plot.current = null
    }
  }, [table, data, shade.value, zone.value, p.levels, p.height, bars, p.onSpan !== undefined])

  const point = (i: number | null, begin: number | null) => {
    setAt(i)
    setFrom(begin)
    const u = plot.current
    if (!u || i === null) return
    const x = (k: number) => u.valToPos((p.from + k * p.step) / 1e9, 'x')
    u.setCursor({ left: x(i + 0.5), top: 10 })
    const [a, b] = begin === null ? [i, i] : [Math.min(begin, i), Math.max(begin, i)]
    u.setSelect({ left: x(a), top: 0, width: begin === null ? 0 : x(b + 1) - x(a), height: u.over.clientHeight }, false)
  }
  const keys = (e: KeyboardEvent) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[e.key]
    if (by !== undefined && n > 0) {
      const to = Math.max(0, Math.min(n - 1, (at ?? (by > 0 ? -1 : n)) + by))
      point(to, e.shiftKey ? (from ?? at ?? to) : null)
    } else if (e.key === 'Enter' && at !== null && p.onSpan) {
      const begin = from ?? at
      p.onSpan(p.from + Math.min(begin, at) * p.step, p.from + (Math.max(begin, at) + 1) * p.step)
    } else if (e.key === 'Escape' && at !== null) point(null, null)
    else return
    e.preventDefault()
  }
  const total = (i: number) => p.lines.reduce((s, l) => s + (l.values[i] ?? 0), 0)
  const number = (v: number | null | undefined) =>
    v === null || v === undefined ? '–' : Number.isInteger(v) ? count(v) : about(v)
  const steps = Array.from({ length: n }, (_, i) => i)
  const head = at !== null && at < n ? moment(p.from + at * p.step, p.step < 60e9, tz.value) : `a bar is ${span(p.step / 1e9)}`
  return (
    <figure class="chart">
      <figcaption>
        <span class="chart-title">{p.label}</span>
        <span class="legend">
          {p.lines.map((l) => (
            <span key={l.name} class="key">
              <i class="swatch" style={{ background: `var(${l.colour})` }} aria-hidden="true" />
              {l.name}
              {at !== null && at < n && <b> {number(l.values[at])}</b>}
            </span>
          ))}
          {(p.levels ?? []).map((l) => (
            <span key={l.name} class="key quiet">
              <i class="swatch dash" aria-hidden="true" />
              {l.name} {about(l.value)}
            </span>
          ))}
        </span>
        <span class="quiet chart-at" role="status">
          {bars || at !== null ? `${head} · ` : ''}
          {countedZone.value}
        </span>
        <button type="button" class="quiet-button" aria-pressed={table} onClick={() => setTable(!table)}>
          {table ? 'as a chart' : 'as a table'}
        </button>
      </figcaption>
      {table ? (
        <Table
          label={p.label}
          rows={steps}
          id={(i) => i}
          all={12}
          columns={[
            {
              key: 'at',
              title: `From (${countedZone.value})`,
              narrow: true,
              width: 160,
              by: (i) => i,
              cell: (i) => moment(p.from + i * p.step, p.step < 60e9, tz.value),
            },
            ...p.lines.map((l) => ({
              key: l.name,
              title: l.name,
              num: true,
              narrow: true,
              by: (i: number) => l.values[i] ?? 0,
              cell: (i: number) => number(l.values[i]),
            })),
            ...(p.lines.length > 1
              ? [{ key: 'all', title: 'all', num: true, narrow: true, by: total, cell: (i: number) => number(total(i)) }]
              : []),
          ]}
          {...(p.onSpan ? { onOpen: (i: number) => p.onSpan?.(p.from + i * p.step, p.from + (i + 1) * p.step) } : {})}
        />
      ) : (
        <div
          class="plot"
          tabIndex={0}
          role="group"
          aria-label={`${p.label}: arrow keys read it${p.onSpan ? ', with Shift they choose a span, Enter opens it' : ''}; “as a table” has the same numbers`}
          onKeyDown={keys}
          ref={place}
          style={{ minHeight: `${p.height ?? 140}px` }}
        />
      )}
    </figure>
  )
}
/** A series by outcome: what most pages show. */
export function OutcomeChart({
  label,
  of,
  onSpan,
  height,
}: {
  label: string
  of: Series
  onSpan?: (a: Ns, b: Ns) => void
  height?: number
}) {
  const lines = useMemo(() => outcomeLines(of), [of])
  const steps = Math.max(1, ...OUTCOMES.map((o) => of[o]?.length ?? 0))
  const shown = lines.length > 0 ? lines : [{ name: 'ok', colour: '--out-success', values: Array<number>(steps).fill(0) }]
  return (
    <Chart
      label={label}
      from={of.from}
      step={of.step}
      lines={shown}
      {...(onSpan ? { onSpan } : {})}
      {...(height === undefined ? {} : { height })}
    />
  )
}
export const spanWords = (a: Ns, b: Ns): { since: string; until: string } => ({
  since: new Date(ms(a)).toISOString(),
  until: new Date(ms(ns(Math.ceil(b / 1e6)))).toISOString(),
})
