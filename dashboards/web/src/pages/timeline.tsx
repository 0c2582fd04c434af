// Timeline: what happened, in order, with what stands out said beside it, and where the log has nothing.
import { Fragment } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { get, type Moment, type Rec, type Timeline } from '../api'
import { OutcomeBadge } from '../components/badge'
import { Command } from '../components/command'
import { Answer, Empty, Failure } from '../components/states'
import { Text } from '../components/text'
import { Value } from '../components/value'
import { useAsk } from '../hooks'
import { scoped, sees } from '../me'
import { count, plural } from '../plain'
import { href } from '../router'
import { clock, day, exact, zoneText } from '../time'

export interface Question {
  q: string
  since: string
  until: string
  tz: number
}
const SHOWN = 500 // moments a question

export function TimelineView({ question, onLook }: { question: Question; onLook: (r: Rec) => void }) {
  const asked = useAsk<Timeline>('timeline', { ...question, limit: SHOWN })
  return (
    <Answer of={asked} what="Putting it in order">
      {(t) => <Shown key={t.command} of={t} question={question} onLook={onLook} />}
    </Answer>
  )
}
function Shown({ of: t, question, onLook }: { of: Timeline; question: Question; onLook: (r: Rec) => void }) {
  const [before, setBefore] = useState<Moment[]>([])
  const [next, setNext] = useState(t.next)
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<Error | null>(null)
  useEffect(() => {
    setBefore([])
    setNext(t.next)
  }, [t])
  const earlier = () => {
    setBusy(true)
    setError(null)
    get<Timeline>('timeline', { ...question, limit: SHOWN, cursor: next })
      .then(
        (m) => {
          setBefore((b) => [...m.moments, ...b])
          setNext(m.next)
        },
        (e: unknown) => setError(e as Error),
      )
      .finally(() => setBusy(false))
  }
  const moments = [...before, ...t.moments]
  if (moments.length === 0) return <Empty title={scoped.value ? 'Nothing that you may see fits' : 'Nothing happened that fits'} />
  return (
    <div class="stack">
      {!t.news && <p class="note">What is new was not looked for: too many actors, or too long a time. A query for one actor says it.</p>}
      {error && <Failure error={error} again={earlier} />}
      {next !== null && !error && (
        <p>
          <button type="button" disabled={busy} onClick={earlier}>
            {busy ? 'Reading…' : 'Earlier moments'}
          </button>
        </p>
      )}
      <ol class="timeline" aria-label={`Timeline, ${zoneText.value}`}>
        {moments.map((m, i) => (
          <Fragment key={`${m.at} ${m.type} ${m.record?.seq ?? m.alert ?? i}`}>
            {(i === 0 || day(m.at) !== day(moments[i - 1]?.at ?? 0)) && (
              <li class="timeline-day">
                {day(m.at)} <span class="quiet">{zoneText.value}</span>
              </li>
            )}
            <One of={m} onLook={onLook} />
          </Fragment>
        ))}
      </ol>
      <Command of={t.command} />
    </div>
  )
}
function One({ of: m, onLook }: { of: Moment; onLook: (r: Rec) => void }) {
  const r = m.record
  const notes = m.notes ?? []
  const folded = m.folded ?? 0
  return (
    <li class={`moment moment-${m.type}${notes.length > 0 ? ' notable' : ''}`}>
      <time title={exact(m.at)}>{clock(m.at)}</time>
      {r ? (
        <>
          <span>
            <button type="button" class="moment-what" onClick={() => onLook(r)} title="Everything of this record">
              {r.action}
            </button>
          </span>
          <OutcomeBadge of={r.outcome} />
          <Value field="actor" of={r.actor} max={50} />
          <Value field="secret" of={r.secret} tail />
          <span>
            <Value field="ip" of={r.ip} /> <span class="quiet">{r.country}</span>
          </span>
        </>
      ) : (
        <span class="moment-text">
          <Text of={m.text} max={400} />{' '}
          {m.alert && sees('/alert') && <a href={href('/alert', { id: m.alert, since: null, until: null })}>the alert</a>}
        </span>
      )}
      {(notes.length > 0 || folded > 0) && (
        <div class="moment-more">
          {notes.map((n) => (
            <p class="moment-note">
              ! <Text of={n} max={300} />
            </p>
          ))}
          {folded > 0 && (
            <p class="quiet">
              … {count(folded)} more like it{(m.secrets ?? 0) > 1 && `, ${plural(m.secrets ?? 0, 'secret')}`}
              {m.until ? `, until ${clock(m.until)}` : ''}
            </p>
          )}
        </div>
      )}
    </li>
  )
}
