// Bars: values with their counts, the bar behind the number; and Heat: hour × weekday as a table whose cells are shaded.
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { count, short } from '../plain'
import { countedZone } from '../time'

export interface Bar {
  key: string
  label: ComponentChildren
  value: number
  note?: ComponentChildren
}
export function Bars({ label, of, colour = '--accent' }: { label: string; of: readonly Bar[]; colour?: string }) {
  const most = Math.max(1, ...of.map((b) => b.value))
  return (
    <ul class="bars" aria-label={label}>
      {of.map((b) => (
        <li key={b.key}>
          <span class="bar-label">{b.label}</span>
          <span class="bar-track" aria-hidden="true">
            <i style={{ width: `${(b.value / most) * 100}%`, background: `var(${colour})` }} />
          </span>
          <span class="bar-value">
            {count(b.value)}
            {b.note}
          </span>
        </li>
      ))}
    </ul>
  )
}

const DAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']
const HOURS = Array.from({ length: 24 }, (_, h) => String(h).padStart(2, '0'))
/** 0 for none, then 1 to 5 by the square root: one busy hour does not hide the others. */
export function level(n: number, most: number): number {
  return n <= 0 || most <= 0 ? 0 : Math.max(1, Math.ceil(Math.sqrt(n / most) * 5))
}
export function Heat({ label, of }: { label: string; of: readonly (readonly number[])[] }) {
  const [numbers, setNumbers] = useState(false)
  const most = Math.max(0, ...of.flat())
  return (
    <figure class="chart">
      <figcaption>
        <span class="chart-title">{label}</span>
        <span class="quiet chart-at">
          busiest hour {count(most)} · {countedZone.value}
        </span>
        <button type="button" class="quiet-button" aria-pressed={numbers} onClick={() => setNumbers(!numbers)}>
          {numbers ? 'without numbers' : 'with numbers'}
        </button>
      </figcaption>
      <div class="heat-box" tabIndex={0} role="group" aria-label={label}>
        <table class={`heat${numbers ? ' numbers' : ''}`}>
          <thead>
            <tr>
              <td />
              {HOURS.map((h) => (
                <th key={h} scope="col">
                  {h}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {DAYS.map((d, i) => (
              <tr key={d}>
                <th scope="row">{d}</th>
                {HOURS.map((h, k) => {
                  const n = of[i]?.[k] ?? 0
                  return (
                    <td key={h} class={`heat-${level(n, most)}`} title={`${d} ${h}:00–${h}:59: ${count(n)}`}>
                      <span>{short(n)}</span>
                    </td>
                  )
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </figure>
  )
}
