#!/usr/bin/env python3
"""Who may see the page, over real processes: one-time links, passwords, roles, scopes, CSRF; what is looked at is a record of the log before it is shown, and is not shown when it cannot be;
the page runs as a user of its own, where the test is root and can start it so, and the collector hears that user for what a page does."""
import http.client, pwd
from support import *

PORT = free_port()
ROOT = os.geteuid() == 0
h = House()
OWN = h.path('page')  # of the page's user
os.mkdir(OWN, 0o700)
os.mkdir(OWN + '/reports', 0o700)
config = h.write('keytrail.yaml', open(h.path('keytrail.yaml')).read() + f'''
dashboard: {{ listen: "tcp://127.0.0.1:{PORT}", users_file: {OWN}/users, control: {OWN}/page.sock, reports_dir: {OWN}/reports{', user: nobody' if ROOT else ''} }}
''', 0o640)
os.chmod(h.dir, 0o750)
if ROOT:
    for d in (OWN, OWN + '/reports'):
        os.chown(d, pwd.getpwnam('nobody').pw_uid, -1)
AS = ['setpriv', '--reuid', 'nobody', '--regid', str(os.getgid()), '--clear-groups'] if ROOT else []  # the group reads the store


def user(*argv, password=None, ok=True):
    return keytrail('dashboard', 'user', *argv, '-c', config, ok=ok, stdin=password)


def ask(method, path, body=None, cookie=None, **headers):
    c = http.client.HTTPConnection('127.0.0.1', PORT, timeout=15)
    sent = {k.replace('_', '-'): v for k, v in headers.items()}
    if cookie:
        sent['Cookie'] = cookie
    if method == 'POST':
        sent.setdefault('Origin', f'http://127.0.0.1:{PORT}')
        sent['Content-Type'] = 'application/json'
    c.request(method, path, json.dumps(body) if body is not None else None, sent)
    r = c.getresponse()
    text = r.read()
    c.close()
    return r.status, json.loads(text or b'null'), r.headers


def login(**body):
    status, me, headers = ask('POST', '/api/v1/login', body)
    return status, me, (headers['Set-Cookie'] or '').split(';')[0]


def link(*argv):
    return keytrail('dashboard', 'login', *argv, '-c', config).stdout.decode().strip()


def views():
    rows = ndjson(keytrail('search', 'kind:audit operation:page*', '--db', h.db, '--since', '1h', '-o', 'ndjson'))
    return [(r['operation'], r['original'].get('user'), r['original'].get('query')) for r in rows]


# ---- the users file ----
user('add', 'alice', '--role', 'responder', password=b'a long enough password\n')
user('add', 'bob', '--no-password', '--scope', 'instance:vault-b')
p = user('add', 'eve', password=b'short\n', ok=False)
check(p.returncode == 2 and b'12 bytes' in p.stderr, 'a short password is refused', p.stderr.decode())
p = user('add', 'eve', '--no-password', '--scope', '"free text"', ok=False)
check(p.returncode == 2 and b'--scope' in p.stderr, 'a scope that counts cannot follow is refused', p.stderr.decode())
check(os.stat(f'{OWN}/users').st_mode & 0o777 == 0o600 and b'password' not in open(f'{OWN}/users', 'rb').read(), 'the file is 0600 and holds no password')

h.start_collector()
page = start([*AS, KEYTRAIL, 'dashboard', '-c', config], h.path('page.log'))
check(wait_for(lambda: os.path.exists(f'{OWN}/page.sock'), 15), 'the page listens', open(h.path('page.log')).read())

rows = [json.loads(r) for r in keytrail('doctor', '-c', config, '-o', 'ndjson', ok=False).stdout.decode().splitlines()]
check([(r['state'], str(PORT) in r['found']) for r in rows if r['check'] == 'page'] == [('ok', True)], 'doctor says that the page answers, and where', rows)

if ROOT:
    second = start([KEYTRAIL, 'dashboard', '-c', config, '--listen', 'tcp://127.0.0.1:0'], h.path('second.log'))
    check(second.wait(15) == 3 and "start the page as 'nobody'" in open(h.path('second.log')).read(), 'it refuses to run with what the collector may', open(h.path('second.log')).read())

# ---- logging in ----
url = link('--role', 'auditor', '--user', 'carol')
check(url.startswith(f'http://127.0.0.1:{PORT}/#token='), 'the token is in the fragment', url)
status, me, carol = login(token=url.split('=')[1])
check(status == 200 and me['role'] == 'auditor' and me['user'] == 'carol', 'a link lets in', me)
check(login(token=url.split('=')[1])[0] == 401, 'and only once')
status, me, alice = login(user='alice', password='a long enough password')
check(status == 200 and me['scope'] is None, 'a password lets in', me)
csrf = me['csrf']
status, _, bob = login(token=link('--user', 'bob').split('=')[1])
check(status == 200, 'a user without a password comes by a link')
check(ask('GET', '/api/v1/search')[0] == 401, 'without a session nothing is told')
check(ask('GET', '/api/v1/search', cookie='kt_session=' + '0' * 32)[0] == 401, 'nor to an id that was made up')

# ---- what a change must carry ----
silence = {'match': 'actor:x', 'reason': 'r', 'for': '1h'}
check(ask('POST', '/api/v1/silences', silence, alice)[0] == 403, 'a change without the CSRF token is refused')
check(ask('POST', '/api/v1/silences', silence, alice, X_CSRF_Token=csrf, Origin='https://evil.example')[0] == 403, 'and one from another origin')
check(ask('POST', '/api/v1/silences', silence, carol, X_CSRF_Token=csrf)[0] == 403, "and one with somebody else's token")
status, answer, _ = ask('POST', '/api/v1/silences', silence, alice, X_CSRF_Token=csrf)
check(status == 200, 'with both it is done', answer)

# ---- scopes ----
check(ask('GET', '/api/v1/search', cookie=bob)[0] == 200, 'a user with a scope searches')
check(all(ask('GET', '/api/v1/' + c, cookie=bob)[0] == 403 for c in ('silences', 'blast?value=x', 'status', 'settings', 'coverage', 'live')), 'and is told nothing of the house')
check(all(ask('GET', '/api/v1/' + c, cookie=bob)[0] == 200 for c in ('alerts', 'overview', 'actor?value=x')), 'but what is made of the records that fit')

# ---- what is looked at ----
for _ in range(3):
    ask('GET', '/api/v1/search?q=action:read&since=24h', cookie=alice)
status, answer, _ = ask('GET', '/api/v1/record?seq=1', cookie=alice)
check(status == 200 and views().count(('page.raw', 'alice', 'seq=1')) == 1, 'a raw record is noted when it is shown', answer)
check(views().count(('page.query', 'alice', 'action:read')) == 1, 'one question is noted once', views())
check(('page.login', 'carol', None) in views() and any(v[0] == 'page.login.failed' for v in views()), 'logins and those that failed are noted', views())

# ---- evidence ----
def verified():
    c = http.client.HTTPConnection('127.0.0.1', PORT, timeout=15)
    c.request('GET', '/metrics')
    text = c.getresponse().read().decode()
    c.close()
    return re.findall(r'^keytrail_integrity_(?:ok|last_verified_timestamp_seconds) (\S+)$', text, re.M)


status, me, _ = ask('GET', '/api/v1/me', cookie=carol)
of_carol = me['csrf']
check(len(verified()) == 1, 'nothing was verified yet', verified())
status, answer, _ = ask('POST', '/api/v1/integrity/verify', {}, carol, X_CSRF_Token=of_carol)
check(status == 202 and wait_for(lambda: ask('GET', '/api/v1/integrity', cookie=carol)[1]['verify']['state'] == 'done', 30), 'an auditor verifies', ask('GET', '/api/v1/integrity', cookie=carol)[1]['verify'])
check(wait_for(lambda: len(verified()) == 2 and verified()[1] == '1', 15), 'and the metrics know', verified())
today = time.strftime('%Y-%m-%d', time.gmtime())
status, answer, _ = ask('POST', '/api/v1/reports', {'kind': 'access', 'from': today, 'to': today}, carol, X_CSRF_Token=of_carol)
made = wait_for(lambda: ask('GET', '/api/v1/reports', cookie=carol)[1]['packages'], 60)
check(status == 202 and made and made[0]['operator'] == 'carol', 'a package says who asked for it', ask('GET', '/api/v1/reports', cookie=carol)[1])
status, answer, _ = ask('POST', '/api/v1/reports/verify', {'name': made[0]['name'] if made else ''}, carol, X_CSRF_Token=of_carol)
check(status == 202 and wait_for(lambda: not ask('GET', '/api/v1/reports', cookie=carol)[1]['checking']['running'], 60), 'and is checked', ask('GET', '/api/v1/reports', cookie=carol)[1]['checking'])

# ---- a user that goes ----
user('rm', 'alice')
check(wait_for(lambda: ask('GET', '/api/v1/me', cookie=alice)[0] == 401, 8), 'whose line goes is out at once')

# ---- tries ----
codes = [login(user='alice', password='guess')[0] for _ in range(7)]
check(codes.count(429) >= 2 and 200 not in codes, 'guessing is slowed down', codes)

# ---- the page's own user ----
ASK = '''
import json, os, pwd, socket, sys
u = pwd.getpwnam('nobody')
os.setgroups([]); os.setuid(u.pw_uid)
for line in sys.stdin:
    s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.sendall(line.encode())
    got = b''
    while not got.endswith(b'\\n\\n'):
        more = s.recv(65536)
        if not more:
            sys.exit('not heard')
        got += more
    print(got.decode().split('\\n')[0])
'''
if ROOT:
    asks = [{'do': 'status'}, {'do': 'metrics'}, {'do': 'viewed', 'user': 'x', 'what': 'query'}, {'do': 'hold.add', 'query': 'actor:x', 'reason': 'r', 'by': 'b'},
            {'do': 'reload'}, {'do': 'reopen', 'ids': ['AAAA'], 'reason': 'r', 'by': 'b'}, {'do': 'ack', 'ids': ['AAAA'], 'by': 'b'}]
    p = run(sys.executable, '-c', ASK, h.path('control.sock'), stdin='\n'.join(map(json.dumps, asks)).encode() + b'\n')
    said = p.stdout.decode().splitlines()
    check('version' in said[0] and 'error' not in said[1][:9] and '"seq"' in said[2], "the page's user is heard for what the page does", said)
    check(all('is not for the page' in s for s in said[3:6]), 'and for nothing else', said)
    check('not for the page' not in said[6], 'it acknowledges', said)
    p = run(sys.executable, '-c', ASK.replace("'nobody'", "'daemon'"), h.path('control.sock'), ok=False, timeout=20, stdin=b'{"do":"status"}\n')
    check(p.returncode != 0 and not p.stdout.strip(), 'others are not heard', p.stdout.decode())

# ---- no collector ----
stop(h.collector)
check(ask('GET', '/api/v1/record?seq=2', cookie=carol)[0] == 503, 'what cannot be noted is not shown')
check(ask('GET', '/api/v1/search?q=action:use', cookie=carol)[0] == 200, 'searching goes on')
check(stop(page) == 0, 'the page stops cleanly', open(h.path('page.log')).read())
rows = [json.loads(r) for r in keytrail('doctor', '-c', config, '-o', 'ndjson', ok=False).stdout.decode().splitlines()]
check([r['state'] for r in rows if r['check'] == 'page'] == ['warn'] and not os.path.exists(f'{OWN}/page.sock'), 'doctor says of a page with users that it does not run', rows)
finish()
