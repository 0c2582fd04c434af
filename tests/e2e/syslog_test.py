#!/usr/bin/env python3
"""Syslog from every side: UDP, TCP with both framings, unix streams and datagrams, Vault's and Conjur's own lines, and a real rsyslog where there is one;
a writer never waits, drops are counted, strangers stay out."""
import glob, json, os, random, shutil, socket, time
from support import *

rng = random.Random(SEED)
h = House()
tcp, udp = free_port(), free_port()
stream, dgram, conjur = h.path('s.sock'), h.path('d.sock'), h.path('conjur.sock')
MAPPING = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../agents/sources/mappings/conjur.yaml')
n = 0


def pair(**over):
    global n
    n += 1
    return vault_pair(rng, time.time(), rid=f'{n:08x}-0000-4000-8000-{SEED & 0xffffffffffff:012x}', **over)


def stored(source='vault'):
    p = keytrail('status', '--db', h.db, '-o', 'json', ok=False)
    return sum(s['events'] for s in json.loads(p.stdout)['sources'] if s['source'] == source) if p.returncode == 0 else -1


def status(name='a'):
    return run(AGENT, 'status', '-c', h.path(f'{name}.yaml'), ok=False).stdout.decode()


def connect(address):
    s = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET, socket.SOCK_STREAM)
    s.settimeout(5)
    s.connect(address)
    return s


def datagram(address, data, s=socket.socket(socket.AF_INET, socket.SOCK_DGRAM), u=socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)):
    (u if isinstance(address, str) else s).sendto(data, address)


h.start_collector()
h.allow('a', h.new_key('a'), 'vault/tcp,vault/udp,vault/stream,vault/dgram,mapping/conjur')
sources = [f'{{ id: tcp, type: vault, input: syslog, listen: "tcp://127.0.0.1:{tcp}", connections: 8 }}', f'{{ id: udp, type: vault, input: syslog, listen: "udp://127.0.0.1:{udp}" }}',
           f'{{ id: stream, type: vault, input: syslog, listen: "unix://{stream}" }}', f'{{ id: dgram, type: vault, input: syslog, listen: "unix-dgram://{dgram}", room: 1MiB }}',
           f'{{ id: conjur, type: mapping, mapping: {os.path.abspath(MAPPING)}, input: syslog, record: object, listen: "unix://{conjur}" }}']
h.agent_config('a', sources)
agent = h.start_agent('a')
check(wait_for(lambda: os.path.exists(conjur), 10), 'the agent listens', h.log('a.log'))
check([os.stat(p).st_mode & 0o777 for p in (stream, dgram)] == [0o660] * 2, 'the sockets have the mode 0660')

# ---- every way, every form ----
s, u = connect(('127.0.0.1', tcp)), connect(stream)
for i in range(300):
    for line in pair():
        old, new = f'<86>Nov 29 01:00:00 web1 vault[77]: {line}'.encode(), f'<86>1 2026-11-29T01:00:00Z web1 vault 77 - [o@1 a="]"] {line}'.encode()
        {0: lambda: s.sendall(old + b'\n'), 1: lambda: s.sendall(str(len(new)).encode() + b' ' + new), 2: lambda: u.sendall(new + b'\n'),
         3: lambda: datagram(dgram, f'<86>Nov 29 01:00:00 vault[77]: {line}\n'.encode()), 4: lambda: datagram(('127.0.0.1', udp), old),
         5: lambda: u.sendall((line + '\n').encode())}[i % 6]()
check(wait_for(lambda: stored() == 300, 20), 'all of it is stored', f'{stored()}\n' + status())
a, b = pair()
s.sendall(f'<86>Nov 29 01:00:00 web1 vault[77]: {a}\n'.encode())
time.sleep(0.2)
check('torn 0' in status() or 'torn' not in status(), 'nothing is torn', status())
other = connect(('127.0.0.1', tcp))
other.sendall(f'<86>Nov 29 01:00:00 web1 vault[77]: {b}\n'.encode())
check(wait_for(lambda: stored() == 301, 10), 'a request finds its response on another connection', stored())
a, b = pair()
other.sendall(b'<86>Nov 29 01:00:00 web1 vault[77]: ' + a.encode()[:300])
other.close()
check(wait_for(lambda: h.count('kind:quarantine instance:tcp') == 1, 10), 'half a message is quarantined', status())
n -= 1
big = json.dumps({'type': 'request', 'x': 'y' * (2 << 20)}).encode()
s.sendall(b'<86>Nov 29 01:00:00 web1 vault[77]: ' + big + b'\n' + str(len(big) + 4).encode() + b' <1> ' + big[:-1] + b'}')
for line in pair():
    s.sendall(f'<86>Nov 29 01:00:00 web1 vault[77]: {line}\n'.encode())
check(wait_for(lambda: stored() == 302, 10) and wait_for(lambda: h.count('kind:quarantine instance:tcp') == 3, 10), 'one that is too long costs itself alone', status())
r = ndjson(keytrail('search', 'instance:dgram', '--db', h.db, '--since', '@0', '-o', 'ndjson', '-q', ok=False))
check(r and 'web1' not in json.dumps(r) and r[0]['actor'] == 'dana@dgram', 'of the head nothing is kept', r[:1])

# ---- Conjur ----
c = connect(conjur)
line = ('<86>1 2026-03-02T07:14:05.123Z - conjur req-1 fetch [auth@43868 user="acme:user:alice"][subject@43868 resource="acme:variable:prod/pay/db"]'
        '[client@43868 ip="203.0.113.40"][action@43868 result="success" operation="fetch"] acme:user:alice fetched acme:variable:prod/pay/db\n')
c.sendall(line.encode() + line.replace('success', 'failure').replace('<86>', '<84>').replace('req-1', 'req-2').replace(' fetched ', ' tried to fetch ').replace('pay/db\n', 'pay/db: Forbidden\n').encode())
rows = wait_for(lambda: (lambda r: r if len(r) == 2 else None)(ndjson(keytrail('search', 'instance:conjur', '--db', h.db, '--since', '@0', '-o', 'ndjson', '-q', ok=False))), 10) or []
check([(r['actor'], r['secret'], r['action'], r['ip']) for r in rows] == [('alice@conjur', 'conjur://acme/variable/prod/pay/db', 'read', '203.0.113.40')] * 2, 'Conjur writes to us itself', rows)
check(sorted(r['outcome'] for r in rows) == ['denied', 'success'], 'and its structured data says how it ended', rows)

# ---- strangers, limits ----
many = [connect(('127.0.0.1', tcp)) for _ in range(12)]
time.sleep(0.3)
closed = 0
for m in many:
    m.settimeout(0.2)
    try:
        closed += m.recv(1) == b''
    except OSError:
        pass
    m.close()
check(4 <= closed <= 5, 'connections beyond the limit are closed at once', closed)
for wrong, says in (('listen: "tcp://0.0.0.0:1"', b"needs 'allow'"), ('listen: "udp://0.0.0.0:1"', b"needs 'allow'"), (f'listen: "unix-dgram://{dgram}"', b'somebody listens there already'),
                    (f'listen: "unix://{dgram}"', b'somebody listens there already'), ('listen: "http://x"', b'or udp://address:port'), (f'listen: "unix://{h.path("o.sock")}", record: line', b'write message or object'),
                    (f'listen: "udp://127.0.0.1:{udp}"', b'in use')):
    h.write('w.yaml', open(h.path('a.yaml')).read().split('sources:')[0].replace(h.path('spool-a'), h.path('spool-w')) + f'sources:\n  - {{ id: w, type: vault, input: syslog, {wrong} }}\n')
    p = run(AGENT, '-c', h.path('w.yaml'), ok=False, timeout=20)
    check(p.returncode != 0 and says in p.stderr, f'refused: {says.decode()}', p.stderr)

# ---- more than the kernel keeps ----
agent.send_signal(signal.SIGSTOP)
for _ in range(4000):
    datagram(('127.0.0.1', udp), b'<13>Nov 29 01:00:00 x: ' + b'z' * 8000)
agent.send_signal(signal.SIGCONT)
check(wait_for(lambda: datagram(('127.0.0.1', udp), b'<13>x: {}') or 'the kernel dropped' in h.log('a.log'), 10, 0.3), 'what the kernel dropped is said', h.log('a.log')[-500:])

# ---- a real rsyslog ----
peers = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../build/peers')
rsyslogd = shutil.which('rsyslogd', path=os.pathsep.join([os.environ.get('PATH', ''), '/usr/sbin', os.path.join(peers, 'usr/sbin')]))
if rsyslogd is None:
    check(True, 'rsyslog # SKIP it is not here: make deps-test')
else:
    at = n
    modules = glob.glob('/usr/lib/*/rsyslog') + glob.glob(os.path.join(peers, 'usr/lib/*/rsyslog'))
    os.environ['LD_LIBRARY_PATH'] = os.pathsep.join(os.path.dirname(m) for m in modules if m.startswith(peers))
    omux = any(os.path.exists(os.path.join(m, 'omuxsock.so')) for m in modules)
    h.write('rsyslog.conf', f'''global(maxMessageSize="1m" workDirectory="{h.dir}")
module(load="imuxsock" SysSock.Use="off")
{'module(load="omuxsock")' if omux else ''}
input(type="imuxsock" Socket="{h.path('log')}" RateLimit.Interval="0" UseSpecialParser="on" ParseHostname="off")
if $programname == "one" then action(type="omfwd" target="127.0.0.1" port="{tcp}" protocol="tcp" tcp_framing="octet-counted")
if $programname == "two" then action(type="omfwd" target="127.0.0.1" port="{tcp}" protocol="tcp" tcp_framing="traditional" template="RSYSLOG_SyslogProtocol23Format")
if $programname == "three" then action(type="omfwd" target="127.0.0.1" port="{udp}" protocol="udp" template="RSYSLOG_ForwardFormat")
{f"""$OMUxSockSocket {dgram}
if $programname == "four" then :omuxsock:""" if omux else ''}
''')
    d = start([rsyslogd, '-n', '-f', h.path('rsyslog.conf'), '-i', h.path('rsyslog.pid'), '-M', os.pathsep.join(modules)], h.path('rsyslog.log'))
    check(wait_for(lambda: os.path.exists(h.path('log')), 10), 'rsyslog starts', h.log('rsyslog.log'))
    big = 'z' * 20000
    for i in range(200):
        tag = ['one', 'two', 'three', 'four'][i % (4 if omux else 3)]
        for line in pair(headers={'x': [big]} if tag != 'three' and i % 20 == 0 else {}):
            datagram(h.path('log'), f'<86>Nov 29 01:00:00 {tag}[77]: {line}\n'.encode())
    check(wait_for(lambda: stored() == n, 30), f'what rsyslog forwards{"" if omux else " (no omuxsock)"} is stored', f'{stored()} of {n}, {at} before\n' + status() + h.log('rsyslog.log'))
    stop(d)

# ---- stopped: what was written a moment ago is kept ----
def write_last():
    for _ in range(150):
        datagram(('127.0.0.1', udp), b'<13>x: {}')
    for write in (lambda x: u.sendall(x + b'\n'), lambda x: datagram(('127.0.0.1', udp), x)):
        for line in pair():
            write(line.encode())


before = stored()
check(stop_behind(agent, write_last) == 0, 'it stops', h.log('a.log')[-500:])
agent = h.start_agent('a')
check(wait_for(lambda: stored() == before + 2, 20), 'what was not read when it was stopped is stored, once', f'{stored()} {before}')

# ---- a spool that is full ----
check(stop(agent) == 0, 'the agent ends', h.log('a.log')[-500:])
check(not os.path.exists(dgram) and not os.path.exists(stream), 'and takes its sockets with it')
check(stop(h.collector) == 0, 'the collector too')
h.agent_config('b', [sources[0], sources[1], sources[3]], key='a', agent='a')
h.write('b.yaml', open(h.path('b.yaml')).read().replace('max: 1GiB', 'max: 1MiB'))
agent = h.start_agent('b')
check(wait_for(lambda: os.path.exists(dgram), 10), 'an agent with a small spool', h.log('b.log'))
u = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
worst = 0.0
end = time.monotonic() + 20
full = lambda: 'nothing more fits' in h.log('b.log') and 'until there is room' in h.log('b.log')
while time.monotonic() < end and not full():
    for _ in range(300):
        for line in pair(headers={'x': [f'{rng.getrandbits(4000):x}']}):
            began = time.monotonic()
            u.sendto(f'<86>Nov 29 01:00:00 vault[77]: {line}\n'.encode(), dgram)
            worst = max(worst, time.monotonic() - began)
check(full(), 'a full spool is said, and what is dropped', h.log('b.log')[-800:] + status('b'))
print(f'# the longest write took {1000 * worst:.1f} ms')
check(worst < 0.5, 'no write waited', worst)
check('dropped so far' in status('b'), 'status has it', status('b'))
h.start_collector()
check(wait_for(lambda: 'there is room in the spool again' in h.log('b.log'), 30), 'with a collector it goes on', h.log('b.log')[-500:])
before = stored()
for line in pair():
    datagram(dgram, line.encode())
check(wait_for(lambda: h.count(f'instance:dgram native_id:{n:08x}-0000-4000-8000-{SEED & 0xffffffffffff:012x}') == 1, 20), 'and what comes then is stored', (before, stored()))
check(stop(agent) == 0 and stop(h.collector) == 0, 'both end', h.log('b.log')[-500:])
check(keytrail('verify', '--db', h.db, '-c', h.path('keytrail.yaml'), ok=False).returncode == 0, 'the store verifies')
finish()
