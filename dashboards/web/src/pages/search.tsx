// Search: a query, its records.
import type { Rec, Search } from '../api'
import { OutcomeBadge } from '../components/badge'
import { CoverageLine } from '../components/coverage'
import { Command } from '../components/command'
import { Answer } from '../components/states'
import type { Column } from '../components/table'
import { Table } from '../components/table'
import { Value } from '../components/value'
import { useAsk } from '../hooks'
import { param } from '../router'
import { askedWindow, moment } from '../time'

const columns: Column<Rec>[] = [
  { key: 'time', title: 'Time', width: 160, narrow: true, cell: (r) => moment(r.time ?? r.arrival) },
  { key: 'actor', title: 'Actor', narrow: true, cell: (r) => <Value field="actor" of={r.actor} />, value: (r) => (r.actor ? { field: 'actor', value: r.actor } : null) },
  { key: 'outcome', title: 'Outcome', width: 90, narrow: true, cell: (r) => <OutcomeBadge of={r.outcome} /> },
  { key: 'secret', title: 'Secret', cell: (r) => <Value field="secret" of={r.secret} />, value: (r) => (r.secret ? { field: 'secret', value: r.secret } : null) },
]
export function SearchPage() {
  const asked = useAsk<Search>('search', { q: param('q'), ...askedWindow('24h') })
  return (
    <Answer of={asked} what="Searching">
      {(s) => (
        <div class="stack">
          <CoverageLine of={s} />
          <Table label="Records" columns={columns} rows={s.rows} id={(r) => r.seq} primary />
          <Command of={s.command} />
        </div>
      )}
    </Answer>
  )
}
