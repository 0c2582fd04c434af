#!/usr/bin/env python3
"""Strangers that use none of our code: other mechanisms, garbage, floods, and a good key in bad hands (THREATS N1-N9, I1, I2)."""
import base64, json, os, random, time
from support import *
import wire_raw as raw

rng = random.Random(SEED)
h = House()
h.start_collector()
good_log = h.path('good.log')
n = 0


def write(count, tag):
    global n
    with open(good_log, 'a') as f:
        for _ in range(count):
            n += 1
            f.write('\n'.join(vault_pair(rng, time.time(), secret=f'{tag}/s{n}')) + '\n')


def live():
    return json.loads(keytrail('status', '-c', h.path('keytrail.yaml'), '-o', 'json').stdout)


def rss():
    with open(f'/proc/{h.collector.pid}/status') as f:
        return int(next(l for l in f if l.startswith('VmRSS')).split()[1])


def keys_of(name):
    """CURVE pair and signing seed of NAME.key."""
    lines = dict(l.split(' ', 1) for l in open(h.path(f'keys/{name}.key')).read().splitlines())
    public = raw.ctypes.create_string_buffer(41)
    assert raw._zmq.zmq_curve_public(public, lines['curve'].encode()) == 0
    return (public.value, lines['curve'].encode()), base64.urlsafe_b64decode(lines['signing'] + '=')


h.allow('good', h.new_key('good'), 'vault/vault-prod')
h.agent_config('good', [f'{{ id: vault-prod, type: vault, input: tail, path: {good_log} }}'])
write(50, 'good')
good = h.start_agent('good')
check(wait_for(lambda: h.count('instance:vault-prod') == 50), 'the good agent is heard', h.log('good.log') + h.log('collector.log'))
before = rss()

# ---- strangers ----
strangers = [raw.Peer(h.endpoint), raw.Peer(h.endpoint, kind=raw.REQ), raw.Peer(h.endpoint, kind=raw.PUSH),
             raw.Peer(h.endpoint, plain=(b'good', b'x')), raw.Peer(h.endpoint, server_key=h.server_key),
             raw.Peer(h.endpoint, server_key=h.server_key, routing_id=b'\0abcd'), raw.Peer(h.endpoint, server_key=raw.curve_pair()[0].decode())]
for s in strangers:
    s.send(raw.hello(b'good'))
greeting = b'\xff' + b'\0' * 8 + b'\x7f\x03\x00'
blobs = [b'GET / HTTP/1.1\r\nHost: x\r\n\r\n', b'\0' * 100000, os.urandom(100000), greeting + b'NULL' + bytes(16 + 32), greeting + b'PLAIN' + bytes(15 + 32),
         greeting + b'CURVE' + bytes(15 + 32) + b'\x04\xff' + os.urandom(200), b'\x01\0', b'\xff', b'\xff' + b'\0' * 7 + b'\x01\x7f\x01\x05',
         b'\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03' + os.urandom(500)]
holes = []
for b in blobs * 3:
    s = raw.tcp(h.port)
    try:
        s.sendall(b)
    except OSError:
        pass
    holes.append(s)
write(50, 'good')
check(wait_for(lambda: h.count('instance:vault-prod') == 100), 'garbage does not disturb the good agent')
size_before = len(h.log('collector.log'))
started = time.monotonic()
crowd = [raw.tcp(h.port) for _ in range(300)]
unknown = [raw.Peer(h.endpoint, server_key=h.server_key) for _ in range(100)]
for u in unknown:
    u.send(raw.hello())
write(50, 'good')
check(wait_for(lambda: h.count('instance:vault-prod') == 150, 10), 'nor do 400 connections', f'{time.monotonic() - started:.1f} s')
time.sleep(6)
closed = 0
for s in crowd + holes:
    s.settimeout(0.05)
    try:
        while s.recv(4096):
            pass
        closed += 1
    except OSError as e:
        closed += not isinstance(e, TimeoutError)
    s.close()
check(closed == len(crowd + holes), 'who does not shake hands within 5 s is hung up on', f'{closed} of {len(crowd + holes)}')
s = live()
c = s['collector']
check(c['net']['accepted'] >= 1 and c['net']['refused'] >= 100, 'the counters say it', c['net'])
check(len(h.log('collector.log')) - size_before < 4000, 'no log line per stranger', h.log('collector.log')[-2000:])
for s in strangers + unknown:
    check(s.recv() is None, 'a stranger hears nothing') if s is strangers[0] else None
    s.close()

# ---- more connections than descriptors ----
crowd = []
try:
    for _ in range(3000):
        crowd.append(raw.tcp(h.port, timeout=1))
except OSError:
    pass
write(50, 'good')
check(wait_for(lambda: h.count('instance:vault-prod') == 200, 20), f'{len(crowd)} more at once do not stop the good agent', h.log('collector.log')[-1500:])
for s in crowd:
    s.close()
check(h.collector.poll() is None, 'nor the collector', h.log('collector.log')[-1500:])
check(wait_for(lambda: live()['collector'], 10), 'which still answers')

# ---- a good key in bad hands ----
h.allow('mallory', h.new_key('mallory'), 'vault/vault-m')
pair, seed = keys_of('mallory')
me = raw.Peer(h.endpoint, server_key=h.server_key, pair=pair)
spool = os.urandom(16)


def say(m):
    me.send(m)
    return raw.read(wait_for(me.recv, 5))


def nothing(m):
    """Sends what gets no answer; the pong after it proves that it was read."""
    me.send(*m) if isinstance(m, tuple) else me.send(m)
    return say(raw.ping()) == ('pong',)


check(say(raw.ping()) == ('pong',), 'the key is let in')
good_line = (b'{"v":1,"kind":"report","time":1795377600000000000}')
check(say(raw.batch(seed, spool, 1, [good_line])) == ('refuse', 'hello', 0), 'a batch before HELLO is refused')
for m, name in ((b'', 'an empty message'), (b'KT', 'a cut one'), (os.urandom(5000), 'noise'), (b'KT\x01\x63' + bytes(40), 'an unknown type'),
                ((raw.hello(), raw.hello()), 'a message of two frames'), (raw.hello() + b'x', 'trailing bytes'),
                (raw.message(4, bytes(44)), 'an ACK to the collector')):
    check(nothing(m), f'{name} gets no answer and does no harm')
check(say(raw.message(1, bytes(50), version=9)) [:2] == ('refuse', 'version'), 'another version is named')
check(say(raw.hello(b'good', incarnation=spool)) == ('welcome', 0), 'HELLO under another name is welcomed as the key\'s own')
check(say(raw.batch(seed, spool, 5, [good_line]))[:3] == ('refuse', 'gap', 1), 'a gap is named')
check(say(raw.batch(os.urandom(32), spool, 1, [good_line]))[:2] == ('refuse', 'signature'), 'another signature is refused')
check(say(raw.batch(seed, spool, 1, [good_line], tamper=lambda f: f.update(packed=raw.zstd(b'{"x":1}\n'), raw=8)))[:2] == ('refuse', 'digest'),
      'other lines than the signed ones are refused')
bomb = raw.zstd(b' ' * (15 << 20) + b'\n')
t0 = time.monotonic()
r = say(raw.batch(seed, spool, 1, [b''], packed=bomb, raw=(15 << 20) + 1))
check(r[0] == 'refuse', f'a bomb of {len(bomb)} bytes for 15 MiB is refused', r)
check(time.monotonic() - t0 < 1, 'at once')
check(say(raw.batch(seed, spool, 1, [b''], packed=raw.zstd(b' ' * (200 << 20) + b'\n'), raw=(200 << 20) + 1))[:2] == ('refuse', 'size'), '200 MiB too')
check(say(raw.batch(seed, spool, 1, [b''], packed=raw.zstd(b' ' * (200 << 20) + b'\n'), raw=100))[0] == 'refuse', 'and 200 MiB that say 100 bytes')
check(say(raw.batch(seed, spool, 1, [good_line] * 5001))[:2] == ('refuse', 'size'), '5,001 lines are refused')
for bad, name in ((b'{"v":1', 'a cut line'), (b'\0\xff', 'bytes that are no text'), (b'[' * 10000, 'depth 10,000'), (b'{}', 'an empty object'),
                  (b'x' * (300 << 10), 'a line of 300 KiB')):
    r = say(raw.batch(seed, spool, 1, [bad]))
    check(r[0] == 'refuse' and r[1] in ('line', 'size'), f'{name} is refused', r)
big = raw.Peer(h.endpoint, server_key=h.server_key, pair=pair)
big.send(raw.message(3, os.urandom(5 << 20)))
time.sleep(1)
check(h.collector.poll() is None, 'a message of 5 MiB is hung up on')
big.close()
check(live()['collector']['ingest']['refused_lines'] >= 4 and all(s['agent'] != 'mallory' for s in live()['sources']), 'and nothing of it is stored', live())

# ---- time and quota of a key ----
path = h.path('agents.d/mallory.yaml')
text = open(path).read()
h.write('agents.d/mallory.yaml', text + 'not_after: "2020-01-01T00:00:00Z"\n')
h.collector.send_signal(signal.SIGHUP)
check(wait_for(lambda: say(raw.hello(incarnation=spool))[:2] == ('refuse', 'revoked'), 5), 'a key past its time is refused at its next message')
h.write('agents.d/mallory.yaml', 'nonsense: {{{\n')
h.collector.send_signal(signal.SIGHUP)
check(wait_for(lambda: 'old allow-list stays' in h.log('collector.log'), 5), 'a broken list is refused by name', h.log('collector.log')[-800:])
write(20, 'good')
check(wait_for(lambda: h.count('instance:vault-prod') == 220), 'and the old one stays in force')
h.write('agents.d/mallory.yaml', text)
os.unlink(path)
h.collector.send_signal(signal.SIGHUP)
check(say(raw.hello(incarnation=spool))[:2] == ('refuse', 'revoked'), 'a removed key is refused too')
check(rss() - before < 60000, 'memory stays bounded', f'{before} kB before, {rss()} kB after')
me.close()
stop(good)
check(stop(h.collector) == 0, 'the collector ends cleanly', h.log('collector.log')[-1500:])
v = keytrail('verify', '--db', h.db, ok=False)
check(v.returncode == 0, 'the store verifies', v.stdout + v.stderr)
finish()
