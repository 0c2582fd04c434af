// Reports: evidence packages: choose one and a period, wait, look at it, take it away, have it checked.
import { useEffect, useState } from 'preact/hooks'
import { address, ApiError, post, type Package, type Reports } from '../api'
import { Light } from '../components/badge'
import { Command } from '../components/command'
import { Answer, Empty } from '../components/states'
import type { Column } from '../components/table'
import { Table } from '../components/table'
import { Text } from '../components/text'
import { useAsk } from '../hooks'
import { bytes, count, plural } from '../plain'
import { say } from '../said'
import { ago, moment, ns } from '../time'

export function ReportList() {
  const asked = useAsk<Reports>('reports')
  const busy = asked.data?.making.running === true || asked.data?.checking.running === true
  useEffect(() => {
    if (!busy) return
    const timer = window.setInterval(asked.again, 2000)
    return () => window.clearInterval(timer)
  }, [busy, asked.again])
  if (asked.error instanceof ApiError && asked.error.status === 404)
    return (
      <Empty title="No packages are kept here">
        <p>{asked.error.message}</p>
        <Command of="keytrail report soc2 --from 2026-10-01 --to 2026-10-31 --out DIR" label="On the command line" />
      </Empty>
    )
  return (
    <Answer of={asked} what="Reading the packages">
      {(d) => <Shown of={d} again={asked.again} />}
    </Answer>
  )
}
function Shown({ of: d, again }: { of: Reports; again: () => void }) {
  return (
    <div class="stack">
      <Make of={d} again={again} />
      <section class="panel">
        <header>
          <h2>{d.packages.length === 0 ? 'No package yet' : plural(d.packages.length + d.more, 'package')}</h2>
        </header>
        {d.packages.length > 0 && <Packages of={d} again={again} />}
      </section>
      <Command of="keytrail report verify DIR --key PUB" label="A stranger checks one with" />
    </div>
  )
}
/** The last whole month, as days. */
function lastMonth(): [string, string] {
  const d = new Date()
  const first = new Date(Date.UTC(d.getUTCFullYear(), d.getUTCMonth() - 1, 1))
  const last = new Date(Date.UTC(d.getUTCFullYear(), d.getUTCMonth(), 0))
  return [first.toISOString().slice(0, 10), last.toISOString().slice(0, 10)]
}
function Make({ of: d, again }: { of: Reports; again: () => void }) {
  const [kind, setKind] = useState(d.kinds[0]?.name ?? '')
  const [[from, to], setDays] = useState(lastMonth)
  const [wrong, setWrong] = useState<string | null>(null)
  const m = d.making
  return (
    <section class="panel">
      <h2>Make one</h2>
      <form
        class="reports-form"
        onSubmit={(e) => {
          e.preventDefault()
          setWrong(null)
          post('reports', { kind, from, to }).then(
            () => {
              say('It is being made: the list shows it when it is whole')
              again()
            },
            (x: Error) => setWrong(x.message),
          )
        }}
      >
        <label class="field">
          <span>Framework</span>
          <select value={kind} onChange={(e) => setKind(e.currentTarget.value)}>
            {d.kinds.map((k) => (
              <option key={k.name} value={k.name}>
                {k.framework}
              </option>
            ))}
          </select>
        </label>
        <label class="field">
          <span>First day</span>
          <input type="date" required value={from} onInput={(e) => setDays([e.currentTarget.value, to])} />
        </label>
        <label class="field">
          <span>Last day</span>
          <input type="date" required value={to} onInput={(e) => setDays([from, e.currentTarget.value])} />
        </label>
        <button type="submit" class="main-button" disabled={m.running}>
          Make it
        </button>
      </form>
      <p class="quiet">{d.kinds.find((k) => k.name === kind)?.about}. UTC days, both included.</p>
      {m.running && (
        <p role="status">
          <span class="spin" aria-hidden="true" /> {m.about} is being made, since {m.began ? ago(m.began) : 'a moment ago'}.
        </p>
      )}
      {!m.running && m.ended !== null && (m.failed || m.said !== null) && (
        <p class={m.failed ? 'note bad' : 'note'}>
          {m.about}
          {m.failed ? ', failed: ' : ': '}
          <Text of={m.said ?? 'it printed nothing'} max={600} />
        </p>
      )}
      {wrong !== null && (
        <p class="note bad" role="alert">
          {wrong}
        </p>
      )}
    </section>
  )
}
/** A key's name proves nothing; the words of the last check do (cli/report_verify.c). */
function Signed({ of: p, checked: c }: { of: Package; checked: Reports['checking'] }) {
  const said = !c.running && c.ended !== null && c.about === p.name ? (c.said ?? '') : ''
  if (/^(TAMPERED|DIVERGED)/m.test(said)) return <Light is="bad">faults found</Light>
  if (p.key === null) return <Light is="warn">none</Light>
  return /^signature +by your key$/m.test(said) ? <Light is="good">by your key</Light> : <Light is="idle">names a key</Light>
}
function Packages({ of: d, again }: { of: Reports; again: () => void }) {
  const check = (p: Package) => {
    post('reports/verify', { name: p.name }).then(again, (e: Error) => say(e.message))
  }
  const day = (s: string) => s.slice(0, 10)
  const last = (s: string) => new Date(Date.parse(s) - 1).toISOString().slice(0, 10)
  const columns: Column<Package>[] = [
    { key: 'kind', title: 'Report', width: 90, narrow: true, by: (p) => p.kind, cell: (p) => p.kind },
    { key: 'period', title: 'Period', width: 196, narrow: true, by: (p) => p.from, cell: (p) => `${day(p.from)} to ${last(p.until)}` },
    { key: 'made', title: 'Made', width: 138, by: (p) => p.made, cell: (p) => moment(ns(Date.parse(p.made)), false) },
    { key: 'by', title: 'By', width: 90, cell: (p) => <Text of={p.operator} max={16} /> },
    { key: 'files', title: 'Files', width: 120, num: true, cell: (p) => `${count(p.files.length)}, ${bytes(p.bytes)}` },
    { key: 'key', title: 'Signature', width: 128, cell: (p) => <Signed of={p} checked={d.checking} /> },
    {
      key: 'do',
      title: '',
      narrow: true,
      cell: (p) => (
        <span class="tools">
          <a href={address('reports/file', { name: p.name, path: 'report.html' })} target="_blank" rel="noopener noreferrer">
            read it
          </a>
          <a href={address('reports/file', { name: p.name })} download={`${p.name}.tar`}>
            download
          </a>
          <button type="button" class="quiet-button" disabled={d.checking.running} onClick={() => check(p)}>
            check
          </button>
        </span>
      ),
    },
  ]
  const c = d.checking
  return (
    <>
      <Table label="Packages" columns={columns} rows={d.packages} id={(p) => p.name} sorted={{ key: 'made', down: true }} primary />
      {c.running && (
        <p role="status">
          <span class="spin" aria-hidden="true" /> {c.about} is being checked.
        </p>
      )}
      {!c.running && c.ended !== null && (
        <div class={c.failed ? 'note bad' : 'note'}>
          <p>
            {c.about}, checked {ago(c.ended)}
            {c.failed ? ', failed:' : ':'}
          </p>
          <pre>
            <Text of={c.said} max={4000} />
          </pre>
        </div>
      )}
    </>
  )
}
