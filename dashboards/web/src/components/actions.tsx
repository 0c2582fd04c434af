// Actions: what a responder does about an alert. Each says what it does before, and what came of it after; a failed
// one can be repeated, what was typed stays.
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { act, type Act } from '../act'
import { post, type Alert } from '../api'
import { may, me } from '../me'
import { say } from '../said'
import { Command } from './command'
import { Dialog } from './dialog'
import { Text } from './text'

type Asking = 'assign' | 'note' | 'close' | 'silence' | null

export function Actions({ of: a, onDone }: { of: Alert; onDone: () => void }) {
  const [asking, ask] = useState<Asking>(null)
  const [busy, setBusy] = useState(false)
  const [wrong, setWrong] = useState<string | null>(null)
  if (!may('responder')) return <p class="note">Acknowledging and closing need the role responder; yours is {me.value ? me.value.role : 'none'}.</p>
  const ack = () => {
    setBusy(true)
    setWrong(null)
    act('ack', a.id)
      .then((text) => {
        say(text)
        onDone()
      })
      .catch((e: Error) => setWrong(e.message))
      .finally(() => setBusy(false))
  }
  return (
    <div class="actions">
      {a.status === 'open' && (
        <button type="button" class="main-button big-button" disabled={busy} onClick={ack}>
          {busy ? 'Acknowledging…' : 'Acknowledge'}
        </button>
      )}
      {a.status !== 'closed' && (
        <button type="button" class={a.status === 'acknowledged' ? 'main-button' : ''} onClick={() => ask('close')}>
          Close…
        </button>
      )}
      <button type="button" onClick={() => ask('assign')}>
        Assign…
      </button>
      <button type="button" onClick={() => ask('note')}>
        Note…
      </button>
      {a.status !== 'closed' && (
        <button type="button" onClick={() => ask('silence')}>
          Silence…
        </button>
      )}
      {a.status === 'closed' && <Command of={`keytrail alerts reopen ${a.id} --reason WHY`} label="To open it again" />}
      {wrong !== null && (
        <p class="note bad" role="alert">
          <b>Not acknowledged.</b> {wrong}{' '}
          <button type="button" class="quiet-button" onClick={ack}>
            Try again
          </button>
        </p>
      )}
      {asking !== null && (
        <Ask
          what={asking}
          of={a}
          onClose={() => ask(null)}
          onDone={(text) => {
            ask(null)
            say(text)
            onDone()
          }}
        />
      )}
    </div>
  )
}

const TITLE = { assign: 'Assign', note: 'Note', close: 'Close', silence: 'Silence' } as const
const VERDICTS = [
  ['true', 'A real incident', 'what it says happened, and it should not have'],
  ['expected', 'Expected', 'it happened, and it was allowed: detection learns it'],
  ['false', 'False alarm', 'it did not happen like this, or it means nothing'],
] as const

function Ask({ what, of: a, onClose, onDone }: { what: Exclude<Asking, null>; of: Alert; onClose: () => void; onDone: (text: string) => void }) {
  const [reason, setReason] = useState('')
  const [to, setTo] = useState(me.value ? me.value.user : '')
  const [verdict, setVerdict] = useState('')
  const [match, setMatch] = useState(() => matchOf(a))
  const [time, setTime] = useState('4h')
  const [busy, setBusy] = useState(false)
  const [wrong, setWrong] = useState<string | null>(null)
  const send = (): Promise<string> => {
    if (what === 'silence') return post('silences', { match, reason, for: time }).then(() => 'Silenced: nobody is told of such alerts until then')
    const more: Record<string, unknown> = reason === '' ? {} : { reason }
    if (what === 'assign') more.to = to
    if (what === 'close') more.verdict = verdict
    return act(what satisfies Act, a.id, more)
  }
  return (
    <Dialog title={TITLE[what]} onClose={onClose}>
      <form
        class="ask"
        onSubmit={(e) => {
          e.preventDefault()
          setBusy(true)
          setWrong(null)
          send()
            .then(onDone)
            .catch((x: Error) => setWrong(x.message))
            .finally(() => setBusy(false))
        }}
      >
        <p class="quiet">
          <Text of={a.title} max={200} />
        </p>
        {what === 'assign' && (
          <Field label="To">
            <input value={to} required maxLength={80} onInput={(e) => setTo(e.currentTarget.value)} />
          </Field>
        )}
        {what === 'close' && (
          <fieldset class="verdicts">
            <legend>What was it?</legend>
            {VERDICTS.map(([word, name, means]) => (
              <label key={word}>
                <input type="radio" name="verdict" required value={word} checked={verdict === word} onChange={() => setVerdict(word)} />{' '}
                <b>{name}</b> <span class="quiet">{means}</span>
              </label>
            ))}
          </fieldset>
        )}
        {what === 'silence' && <SilenceFields match={match} setMatch={setMatch} time={time} setTime={setTime} />}
        <Field label={what === 'note' ? 'Note' : what === 'silence' ? 'Why' : 'Why (may be empty)'}>
          <textarea rows={3} maxLength={what === 'silence' ? 190 : 900} required={what !== 'assign' && what !== 'close'} value={reason} onInput={(e) => setReason(e.currentTarget.value)} />
        </Field>
        {wrong !== null && (
          <p class="note bad" role="alert">
            {wrong}
          </p>
        )}
        <p class="ask-end">
          <button type="submit" class="main-button" disabled={busy}>
            {busy ? 'One moment…' : TITLE[what]}
          </button>
          <button type="button" onClick={onClose}>
            Cancel
          </button>
        </p>
      </form>
    </Dialog>
  )
}
function Field({ label, children }: { label: string; children: ComponentChildren }) {
  return (
    <label class="field">
      <span>{label}</span>
      {children}
    </label>
  )
}
/** What a silence of this alert would say: its detector and its actor, as narrow as may be. */
function matchOf(a: Alert): string {
  const quote = (s: string) => (/^[\w.@/:-]+$/.test(s) ? s : `"${s.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`)
  return [`detector:${a.detector}`, a.actor ? `actor:${quote(a.actor)}` : a.ip ? `ip:${a.ip}` : ''].filter((s) => s !== '').join(' ')
}
const TIMES = ['1h', '4h', '12h', '24h', '3d', '7d'] as const
export function SilenceFields(p: { match: string; setMatch: (s: string) => void; time: string; setTime: (s: string) => void }) {
  return (
    <>
      <Field label="Alerts that fit">
        <input value={p.match} required maxLength={900} spellcheck={false} onInput={(e) => p.setMatch(e.currentTarget.value)} />
      </Field>
      <Field label="For">
        <select value={p.time} onChange={(e) => p.setTime(e.currentTarget.value)}>
          {TIMES.map((t) => (
            <option key={t} value={t}>
              {t}
            </option>
          ))}
        </select>
      </Field>
      <p class="quiet">They are still found and kept, only nobody is told. Critical ones are told all the same, unless the query names severity:critical. What is open when it ends is told then.</p>
    </>
  )
}
