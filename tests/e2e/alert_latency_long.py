#!/usr/bin/env python3
"""From an event's arrival at the collector to its alert at the target: agent, collector and a webhook on loopback, while KT_RATE accesses a second (10,000) come in for KT_SECONDS (20).
Prints p50, p90, p99. The arrival stamp is the one that the alert carries (data.raised); the commit comes after it, so the figures hold the wait for the commit too."""
import calendar, http.server, json, os, sys, threading, time
from support import *

RATE, SECONDS, EVERY = int(os.environ.get('KT_RATE', '10000')), float(os.environ.get('KT_SECONDS', '20')), 0.2
STEP = 0.02
seen, lock = {}, threading.Lock()


def ns(text):
    whole, _, part = text.rstrip('Z').partition('.')
    return calendar.timegm(time.strptime(whole, '%Y-%m-%dT%H:%M:%S')) + float('0.' + (part or '0'))


class Stub(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length']))
        now = time.time()
        d = json.loads(body)
        if d['type'] == 'alert.opened':
            with lock:
                seen.setdefault(d['data']['id'], (now - ns(d['data']['raised']), d['data'].get('actor', '')))
        self.send_response(200); self.send_header('Content-Length', '0'); self.end_headers()

    def log_message(self, *a):
        pass


server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Stub)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
h = House()
h.write('hook.url', f'http://127.0.0.1:{server.server_address[1]}/hook')
h.write('hook.whsec', 'whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=')
h.write('keytrail.yaml', open(h.path('keytrail.yaml')).read() + f'''
alerts:
  targets:
    siem: {{ type: webhook, url_file: {h.path('hook.url')}, secret_file: {h.path('hook.whsec')}, allow_private: true }}
''')
h.start_collector()
h.allow('v', h.new_key('v'))
log = h.path('audit.log')
h.agent_config('v', [f'{{ id: vault-prod, type: vault, input: tail, path: {log} }}'])
rng = random.Random(SEED)
# 200 services that read, each from its own address, as templates that lack time and id.
shapes = []
for who in range(200):
    pair = vault_pair(rng, 0, who=f'svc{who}', secret=f'app/s{who}', address=f'10.{who // 250}.1.{who % 250}', rid='@ID@')
    shapes.append(('\n'.join(pair) + '\n').replace(iso(0), '@T@').replace(iso(0.001), '@T@').split('@ID@'))


def guess(n, now):
    """A password that is guessed: the last line makes the alert."""
    out = []
    for i in range(14):
        req = {'id': f'{i:08x}-0000-4000-9000-{n:012x}', 'operation': 'update', 'mount_point': 'auth/userpass/', 'mount_type': 'userpass', 'namespace': {'id': 'root'},
               'path': f'auth/userpass/login/person{n}', 'data': {'password': hmac(rng)}, 'remote_address': f'45.{n // 250}.{n % 250}.9', 'remote_port': 1}
        t = now - 14 + i
        r = {'time': iso(t + .01), 'type': 'response', 'auth': {'token_type': 'default'}, 'request': req}
        if i < 13:
            r.update(error='invalid username or password', response={'data': {'error': hmac(rng)}})
        else:
            r['response'] = {'auth': {'client_token': hmac(rng), 'accessor': hmac(rng), 'display_name': f'userpass-person{n}',
                                      'metadata': {'username': f'person{n}'}, 'policies': ['default'], 'entity_id': '%032d' % n, 'token_type': 'service'}}
        out += [json.dumps({'time': iso(t), 'type': 'request', 'auth': {'token_type': 'default'}, 'request': req}), json.dumps(r)]
    return '\n'.join(out) + '\n'


open(log, 'w').close()
h.start_agent('v')
begin = time.monotonic()
n = attacks = 0
with open(log, 'a') as f:
    while time.monotonic() - begin < SECONDS:
        t, step = time.time(), time.monotonic()
        due = int((time.monotonic() - begin) * RATE)
        chunk = []
        stamp = iso(t)
        while n < due:
            n += 1
            chunk.append(f'{n:08x}-0000-4000-8000-000000000000'.join(shapes[n % 200]))
        f.write(''.join(chunk).replace('@T@', stamp))
        if time.monotonic() - begin > attacks * EVERY + 2:
            attacks += 1
            f.write(guess(attacks, t))
        f.flush()
        time.sleep(max(0, STEP - (time.monotonic() - step)))
took = time.monotonic() - begin
wait_for(lambda: len([1 for v in seen.values() if 'person' in v[1]]) >= attacks, 30)
last = json.loads(keytrail('status', '-c', h.path('keytrail.yaml'), '-o', 'json').stdout)
waits = sorted(v[0] * 1000 for v in seen.values() if 'person' in v[1])
if not waits:
    sys.exit('no alert came: ' + h.log('collector.log')[-2000:])
at = lambda q: waits[min(len(waits) - 1, int(q * len(waits)))]
print(f'# {n / took:.0f} accesses/s offered for {took:.0f} s, {last["events"]} events stored; {attacks} attacks, {len(waits)} alerts')
print(f'# arrival -> request at the target: p50 {at(.5):.0f} ms, p90 {at(.9):.0f} ms, p99 {at(.99):.0f} ms, longest {waits[-1]:.0f} ms')
check(n / took > RATE * 0.9, 'the rate was offered', n / took)
check(len(waits) == attacks, 'each attack is an alert at the target', (len(waits), attacks))
check(at(.99) <= 250, 'p99 is within 250 ms', waits[-10:])
check(stop(h.collector) == 0, 'the collector ends cleanly')
finish()
