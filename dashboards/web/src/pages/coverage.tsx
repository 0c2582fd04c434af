// Coverage: what the log can speak about: day by day and source by source, the gaps with their causes, the agents.
import type { CoveragePage } from '../api'
import { Light } from '../components/badge'
import { Calendar } from '../components/calendar'
import { Command } from '../components/command'
import { Gaps } from '../components/gaps'
import { Answer, Empty } from '../components/states'
import type { Column } from '../components/table'
import { Table } from '../components/table'
import { Text } from '../components/text'
import { Value } from '../components/value'
import { useAsk } from '../hooks'
import { bytes, count, plural } from '../plain'
import { ago, askedWindow, exact, now } from '../time'

const AWAY_NS = 900e9

export function Coverage() {
  const asked = useAsk<CoveragePage>('coverage', askedWindow())
  return (
    <Answer of={asked} what="Reading every day">
      {(d) => <Shown of={d} />}
    </Answer>
  )
}
function Shown({ of: d }: { of: CoveragePage }) {
  const open = d.gaps.filter((g) => g.open !== false && !g.filled).length
  if (d.sources.length === 0) return <Empty title="No source yet">Set up an agent: keytrail agent add --help.</Empty>
  return (
    <div class="stack">
      <p class={open > 0 ? 'note bad' : 'note'}>
        <Text of={d.coverage?.text} max={400} />
      </p>
      <section class="panel">
        <header>
          <h2>Day by day</h2>
          <span class="quiet">a day with a figure is covered to so many percent; ✕ nothing came; · nothing was expected</span>
        </header>
        <Calendar first={Date.parse(`${d.first_day}T00:00:00Z`)} rows={d.sources} />
      </section>
      <section class="panel">
        <header>
          <h2>{d.gaps.length === 0 ? 'No gap' : plural(d.gaps.length + d.more_gaps, 'gap')}</h2>
          {open > 0 && <span class="far">{count(open)} not filled</span>}
        </header>
        {d.gaps.length > 0 && <Gaps of={d.gaps} more={d.more_gaps} />}
      </section>
      <section class="panel">
        <h2>Sources</h2>
        <Table label="Sources" columns={sources} rows={d.sources} id={(s) => s.instance} />
      </section>
      <section class="panel">
        <h2>Agents</h2>
        {d.agents.length === 0 ? <p class="quiet">No agent has spoken: what is here was imported.</p> : <Table label="Agents" columns={agents} rows={d.agents} id={(a) => a.name} />}
      </section>
      <Blind of={d} />
      <Command of="keytrail coverage --gaps" />
    </div>
  )
}
/** Reports are looked for in the last 24 hours alone: none there is not "never". */
const reported = (t: number | null) => (t === null ? 'not within 24 h' : <span title={exact(t)}>{ago(t)}</span>)
/** What an agent says of itself; one that does not speak says nothing. */
const told = (report: number | null, n: number | null, as: (n: number) => string) => (report === null || n === null ? '–' : n > 0 ? <b>{as(n)}</b> : '0')
const sources: Column<CoveragePage['sources'][number]>[] = [
  { key: 'instance', title: 'Source', narrow: true, by: (s) => s.instance, cell: (s) => <Value field="instance" of={s.instance} /> },
  { key: 'source', title: 'Kind', width: 110, by: (s) => s.source, cell: (s) => s.source },
  { key: 'agent', title: 'Agent', width: 130, by: (s) => s.agent, cell: (s) => (s.agent === null ? <span class="quiet">imported</span> : <Text of={s.agent} max={24} />) },
  { key: 'last', title: 'Last event', width: 130, num: true, narrow: true, by: (s) => s.last, cell: (s) => (s.last === null ? '–' : <span title={exact(s.last)}>{ago(s.last)}</span>) },
  { key: 'report', title: 'Agent reported', width: 130, num: true, by: (s) => s.last_report, cell: (s) => (s.agent === null ? '–' : reported(s.last_report)) },
  { key: 'lag', title: 'Not read yet', width: 104, num: true, by: (s) => s.lag_bytes, cell: (s) => told(s.agent === null ? null : s.last_report, s.lag_bytes, bytes) },
]
const agents: Column<CoveragePage['agents'][number]>[] = [
  { key: 'state', title: 'State', width: 90, narrow: true, cell: (a) => (a.last_report !== null && now.value - a.last_report < AWAY_NS ? <Light is="good">there</Light> : <Light is="bad">away</Light>) },
  { key: 'name', title: 'Agent', narrow: true, by: (a) => a.name, cell: (a) => <Text of={a.name} max={60} /> },
  { key: 'program', title: 'Program', width: 180, by: (a) => a.program, cell: (a) => <Text of={a.program} max={40} /> },
  { key: 'report', title: 'Reported', width: 120, num: true, by: (a) => a.last_report, cell: (a) => reported(a.last_report) },
  { key: 'spool', title: 'Waits to be sent', width: 130, num: true, by: (a) => a.spool_bytes, cell: (a) => told(a.last_report, a.spool_bytes, bytes) },
  { key: 'lost', title: 'Lost records', width: 100, num: true, by: (a) => a.lost, cell: (a) => told(a.last_report, a.lost, count) },
]
function Blind({ of: d }: { of: CoveragePage }) {
  const rows = d.sources.flatMap((s) => s.blind.map((b) => ({ instance: s.instance, text: b })))
  if (rows.length === 0) return null
  return (
    <section class="panel">
      <h2>What they do not see, as their agents said last</h2>
      <ul class="plain">
        {rows.map((r) => (
          <li key={`${r.instance} ${r.text}`}>
            <Text of={r.instance} max={40} />: <Text of={r.text} max={300} />
          </li>
        ))}
      </ul>
    </section>
  )
}
