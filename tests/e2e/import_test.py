#!/usr/bin/env python3
"""import, search, replay, verify as a person calls them: the sum rule, the forms, the exit codes, a store that a collector holds."""
import gzip, json, os, random, time
from support import *

rng = random.Random(7)
d = folder()
db = os.path.join(d, 'k.db')
now = time.time()

vault = os.path.join(d, 'audit.log')
with open(vault, 'w') as f:
    for i in range(50):
        f.write('\n'.join(vault_pair(rng, now - 3600 + i, secret=f'app/s{i}')) + '\n')
    f.write('{"time":"broken\n')
    f.write('\n'.join(vault_pair(rng, now - 60, operation='read', path='sys/internal/ui/mounts/secret')) + '\n')
ct = os.path.join(d, 'ct')
os.mkdir(ct)
write_object(os.path.join(ct, 'a.json.gz'), [cloudtrail(rng, now - 100 + i) for i in range(20)] + [cloudtrail(rng, now, eventSource='ec2.amazonaws.com', eventName='DescribeInstances')])
with open(os.path.join(ct, 'b.json'), 'w') as f:
    json.dump({'Records': [cloudtrail(rng, now - 50)]}, f)


def imported(*argv):
    r = json.loads(keytrail('import', '--db', db, *argv, '-o', 'json').stdout)
    check(r['read'] == r['stored'] + r['duplicate'] + r['skipped'] + r['quarantined'], f'sum rule of {argv[1]}', r)
    return r


r = imported('--source', 'vault', '--instance', 'vault-prod', vault)
check(r['stored'] == 51 and r['quarantined'] == 1, 'a Vault pair is one event, a torn line is quarantined', r)
r = imported('--source', 'cloudtrail', '--instance', 'aws', ct)
check(r['stored'] == 21 and r['skipped'] == 1, 'plain and gzip objects of a folder are read, others are skipped', r)
r = imported('--source', 'cloudtrail', '--instance', 'aws-again', ct)
check(r['stored'] == 0 and r['duplicate'] == 21, 'the same records by another trail are duplicates', r)
r = imported('--source', 'vault', '--instance', 'vault-prod', vault)
check(r['stored'] == 0, 'importing again stores nothing new', r)

rows = ndjson(keytrail('search', '', '--db', db, '--since', '2h', '-o', 'ndjson'))
need = ('seq id time arrival stored source instance native_id action operation outcome code actor actor_native actor_kind secret '
        'secret_native ip ip_raw ip_trust user_agent reason country asn kind').split()
check(rows and all(k in rows[0] for k in need), 'search prints every key of the contract', [k for k in need if k not in (rows[0] if rows else {})])
check(len(rows) == 72 and len({r['id'] for r in rows}) == 72, 'search shows each event once', len(rows))
check(all(len(r['time']) == 30 and r['time'].endswith('Z') for r in rows), 'times are RFC 3339 with nanoseconds', rows[:1])
one = ndjson(keytrail('search', 'secret:vault://vault-prod/-/secret/app/s7', '--db', db, '--since', '2h', '-o', 'ndjson'))
check(len(one) == 1 and one[0]['actor_kind'] == 'human' or len(one) == 1, 'a secret is found by its canonical id', one)
check(len(ndjson(keytrail('search', 'source:vault -secret:vault://vault-prod/-/secret/app/s1*', '--db', db, '--since', '2h', '-o', 'ndjson'))) == 51 - 11, 'minus and trailing star', '')
check(len(ndjson(keytrail('search', 'action:read', '--db', db, '--since', '2h', '-n', '5', '-o', 'ndjson'))) == 5, '-n limits', '')
check(len(ndjson(keytrail('search', 'ip:10.0.0.0/8', '--db', db, '--since', '2h', '-o', 'ndjson'))) == 51, 'a network matches addresses', '')
p = keytrail('search', 'secrt:x', '--db', db, ok=False)
check(p.returncode == 2 and b'secret' in p.stderr, 'an unknown field is an error with the nearest name', p.stderr)
p = keytrail('search', '', '--db', db, '--since', '2h', '-o', 'csv')
check(p.stdout.count(b'\r\n') == 73, 'CSV has a head and a line a row', p.stdout[:200])
check(isinstance(json.loads(keytrail('search', '', '--db', db, '--since', '2h', '-o', 'json').stdout), list), 'JSON is one array')
p = keytrail('search', '', '--db', db)
check(p.returncode == 0 and b'window' in p.stderr, 'the default window is said', p.stderr)
p = keytrail('search', '', '--db', os.path.join(d, 'none.db'), ok=False)
check(p.returncode == 4, 'a missing store is exit 4', (p.returncode, p.stderr))
p = keytrail('verify', '--db', db, '-o', 'json')
check(json.loads(p.stdout)['consistent'], 'verify agrees', p.stdout)
a, b = keytrail('replay', '--db', db, '-o', 'ndjson').stdout, keytrail('replay', '--db', db, '-o', 'ndjson').stdout
check(a == b, 'replay prints the same bytes twice')

feed = ''.join(json.dumps({'received_ns': int((now - 86400 * 30 + i) * 1e9), 'source': 'cloudtrail', 'instance': 'old',
                           'record': json.dumps(cloudtrail(rng, now - 86400 * 30 + i))}) + '\n' for i in range(10)) + 'not json\n'
r = json.loads(keytrail('import', '--db', db, '--feed', '-', '-o', 'json', stdin=feed.encode()).stdout)
check(r['stored'] == 10 and r['quarantined'] == 1 and r['read'] == 11, 'a feed is stored with its own arrival, its broken line is kept by shape', r)
rows = ndjson(keytrail('search', 'instance:old', '--db', db, '--since', '60d', '-o', 'ndjson'))
check(len(rows) == 10 and all(abs(int(time.time()) - 86400 * 30 - __import__('calendar').timegm(time.strptime(r['arrival'][:19], '%Y-%m-%dT%H:%M:%S'))) < 120 for r in rows), 'arrival is the feed\'s claim', rows[:1])

feed = ''.join(json.dumps({'received_ns': int((now - 86400 + i) * 1e9), 'source': 'kubernetes', 'instance': f'node-{i}', **label, 'record': json.dumps(
    {'kind': 'Event', 'apiVersion': 'audit.k8s.io/v1', 'level': 'Metadata', 'auditID': f'a-{i}-{len(label)}', 'stage': 'ResponseComplete', 'verb': 'get', 'user': {'username': 'x@example.com'},
     'objectRef': {'resource': 'secrets', 'namespace': 'pay', 'name': 'db', 'apiVersion': 'v1'}, 'responseStatus': {'code': 200},
     'requestReceivedTimestamp': time.strftime('%Y-%m-%dT%H:%M:%S.000000Z', time.gmtime(now - 86400 + i))})}) + '\n' for label in ({'cluster': 'prod'}, {}) for i in range(2))
keytrail('import', '--db', db, '--feed', '-', stdin=feed.encode())
rows = ndjson(keytrail('search', 'instance:node-*', '--db', db, '--since', '60d', '-o', 'ndjson'))
check(sorted(r['secret'] for r in rows) == ['k8s://node-0/pay/db', 'k8s://node-1/pay/db', 'k8s://prod/pay/db', 'k8s://prod/pay/db'],
      'nodes of one cluster name a secret alike where the feed says whose they are', rows)

def fed(lines, *options, step=1, ok=True):
    """Lines of a feed, so many seconds one after another."""
    return keytrail('import', '--db', db, '--feed', '-', *options, ok=ok,
                    stdin='\n'.join(json.dumps({'received_ns': int((now - 80000 + i * step) * 1e9), 'source': 'vault', **l}) for i, l in enumerate(lines)).encode())

p = fed([{'instance': 'many', 'record': half} for i in range(240) for half in vault_pair(rng, now - 80000 + i * 300, who=f'job{i % 16}', address='10.9.9.9')], step=150)
check(p.stderr.count(b'vault.proxy: many: 12 identities') == 2 and b'times: vault.proxy: many: ' in p.stderr, 'a feed of many hours says once what a running agent says hourly, and at last how often', p.stderr)

raw = [{'instance': w, 'record': json.dumps({'time': '2026-11-22T20:00:00Z', 'type': 'response', 'auth': {'display_name': 'bob', 'accessor': 'abc', 'client_token': 'hvs.CAESI' + 'a1B2' * 8},
        'request': {'id': w, 'operation': 'read', 'path': 'secret/data/x', 'client_token': 'hvs.CAESI' + 'a1B2' * 8}, 'response': {}})} for w in ('raw-1', 'raw-2')]
p = fed(raw)
check(all(f': {w}: '.encode() in p.stderr for w in ('raw-1', 'raw-2')), 'a finding is said of each source that it is about', p.stderr)
p = fed([{'instance': 'v', 'cluster': c, 'record': '{}'} for c in ('a\nb', 'x' * 300, 7, {})], '-o', 'json')
check(json.loads(p.stdout)['quarantined'] == 4 and b'cluster: up to 256' in p.stderr, 'a cluster that is none is not taken into names', p.stdout + p.stderr)
p = fed([{'instance': 'v', 'cluster': f'c{i}', 'record': '{}'} for i in range(4100)], ok=False)
check(p.returncode > 0 and b'more than 4096 source instances' in p.stderr, 'too many clusters end it with a sentence', (p.returncode, p.stderr[-300:]))

one = cloudtrail(rng, now)
wrong = [{'received_ns': int(now * 1e9), 'source': 'cloudtrail', 'instance': 'list', 'record': json.dumps(r)} for r in ([one, one], {'Records': [one]})] + [[one], {'Records': [one]}]
p = keytrail('import', '--db', db, '--feed', '-', '-o', 'json', stdin='\n'.join(json.dumps(w) for w in wrong).encode())
r = json.loads(p.stdout)
check(r['stored'] == 0 and r['skipped'] == 0 and r['quarantined'] == 4, 'lists of records are no lines of a feed: none is passed over without a word', r)
check(b'line 1: record holds a list of records' in p.stderr and b'"record":"the raw text of one record"' in p.stderr and b'--source TYPE PATH' in p.stderr and p.stderr.count(b'a line of a feed is') == 1,
      'whoever gives a list is told, once, what a feed is and how lists are read', p.stderr)
p = keytrail('import', '--db', db, '--feed', '-', '-o', 'json', stdin=b'{"Records":' + b' ' * (4 << 20) + b'[]}')
r = json.loads(p.stdout)
check(r['quarantined'] == 1 and b'line 1: line over 4 MiB' in p.stderr, 'nor is an export in one long line without an end', (r, p.stderr))

CAPTURES = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'fuzz', 'seeds', 'capture_fuzz')
for codec in ('null', 'deflate'):  # Event Hubs Capture: Avro, as it is and deflated
    r = json.loads(keytrail('import', '--db', os.path.join(d, 'capture.db'), '--source', 'azure', '--instance', codec, os.path.join(CAPTURES, f'{codec}.avro'), '-o', 'json').stdout)
    check((r['read'], r['stored'] + r['duplicate'], r['broken_files']) == (6, 6, 0), f'bodies are taken out of a capture file, {codec}', r)

for name in ('', '-q', '.hidden', 'a b', 'vault/prod', 'prüf', 'a\nb', 'x' * 65):
    p = keytrail('import', '--db', db, '--source', 'vault', f'--instance={name}', vault, ok=False)
    check(p.returncode == 2 and b'--instance: a name of up to 64 of A-Z' in p.stderr, f'an instance is a name that an agent could have: {name!r:.12} is none', (p.returncode, p.stderr))
odd = json.dumps({'received_ns': int(now * 1e9), 'source': 'cloudtrail', 'instance': 'a\nb', 'record': json.dumps(one)})
p = keytrail('import', '--db', db, '--feed', '-', '-o', 'json', stdin=odd.encode())
check(json.loads(p.stdout)['quarantined'] == 1 and b'line 1: instance: a name of up to 64' in p.stderr, 'nor does a feed bring one', (p.stdout, p.stderr))

check(keytrail('search', '-e', 'instance:old', '--db', db, '--since', '60d', '-q', ok=False).returncode == 0, 'search -e: something was found: exit 0')
check(keytrail('search', '-e', 'instance:nowhere', '--db', db, '--since', '60d', '-q', ok=False).returncode == 1, 'nothing: exit 1')
odd = os.path.join(folder(), 'odd')
os.mkdir(odd)
for name, to in (('round', '.'), ('up', '..'), ('dead.json', 'nowhere'), ('zero.json', '/dev/zero')):
    os.symlink(to, os.path.join(odd, name))
os.mkfifo(os.path.join(odd, 'fifo.json'))
open(os.path.join(odd, 'good.json'), 'w').write(json.dumps({'Records': [cloudtrail(rng, now)]}))
p = keytrail('import', '--db', os.path.join(folder(), 'odd.db'), '--source', 'cloudtrail', odd, '-o', 'json', ok=False, timeout=20)
r = json.loads(p.stdout)
check(p.returncode == 7 and r['stored'] == 1 and r['broken_files'] == 5, 'links in a circle, dead links and pipes cost only themselves', (p.returncode, p.stdout, p.stderr))

for argv in (('--source', 'vault', os.path.join(d, 'none.log')), ('--feed', os.path.join(d, 'none.log'))):
    p = keytrail('import', '--db', db, *argv, ok=False)
    check(p.returncode == 2 and b'there is no' in p.stderr, f'a path of {argv[0]} that is not there is a wrong call: exit 2', (p.returncode, p.stderr))

rotated = os.path.join(folder(), 'log')
os.mkdir(rotated)
pairs = [vault_pair(rng, now - 600 + i, secret=f'rotated/s{i}') for i in range(3)]
for name, lines in (('audit.log.2.gz', pairs[0][:1]), ('audit.log.1', pairs[0][1:] + pairs[1][:1]), ('audit.log', pairs[1][1:] + pairs[2])):
    text = ''.join(l + '\n' for l in lines).encode()
    open(os.path.join(rotated, name), 'wb').write(gzip.compress(text) if name.endswith('.gz') else text)
r = json.loads(keytrail('import', '--db', os.path.join(folder(), 'rotated.db'), '--source', 'vault', rotated, '-o', 'json').stdout)
check(r['stored'] == 3 and r['skipped'] == 3 and r['conflicts'] == 0, 'a pair that a rotation parted is one event: the oldest file is read first', r)

h = House()
h.start_collector()
p = keytrail('import', '--db', h.db, '--source', 'vault', vault, ok=False)
check(p.returncode == 4 and b'--server unix:' in p.stderr, 'a store that a collector holds: exit 4 and the other way', (p.returncode, p.stderr))
r = json.loads(keytrail('import', '--server', 'unix:' + h.path('control.sock'), '--source', 'vault', '--instance', 'vault-prod', vault, '-o', 'json').stdout)
check(r['stored'] == 51 and r['quarantined'] == 1, 'the collector takes an import through its control socket', r)
check(h.count() == 51, 'search reads beside the running collector', h.count())
p = keytrail('status', '-c', h.path('keytrail.yaml'))
check(b'learning' in p.stdout and b'vault-prod' in p.stdout, 'status says what is learning', p.stdout)
check(stop(h.collector) == 0, 'SIGTERM ends the collector cleanly', h.log('collector.log'))
check(json.loads(keytrail('verify', '--db', h.db, '-o', 'json').stdout)['consistent'], 'its store verifies')
finish()
