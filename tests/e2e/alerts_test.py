#!/usr/bin/env python3
"""The life of an alert: opened, acknowledged, worse, open again, assigned, noted, closed with a verdict, over kills; targets hear each step once and in order; silences."""
import http.server, json, random, signal, threading, time
from support import *

rng = random.Random(SEED)
told = []  # (type, document), as they came
lock = threading.Lock()


class Stub(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
        with lock:
            told.append((self.headers['webhook-id'], body['type'], body['data']))
        self.send_response(200)
        self.send_header('Content-Length', '0')
        self.end_headers()

    def log_message(self, *a):
        pass


server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Stub)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
h = House()
conf = h.path('keytrail.yaml')
h.write('hook.url', f'http://127.0.0.1:{server.server_address[1]}/hook')
h.write('hook.whsec', 'whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=')
h.write('keytrail.yaml', open(conf).read() + f'''
alerts:
  targets:
    siem: {{ type: webhook, url_file: {h.path('hook.url')}, secret_file: {h.path('hook.whsec')}, allow_private: true }}
''')
h.start_collector()
h.allow('v', h.new_key('v'))
log = h.path('audit.log')
h.agent_config('v', [f'{{ id: vault-prod, type: vault, input: tail, path: {log} }}'])


def write(lines):
    with open(log, 'a') as f:
        f.write('\n'.join(lines) + '\n')


def guesses(person, net, n):
    t = time.time() - 60
    write([l for i in range(n) for l in vault_login(rng, t + i, person, net)])


def alerts(*argv):
    """What detection raised: what the collector says of itself (of a disk of this host that is nearly full, say) is not asked for here."""
    all = ndjson(keytrail('alerts', 'list', '--severity', 'medium', '--db', h.db, '-o', 'ndjson', *argv))
    return [a for a in all if a['detector'] != 'self']


def of(person, *argv):
    return [a for a in alerts(*argv) if person in a['title']]


def do(*argv, ok=True):
    return keytrail('alerts', *argv, '-c', conf, ok=ok)


def heard(id):
    """The messages about an alert. One that a kill caught before its answer was stored comes again with its id, for the receiver to drop; of
    those that only say that it grew, detection decides when there are any."""
    heard, ids, life = [], set(), None
    with lock:
        for wid, kind, data in told:
            if data['id'] != id or wid in ids or (kind == 'alert.updated' and data.get('life') == life):
                continue
            ids.add(wid)
            heard.append(kind)
            life = data.get('life')
    return heard


def restart():
    h.collector.send_signal(signal.SIGKILL)
    h.collector.wait()
    h.start_collector()


open(log, 'w').close()
h.start_agent('v')
guesses('ann', 1, 40)
check(wait_for(lambda: len(alerts()) == 1), 'guessed passwords are an alert', alerts())
first = alerts()[0]
id = first['id']
check(first['status'] == 'open' and first['severity'] == 'medium' and first['acknowledged_at'] is None, 'it is open', first)
check(wait_for(lambda: heard(id) == ['alert.opened']), 'the target is told', told)

# ---- acknowledged, over a kill ----
said = do('ack', id[:6].lower(), '--by', 'alice').stdout.decode()
check(said == f'{id}  acknowledged\n', 'acknowledged by the start of its id', said)
restart()
said = do('ack', id, '--by', 'carol').stdout.decode()
check(said.startswith(f'{id}  is acknowledged already, by alice '), 'a second one hears who was first', said)
check(wait_for(lambda: heard(id) == ['alert.opened', 'alert.acknowledged']), 'the target hears of it once', heard(id))
with lock:
    life = [d for _, kind, d in told if kind == 'alert.acknowledged'][0].get('life', {})
check(life.get('acknowledged_by') == 'alice' and life.get('acknowledged_where', '').startswith('cli on ') and life.get('status') == 'acknowledged', 'with who, where and when', life)
check([a['id'] for a in alerts('--status', 'acknowledged')] == [id] and not alerts('--status', 'open'), 'the list knows', alerts('--status', 'open'))

# ---- worse: open again by rule ----
write(vault_login(rng, time.time(), 'ann', 1, True))
check(wait_for(lambda: alerts()[0]['severity'] == 'critical' and alerts()[0]['status'] == 'open'), 'what got worse is open again', alerts())
check(wait_for(lambda: heard(id) == ['alert.opened', 'alert.acknowledged', 'alert.opened']), 'and is told as if new', heard(id))
with lock:
    life = [d for _, kind, d in told if kind == 'alert.opened'][-1]['life']
check(life['reopened_by'] == 'keytrail' and 'medium when acknowledged by alice, now critical' in life['reopened_for'], 'the rule says why', life)

# ---- assigned, noted, closed, over a kill ----
do('assign', id, '--to', 'bob', '--by', 'alice')
h.collector.send_signal(signal.SIGKILL)
h.collector.wait()
p = do('note', id, '--note', 'asked Ann', ok=False)
check(p.returncode == 5, 'nothing is taken while nobody writes', p.stderr)
h.start_collector()
do('note', id, '--note', 'asked Ann: it was not her', '--by', 'bob')
p = do('close', id, 'ZZZZ', '--verdict', 'true', '--note', 'password changed, CASE-9', '--by', 'bob', ok=False)
check(p.returncode == 7 and b"there is no alert 'ZZZZ'" in p.stderr and b'closed as true' in p.stdout, 'one that is wrong does not stop the others', p.stdout + p.stderr)
want = ['alert.opened', 'alert.acknowledged', 'alert.opened', 'alert.updated', 'alert.updated', 'alert.resolved']
check(wait_for(lambda: heard(id) == want), 'the target hears each step once, in order', heard(id))
with lock:
    check(len({w for w, _, _ in told}) == len({(w, kind, json.dumps(d.get('life'))) for w, kind, d in told}), 'an id is one message, also when it is sent again')
    check(told[-1][2]['life']['verdict'] == 'true' and told[-1][2]['life']['closed_by'] == 'bob', 'the last one has the verdict', told[-1])
a = alerts('--status', 'closed')[0]
check((a['status'], a['verdict'], a['assignee'], a['closed_by'], a['note'], a['reopened']) == ('closed', 'true', 'bob', 'bob', 'password changed, CASE-9', 1), 'the list has all of it', a)
p = do('assign', id, '--to', 'dan', ok=False)
check(p.returncode == 1 and b'is closed: reopen it first' in p.stderr, 'a closed one is not assigned', p.stderr)

shown = keytrail('alerts', 'show', id, '--db', h.db).stdout.decode()
order = ['opened by', 'sent trigger to siem (200)', 'acknowledged by alice (cli on ', 'sent acknowledge to siem (200)', 'reopened by keytrail', 'assigned to bob by alice',
         'note by bob', 'closed as true by bob', 'sent resolve to siem (200)']
at = [shown.find(x, shown.find('life (UTC)')) for x in order]
check(-1 not in at and at == sorted(at), 'show tells its life in order', shown)
line = json.loads(keytrail('alerts', 'show', id, '--db', h.db, '-o', 'ndjson').stdout)
check(line['status'] == 'closed' and line['life']['verdict'] == 'true' and [t['by'] for t in line['timeline'] if t['what'] == 'closed'] == ['bob'], 'so does JSON', line)
rows = keytrail('alerts', 'show', id, '--db', h.db, '-o', 'csv').stdout.decode().splitlines()
check(rows[0].split(',')[:4] == ['alert', 'at', 'what', 'by'] and len(rows) == 1 + len(line['timeline']), 'and CSV, a row a moment', rows)
row = json.loads(keytrail('sql', f"SELECT status, acknowledged_by, assignee, closed_by, verdict, note FROM alerts WHERE id = '{id}'", '--db', h.db, '-o', 'ndjson').stdout)
check(row == {'status': 'closed', 'acknowledged_by': None, 'assignee': 'bob', 'closed_by': 'bob', 'verdict': 'true', 'note': 'password changed, CASE-9'}, 'sql has it too', row)
ops = [r['operation'] for r in ndjson(keytrail('search', 'kind:decision', '--db', h.db, '--since', '@0', '-o', 'ndjson', '-q'))]
check(sorted(ops) == ['ack', 'assign', 'note', 'reopen', 'verdict'], 'each step is one record of the log', ops)

# ---- silences ----
p = do('silence', 'add', 'sevrity:medium', '--for', '2h', '--note', 'drill', ok=False)
check(p.returncode == 2 and b"did you mean 'severity'" in p.stderr, 'a query with a wrong field is refused', p.stderr)
p = do('silence', 'add', 'severity:medium', '--for', '31d', '--note', 'drill', ok=False)
check(p.returncode == 2 and b'30 days at most' in p.stderr, 'nothing is silenced for ever', p.stderr)
said = do('silence', 'add', 'severity:medium source:vault', '--for', '2h', '--note', 'drill', '--by', 'alice').stdout.decode()
check(said.startswith('silence-1: '), 'a silence has a name', said)
guesses('eve', 2, 40)
check(wait_for(lambda: of('45.83.2.0')), 'what is silenced is stored')
quiet = of('45.83.2.0')[0]
check((quiet['silenced_by'] or '').startswith('silenced by alice until '), 'and listed with who silenced it', quiet)
restart()
check([a['id'] for a in alerts('--suppressed')] == [quiet['id']] and heard(quiet['id']) == [], 'nobody is told, over a kill', told[-2:])
do('silence', 'rm', 'silence-1', '--note', 'drill is over', '--by', 'alice')
check(wait_for(lambda: heard(quiet['id']) == ['alert.opened']), 'when the silence ends it is told', heard(quiet['id']))

# ---- how long an acknowledgement takes ----
took = []
for i in range(20):
    do('reopen', quiet['id'], '--note', 'again', '--by', 'carol') if i > 0 else None
    t = time.monotonic()
    said = do('ack', quiet['id']).stdout
    took.append(time.monotonic() - t)
check(b'acknowledged' in said and sorted(took)[10] < 1, 'an answer comes at once', took)
print('# ack round trip, process and all: median %.1f ms, slowest %.1f ms' % (sorted(took)[10] * 1e3, max(took) * 1e3))
check(keytrail('verify', '--db', h.db, ok=False).returncode in (0, 7), 'the log verifies with them')
check(stop(h.collector) == 0, 'a clean stop', h.log('collector.log')[-1500:])
finish()
