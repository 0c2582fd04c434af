// The blast radius of a credential: what it read, what of that is still exposed, in the order to rotate, and who breaks.
import type { BlastPage, BlastSecret } from '../api'
import { Light } from '../components/badge'
import { Command } from '../components/command'
import { CoverageLine } from '../components/coverage'
import { Answer, Empty } from '../components/states'
import type { Column } from '../components/table'
import { Table } from '../components/table'
import { Text } from '../components/text'
import { copy, Value } from '../components/value'
import { useAsk, useBegun } from '../hooks'
import { count, plain } from '../plain'
import { param } from '../router'
import { operand } from '../shellword'
import { askedWindow, moment, ns } from '../time'

export function Blast() {
  const value = param('value')
  const asked = useAsk<BlastPage>(value === '' ? null : 'blast', { value, as: param('as'), ...askedWindow() })
  if (value === '') return <Empty title="Of what?">An access key, a session, a Vault token’s accessor, a person, an address: open its page first.</Empty>
  return (
    <Answer of={asked} what="Following what it read">
      {(d) => <Shown of={d} />}
    </Answer>
  )
}
const PRODUCTION: Record<string, string> = { true: 'yes', false: 'no' }
const when = (s: string | null) => (s === null ? '–' : moment(ns(Date.parse(s)), false))
const columns: Column<BlastSecret & { order: number }>[] = [
  { key: 'order', title: '', width: 40, num: true, cell: (s) => s.order },
  { key: 'secret', title: 'Secret', narrow: true, by: (s) => s.secret, cell: (s) => <Value field="secret" of={s.secret} tail /> },
  { key: 'state', title: 'Now', width: 130, narrow: true, by: (s) => s.state, cell: (s) => <Light is={s.exposed ? 'bad' : 'good'}>{s.state}</Light> },
  { key: 'production', title: 'Production', width: 92, by: (s) => (s.production === null ? null : Number(s.production)), cell: (s) => PRODUCTION[String(s.production)] ?? 'not known' },
  { key: 'reads', title: 'Reads', width: 66, num: true, by: (s) => s.reads, cell: (s) => count(s.reads) },
  { key: 'last', title: 'Last read', width: 138, by: (s) => s.last_read, cell: (s) => when(s.last_read) },
  { key: 'readers', title: 'Others read it: they break', width: 210, by: (s) => s.other_readers_30d.length, cell: (s) => (s.other_readers_30d.length === 0 ? <span class="quiet">nobody</span> : <Text of={s.other_readers_30d.map((r) => r.actor).join(', ')} max={50} />) },
  { key: 'owner', title: 'Owner', width: 110, by: (s) => s.owner, cell: (s) => <Text of={s.owner} max={24} /> },
]
function markdown(d: BlastPage): string {
  const cell = (s: string) => plain(s).replaceAll('|', '\\|').replaceAll('`', "'")
  const rows = d.secrets.map((s) => `| \`${cell(s.secret)}\` | ${s.state} | ${s.reads} | ${cell(s.other_readers_30d.map((r) => r.actor).join(', ') || 'nobody')} |`)
  return [`**Blast radius of \`${cell(d.credential)}\`**`, '', cell(d.summary), '', `Looked ${looked(d)}.`, '', '| secret | now | reads | others who read it |', '|---|---|---|---|', ...rows, '', `\`${cell(d.command)}\``].join('\n')
}
/** What was looked through, in words. */
export function looked(d: Pick<BlastPage, 'since' | 'until'>): string {
  if (d.since === null && d.until === null) return 'in all that is stored'
  return `${d.since === null ? 'from the first record' : `from ${when(d.since)}`} until ${d.until === null ? 'now' : when(d.until)}; what it read at other times is not here`
}
function Shown({ of: d }: { of: BlastPage }) {
  useBegun(d.since === null ? d.first : null)
  const rows = d.secrets.map((s, i) => ({ ...s, order: i + 1 }))
  return (
    <div class="stack">
      <header>
        <p class="alert-title wrap">
          <Text of={d.credential} max={200} />
        </p>
        <p class="quiet">
          taken for <Text of={d.taken_for} max={300} />, {looked(d)}
        </p>
      </header>
      {(d.coverage !== undefined || d.damage !== undefined) && <CoverageLine of={d} loud />}
      <p class={d.exposed > 0 ? 'note bad' : 'note'}>
        <Text of={d.summary} max={400} />
      </p>
      {rows.length === 0 ? (
        <Empty title={`It read no secret ${d.since === null && d.until === null ? 'in what is stored' : 'in this time'}`} />
      ) : (
        <section class="panel">
          <header>
            <h2>In the order to rotate</h2>
            <button type="button" onClick={() => void copy(markdown(d), 'Copied as Markdown')}>
              Copy for the incident channel
            </button>
          </header>
          <Table label="Secrets it read, in the order to rotate" columns={columns} rows={rows} id={(s) => s.secret} primary />
        </section>
      )}
      {rows.some((s) => s.rotate_hint !== null && s.exposed) && (
        <section class="panel">
          <h2>Commands that rotate</h2>
          {rows
            .filter((s) => s.rotate_hint !== null && s.exposed)
            .slice(0, 20)
            .map((s) => (
              <Command key={s.secret} of={s.rotate_hint ?? ''} label={`${s.order}.`} />
            ))}
        </section>
      )}
      <Command of={d.command} />
      <Command of={`keytrail incident open ${operand(d.credential)}`} label="The emergency runbook for it" />
    </div>
  )
}
