#!/usr/bin/env python3
"""LookupEvents asked by a real agent: back in windows, pages newest first, events that show late, throttling, pages that are forgotten, bad answers,
kills; every record is stored exactly once."""
import json, random, shutil, time
from support import *
from aws_stub import *

rng = random.Random(SEED)
h = House()
DAY = 86400


def add(region, count, first, last, service='secretsmanager', late=0):
    """`count` events between two moments, shown `late` seconds from now."""
    with aws.lock:
        for _ in range(count):
            t = rng.uniform(first, last)
            aws.trail.append((t, time.time() + late, region, cloudtrail(rng, t, awsRegion=region, eventSource=f'{service}.amazonaws.com',
                                                                       **({} if service == 'secretsmanager' else {'eventName': 'GetParameter', 'requestParameters': {'name': '/a/b'}}))))


def stored():
    p = keytrail('status', '--db', h.db, '-o', 'json', ok=False)
    return sum(s['events'] for s in json.loads(p.stdout)['sources']) if p.returncode == 0 else -1


def status():
    return run(AGENT, 'status', '-c', h.path('a.yaml'), ok=False).stdout.decode()


def everything(what, seconds=40):
    return check(wait_for(lambda: stored() == len(aws.trail) - beside, seconds), what, f'{stored()} of {len(aws.trail) - beside}\n{aws.bad[-2:]}\n' + status() + h.log('a.log')[-800:])


aws = Aws(rng)
now, beside = time.time(), 0
h.start_collector()
h.allow('a', h.new_key('a'), 'cloudtrail/aws-main')
source = f'id: aws-main, type: cloudtrail, input: cloudtrail_lookup, every: 1s, endpoint: "{aws.url}", allow_private: true, {write_credentials(h)}'
h.agent_config('a', [f'{{ {source}, regions: [eu-central-1, us-east-1], event_sources: [secretsmanager, ssm.amazonaws.com], since: 3d }}'])

# ---- what was, in two regions and of two services; not older, not of others ----
for region in ('eu-central-1', 'us-east-1'):
    add(region, 60, now - 3 * DAY + 60, now)
    add(region, 20, now - 3 * DAY + 60, now, 'ssm')
add('eu-central-1', 130, now - 1.5 * DAY - 600, now - 1.5 * DAY)  # a busy window: pages
beside = 21
add('eu-central-1', 1, now - 5 * DAY, now - 4 * DAY)
add('us-east-1', 10, now - DAY, now, 'ec2')
add('us-west-2', 10, now - DAY, now)
agent = start_with_env(h)
everything('three days of two regions and two services come, and no others')
check(wait_for(lambda: '4 streams' in status() and '!' not in status(), 10), 'status is calm', status())
check(aws.bad == [], 'every signature was right', aws.bad[:3])
check(any('NextToken' in q for _, q, _ in aws.lookups) and all(q['EndTime'] - q['StartTime'] <= 7 * DAY + 1 for _, q, _ in aws.lookups), 'in windows and pages')
for region in ('eu-central-1', 'us-east-1'):
    at = [t for r, _, t in aws.lookups if r == region]
    # Over four gaps: on a busy machine one call may be heard late, and the next one in time.
    spans = [b - a for a, b in zip(at, at[4:])]
    check(len(at) > 4 and all(s > 1.8 for s in spans), f'never more than two calls a second in {region}', spans)

# ---- what comes, also late ----
add('us-east-1', 3, now - 900, now - 800, late=2)
add('eu-central-1', 3, time.time() - 5, time.time())
everything('new events come, also those that show a quarter of an hour late')

# ---- what goes wrong ----
aws.lookup_faults = [(400, b'{"__type":"ThrottlingException","message":"Rate exceeded"}')]
check(wait_for(lambda: 'more slowly' in status(), 15), 'throttling is said', status())
aws.lookup_faults = [(400, b'{"__type":"AccessDeniedException"}')]
check(wait_for(lambda: 'cloudtrail:LookupEvents' in status(), 15), 'a refusal is said, with the permission', status())
check(stop(agent) == 0, 'the agent ends cleanly', h.log('a.log')[-800:])

# ---- more within the last minutes than one window may hold ----
shutil.rmtree(h.path('spool-a'))
h.agent_config('a', [f'{{ {source.replace("every: 1s", "every: 1m")}, regions: [eu-central-1], since: 25m }}'])
add('eu-central-1', 120, time.time() - 1400, time.time() - 5)
aws.lookup_faults = [(200, b' ' * (9 << 20))] * 3  # pages and windows become short
agent = start_with_env(h)
everything('windows go on to now, however many they are')
time.sleep(1)
before = len(aws.lookups)
time.sleep(2)
check(len(aws.lookups) == before, 'and the next round waits for its time', len(aws.lookups) - before)
check(stop(agent) == 0, 'the agent ends cleanly in between', h.log('a.log')[-800:])

# ---- a first run that is killed, with pages that are forgotten ----
shutil.rmtree(h.path('spool-a'))
h.agent_config('a', [f'{{ {source}, regions: [eu-central-1], since: 6d }}'])
beside = 20  # of another service, of another region
add('eu-central-1', 200, now - 5.5 * DAY, now - 5.5 * DAY + 3600)
add('eu-central-1', 30, now - 5.8 * DAY, now)
aws.lookups.clear()
aws.lookup_circle = True  # the third page leads back to the second
agent = start_with_env(h)
check(wait_for(lambda: 'its pages lead nowhere' in status(), 30), 'pages in a circle are seen, and said')
pages = len(aws.lookups)
check(pages < 30, 'after a few of them', pages)
aws.lookup_circle = False
kills = how_many_kills(2)
for i in range(kills):
    time.sleep(rng.uniform(0.7, 1.5))
    aws.epoch += 1
    agent.kill()
    agent.wait()
    agent = start_with_env(h)
wait_for(lambda: any('NextToken' in q for _, q, _ in aws.lookups), 20)
aws.epoch += 1
aws.lookup_faults = [(503, b'')]
everything(f'after {kills} kills, forgotten pages and bad answers all is there', 60)
starts = [q['StartTime'] for _, q, _ in aws.lookups if 'NextToken' not in q]
check(all(b >= a - 1 for a, b in zip(starts, starts[1:])) and starts[0] < now - 5.9 * DAY, 'a crash begins one window again, no more', starts[:20])
ids = [r['native_id'] for r in ndjson(keytrail('search', 'kind:access', '--db', h.db, '--since', '@0', '-o', 'ndjson', '-q'))]
check(len(ids) == len(set(ids)) == len(aws.trail) - beside, 'exactly once', f'{len(ids)} {len(set(ids))}')
check(SECRET not in h.log('a.log') and SECRET not in status(), 'no secret in log or status')
check(stop(agent) == 0, 'the agent ends cleanly at last', h.log('a.log')[-800:])
check(stop(h.collector) == 0, 'and the collector')
v = keytrail('verify', '--db', h.db, '-c', h.path('keytrail.yaml'), ok=False)
check(v.returncode == 0, 'the store verifies with every signature', v.stdout + v.stderr)
finish()
