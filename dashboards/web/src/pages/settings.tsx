// Settings: what is in force, to be read: the configuration, the detectors, the ways out. Nothing is changed here.
import { useMemo, useState } from 'preact/hooks'
import type { Settings } from '../api'
import { Light } from '../components/badge'
import { Command } from '../components/command'
import { Answer, Empty } from '../components/states'
import type { Column } from '../components/table'
import { Table } from '../components/table'
import { Text } from '../components/text'
import { useAsk } from '../hooks'
import { count, plain } from '../plain'
import { ago } from '../time'

export function SettingsPage() {
  const asked = useAsk<Settings>('settings')
  return (
    <Answer of={asked} what="Reading the settings">
      {(d) => <Shown of={d} />}
    </Answer>
  )
}
function Shown({ of: d }: { of: Settings }) {
  const learning = d.detection?.['learning']
  return (
    <div class="stack">
      {d.collector_away !== null && (
        <p class="note warn">
          <Text of={d.collector_away} max={300} />: what follows is what was recorded last.
        </p>
      )}
      <section class="panel">
        <header>
          <h2>Detectors</h2>
          {typeof learning === 'string' && <Text of={learning} max={200} />}
        </header>
        <Detectors of={d.detectors} />
        <Command of="keytrail detect explain NAME" label="What one looks at" />
      </section>
      <div class="columns">
        <Ways title="Alert targets" none="No target: alerts are on this page and the command line alone." of={d.collector?.['targets']} command="keytrail notify test" />
        <Ways title="Streams to other tools" none="No stream." of={d.collector?.['streams']} command="keytrail stream list" />
      </div>
      <Conf of={d} />
    </div>
  )
}
function Detectors({ of }: { of: Settings['detectors'] }) {
  const [open, setOpen] = useState<string | null>(null)
  const columns: Column<Settings['detectors'][number]>[] = [
    { key: 'name', title: 'Detector', width: 170, narrow: true, by: (x) => x.name, cell: (x) => <code>{x.name}</code> },
    { key: 'summary', title: 'What it sees', narrow: true, cell: (x) => x.summary },
    { key: 'set', title: 'Options', width: 130, by: (x) => Number(x.set), cell: (x) => (x.set ? <b>set here</b> : <span class="quiet">as it comes</span>) },
  ]
  const shown = of.find((x) => x.name === open)
  return (
    <>
      <Table label="Detectors" columns={columns} rows={of} id={(x) => x.name} primary onOpen={(x) => setOpen(open === x.name ? null : x.name)} />
      {shown && (
        <div>
          <h3>{shown.name}</h3>
          <pre tabIndex={0} role="region" aria-label={`Options of ${shown.name}`}>{shown.options}</pre>
        </div>
      )}
    </>
  )
}
interface Way {
  name: string
  type: string
  state: string
  waiting: number
  sent: number
  dead: number
  last: number
  error: string
}
/** A stream has no word for how it stands (collector/stream_state.h). */
function streamState(v: Record<string, unknown>): string {
  if (v['off'] === true) return 'off'
  if (typeof v['failing_since'] === 'number' && v['failing_since'] > 0) return 'open'
  return typeof v['last_success'] === 'number' && v['last_success'] > 0 ? 'closed' : ''
}
/** Null: nobody said. */
function waysOf(all: unknown): Way[] | null {
  if (all === null || typeof all !== 'object') return null
  return Object.entries(all as Record<string, Record<string, unknown>>).map(([key, v]) => {
    const n = (k: string) => (typeof v[k] === 'number' ? v[k] : 0)
    const s = (k: string) => (typeof v[k] === 'string' ? v[k] : '')
    return { name: s('name') || key, type: s('type'), state: s('circuit') || streamState(v), waiting: n('waiting'), sent: n('sent') || n('delivered'), dead: n('dead'), last: n('last_success'), error: s('last_error') }
  })
}
const LIGHT: Record<string, 'good' | 'warn' | 'bad'> = { closed: 'good', open: 'bad', disabled: 'bad' }
const WORD: Record<string, string> = { closed: 'fine', open: 'away', disabled: 'gone', off: 'off' }
const ways: Column<Way>[] = [
  { key: 'state', title: 'State', width: 90, narrow: true, cell: (w) => <Light is={LIGHT[w.state] ?? 'idle'}>{WORD[w.state] ?? (w.state || 'not known')}</Light> },
  { key: 'name', title: 'Name', narrow: true, by: (w) => w.name, cell: (w) => <Text of={w.name} max={40} /> },
  { key: 'type', title: 'Type', width: 100, cell: (w) => <Text of={w.type} max={20} /> },
  { key: 'waiting', title: 'Waiting', width: 76, num: true, cell: (w) => count(w.waiting) },
  { key: 'sent', title: 'Sent', width: 70, num: true, cell: (w) => count(w.sent) },
  { key: 'dead', title: 'Dead', width: 60, num: true, cell: (w) => (w.dead > 0 ? <b>{count(w.dead)}</b> : '0') },
  { key: 'last', title: 'Last sent', width: 108, num: true, cell: (w) => (w.last > 0 ? ago(w.last) : 'never') },
]
function Ways({ title, none, of, command }: { title: string; none: string; of: unknown; command: string }) {
  const rows = useMemo(() => waysOf(of), [of])
  return (
    <section class="panel">
      <h2>{title}</h2>
      {rows === null ? <p class="quiet">Not known: the collector does not say now.</p> : rows.length === 0 ? <p class="quiet">{none}</p> : <Table label={title} columns={ways} rows={rows} id={(w) => w.name} />}
      {(rows ?? [])
        .filter((w) => w.error !== '')
        .map((w) => (
          <p key={w.name} class="note bad">
            <Text of={w.name} max={40} />: <Text of={w.error} max={200} />
          </p>
        ))}
      <Command of={command} label="Look closer" />
    </section>
  )
}
function Conf({ of: d }: { of: Settings }) {
  const [all, setAll] = useState(false)
  const [find, setFind] = useState('')
  const text = all ? d.effective : d.written
  const shown = useMemo(() => {
    const lines = (text ?? '').split('\n')
    return find === '' ? lines : lines.filter((l) => l.toLowerCase().includes(find.toLowerCase()))
  }, [text, find])
  return (
    <section class="panel">
      <header>
        <h2>Configuration</h2>
        <div class="tools">
          <input type="search" value={find} onInput={(e) => setFind(e.currentTarget.value)} placeholder="only lines with…" aria-label="Only lines with" />
          <label class="check">
            <input type="checkbox" checked={all} onChange={(e) => setAll(e.currentTarget.checked)} /> with every default
          </label>
        </div>
      </header>
      {text === null || text === '' ? (
        <Empty title="No configuration">This store was imported: no collector has written into it.</Empty>
      ) : (
        <pre class="yaml" tabIndex={0} role="region" aria-label="The configuration">
          {shown.map(plain).join('\n')}
        </pre>
      )}
      <p class="quiet">It names files of secrets, never what is in them. It is changed in its file, and read again on SIGHUP.</p>
    </section>
  )
}
