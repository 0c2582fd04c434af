// api: what the page asks of its server (docs/api.md): the shapes of rows and answers, and how a call is made.
// Owns: the session's CSRF token. Calls: fetch. Knows nothing of what is shown.

/** Nanoseconds since the epoch, UTC. Above 2^53: the last bits are lost, nothing depends on them. */
export type Ns = number
export type Outcome = 'success' | 'denied' | 'failure' | 'not_found' | 'unknown'
export const OUTCOMES: readonly Outcome[] = ['success', 'denied', 'failure', 'not_found', 'unknown']
export type Severity = 'info' | 'low' | 'medium' | 'high' | 'critical'
export const SEVERITIES: readonly Severity[] = ['critical', 'high', 'medium', 'low', 'info']

export interface Me {
  user: string
  role: 'viewer' | 'auditor' | 'responder' | 'admin'
  scope: string | null
  csrf: string
  can: string[]
  version: string
  log: string
  store: string
  collector: boolean
  now: Ns
  zone: string
}
export interface Rec {
  seq: number
  id: string
  time?: Ns
  arrival: Ns
  kind: string
  source: string
  instance: string
  agent?: string
  actor?: string
  actor_written?: string
  actor_kind?: string
  action: string
  outcome: Outcome
  operation?: string
  secret?: string
  version?: string
  ip?: string
  country?: string
  asn?: number
  org?: string
  user_agent?: string
  session?: string
  credential?: string
  code?: string
  message?: string
  tags?: string[]
  late?: boolean
  conflict?: boolean
}
export interface Alert {
  id: string
  status: 'open' | 'acknowledged' | 'closed'
  severity: Severity
  title: string
  detector: string
  detectors: string[]
  score: number | null // with a scope: not told
  time: Ns
  first: Ns
  last: Ns
  raised: Ns
  actor: string | null
  ip: string | null
  country: string | null
  instance: string | null
  secrets: string[]
  secrets_count: number
  events_count: number
  assignee: string | null
  verdict: string | null
  acknowledged_by: string | null
  acknowledged_at: Ns | null
  closed_by: string | null
  closed_at: Ns | null
  merged_into: string | null
  suppressed_by: string | null
  silenced_by: string | null
  test: boolean
}
/** One value of a list, with its figures. */
export interface Entry {
  value: string
  more?: string | null
  kind?: string | null
  events: number
  reads?: number
  failed?: number
  usual?: number | null
  usual_per_day?: number | null
  first?: Ns | null
  dated?: boolean
  last?: Ns | null
  new?: boolean
  addresses?: number
  countries?: string
}
/** Counts a step, oldest first. */
export type Series = { from: Ns; step: Ns } & Partial<Record<Outcome, number[]>>
/** What every answer over a window ends with. */
export interface Windowed {
  window: { since: Ns | null; until: Ns } // null: from the first record
  coverage: { share?: number | null; gaps?: number | null; text: string | null } | null // without share: not known
  damage: number
}
export interface Next {
  text: string
  command: string | null
}

export interface Search extends Windowed {
  rows: Rec[]
  next: string | null
  command: string
}
export interface Histogram extends Windowed {
  series: Series
  total: number
}
export interface Facet {
  field: string
  values: { value: string; count: number }[]
  more: number
}
export interface Facets extends Windowed {
  facets: Facet[]
  total: number
}
export interface Completion {
  from: number
  to: number
  items: { text: string; kind: 'field' | 'word' | 'value'; help?: string | null }[]
}
export interface Raw {
  record: Rec
  line: string
  fields: Record<string, unknown>
  original: unknown
  leaf: string
  command: string
}
export interface Moment {
  at: Ns
  type: 'access' | 'alert' | 'step' | 'gap'
  record?: Rec | null
  notes?: string[]
  folded?: number // so many more like it, which are not listed
  secrets?: number // of how many secrets these are
  until?: Ns | null // of the last of these; end of a gap
  alert?: string | null
  text?: string | null
}
export interface Timeline extends Windowed {
  moments: Moment[] // oldest first
  older: boolean // there are earlier ones
  next: string | null // the cursor that brings them
  news: boolean // notes say what is new; false: of too many actors to say
  command: string
}
export interface Figure {
  now: number
  usual: number | null
}
export interface Country {
  country: string
  events: number
  failed: number
  actors: number
  secrets?: number
  addresses?: number
  last?: Ns
}
export interface Unlocated {
  private: number
  unknown: number
  none?: number // records without an address
}
export interface SourceState {
  source: string
  instance: string
  agent: string | null
  last_event: Ns | null
  last_contact: Ns | null
  lag_s: number | null
  silent: boolean | null // with a scope: not told
  why: string | null
}
export interface Overview extends Windowed {
  asked: Ns
  numbers: Record<'events' | 'reads' | 'failed' | 'actors' | 'secrets' | 'addresses', Figure>
  series: Series
  alerts: { open: Partial<Record<Severity, number>>; acknowledged: number; rows: Alert[] }
  sources: SourceState[]
  new: Record<'actors' | 'addresses' | 'countries' | 'secrets', { total: number; values: Entry[] }>
  countries: Country[]
  unlocated: Unlocated
  integrity: {
    state: 'cosigned' | 'signed' | 'unanchored' | 'refused' | 'unknown'
    size: number | null // with a scope: not told
    at: Ns | null
    cosigners: number | null
    text: string
  }
  learning: string | null
}
export interface Alerts {
  alerts: Alert[]
  next: string | null
  counts: { open: number; acknowledged: number; closed: number }
  quiet: number // so many more that expectations keep quiet
  damage: number // places that could not be read
  learning: string | null
}
export interface AlertPage extends Windowed {
  alert: Alert
  why: { detector: string; points: number; text: string }[]
  normal: string | null
  matters: string | null
  considered: string | null
  quiet: string | null
  production: number // what production secrets add, or their lack takes
  threshold: number
  baseline: {
    label: string
    axis: 'days' | 'hours' | 'clock' // clock: a value an hour of the day
    from: Ns | null // null: clock
    step: Ns
    values: number[]
    usual: number | null
    usual_is: string | null
    now: number
    at: number // the step of the last evidence
  } | null
  evidence: Rec[]
  evidence_missing: number
  related: Alert[]
  next: Next[]
  delivery: { target: string; action: string; state: string; at: Ns; tries: number; code: number; error: string | null; text: string | null }[]
  steps: { what: string; by: string | null; where: string | null; at: Ns; text: string | null }[]
  markdown: string
}
export interface Silence {
  id: string
  match: string | null // as the reason null for viewers: words of people may name a canary
  reason: string | null
  by: string
  from: Ns
  until: Ns | null
  removed?: Ns | null
  open: boolean
}
export type ListName =
  'actor' | 'secret' | 'address' | 'network' | 'country' | 'asn' | 'instance' | 'user_agent' | 'session' | 'credential'
/** What every page of a name, and of a source, shows. */
export interface Figures {
  numbers: {
    events: number
    reads: number
    failed: number
    usual: number | null
    usual_per_day: number | null
    usual_days?: number | null
    first: Ns | null
    dated?: boolean
    last: Ns | null
  }
  counts: { action: string; outcome: Outcome; now: number; usual: number | null }[]
  heat: number[][] | null
  series: Series
  lists: Partial<Record<ListName, Entry[]>>
  more: Partial<Record<ListName, number>>
  cut: boolean
  query: string
}
export interface SecretState {
  listed: boolean | null
  owner: string | null
  version: string | null
  created: Ns | null
  last_rotated: Ns | null
  rotated_from: string | null
  age_since: Ns | null
  age_of: string | null
  next_due: Ns | null
  expires: Ns | null
  deleted: boolean | Ns | null
  gone: boolean | null
}
export interface Peer {
  events: number
  reads: number
  failed: number
  secrets: number
}
export interface Named extends Windowed, Figures {
  kind: 'actor' | 'secret' | 'ip' | 'session'
  value: string
  title: string
  facts: { name: string; text: string | null; time?: Ns | null }[]
  alerts: Alert[]
  alerts_open: number
  alerts_total: number
  next: { text: string; value: string; command: string }[]
  state?: SecretState | null
  rotate?: { hint: string | null; owner: string | null; tell: { actor: string; kind: string | null; events: number; last: Ns }[]; more: number } | null
  identity?: { name: string; kind: string | null; team: string | null; manager: string | null; time_zone: string | null; left: string | null; aliases: { actor: string; source: string | null; instance: string | null }[] } | null
  peers?: { own: Peer; median: Peer & { kind: string; team: string | null; n: number } } | null
  near?: Entry[] | null
}
export interface BlastSecret {
  secret: string
  state: string
  exposed: boolean
  state_since: string | null
  state_by: string | null
  production: boolean | null // null: not known
  reads: number
  first_read: string | null
  last_read: string | null
  versions_read: string[]
  version_now: string | null
  rotate_hint: string | null
  owner: string | null
  other_readers_30d: { actor: string; reads?: number; reads_30d?: number }[]
}
export interface BlastPage extends Partial<Pick<Windowed, 'coverage' | 'damage'>> {
  credential: string
  as: string
  taken_for: string
  since: string | null
  until: string | null
  command: string
  summary: string
  records: number
  reads: number
  failed: number
  exposed: number
  exposed_production: number
  first: string | null
  last: string | null
  secrets: BlastSecret[]
}
export interface CoverageDay {
  share: number | null
  events: number
  quarantined: number
  late_s: number | null
}
export interface Gap {
  instance: string | null // null: of all sources
  from: Ns
  until: Ns
  cause: string
  text: string
  filled: boolean
  filled_at: Ns | null
  open?: boolean
  events: number
}
export interface SourcePage extends Windowed, Figures {
  source: string
  instance: string
  agent: string | null
  first: Ns | null
  last: Ns | null
  share: number | null
  first_day: Ns
  days: CoverageDay[]
  gaps: Gap[]
  blind: string[]
  last_report: Ns | null
  lag_bytes: number | null
  lost: number | null
  program: string | null
}
export interface MapPage extends Windowed {
  events: number
  countries: Country[]
  unlocated: Unlocated
}
export interface CoveragePage extends Windowed {
  first_day: string
  days: number
  sources: {
    source: string
    instance: string
    agent: string | null
    first: Ns | null
    last: Ns | null
    share: number | null
    days: CoverageDay[]
    blind: string[]
    last_report: Ns | null
    lag_bytes: number | null
  }[]
  gaps: Gap[]
  more_gaps: number
  agents: {
    name: string
    program: string | null
    last_report: Ns | null
    sources: number
    spool_bytes: number | null
    lost: number | null
  }[]
}
export interface IntegrityPage {
  log: string
  size: number
  checkpoint: { signed: boolean; readable?: boolean; at: Ns | null; size: number | null; cosigners: string[]; keys: string[]; note: string } | null
  verify: {
    state: 'none' | 'never' | 'running' | 'done' | 'failed' // none: this page runs nothing of its own
    began: Ns | null
    at: Ns | null
    result: Record<string, unknown> | null // as keytrail verify -o json
    text: string | null // what it printed instead
  }
  holds: { id: string; query: string; reason: string; by: string; since: Ns | null; until: Ns | null; at: Ns }[]
  holds_unreadable: number
  retention: { days: number | null; removed_events: number; oldest: Ns | null } | null
  live: {
    away: string | null // why the collector does not answer
    checkpoint?: Record<string, unknown> | null
    copies?: Record<string, unknown> | null
    retention?: Record<string, unknown> | null
  } | null
}
export interface Job {
  running: boolean
  failed: boolean // it ended, not well: killed, or with an error
  about: string | null
  began: Ns | null
  ended: Ns | null
  said: string | null
}
export interface Package {
  name: string
  package: string
  kind: string
  organisation: string | null
  from: string // RFC 3339
  until: string
  made: string
  operator: string | null
  key: string | null
  files: { path: string; bytes: number; rows: number | null; sha256: string }[]
  bytes: number
}
export interface Reports {
  kinds: { name: string; title: string; framework: string; about: string }[]
  packages: Package[]
  more: number
  making: Job
  checking: Job
}
export interface Settings {
  written: string // the configuration, YAML
  effective: string // the same with every default
  detectors: { name: string; summary: string; options: string; set: boolean }[]
  detection: Record<string, unknown> | null
  collector: Record<string, unknown> | null // as the control socket's status
  collector_away: string | null
}
export interface Status {
  store: Record<string, number | null>
  collector: Record<string, unknown> | null
  collector_away: string | null
}
export interface Counters {
  at: Ns
  head: number
  events: number
  per_minute: number
  alerts_open: Partial<Record<Severity, number>>
  silent: number
  collector: boolean
}

/** A call that was not answered with data. Its message is the server's sentence, for people. */
export class ApiError extends Error {
  constructor(
    readonly status: number, // 0: no answer at all
    message: string,
    readonly at: number | null = null, // where in the query, in bytes of UTF-8
    readonly len: number | null = null,
    readonly retry_s: number | null = null,
  ) {
    super(message)
    this.name = 'ApiError'
  }
}

export type Value = string | number | boolean | null | undefined
export type Params = Record<string, Value | readonly string[]>

let csrf = ''
let unknown: () => void = () => {}
/** What happens when the server no longer knows who asks. */
export function onLoggedOut(f: () => void): void {
  unknown = f
}
export function holdCsrf(token: string): void {
  csrf = token
}

/** The address of a call; lists become one parameter a value; empty ones are left out. Words like
 * "today" are those of the viewer's zone: `tz` is sent along where the call has a window. */
export function address(call: string, params: Params = {}): string {
  const p = new URLSearchParams()
  for (const [name, value] of Object.entries(params))
    if (Array.isArray(value)) for (const v of value as readonly string[]) p.append(name, v)
    else if (value !== null && value !== undefined && value !== '') p.append(name, String(value))
  const text = p.toString()
  return `/api/v1/${call}${text === '' ? '' : `?${text}`}`
}

async function refusal(r: Response): Promise<ApiError> {
  let said: { error?: unknown; at?: unknown; len?: unknown } = {}
  try {
    said = (await r.json()) as typeof said
  } catch {
    /* an answer of something in between, not of our server: the status has to do */
  }
  const number = (x: unknown) => (typeof x === 'number' ? x : null)
  const wait = Number(r.headers.get('Retry-After'))
  return new ApiError(
    r.status,
    typeof said.error === 'string' ? said.error : `The server answered ${r.status} ${r.statusText}`.trim(),
    number(said.at),
    number(said.len),
    wait > 0 ? wait : null,
  )
}

/** Somebody touched the page since a request said so last. */
let touched = true
export function listenForPeople(to: EventTarget): void {
  for (const kind of ['keydown', 'pointerdown', 'wheel', 'touchstart'])
    to.addEventListener(kind, () => (touched = true), { passive: true, capture: true })
}
/** What the page asks by itself is no use of the session: only requests behind an act of a person say that there is one. */
function person(): Record<string, string> {
  const mark: Record<string, string> = touched ? { 'X-Person': '1' } : {}
  touched = false
  return mark
}

type Init = RequestInit & { headers?: Record<string, string> }
async function ask<T>(url: string, init: Init, call: string): Promise<T> {
  let r: Response
  try {
    r = await fetch(url, { credentials: 'same-origin', cache: 'no-store', ...init, headers: { ...init.headers, ...person() } })
  } catch (e) {
    if (e instanceof DOMException && e.name === 'AbortError') throw e
    throw new ApiError(0, 'The dashboard’s server cannot be reached: is it running, and is the network up?')
  }
  if (!r.ok) {
    const error = await refusal(r)
    if (r.status === 401 && call !== 'login') unknown()
    throw error
  }
  return (await r.json()) as T
}

/** Asks; rejects with ApiError, or with the AbortError of `signal`. */
export function get<T>(call: string, params: Params = {}, signal?: AbortSignal): Promise<T> {
  return ask<T>(address(call, params), signal ? { signal } : {}, call)
}
export function post<T>(call: string, body: Record<string, unknown>): Promise<T> {
  const headers = { 'Content-Type': 'application/json', 'X-CSRF-Token': csrf }
  return ask<T>(address(call), { method: 'POST', headers, body: JSON.stringify(body) }, call)
}
export function isAbort(e: unknown): boolean {
  return e instanceof DOMException && e.name === 'AbortError'
}
