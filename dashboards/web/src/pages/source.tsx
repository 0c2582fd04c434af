// One source: is it whole, what came of it, what it cannot see.
import type { SourcePage } from '../api'
import { Light } from '../components/badge'
import { Calendar } from '../components/calendar'
import { Command } from '../components/command'
import { CoverageLine } from '../components/coverage'
import { Counts, Lists, Numbers, Times } from '../components/figures'
import { Gaps } from '../components/gaps'
import { Answer, Empty } from '../components/states'
import { Text } from '../components/text'
import { useAsk } from '../hooks'
import { bytes, count, percent, plural } from '../plain'
import { href, param } from '../router'
import { shell } from '../shellword'
import { ago, askedWindow } from '../time'
import { known } from '../uncovered'

const QUIET_NS = 900e9 // an agent that said nothing for so long is away

export function SourceDetail() {
  const instance = param('instance')
  const asked = useAsk<SourcePage>(instance === '' ? null : 'source', { instance, ...askedWindow() })
  if (instance === '')
    return (
      <Empty title="Which source?">
        <a href={href('/coverage')}>All of them</a>
      </Empty>
    )
  return (
    <Answer of={asked} what="Reading the source">
      {(d) => <Shown of={d} />}
    </Answer>
  )
}
function Shown({ of: d }: { of: SourcePage }) {
  const share = known(d.share)
  // reports are looked for in the last 24 hours; without one nothing is known of how the agent stands
  const lag = d.agent === null || d.last_report === null ? null : d.lag_bytes
  const lost = lag === null ? null : d.lost
  const away = d.last_report === null || Date.now() * 1e6 - d.last_report > QUIET_NS
  return (
    <div class="stack">
      <p class="alert-title wrap">
        <Text of={d.instance} max={200} /> <span class="quiet">{d.source}</span>
      </p>
      <CoverageLine of={d} />
      <ul class="lights">
        <li>
          {d.agent === null ? <Light is="idle">imported: no agent reads it</Light> : (
            <Light is={away ? 'bad' : 'good'}>
              agent <Text of={d.agent} max={40} /> {d.last_report === null ? 'did not report within 24 h' : `reported ${ago(d.last_report)}`}
              {d.program !== null && <> ({d.program})</>}
            </Light>
          )}
        </li>
        {d.agent !== null && (
          <li>
            <Light is={lag === null ? 'idle' : lag > 0 ? 'warn' : 'good'}>{lag === null ? 'not known what is still unread' : lag > 0 ? `${bytes(lag)} not read yet` : 'all of it is read'}</Light>
          </li>
        )}
        {lost !== null && lost > 0 && (
          <li>
            <Light is="bad">{plural(lost, 'record')} lost</Light>
          </li>
        )}
        <li>
          <Light is={share === null ? 'idle' : share >= 1 ? 'good' : 'bad'}>{share === null ? 'coverage not known' : `${percent(share)} covered`}</Light>
        </li>
      </ul>
      <Numbers of={d} />
      <section class="panel">
        <h2>Day by day</h2>
        <Calendar first={d.first_day / 1e6} rows={[d]} />
      </section>
      <section class="panel">
        <h2>{d.gaps.length === 0 ? 'No gap' : plural(d.gaps.length, 'gap')}</h2>
        {d.gaps.length > 0 && <Gaps of={d.gaps} />}
      </section>
      {d.blind.length > 0 && (
        <section class="panel">
          <h2>What it never tells, or cannot see now</h2>
          <ul class="plain">
            {d.blind.map((b) => (
              <li key={b}>
                <Text of={b} max={300} />
              </li>
            ))}
          </ul>
        </section>
      )}
      <Times of={d} />
      <Counts of={d} />
      <Lists of={d} self={d.instance} />
      <Command of={`keytrail coverage --source ${shell(d.instance)} --gaps`} />
      <p class="quiet">{count(d.numbers.events)} events in this window.</p>
    </div>
  )
}
