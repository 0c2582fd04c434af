// The alerts: by status, newest first, narrowed by a query of their own; live.
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import { address, get, isAbort, type Alert, type Alerts } from '../api'
import { SeverityBadge, StatusBadge } from '../components/badge'
import { Command } from '../components/command'
import { Empty, Failure, Loading } from '../components/states'
import type { Column } from '../components/table'
import { Table } from '../components/table'
import { Text } from '../components/text'
import { useAsk } from '../hooks'
import { changes } from '../live'
import { count, plural } from '../plain'
import { go, href, param, patch } from '../router'
import { behind, type Held } from '../rows'
import { operand } from '../shellword'
import { ago, exact } from '../time'

const PAGE = 100
const LIMIT = 1000 // rows an answer, docs/api.md
const NOTHING: Held<Alert> = { question: '', rows: [], next: null }
const STATUS = ['open', 'acknowledged', 'closed', 'all'] as const
const SORT = { critical: 4, high: 3, medium: 2, low: 1, info: 0 } as const

export const alertHref = (id: string) => href('/alert', { id, since: null, until: null })

/** What of an alert one wants to see of many. */
export const alertColumns: Column<Alert>[] = [
  { key: 'severity', title: 'Severity', width: 104, narrow: true, by: (a) => SORT[a.severity], cell: (a) => <SeverityBadge of={a.severity} /> },
  {
    key: 'title',
    title: 'What',
    narrow: true,
    by: (a) => a.title,
    cell: (a) => (
      <a href={alertHref(a.id)}>
        <Text of={a.title} max={300} />
      </a>
    ),
  },
  { key: 'detector', title: 'Detector', width: 140, by: (a) => a.detector, cell: (a) => a.detector },
  { key: 'status', title: 'Status', width: 176, by: (a) => a.status, cell: (a) => <Standing of={a} /> },
  { key: 'raised', title: 'Raised', width: 112, num: true, by: (a) => a.raised, cell: (a) => <time title={exact(a.raised)}>{ago(a.raised)}</time> },
]
function Standing({ of: a }: { of: Alert }) {
  const who = a.status === 'closed' ? (a.verdict ?? a.closed_by) : (a.assignee ?? a.acknowledged_by)
  return (
    <>
      {a.status === 'open' && who === null ? <span class="quiet">open</span> : <StatusBadge of={a.status} />}
      {who !== null && (
        <>
          {' '}
          <Text of={who} max={20} />
        </>
      )}
    </>
  )
}
export function AlertCard({ of: a }: { of: Alert }) {
  return (
    <>
      <div>
        <SeverityBadge of={a.severity} /> {a.status !== 'open' && <StatusBadge of={a.status} />} <time class="quiet">{ago(a.raised)}</time>
      </div>
      <a class="two-lines" href={alertHref(a.id)}>
        <Text of={a.title} max={200} />
      </a>
    </>
  )
}

export function AlertList() {
  const status = STATUS.find((s) => s === param('status')) ?? 'open'
  const question = { q: param('q'), status, quiet: param('quiet') === 'true' }
  const name = address('alerts', question)
  const [held, setHeld] = useState(NOTHING)
  // when one changes all are read anew, for any of them may be it: as many as are shown, so that none goes from sight
  const limit = useMemo(() => (held.question === name ? Math.min(LIMIT, Math.max(1, Math.ceil(held.rows.length / PAGE)) * PAGE) : PAGE), [changes.value, name])
  const url = address('alerts', { ...question, limit })
  const first = useAsk<Alerts>('alerts', { ...question, limit }, [changes.value])
  const [error, setError] = useState<Error | null>(null)
  const [busy, setBusy] = useState(false)
  const stop = useRef<AbortController | null>(null)
  useLayoutEffect(() => {
    const d = first.data
    setError(null)
    if (d === null) setHeld(NOTHING)
    else if (first.of === url) setHeld({ question: name, rows: d.alerts, next: d.next })
  }, [first.data])
  useEffect(
    () => () => {
      stop.current?.abort()
      setBusy(false)
    },
    [name],
  )
  const rows = held.rows
  const bring = () => {
    const cursor = held.next
    if (cursor === null || busy || first.loading || held.question !== name) return
    const mine = new AbortController()
    stop.current = mine
    setBusy(true)
    setError(null)
    get<Alerts>('alerts', { ...question, limit: PAGE, cursor }, mine.signal).then(
      (a) => {
        setBusy(false)
        setHeld((h) => behind(h, { question: name, rows: a.alerts, next: a.next }, cursor, (x) => x.id))
      },
      (e: unknown) => {
        if (isAbort(e)) return // of a question that is no longer asked
        setBusy(false)
        setError(e as Error)
      },
    )
  }
  return (
    <div class="stack">
      <Narrow counts={first.data?.counts} status={status} />
      {first.data?.learning && (
        <p class="note">
          <Text of={first.data.learning} max={300} />
        </p>
      )}
      {(first.data?.damage ?? 0) > 0 && (
        <p class="note bad" role="alert">
          {plural(first.data?.damage ?? 0, 'place')} of the store could not be read, alerts may be missing here: run <code>keytrail verify</code>.
        </p>
      )}
      {first.error && <Failure error={first.error} again={first.again} />}
      {!first.error && first.data === null && <Loading what="Reading the alerts" />}
      {first.data !== null && !first.error && (
        <div class={first.loading ? 'dim' : ''} aria-busy={first.loading}>
          {rows.length === 0 ? <None status={status} q={question.q} of={first.data} /> : (
            <Table
              label="Alerts"
              columns={alertColumns}
              rows={rows}
              id={(a) => a.id}
              primary
              onOpen={(a) => go('/alert', { id: a.id, since: null, until: null })}
              onEnd={() => error === null && bring()}
              card={(a) => <AlertCard of={a} />}
            />
          )}
          {first.data.quiet > 0 && !question.quiet && (
            <p class="note">
              <a href={href('/alerts', { q: question.q, status: status === 'open' ? null : status, quiet: 'true' })}>
                {count(first.data.quiet)} more {first.data.quiet === 1 ? 'is' : 'are'} kept quiet by announced work
              </a>
            </p>
          )}
          {held.next !== null && !error && (
            <p>
              <button type="button" onClick={bring} disabled={busy}>
                {busy ? 'Reading…' : 'Older ones'}
              </button>
            </p>
          )}
          {error && <Failure error={error} again={bring} />}
        </div>
      )}
      <p class="quiet">
        {plural(rows.length, 'alert')} shown.{' '}
        <a href={href('/silences', { since: null, until: null })}>Silences</a>
      </p>
      <Command of={command(question.q, status, question.quiet)} />
    </div>
  )
}
function command(q: string, status: string, quiet: boolean): string {
  // the least severity brings those that are kept quiet, too (cli/alerts.c)
  return `keytrail alerts list${quiet ? ' --severity info' : ''}${status === 'open' ? '' : ` --status ${status}`}${q === '' ? '' : ` ${operand(q)}`}`
}
function None({ status, q, of }: { status: string; q: string; of: Alerts }) {
  if (q !== '') return <Empty title="No alert fits this query">Fields: severity, detector, actor, secret, ip, country, instance, title.</Empty>
  if (status !== 'open') return <Empty title={status === 'all' ? 'There has been no alert yet' : `No alert is ${status}`} />
  return <Empty title="No alert is open">{of.damage > 0 ? 'As far as the store could be read.' : of.quiet > 0 ? 'But for those that are kept quiet.' : of.learning === null ? 'Nothing waits for you.' : 'Some detectors still learn what is usual here; fixed rules are at work already.'}</Empty>
}
function Narrow({ counts, status }: { counts: Alerts['counts'] | undefined; status: (typeof STATUS)[number] }) {
  const [q, setQ] = useState(param('q'))
  useEffect(() => setQ(param('q')), [param('q')])
  return (
    <div class="tools">
      <div class="segments" role="group" aria-label="Status">
        {STATUS.map((s) => (
          <button key={s} type="button" aria-pressed={s === status} onClick={() => patch({ status: s === 'open' ? null : s })}>
            {s}
            {counts && s !== 'all' && <span class="count">{count(counts[s])}</span>}
          </button>
        ))}
      </div>
      <form
        class="quick"
        role="search"
        aria-label="Alerts of this list"
        onSubmit={(e) => {
          e.preventDefault()
          patch({ q })
        }}
      >
        <input
          type="search"
          value={q}
          onInput={(e) => setQ(e.currentTarget.value)}
          placeholder="severity:high,critical actor:alice"
          aria-label="Only alerts that fit"
          autoComplete="off"
          spellcheck={false}
        />
      </form>
      <label class="check">
        <input type="checkbox" checked={param('quiet') === 'true'} onChange={(e) => patch({ quiet: e.currentTarget.checked ? 'true' : null })} /> with those that announced work keeps quiet
      </label>
    </div>
  )
}
