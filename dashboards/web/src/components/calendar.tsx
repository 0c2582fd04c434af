// Calendar: how much of each day is covered, a row a source. A day that is not whole has its figure in the cell, so that
// no colour has to be told apart.
import type { CoverageDay } from '../api'
import { count, percent } from '../plain'
import { known } from '../uncovered'
import { Value } from './value'

const DAY_MS = 86_400_000
export interface CalendarRow {
  instance: string
  share: number | null
  days: readonly CoverageDay[]
}
function look(d: CoverageDay): { is: string; text: string; said: string } {
  const events = `${count(d.events)} events${d.quarantined > 0 ? `, ${count(d.quarantined)} quarantined` : ''}`
  if (known(d.share) === null || d.share === null) return { is: 'unexpected', text: d.events > 0 ? '' : '·', said: `nothing was expected; ${events}` }
  if (d.share >= 100) return { is: 'full', text: '', said: `whole; ${events}` }
  return { is: d.share === 0 ? 'none' : 'part', text: d.share === 0 ? '✕' : String(d.share), said: `${d.share} % covered; ${events}` }
}
/** first: the first day, ms since the epoch; days are UTC days. */
export function Calendar({ first, rows }: { first: number; rows: readonly CalendarRow[] }) {
  const n = Math.max(0, ...rows.map((r) => r.days.length))
  const days = Array.from({ length: n }, (_, i) => new Date(first + i * DAY_MS))
  const iso = (d: Date) => d.toISOString().slice(0, 10)
  return (
    <div class="calendar-box" tabIndex={0} role="group" aria-label="Coverage a day and source; UTC days">
      <table class="calendar">
        <thead>
          <tr>
            <th scope="col">UTC days</th>
            {days.map((d, i) => (
              <th key={iso(d)} scope="col" title={iso(d)}>
                {d.getUTCDate() === 1 || i === 0 ? `${d.getUTCMonth() + 1}/${d.getUTCDate()}` : d.getUTCDate()}
              </th>
            ))}
            <th scope="col">covered</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((r) => (
            <tr key={r.instance}>
              <th scope="row">
                <Value field="instance" of={r.instance} max={28} menu={false} />
              </th>
              {days.map((d, i) => {
                const day = r.days[i]
                if (!day) return <td key={iso(d)} />
                const l = look(day)
                return (
                  <td key={iso(d)} class={`day-${l.is}`} title={`${iso(d)}: ${l.said}`}>
                    <span aria-hidden="true">{l.text}</span>
                    <span class="hidden">{l.said}</span>
                  </td>
                )
              })}
              <td class="num">{known(r.share) === null ? 'not known' : percent(r.share ?? 0)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
