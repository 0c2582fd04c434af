#!/usr/bin/env python3
"""store stats, forecast and trust-clock as an operator calls them."""
import csv, io, json, os, random, time
from support import *

rng = random.Random(SEED)
print(f'# seed {SEED}')
h = House('')
conf = h.path('keytrail.yaml')
h.start_collector()
log = h.write('audit.log', ''.join('\n'.join(vault_pair(rng, time.time() - 7200 + i, secret=f'app/s{i % 300}')) + '\n' for i in range(6000)))
keytrail('import', '--server', 'unix:' + h.path('control.sock'), '--source', 'vault', '--instance', 'vault-prod', log)


def figures(*argv):
    p = keytrail('store', 'stats', *argv, '-o', 'ndjson')
    return {r['figure']: r['value'] for r in ndjson(p)}


wait_for(lambda: figures('-c', conf)['segments'] > 0, 30)
f = figures('-c', conf)
rooms = ['lines', 'columns', 'filters', 'ids', 'batches, nodes', 'tail', 'control', 'alerts', 'detector state', 'pages', 'free']
check(f['events'] == 6000 and f['segments'] == 1 and 0 < f['events in the tail'] < 6000, 'stats counts what is stored', f)
check(sum(f[r] for r in rooms) == f['file'] and f['lines'] > f['filters'] > 0, 'the bytes add up to the file', f)
check(f['disk'] > f['room on the disk'] > 0, 'stats knows the disk', f)
p = keytrail('store', 'stats', '-c', conf)
check(b'OF THE FILE' in p.stdout and b'6,000' in p.stdout and b'MiB' in p.stdout, 'the table is for people', p.stdout)
rows = list(csv.reader(io.StringIO(keytrail('store', 'stats', '-c', conf, '-o', 'csv').stdout.decode())))
check(rows[0] == ['figure', 'unit', 'value'] and all(len(r) == 3 for r in rows), 'CSV', rows[:3])

p = keytrail('hold', 'add', 'secret:**/app/s7', '--reason', 'CASE-17', '-c', conf)
check(p.stdout == b'hold-1: what it selects is kept whatever its age, until: keytrail hold rm hold-1 --reason WHY\n', 'a hold says its name and how it ends', p.stdout)
check(json.loads(keytrail('hold', 'add', 'secret:**/none', '--reason', 'x', '-c', conf, '-o', 'json').stdout) == {'id': 'hold-2'}, 'a program gets JSON')
check(keytrail('hold', 'rm', 'hold-2', '--reason', 'x', '-c', conf).stdout == b'hold-2: what it selected ages again\n', 'so does its end')
f = figures('-c', conf)
check(f['holds'] == 1 and f['held segments'] == 1, 'a hold and what it keeps', f)
check(ndjson(keytrail('hold', 'list', '-c', conf, '-o', 'ndjson'))[0]['query'] == 'secret:**/app/s7', 'the hold has the query that was given')
keytrail('hold', 'rm', 'hold-1', '--reason', 'done', '-c', conf)
check(figures('-c', conf)['held segments'] == 0, 'a hold that was removed keeps nothing')

r = ndjson(keytrail('store', 'forecast', '-c', conf, '-o', 'ndjson'))
check(len(r) == 1 and r[0]['like'] == 'all of it' and r[0]['events_a_day'] > 0, 'a young store forecasts from all of it', r)
a, b = (ndjson(keytrail('store', 'forecast', '--db', h.db, '--retention', t, '-o', 'ndjson'))[0]['settles_at'] for t in ('400d', '800d'))
check(b > 1.8 * a, 'twice the retention, twice the room', (a, b))
p = keytrail('store', 'forecast', '-c', conf)
check(b'retention  400 days' in p.stdout and b'SETTLES AT' in p.stdout, 'the table says what it is about', p.stdout)
check(keytrail('store', 'forecast', '--db', h.db, ok=False).returncode == 2, 'no retention: exit 2')
check(keytrail('store', 'stats', '--db', h.path('none.db'), ok=False).returncode == 4, 'no store: exit 4')
check(keytrail('store', 'nonsense', '--db', h.db, ok=False).returncode == 2, 'no such word: exit 2')

p = keytrail('store', 'trust-clock', '-c', conf, '--by', 'ana')
check(b'ana' in p.stdout, 'trust-clock says what it did', p.stdout)
r = ndjson(keytrail('search', 'kind:decision operation:trust-clock', '--db', h.db, '--since', '@0', '-o', 'ndjson', '-q'))
check(len(r) == 1, 'and it is in the log', r)
check(stop(h.collector) == 0, 'the collector ends cleanly', h.log('collector.log')[-2000:])
p = keytrail('store', 'trust-clock', '-c', conf, ok=False)
check(p.returncode == 5, 'no collector: exit 5', (p.returncode, p.stderr))
empty = House()
empty.start_collector()
p = keytrail('store', 'forecast', '-c', empty.path('keytrail.yaml'), ok=False)
check(p.returncode == 0 and b'no events' in p.stderr, 'an empty store has nothing to go on', (p.returncode, p.stderr))
stop(empty.collector)
finish()
