// Overview: is anything wrong, is anything missing, what is new. Numbers with what is usual; everything leads on.
import { useEffect, useMemo } from 'preact/hooks'
import type { Alert, Entry, Figure, Overview, SourceState } from '../api'
import { Light, SeverityBadge } from '../components/badge'
import { OutcomeChart, spanWords } from '../components/chart'
import { CoverageLine } from '../components/coverage'
import { Answer, Empty } from '../components/states'
import type { Column } from '../components/table'
import { Table } from '../components/table'
import { Text } from '../components/text'
import { Value } from '../components/value'
import { countryName } from '../countries'
import { useAsk } from '../hooks'
import { scoped, sees } from '../me'
import { changes } from '../live'
import { WorldMapView } from '../map'
import { about, count, percent, plural } from '../plain'
import { FAILED, READS } from '../query'
import { go, href } from '../router'
import { ago, askedWindow, exact, now, span } from '../time'
import { known } from '../uncovered'

const NUMBERS: readonly { key: keyof Overview['numbers']; title: string; q: string }[] = [
  { key: 'events', title: 'Events', q: '' },
  { key: 'reads', title: 'Secrets read', q: READS },
  { key: 'failed', title: 'Denied, failed, not found', q: FAILED },
  { key: 'actors', title: 'Actors', q: '' },
  { key: 'secrets', title: 'Secrets', q: 'secret:*' },
  { key: 'addresses', title: 'Addresses', q: 'ip:*' },
]
const NEW: readonly { key: keyof Overview['new']; title: readonly [string, string]; field: string }[] = [
  { key: 'actors', title: ['actor', 'actors'], field: 'actor' },
  { key: 'addresses', title: ['address', 'addresses'], field: 'ip' },
  { key: 'countries', title: ['country', 'countries'], field: 'country' },
  { key: 'secrets', title: ['secret', 'secrets'], field: 'secret' },
]
const EVERY_MS = 30_000

export function OverviewPage() {
  const asked = useAsk<Overview>('overview', askedWindow(), [changes.value])
  useEffect(() => {
    const timer = window.setInterval(() => document.hidden || asked.again(), EVERY_MS)
    return () => window.clearInterval(timer)
  }, [asked.again])
  return (
    <Answer of={asked} what="Counting" calm>
      {(o) => <Shown of={o} />}
    </Answer>
  )
}
/** What no agent reads was imported: its silence means nothing. */
const isWatched = (s: SourceState) => s.agent !== null

function Shown({ of: o }: { of: Overview }) {
  const silent = o.sources.filter((s) => s.silent)
  const watched = o.sources.filter(isWatched).length
  const open = Object.values(o.alerts.open).reduce((s, n) => s + n, 0)
  return (
    <div class="stack">
      {o.integrity.state === 'refused' && (
        <p class="note bad" role="alert">
          <b>Integrity failed.</b> <Text of={o.integrity.text} max={300} /> <a href={href('/integrity')}>Integrity</a>
        </p>
      )}
      <CoverageLine of={o} loud />
      {o.learning !== null && (
        <p class="note">
          <Text of={o.learning} max={300} />
        </p>
      )}
      <dl class="numbers">
        {NUMBERS.map((n) => (
          <Figures key={n.key} title={n.title} of={o.numbers[n.key]} to={href('/search', { q: n.q })} />
        ))}
      </dl>
      <ul class="lights" aria-label="State of the log">
        <li>
          <Integrity of={o.integrity} />
        </li>
        <li>
          <Covered of={o} />
        </li>
        <li>
          <Light is={silent.length > 0 ? 'bad' : watched > 0 ? 'good' : 'idle'}>
            {silent.length > 0
              ? `${plural(silent.length, 'source')} of ${o.sources.length} silent`
              : watched > 0
                ? `${plural(watched, 'source')}, none silent`
                : scoped.value
                  ? 'silence is told to users without a scope'
                  : 'no source is watched for silence'}
          </Light>
        </li>
      </ul>
      <div class="columns first-wide">
        <section class="panel">
          <header>
            <h2>{plural(open, 'open alert')}</h2>
            <a href={href('/alerts')}>all alerts</a>
          </header>
          <Open of={o.alerts.rows} />
          {o.alerts.acknowledged > 0 && <p class="quiet">{count(o.alerts.acknowledged)} more acknowledged, not closed</p>}
        </section>
        <section class="panel">
          <header>
            <h2>{silent.length > 0 ? plural(silent.length, 'silent source') : watched > 0 ? 'No source is silent' : 'Sources'}</h2>
            {sees('/coverage') && <a href={href('/coverage')}>coverage</a>}
          </header>
          <Sources of={o.sources} />
        </section>
      </div>
      <section class="panel">
        <OutcomeChart label="Events by outcome" of={o.series} onSpan={(a, b) => go('/search', spanWords(a, b))} />
      </section>
      <section class="panel">
        <header>
          <h2>New in this window</h2>
          <span class="quiet">never seen before in what is stored</span>
        </header>
        <div class="fresh">
          {NEW.map((n) => (
            <Fresh key={n.key} title={n.title} field={n.field} total={o.new[n.key].total} of={o.new[n.key].values} />
          ))}
        </div>
      </section>
      <section class="panel">
        <header>
          <h2>Where from</h2>
          <a href={href('/map')}>map</a>
        </header>
        <WorldMapView countries={o.countries} unlocated={o.unlocated} />
      </section>
      <p class="quiet">Counted {ago(o.asked)}; counted anew every half minute while this page is open.</p>
    </div>
  )
}
function Figures({ title, of, to }: { title: string; of: Figure; to: string }) {
  const ratio = of.usual !== null && of.usual > 0 ? of.now / of.usual : null
  const far = ratio !== null && (ratio >= 2 || ratio <= 0.5)
  return (
    <div class="number">
      <dt>
        <a href={to}>{title}</a>
      </dt>
      <dd class="big">{count(of.now)}</dd>
      <dd class={far ? 'far' : 'quiet'}>{of.usual === null ? 'usual not known yet' : `usually ${about(of.usual)}`}</dd>
    </div>
  )
}
const alertColumns: Column<Alert>[] = [
  { key: 'severity', title: 'Severity', width: 104, narrow: true, cell: (a) => <SeverityBadge of={a.severity} /> },
  {
    key: 'title',
    title: 'What',
    narrow: true,
    cell: (a) => (
      <a href={href('/alert', { id: a.id, since: null, until: null })}>
        <Text of={a.title} max={200} />
      </a>
    ),
  },
  { key: 'raised', title: 'Raised', width: 130, num: true, cell: (a) => <span title={exact(a.raised)}>{ago(a.raised)}</span> },
]
function AlertCard({ of: a }: { of: Alert }) {
  return (
    <>
      <div>
        <SeverityBadge of={a.severity} /> <time class="quiet">{ago(a.raised)}</time>
      </div>
      <a class="two-lines" href={href('/alert', { id: a.id, since: null, until: null })}>
        <Text of={a.title} max={200} />
      </a>
    </>
  )
}
function Open({ of }: { of: Alert[] }) {
  return of.length === 0 ? (
    <Empty title="No alert is open" />
  ) : (
    <Table
      label="Open alerts"
      columns={alertColumns}
      rows={of}
      id={(a) => a.id}
      primary
      card={(a) => <AlertCard of={a} />}
      onOpen={(a) => go('/alert', { id: a.id, since: null, until: null })}
    />
  )
}
function Sources({ of }: { of: SourceState[] }) {
  const rows = useMemo(() => [...of].sort((a, b) => Number(b.silent) - Number(a.silent)), [of])
  const columns: Column<SourceState>[] = [
    { key: 'instance', title: 'Source', narrow: true, cell: (s) => <Value field="instance" of={s.instance} /> },
    {
      key: 'state',
      title: 'State',
      width: 110,
      narrow: true,
      cell: (s) => <Light is={s.silent ? 'bad' : isWatched(s) ? 'good' : 'idle'}>{s.silent ? 'silent' : isWatched(s) ? 'speaks' : scoped.value ? 'not told' : 'imported'}</Light>,
    },
    {
      key: 'last',
      title: 'Last event',
      num: true,
      width: 130,
      by: (s) => s.last_event,
      cell: (s) =>
        s.last_event === null ? 'never' : <span title={exact(s.last_event)}>{span((now.value - s.last_event) / 1e9)} ago</span>,
    },
  ]
  if (of.length === 0) return <Empty title="No source yet">Set up an agent: keytrail agent add --help.</Empty>
  return (
    <>
      <Table label="Sources" columns={columns} rows={rows} id={(s) => `${s.agent ?? ''}\n${s.instance}`} all={8} />
      {rows
        .filter((s) => s.why !== null && s.silent)
        .map((s) => (
          <p key={s.instance} class="note bad">
            <Text of={s.instance} max={40} />: <Text of={s.why} max={200} />
          </p>
        ))}
    </>
  )
}
const STATE = { cosigned: 'good', signed: 'good', unanchored: 'warn', refused: 'bad', unknown: 'idle' } as const
function Integrity({ of }: { of: Overview['integrity'] }) {
  return (
    <Light is={STATE[of.state]}>
      <span>
        {sees('/integrity') ? <a href={href('/integrity')}>Integrity</a> : 'Integrity'} {of.state}: <Text of={of.text} max={160} />
      </span>
    </Light>
  )
}
function Covered({ of }: { of: Overview }) {
  const share = known(of.coverage?.share)
  const gaps = of.coverage?.gaps ?? 0
  return (
    <Light is={share === null ? 'warn' : share >= 1 && gaps === 0 ? 'good' : 'bad'}>
      <span>
        {sees('/coverage') ? <a href={href('/coverage')}>Coverage</a> : 'Coverage'} {share === null ? 'not known' : percent(share)}
        {gaps > 0 && `, ${plural(gaps, 'gap')}`}
      </span>
    </Light>
  )
}
function Fresh({ title, field, total, of }: { title: readonly [string, string]; field: string; total: number; of: Entry[] }) {
  return (
    <div>
      <h3>{plural(total, title[0], title[1])}</h3>
      <ul class="plain">
        {of.slice(0, 8).map((e) => (
          <li key={e.value}>
            <Value field={field} of={e.value} tail={field === 'secret'} {...(field === 'country' ? { show: countryName(e.value) } : {})} />
            <span class="quiet">{count(e.events)}</span>
          </li>
        ))}
        {total > Math.min(8, of.length) && <li class="quiet">and {count(total - Math.min(8, of.length))} more</li>}
      </ul>
    </div>
  )
}
