// Figures: what the pages of names and sources share: numbers, the hours of the week, days, and lists of values.
import { useState } from 'preact/hooks'
import type { Entry, Figures, ListName } from '../api'
import { countryName } from '../countries'
import { about, count, plural } from '../plain'
import { both, FAILED, READS } from '../query'
import { go, href } from '../router'
import { ago, exact, moment } from '../time'
import { New, OUTCOME_WORD } from './badge'
import { Heat } from './bars'
import { OutcomeChart, spanWords } from './chart'
import type { Column } from './table'
import { Table } from './table'
import { Value } from './value'

export function Numbers({ of: f }: { of: Figures }) {
  const to = (q: string) => href('/search', { q: both(f.query, q) })
  const n = f.numbers
  const usual = n.usual_per_day
  return (
    <dl class="numbers">
      <Number title="Events" of={count(n.events)} note={usual === null ? 'usual not known' : `usually ${about(usual)} a day`} to={to('')} />
      <Number title="Secrets read" of={count(n.reads)} note="read, issued, exported or used" to={to(READS)} />
      <Number title="Denied, failed, not found" of={count(n.failed)} loud={n.failed > 0} to={to(FAILED)} />
      <Number title={n.dated === false ? 'Seen here first' : 'First seen'} of={n.first === null ? 'never' : ago(n.first)} note={n.first === null ? '' : moment(n.first, false)} />
      <Number title="Last seen" of={n.last === null ? 'never' : ago(n.last)} note={n.last === null ? '' : moment(n.last, false)} />
    </dl>
  )
}
function Number({ title, of, note = '', to, loud = false }: { title: string; of: string; note?: string; to?: string; loud?: boolean }) {
  return (
    <div class="number">
      <dt>{to === undefined ? title : <a href={to}>{title}</a>}</dt>
      <dd class="big">{of}</dd>
      <dd class={loud ? 'far' : 'quiet'}>{note}</dd>
    </div>
  )
}
export function Times({ of: f }: { of: Figures }) {
  return (
    <>
      <section class="panel">
        <OutcomeChart label="Events a day, by outcome" of={f.series} onSpan={(a, b) => go('/search', { q: f.query, ...spanWords(a, b) })} />
      </section>
      {f.heat !== null && (
        <section class="panel">
          <Heat label="When: hour and weekday" of={f.heat} />
        </section>
      )}
    </>
  )
}
const LISTS: readonly { key: ListName; title: readonly [string, string]; field: string }[] = [
  { key: 'actor', title: ['actor', 'actors'], field: 'actor' },
  { key: 'secret', title: ['secret', 'secrets'], field: 'secret' },
  { key: 'address', title: ['address', 'addresses'], field: 'ip' },
  { key: 'network', title: ['network', 'networks'], field: 'ip' },
  { key: 'country', title: ['country', 'countries'], field: 'country' },
  { key: 'asn', title: ['provider', 'providers'], field: 'asn' },
  { key: 'instance', title: ['source', 'sources'], field: 'instance' },
  { key: 'user_agent', title: ['user agent', 'user agents'], field: 'user_agent' },
  { key: 'session', title: ['session', 'sessions'], field: 'session' },
  { key: 'credential', title: ['credential', 'credentials'], field: 'credential' },
]
const SHOWN = 8
/** Lists of values; one that says nothing but the name itself is left out. */
export function Lists({ of: f, self }: { of: Figures; self?: string | undefined }) {
  return (
    <div class="lists">
      {LISTS.map((l) => {
        const rows = f.lists[l.key] ?? []
        if (rows.length === 0 || (rows.length === 1 && rows[0]?.value === self)) return null
        return <List key={l.key} title={l.title} field={l.field} rows={rows} more={f.more[l.key] ?? 0} />
      })}
    </div>
  )
}
const usualADay: Column<Entry> = { key: 'usual', title: 'Usual a day', num: true, width: 92, by: (r) => r.usual_per_day, cell: (r) => (r.usual_per_day === null || r.usual_per_day === undefined ? '–' : r.usual_per_day === 0 ? 'never' : about(r.usual_per_day)) }
function List({ title, field, rows, more }: { title: readonly [string, string]; field: string; rows: Entry[]; more: number }) {
  const [all, setAll] = useState(false)
  const fresh = rows.filter((r) => r.new === true).length
  const columns: Column<Entry>[] = [
    {
      key: 'value',
      title: title[0],
      narrow: true,
      by: (r) => r.value,
      cell: (r) => (
        <>
          <Value field={field} of={field === 'asn' ? r.value.replace(/^AS/, '') : r.value} tail={field === 'secret'} show={nameOf(field, r)} /> {r.new === true && <New />}
        </>
      ),
    },
    { key: 'events', title: 'Events', num: true, width: 76, narrow: true, by: (r) => r.events, cell: (r) => count(r.events) },
    ...(rows.some((r) => (r.usual_per_day ?? null) !== null) ? [usualADay] : []),
    { key: 'failed', title: 'Failed', num: true, width: 68, by: (r) => r.failed, cell: (r) => (r.failed ? <b>{count(r.failed)}</b> : '0') },
    { key: 'last', title: 'Last', num: true, width: 108, by: (r) => r.last, cell: (r) => (r.last ? <span title={exact(r.last)}>{ago(r.last)}</span> : '–') },
  ]
  return (
    <section class="panel">
      <header>
        <h2>{plural(rows.length + more, title[0], title[1])}</h2>
        {fresh > 0 && <span class="far">{count(fresh)} new</span>}
      </header>
      <Table label={title[1]} columns={columns} rows={all ? rows : rows.slice(0, SHOWN)} id={(r) => r.value} sorted={{ key: 'events', down: true }} />
      {rows.length > SHOWN && (
        <button type="button" class="quiet-button" onClick={() => setAll(!all)}>
          {all ? 'fewer' : `all ${count(rows.length)}${more > 0 ? ` of ${count(rows.length + more)}` : ''}`}
        </button>
      )}
    </section>
  )
}
function nameOf(field: string, r: Entry): string {
  if (field === 'country') return countryName(r.value)
  return field === 'asn' && r.more ? `${r.value} ${r.more}` : r.value
}
const usual: Column<Figures['counts'][number]> = { key: 'usual', title: '28 days before', num: true, width: 120, by: (r) => r.usual, cell: (r) => (r.usual === null ? '–' : count(r.usual)) }
export function Counts({ of: f }: { of: Figures }) {
  const rows = f.counts
  const known = f.numbers.usual_per_day !== null && rows.some((r) => r.usual !== null)
  if (rows.length === 0) return null
  return (
    <section class="panel">
      <h2>What was done</h2>
      <Table
        label="Actions and outcomes"
        rows={rows}
        id={(r) => `${r.action} ${r.outcome}`}
        columns={[
          { key: 'action', title: 'Action', narrow: true, by: (r) => r.action, cell: (r) => <a href={href('/search', { q: both(f.query, `action:${r.action} outcome:${r.outcome}`) })}>{r.action}</a> },
          { key: 'outcome', title: 'Outcome', narrow: true, width: 100, by: (r) => r.outcome, cell: (r) => OUTCOME_WORD[r.outcome] },
          { key: 'now', title: 'In this window', narrow: true, num: true, width: 120, by: (r) => r.now, cell: (r) => count(r.now) },
          ...(known ? [usual] : []),
        ]}
      />
    </section>
  )
}
