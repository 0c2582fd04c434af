// Silences: who keeps which alerts quiet, why and until when.
import { useState } from 'preact/hooks'
import { post, type Silence } from '../api'
import { SilenceFields } from '../components/actions'
import { Light } from '../components/badge'
import { Command } from '../components/command'
import { Dialog } from '../components/dialog'
import { Answer, Empty } from '../components/states'
import type { Column } from '../components/table'
import { Table } from '../components/table'
import { Text } from '../components/text'
import { useAsk } from '../hooks'
import { may } from '../me'
import { plural } from '../plain'
import { href } from '../router'
import { say } from '../said'
import { ago, moment, now, span } from '../time'

export function Silences() {
  const asked = useAsk<{ silences: Silence[]; damage: number }>('silences')
  const [adding, setAdding] = useState(false)
  const [ending, setEnding] = useState<Silence | null>(null)
  const end: Column<Silence>[] = may('responder')
    ? [
        {
          key: 'end',
          title: '',
          width: 84,
          narrow: true,
          cell: (s) =>
            s.open && (
              <button type="button" class="quiet-button" onClick={() => setEnding(s)}>
                End…
              </button>
            ),
        },
      ]
    : []
  const done = (text: string) => {
    setAdding(false)
    setEnding(null)
    say(text)
    asked.again()
  }
  return (
    <div class="stack">
      <div class="tools">
        <p class="quiet">
          A silence raises no message; alerts are found and kept all the same: <a href={href('/alerts')}>all alerts</a>.{!may('auditor') && ' What is silenced and why is told to auditors and responders; an alert says what keeps it quiet.'}
        </p>
        <span class="spacer" />
        {may('responder') && (
          <button type="button" onClick={() => setAdding(true)}>
            New silence…
          </button>
        )}
      </div>
      <Answer of={asked} what="Reading the silences">
        {(d) => (
          <>
            {d.damage > 0 && (
              <p class="note bad" role="alert">
                {plural(d.damage, 'place')} of the store could not be read, silences may be missing here: run <code>keytrail verify</code>.
              </p>
            )}
            {d.silences.length === 0 ? (
              <Empty title="Nothing is silenced" />
            ) : (
              <Table label="Silences" columns={[...columns, ...end]} rows={d.silences} id={(s) => s.id} primary />
            )}
          </>
        )}
      </Answer>
      <Command of="keytrail alerts silence list" />
      {adding && <Add onClose={() => setAdding(false)} onDone={done} />}
      {ending && <End of={ending} onClose={() => setEnding(null)} onDone={done} />}
    </div>
  )
}
const columns: Column<Silence>[] = [
  { key: 'state', title: 'State', width: 92, narrow: true, by: (s) => Number(s.open), cell: (s) => <Light is={s.open ? 'warn' : 'idle'}>{s.open ? 'quiet' : 'over'}</Light> },
  { key: 'match', title: 'Alerts that fit', narrow: true, cell: (s) => <Text of={s.match} max={80} mono /> },
  { key: 'reason', title: 'Why', cell: (s) => <Text of={s.reason} max={120} /> },
  { key: 'by', title: 'By', width: 120, by: (s) => s.by, cell: (s) => <Text of={s.by} max={24} /> },
  { key: 'from', title: 'Since', width: 140, by: (s) => s.from, cell: (s) => <time title={ago(s.from)}>{moment(s.from, false)}</time> },
  { key: 'until', title: 'Until', width: 170, by: (s) => s.until, cell: (s) => (s.until === null ? '–' : `${moment(s.until, false)}${s.open ? ` (${span((s.until - now.value) / 1e9)})` : ''}`) },
]
function Form({ title, text, onClose, onDone, send, children }: { title: string; text: string; onClose: () => void; onDone: (text: string) => void; send: (reason: string) => Promise<unknown>; children?: preact.ComponentChildren }) {
  const [reason, setReason] = useState('')
  const [wrong, setWrong] = useState<string | null>(null)
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        class="ask"
        onSubmit={(e) => {
          e.preventDefault()
          setWrong(null)
          send(reason).then(
            () => onDone(text),
            (x: Error) => setWrong(x.message),
          )
        }}
      >
        {children}
        <label class="field">
          <span>Why</span>
          <textarea rows={2} required maxLength={190} value={reason} onInput={(e) => setReason(e.currentTarget.value)} />
        </label>
        {wrong !== null && (
          <p class="note bad" role="alert">
            {wrong}
          </p>
        )}
        <p class="ask-end">
          <button type="submit" class="main-button">
            {title}
          </button>
          <button type="button" onClick={onClose}>
            Cancel
          </button>
        </p>
      </form>
    </Dialog>
  )
}
function Add({ onClose, onDone }: { onClose: () => void; onDone: (text: string) => void }) {
  const [match, setMatch] = useState('')
  const [time, setTime] = useState('4h')
  return (
    <Form title="Silence" text="Silenced" onClose={onClose} onDone={onDone} send={(reason) => post('silences', { match, reason, for: time })}>
      <SilenceFields match={match} setMatch={setMatch} time={time} setTime={setTime} />
    </Form>
  )
}
function End({ of, onClose, onDone }: { of: Silence; onClose: () => void; onDone: (text: string) => void }) {
  return (
    <Form title="End the silence" text="Ended: what it kept quiet is told now" onClose={onClose} onDone={onDone} send={(reason) => post('silences/end', { id: of.id, reason })}>
      <p>
        <Text of={of.match} max={200} mono /> <span class="quiet">by</span> <Text of={of.by} max={40} />: <Text of={of.reason} max={200} />
      </p>
    </Form>
  )
}
