#!/usr/bin/env python3
"""Copies of checkpoints outside: a file, a webhook, S3 with object lock, witnesses that take, know more, refuse. Covers T2, H3, H5."""
import base64, ctypes, hashlib, hmac as mac, http.server, json, os, struct, threading, time
from support import *
import wire_raw

SODIUM = ctypes.CDLL('libsodium.so.23')


def public_of(seed):
    public, secret = ctypes.create_string_buffer(32), ctypes.create_string_buffer(64)
    SODIUM.crypto_sign_seed_keypair(public, secret, seed)
    return public.raw


def verify(public, text, signature):
    return SODIUM.crypto_sign_verify_detached(signature, text, ctypes.c_ulonglong(len(text)), public) == 0


def key_id(name, kind, public):
    return hashlib.sha256(name.encode() + b'\n' + bytes([kind]) + public).digest()[:4]


def vkey(name, kind, public):
    return f'{name}+{key_id(name, kind, public).hex()}+{base64.b64encode(bytes([kind]) + public).decode()}'


def node(l, r):
    return hashlib.sha256(b'\1' + l + r).digest()


def extends(n1, r1, n2, r2, proof):
    """RFC 9162 2.1.4.2"""
    if n1 == n2:
        return r1 == r2 and not proof
    if n1 == 0:
        return not proof
    path = ([r1] if n1 & (n1 - 1) == 0 else []) + proof
    fn, sn = n1 - 1, n2 - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for c in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = node(c, fr), node(c, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node(sr, c)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and fr == r1 and sr == r2


class Outside(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length']))
        status, answer = PLACES[self.path.split('/')[1]](self, body)
        self.send_response(status)
        self.send_header('Content-Length', str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_PUT = do_POST

    def log_message(self, *a):
        pass


hooks, objects, log_public, posts = [], {}, {}, []


def hook(r, body):
    hooks.append((dict(r.headers), body))
    return 204, b''


def s3(r, body):
    objects[r.path] = (dict(r.headers), body)
    return 200, b''


class Witness:
    """C2SP tlog-witness, by its text."""

    def __init__(self, name):
        self.name, self.seed, self.size, self.root, self.answers = name, os.urandom(32), 0, b'', []

    def __call__(self, r, body):
        status, answer = self.judge(body)
        self.answers.append(status)
        return status, answer

    def judge(self, body):
        head, note = body.split(b'\n\n', 1)
        lines = head.split(b'\n')
        old, proof = int(lines[0].split(b' ')[1]), [base64.b64decode(l) for l in lines[1:]]
        text, signatures = note.split(b'\n\n', 1)
        text += b'\n'
        origin, size, root = text.decode().split('\n')[:3]
        size, root = int(size), base64.b64decode(root)
        if not log_public:
            learn_the_key()
        public = log_public.get(origin)
        if public is None:
            return 404, b''
        mine = [base64.b64decode(l.split(' ')[2]) for l in signatures.decode().split('\n') if l.startswith(f'\u2014 {origin} ')]
        if not any(verify(public, text, s[4:]) for s in mine):
            return 403, b''
        if old > size:
            return 400, b''
        if old != self.size:
            return 409, f'{self.size}\n'.encode()
        if self.size and not extends(old, self.root, size, root, proof):
            return 422, b''
        self.size, self.root = size, root
        now = int(time.time())
        s = wire_raw.sign(self.seed, f'cosignature/v1\ntime {now}\n'.encode() + text)
        return 200, f'\u2014 {self.name} {base64.b64encode(key_id(self.name, 4, public_of(self.seed)) + struct.pack(">Q", now) + s).decode()}\n'.encode()


good, ahead = Witness('witness.example/w1'), Witness('witness.example/w2')
PLACES = {'hook': hook, 'bucket': s3, 'w1': good, 'w2': lambda r, b: (409, b'1000000\n'), 'w3': lambda r, b: (403, b'')}
server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Outside)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f'http://127.0.0.1:{server.server_address[1]}'
secret = os.urandom(32)
h = House()
for name, text in {'hook.url': f'{url}/hook/S3CRET', 'hook.key': 'whsec_' + base64.b64encode(secret).decode(), 's3.url': f'{url}/bucket',
                   's3.key': 'aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = wJalrXUtnFEMI/S3CRET', 'w1.url': f'{url}/w1/', 'w2.url': f'{url}/w2',
                   'w3.url': f'{url}/w3'}.items():
    h.write(f'keys/{name}', text)


def witness(n, w):
    return f'  w{n}: {{ type: witness, url_file: {h.path(f"keys/w{n}.url")}, vkey: "{vkey(w.name, 4, public_of(w.seed))}", every: 1m, allow_private: true }}\n'


conf = h.path('keytrail.yaml')
plain = open(conf).read()
open(conf, 'w').write(plain + f'''checkpoints:
  notes: {{ type: file, path: {h.path("checkpoints.notes")}, every: 1m }}
  hook: {{ type: webhook, url_file: {h.path("keys/hook.url")}, secret_file: {h.path("keys/hook.key")}, allow_private: true }}
  locked: {{ type: s3, url_file: {h.path("keys/s3.url")}, credentials_file: {h.path("keys/s3.key")}, region: eu-central-1, allow_private: true }}
''' + witness(1, good))
p = keytrail('config', 'check', '-c', conf, ok=False)
check(p.returncode == 0, 'config check takes the copies', p.stdout + p.stderr)
open(h.path('bad.yaml'), 'w').write(plain + 'checkpoints:\n  w: { type: witness, url_file: /x }\n')
p = keytrail('config', 'check', '-c', h.path('bad.yaml'), ok=False)
check(p.returncode != 0 and b"needs 'vkey'" in p.stdout + p.stderr, 'and says what one lacks', p.stdout + p.stderr)


def note():
    p = keytrail('status', '-c', conf, '-o', 'json', ok=False)
    try:
        return json.loads(p.stdout)['checkpoint']['note']
    except (ValueError, KeyError, TypeError):
        return ''


def learn_the_key():
    """What an operator hands to a witness."""
    for l in (wait_for(lambda: h.log('keytrail.db.vkey'), 20) or '').split('\n'):
        if l:
            log_public[l.split('+')[0]] = base64.b64decode(l.split('+', 2)[2])[1:]


h.start_collector()
check(wait_for(lambda: h.log('checkpoints.notes').startswith('keytrail/'), 20), 'a note is added to the file')
check(wait_for(lambda: hooks, 10), 'the webhook is told')
heads, body = hooks[0] if hooks else ({}, b'{}')
said = json.loads(body)
want = base64.b64encode(mac.new(secret, f'{heads.get("webhook-id")}.{heads.get("webhook-timestamp")}.'.encode() + body, hashlib.sha256).digest()).decode()
check(heads.get('webhook-signature') == f'v1,{want}' and said.get('data', {}).get('note', '').startswith('keytrail/'), 'signed, with the whole note', (heads, body))
check(wait_for(lambda: objects, 10), 'S3 gets an object')
path, (heads, body) = next(iter(objects.items()), ('', ({}, b'')))
heads = {k.lower(): v for k, v in heads.items()}
check('/checkpoints/log%3D' in path and path.endswith('.note') and body.startswith(b'keytrail/') and heads.get('x-amz-object-lock-mode') == 'COMPLIANCE' and heads.get('if-none-match') == '*',
      'locked, and never written over', (path, heads))

# ---- a witness, from the beginning and after a restart ----
check(wait_for(lambda: 200 in good.answers, 8) and good.size > 0, 'a witness takes the checkpoint', good.answers)
check(wait_for(lambda: f'\u2014 {good.name} ' in note(), 10), 'its cosignature is in the note', note())
size = good.size
for _ in range(2):  # the first start shows what was signed before, the second what the first one signed
    stop(h.collector)
    h.start_collector()
    n = len(good.answers)
    wait_for(lambda: good.answers[-1] == 200 and len(good.answers) > n, 5)
    wait_for(lambda: '"size":%d,' % size not in keytrail('status', '-c', conf, '-o', 'json', ok=False).stdout.decode(), 5)
check(wait_for(lambda: good.size > size, 15), 'after a restart it is asked what it knows, and gets the proof from there', good.answers)
check(409 in good.answers and 422 not in good.answers, 'by its 409', good.answers)

# ---- one that has seen more of this log, and one that refuses ----
stop(h.collector)
open(conf, 'w').write(plain + 'checkpoints:\n' + witness(2, ahead) + witness(3, ahead))
h.start_collector()
check(wait_for(lambda: 'integrity.contradiction' in h.log('collector.log') and '1000000 records' in h.log('collector.log'), 10), 'a witness that has seen more is an alert', h.log('collector.log'))
check(wait_for(lambda: "copy.refused about='w3'" in h.log('collector.log') and '403' in h.log('collector.log'), 10), 'a refusal is told, with its reason', h.log('collector.log'))
check(h.collector.poll() is None, 'none of it stops the collector')
check('S3CRET' not in h.log('collector.log'), 'no key and no URL is in the log')
stop(h.collector)
server.shutdown()
finish()
