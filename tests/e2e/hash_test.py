#!/usr/bin/env python3
"""keytrail hash: a suspect token of a Vault is found in an imported audit log by what the device wrote of it: with the device's salt, and by asking a Vault (a stub on
loopback that hashes as Vault does); the value itself is in no output, no argument and no file of the store."""
import hashlib, hmac as mac, http.server, random, threading
from support import *

rng = random.Random(SEED)
d = folder()
SALT, OTHER = 'a1b2c3d4-0000-4000-8000-5a17', 'of-another-device'
TOKEN, ACCESSOR, BATCH = 'hvs.CAESIGsuspicious0000000000', 'Zr0AccEssorOfTheSuspect1', 'hvb.AAAAAQbatchbatchbatchbatch'
MINE = 'hvs.responders-own-token'


def digest(value, salt=SALT):
    return 'hmac-sha256:' + mac.new(salt.encode(), value.encode(), hashlib.sha256).hexdigest()


def put(name, text, mode=0o600):
    path = os.path.join(d, name)
    with open(path, 'w') as f:
        f.write(text)
    os.chmod(path, mode)
    return path


lines = []
now = time.time()
for i in range(40):
    pair = [json.loads(l) for l in vault_pair(rng, now - 3600 + i, who='mallory' if i < 12 else 'dana', secret=f'prod/db{i % 5}', address='203.0.113.9')]
    for r in pair:
        if i < 12:
            r['auth'].update(client_token=digest(TOKEN), accessor=digest(ACCESSOR))
        elif i < 15:
            r['auth'].update(client_token=digest(BATCH), token_type='batch')
            del r['auth']['accessor']
    lines += [json.dumps(r) for r in pair]
audit = put('audit.log', '\n'.join(lines) + '\n')
db = os.path.join(d, 'keytrail.db')
keytrail('import', '--source', 'vault', '--instance', 'vault-prod', '--db', db, audit)


class Vault(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
        code, answer = 404, {'errors': ['no']}
        if self.headers['X-Vault-Token'] != MINE:
            code, answer = 403, {'errors': ['permission denied']}
        elif self.path == '/v1/sys/audit-hash/file':
            h = digest(body['input'])
            code, answer = 200, {'hash': h, 'data': {'hash': h}}
        elif self.path == '/v1/auth/token/lookup' and body['token'] == TOKEN:
            code, answer = 200, {'data': {'accessor': ACCESSOR, 'display_name': 'userpass-mallory'}}
        elif self.path == '/v1/auth/token/lookup' and body['token'] == BATCH:
            code, answer = 200, {'data': {'accessor': '', 'type': 'batch'}}
        elif self.path == '/v1/auth/token/lookup':
            code, answer = 403, {'errors': ['bad token']}
        text = json.dumps(answer).encode()
        self.send_response(code)
        self.send_header('Content-Length', str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *a):
        pass


server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Vault)
threading.Thread(target=server.serve_forever, daemon=True).start()
URL = f'http://127.0.0.1:{server.server_port}'
ask = ['--vault', URL, '--allow-private', '--token-file', put('mine', MINE + '\n')]


def look(value, *argv, ok=True):
    p = keytrail('hash', '--db', db, *argv, ok=ok, stdin=(value + '\n').encode() if value else None)
    both = (p.stdout + p.stderr).decode()
    check(TOKEN not in both and BATCH not in both and MINE not in both, 'no output holds a token', both)
    return p, both


p, said = look(TOKEN, *ask, '-o', 'ndjson')
rows = ndjson(p)
check(len(rows) == 1 and rows[0]['events'] == 12 and rows[0]['reads'] == 12 and rows[0]['secrets'] == 5 and rows[0]['ip'] == '203.0.113.9'
      and rows[0]['credential'] == digest(ACCESSOR) and rows[0]['actor'].startswith('mallory@'), 'Vault tells the accessor, and its hash finds who used it', said)
check(f"next: keytrail blast '{digest(ACCESSOR)}'" in said, 'and what to ask next', said)
p, said = look(BATCH, *ask, '-o', 'ndjson')
check(len(ndjson(p)) == 1 and ndjson(p)[0]['events'] == 3 and 'no accessor' in said, 'a batch token is found by its own hash', said)
p, said = look(BATCH, '--salt', put('salt', SALT + '\n'), '-o', 'ndjson')
check(len(ndjson(p)) == 1 and ndjson(p)[0]['credential'] == digest(BATCH), 'the same with the salt alone', said)
p, said = look(ACCESSOR, '--accessor', '--salt', put('salt', SALT + '\n'))
check('mallory@' in said and digest(ACCESSOR) in said and 'next: keytrail blast' in said, 'an accessor with the salt, as a table', said)
p, said = look(ACCESSOR, '--accessor', '--salt', put('other', OTHER))
check(p.returncode == 0 and 'no record of this store was made with it' in said and 'another salt' in said, 'with the salt of another device: nothing, and why', said)
p, said = look(TOKEN, '--salt', put('salt', SALT), '-o', 'ndjson')
check(not ndjson(p) and '--accessor' in said, 'a service token by the salt alone: the log has its accessor', said)
p, said = look('', '--salt', put('salt', SALT), put('value', BATCH), '-o', 'ndjson')
check(len(ndjson(p)) == 1, 'the value out of a file', said)
p, said = look('foo', '--salt', put('salt', 'foo'))
check('hmac-sha256:08ba357e274f528065766c770a639abf6809b39ccfd37c2a3157c7f51954da0a' in said, "the example of Vault's own tests", said)

for argv, value, why in [(['--salt', put('salt', SALT), TOKEN], '', 'history'), (['--salt', put('open', SALT, 0o644)], TOKEN, 'chmod'), ([], TOKEN, '--vault URL'),
                         (ask + ['--salt', put('salt', SALT)], TOKEN, '--vault URL'), (ask + ['--device', 'nothing'], TOKEN, "no audit device 'nothing'"),
                         (['--vault', URL, '--token-file', put('mine', MINE)], TOKEN, 'https'), (['--vault', URL, '--allow-private'], TOKEN, '--token-file'),
                         (['--vault', URL, '--allow-private', '--token-file', put('wrong', 'hvs.wrong')], TOKEN, 'sys/audit-hash/file'),
                         (['--salt', put('salt', SALT)], 'two\nlines', 'one value at a time'), (['--salt', put('salt', SALT)], digest('x'), 'a hash already')]:
    p = keytrail('hash', '--db', db, *argv, ok=False, stdin=value.encode())
    said = (p.stdout + p.stderr).decode()
    check(p.returncode not in (0, 1) and why in said and (TOKEN not in said), f'refused: {why}', said)
stored = b''.join(open(os.path.join(d, f), 'rb').read() for f in os.listdir(d) if f.startswith('keytrail.db'))
check(not any(s.encode() in stored for s in (TOKEN, BATCH, ACCESSOR, MINE)), 'no file of the store holds a value')
server.shutdown()
finish()
