#!/usr/bin/env python3
"""Services that post to an agent: TLS, tokens, signatures, limits; 200 means kept, a full disk is 503 in two seconds, kills lose nothing that was answered."""
import gzip, hashlib, hmac as hm, http.client, json, os, random, socket, ssl, sys, threading, time
if os.environ.get('KT_OWN_MOUNTS') is None:  # a namespace of our own: the mounts end with it
    os.environ['KT_OWN_MOUNTS'] = '1'
    import shutil, subprocess
    wrap = ['unshare', '--mount', '--map-root-user'] if os.geteuid() != 0 else ['unshare', '--mount']
    if shutil.which('unshare') is None or subprocess.run([*wrap, 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'], capture_output=True).returncode != 0:
        print('ok 1 - listeners # SKIP no right to mount')
        print('1..1')
        sys.exit(0)
    os.execvp(wrap[0], [*wrap, sys.executable, *sys.argv])
from support import *

rng = random.Random(SEED)
h = House()
TOKEN, KEY = 'invented-token-0000000001', 'invented-hmac-key'
spool = h.path('spool')
tls, plain = free_port(), free_port()
n = 0


def secret_file(name, text):
    p = h.write(name, text)
    os.chmod(p, 0o600)
    return p


def k8s(count, name=None, **over):
    """An EventList as the API server's webhook backend posts it."""
    global n
    items = []
    for _ in range(count):
        n += 1
        items.append({'kind': 'Event', 'apiVersion': 'audit.k8s.io/v1', 'level': 'Metadata', 'auditID': f'{n:08x}-0000-4000-8000-{SEED & 0xffffffffffff:012x}',
                      'stage': 'ResponseComplete', 'requestURI': f'/api/v1/namespaces/pay/secrets/db-{n % 7}', 'verb': 'get',
                      'user': {'username': 'dana@example.com', 'groups': ['system:authenticated']}, 'sourceIPs': ['198.51.100.7'], 'userAgent': 'kubectl/v1.31',
                      'objectRef': {'resource': 'secrets', 'namespace': 'pay', 'name': name or f'db-{n % 7}', 'apiVersion': 'v1'},
                      'responseStatus': {'code': 200}, 'requestReceivedTimestamp': iso(time.time(), 6), 'stageTimestamp': iso(time.time(), 6), **over})
    return json.dumps({'kind': 'EventList', 'apiVersion': 'audit.k8s.io/v1', 'metadata': {}, 'items': items}).encode()


def post(body, port=None, path='/audit', method='POST', timeout=10, **headers):
    """Status; 0 when there was none."""
    port = port or tls
    try:
        c = http.client.HTTPSConnection('127.0.0.1', port, timeout=timeout, context=context) if port == tls else http.client.HTTPConnection('127.0.0.1', port, timeout=timeout)
        c.request(method, path, body, {k.replace('_', '-'): v for k, v in headers.items()})
        status = c.getresponse().status
        c.close()
        return status
    except (OSError, http.client.HTTPException):
        return 0


def good(body, **more):
    return post(body, Authorization=f'Bearer {TOKEN}', **more)


def stored(source='kubernetes'):
    p = keytrail('status', '--db', h.db, '-o', 'json', ok=False)
    return sum(s['events'] for s in json.loads(p.stdout)['sources'] if s['source'] == source) if p.returncode == 0 else -1


def status():
    return run(AGENT, 'status', '-c', h.path('agent.yaml'), ok=False).stdout.decode()


def start_agent():
    a = start([AGENT, '-c', h.path('agent.yaml')], h.path('agent.log'))
    wait_for(lambda: post(b'', port=plain, path='/x', method='GET', timeout=1) != 0 and post(b'', path='/x', method='GET', timeout=1) != 0, 10)
    return a


run('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-addext',
    'subjectAltName=IP:127.0.0.1', '-keyout', h.path('tls.key'), '-out', h.path('tls.crt'))
os.chmod(h.path('tls.key'), 0o600)
context = ssl.create_default_context(cafile=h.path('tls.crt'))
os.mkdir(spool)
run('mount', '-t', 'tmpfs', '-o', 'size=3m,mode=0700', 'tmpfs', spool)
atexit.register(lambda: subprocess.run(['umount', '-l', spool], capture_output=True))
h.start_collector()
h.allow('a', h.new_key('a'), 'kubernetes/k8s-prod,doppler/acme')
one = (f'id: k8s-prod, type: kubernetes, input: http_listen, listen: "tcp://127.0.0.1:{tls}", cert_file: {h.path("tls.crt")}, tls_key_file: {h.path("tls.key")}, '
       f'url_path: /audit, token_file: {secret_file("token", TOKEN + chr(10))}, body_max: 256KiB, room: 1MiB')
two = f'id: acme, type: doppler, input: http_listen, listen: "tcp://127.0.0.1:{plain}", hmac_file: {secret_file("hmac", KEY)}, hmac_header: X-Doppler-Signature'
h.agent_config('a', [f'{{ {one} }}', f'{{ {two} }}'])
h.write('agent.yaml', open(h.path('a.yaml')).read().replace(h.path('spool-a'), os.path.join(spool, 'a')))
agent = start_agent()

# ---- who may, and what is too much ----
check(good(k8s(3)) == 200, 'a list is taken', h.log('agent.log'))
check(post(k8s(1), Authorization=TOKEN) == 200, 'the bare token will do')
denied = [post(b'{}'), post(b'{}', Authorization='Bearer wrong'), post(b'{}', Authorization=TOKEN + 'x'), post(b'{}', Authorization='')]
check(denied == [401] * 4, 'nobody else may', denied)
odd = [post(b'{}', path='/other', Authorization=TOKEN), post(b'{}', method='DELETE', Authorization=TOKEN), good(b'x' * (257 << 10)), good(gzip.compress(b'0' * (1 << 20)), Content_Encoding='gzip'),
       good(gzip.compress(k8s(0) * 50)[:-12], Content_Encoding='gzip')]
check(odd == [404, 405, 413, 413, 400], 'other places, methods, sizes and bombs are refused', odd)
check(good(gzip.compress(k8s(2)), Content_Encoding='gzip') == 200, 'a packed body is unpacked')
check(wait_for(lambda: stored() == n, 10), 'what was taken is stored', f'{stored()} of {n}')

read = json.dumps({'type': 'security.secret_read', 'user': {'kind': 'user', 'slug': 'u1', 'email': 'dana@example.com'}, 'workplace': {'id': 'w1', 'name': 'acme'},
                   'session': {'ip': '198.51.100.7', 'method': 'CLI'}, 'createdAt': iso(time.time(), 3),
                   'metadata': {'secrets': [{'p': 'shop', 'e': 'prd', 'c': 'prd', 's': 'DB_PASSWORD', 'v': '3'}]}}).encode() + b'\n'
sig = hm.new(KEY.encode(), read, hashlib.sha256).hexdigest()
signed = [post(read, port=plain, X_Doppler_Signature=f'sha256={sig}'), post(read, port=plain, X_Doppler_Signature=sig), post(read + b' ', port=plain, X_Doppler_Signature=sig),
          post(read, port=plain)]
check(signed == [200, 200, 401, 401], 'a signature over the body is asked for', signed)
check(wait_for(lambda: stored('doppler') == 1, 10), 'and what came twice is stored once', stored('doppler'))
check(TOKEN not in h.log('agent.log') + status() and KEY not in h.log('agent.log') + status(), 'no secret in log or status')

# ---- 200 means kept, soon ----


def timed(what):
    began = time.monotonic()
    what()
    return time.monotonic() - began


def answers():
    """What 200 of them took, and as many syncs of a file beside them: that is what the disk itself takes just now."""
    took, disk = [], []
    with open(h.path('beside'), 'wb', buffering=0) as f:
        for _ in range(200):
            disk.append(timed(lambda: (f.write(b'x' * 4096), os.fdatasync(f.fileno()))))
            took.append(timed(lambda: codes.append(good(k8s(5)))))
    p50, p99, by_itself = sorted(took)[100], sorted(took)[197], sorted(disk)[197]
    print(f'# answered after {1000 * p50:.1f} ms (p50), {1000 * p99:.1f} ms (p99), TLS handshake included; a sync beside it {1000 * by_itself:.1f} ms (p99)')
    return p99 <= max(0.05, 3 * by_itself)


codes = []
check(any(answers() for _ in range(3)), '99 of 100 answers come within 50 ms, or thrice what the disk needs')
check(set(codes) == {200}, 'and all are 200', set(codes))
slow = []
for _ in range(30):
    s = socket.create_connection(('127.0.0.1', tls))
    slow.append(s)
check(good(k8s(1)) == 200, 'connections that say nothing hold nobody up')
for s in slow:
    s.close()
check(wait_for(lambda: stored() == n, 20), 'all of it is stored', f'{stored()} of {n}')

# ---- kills, with a sender that posts again until it hears 200 ----
kills_wanted = how_many_kills(12)
bodies = [k8s(4) for _ in range(125 * kills_wanted)]
lock, at = threading.Lock(), [0]


def sender():
    while True:
        with lock:
            if at[0] == len(bodies):
                return
            body = bodies[at[0]]
            at[0] += 1
        for _ in range(300):
            if good(body, timeout=5) == 200:
                break
            time.sleep(0.05)


threads = [threading.Thread(target=sender) for _ in range(4)]
for t in threads:
    t.start()
kills = 0
while any(t.is_alive() for t in threads) and kills < kills_wanted:
    time.sleep(rng.uniform(0.1, 0.6))
    agent.kill()
    agent.wait()
    kills += 1
    h.shake(rng)
    agent = start_agent()
for t in threads:
    t.join()
check(wait_for(lambda: stored() == n, 30), f'after {kills} kills all that was answered is stored', f'{stored()} of {n}')
ids = [r['native_id'] for r in ndjson(keytrail('search', 'source:kubernetes', '--db', h.db, '--since', '@0', '-o', 'ndjson', '-q'))]
check(len(ids) == len(set(ids)) == n, 'exactly once', f'{len(ids)} {len(set(ids))} {n}')

# ---- a full disk ----
check(stop(h.collector) == 0, 'the collector ends')
codes, worst = [], 0.0
for _ in range(400):
    began = time.monotonic()
    codes.append(good(b'\n'.join(k8s(1, f'x{rng.getrandbits(900):x}') for _ in range(60)), timeout=20))
    worst = max(worst, time.monotonic() - began)
    if codes[-5:] == [503] * 5:
        break
check(set(codes) <= {200, 503} and codes[-1] == 503, 'a full disk is 503', codes[-8:])
check(worst < 3, 'in two seconds', worst)
check(agent.poll() is None, 'the agent goes on', h.log('agent.log')[-500:])
h.start_collector()
check(wait_for(lambda: good(k8s(1)) == 200, 60), 'with a collector again it is taken', status())

# ---- what is no good configuration ----
for wrong, says in ((one.replace('127.0.0.1', '0.0.0.0').replace(f'cert_file: {h.path("tls.crt")}, tls_key_file: {h.path("tls.key")}, ', ''), b'needs cert_file'),
                    (two.replace('127.0.0.1', '0.0.0.0'), b'needs cert_file'), (one.replace('token_file: ' + h.path('token') + ', ', '').replace('127.0.0.1', '0.0.0.0'), b'needs token_file'),
                    (two.replace(', hmac_header: X-Doppler-Signature', ''), b'belong together'), (one.replace('tcp://', 'http://'), b'write tcp://')):
    h.write('wrong.yaml', open(h.path('a.yaml')).read().split('sources:')[0].replace(h.path('spool-a'), h.path('spool-w')) + f'sources:\n  - {{ {wrong} }}\n')
    p = run(AGENT, '-c', h.path('wrong.yaml'), ok=False, timeout=20)
    check(p.returncode != 0 and says in p.stderr, f'refused: {says.decode()}', p.stderr)
check(stop(agent) == 0, 'the agent ends cleanly', h.log('agent.log')[-500:])
check(stop(h.collector) == 0, 'and the collector')
v = keytrail('verify', '--db', h.db, '-c', h.path('keytrail.yaml'), ok=False)
check(v.returncode == 0, 'the store verifies with every signature', v.stdout + v.stderr)
finish()
