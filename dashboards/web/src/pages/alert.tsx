// One alert: what happened, why it was told, what is normal, what to do next; on a phone the answer comes first.
import { useEffect, useMemo } from 'preact/hooks'
import type { Alert, AlertPage } from '../api'
import { Actions } from '../components/actions'
import { Light, SeverityBadge, StatusBadge } from '../components/badge'
import { Bars } from '../components/bars'
import { Chart } from '../components/chart'
import { NextSteps } from '../components/command'
import { CoverageLine } from '../components/coverage'
import { chosenColumns, RecordCard, RecordDrawer } from '../components/record'
import { Answer, Empty } from '../components/states'
import type { Column } from '../components/table'
import { Table } from '../components/table'
import { Text } from '../components/text'
import { copy, Value } from '../components/value'
import { countryName } from '../countries'
import { useAsk } from '../hooks'
import { scoped, sees } from '../me'
import { changes } from '../live'
import { count, plural } from '../plain'
import { go, href, param, patch } from '../router'
import { ago, exact, moment, rfc3339, tz, zoneText } from '../time'
import { AlertCard, alertColumns, alertHref } from './alerts'

export function AlertDetail() {
  const id = param('id')
  const asked = useAsk<AlertPage>(id === '' ? null : 'alert', { id, tz: tz.value }, [changes.value])
  if (id === '')
    return (
      <Empty title="Which alert?">
        <a href={href('/alerts')}>The list of alerts</a>
      </Empty>
    )
  return (
    <Answer of={asked} what="Reading the alert">
      {(d) => <Shown of={d} again={asked.again} />}
    </Answer>
  )
}
function Shown({ of: d, again }: { of: AlertPage; again: () => void }) {
  const a = d.alert
  const own = a.detector === 'self' // about keytrail itself: no accesses, nothing weighed
  useEffect(() => {
    document.title = `${a.severity}: ${a.title.slice(0, 60)} – keytrail`
  }, [a.severity, a.title])
  return (
    <article class="stack alert">
      <Head of={a} />
      <CoverageLine of={d} />
      <Actions of={a} onDone={again} />
      <div class="columns">
        <section class="panel">
          <h2>Why it was told</h2>
          <Why of={d} />
        </section>
        {!own && (
          <section class="panel">
            <h2>Who, what, from where</h2>
            <Facts of={a} />
          </section>
        )}
      </div>
      {d.baseline && (
        <section class="panel">
          <Baseline of={d.baseline} />
        </section>
      )}
      {!own && (
        <section class="panel">
          <header>
            <h2>{plural(a.events_count, 'event')}</h2>
            <a href={searchOf(a)}>all of them in Search</a>
          </header>
          <Evidence of={d} />
        </section>
      )}
      <section class="panel">
        <h2>Next</h2>
        <NextSteps of={d.next} />
        <p>
          <button type="button" onClick={() => void copy(d.markdown, 'Copied as Markdown')}>
            Copy for the incident channel
          </button>
        </p>
      </section>
      <div class="columns">
        <section class="panel">
          <h2>What people did</h2>
          <Steps of={d.steps} />
        </section>
        <section class="panel">
          <h2>Who was told</h2>
          <Delivery of={d.delivery} />
        </section>
      </div>
      <section class="panel">
        <h2>{d.related.length === 0 ? 'No related alert' : plural(d.related.length, 'related alert')}</h2>
        {d.related.length > 0 && (
          <Table label="Related alerts" columns={alertColumns} rows={d.related} id={(r) => r.id} card={(r) => <AlertCard of={r} />} onOpen={(r) => go('/alert', { id: r.id, since: null, until: null })} />
        )}
      </section>
    </article>
  )
}
function Head({ of: a }: { of: Alert }) {
  return (
    <header class="alert-head">
      <p>
        <SeverityBadge of={a.severity} /> <StatusBadge of={a.status} /> <span class="quiet">raised {ago(a.raised)}</span>{' '}
        <code class="quiet">{a.id}</code>
      </p>
      <p class="alert-title">
        <Text of={a.title} max={600} />
      </p>
      <p class="quiet">
        {moment(a.first)} to {moment(a.last)} {zoneText.value}
        {a.acknowledged_by !== null && (
          <>
            {' '}
            · acknowledged by <Text of={a.acknowledged_by} max={40} />
            {a.acknowledged_at !== null && ` ${ago(a.acknowledged_at)}`}
          </>
        )}
        {a.assignee !== null && (
          <>
            {' '}
            · assigned to <Text of={a.assignee} max={40} />
          </>
        )}
        {a.closed_by !== null && (
          <>
            {' '}
            · closed by <Text of={a.closed_by} max={40} />
            {a.verdict !== null && `: ${a.verdict}`}
          </>
        )}
      </p>
      {a.test && <p class="note">A test of keytrail itself: nothing of this happened.</p>}
      {a.merged_into !== null && (
        <p class="note">
          Taken over by another alert, which goes on with it: <a href={alertHref(a.merged_into)}>{a.merged_into}</a>
        </p>
      )}
      {(a.suppressed_by ?? a.silenced_by) !== null && (
        <p class="note">
          Nobody is told of it: <Text of={a.suppressed_by ?? a.silenced_by} max={300} />
        </p>
      )}
    </header>
  )
}
/** With as many digits as it has, so that a list adds up to its sum. */
const points = (n: number) => n.toFixed(Math.round(n * 100) % 10 === 0 ? 1 : 2)
/** The contributions against the threshold, largest first, what production secrets make of them, then what was found normal. */
function Why({ of: d }: { of: AlertPage }) {
  const parts = d.why.map((w) => ({ name: w.detector, points: w.points, text: w.text })).sort((x, y) => y.points - x.points)
  if (Math.round(d.production * 100) !== 0)
    parts.push({ name: 'production', points: d.production, text: d.production > 0 ? 'secrets of production are among them' : 'no secret of production is among them' })
  const score = d.alert.score
  if (score === null)
    return (
      <p class="quiet">
        {scoped.value ? 'Why, and what is usual, is told of more records than those of your scope.' : 'Why, and of which secrets and records, is told to auditors, responders and admins.'}
      </p>
    )
  if (d.alert.detector === 'self')
    return (
      <dl class="said-list">
        <Said title="About" of={d.alert.actor} />
        <Said title="Code" of={d.why[0]?.text ?? null} />
        <Said title="What it means, and what to do" of={d.matters} />
      </dl>
    )
  const most = Math.max(d.threshold, ...parts.map((w) => Math.abs(w.points)), score)
  return (
    <>
      <ul class="why">
        {parts.map((w) => (
          <li key={`${w.name}\n${w.text}`}>
            <span class="why-points">{points(w.points)}</span>
            <span class="why-track" aria-hidden="true">
              <i style={{ width: `${(Math.max(0, w.points) / most) * 100}%` }} />
            </span>
            <span class="why-text">
              <b>{w.name}</b> <Text of={w.text} max={400} />
            </span>
          </li>
        ))}
      </ul>
      <p class="quiet">
        {points(score)} points in all, told from {points(d.threshold)} on
      </p>
      <dl class="said-list">
        <Said title="Normal" of={d.normal} />
        <Said title="Why it matters" of={d.matters} />
        <Said title="Looked at, and usual" of={d.considered} />
        <Said title="Would have kept it quiet" of={d.quiet} />
      </dl>
    </>
  )
}
function Said({ title, of }: { title: string; of: string | null }) {
  return of === null ? null : (
    <>
      <dt>{title}</dt>
      <dd>
        <Text of={of} max={600} />
      </dd>
    </>
  )
}
function Facts({ of: a }: { of: Alert }) {
  return (
    <dl class="facts">
      <dt>Actor</dt>
      <dd>
        <Value field="actor" of={a.actor} />
      </dd>
      <dt>Address</dt>
      <dd>
        <Value field="ip" of={a.ip} />
        {a.country !== null && <span class="quiet"> {countryName(a.country)}</span>}
      </dd>
      <dt>Source</dt>
      <dd>
        <Value field="instance" of={a.instance} />
      </dd>
      <dt>{a.secrets_count === 0 ? 'Secrets' : plural(a.secrets_count, 'secret')}</dt>
      <dd>
        {a.secrets.length === 0 && <span class="none">none</span>}
        <ul class="plain">
          {a.secrets.map((s) => (
            <li key={s}>
              <Value field="secret" of={s} />
            </li>
          ))}
          {a.secrets_count > a.secrets.length && a.secrets.length > 0 && (
            <li>
              <a href={searchOf(a)}>and {count(a.secrets_count - a.secrets.length)} more</a>
            </li>
          )}
        </ul>
      </dd>
      {a.actor !== null && sees('/blast') && (
        <>
          <dt>Leaked?</dt>
          <dd>
            <a href={href('/blast', { value: a.actor, since: rfc3339(a.first), until: null })}>blast radius of this actor since then</a>
          </dd>
        </>
      )}
    </dl>
  )
}
const quoted = (s: string) => `"${s.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
/** The time of the evidence, of its actor or address; the second of the last event included. */
function searchOf(a: Alert): string {
  const q = a.actor !== null ? `actor:${quoted(a.actor)}` : a.ip !== null ? `ip:${a.ip}` : a.instance !== null ? `instance:${quoted(a.instance)}` : ''
  return href('/search', { q, since: rfc3339(Math.floor(a.first / 1e9) * 1e9), until: rfc3339((Math.floor(a.last / 1e9) + 1) * 1e9) })
}
type Drawn = NonNullable<AlertPage['baseline']>
function Baseline({ of: b }: { of: Drawn }) {
  return b.axis === 'clock' || b.from === null ? <Hours of={b} /> : <History of={b} from={b.from} />
}
/** Days and hours: the step of the last evidence is told from those before it. */
function History({ of: b, from }: { of: Drawn; from: number }) {
  const lines = useMemo(
    () => [
      { name: 'before', colour: '--accent', values: b.values.map((v, i) => (i === b.at ? null : v)) },
      { name: 'at this alert', colour: '--bad', values: b.values.map((v, i) => (i === b.at ? v : null)) },
    ],
    [b],
  )
  const levels = useMemo(
    () => [
      ...(b.usual === null ? [] : [{ name: b.usual_is ?? 'usual', value: b.usual }]),
      { name: 'the most in this alert', value: b.now, colour: '--bad' },
    ],
    [b],
  )
  return <Chart label={b.label} from={from} step={b.step} lines={lines} levels={levels} />
}
/** The hours of the day, each on how many days. */
function Hours({ of: b }: { of: Drawn }) {
  return (
    <figure class="chart">
      <figcaption>
        <span class="chart-title">{b.label}</span>
        <span class="quiet chart-at">{zoneText.value}</span>
      </figcaption>
      <Bars
        label={b.label}
        of={b.values.map((value, h) => ({
          key: String(h),
          label: (
            <>
              {String(h).padStart(2, '0')}:00 {h === b.at && <b class="far">this alert</b>}
            </>
          ),
          value,
        }))}
      />
    </figure>
  )
}
function Evidence({ of: d }: { of: AlertPage }) {
  const columns = chosenColumns(['time', 'actor', 'action', 'outcome', 'secret', 'ip', 'country'])
  const open = Number(param('record'))
  const shown = d.evidence.find((r) => r.seq === open)
  const missing = d.evidence_missing > 0 && <p class="note warn">{plural(d.evidence_missing, 'record')} that it names {d.evidence_missing === 1 ? 'is' : 'are'} not in the log any more.</p>
  if (d.evidence.length === 0)
    return missing || <p class="quiet">{d.alert.score === null && d.alert.events_count > 0 ? 'Its records are not told to you.' : 'It is about a time without events.'}</p>
  return (
    <>
      {missing}
      {d.evidence.length + d.evidence_missing < d.alert.events_count && <p class="quiet">The first, the last and the most surprising {count(d.evidence.length)}.</p>}
      <Table label="Evidence" columns={columns} rows={d.evidence} id={(r) => r.seq} primary card={(r) => <RecordCard of={r} />} onOpen={(r) => patch({ record: r.seq }, 'replace')} />
      {shown && <RecordDrawer seq={shown.seq} onClose={() => patch({ record: null }, 'replace')} />}
    </>
  )
}
function Steps({ of }: { of: AlertPage['steps'] }) {
  if (of.length === 0) return <p class="quiet">Nobody did anything yet.</p>
  return (
    <ol class="steps">
      {of.map((s) => (
        <li key={`${s.at} ${s.what}`}>
          <time title={exact(s.at)}>{moment(s.at)}</time> <b>{s.what}</b>
          {s.by !== null && (
            <>
              {' '}
              <span class="quiet">by</span> <Text of={s.by} max={60} />
            </>
          )}
          {s.where !== null && (
            <span class="quiet">
              {' '}
              (<Text of={s.where} max={40} />)
            </span>
          )}
          {s.text !== null && (
            <p>
              <Text of={s.text} max={600} />
            </p>
          )}
        </li>
      ))}
    </ol>
  )
}
/** As exporters/alerts/moments.c words them. */
const SENT: Record<string, 'good' | 'warn' | 'bad' | 'idle'> = { sent: 'good', waiting: 'warn', 'dead letter': 'bad', 'held back': 'idle', skipped: 'idle' }
const deliveryColumns: Column<AlertPage['delivery'][number]>[] = [
  { key: 'state', title: 'State', width: 116, narrow: true, cell: (r) => <Light is={SENT[r.state] ?? 'idle'}>{r.state}</Light> },
  { key: 'target', title: 'Target', width: 96, narrow: true, cell: (r) => <Text of={r.target} max={40} /> },
  { key: 'at', title: 'At', width: 142, by: (r) => r.at, cell: (r) => <time title={exact(r.at)}>{moment(r.at, false)}</time> },
  {
    key: 'code',
    title: 'Answer',
    cell: (r) => (
      <>
        {r.tries > 1 && `${plural(r.tries, 'try', 'tries')}: `}
        {r.error !== null ? <Text of={r.error} max={60} /> : r.code > 0 ? r.code : <Text of={r.text} max={80} />}
      </>
    ),
  },
]
function Delivery({ of }: { of: AlertPage['delivery'] }) {
  if (of.length === 0) return <p class="quiet">No target is configured for it, or it is too small to be told.</p>
  return <Table label="Delivery" columns={deliveryColumns} rows={of} id={(r) => `${r.target} ${r.action} ${r.at} ${r.state}`} all={20} />
}
