#!/usr/bin/env python3
"""The page's server as strangers meet it: other names, paths, methods, sizes and paces than it wants; many that wait; downloads, events, restarts."""
import base64, http.client, json, os, resource, signal, socket, sys, threading, time
from support import *

PASSWORD = 'an invented password'
# Argon2id of it, 64 MiB, two passes
HASH = '$argon2id$v=19$m=65536,t=2,p=1$cmOcWV5Hc0Q21waex47+Rg$REUIRMFZJI6tuOGVUgepCMDY4FsAiYh6pjpkyHLyuF8'
resource.setrlimit(resource.RLIMIT_NOFILE, (4096, max(4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))
h = House()
port = free_port()
h.write('users', ''.join(f'{r} {r} {HASH}\n' for r in ('viewer', 'auditor', 'responder', 'admin')))
os.makedirs(h.path('web/assets'))
h.write('web/index.html', '<!doctype html><title>keytrail</title>' + '<p>page</p>' * 200)
h.write('web/assets/app-1a2b3c.js', 'console.log("page");\n' * 100)
with open(h.path('keytrail.yaml'), 'a') as f:
    f.write(f'dashboard: {{ listen: "tcp://127.0.0.1:{port}", users_file: users, hosts: [keytrail.example.com] }}\n')
h.start_collector()


def page(*more):
    p = start([KEYTRAIL, 'dashboard', '-c', h.path('keytrail.yaml'), '--assets', h.path('web'), *more], h.path('dashboard.log'))
    assert wait_for(lambda: status('/healthz') == 200, 10), open(h.path('dashboard.log')).read()
    return p


def ask(path, method='GET', body=None, host=None, timeout=20, **headers):
    """Status, head, body."""
    c = http.client.HTTPConnection('127.0.0.1', port, timeout=timeout)
    c.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    c.putheader('Host', host or f'127.0.0.1:{port}')
    if body is not None:
        c.putheader('Content-Length', str(len(body)))
        headers.setdefault('Content_Type', 'application/json')
    for k, v in headers.items():
        c.putheader(k.replace('_', '-'), v)
    c.endheaders(body)
    r = c.getresponse()
    got = r.read()
    c.close()
    return r.status, {k.lower(): v for k, v in r.getheaders()}, got


def status(path, **kw):
    try:
        return ask(path, **kw)[0]
    except (OSError, http.client.HTTPException):
        return 0


def login(user, password=PASSWORD):
    s, head, body = ask('/api/v1/login', 'POST', json.dumps({'user': user, 'password': password}).encode(), Origin=f'http://127.0.0.1:{port}')
    return s, head.get('set-cookie', '').split(';')[0], json.loads(body)


def raw(data, wait=5.0):
    """What comes back on bytes as they are, until the end."""
    out = b''
    with socket.create_connection(('127.0.0.1', port), timeout=wait) as s:
        try:
            s.sendall(data)
            while more := s.recv(65536):
                out += more
        except OSError:
            pass
    return out


dash = page()
# Another page, for who is slow: its end takes ten seconds.
other = free_port()
beside = start([KEYTRAIL, 'dashboard', '--db', h.db, '--listen', f'tcp://127.0.0.1:{other}'], h.path('beside.log'))
slow = {}


def drip():
    """A head whose first line is there at once and whose rest comes byte by byte: how long is it waited for?"""
    s = wait_for(lambda: connected(other), 10)
    began = time.monotonic()
    s.sendall(b'GET / HTTP/1.1\r\nHost: localhost\r\nX-A: ')
    while time.monotonic() - began < 20:
        try:
            s.send(b'a')
            s.settimeout(0.5)
            if s.recv(100) == b'':
                break
        except socket.timeout:
            continue
        except OSError:
            break
    slow['head'] = time.monotonic() - began
    s.close()


def connected(to):
    try:
        return socket.create_connection(('127.0.0.1', to))
    except OSError:
        return None


dripper = threading.Thread(target=drip, daemon=True)
dripper.start()

# ---- who asks ----
check(ask('/api/v1/me')[0] == 401, 'nobody is told who he is')
s, cookie, me = login('responder')
csrf = me.get('csrf', '')
check(s == 200 and me['user'] == 'responder' and me['role'] == 'responder' and 'act' in me['can'], 'a password logs in', (s, me))
check(ask('/api/v1/me', Cookie=cookie)[0] == 200, 'the cookie is the session')
check(login('responder', 'wrong')[0] == 401 and login('nobody', 'wrong')[0] == 401, 'wrong passwords and unknown users are told the same')
check(ask('/api/v1/logout', 'POST', b'{}', Cookie=cookie)[0] == 403, 'a change without token and origin is refused')
check(ask('/api/v1/login', 'POST', json.dumps({'user': 'admin', 'password': PASSWORD}).encode(), Origin='http://evil.example')[0] == 403, 'a form elsewhere logs nobody in')

# ---- many that wait ----
crowd = []
for _ in range(1000):
    c = socket.create_connection(('127.0.0.1', port))
    crowd.append(c)
began, times = time.monotonic(), []
for _ in range(20):
    t = time.monotonic()
    if ask('/api/v1/me', Cookie=cookie)[0] != 200:
        break
    times.append(time.monotonic() - t)
check(len(times) == 20 and max(times) < 0.5, 'a thousand that say nothing do not hold up the others', times)
for _ in range(300):
    crowd.append(socket.create_connection(('127.0.0.1', port)))
check(ask('/api/v1/me', Cookie=cookie)[0] == 200, 'nor do more than there is room for: who waits longest goes')
for c in crowd:
    c.close()

# ---- names, paths, methods ----
check(ask('/', host='evil.example')[0] == 421 and ask('/api/v1/me', host=f'evil.example:{port}', Cookie=cookie)[0] == 421, 'another name that leads here is refused')
check(ask('/', host='keytrail.example.com')[0] == 200 and ask('/', host='localhost:1')[0] == 200, 'names that are listed, and loopback, are answered')
check(b' 400 ' in raw(b'GET / HTTP/1.1\r\n\r\n').split(b'\r\n')[0], 'a request names its host')
for path in ('/../../etc/passwd', '/assets/../../users', '/%2e%2e/%2e%2e/users', '/assets/..%2f..%2fusers', '//etc/passwd', '/users', '/web/../users', '/assets/app-1a2b3c.js%00.html', '/./users'):
    s, _, body = ask(path)
    check((s == 404 or b'<!doctype' in body) and b'argon2' not in body and b'root:' not in body, f'{path} leaves the folder of the page closed', (s, body[:100]))
check(ask('/api/v1/nothing', Cookie=cookie)[0] == 404 and ask('/nothing.js')[0] == 404, 'unknown calls and files are 404')
check(ask('/alerts')[0] == 200 and b'<!doctype' in ask('/actor')[2], 'pages of the page are its index')
s, head, _ = ask('/api/v1/me', 'DELETE', Cookie=cookie)
check(s == 405 and head.get('allow') == 'GET, HEAD', 'methods that a path has not are named', (s, head))
check(ask('/api/v1/login')[0] == 405 and ask('/', 'POST', b'{}')[0] == 405, 'a GET logs in nobody, a POST reads no file')

# ---- heads ----
s, head, body = ask('/')
csp = head.get('content-security-policy', '')
check("default-src 'none'" in csp and 'unsafe' not in csp and "frame-ancestors 'none'" in csp and head.get('x-content-type-options') == 'nosniff' and head.get('referrer-policy') == 'no-referrer',
      'every answer has its heads', head)
check(all('content-security-policy' in ask(p, **k)[1] for p, k in (('/nothing.js', {}), ('/api/v1/me', {}), ('/', {'host': 'evil.example'}), ('/healthz', {}))), 'refusals, too')
check(ask('/api/v1/me', Cookie=cookie)[1].get('cache-control') == 'no-store', 'what is said of the log is kept by nobody')
js = ask('/assets/app-1a2b3c.js')
check('immutable' in js[1].get('cache-control', '') and js[1].get('content-type', '').startswith('text/javascript'), 'a file whose name says its content is kept for ever', js[1])
etag = head.get('etag', '')
s, _, body2 = ask('/', If_None_Match=etag)
check(etag.startswith('"') and s == 304 and body2 == b'' and head.get('cache-control') == 'no-cache', 'the index is asked for again, and not sent when it is the same')
import gzip as gz
z = ask('/', Accept_Encoding='gzip, br')
check(z[1].get('content-encoding') == 'gzip' and gz.decompress(z[2]) == body and len(z[2]) < len(body), 'files come packed to who takes it')
check('content-encoding' not in ask('/', Accept_Encoding='gzip;q=0')[1], 'and plain to who does not')
hd = ask('/', 'HEAD')
check(hd[0] == 200 and hd[2] == b'' and hd[1].get('content-length') == str(len(body)), 'HEAD is a GET without the body', hd[1])

# ---- sizes ----
check(ask('/?' + 'a=' + 'b' * 17000)[0] in (413, 414, 431), 'a URL has 16 KiB')
check(b' 431 ' in raw(b'GET / HTTP/1.1\r\nHost: localhost\r\n' + b'X-A: 1\r\n' * 100 + b'\r\n').split(b'\r\n')[0], '64 header fields')
check(raw(b'GET / HTTP/1.1\r\nHost: localhost\r\nX-A: ' + b'a' * 100000 + b'\r\n\r\n')[9:12] in (b'431', b'413', b''), '32 KiB of them')
check(ask('/api/v1/login', 'POST', b'{"token":"' + b'a' * 70000 + b'"}')[0] == 413, 'a body has 64 KiB')
big = raw(b'POST /api/v1/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n' + b'8000\r\n' + b'a' * 0x8000 + b'\r\n' + (b'8000\r\n' + b'a' * 0x8000 + b'\r\n') * 3 + b'0\r\n\r\n', 3)
check(b' 413 ' in big.split(b'\r\n')[0], 'also one that does not say its length', big[:80])
check(ask('/api/v1/login', 'POST', b'{}', Content_Type='text/plain')[0] == 415, 'a form that needs no leave of its browser is no JSON')
origin = f'http://127.0.0.1:{port}'
for body, what in ((b'', 'empty'), (b'[]', 'a list'), (b'{"token":"a","token":"b"}', 'twice the same key'), (b'{"token":{"a":1}}', 'an object inside'), (b'{"token":"\xff"}', 'no UTF-8'), (b'[' * 60000, 'brackets')):
    check(ask('/api/v1/login', 'POST', body, Origin=origin)[0] == 400, f'a body that is {what} is refused')
for line in (b'GET / HTTP/9.9\r\n\r\n', b'\x00\x01\x02\x03\r\n\r\n', b'GET\r\n\r\n', b'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', b'POST /api/v1/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n',
             b'POST /api/v1/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' + os.urandom(500)):
    raw(line, 2)
check(status('/healthz') == 200, 'bytes that are no requests hurt nobody')
for twice in (b'Host: localhost\r\nHost: localhost\r\n', b'Host: localhost\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n', b'Host: localhost\r\nContent-Length: 2\r\nContent-Length: 3\r\n'):
    got = raw(b'POST /api/v1/login HTTP/1.1\r\nContent-Type: application/json\r\n' + twice + b'\r\n{}', 2)
    check(b' 400 ' in got.split(b'\r\n')[0] or got == b'', 'what others may read otherwise is refused', got[:100])

# ---- what is live ----
def listen(last=None):
    c = http.client.HTTPConnection('127.0.0.1', port, timeout=10)
    c.request('GET', '/api/v1/live', headers={'Cookie': cookie, **({'Last-Event-ID': last} if last else {})})
    return c.getresponse()


def block(r):
    out = {}
    while True:
        l = r.readline().decode().rstrip('\n')
        if l == '':
            return out
        k, _, v = l.partition(':')
        out[k] = v.strip()


r = listen()
first, second = block(r), block(r)
check(r.getheader('Content-Type') == 'text/event-stream' and 'retry' in first and second.get('event') == 'counters' and json.loads(second['data'])['head'] > 0 and json.loads(second['data'])['collector'],
      'who listens hears the counters at once', (first, second))
check(status('/api/v1/live') == 401, 'nobody else listens')
r2 = listen('0-17')
block(r2)
check(block(r2).get('event') == 'again', 'what another life told is said to be gone')
r.close()
r2.close()

# ---- health, metrics, questions ----
s, head, body = ask('/metrics')
check(s == 200 and b'keytrail_up 1' in body and head.get('content-type', '').startswith('text/plain'), 'metrics tell of store and collector', (s, body[:200]))
check(ask('/metrics', Accept='application/openmetrics-text')[2].rstrip().endswith(b'# EOF'), 'in the form that is asked for')
check(ask('/metrics', X_Forwarded_For='203.0.113.7')[0] == 403, 'but not to who comes through a proxy')
s, _, body = ask('/readyz')
check(s == 200 and b'store: ok' in body and b'collector: ok' in body, 'it is ready', body)
s, head, body = ask('/api/v1/search?limit=5&q=kind:config', Cookie=cookie, Accept_Encoding='gzip')
rows = json.loads(gz.decompress(body) if head.get('content-encoding') == 'gzip' else body)
check(s == 200 and len(rows['rows']) > 0, 'questions are answered', (s, rows))
s, _, body = ask('/api/v1/search?q=actor:(', Cookie=cookie)
check(s == 400 and 'at' in json.loads(body), 'a query that is wrong says where', body)
many = []
def one():
    many.append(ask('/api/v1/search?limit=5', Cookie=cookie)[0])
threads = [threading.Thread(target=one) for _ in range(40)]
[t.start() for t in threads]
[t.join() for t in threads]
check(many.count(200) == 40, 'forty at once are answered', many)
# ---- downloads ----
s, head, body = ask('/api/v1/export?form=ndjson&q=kind:config', Cookie=cookie)
check(s == 200 and head.get('content-type') == 'application/x-ndjson' and head.get('content-disposition', '').startswith('attachment') and body.count(b'\n') > 0, 'a download comes in pieces', (s, head, body[:200]))
check(body == keytrail('search', '--db', h.db, 'kind:config', '-o', 'ndjson', '--since', '1d').stdout, 'and is what the command prints')
noted = keytrail('search', '--db', h.db, 'kind:audit operation:page.*', '-o', 'ndjson').stdout.decode()
check('responder' in noted and 'page.query' in noted, 'and what was asked is in the log', noted[:500])

# ---- reload, stop, start ----
with open(h.path('keytrail.yaml')) as f:
    conf = f.read()
h.write('keytrail.yaml', conf.replace('hosts: [keytrail.example.com]', 'hosts: [other.example.com]'))
dash.send_signal(signal.SIGHUP)
check(wait_for(lambda: status('/', host='other.example.com') == 200, 5) and ask('/', host='keytrail.example.com')[0] == 421, 'SIGHUP reads the configuration again')
check(ask('/api/v1/me', Cookie=cookie)[0] == 200, 'and nobody is logged out by it')
h.write('keytrail.yaml', conf + 'nonsense: 1\n')
dash.send_signal(signal.SIGHUP)
check(wait_for(lambda: 'nonsense' in open(h.path('dashboard.log')).read(), 5) and status('/', host='other.example.com') == 200, 'a broken one leaves the old one in force')
for key, why in (('users_file', 'there is no users file'), ('metrics_token_file', 'metrics_token_file'), ('reports_dir', 'dashboard.reports_dir needs a restart'), ('control', 'dashboard.control needs a restart')):
    h.write('keytrail.yaml', conf.replace('users_file: users, ' if key == 'users_file' else 'no such text', '').replace('hosts: [keytrail.example.com]', f'hosts: [third.example.com], {key}: {h.path("not-there")}'))
    dash.send_signal(signal.SIGHUP)
    check(wait_for(lambda: why in open(h.path('dashboard.log')).read(), 5) and dash.poll() is None and status('/', host='other.example.com') == 200, f'so does a {key} that cannot be taken', open(h.path('dashboard.log')).read())
check(ask('/api/v1/me', Cookie=cookie)[0] == 200, 'and nobody is logged out by that')
h.write('keytrail.yaml', conf)
dash.kill()
dash.wait()
dash = page()
check(ask('/api/v1/me', Cookie=cookie)[0] == 401 and login('viewer')[0] == 200, 'after a kill it starts again, without its sessions')
held = socket.create_connection(('127.0.0.1', port))
check(stop(dash, 10) == 0, 'SIGTERM ends it, whoever is connected')
for listen_at, why in (('tcp://0.0.0.0:0', 'cert_file'), ('udp://127.0.0.1:1', 'tcp://'), ('unix:relative', 'tcp://')):
    p = keytrail('dashboard', '-c', h.path('keytrail.yaml'), '--listen', listen_at, ok=False)
    check(p.returncode == 3 and why in p.stderr.decode(), f'{listen_at} is refused with what mends it', p.stderr.decode())
sock = h.path('page.sock')
dash = start([KEYTRAIL, 'dashboard', '--db', h.db, '--listen', f'unix:{sock}'], h.path('dashboard.log'))
check(wait_for(lambda: os.path.exists(sock), 10) and oct(os.stat(sock).st_mode & 0o777) == '0o660', 'a Unix socket is for its group')
s = socket.socket(socket.AF_UNIX)
s.connect(sock)
s.sendall(b'GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
check(b' 200 ' in s.recv(1000), 'and answers, without a collector too')
check(stop(dash, 10) == 0 and not os.path.exists(sock), 'which goes with it')
dripper.join(20)
check(9 < slow.get('head', 0) < 14, 'a head that comes byte by byte is cut off', slow)
finish()
