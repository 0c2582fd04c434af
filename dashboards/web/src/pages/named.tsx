// What is known about a name: actor, secret, address, session: is it usual, what is new, what to do.
import { useEffect } from 'preact/hooks'
import type { Named } from '../api'
import { CoverageLine } from '../components/coverage'
import { Command } from '../components/command'
import { Counts, Lists, Numbers, Times } from '../components/figures'
import { Answer, Empty } from '../components/states'
import { Table } from '../components/table'
import { Text } from '../components/text'
import { copy, Value } from '../components/value'
import { countryName } from '../countries'
import { useAsk, useBegun } from '../hooks'
import { sees } from '../me'
import { changes } from '../live'
import { about, count, plural } from '../plain'
import { go, href, param } from '../router'
import { ago, askedWindow, exact, moment, rfc3339 } from '../time'
import { AlertCard, alertColumns } from './alerts'

type Kind = Named['kind']
const CALLED: Record<Kind, string> = { actor: 'actor', secret: 'secret', ip: 'address', session: 'session or credential' }

export const ActorPage = () => <Page kind="actor" />
export const SecretPage = () => <Page kind="secret" />
export const IpPage = () => <Page kind="ip" />
export const SessionPage = () => <Page kind="session" />

function Page({ kind }: { kind: Kind }) {
  const value = param('value')
  const asked = useAsk<Named>(value === '' ? null : kind, { value, ...askedWindow() }, [changes.value])
  useEffect(() => {
    if (value !== '') document.title = `${value.slice(0, 60)} – keytrail`
  }, [value])
  if (value === '') return <Empty title={`Which ${CALLED[kind]}?`}>Click on one anywhere, or search for it.</Empty>
  return (
    <Answer of={asked} what={`Looking up the ${CALLED[kind]}`}>
      {(d) => <Shown of={d} />}
    </Answer>
  )
}
function Shown({ of: d }: { of: Named }) {
  const first = d.numbers.first
  useBegun(first === null ? null : rfc3339(first))
  return (
    <div class="stack">
      <header class="alert-head">
        <p class="alert-title wrap">
          <Text of={d.title} max={300} />
        </p>
        <p class="tools">
          <a href={href('/search', { q: d.query })}>its records</a>
          <a href={href('/search', { q: d.query, view: 'timeline' })}>its timeline</a>
          {d.kind !== 'secret' && sees('/blast') && <a href={href('/blast', { value: d.value, since: null, until: null })}>blast radius</a>}
          <button type="button" class="quiet-button" onClick={() => void copy(d.value)}>
            copy the name
          </button>
        </p>
      </header>
      <CoverageLine of={d} />
      {first === null && (
        <p class="note">
          {param('until') !== ''
            ? `Nothing of it in this window${d.numbers.dated === true ? ', nor before' : '; what is stored before was not looked through'}: what came after it was not asked for.`
            : d.numbers.dated === true
              ? 'Nothing of it is stored: never seen, or written otherwise.'
              : 'Nothing of it in this window; what is stored before was not looked through.'}{' '}
          Names are as the source writes them.
        </p>
      )}
      <Numbers of={d} />
      <Alerts of={d} />
      <div class="columns">
        <About of={d} />
        <Rotate of={d} />
        <Peers of={d} />
        <Counts of={d} />
      </div>
      <Times of={d} />
      <Lists of={d} self={d.value} />
      {d.cut && <p class="quiet">Sessions and credentials are those of the newest records only.</p>}
      <Near of={d} />
      <section class="panel">
        <h2>Next</h2>
        {d.next.map((n) => (
          <Command key={n.command} of={n.command} label={n.text} />
        ))}
      </section>
    </div>
  )
}
function Alerts({ of: d }: { of: Named }) {
  if (d.alerts_total === 0) return null
  return (
    <section class="panel">
      <header>
        <h2>{plural(d.alerts_total, 'alert')}</h2>
        {d.alerts_open > 0 && <span class="far">{count(d.alerts_open)} open</span>}
      </header>
      <Table label="Alerts" columns={alertColumns} rows={d.alerts} id={(a) => a.id} card={(a) => <AlertCard of={a} />} onOpen={(a) => go('/alert', { id: a.id, since: null, until: null })} />
    </section>
  )
}
/** The names of facts (core/answer/beside.c) in words. */
const FACTS: Record<string, string> = {
  name: 'Name', kind: 'Is', team: 'Team', manager: 'Manager', time_zone: 'Time zone', left: 'Last day', alias: 'Also written',
  owner: 'Owner', last_rotated: 'Rotated', age_since: 'Value since', next_due: 'Due next', expires: 'Expires', deleted: 'Deleted', gone: 'Gone',
  issued: 'Issued', issued_to: 'Issued to', issued_by: 'Issued by', issued_at: 'Issued at', issued_from: 'Issued from',
  network_of_config: 'Network', class: 'Kind of address', country: 'Country', asn: 'Provider', organisation: 'Organisation', hosting: 'Hosting',
}
const OF_IDENTITY = ['name', 'kind', 'team', 'manager', 'time_zone', 'left', 'alias']
const OF_STATE = ['owner', 'last_rotated', 'age_since', 'next_due', 'expires', 'deleted', 'gone']
type Row = [string, preact.ComponentChildren]
/** A row of what is there: a text, a moment, or both. */
function row(name: string, text: string | null | undefined, time: number | null = null): Row[] {
  const said = text ?? ''
  if (said === '' && time === null) return []
  return [
    [
      name,
      <>
        {time !== null && <span title={exact(time)}>{ago(time)}</span>}
        {time !== null && said !== '' && ' '}
        {said !== '' && (time === null ? <Text of={said} max={200} /> : <span class="quiet">(<Text of={said} max={200} />)</span>)}
      </>,
    ],
  ]
}
function identityRows(i: NonNullable<Named['identity']>): Row[] {
  const also: Row[] =
    i.aliases.length === 0
      ? []
      : [
          [
            'Also written',
            <ul class="plain">
              {i.aliases.map((a) => (
                <li key={`${a.actor} ${a.instance}`}>
                  <Text of={a.actor} max={100} />{' '}
                  {a.source !== null && (
                    <span class="quiet">
                      (<Text of={a.instance ?? a.source} max={60} />)
                    </span>
                  )}
                </li>
              ))}
            </ul>,
          ],
        ]
  return [...row('Name', i.name), ...row('Is', i.kind), ...row('Team', i.team), ...row('Manager', i.manager), ...row('Time zone', i.time_zone), ...row('Last day', i.left), ...also]
}
function stateRows(s: NonNullable<Named['state']>): Row[] {
  return [
    ...row('Owner', s.owner),
    ...row('Version', s.version),
    ...row('Created', null, s.created),
    ...row('Rotated', s.rotated_from, s.last_rotated),
    ...row('Value since', s.age_of, s.age_since),
    ...row('Due next', null, s.next_due),
    ...row('Expires', null, s.expires),
    ...(typeof s.deleted === 'number' ? row('Deleted', null, s.deleted) : s.deleted ? row('State', 'deleted') : []),
    ...(s.gone ? row('State', 'gone: its newest snapshot does not have it') : []),
  ]
}
/** The identity, the state of a secret, and what facts say beside them: whatever there is. */
function About({ of: d }: { of: Named }) {
  const said = new Set([...(d.identity ? OF_IDENTITY : []), ...(d.state ? OF_STATE : [])])
  const facts = d.facts.filter((f) => !said.has(f.name))
  const told = [
    ...(d.identity ? identityRows(d.identity) : []),
    ...(d.state ? stateRows(d.state) : []),
    ...facts.flatMap((f) => row(FACTS[f.name] ?? f.name.replaceAll('_', ' '), f.name === 'country' && f.text !== null ? countryName(f.text) : f.text, f.time ?? null)),
  ]
  if (told.length === 0) return null
  return (
    <section class="panel">
      <h2>What is known</h2>
      <dl class="facts">
        {told.map(([name, v]) => (
          <>
            <dt>{name}</dt>
            <dd>{v}</dd>
          </>
        ))}
      </dl>
    </section>
  )
}
function Rotate({ of: d }: { of: Named }) {
  const r = d.rotate
  if (!r) return null
  return (
    <section class="panel">
      <h2>To rotate it</h2>
      {r.hint !== null && <Command of={r.hint} label="Rotate" />}
      {r.owner !== null && (
        <p>
          <span class="quiet">Owner</span> <Text of={r.owner} />
        </p>
      )}
      <h3>{r.tell.length === 0 ? 'Nobody reads it regularly' : 'Will break, or must be told'}</h3>
      <ul class="plain">
        {r.tell.map((t) => (
          <li key={t.actor}>
            <Value field="actor" of={t.actor} />{' '}
            <span class="quiet">
              {plural(t.events, 'read')}, last {ago(t.last)}
            </span>
          </li>
        ))}
        {r.more > 0 && <li class="quiet">and {count(r.more)} more</li>}
      </ul>
    </section>
  )
}
function Peers({ of: d }: { of: Named }) {
  const p = d.peers
  if (!p) return null
  const rows = (['events', 'reads', 'failed', 'secrets'] as const).map((k) => ({ name: k, own: p.own[k], median: p.median[k] }))
  const of = `${plural(p.median.n, p.median.kind)}${p.median.team ? ` of ${p.median.team}` : ''}`
  return (
    <section class="panel">
      <h2>Beside its peers</h2>
      <Table
        label="Beside its peers"
        rows={rows}
        id={(r) => r.name}
        columns={[
          { key: 'name', title: 'Count', narrow: true, cell: (r) => r.name },
          { key: 'own', title: 'Its own', num: true, narrow: true, width: 100, cell: (r) => count(r.own) },
          { key: 'median', title: 'Median', num: true, narrow: true, width: 100, cell: (r) => about(r.median) },
        ]}
      />
      <p class="quiet">Of {of}, in the same window.</p>
    </section>
  )
}
function Near({ of: d }: { of: Named }) {
  if (!d.near || d.near.length < 2) return null
  return (
    <section class="panel">
      <h2>Addresses of the same network</h2>
      <ul class="plain">
        {d.near.slice(0, 20).map((e) => (
          <li key={e.value}>
            <Value field="ip" of={e.value} /> <span class="quiet">{plural(e.events, 'event')}{e.last ? `, last ${moment(e.last, false)}` : ''}</span>
          </li>
        ))}
      </ul>
    </section>
  )
}
