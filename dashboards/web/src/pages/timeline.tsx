// Timeline: what happened, in order, with what stands out said beside it, and where the log has nothing.
import type { Moment, Rec, Timeline } from '../api'
import { OutcomeBadge } from '../components/badge'
import { Command } from '../components/command'
import { Answer, Empty } from '../components/states'
import { Text } from '../components/text'
import { Value } from '../components/value'
import { useAsk } from '../hooks'
import { count } from '../plain'
import { href } from '../router'
import { clock, day, exact, zoneText } from '../time'

export interface Question {
  q: string
  since: string
  until: string
  tz: number
}
const SHOWN = 500

export function TimelineView({ question, onLook }: { question: Question; onLook: (r: Rec) => void }) {
  const asked = useAsk<Timeline>('timeline', { ...question, limit: SHOWN })
  return (
    <Answer of={asked} what="Putting it in order">
      {(t) =>
        t.moments.length === 0 ? (
          <Empty title="Nothing happened that fits" />
        ) : (
          <div class="stack">
            {t.older > 0 && (
              <p class="note">{count(t.older)} earlier moments are not shown: choose a shorter window to see them.</p>
            )}
            <ol class="timeline" aria-label={`Timeline, ${zoneText.value}`}>
              {t.moments.map((m, i) => (
                <>
                  {(i === 0 || day(m.at) !== day(t.moments[i - 1]?.at ?? 0)) && (
                    <li class="timeline-day">
                      {day(m.at)} <span class="quiet">{zoneText.value}</span>
                    </li>
                  )}
                  <One of={m} onLook={onLook} />
                </>
              ))}
            </ol>
            <Command of={t.command} />
          </div>
        )
      }
    </Answer>
  )
}
function One({ of: m, onLook }: { of: Moment; onLook: (r: Rec) => void }) {
  const r = m.record
  return (
    <li class={`moment moment-${m.type}${(m.notes ?? []).length > 0 ? ' notable' : ''}`}>
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
          <Text of={m.text} max={400} />
        </span>
      )}
      <div class="moment-more">
        {m.alert && (
          <>
            {' '}
            <a href={href('/alert', { id: m.alert, since: null, until: null })}>the alert</a>
          </>
        )}
        {(m.notes ?? []).map((n) => (
          <p class="moment-note">
            ! <Text of={n} max={300} />
          </p>
        ))}
        {(m.folded ?? 0) > 0 && <p class="quiet">… {count(m.folded ?? 0)} more of the same</p>}
      </div>
    </li>
  )
}
