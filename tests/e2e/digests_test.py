#!/usr/bin/env python3
"""Digest files of a trail, signed with keys of our own: good chains in both forms of keys, a beginning, a gap, files and digests that were changed or are gone,
a notice that was lost; each verdict is a line, status says it, and what was tampered with reaches a person as an alert."""
import gzip, json, random, shutil, time, urllib.parse
from support import *
from aws_stub import *

rng = random.Random(SEED)
h = House()
A, R1, R2, R3 = '111122223333', 'eu-central-1', 'us-east-1', 'us-west-2'
now = int(time.time())
total = 0


def put(region, t, count=3):
    global total
    stamp, day = time.strftime('%Y%m%dT%H%MZ', time.gmtime(t)), time.strftime('%Y/%m/%d', time.gmtime(t))
    k = f'logs/AWSLogs/{A}/CloudTrail/{region}/{day}/{A}_CloudTrail_{region}_{stamp}_{rng.getrandbits(64):016x}.json.gz'
    aws.put(k, [cloudtrail(rng, t, secret=f'app/{rng.randrange(50)}') for _ in range(count)])
    total += count
    return k


def stored():
    p = keytrail('status', '--db', h.db, '-o', 'json', ok=False)
    return sum(s['events'] for s in json.loads(p.stdout)['sources']) if p.returncode == 0 else -1


def status():
    return run(AGENT, 'status', '-c', h.path('a.yaml'), ok=False).stdout.decode()


def verdicts():
    p = keytrail('search', 'kind:report', '--db', h.db, '--since', '@0', '-o', 'ndjson', '-q', ok=False)
    return [r for r in ndjson(p) if (r['operation'] or '').startswith('trail.')] if p.returncode == 0 else []


def count(operation, part=''):
    return sum(r['operation'] == operation and part in json.dumps(r) for r in verdicts())


def expect(what, n=1, part='', seconds=20):
    return wait_for(lambda: count(what, part) == n, seconds)


def said():
    return '\n'.join([str([(r['operation'], r['message']) for r in verdicts()][-8:]), str(aws.bad[-2:]), status(), h.log('a.log')[-800:]])


def s3_event(*keys):
    return json.dumps({'Records': [{'eventVersion': '2.1', 'eventSource': 'aws:s3', 'eventName': 'ObjectCreated:Put',
                                    's3': {'bucket': {'name': 'trail-bucket'}, 'object': {'key': urllib.parse.quote_plus(k), 'size': 1}}} for k in keys]})


aws = Aws(rng)
one, two, three = (Digests(h, aws, *x) for x in (('one', 'pkcs1'), ('two', 'spki'), ('three', 'spki')))
aws.public_keys = {R1: {one.fingerprint: one.value}, R2: {two.fingerprint: two.value, 'other': one.value, 'broken': 'AAAA'}, R3: {three.fingerprint: three.value}}
h.start_collector()
h.allow('a', h.new_key('a'), 'cloudtrail/aws-main')
credentials = write_credentials(h)
listed = f'id: aws-main, type: cloudtrail, input: s3, bucket: trail-bucket, prefix: logs, region: eu-central-1, every: 1s, digests: true, endpoint: "{aws.url}", cloudtrail_endpoint: "{aws.url}/trail", allow_private: true, {credentials}'
h.agent_config('a', [f'{{ {listed} }}'])

# ---- good chains ----
begin, step = now - 1200, 60  # near to now, as digests are when they come
one.add(A, R1, begin, [], starting=True)
one.add(A, R1, begin + step, [put(R1, begin + 60 * i) for i in range(4)])
one.add(A, R1, begin + 2 * step, [])
two.add(A, R2, begin, [put(R2, begin)], starting=True)
aws.key_faults = [(400, b'{"__type":"AccessDeniedException"}')]
agent = start_with_env(h)
check(wait_for(lambda: 'cloudtrail:ListPublicKeys' in status(), 20), 'a right that is missing is said', said())
check(expect('trail.verified', 4), 'good digests are verified, with keys in both forms', said())
check(count('trail.begins') == 2 and len(verdicts()) == 6, 'beginnings are said, and nothing else', said())
check(wait_for(lambda: '4 digests verified up to' in status(), 10), 'status says how far', status())
p = run(AGENT, 'source', 'doctor', '-c', h.path('a.yaml'), ok=False)
check(p.returncode == 0 and b'  found ' in p.stdout and p.stdout.endswith(b'  ok\n'), 'the doctor tells of digests too', (p.returncode, p.stdout, p.stderr))
check(set(aws.key_calls) == {(R1, '/trail/'), (R2, '/trail/')} and aws.bad == [], 'keys are asked of the region of the digest, at CloudTrail', (aws.key_calls, aws.bad[:3]))
check(wait_for(lambda: stored() == total, 20), 'records come as ever', f'{stored()} of {total}')
out = keytrail('search', 'kind:report operation:trail.verified', '--db', h.db, '--since', '@0', '-q').stdout.decode()
check('were read as CloudTrail wrote them' in out, 'search shows it', out)

# ---- the next run knows the chain; a gap is normal ----
check(stop(agent) == 0, 'the agent ends cleanly', h.log('a.log')[-800:])
aws.read.clear()
unheard = three.add(A, R3, begin, [], starting=True)
with aws.lock:
    aws.silent.add(R3)
agent = start_with_env(h)
check(wait_for(lambda: f'public keys of CloudTrail in {R3}: AWS answers 503' in status(), 20), 'a region that gives no keys is said', said())
last = one.add(A, R1, begin + 3 * step, [put(R1, begin + 3 * step - 100)])
check(expect('trail.verified', 5), 'the next run goes on, whatever that region does', said())
check(not any('CloudTrail-Digest' in k for k in aws.read if k not in (last, unheard)), 'with the chain it remembers', aws.read)
with aws.lock:
    aws.silent.clear()
check(expect('trail.verified', 1, unheard), 'its digest is verified once it gives them', said())
one.add(A, R1, begin + 5 * step, [], starting=True)
check(expect('trail.verified', 7) and count('trail.begins') == 4, 'a gap while validation was off is said, and is no alarm', said())
sentences = ('is not the one that CloudTrail delivered', 'CloudTrail delivered is gone', 'not signed by CloudTrail', 'is not the one that it names', 'cannot be read')
shown = lambda: keytrail('alerts', 'list', '--db', h.db, '-o', 'json', ok=False).stdout.decode()
check(not any(s in shown() for s in sentences), 'nobody was woken so far', shown())

# ---- tampering ----
changed, gone = put(R1, begin + 5 * step), put(R1, begin + 5 * step + 60)
check(wait_for(lambda: stored() == total, 20), 'two more files are read', f'{stored()} of {total}')
k = one.add(A, R1, begin + 6 * step, [changed, gone])
with aws.lock:
    records = json.loads(gzip.decompress(aws.bucket['trail-bucket', changed]))
    records['Records'].pop()
    aws.bucket['trail-bucket', changed] = gzip.compress(json.dumps(records).encode())
    del aws.bucket['trail-bucket', gone]
stop(agent)
shutil.rmtree(h.path('spool-a'))  # another machine looks: it does not know what was read before
agent = start_with_env(h)
check(expect('trail.changed', 1, changed), 'a log file that was changed is named', said())
check(expect('trail.missing', 1, gone), 'and one that is gone', said())
with aws.lock:
    aws.list_pause = True
bad = two.add(A, R2, begin + step, [])
with aws.lock:
    aws.bucket['trail-bucket', bad] = gzip.compress(gzip.decompress(aws.bucket['trail-bucket', bad]).replace(b'"logFiles"', b'"logFiles" '))
two.previous = two.previous[0], '00' * 32, two.previous[2]
unlike = two.add(A, R2, begin + 2 * step, [])
two.previous = two.previous[0].replace('_2', '_1'), two.previous[1], two.previous[2]
orphan = two.add(A, R2, begin + 3 * step, [])
moved = two.add(A, R2, begin + 4 * step, [], digestS3Object='elsewhere', digestEndTime='2020-01-01T00:00:00Z', awsAccountId='999988887777')
with aws.lock:
    aws.bucket['trail-bucket', moved.replace('Z.json', 'Z_backfill.json')] = gzip.compress(b'{"no":"digest"}')
    aws.list_pause = False
check(expect('trail.signature', 1, bad), 'a digest that was changed is named', said())
check(expect('trail.chain', 1, unlike), 'and one that is not the one that the next names', said())
check(expect('trail.chain', 1, orphan), 'and one that is gone', said())
check(expect('trail.signature', 1, moved), 'and one that lies elsewhere than it says', said())
forged = [json.dumps(r) for r in verdicts() if r['operation'] == 'trail.signature']
check(not any('2020-01' in r or '999988887777' in r or '"from"' in r for r in forged), 'and nothing that they say of themselves is told', forged)
check(expect('trail.unread', 1), 'and what is no digest', said())
check(wait_for(lambda: ' NOT' in status() and '!' in status(), 10), 'status says so', status())
check(wait_for(lambda: all(s in shown() for s in sentences), 20), 'each reaches a person as an alert', shown()[-1500:])
check(SECRET not in h.log('a.log') and SECRET not in status(), 'no secret in log or status')
check(stop(agent) == 0, 'the agent ends cleanly again')

# ---- through a queue: a digest finds the file of a lost notice; kills ----
with aws.lock:
    for b in [b for b in aws.bucket if b[1].startswith('logs/')]:
        del aws.bucket[b]
queue = h.write('queue.url', f'{aws.url}/{A}/trail\n')
h.agent_config('a', [f'{{ id: aws-main, type: cloudtrail, input: sqs_s3, queue_url_file: {queue}, region: eu-central-1, digests: true, endpoint: "{aws.url}", cloudtrail_endpoint: "{aws.url}/trail", allow_private: true, {credentials} }}'])
before, aws.visibility = count('trail.verified'), 1
told, lost = [put(R1, now - 100) for _ in range(3)], [put(R1, now - 90) for _ in range(2)]
aws.send(s3_event(*told))
aws.send(s3_event(one.add(A, R1, now, told + lost, starting=True)))
agent = start_with_env(h)
check(expect('trail.verified', before + 1), 'a digest that a queue tells of is verified', said())
check(wait_for(lambda: stored() == total and not aws.messages, 20), 'and brings the log files whose notice was lost', f'{stored()} of {total} {aws.messages}')
veiled = put(R1, now - 80)
total -= 3
with aws.lock:
    aws.denied.add(veiled)
aws.send(s3_event(one.add(A, R1, now + 30, [veiled])))
check(expect('trail.unread', 1, veiled), 'a log file that is refused again and again is named: without s3:ListBucket it may be gone', said())
kills = 3
for i in range(kills):
    files = [put(R1, now + i) for _ in range(3)]
    aws.send(s3_event(*files))
    aws.send(s3_event(one.add(A, R1, now + 60 * (i + 1), files)))
    time.sleep(rng.uniform(0.1, 0.5))
    agent.kill()
    agent.wait()
    agent = start_with_env(h)
check(expect('trail.verified', before + 1 + kills), f'after {kills} kills each digest has its verdict, once', said())
check(wait_for(lambda: stored() == total and not aws.messages, 20), 'and everything is there', f'{stored()} of {total}')
ids = [r['native_id'] for r in ndjson(keytrail('search', 'kind:access', '--db', h.db, '--since', '@0', '-o', 'ndjson', '-q'))]
check(len(ids) == len(set(ids)) == total, 'exactly once', f'{len(ids)} {len(set(ids))} {total}')
check(stop(agent) == 0, 'the agent ends cleanly at last', h.log('a.log')[-800:])
check(stop(h.collector) == 0, 'and the collector')
v = keytrail('verify', '--db', h.db, '-c', h.path('keytrail.yaml'), ok=False)
check(v.returncode == 0, 'the store verifies with every signature', v.stdout + v.stderr)
finish()
