#!/usr/bin/env python3
"""kill -9 of a live collector at random moments while people read en masse: the alerts in the store are those that a replay of
the same log finds, each once and under its id; a restart finds nothing again. KT_KILLS=40 makes it the whole run."""
import json, random, time
from support import *

KILLS = how_many_kills(4)
rng = random.Random(SEED)
print(f'# seed {SEED}, {KILLS} kills')
h = House()
h.start_collector()
h.allow('vault-1', h.new_key('vault-1'), 'vault/vault-prod')
log = VaultLog(h.path('audit.log'), rng)
open(log.path, 'w').close()
h.agent_config('vault-1', [f'{{ id: vault-prod, type: vault, input: tail, path: {log.path} }}'])
agent = h.start_agent('vault-1')


def burst(who, n):
    for i in range(n):
        log.write(1, who=who, secret=f'prod/{who}/{i}', address=f'10.1.{sum(who.encode()) % 200}.9')


for k in range(KILLS):
    burst(f'thief{k}', rng.randrange(45, 70))  # a mass read on the first day pages
    time.sleep(rng.uniform(0, 0.6))
    burst(f'user{k}', rng.randrange(1, 12))
    if rng.random() < 0.5:  # into what is not read yet, too
        burst(f'late{k}', 45)
        time.sleep(rng.uniform(0, 0.05))
    h.collector.kill()
    h.collector.wait()
    h.start_collector(wait=False)


def stored():
    p = keytrail('status', '--db', h.db, '-o', 'json', ok=False)
    return p.returncode == 0 and sum(s['events'] for s in json.loads(p.stdout)['sources']) >= log.n


check(wait_for(stored, 60, 0.3), 'all records are stored', log.n)
stop(agent)
check(stop(h.collector) == 0, 'the collector ends cleanly', h.log('collector.log')[-2000:])
names = {d['name'] for d in ndjson(keytrail('detect', 'list', '-o', 'ndjson'))}


def alerts(*argv):
    """What a detector said, without what depends on when it was looked at."""
    rows = [a for a in ndjson(keytrail(*argv, '--db', h.db, '-o', 'ndjson')) if a['detector'] in names]
    return sorted((a['id'], a['detector'], a['severity'], a['actor'], a['score'], a['title'], a['first'], a['last'], a['events'],
                   json.dumps(a['event_ids'])) for a in rows)


live, again = alerts('alerts', 'list', '--limit', '100000'), alerts('replay')
check('thief0@vault-prod' in {a[3] for a in live}, 'a mass read paged', [a[3] for a in live])
check(len({a[0] for a in live}) == len(live), 'no alert is there twice')
check(live == again, 'the killed collector found what a replay finds', [a for a in live + again if (a in live) != (a in again)][:4])
h.start_collector()
time.sleep(0.5)
rc, after, again = stop(h.collector), alerts('alerts', 'list', '--limit', '100000'), alerts('replay')
check(rc == 0 and [a[0] for a in after] == [a[0] for a in live], 'a restart alerts nobody again', (rc, len(live), len(after)))
check(after == again, 'and goes on as a replay does', [a for a in after + again if (a in after) != (a in again)][:4])
v = json.loads(keytrail('verify', '--db', h.db, '-c', h.path('keytrail.yaml'), '-o', 'json').stdout)
check(v['consistent'], 'the store verifies', v)
finish()
