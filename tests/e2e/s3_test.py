#!/usr/bin/env python3
"""A trail's bucket without a queue: accounts and regions are found, files that come late or sort before others too, lists go over pages, buckets lie elsewhere,
answers go wrong, the agent is killed; every record is stored exactly once. The same against s3rver, when npm can get it."""
import gzip, json, os, random, shutil, socket, subprocess, time
from support import *
from aws_stub import *

rng = random.Random(SEED)
h = House()
total = 0
A, B, C = '111122223333', '444455556666', '777788889999'


def key(account, region, t, name=None, org='', kind='CloudTrail', prefix='logs/'):
    day, stamp = time.strftime('%Y/%m/%d', time.gmtime(t)), time.strftime('%Y%m%dT%H%MZ', time.gmtime(t))
    return f'{prefix}AWSLogs/{org}{account}/{kind}/{region}/{day}/{account}_{kind}_{region}_{stamp}_{name or "%016x" % rng.getrandbits(64)}.json.gz'


def records(count):
    return [cloudtrail(rng, time.time() - 60, secret=f'app/{rng.randrange(50)}') for _ in range(count)]


def put(account, region, t, count=5, bucket='trail-bucket', **more):
    global total
    k = key(account, region, t, **more)
    aws.put(k, records(count), bucket)
    total += count
    return k


def stored():
    p = keytrail('status', '--db', h.db, '-o', 'json', ok=False)
    return sum(s['events'] for s in json.loads(p.stdout)['sources']) if p.returncode == 0 else -1


def status():
    return run(AGENT, 'status', '-c', h.path('a.yaml'), ok=False).stdout.decode()


def everything(what, seconds=30):
    return check(wait_for(lambda: stored() == total, seconds), what, f'{stored()} of {total}\n{aws.bad[-2:]}\n' + status() + h.log('a.log')[-800:])


def once(what):
    ids = [r['native_id'] for r in ndjson(keytrail('search', 'kind:access', '--db', h.db, '--since', '@0', '-o', 'ndjson', '-q'))]
    check(len(ids) == len(set(ids)) == total, what, f'{len(ids)} {len(set(ids))} {total}')


aws = Aws(rng)
aws.buckets = {'trail-bucket': 'us-west-2'}  # not where it is looked for first
aws.page = 7
now = time.time()
h.start_collector()
h.allow('a', h.new_key('a'), 'cloudtrail/aws-main')
source = f'id: aws-main, type: cloudtrail, input: s3, bucket: trail-bucket, prefix: logs, region: eu-central-1, every: 1s, endpoint: "{aws.url}", allow_private: true, {write_credentials(h)}'
h.agent_config('a', [f'{{ {source} }}'])

# ---- what is there: accounts, regions, an organization, yesterday; and what is not asked for ----
put(A, 'eu-central-1', now)
put(A, 'us-east-1', now, name='with blank + plus ä')
put(A, 'eu-central-1', now - 86400)
put(B, 'eu-central-1', now, org='o-abc123/')
for i in range(20):
    put(A, 'eu-central-1', now - 3000 - 60 * i, 2)
aws.put(key(A, 'eu-central-1', now, kind='CloudTrail-Digest'), records(1))
aws.put(key(A, 'eu-central-1', now, kind='CloudTrail-Insight'), records(1))
old = key(A, 'eu-central-1', now - 3 * 86400)
aws.put(old, records(1))
aws.put('logs/AWSLogs/readme.txt', records(1))
aws.put(key(A, 'eu-central-1', now, prefix='others/'), records(1))
agent = start_with_env(h)
everything('what is there is found in accounts, regions and organizations, over pages')
check(wait_for(lambda: '3 places' in status() and '!' not in status(), 10), 'status is calm and says how many places', status())
check(aws.bad == [] and old not in aws.read, 'every signature was right; older than since is left', aws.bad[:3])

# ---- what comes ----
aws.lists.clear()
put(A, 'eu-central-1', now, name='0000000000000000')
put(A, 'eu-central-1', now - 3600)
everything('files that sort before others, or come an hour late, are found')
late = put(A, 'eu-central-1', now - 300)
everything('and so are later ones')
after = [q['start-after'] for q in aws.lists if 'start-after' in q]
stamp = time.strftime('%Y%m%dT%H%M', time.gmtime(time.time() - 7200 + 90))
check(after and all(a.rsplit('_', 1)[1] <= stamp for a in after), 'lists begin two hours back', (after[-3:], stamp))
check(len(set(aws.read)) == len(aws.read), 'no object is read twice', len(aws.read))
aws.bucket['trail-bucket', late] = gzip.compress(json.dumps({'Records': records(3)}).encode())
total += 3
everything('an object that was written anew is read anew')

# ---- what is refused ----
denied = put(A, 'us-east-1', now)
aws.denied.add(denied)
check(wait_for(lambda: 's3:GetObject' in status(), 15), 'an object that is refused is said, with the permission', status())
put(A, 'us-east-1', now + 1)
check(wait_for(lambda: stored() == total - 5, 15), 'the others go on', f'{stored()} of {total}')
aws.denied.clear()
everything('and it is read once it may be')
aws.list_faults = [(403, b"<Error><Code>AccessDenied</Code></Error>"), (200, b"<ListBucketResult><Contents>")]
put(A, 'us-east-1', now + 2)
check(wait_for(lambda: 's3:ListBucket' in status(), 15), 'a list that is refused is said, with the permission', status())
everything('bad lists lose nothing')
aws.list_faults = [(200, b'<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>same</NextContinuationToken></ListBucketResult>')] * 2
put(A, 'us-east-1', now + 4)
check(wait_for(lambda: 'lead nowhere' in status(), 15), 'a list whose next page is the same one is said, and not asked for ever', status())
everything('and is asked for anew')
check(stop(agent) == 0, 'the agent ends cleanly', h.log('a.log')[-800:])
before = len(aws.read)
agent = start_with_env(h)
put(A, 'us-east-1', now + 3)
everything('the next run goes on')
check(len(aws.read) == before + 1, 'and reads only what is new', len(aws.read) - before)

# ---- kills, bad answers ----
aws.faults = 0.1
kills = how_many_kills(4)
for i in range(kills):
    for j in range(4):
        put(rng.choice((A, B)), 'us-east-1', now + rng.randrange(-3000, 10), rng.randrange(1, 40))
    time.sleep(rng.uniform(0.2, 1.0))
    agent.kill()
    agent.wait()
    h.shake(rng)
    agent = start_with_env(h)
aws.faults = 0.0
everything(f'after {kills} kills and many bad answers everything is there', 60)
once('exactly once')
check(SECRET not in h.log('a.log') and SECRET not in status(), 'no secret in log or status')
check(stop(agent) == 0, 'the agent ends cleanly again')

# ---- since, only some accounts and regions; another store of objects ----
total += 1  # the one of three days ago
h.agent_config('a', [f'{{ {source}, since: 4d, accounts: ["{A}"], regions: [eu-central-1] }}'])
shutil.rmtree(h.path('spool-a'))  # as after a change of machines
put(C, 'eu-central-1', now)
total -= 5  # not of account A
agent = start_with_env(h)
everything('since goes further back, and only accounts that are named are read')
once('and nothing is stored twice')
stop(agent)


def s3rver():
    """s3rver on loopback, in a folder that is kept between runs; None when npm cannot get it."""
    node, npm, tools = shutil.which('node'), shutil.which('npm'), os.path.join(ARGS.build, 'tools/npm')
    main = os.path.join(tools, 'node_modules/s3rver/bin/s3rver.js')
    if node is None or npm is None:
        return None
    if not os.path.exists(main):
        os.makedirs(tools, exist_ok=True)
        try:
            p = subprocess.run([npm, 'install', '--no-fund', '--no-audit', '--ignore-scripts', '--loglevel=error', '--prefix', tools, 's3rver@3.7.1'],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=90)
        except subprocess.TimeoutExpired:
            return None
        if p.returncode != 0 or not os.path.exists(main):
            return None
    port = free_port()
    start([node, main, '-d', os.path.join(h.path('s3rver')), '-p', str(port), '-a', '127.0.0.1', '--configure-bucket', 'trail-bucket'], h.path('s3rver.log'))
    with_port = lambda: socket.socket().connect_ex(('127.0.0.1', port)) == 0
    return f'http://127.0.0.1:{port}' if wait_for(with_port, 15) else None


os.makedirs(h.path('s3rver'), exist_ok=True)
url = s3rver()
if url is None:
    print('# s3rver cannot be had here: the stub alone was asked', flush=True)
else:
    h.write('credentials', '[trail]\naws_access_key_id = S3RVER\naws_secret_access_key = S3RVER\n')
    for part in (A, f'{A}/CloudTrail/eu-central-1'):  # s3rver shows no folder that has only folders
        signed_put(url, f'/trail-bucket/logs/AWSLogs/{part}/readme', b'x', 'S3RVER', 'S3RVER')
    for i in range(12):
        k = key(A, 'eu-central-1', now - 60 * i, name=f'{i:016x}')
        body = gzip.compress(json.dumps({'Records': records(3)}).encode())
        total += 3
        signed_put(url, f'/trail-bucket/{k}', body, 'S3RVER', 'S3RVER')
    h.agent_config('a', [f'{{ {source} }}'.replace(aws.url, url)])
    shutil.rmtree(h.path('spool-a'))
    agent = start_with_env(h)
    everything('s3rver is listed and read')
    check('!' not in status(), 'without complaint', status())
    check(stop(agent) == 0, 'the agent ends cleanly then too')

check(stop(h.collector) == 0, 'and the collector')
v = keytrail('verify', '--db', h.db, '-c', h.path('keytrail.yaml'), ok=False)
check(v.returncode == 0, 'the store verifies with every signature', v.stdout + v.stderr)
finish()
