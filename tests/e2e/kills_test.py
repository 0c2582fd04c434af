#!/usr/bin/env python3
"""Real processes, kill -9 of the agent and of the collector at random moments: every record stored exactly once.
KT_KILLS and KT_RECORDS make it the whole run: 40 each over 200,000 records (the long run does)."""
import json, os, random, threading, time
from support import *

kills = how_many_kills(8)
records = int(os.environ.get('KT_RECORDS', '40000'))
rng = random.Random(SEED)
print(f'# seed {SEED}, {records} records, {kills} kills each')
h = House()
h.start_collector()
h.allow('vault-1', h.new_key('vault-1'), 'vault/vault-prod')
log = h.path('audit.log')
open(log, 'w').close()
h.agent_config('vault-1', [f'{{ id: vault-prod, type: vault, input: tail, path: {log} }}'])
agent = h.start_agent('vault-1')
ids = []
done = False


def writer():
    """Writes through rotation by rename and by copytruncate, torn writes included."""
    global done
    f = open(log, 'a', buffering=1)
    base = time.time() - 3600
    every = max(1, records // 200)
    for i in range(records):
        rid = f'{i:08x}-0000-4000-8000-{SEED & 0xffffffffffff:012x}'
        ids.append(rid)
        a, b = vault_pair(rng_w, base + i * 0.001, secret=f'app/s{i % 500}', rid=rid)
        f.write(a + '\n')
        if i % 97 == 0:  # a write that is cut in the middle for a moment
            f.write(b[:100])
            f.flush()
            time.sleep(0.001)
            f.write(b[100:] + '\n')
        else:
            f.write(b + '\n')
        if i % every == 0:
            f.flush()
            time.sleep(0.1 * kills / 8)
        if i and i % (records // 6) == 0:
            f.flush()
            if i // (records // 6) % 2:
                os.rename(log, f'{log}.{i}')
                f.close()
                f = open(log, 'a', buffering=1)
            else:
                shutil.copy2(log, f'{log}.{i}')
                os.truncate(log, 0)
    f.close()
    done = True


rng_w = random.Random(SEED + 1)
t = threading.Thread(target=writer)
t.start()
killed = [0, 0]
while not done or min(killed) < kills:
    time.sleep(rng.uniform(0.02, 0.6))
    who = rng.randrange(2)
    if killed[who] >= kills and min(killed) >= kills:
        break
    if killed[who] >= kills:
        who = 1 - who
    if who == 0:
        agent.kill(); agent.wait(); agent = h.start_agent('vault-1')
    else:
        h.collector.kill(); h.collector.wait(); h.start_collector(wait=False)
    killed[who] += 1
t.join()
check(min(killed) >= kills, f'{killed[0]} kills of the agent, {killed[1]} of the collector')
stored = {'n': 0}


def complete():
    p = keytrail('status', '--db', h.db, '-o', 'json', ok=False)
    if p.returncode != 0:
        return False
    stored['n'] = sum(s['events'] for s in json.loads(p.stdout)['sources'])
    return stored['n'] >= records


wait_for(complete, 180, 0.5)
stop(agent)
check(stop(h.collector) == 0, 'the collector ends cleanly', h.log('collector.log')[-2000:])
rows = keytrail('search', 'instance:vault-prod', '--db', h.db, '--since', '@0', '-o', 'ndjson', '-q').stdout.decode().splitlines()
got = [json.loads(r)['native_id'] for r in rows]
check(len(got) == len(set(got)), 'nothing is stored twice', len(got) - len(set(got)))
check(set(ids) <= set(got), 'nothing is lost', f'{len(set(ids) - set(got))} missing of {len(ids)}')
check(len(got) == len(ids), 'nothing else came', f'{len(got)} {len(ids)}')
outcomes = sum(json.loads(r)['outcome'] == 'unknown' for r in rows)
check(outcomes == 0, 'every request found its answer', f'{outcomes} unknown')
v = json.loads(keytrail('verify', '--db', h.db, '-c', h.path('keytrail.yaml'), '-o', 'json').stdout)
check(v['consistent'] and v['signed_batches'] > 0, 'the tree and every signature verify', v)
finish()
