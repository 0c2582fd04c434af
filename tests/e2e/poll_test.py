#!/usr/bin/env python3
"""The API of 1Password and of Doppler asked by a real agent: pages, cursors, 401, 403, 429, 500, cut and slow answers, expired cursors, kills at random
moments; every record is stored exactly once, and what is wrong is said."""
import http.server, json, random, threading, time
from support import *

rng = random.Random(SEED)
h = House()
TOKEN = 'invented-token-0001'


class Api:
    """Both services: records are only ever added; `faults` is the chance that an answer goes wrong."""

    def __init__(self):
        self.items = {s: [] for s in ('itemusages', 'signinattempts', 'auditevents')}
        self.logs = []
        self.token, self.faults, self.requests, self.seen, self.epoch, self.refuse = TOKEN, 0.0, 0, [], 1, set()
        self.lock = threading.Lock()
        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def answer(self, status, body, **headers):
                data = json.dumps(body).encode() if not isinstance(body, bytes) else body
                self.send_response(status)
                for k, v in headers.items():
                    self.send_header(k.replace('_', '-'), v)
                self.send_header('Content-Length', str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def fault(self):
                """True: the answer went wrong."""
                if rng.random() >= api.faults:
                    return False
                what = rng.randrange(6)
                if what == 0:
                    self.answer(429, {'error': 'slow down'}, Retry_After='1')
                elif what == 1:
                    self.answer(500, b'oops')
                elif what == 2:
                    self.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{"cursor":"x","items":[')  # cut
                elif what == 3:
                    time.sleep(0.7)
                    return False
                elif what == 4:
                    self.answer(200, b'<html>please log in</html>')
                return what != 3

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
                with api.lock:
                    api.requests += 1
                    api.seen.append((self.path, body))
                    stream = self.path.rsplit('/', 1)[1]
                    if self.headers.get('Authorization') != f'Bearer {api.token}':
                        return self.answer(401, {'Error': 'Unauthorized'})
                    if stream in api.refuse:
                        return self.answer(403, {'Error': 'Forbidden'})
                    if self.fault():
                        return None
                    if 'cursor' in body:
                        epoch, at = body['cursor'].split('.')
                        if int(epoch) != api.epoch:
                            return self.answer(400, {'Error': 'invalid cursor'})
                        at, limit = int(at), 20
                    else:
                        at, limit = sum(1 for r in api.items[stream] if r['timestamp'] < body['start_time']), body['limit'] // 50
                    page = api.items[stream][at:at + limit]
                    return self.answer(200, {'cursor': f'{api.epoch}.{at + len(page)}', 'has_more': at + len(page) < len(api.items[stream]), 'items': page})

            def do_GET(self):
                with api.lock:
                    api.requests += 1
                    if self.headers.get('Authorization') != f'Bearer {api.token}':
                        return self.answer(401, {'success': False})
                    if self.fault():
                        return None
                    q = dict(p.split('=') for p in self.path.split('?')[1].split('&'))
                    at = (int(q['page']) - 1) * 10
                    newest_first = api.logs[::-1]
                    return self.answer(200, {'page': int(q['page']), 'logs': newest_first[at:at + 10], 'success': True})

        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.server.handle_error = lambda *_: None  # an agent that was killed does not read on
        self.url = f'http://127.0.0.1:{self.server.server_address[1]}'
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        atexit.register(self.server.shutdown)

    def one(self, t):
        uid = ''.join(rng.choice('ABCDEFGHIJKLMNOPQRSTUVWXYZ234567') for _ in range(26))
        person = {'uuid': 'U' * 26, 'name': 'Dana Invented', 'email': 'dana@example.com'}
        client = {'app_name': '1Password Browser', 'app_version': '81000', 'platform_name': 'Firefox', 'platform_version': '130', 'os_name': 'Linux',
                  'os_version': '6', 'ip_address': '198.51.100.7'}
        return uid, person, client, iso(t)

    def add(self, count):
        with self.lock:
            for _ in range(count):
                t = time.time() - 5
                uid, person, client, stamp = self.one(t)
                kind = rng.randrange(3)
                if kind == 0:
                    self.items['itemusages'].append({'uuid': uid, 'timestamp': stamp, 'used_version': 1, 'vault_uuid': 'V' * 26, 'item_uuid': 'I' * 26,
                                                     'action': 'reveal', 'user': person, 'client': client})
                elif kind == 1:
                    self.items['signinattempts'].append({'uuid': uid, 'session_uuid': 'S' * 26, 'timestamp': stamp, 'country': 'DE', 'category': 'success',
                                                         'type': 'credentials_ok', 'target_user': person, 'client': client})
                else:
                    self.items['auditevents'].append({'uuid': uid, 'timestamp': stamp, 'actor_uuid': 'U' * 26, 'actor_details': person, 'action': 'create',
                                                      'object_type': 'vault', 'object_uuid': 'V' * 26, 'session': {'uuid': 'S' * 26, 'ip': '198.51.100.7'}})
                self.logs.append({'id': f'log{len(self.logs):08d}', 'text': 'Updated secrets', 'html': 'Updated secrets', 'created_at': stamp,
                                  'user': {'email': 'dana@example.com', 'name': 'Dana', 'username': 'dana'}, 'project': 'shop', 'environment': 'prd',
                                  'config': 'prd'})

    def total(self):
        with self.lock:
            return sum(len(v) for v in self.items.values()), len(self.logs)


def stored():
    p = keytrail('status', '--db', h.db, '-o', 'json', ok=False)
    got = {s['source']: s['events'] for s in json.loads(p.stdout)['sources']} if p.returncode == 0 else {}
    return got.get('onepassword', 0), got.get('doppler', 0)


def once():
    ids = [(r['source'], r['native_id']) for r in ndjson(keytrail('search', 'kind:access', '--db', h.db, '--since', '@0', '-o', 'ndjson', '-q'))]
    return len(ids) == len(set(ids)) == sum(api.total())


def status():
    return run(AGENT, 'status', '-c', h.path('a.yaml'), ok=False).stdout.decode()


api = Api()
token_file = h.write('api.token', api.token + '\n')
os.chmod(token_file, 0o600)
h.start_collector()
h.allow('a', h.new_key('a'), 'onepassword/acme,doppler/acme-doppler')
more = f'token_file: {token_file}, url: "{api.url}", every: 1s, allow_private: true'
h.agent_config('a', [f'{{ id: acme, type: onepassword, input: http_poll, {more} }}', f'{{ id: acme-doppler, type: doppler, input: http_poll, {more} }}'])

# ---- history, then live ----
api.add(150)
agent = h.start_agent('a')
check(wait_for(lambda: stored() == api.total(), 30), 'the history of all streams comes', f'{stored()} of {api.total()}\n' + h.log('a.log') + h.log('collector.log')[-800:])
first = [b for p, b in api.seen if p.endswith('/itemusages')][0]
check(set(first) == {'limit', 'start_time'} and first['start_time'] < iso(time.time() - 119 * 86400), 'it begins as far back as the service remembers', first)
check(all(set(b) == {'cursor'} for p, b in api.seen if p.endswith('/itemusages') and b is not first), 'then the cursor is asked with, and nothing else')
api.add(35)
check(wait_for(lambda: stored() == api.total(), 20), 'what is added comes', f'{stored()} of {api.total()}')
check(wait_for(lambda: 'each answered since' in status(), 20) and '!' not in status(), 'status is calm', status())

# ---- one stream is refused, others work ----
api.refuse = {'itemusages'}
check(wait_for(lambda: 'itemusages: the token is refused' in status(), 30), 'a stream that is refused is named, with the fix', status())
before = len(api.seen)
api.add(10)
check(wait_for(lambda: stored()[1] == api.total()[1], 20), 'the other sources go on', f'{stored()} of {api.total()}')
time.sleep(5)
refused = [p for p, b in api.seen[before:] if p.endswith('/itemusages')]
check(len(refused) <= 1, 'and it is not asked in a hurry', len(refused))
api.refuse = set()

# ---- the token changes under way; the agent is started anew, as nobody wants to wait five minutes ----
api.token = 'invented-token-0002'
h.write('api.token', api.token + '\n')
check(stop(agent) == 0, 'the agent ends cleanly', h.log('a.log')[-800:])
agent = h.start_agent('a')
check(wait_for(lambda: stored() == api.total(), 20), 'with the new token everything comes', f'{stored()} of {api.total()}\n' + h.log('a.log')[-800:])
log = h.log('a.log')
check('invented-token' not in log and 'invented-token' not in status(), 'no token in log or status')

# ---- cursors that the service forgot ----
api.epoch = 2
api.add(20)
check(wait_for(lambda: stored() == api.total(), 40), 'an expired cursor loses nothing', f'{stored()} of {api.total()}\n' + status())
check(once(), 'and stores nothing twice')

# ---- answers that go wrong, kills at random moments ----
api.faults = 0.35
kills = how_many_kills(6)
for i in range(kills):
    api.add(40)
    time.sleep(rng.uniform(0.1, 2.5))
    agent.kill()
    agent.wait()
    h.shake(rng)
    agent = h.start_agent('a')
api.faults = 0.0
check(wait_for(lambda: stored() == api.total(), 120), f'after {kills} kills and many bad answers everything is there', f'{stored()} of {api.total()}\n' + status() + h.log('a.log')[-800:])
check(once(), 'exactly once')

# ---- nobody answers ----
api.server.shutdown()
api.server.server_close()
check(wait_for(lambda: '!' in status(), 30), 'a service that is gone is said', status())
check(stop(agent) == 0, 'the agent ends cleanly then too', h.log('a.log')[-800:])
check(stop(h.collector) == 0, 'and the collector', h.log('collector.log')[-800:])
v = keytrail('verify', '--db', h.db, '-c', h.path('keytrail.yaml'), ok=False)
check(v.returncode == 0, 'the store verifies with every signature', v.stdout + v.stderr)
finish()
