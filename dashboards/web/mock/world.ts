// An invented house: a day of records, some alerts, and the names of people who mean harm to a page that shows them.
import type { ServerResponse } from 'node:http'
import type {
  Alert, AlertPage, Alerts, Completion, CoveragePage, Entry, Facets, Histogram, IntegrityPage, MapPage, Me, Named, Ns, Outcome, Overview,
  Raw, Rec, Reports, Search, Series, Settings, Severity, SourcePage, Timeline,
} from '../src/api'

let seed = 7
function rnd(): number {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
  return seed / 2 ** 32
}
function pick<T>(of: readonly T[]): T {
  return of[Math.floor(rnd() ** 2 * of.length)] as T
}
const SECOND = 1e9
const HOUR = 3600 * SECOND
const DAY = 24 * HOUR
const NOW: Ns = Math.floor(Date.now() / 1000) * SECOND
export const HOSTILE = [
  '<img src=x onerror=alert(1)>',
  '"><script>alert(document.domain)</script>',
  'javascript:alert(1)',
  'evil\u202egpj.exe\u2066',
  'a\u0000b\u001b[31mred\u0007',
  'zero\u200bwidth\ufeffname',
  "'; DROP TABLE events; --",
  `long-${'n'.repeat(100_000)}`,
]
const ACTORS = ['svc-payments@k8s', 'alice@example.com', 'deploy-bot', 'bob@example.com', 'svc-ledger@k8s', 'carol@example.com', 'agent-claims', ...HOSTILE]
const SECRETS = ['vault://acme/-/secret/prod/db/main', 'vault://acme/-/secret/prod/stripe/live', 'aws-sm://111122223333/eu-central-1/prod/api', 'vault://acme/-/secret/stage/db', ...HOSTILE]
const PLACES: [string, string, number, string][] = [
  ['198.51.100.20', 'DE', 3320, 'Deutsche Telekom AG'], ['203.0.113.7', 'FR', 3215, 'Orange S.A.'], ['192.0.2.44', 'US', 16509, 'Amazon.com'],
  ['2001:db8:7::21', 'GB', 2856, 'British Telecommunications'], ['198.51.100.99', 'BR', 28573, 'Claro NXT'], ['10.2.4.8', '', 0, ''],
]
const OUTS: Outcome[] = ['success', 'success', 'success', 'success', 'success', 'success', 'success', 'denied', 'failure', 'not_found']
function makeRecord(i: number): Rec {
  const [ip, country, asn, org] = pick(PLACES)
  const actor = pick(ACTORS)
  const source = rnd() < 0.7 ? 'vault' : 'cloudtrail'
  const outcome = OUTS[Math.floor(rnd() * OUTS.length)] as Outcome
  return {
    seq: 400_000 - i, id: `01JD${String(i).padStart(22, '0')}`, time: NOW - i * 97 * SECOND - Math.floor(rnd() * 60) * SECOND, arrival: NOW - i * 97 * SECOND,
    kind: 'access', source, instance: source === 'vault' ? 'vault-prod' : 'aws-main', agent: 'web-1', actor,
    actor_kind: /^svc|bot|agent/.test(actor) ? 'service' : 'human', action: pick(['read', 'list', 'login', 'write']), outcome,
    operation: source === 'vault' ? 'read' : 'GetSecretValue', secret: pick(SECRETS), version: String(1 + (i % 7)), ip,
    ...(country ? { country, asn, org } : {}), user_agent: pick(['vault-agent/1.17', 'aws-cli/2.15', 'curl/8.5', ...HOSTILE.slice(0, 2)]), session: `s-${i % 40}`,
    ...(outcome === 'success' ? {} : { code: outcome === 'denied' ? '403' : '500', message: 'permission denied: policy "payments-ro"' }), tags: [],
    ...(i % 41 === 0 ? { late: true } : {}),
  }
}
const RECORDS = Array.from({ length: 900 }, (_, i) => makeRecord(i))
const alertOf = (i: number, severity: Severity, title: string, status: Alert['status'], actor: string): Alert => ({
  id: `01JD4AL${String(i).padStart(19, '0')}`, status, severity, title, detector: 'volume_spike', detectors: ['volume_spike', 'unexpected_ip'], score: 8.4 - i / 2,
  time: NOW - i * HOUR, first: NOW - i * HOUR - 6 * 60 * SECOND, last: NOW - i * HOUR, raised: NOW - i * HOUR + 3 * SECOND, actor, ip: '203.0.113.7', country: 'FR', instance: 'vault-prod',
  secrets: SECRETS.slice(0, 3), secrets_count: 41, events_count: 41, assignee: null, verdict: status === 'closed' ? 'expected' : null,
  acknowledged_by: status === 'open' ? null : 'bob', acknowledged_at: status === 'open' ? null : NOW - 20 * 60 * SECOND,
  closed_by: status === 'closed' ? 'bob' : null, closed_at: status === 'closed' ? NOW - 600 * SECOND : null, merged_into: null, suppressed_by: null, silenced_by: null, test: false,
})
const ALERTS: Alert[] = [
  alertOf(0, 'critical', 'alice@example.com read 41 secrets in 6 minutes from a country she has not been in: her busiest hour in 28 days had 11', 'open', 'alice@example.com'),
  alertOf(1, 'high', `${HOSTILE[0]} read a canary`, 'open', HOSTILE[0] as string),
  alertOf(2, 'medium', 'deploy-bot was denied 14 times in 10 minutes', 'open', 'deploy-bot'),
  alertOf(3, 'low', 'bob@example.com used a new user agent', 'acknowledged', 'bob@example.com'),
  alertOf(5, 'high', 'svc-ledger@k8s read at an hour it never reads', 'closed', 'svc-ledger@k8s'),
]

function series(from: Ns, step: Ns, n: number, level: number): Series {
  seed = 11
  const wave = (k: number) => Math.max(0, Math.round(level * (1 + Math.sin((k / n) * 12)) * (0.6 + rnd() * 0.8)))
  const of = (share: number) => Array.from({ length: n }, (_, k) => Math.round(wave(k) * share))
  return { from, step, success: of(1), denied: of(0.09), failure: of(0.03), not_found: of(0.02), unknown: of(0) }
}
const SPANS: Record<string, Ns> = { '15m': HOUR / 4, '1h': HOUR, '24h': DAY, '7d': 7 * DAY, '30d': 30 * DAY, '90d': 90 * DAY, today: 20 * HOUR, yesterday: DAY }
function windowOf(p: URLSearchParams, usual: string): { since: Ns; until: Ns } {
  const end = (s: string | null, other: Ns) => (s && /^\d{4}-/.test(s) ? Date.parse(s) * 1e6 : other)
  const until = end(p.get('until'), NOW)
  return { since: end(p.get('since'), until - (SPANS[p.get('since') ?? usual] ?? DAY)), until }
}
const covers = (window: { since: Ns; until: Ns }) => ({
  window, coverage: { share: 0.973, gaps: 1, text: 'coverage 97.3 %: op-events has no records from 19:40 to 20:10 (agent restart), not filled yet' }, damage: 0,
})
const entry = (value: string, i: number): Entry => ({
  value, more: i % 3 === 0 ? 'Deutsche Telekom AG' : null, kind: 'human', events: 402 - i * 31, reads: 380 - i * 30, failed: i, usual: 390 - i * 20, usual_per_day: 57 - i * 4,
  first: NOW - (90 - i) * DAY, dated: true, last: NOW - i * HOUR, new: i === 2,
})
const ME: Me = { user: 'alice', role: 'admin', scope: null, csrf: 'f00d', can: ['act', 'reports'], version: '0.1.0', log: '9f3c2a1b00', store: 'keytrail.db', collector: true, now: NOW, zone: 'UTC' }
function matches(r: Rec, q: string): boolean {
  return q.split(/\s+/).filter(Boolean).every((t) => {
    const m = /^(-?)(\w+):"?(.*?)"?$/.exec(t)
    if (!m) return JSON.stringify(r).includes(t)
    return (String((r as unknown as Record<string, unknown>)[m[2] as string] ?? '') === m[3]?.replace(/\\(.)/g, '$1')) !== (m[1] === '-')
  })
}
type Answer = [number, unknown]
type Call = (p: URLSearchParams, body: Record<string, unknown>) => unknown
class Refused extends Error {
  constructor(readonly status: number, readonly body: unknown) {
    super('refused')
  }
}
function judged(p: URLSearchParams): string {
  const q = p.get('q') ?? ''
  const bad = /(\w+):/.exec(q)
  const known = ['actor', 'secret', 'ip', 'country', 'asn', 'source', 'instance', 'action', 'outcome', 'user_agent', 'actor_kind', 'session']
  if (bad?.[1] && !known.includes(bad[1])) throw new Refused(400, { error: `unknown field '${bad[1]}': did you mean 'actor'?`, at: bad.index, len: bad[1].length })
  return q
}
const named = (kind: Named['kind']): Call => (p) => {
  const w = windowOf(p, '7d')
  const rows = (of: readonly string[]) => of.map(entry)
  const d: Named = {
    kind, value: p.get('value') ?? '', title: p.get('value') ?? '', facts: [{ name: 'kind', text: 'human' }, { name: 'team', text: 'payments' }, { name: 'also known as', text: 'oidc:alice, AWS role dev-alice' }],
    numbers: { events: 1204, reads: 1100, failed: 14, usual: 900, usual_per_day: 128, first: NOW - 200 * DAY, last: NOW - 60 * SECOND },
    counts: [{ action: 'read', outcome: 'success', now: 1086, usual: 880 }, { action: 'read', outcome: 'denied', now: 14, usual: 1 }],
    heat: Array.from({ length: 7 }, (_, i) => Array.from({ length: 24 }, (_h, h) => (i < 5 && h > 7 && h < 19 ? Math.round(30 * Math.sin((h - 7) / 4) ** 2) : h === 3 ? 1 : 0))),
    series: series(w.since, DAY, 7, 150),
    lists: { actor: kind === 'actor' ? [] : rows(ACTORS), secret: kind === 'secret' ? [] : rows(SECRETS), address: rows(PLACES.map((x) => x[0])), country: rows(['DE', 'FR', 'US']), user_agent: rows(['vault-agent/1.17', HOSTILE[0] as string]), session: rows(['s-1', 's-2']) },
    more: { address: 12 }, alerts: ALERTS.slice(0, 2), alerts_open: 2, alerts_total: 2, cut: false, next: [{ text: 'What they touched', value: 'alice@example.com', command: "keytrail blast alice@example.com --since 7d" }], query: `${kind}:x`, ...covers(w),
  }
  return d
}
const CALLS: Record<string, Call> = {
  'GET me': () => ME,
  'POST login': (_p, b) => {
    if (b['password'] === 'wrong') throw new Refused(401, { error: 'The name or the password is wrong.' })
    return ME
  },
  'POST logout': () => ({}),
  'GET overview': (p): Overview => {
    const w = windowOf(p, '24h')
    const fig = (now: number, usual: number) => ({ now, usual })
    const list = (of: readonly string[]) => ({ total: of.length + 3, values: of.map(entry) })
    return {
      asked: NOW, numbers: { events: fig(18_402, 17_900), reads: fig(15_310, 15_000), failed: fig(412, 130), actors: fig(61, 58), secrets: fig(340, 352), addresses: fig(77, 71) },
      series: series(w.since, (w.until - w.since) / 96, 96, 160), alerts: { open: { critical: 1, high: 1, medium: 1 }, acknowledged: 1, rows: ALERTS.filter((a) => a.status === 'open') },
      sources: [
        { source: 'vault', instance: 'vault-prod', agent: 'web-1', last_event: NOW - 2 * SECOND, last_contact: NOW - SECOND, lag_s: 1.2, silent: false, why: null },
        { source: 'cloudtrail', instance: 'aws-main', agent: 'web-1', last_event: NOW - 420 * SECOND, last_contact: NOW - SECOND, lag_s: 380, silent: false, why: null },
        { source: 'onepassword', instance: 'op-events', agent: 'web-2', last_event: NOW - 50 * 60 * SECOND, last_contact: NOW - 48 * 60 * SECOND, lag_s: null, silent: true, why: 'no contact with agent web-2 for 48 min; usually an event every 2 min' },
      ],
      new: { actors: list([...ACTORS.slice(2, 4), ...HOSTILE.slice(0, 4)]), addresses: list(['203.0.113.7', '2001:db8:7::21']), countries: list(['FR']), secrets: list(SECRETS.slice(1, 5)) },
      countries: [{ country: 'DE', events: 14_100, failed: 60, actors: 40 }, { country: 'US', events: 2300, failed: 12, actors: 9 }, { country: 'FR', events: 410, failed: 300, actors: 2 }, { country: 'BR', events: 31, failed: 31, actors: 1 }, { country: 'SG', events: 9, failed: 0, actors: 1 }],
      unlocated: { private: 1520, unknown: 32 }, integrity: { state: 'cosigned', size: 18_402_911, at: NOW - 40 * SECOND, cosigners: 2, text: 'signed 40 s ago, 2 cosigners' },
      learning: 'volume_spike learns until 2026-11-29: it says nothing about 4 new actors before that', ...covers(w),
    }
  },
  'GET search': (p): Search => {
    const q = judged(p)
    const from = Number(p.get('cursor') ?? 0)
    const all = RECORDS.filter((r) => matches(r, q))
    const limit = Number(p.get('limit') ?? 100)
    return { rows: all.slice(from, from + limit), next: from + limit < all.length ? String(from + limit) : null, command: `keytrail search '${q}' --since ${p.get('since') ?? '24h'}`, ...covers(windowOf(p, '24h')) }
  },
  'GET histogram': (p): Histogram => {
    const q = judged(p)
    const w = windowOf(p, '24h')
    const n = Number(p.get('buckets') ?? 120)
    return { series: series(w.since, (w.until - w.since) / n, n, q === '' ? 160 : 20), total: RECORDS.filter((r) => matches(r, q)).length, ...covers(w) }
  },
  'GET facets': (p): Facets => {
    const q = judged(p)
    const rows = RECORDS.filter((r) => matches(r, q))
    const facets = p.getAll('field').map((field) => {
      const by = new Map<string, number>()
      for (const r of rows) {
        const v = (r as unknown as Record<string, unknown>)[field]
        if (v !== undefined) by.set(String(v), (by.get(String(v)) ?? 0) + 1)
      }
      const values = [...by].sort((a, b) => b[1] - a[1]).map(([value, count]) => ({ value, count }))
      return { field, values: values.slice(0, 10), more: Math.max(0, values.length - 10) }
    })
    return { facets, total: rows.length, ...covers(windowOf(p, '24h')) }
  },
  'GET complete': (p): Completion => {
    const q = p.get('q') ?? ''
    const at = Number(p.get('at') ?? q.length)
    const word = /[^\s(]*$/.exec(q.slice(0, at))?.[0] ?? ''
    const value = /^-?(\w+):(.*)$/.exec(word)
    if (value) {
      const of = value[1] === 'actor' ? ACTORS.slice(0, 7) : value[1] === 'outcome' ? ['success', 'denied', 'failure', 'not_found'] : []
      return { from: at - (value[2] ?? '').length, to: at, items: of.filter((v) => v.startsWith(value[2] ?? '')).map((text) => ({ text, kind: value[1] === 'outcome' ? 'word' : 'value' })) }
    }
    const fields: [string, string][] = [['actor:', 'who'], ['secret:', 'what'], ['ip:', 'an address or a network'], ['action:', 'read, list, write, login…'], ['outcome:', 'success, denied, failure'], ['country:', 'of the address'], ['source:', 'kind of store'], ['instance:', 'which one']]
    return { from: at - word.length, to: at, items: fields.filter(([f]) => f.startsWith(word.replace(/^-/, ''))).map(([text, help]) => ({ text, kind: 'field', help })) }
  },
  'GET check': (p) => (judged(p), { ok: true }),
  'GET record': (p): Raw => {
    const record = RECORDS.find((r) => r.seq === Number(p.get('seq')))
    if (!record) throw new Refused(404, { error: 'there is no record of that number' })
    return { record, line: JSON.stringify(record), fields: record as unknown as Record<string, unknown>, original: { type: 'response', auth: { display_name: record.actor }, request: { path: record.secret } }, leaf: '9f3ce1'.repeat(10), command: `keytrail prove ${record.id}` }
  },
  'GET timeline': (p): Timeline => {
    const q = judged(p)
    const rows = RECORDS.filter((r) => matches(r, q)).slice(0, 120).reverse()
    const moments = rows.map((record, i) => ({ at: record.time ?? record.arrival, type: 'access' as const, record, notes: i % 17 === 3 ? ['first time from there, 22 min after DE (1,050 km)'] : [], folded: i % 29 === 5 ? 38 : 0 }))
    return { moments: [...moments.slice(0, 40), { at: NOW - 50 * 60 * SECOND, type: 'gap', text: 'no events from source op-events 19:40–20:10 (agent restart)' }, ...moments.slice(40)], older: false, next: null, news: true, command: 'keytrail timeline', ...covers(windowOf(p, '24h')) }
  },
  'GET alerts': (p): Alerts => {
    const s = p.get('status') ?? 'open'
    const of = (x: string) => ALERTS.filter((a) => x === 'all' || a.status === x)
    return { alerts: of(s), next: null, counts: { open: of('open').length, acknowledged: of('acknowledged').length, closed: of('closed').length }, quiet: 2, damage: 0, learning: null }
  },
  'GET alert': (p): AlertPage => {
    const alert = ALERTS.find((a) => a.id === p.get('id'))
    if (!alert) throw new Refused(404, { error: 'there is no alert of that id' })
    return {
      alert, why: [{ detector: 'volume_spike', points: 4.3, text: '41 distinct secrets in 6 min; busiest hour in 28 days had 11' }, { detector: 'unexpected_ip', points: 2.1, text: 'new country for this actor' }],
      normal: '3 secrets a day, from DE, on weekdays from 8 to 18', matters: 'prod secrets were read', considered: 'no deploy window, no break-glass tag, the actor is a person', quiet: 'fewer than 18 secrets in an hour', production: 0.5, threshold: 3, ...covers(windowOf(p, '24h')),
      baseline: { label: 'secrets a day', axis: 'days', from: NOW - 28 * DAY, step: DAY, values: Array.from({ length: 28 }, (_, i) => (i === 27 ? 41 : i % 7 > 4 ? 0 : 2 + (i % 4))), usual: 3, usual_is: 'the mean before', now: 41, at: 27 },
      evidence: RECORDS.slice(0, 41), evidence_missing: 0, related: ALERTS.slice(1, 3), next: [{ text: 'Everything from that network', command: "keytrail search 'ip:203.0.113.0/24' --since 30d" }],
      delivery: [{ target: 'slack-sec', action: 'open', state: 'sent', at: NOW, tries: 1, code: 200, error: null, text: 'sent open to slack-sec (200)' }, { target: 'pagerduty', action: 'open', state: 'waiting', at: NOW, tries: 3, code: 503, error: 'service unavailable', text: 'waiting open to pagerduty (503) after 3 tries' }],
      steps: alert.acknowledged_by ? [{ what: 'ack', by: 'bob', where: 'page', at: alert.acknowledged_at ?? NOW, text: null }] : [], markdown: `**${alert.severity}** ${alert.title}`,
    }
  },
  'POST alerts/act': (_p, b) => {
    for (const a of ALERTS) if ((b['ids'] as string[]).includes(a.id) && b['do'] === 'ack') Object.assign(a, { status: 'acknowledged', acknowledged_by: 'alice', acknowledged_at: NOW })
    return { results: (b['ids'] as string[]).map((id) => ({ id, ok: true })) }
  },
  'GET silences': () => ({ silences: [{ id: '01JDSILENCE', match: 'actor:deploy-bot detector:failed_attempts', reason: 'CHG-4711', by: 'bob', from: NOW - HOUR, until: NOW + 3 * HOUR, open: true }], damage: 0 }),
  'POST silences': () => ({ id: '01JDSILENCE2' }),
  'POST silences/end': () => ({}),
  'GET actor': named('actor'),
  'GET secret': named('secret'),
  'GET ip': named('ip'),
  'GET session': named('session'),
  'GET source': (p): SourcePage => {
    const w = windowOf(p, '30d')
    return { source: 'vault', instance: p.get('instance') ?? '', agent: 'web-1', first: NOW - 90 * DAY, last: NOW, share: 0.98, first_day: NOW - 29 * DAY, days: days(30), gaps: [], blind: ['reads through performance standbys'], last_report: NOW, lag_bytes: 0, lost: 0, program: 'keytrail-agent 0.1.0', numbers: { events: 27_000, reads: 26_000, failed: 12, usual: null, usual_per_day: null, first: NOW - 90 * DAY, last: NOW }, counts: [], heat: null, series: series(w.since, DAY, 30, 900), lists: { actor: ACTORS.map(entry), secret: SECRETS.map(entry) }, more: {}, cut: false, query: 'instance:x', ...covers(w) }
  },
  'GET blast': (p) => ({ credential: p.get('value') ?? '', as: 'actor', taken_for: 'an actor of the log', since: null, until: null, command: 'keytrail blast x', summary: '2 reads of 1 secret; still exposed 1', records: 2, reads: 2, failed: 0, exposed: 1, exposed_production: 1, first: null, last: null, secrets: [{ secret: SECRETS[0], state: 'exposed', exposed: true, state_since: null, state_by: null, production: true, reads: 2, first_read: null, last_read: null, versions_read: [], version_now: null, rotate_hint: 'vault kv patch …', owner: null, other_readers_30d: [{ actor: ACTORS[1] }] }] }),
  'GET map': (p): MapPage => {
    const o = (CALLS['GET overview'] as Call)(p, {}) as Overview
    return { events: 18_402, countries: o.countries.map((c) => ({ ...c, secrets: 12, addresses: 4, last: NOW })), unlocated: { ...o.unlocated, none: 7 }, ...covers(windowOf(p, '24h')) }
  },
  'GET coverage': (p): CoveragePage => ({
    first_day: '2026-10-24', days: 30, sources: ['vault-prod', 'aws-main', 'op-events'].map((instance, i) => ({ source: ['vault', 'cloudtrail', 'onepassword'][i] as string, instance, agent: `web-${1 + (i >> 1)}`, first: NOW - 90 * DAY, last: NOW, share: i === 2 ? 0.973 : 1, days: days(30), blind: i === 1 ? ['data events of S3 are not in the trail'] : [], last_report: NOW, lag_bytes: i === 2 ? 81_200 : 0 })),
    gaps: [{ instance: 'op-events', from: NOW - 50 * 60 * SECOND, until: NOW - 20 * 60 * SECOND, cause: 'agent_down', text: 'agent restart', filled: false, filled_at: null, open: true, events: 0 }], more_gaps: 0,
    agents: [{ name: 'web-1', program: 'keytrail-agent 0.1.0', last_report: NOW, sources: 2, spool_bytes: 0, lost: 0 }, { name: 'web-2', program: 'keytrail-agent 0.1.0', last_report: NOW - 48 * 60 * SECOND, sources: 1, spool_bytes: 81_200, lost: 0 }], ...covers(windowOf(p, '30d')),
  }),
  'GET integrity': (): IntegrityPage => ({
    log: '9f3c2a1b00', size: 18_402_911, checkpoint: { signed: true, size: 18_402_900, at: NOW - 40 * SECOND, cosigners: ['witness-a', 'witness-b'], keys: ['9f3ce1'.repeat(10)], note: 'acme-prod\n18402900\n…' },
    verify: { state: 'done', began: NOW - 8 * HOUR - 60 * SECOND, at: NOW - 8 * HOUR, result: { verdict: 'ok', records: 18_402_911 }, text: null }, holds: [{ id: 'h1', query: 'actor:alice@example.com', reason: 'case 17', by: 'carol', since: null, until: null, at: NOW - 3 * DAY }], holds_unreadable: 0,
    retention: { days: 400, removed_events: 0, oldest: NOW - 300 * DAY }, live: { away: null, checkpoint: null, copies: null, retention: null },
  }),
  'POST integrity/verify': () => ({}),
  'GET reports': (): Reports => ({
    kinds: [{ name: 'soc2', title: 'SOC 2', framework: 'TSC 2017', about: 'CC6.1 to CC8.1 over a period' }, { name: 'pci', title: 'PCI DSS 4.0', framework: 'PCI DSS', about: 'requirement 10' }],
    packages: [{ name: 'soc2-2026q3', package: 'evidence', kind: 'soc2', organisation: 'ACME', from: '2026-07-01T00:00:00Z', until: '2026-10-01T00:00:00Z', made: '2026-11-21T09:00:00Z', operator: 'carol', key: '9f3c', bytes: 1_812_344, files: [{ path: 'report.html', bytes: 212_000, rows: null, sha256: '9f3ce1'.repeat(10) }] }],
    more: 0, making: { running: false, failed: false, about: null, began: null, ended: null, said: null }, checking: { running: false, failed: false, about: 'soc2-2026q3', began: NOW - HOUR, ended: NOW - HOUR, said: 'every file is as it was signed' },
  }),
  'POST reports': () => ({}),
  'POST reports/verify': () => ({}),
  'GET settings': (): Settings => ({
    written: 'deployment: acme-prod\nstore:\n  retention: 400d\n', effective: 'deployment: acme-prod\nstore:\n  path: /var/lib/keytrail/keytrail.db\n  retention: 400d\n',
    detectors: [{ name: 'volume_spike', summary: 'More secrets than usual', options: 'floor_5m: 20\n', set: false }], detection: { learning: 'ready', days: 60, attention: [] },
    collector: { targets: [{ name: 'slack-sec', type: 'slack', circuit: 'closed', waiting: 0, sent: 41, dead: 0 }], streams: [] }, collector_away: null,
  }),
  'GET status': () => ({ store: { records: 18_402_911, events: 18_402_000 }, collector: null, collector_away: null }),
}
function days(n: number) {
  return Array.from({ length: n }, (_, i) => ({ share: i === 11 ? null : i === n - 1 ? 97 : 100, events: i === 11 ? 0 : 900 + i * 7, quarantined: i === 5 ? 2 : 0, late_s: i === 20 ? 640 : 1 }))
}

export function answer(method: string, call: string, p: URLSearchParams, body: Record<string, unknown>): Answer {
  const f = CALLS[`${method} ${call}`]
  if (!f) return [404, { error: `there is no call ${method} ${call}` }]
  try {
    return [200, f(p, body)]
  } catch (e) {
    if (e instanceof Refused) return [e.status, e.body]
    throw e
  }
}
export function events(res: ServerResponse): void {
  res.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' })
  let n = 0
  const say = () => {
    const c = { at: NOW, head: 400_000 + n, events: 18_402_911 + n, per_minute: 812, alerts_open: { critical: 1, high: 1, medium: 1 }, silent: 1, collector: true }
    res.write(`id: ${++n}\nevent: counters\ndata: ${JSON.stringify(c)}\n\n`)
  }
  say()
  const timer = setInterval(say, 2000)
  res.on('close', () => clearInterval(timer))
}
