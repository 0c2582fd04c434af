// Integrity: what the log is worth as evidence: who has signed what of it, the last verification, holds, retention.
import { useEffect, useState } from 'preact/hooks'
import { post, type IntegrityPage } from '../api'
import { Light } from '../components/badge'
import { Command } from '../components/command'
import { Answer } from '../components/states'
import type { Column } from '../components/table'
import { Table } from '../components/table'
import { Text } from '../components/text'
import { copy } from '../components/value'
import { useAsk } from '../hooks'
import { may } from '../me'
import { count, plural } from '../plain'
import { ago, exact, moment, now } from '../time'

const LATE_NS = 900e9 // a signed head older than this is late

export function Integrity() {
  const asked = useAsk<IntegrityPage>('integrity')
  const running = asked.data?.verify.state === 'running'
  useEffect(() => {
    const timer = window.setInterval(asked.again, running ? 2000 : 30_000)
    return () => window.clearInterval(timer)
  }, [asked.again, running])
  return (
    <Answer of={asked} what="Reading the log’s head">
      {(d) => <Shown of={d} again={asked.again} />}
    </Answer>
  )
}
function Shown({ of: d, again }: { of: IntegrityPage; again: () => void }) {
  return (
    <div class="stack">
      <Head of={d} />
      <div class="columns">
        <Verify of={d} again={again} />
        <Kept of={d} />
      </div>
      <section class="panel">
        <h2>{d.holds.length === 0 ? 'Nothing is held' : plural(d.holds.length, 'hold')}</h2>
        {d.holds.length > 0 && <Table label="Holds" columns={holds} rows={d.holds} id={(h) => h.id} primary />}
        {d.holds_unreadable > 0 && <p class="note bad">{plural(d.holds_unreadable, 'hold')} could not be read: they hold everything until that is mended.</p>}
        <Command of="keytrail hold add --query 'actor:alice' --reason CASE-17" label="To hold records" />
      </section>
      <Copies of={d} />
    </div>
  )
}
function Head({ of: d }: { of: IntegrityPage }) {
  const c = d.checkpoint
  const damaged = c?.signed === true && (c.readable === false || typeof c.size !== 'number')
  const age = c?.at ? now.value - c.at : null
  const refused = d.live?.checkpoint?.['refused'] === true
  const why = d.live?.checkpoint?.['why']
  return (
    <section class="panel">
      <header>
        <h2>{damaged ? 'The newest signed head cannot be read' : c?.signed ? 'The newest signed head' : 'No head is signed'}</h2>
        <span class="quiet">
          log <code>{d.log}</code>
        </span>
      </header>
      {refused && (
        <p class="note bad" role="alert">
          <b>The signer refused:</b> <Text of={typeof why === 'string' ? why : 'it was asked to sign a smaller or another log'} max={300} />
        </p>
      )}
      {!c?.signed ? (
        <p class="note warn">Whoever owns this host can rewrite the log unseen. A signer is set up with the collector: docs/proof.md.</p>
      ) : damaged ? (
        <p class="note bad" role="alert">
          The newest checkpoint is damaged: run <code>keytrail verify</code>.
        </p>
      ) : (
        <dl class="facts">
          <dt>Signed</dt>
          <dd>
            <Light is={age !== null && age < LATE_NS ? 'good' : 'warn'}>
              {count(c.size ?? 0)} of {count(d.size)} records, {c.at === null ? 'at an unknown time' : ago(c.at)}
            </Light>
          </dd>
          <dt>Cosigned by</dt>
          <dd>{c.cosigners.length === 0 ? <Light is="warn">nobody: only this host vouches for it</Light> : <Text of={c.cosigners.join(', ')} max={300} />}</dd>
          <dt>Keys</dt>
          <dd class="wrap">
            {c.keys.map((k) => (
              <code key={k}>{k} </code>
            ))}
          </dd>
          <dt>Note</dt>
          <dd>
            <pre>{c.note}</pre>
            <button type="button" class="quiet-button" onClick={() => void copy(c.note, 'Note copied: keep it somewhere else')}>
              copy; kept elsewhere it proves what was in the log today
            </button>
          </dd>
        </dl>
      )}
      {d.live?.away && (
        <p class="note warn">
          <Text of={d.live.away} max={200} />
        </p>
      )}
    </section>
  )
}
const GOOD = ['witnessed', 'cosigned']
function Verify({ of: d, again }: { of: IntegrityPage; again: () => void }) {
  const [wrong, setWrong] = useState<string | null>(null)
  const v = d.verify
  const verdict = typeof v.result?.['verdict'] === 'string' ? v.result['verdict'] : null
  const start = () => {
    setWrong(null)
    post('integrity/verify', {}).then(again, (e: Error) => setWrong(e.message))
  }
  return (
    <section class="panel">
      <h2>Verification</h2>
      {v.state === 'running' && (
        <p role="status">
          <span class="spin" aria-hidden="true" /> Every record is hashed again, since {v.began === null ? 'a moment ago' : ago(v.began)}.
        </p>
      )}
      {(v.state === 'done' || v.state === 'failed') && (
        <p>
          <Light is={verdict === null || v.state === 'failed' ? 'bad' : GOOD.includes(verdict) ? 'good' : verdict === 'unanchored' ? 'warn' : 'bad'}>
            {v.state === 'failed' ? 'failed: it did not end' : (verdict ?? 'it did not end')}
            {v.at !== null && <span class="quiet"> {ago(v.at)}</span>}
          </Light>
        </p>
      )}
      {v.result !== null && (
        <dl class="facts">
          {(['records', 'batches', 'removed', 'witnessed', 'cosigned', 'tail'] as const).map((k) =>
            typeof v.result?.[k] === 'number' ? (
              <>
                <dt>{k}</dt>
                <dd>{count(v.result[k] as number)}</dd>
              </>
            ) : null,
          )}
          <dt>root</dt>
          <dd class="wrap">
            <code>{String(v.result['root'] ?? '')}</code>
          </dd>
        </dl>
      )}
      {v.text !== null && (
        <pre>
          <Text of={v.text} max={2000} />
        </pre>
      )}
      {v.state === 'never' && <p class="quiet">Not yet since this page was started.</p>}
      {v.state === 'none' && <p class="quiet">This page runs nothing of its own (dashboard.reports_dir).</p>}
      {wrong !== null && (
        <p class="note bad" role="alert">
          {wrong}
        </p>
      )}
      {may('auditor') && (v.state === 'never' || v.state === 'done' || v.state === 'failed') && (
        <button type="button" onClick={start}>
          Verify now
        </button>
      )}
      <Command of="keytrail verify --checkpoint FILE" label="Against what you kept elsewhere" />
    </section>
  )
}
function Kept({ of: d }: { of: IntegrityPage }) {
  const r = d.retention
  return (
    <section class="panel">
      <h2>Retention</h2>
      <dl class="facts">
        <dt>Kept</dt>
        <dd>{r?.days ? `${count(r.days)} days after they were stored` : 'not known here'}</dd>
        <dt>Oldest record</dt>
        <dd>{r?.oldest ? <span title={exact(r.oldest)}>{moment(r.oldest, false)}</span> : '–'}</dd>
        <dt>Removed</dt>
        <dd>{r ? plural(r.removed_events, 'event') : '–'}; their places in the tree are kept</dd>
        <dt>Records</dt>
        <dd>{count(d.size)}</dd>
      </dl>
    </section>
  )
}
const holds: Column<IntegrityPage['holds'][number]>[] = [
  { key: 'id', title: 'Hold', width: 90, narrow: true, cell: (h) => h.id },
  { key: 'query', title: 'Of what', narrow: true, cell: (h) => (h.query === '' ? 'everything' : <Text of={h.query} max={100} mono />) },
  { key: 'reason', title: 'Why', cell: (h) => <Text of={h.reason} max={100} /> },
  { key: 'by', title: 'By', width: 110, cell: (h) => <Text of={h.by} max={20} /> },
  { key: 'at', title: 'Since', width: 140, by: (h) => h.at, cell: (h) => moment(h.at, false) },
]
interface Copy {
  place: string
  said: string
}
function Copies({ of: d }: { of: IntegrityPage }) {
  const all = d.live?.copies
  if (!all || typeof all !== 'object') return null
  const rows: Copy[] = Object.entries(all).map(([place, v]) => ({ place, said: JSON.stringify(v) }))
  if (rows.length === 0) return null
  return (
    <section class="panel">
      <h2>Copies elsewhere</h2>
      <Table
        label="Copies elsewhere"
        rows={rows}
        id={(r) => r.place}
        columns={[
          { key: 'place', title: 'Place', width: 180, narrow: true, cell: (r) => <Text of={r.place} max={40} /> },
          { key: 'said', title: 'State', narrow: true, cell: (r) => <Text of={r.said} max={200} mono /> },
        ]}
      />
    </section>
  )
}
