// A record: its columns, what f and x filter by, and the drawer with everything that is kept of it.
import { useEffect, useState } from 'preact/hooks'
import type { Raw, Rec } from '../api'
import { useAsk } from '../hooks'
import { useKeys } from '../keys'
import { countryName } from '../countries'
import { count } from '../plain'
import { exact, moment, zoneText } from '../time'
import { OutcomeBadge } from './badge'
import { Command } from './command'
import { Answer } from './states'
import type { Column } from './table'
import { Text } from './text'
import { copy, Value } from './value'

/** Fields of a record that the query language knows by the same name. */
const FIELDS: readonly { key: keyof Rec; title: string; width?: number; narrow?: boolean; num?: boolean; field?: string }[] = [
  { key: 'actor', title: 'Actor', narrow: true },
  { key: 'actor_written', title: 'Actor as written', field: 'actor_native' },
  { key: 'actor_kind', title: 'Actor is', width: 90 },
  { key: 'action', title: 'Action', width: 78 },
  { key: 'operation', title: 'Operation', width: 150 },
  { key: 'secret', title: 'Secret', narrow: true },
  { key: 'version', title: 'Version', width: 76 },
  { key: 'ip', title: 'Address', width: 132 },
  { key: 'country', title: 'Country', width: 76 },
  { key: 'asn', title: 'AS', width: 76 },
  { key: 'org', title: 'Network of', width: 170 },
  { key: 'source', title: 'Kind of source', width: 110 },
  { key: 'instance', title: 'Source', width: 104 },
  { key: 'agent', title: 'Agent', width: 100 },
  { key: 'user_agent', title: 'User agent', width: 180 },
  { key: 'session', title: 'Session', width: 130 },
  { key: 'credential', title: 'Credential', width: 130 },
  { key: 'code', title: 'Code', width: 80 },
  { key: 'message', title: 'Message' },
]
export const DEFAULT_COLUMNS = ['time', 'actor', 'action', 'outcome', 'secret', 'ip', 'country', 'instance']

const fieldColumns: Column<Rec>[] = FIELDS.map((f) => ({
  key: f.key,
  title: f.title,
  ...(f.width === undefined ? {} : { width: f.width }),
  narrow: f.narrow === true,
  cell: (r: Rec) => <Value field={f.field ?? f.key} of={r[f.key] as string | number | undefined} tail={f.key === 'secret'} />,
  value: (r: Rec) => {
    const v = r[f.key]
    return v === undefined || v === '' ? null : { field: f.field ?? f.key, value: String(v) }
  },
}))
/** Every column of records; the time's title says its zone. */
export function recordColumns(): Column<Rec>[] {
  return [
    {
      key: 'time',
      title: zoneText.value === 'UTC' ? 'Time, UTC' : 'Time, local',
      width: 158,
      narrow: true,
      cell: (r) => (
        <time
          class={r.late ? 'late' : ''}
          title={`${exact(r.time ?? r.arrival)}${r.late ? ', came late' : ''}${r.time === undefined ? ' (of its arrival: it says no time)' : ''}`}
        >
          {moment(r.time ?? r.arrival)}
        </time>
      ),
    },
    {
      key: 'outcome',
      title: 'Outcome',
      width: 84,
      narrow: true,
      cell: (r) => <OutcomeBadge of={r.outcome} />,
      value: (r) => ({ field: 'outcome', value: r.outcome }),
    },
    ...fieldColumns,
  ]
}
/** Some of them, in the order of `keys`; unknown names are passed over. */
export function chosenColumns(keys: readonly string[]): Column<Rec>[] {
  const all = recordColumns()
  const some = keys.map((k) => all.find((c) => c.key === k)).filter((c) => c !== undefined)
  return some.length > 0 ? some : chosenColumns(DEFAULT_COLUMNS)
}

/** A record on a phone. */
export function RecordCard({ of: r }: { of: Rec }) {
  return (
    <>
      <div>
        <Text of={r.actor} max={59} /> <OutcomeBadge of={r.outcome} />
        <time class="quiet">{moment(r.time ?? r.arrival)}</time>
      </div>
      <div class="tail">
        <Text of={r.secret ?? r.operation} max={59} tail />
      </div>
      <div class="quiet">
        {r.action} · <Text of={r.ip} max={45} /> {r.country}
      </div>
    </>
  )
}

const SETTLE_MS = 180 // who walks through a list quickly does not look at each record, and no log says they did
/** Everything that is kept of one record; beside the list, which can be walked on meanwhile. */
export function RecordDrawer({ seq, onClose }: { seq: number; onClose: () => void }) {
  const [shown, setShown] = useState(seq)
  useEffect(() => {
    const timer = window.setTimeout(() => setShown(seq), SETTLE_MS)
    return () => window.clearTimeout(timer)
  }, [seq])
  const asked = useAsk<Raw>('record', { seq: shown })
  useKeys([{ key: 'Escape', text: 'close the record', run: onClose }])
  return (
    <aside class="drawer" aria-label={`Record ${seq}`}>
      <header>
        <h2>Record {count(seq)}</h2>
        <button type="button" class="quiet-button" aria-label="Close the record" onClick={onClose}>
          ✕
        </button>
      </header>
      <div class="drawer-body">
        <Answer of={asked} what="Reading the record">
          {(r) => <Kept of={r} />}
        </Answer>
      </div>
    </aside>
  )
}
function Kept({ of }: { of: Raw }) {
  const r = of.record
  return (
    <div class="stack">
      <dl class="facts">
        <dt>Time</dt>
        <dd>{r.time === undefined ? 'the record says none' : exact(r.time)}</dd>
        <dt>Arrived</dt>
        <dd>
          {exact(r.arrival)}
          {r.late && <b> late</b>}
        </dd>
        <dt>Outcome</dt>
        <dd>
          <OutcomeBadge of={r.outcome} />
        </dd>
        {FIELDS.filter((f) => r[f.key] !== undefined && r[f.key] !== '').map((f) => (
          <>
            <dt>{f.title}</dt>
            <dd>
              {f.key === 'country' ? (
                countryName(String(r.country))
              ) : (
                <Value field={f.field ?? f.key} of={r[f.key] as string | number} max={400} />
              )}
            </dd>
          </>
        ))}
        {(r.tags ?? []).length > 0 && (
          <>
            <dt>Tags</dt>
            <dd>
              <Text of={(r.tags ?? []).join(', ')} />
            </dd>
          </>
        )}
        <dt>Id</dt>
        <dd>
          <Text of={r.id} mono />
        </dd>
      </dl>
      {r.conflict && <p class="note warn">The source sent this record twice with different content; this is the first.</p>}
      <Block title="What was kept of the source’s own record" of={pretty(of.original)} />
      <Block title="All fields" of={pretty(of.fields)} />
      <Block title="The canonical line, as it was signed and hashed" of={of.line} />
      <p>
        <span class="quiet">Leaf of the tree</span> <Text of={of.leaf} mono max={200} />
      </p>
      <Command of={of.command} label="Prove that it is in the log" />
    </div>
  )
}
function pretty(x: unknown): string {
  return x === null || x === undefined ? '' : typeof x === 'string' ? x : JSON.stringify(x, null, 2)
}
function Block({ title, of }: { title: string; of: string }) {
  if (of === '') return null
  return (
    <section>
      <header class="block-head">
        <h3>{title}</h3>
        <button type="button" class="quiet-button" onClick={() => void copy(of)}>
          copy
        </button>
      </header>
      <pre tabIndex={0} role="group" aria-label={title}>
        {of.split('\n').map((l) => (
          <div>
            <Text of={l} max={4000} />
          </div>
        ))}
      </pre>
    </section>
  )
}
