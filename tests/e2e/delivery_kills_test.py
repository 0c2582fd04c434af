#!/usr/bin/env python3
"""kill -9 of the collector while it delivers: no alert is lost, the target that knows an id again holds each message once, and of one alert the messages come in order.
KT_KILLS=40 is the whole run (the long run does)."""
import collections, http.server, json, random, threading, time
from support import *

kills = how_many_kills(4)
people = max(16, 3 * kills)
rng = random.Random(SEED)
print(f'# seed {SEED}, {kills} kills, {people} alerts')
lock = threading.Lock()
arrived = threading.Event()
refused = set()
hook, pager = [], []  # requests that are taken, in the order in which they came: (id, alert, type)


class Stub(http.server.BaseHTTPRequestHandler):
    """Takes its time, and fails now and then, so that a kill finds requests before, in and after their answer."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
        arrived.set()
        with lock:
            key, delay = (self.path, self.headers['webhook-id'] or body['dedup_key']), rng.uniform(0, 0.15)
            fails = key not in refused and rng.random() < 0.1
            refused.add(key)
        if fails:
            self.send_response(500); self.send_header('Content-Length', '0'); self.end_headers()
            return
        with lock:
            if self.path == '/hook':
                hook.append((self.headers['webhook-id'], body['data']['id'], body['type']))
            else:
                pager.append((body['dedup_key'], body['dedup_key'], body['event_action']))
        time.sleep(delay)
        self.send_response(200 if self.path == '/hook' else 202); self.send_header('Content-Length', '0'); self.end_headers()

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except OSError:  # the other end was killed
            self.close_connection = True

    def log_message(self, *a):
        pass


server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Stub)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
h = House()
for n in ('hook', 'pager'):
    h.write(f'{n}.url', f'http://127.0.0.1:{server.server_address[1]}/{n}')
h.write('hook.key', 'whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=')
h.write('pager.key', '0123456789abcdef0123456789abcdef')
h.write('keytrail.yaml', open(h.path('keytrail.yaml')).read() + f'''
alerts:
  targets:
    siem: {{ type: webhook, url_file: {h.path('hook.url')}, secret_file: {h.path('hook.key')}, allow_private: true }}
    oncall: {{ type: pagerduty, url_file: {h.path('pager.url')}, routing_key_file: {h.path('pager.key')}, allow_private: true }}
''')
h.start_collector()
h.allow('v', h.new_key('v'))
log = h.path('audit.log')
open(log, 'w').close()
h.agent_config('v', [f'{{ id: vault-prod, type: vault, input: tail, path: {log} }}'])
h.start_agent('v')


def guess(k):
    """A password that is guessed: one alert."""
    with open(log, 'a') as f:
        for i in range(14):
            req = {'id': f'{i:08x}-0000-4000-8000-{k:012x}', 'operation': 'update', 'mount_point': 'auth/userpass/', 'mount_type': 'userpass', 'namespace': {'id': 'root'},
                   'path': f'auth/userpass/login/person{k}', 'data': {'password': hmac(rng)}, 'remote_address': f'45.83.{k}.9', 'remote_port': 1}
            t = time.time() - 20 + i
            r = {'time': iso(t + .01), 'type': 'response', 'auth': {'token_type': 'default'}, 'request': req}
            r.update(error='invalid username or password', response={'data': {'error': hmac(rng)}}) if i < 13 else r.update(response={'auth': {
                'client_token': hmac(rng), 'accessor': hmac(rng), 'display_name': f'userpass-person{k}', 'metadata': {'username': f'person{k}'}, 'policies': ['default'],
                'entity_id': '%032d' % k, 'token_type': 'service'}})
            f.write(json.dumps({'time': iso(t), 'type': 'request', 'auth': {'token_type': 'default'}, 'request': req}) + '\n' + json.dumps(r) + '\n')


conf = h.path('keytrail.yaml')
alerts = lambda: {a['id'] for a in ndjson(keytrail('alerts', 'list', '--severity', 'medium', '--db', h.db, '-o', 'ndjson', ok=False))}
steps = {}  # alert -> how far people are with it


def answer():
    """Somebody acknowledges some alerts and closes others; while the collector is away nobody can."""
    for a in sorted(alerts() - {k for k, v in steps.items() if v == 2})[:3]:
        verb = [('ack', a), ('close', a, '--verdict', 'true')][steps.get(a, 0)]
        if keytrail('alerts', *verb, '--by', 'ana', '-c', conf, ok=False).returncode == 0:
            steps[a] = steps.get(a, 0) + 1


killed = made = 0
while killed < kills or made < people:
    while made < people and made * kills <= killed * people + people:
        made += 1
        guess(made)
    arrived.clear()
    arrived.wait(1)  # a request is on its way: before, in or after its answer
    time.sleep(rng.uniform(0, 0.2))
    if killed < kills:
        h.collector.kill(); h.collector.wait(); h.start_collector(wait=False)
        killed += 1
        if killed % 2:
            wait_for(h.up, 5)
            answer()
check(wait_for(lambda: len(alerts()) >= people, 60, 0.3), f'{people} guessed passwords are as many alerts, over {killed} kills', len(alerts()))
check(wait_for(lambda: not ndjson(keytrail('notify', 'queue', '-c', conf, '-o', 'ndjson', ok=False)), 90, 0.3), 'all of them are sent', keytrail('notify', 'queue', '-c', conf, ok=False).stdout)
check(not ndjson(keytrail('notify', 'dead', '-c', conf, '-o', 'ndjson')), 'none is given up', keytrail('notify', 'dead', '-c', conf).stdout)
ids = alerts()
with lock:
    check(ids <= {x[1] for x in hook}, 'no alert is lost on its way to the webhook', len(ids - {x[1] for x in hook}))
    check(ids <= {x[1] for x in pager}, 'nor to PagerDuty', len(ids - {x[1] for x in pager}))
    once = collections.OrderedDict((x[0], x) for x in hook)  # what a receiver holds that knows ids again
    opened = collections.Counter(x[1] for x in once.values() if x[2] == 'alert.opened')
    check(all(n == 1 for n in opened.values()), 'the same message comes again with the same id only', {k: n for k, n in opened.items() if n > 1})
    rank = {'trigger': 0, 'acknowledge': 1, 'resolve': 2}
    late, at = [], {}
    for key, _, what in pager:  # one that comes after a later one would open the incident again
        late += [(key, what)] if rank[what] < at.get(key, 0) else []
        at[key] = max(at.get(key, 0), rank[what])
    check(not late, 'PagerDuty never hears an older word after a younger one', late)
    print(f'# people took {sum(steps.values())} steps')
    print(f'# {len(hook)} + {len(pager)} requests, {len(hook) - len({x[0] for x in hook})} of the webhook came twice')
    wrong = []
    for stream in (hook, pager):
        first = {}
        for i, (mid, alert, kind) in enumerate(stream):
            first.setdefault(alert, kind)
        wrong += [(a, k) for a, k in first.items() if k not in ('alert.opened', 'trigger')]
    numbers = collections.defaultdict(list)
    for mid, alert, kind in hook:
        n = int(mid.rsplit('-', 1)[1])
        if not numbers[alert] or n != numbers[alert][-1]:
            numbers[alert].append(n)
    check(not wrong and all(v == sorted(v) for v in numbers.values()), 'of one alert the messages keep their order', (wrong, {k: v for k, v in numbers.items() if v != sorted(v)}))
check(stop(h.collector) == 0, 'the collector ends cleanly', h.log('collector.log')[-1500:])
finish()
