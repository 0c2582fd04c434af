// Facets: the most frequent values of some fields with their counts; a click keeps only that value, with Alt it takes it
// away. On a focused value the keys f and x do the same.
import { ApiError, type Facets } from '../api'
import type { Asked } from '../hooks'
import { count, plain, cut } from '../plain'
import { has, term } from '../query'
import { countryName } from '../countries'
import { Failure } from './states'
import { Text } from './text'
import { filter } from './value'

export const FACETS: readonly { field: string; title: string }[] = [
  { field: 'outcome', title: 'Outcome' },
  { field: 'action', title: 'Action' },
  { field: 'actor', title: 'Actor' },
  { field: 'actor_kind', title: 'Actor is' },
  { field: 'secret', title: 'Secret' },
  { field: 'ip', title: 'Address' },
  { field: 'country', title: 'Country' },
  { field: 'asn', title: 'AS' },
  { field: 'instance', title: 'Source' },
  { field: 'user_agent', title: 'User agent' },
]

export function FacetList({ of, q }: { of: Asked<Facets>; q: string }) {
  if (of.error instanceof ApiError && of.error.status === 400) return null // said at the query
  if (of.error) return <Failure error={of.error} again={of.again} />
  const keys = (e: KeyboardEvent, field: string, value: string) => {
    if (e.key !== 'f' && e.key !== 'x') return
    e.preventDefault()
    filter(field, value, e.key === 'x')
  }
  return (
    <div class={of.loading ? 'dim' : ''} aria-busy={of.loading}>
      {FACETS.map(({ field, title }) => {
        const f = of.data?.facets.find((x) => x.field === field)
        if (!f || f.values.length === 0) return null
        const most = Math.max(...f.values.map((v) => v.count))
        return (
          <section key={field} class="facet">
            <h2>{title}</h2>
            <ul>
              {f.values.map((v) => {
                const on = has(q, term(field, v.value))
                const off = has(q, `-${term(field, v.value)}`)
                return (
                  <li key={v.value}>
                    <button
                      type="button"
                      class={off ? 'off' : ''}
                      aria-pressed={on}
                      title={`${field === 'country' ? countryName(v.value) : plain(cut(v.value, 300))}\nclick: only this; Alt and click: without it`}
                      onClick={(e) => filter(field, v.value, e.altKey)}
                      onKeyDown={(e) => keys(e, field, v.value)}
                    >
                      <i aria-hidden="true" style={{ width: `${(v.count / most) * 100}%` }} />
                      <span class={field === 'secret' ? 'facet-value tail' : 'facet-value'}>
                        <Text of={field === 'country' ? countryName(v.value) : v.value} max={59} tail={field === 'secret'} />
                      </span>
                      <span class="num">{count(v.count)}</span>
                    </button>
                  </li>
                )
              })}
              {f.more > 0 && <li class="quiet facet-more">{count(f.more)} more</li>}
            </ul>
          </section>
        )
      })}
    </div>
  )
}
