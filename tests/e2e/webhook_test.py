#!/usr/bin/env python3
"""A target that misbehaves in every way: each alert is delivered at least once with a stable id, signed, and ingest never waits."""
import base64, collections, hashlib, hmac as hm, http.server, json, random, socket, threading, time
from support import *

rng = random.Random(SEED)
plays = ['200', '429', '500', 'slow', 'cut', 'hang']
seen = collections.defaultdict(list)  # webhook-id -> [(play, ok signature)]
key = bytes(range(1, 33))
lock = threading.Lock()


class Stub(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length']))
        wid, ts, sig = (self.headers.get(x, '') for x in ('webhook-id', 'webhook-timestamp', 'webhook-signature'))
        want = 'v1,' + base64.b64encode(hm.new(key, f'{wid}.{ts}.'.encode() + body, hashlib.sha256).digest()).decode()
        with lock:
            play = '200' if wid in seen else plays[len(seen) % len(plays)]
            seen[wid].append((play, want in sig.split(' '), json.loads(body).get('type')))
        if play == '429':
            self.send_response(429); self.send_header('Retry-After', '1'); self.send_header('Content-Length', '0'); self.end_headers()
        elif play == '500':
            self.send_response(500); self.send_header('Content-Length', '0'); self.end_headers()
        elif play == 'slow':
            time.sleep(2); self.send_response(200); self.send_header('Content-Length', '0'); self.end_headers()
        elif play == 'cut':
            self.connection.shutdown(socket.SHUT_RDWR)
        elif play == 'hang':
            time.sleep(20)
        else:
            self.send_response(200); self.send_header('Content-Length', '0'); self.end_headers()

    def log_message(self, *a):
        pass


server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Stub)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
h = House()
h.write('hook.url', f'http://127.0.0.1:{server.server_address[1]}/hook')
h.write('hook.whsec', 'whsec_' + base64.b64encode(key).decode())
h.write('keytrail.yaml', open(h.path('keytrail.yaml')).read() + f'''
alerts:
  targets:
    siem: {{ type: webhook, url_file: {h.path('hook.url')}, secret_file: {h.path('hook.whsec')}, allow_private: true }}
''')
h.start_collector()
p = keytrail('notify', 'test', 'siem', '-c', h.path('keytrail.yaml'))
check(b'200' in p.stdout and b'delivered' in p.stdout, 'notify test says what came back', p.stdout)
with lock:
    check(any(k[0][2] == 'test.ping' for k in seen.values()), 'the test is marked as one', dict(seen))
    seen.clear()
h.allow('v', h.new_key('v'))
log = h.path('audit.log')
h.agent_config('v', [f'{{ id: vault-prod, type: vault, input: tail, path: {log} }}'])
# Six people whose passwords are guessed, each from an address of its own: a burst of failures and then a success.
with open(log, 'w') as f:
    for k in range(6):
        for i in range(14):
            rid = '%08x-0000-4000-8000-%012x' % (i, k)
            req = {'id': rid, 'operation': 'update', 'mount_point': 'auth/userpass/', 'mount_type': 'userpass', 'namespace': {'id': 'root'},
                   'path': f'auth/userpass/login/person{k}', 'data': {'password': hmac(rng)}, 'remote_address': f'45.83.{k}.9', 'remote_port': 1}
            t = time.time() - 60 + i
            f.write(json.dumps({'time': iso(t), 'type': 'request', 'auth': {'token_type': 'default'}, 'request': req}) + '\n')
            r = {'time': iso(t + .01), 'type': 'response', 'auth': {'token_type': 'default'}, 'request': req}
            if i < 13:
                r.update(error='invalid username or password', response={'data': {'error': hmac(rng)}})
            else:
                r['response'] = {'auth': {'client_token': hmac(rng), 'accessor': hmac(rng), 'display_name': f'userpass-person{k}',
                                          'metadata': {'username': f'person{k}'}, 'policies': ['default'], 'entity_id': '%032d' % k, 'token_type': 'service'}}
            f.write(json.dumps(r) + '\n')
h.start_agent('v')
alerts = lambda: [json.loads(l) for l in keytrail('alerts', 'list', '--severity', 'medium', '--db', h.db, '-o', 'ndjson', ok=False).stdout.splitlines()]
check(wait_for(lambda: len(alerts()) >= 6, 30), 'six guessed passwords are six alerts', [a['title'] for a in alerts()])
t = time.monotonic()
with open(log, 'a') as f:
    for i in range(2000):
        f.write('\n'.join(vault_pair(rng, time.time(), who='quiet', secret='app/one')) + '\n')
check(wait_for(lambda: h.count('actor:*quiet*') == 2000, 10), 'ingest goes on while the target hangs', h.count('actor:*quiet*'))
ids = {a['id'] for a in alerts()}
delivered = lambda: {k for k, v in seen.items() if any(x[0] in ('200', 'slow') for x in v)}
check(wait_for(lambda: len(delivered()) >= len(ids), 90), 'every alert is delivered at least once', (len(delivered()), len(ids), dict(seen)))
with lock:
    check(all(x[1] for v in seen.values() for x in v), 'every request is signed as Standard Webhooks says', dict(seen))
    check(all(len({y[2] for y in v}) == 1 for v in seen.values()), 'a retry keeps its id')
check(stop(h.collector) == 0, 'the collector ends cleanly', h.log('collector.log')[-1500:])
finish()
