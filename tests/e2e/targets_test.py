#!/usr/bin/env python3
"""Every alert target in the registry against a TLS peer that misbehaves in each way of EXPORTS §5: what it is told, that a redirect is not followed, that no secret is said.
A new target is tried as soon as it is registered: its options are read from its source. KT_HANG=1 (the long run) adds peers that never answer."""
import collections, concurrent.futures, http.server, os, re, socket, ssl, threading, time, zlib
from support import *

GOOD = b'{"ok":true,"channel":"C0123456789","ts":"1795377600.000100","status":"success","message":"Event processed","dedup_key":"x"}'
TOKEN = '0123456789abcdef0123456789abcdef'
SECRETS = {'secret_file': 'whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA='}
STRINGS = {'channel': 'C0123456789'}

h = House()
trapped = []


def plain(code, body=b'', **headers):
    def play(self):
        self.send_response(code)
        for k, v in headers.items():
            self.send_header(k.replace('_', '-'), v)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    return play


def endless(self, code=200):
    self.send_response(code); self.end_headers()
    for _ in range(400):
        self.wfile.write(b'x' * 65536)


def bomb(self):
    body = zlib.compress(b'\0' * (64 << 20), 9)
    self.send_response(200); self.send_header('Content-Encoding', 'deflate'); self.send_header('Content-Length', str(len(body))); self.end_headers()
    self.wfile.write(body)


def slow(self):
    time.sleep(0.7)
    plain(200, GOOD)(self)


def cut(self):
    self.send_response(200); self.send_header('Content-Length', '500'); self.end_headers(); self.wfile.write(b'{"ok":tr')
    self.wfile.flush(); self.connection.close()


def many_headers(self):
    self.send_response(200)
    for i in range(6000):
        self.send_header(f'X-{i}', 'y' * 80)
    self.end_headers()


def hang(self):
    time.sleep(25)


def garbage(self):
    self.wfile.write(b'no http at all\r\n\r\n')


DONE, LATER, NEVER, GONE = 'delivered', 'not now', 'refused', 'gone'
# name: (what the peer does, what becomes of the message). Where a status decides, a generic webhook is tried again (EXPORTS 1.6).
PLAYS = {
    'ok': (plain(200, GOOD), DONE), 'accepted': (plain(202, GOOD), DONE), 'slow': (slow, DONE),
    'moved': (plain(302, Location='https://127.0.0.1:{port}/trap'), NEVER), 'moved_for_good': (plain(308, Location='http://127.0.0.1:{port}/trap'), NEVER),
    'bad': (plain(400, b'invalid_blocks'), NEVER), 'unknown_key': (plain(401), NEVER), 'forbidden': (plain(403, b'invalid_token'), NEVER),
    'too_large': (plain(413), NEVER), 'gone': (plain(410), GONE),
    'timeout': (plain(408), LATER), 'busy': (plain(429), LATER), 'busy_seconds': (plain(429, Retry_After='7'), LATER),
    'busy_date': (plain(429, Retry_After='Fri, 31 Dec 2100 23:59:59 GMT'), LATER), 'busy_absurd': (plain(429, Retry_After='-99999999999999999999 parsecs'), LATER),
    'broken': (plain(500, b'\xff\xfe\x00<html>' * 50), LATER), 'maintenance': (plain(503, Retry_After='99999999999'), LATER),
    'endless_error': (lambda self: endless(self, 500), LATER), 'cut': (cut, LATER), 'garbage': (garbage, LATER), 'many_headers': (many_headers, LATER),
}
# An answer that is cut by us is one: its status counts. Where the body is the answer, it is none.
BODY_DECIDES = {'slack_bot'}
PLAYS_OF_STATUS = {'endless': (endless, DONE), 'bomb': (bomb, DONE), 'empty': (plain(204), DONE)}
if os.environ.get('KT_HANG'):
    PLAYS['hang'] = (hang, LATER)


class Stub(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        parts = self.path.split('/')  # some add what they call to the URL
        if 'trap' in parts:
            trapped.append(self.path)
        self.rfile.read(int(self.headers.get('Content-Length') or 0))
        try:
            next((v[0] for k, v in {**PLAYS, **PLAYS_OF_STATUS}.items() if k in parts), plain(200, GOOD))(self)
        except OSError:
            pass
        self.close_connection = True
    do_GET = do_POST

    def send_header(self, k, v):
        super().send_header(k, v.replace('{port}', str(port)))

    def log_message(self, *a):
        pass


def authority(name):
    key, crt = h.path(f'{name}.key'), h.path(f'{name}.crt')
    run('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', f'/CN={name}', '-keyout', key, '-out', crt)
    return key, crt


def certificate(name, ca, alt):
    key, crt, csr, ext = (h.path(f'{name}.{e}') for e in ('key', 'crt', 'csr', 'ext'))
    open(ext, 'w').write(f'subjectAltName={alt}\n')
    run('openssl', 'req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', f'/CN={name}', '-keyout', key, '-out', csr)
    run('openssl', 'x509', '-req', '-in', csr, '-CA', ca[1], '-CAkey', ca[0], '-CAcreateserial', '-days', '2', '-extfile', ext, '-out', crt)
    return key, crt


def serve(cert):
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Stub)
    server.daemon_threads = True
    server.request_queue_size = 128
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert[1], cert[0])
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.handle_error = lambda *a: None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


ca, other = authority('ca'), authority('other')
port = serve(certificate('good', ca, 'IP:127.0.0.1,DNS:localhost'))
# Peers that are wrong before a word is said: their certificate, its name, no TLS at all, nobody there, and a name whose address is this host's.
silent = socket.socket()
silent.bind(('127.0.0.1', 0))
PEERS = {
    'other_authority': f'https://127.0.0.1:{serve(certificate("foreign", other, "IP:127.0.0.1"))}', 'other_name': f'https://127.0.0.1:{serve(certificate("named", ca, "DNS:hooks.example.com"))}',
    'nobody': f'https://127.0.0.1:{silent.getsockname()[1]}', 'private_name': f'https://localhost:{port}',
}


def options(target):
    """What it must be told, from its source: files and words without a default, and the URL."""
    code = open(f'exporters/alerts/{target}.c').read()
    return {name: dflt for name, kind, dflt in re.findall(r'\{\s*"(\w+)",\s*KT_OPT_(\w+),\s*(NULL|"[^"]*")', code)
            if dflt == 'NULL' or name == 'url_file'}, '.by_mail = true' in code


def config(target, play):
    wants, _ = options(target)
    base = PEERS.get(play, f'https://127.0.0.1:{port}')
    lines = []
    for name in wants:
        if name == 'url_file':
            value = h.write(f'{target}-{play}.url', f'{base}/S3CR3T/{play}/')
        elif name == 'server':
            value = f'{base}/S3CR3T/{play}'
        elif name.endswith('_file'):
            value = h.write(f'{target}-{name}', SECRETS.get(name, TOKEN))
        else:
            value = STRINGS.get(name, 'x')
        lines.append(f'      {name}: {value}')
    allow = '' if play == 'private_name' else '\n      allow_private: true'
    return h.write(f'{target}-{play}.yaml', open(h.path('keytrail.yaml')).read() + f'''
alerts:
  targets:
    t:
      type: {target}
      ca_file: {ca[1]}{allow}
''' + '\n'.join(lines) + '\n')


def attempt(target, play):
    p = keytrail('notify', 'test', 't', '-c', config(target, play), ok=False, timeout=60)
    said = (p.stdout + p.stderr).decode(errors='replace')
    m = re.search(r'^verdict  (\S+( now)?)', said, re.M)
    return target, play, (m[1].rstrip(':') if m else None), p.returncode, said


registered = re.findall(r'\bX\((\w+)\)', open('exporters/alerts/registry.c').read())
http_targets = [t for t in registered if not options(t)[1]]
print('# by mail, tried by their own test:', *[t for t in registered if t not in http_targets])
check(len(http_targets) >= 4, 'the registry is read', registered)
jobs = [(t, p) for t in http_targets for p in [*PLAYS, *PEERS, *([] if t in BODY_DECIDES else PLAYS_OF_STATUS)]]
results = collections.defaultdict(list)
with concurrent.futures.ThreadPoolExecutor(8) as pool:
    for target, play, verdict, code, said in pool.map(lambda j: attempt(*j), jobs):
        want = {**PLAYS, **PLAYS_OF_STATUS}.get(play, (None, LATER))[1]
        if target == 'webhook' and want == NEVER:
            want = LATER
        if verdict != want:
            results[target].append(f'{play}: {verdict}, wanted {want}\n{said}')
        if code != (0 if want == DONE else 5):
            results[target].append(f'{play}: exit {code}')
        if 'S3CR3T' in said or TOKEN in said or 'whsec_' in said or '\x00' in said or '\ufffd' in said:
            results[target].append(f'{play}: says what it must not: {said}')
        if play == 'private_name' and 'allow_private is not set' not in said:
            results[target].append(f'{play}: does not say why: {said}')
for t in http_targets:
    check(not results[t], f'{t}: {sum(j[0] == t for j in jobs)} ways to misbehave, each judged as it is', '\n'.join(results[t]))
check(not trapped, 'no redirect is followed', trapped)
finish()
