// Gaps: what the log cannot speak about, newest first, with the cause, and whether it came later.
import { useMemo } from 'preact/hooks'
import type { Gap } from '../api'
import { count } from '../plain'
import { moment, span } from '../time'
import { Light } from './badge'
import { Empty } from './states'
import type { Column } from './table'
import { Table } from './table'
import { Text } from './text'
import { Value } from './value'

const columns: Column<Gap>[] = [
  { key: 'from', title: 'From', width: 138, narrow: true, by: (g) => g.from, cell: (g) => moment(g.from, false) },
  { key: 'lasted', title: 'Lasted', width: 96, num: true, by: (g) => g.until - g.from, cell: (g) => span((g.until - g.from) / 1e9) },
  { key: 'instance', title: 'Source', width: 150, narrow: true, by: (g) => g.instance, cell: (g) => (g.instance === null ? 'every source' : <Value field="instance" of={g.instance} max={24} />) },
  { key: 'cause', title: 'Cause', width: 130, by: (g) => g.cause, cell: (g) => g.cause },
  {
    key: 'filled',
    title: 'Filled',
    width: 150,
    narrow: true,
    by: (g) => Number(g.filled),
    cell: (g) => (g.filled ? <Light is="good">{g.filled_at === null ? 'yes' : moment(g.filled_at, false)}</Light> : <Light is={g.open === false ? 'idle' : 'bad'}>{g.open === false ? 'nothing is missing' : 'missing'}</Light>),
  },
  { key: 'events', title: 'Events', width: 74, num: true, by: (g) => g.events, cell: (g) => (g.events > 0 ? count(g.events) : '–') },
  { key: 'text', title: 'How it was found', cell: (g) => <Text of={g.text} max={200} /> },
]
export function Gaps({ of, more = 0 }: { of: readonly Gap[]; more?: number }) {
  const rows = useMemo(() => [...of].reverse(), [of])
  if (of.length === 0) return <Empty title="No gap in this time" />
  return (
    <>
      <Table label="Gaps" columns={columns} rows={rows} id={(g) => `${g.instance} ${g.from} ${g.cause} ${g.text}`} primary />
      {more > 0 && <p class="quiet">{count(more)} more are not listed: ask for a shorter time.</p>}
    </>
  )
}
