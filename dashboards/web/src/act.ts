// act: what people decide about alerts, as calls; and in words what came of it.
import { ApiError, post } from './api'
import { ago } from './time'
import type { Ns } from './api'

export type Act = 'ack' | 'assign' | 'note' | 'close'
interface Result {
  alert: string
  refused?: string
  changed?: boolean
  status?: string
  by?: string
  at?: Ns
}
const DONE: Record<Act, string> = {
  ack: 'Acknowledged: nobody else is paged for it',
  assign: 'Assigned',
  note: 'Noted',
  close: 'Closed',
}
/** Rejects with a sentence for people; else says what is so now ("bob acknowledged it 2 min ago"). */
export async function act(what: Act, id: string, more: Record<string, unknown> = {}): Promise<string> {
  const answer = await post<{ results: Result[] }>('alerts/act', { do: what, ids: [id], ...more })
  const r = answer.results[0]
  if (!r) throw new ApiError(502, 'The collector did not say what came of it: look again')
  if (r.refused !== undefined) throw new ApiError(400, r.refused)
  if (r.changed === false && what === 'ack') return `${r.by ?? 'Somebody'} acknowledged it ${r.at ? ago(r.at) : 'before'}`
  return DONE[what]
}
