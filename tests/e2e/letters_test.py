#!/usr/bin/env python3
"""Dead letters and what waits: listed, told on another channel, put back by hand; a target that is gone is said so and tried again when a person asks."""
import http.server, json, threading, time
from support import *

seen, codes, lock = [], {'/a': 403, '/b': 200}, threading.Lock()


class Stub(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
        with lock:
            code = codes[self.path]
            seen.append((self.path, code, body['text']))
        text = b'ok' if code == 200 else b'invalid_token'
        self.send_response(code); self.send_header('Content-Length', str(len(text))); self.end_headers(); self.wfile.write(text)

    def log_message(self, *a):
        pass


server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Stub)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
h = House()
for n in 'ab':
    h.write(f'{n}.url', f'http://127.0.0.1:{server.server_address[1]}/{n}')
conf = h.path('keytrail.yaml')
targets = '\n'.join(f'    {n}: {{ type: slack, url_file: {h.path(f"{n}.url")}, allow_private: true }}' for n in 'ab')
h.write('keytrail.yaml', open(conf).read() + f'\nalerts:\n  targets:\n{targets}\n')
h.start_collector()
h.allow('v', h.new_key('v'))
rng, log = random.Random(SEED), h.path('audit.log')
h.agent_config('v', [f'{{ id: vault-prod, type: vault, input: tail, path: {log} }}'])


def guess(who):
    """A password that is guessed: one alert."""
    with open(log, 'a') as f:
        for i in range(14):
            req = {'id': str(uuid.UUID(int=rng.getrandbits(128), version=4)), 'operation': 'update', 'mount_point': 'auth/userpass/', 'mount_type': 'userpass',
                   'namespace': {'id': 'root'}, 'path': f'auth/userpass/login/{who}', 'data': {'password': hmac(rng)}, 'remote_address': '45.83.1.9', 'remote_port': 1}
            t = time.time() - 30 + i
            f.write(json.dumps({'time': iso(t), 'type': 'request', 'auth': {'token_type': 'default'}, 'request': req}) + '\n')
            r = {'time': iso(t + .01), 'type': 'response', 'auth': {'token_type': 'default'}, 'request': req}
            r.update(error='invalid username or password', response={'data': {'error': hmac(rng)}}) if i < 13 else r.update(response={'auth': {
                'client_token': hmac(rng), 'accessor': hmac(rng), 'display_name': f'userpass-{who}', 'metadata': {'username': who}, 'policies': ['default'],
                'entity_id': str(uuid.UUID(int=rng.getrandbits(128), version=4)), 'token_type': 'service'}})
            f.write(json.dumps(r) + '\n')


def rows(verb, *more):
    return ndjson(keytrail('notify', verb, '-c', conf, '-o', 'ndjson', *more))


def target(name):
    return json.loads(keytrail('status', '-c', conf, '-o', 'json').stdout)['collector']['targets'][name]


guess('ana')
h.start_agent('v')
check(wait_for(lambda: [r for r in rows('dead') if r['target'] == 'a'], 20), 'what a target refuses is a dead letter')
dead = [r for r in rows('dead') if r['target'] == 'a']
check(dead and dead[0]['code'] == 403 and dead[0]['word'] == 'invalid_token' and dead[0]['action'] == 'trigger' and dead[0]['attempts'] == 1, 'it says what came back', dead)
check(wait_for(lambda: [s for s in seen if s[0] == '/b' and 'dead letter' in s[2]], 10), 'the other channel hears of it', seen)
check(not [s for s in seen if s[0] == '/a' and 'dead letter' in s[2]], 'the one that refused does not', seen)
p = keytrail('notify', 'dead', '-c', conf)
check(b'invalid_token' in p.stdout and b'notify retry' in p.stderr, 'the table says what comes next', p.stdout + p.stderr)
check(keytrail('notify', 'retry', '999999', '-c', conf, ok=False).returncode != 0, 'an unknown row is an error')
check(keytrail('notify', 'retry', '-c', conf, ok=False).returncode in (2, 3), 'which ones must be said')
with lock:
    codes['/a'] = 200
p = keytrail('notify', 'retry', str(dead[0]['row']), '-c', conf)
check(b'1 put back' in p.stdout, 'a row is put back', p.stdout)
check(wait_for(lambda: dead[0]['row'] not in [r['row'] for r in rows('dead') + rows('queue')], 10), 'and delivered', rows('dead'))
audit = lambda: ndjson(keytrail('search', 'kind:audit operation:notify.retry', '--db', h.db, '--since', '1h', '-o', 'ndjson', '-q'))
check('notify.retry' in json.dumps(audit()), 'it is in the log', audit())
with lock:
    codes['/a'] = 410
guess('ben')
check(wait_for(lambda: target('a')['circuit'] == 'disabled', 15), 'a 410 disables the target', target('a'))
guess('cleo')
check(wait_for(lambda: [r for r in rows('queue') if r['target'] == 'a'], 15), 'what comes then waits', rows('queue'))
p = keytrail('status', '-c', conf)
check(b'gone (410)' in p.stdout and b'keytrail notify dead' in p.stdout, 'status says so', p.stdout)
print('# ' + p.stdout.decode().replace('\n', '\n# '))
with lock:
    codes['/a'] = 200
keytrail('notify', 'retry', '--target', 'a', '-c', conf)
check(wait_for(lambda: not rows('dead', '--target', 'a') and not rows('queue', '--target', 'a'), 15), 'a person puts it to work again', rows('dead') + rows('queue'))
check(target('a')['circuit'] == 'closed' and target('a')['waiting'] == 0 and target('a')['last_code'] == 200 and target('a')['sent'] >= 3, 'its figures agree', target('a'))
check(keytrail('notify', 'retry', '--target', 'nobody', '-c', conf, ok=False).returncode != 0, 'an unknown target is an error')
p = keytrail('notify', 'test', 'nobody', '-c', conf, ok=False)
check(p.returncode == 3 and b"no target 'nobody' in alerts.targets; there are: " in p.stderr, 'a target that is not there: which are', p.stderr)
p = keytrail('notify', 'test', 'a', '-c', conf)
check(all(w in p.stdout for w in (b'answer   200', b'took', b'verdict  delivered', b'word     ok')), 'notify test says code, time, verdict and word', p.stdout)
check(stop(h.collector) == 0, 'the collector ends cleanly', h.log('collector.log')[-1500:])
finish()
