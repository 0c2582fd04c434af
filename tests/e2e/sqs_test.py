#!/usr/bin/env python3
"""A queue and a bucket as AWS has them, with a verifier that builds every signature anew: notices in all forms, pieces, faults, keys that change, kills;
every record is stored exactly once, and no message is deleted before its lines are kept."""
import gzip, json, random, time, urllib.parse
from support import *
from aws_stub import *

rng = random.Random(SEED)
h = House()
total = 0


def key(name):
    return f'AWSLogs/111122223333/CloudTrail/eu-central-1/2026/11/29/111122223333_CloudTrail_{name}.json.gz'


def put(name, count, noise=0):
    """An object of `count` reads of secrets among `noise` records that are about none."""
    global total
    records = [cloudtrail(rng, time.time() - 60, secret=f'app/{rng.randrange(50)}') for _ in range(count)]
    records += [{'eventName': 'DescribeInstances', 'eventSource': 'ec2.amazonaws.com', 'eventID': f'{rng.getrandbits(128):x}', 'x': f'{rng.getrandbits(4000):x}'}
                for _ in range(noise)]
    total += count
    aws.put(key(name), records)
    return key(name)


def s3_event(*keys):
    return json.dumps({'Records': [{'eventVersion': '2.1', 'eventSource': 'aws:s3', 'eventName': 'ObjectCreated:Put',
                                    's3': {'bucket': {'name': 'trail-bucket'}, 'object': {'key': urllib.parse.quote_plus(k), 'size': 1}}} for k in keys]})


def sns(message):
    return json.dumps({'Type': 'Notification', 'MessageId': 'm', 'TopicArn': 'arn:aws:sns:eu-central-1:111122223333:t', 'Message': message})


def stored():
    p = keytrail('status', '--db', h.db, '-o', 'json', ok=False)
    return sum(s['events'] for s in json.loads(p.stdout)['sources']) if p.returncode == 0 else -1


def status():
    return run(AGENT, 'status', '-c', h.path('a.yaml'), ok=False).stdout.decode()


def start_agent(**env):
    return start_with_env(h, **env)


aws = Aws(rng)
h.start_collector()
h.allow('a', h.new_key('a'), 'cloudtrail/aws-main')
credentials = write_credentials(h)
queue = h.write('queue.url', f'{aws.url}/111122223333/trail\n')
source = f'id: aws-main, type: cloudtrail, input: sqs_s3, queue_url_file: {queue}, region: eu-central-1, endpoint: "{aws.url}", allow_private: true, buckets: [trail-bucket]'
h.agent_config('a', [f'{{ {source}, {credentials} }}'])

# ---- every form of a notice ----
aws.send(s3_event(put('plain', 5)))
aws.send(s3_event(put('with blank + plus ä', 5), put('two', 5)))
aws.send(sns(s3_event(put('sns', 5))))
aws.send(sns(json.dumps({'s3Bucket': 'trail-bucket', 's3ObjectKey': [put('own', 5), 'AWSLogs/111122223333/CloudTrail-Digest/eu-central-1/x.json.gz']})))
aws.send(json.dumps({'version': '0', 'detail-type': 'Object Created', 'source': 'aws.s3', 'detail': {'bucket': {'name': 'trail-bucket'}, 'object': {'key': put('bridge', 5)}}}))
aws.send(json.dumps({'Service': 'Amazon S3', 'Event': 's3:TestEvent', 'Bucket': 'trail-bucket'}))
aws.send(sns('CloudTrail validation message.'))
aws.send(s3_event(key('gone')))
agent = start_agent()
check(wait_for(lambda: stored() == total, 30), 'objects come in every form of notice', f'{stored()} of {total}\n{aws.bad}\n' + status() + h.log('a.log')[-800:])
check(wait_for(lambda: not aws.messages, 30), 'their messages are deleted, tests and vanished objects too', list(aws.messages.values()))
check(aws.bad == [], 'every signature was right', aws.bad[:3])

# ---- large, in pieces ----
noise = put('large', 300, 18000)
check(len(aws.bucket['trail-bucket', noise]) > 9 << 20, 'an object of more than two pieces', len(aws.bucket['trail-bucket', noise]))
before = aws.served
aws.send(s3_event(noise))
check(wait_for(lambda: stored() == total and not aws.messages, 60) and aws.served - before >= 3, 'is read in pieces', f'{stored()} of {total}, {aws.served - before}')

# ---- what cannot be read stays in the queue ----
check(wait_for(lambda: not aws.messages, 30), 'the queue is empty')
aws.send('nothing that is known')
check(wait_for(lambda: 'tells of no object' in status(), 30), 'an unknown message is said', status())
check(len(aws.messages) == 1, 'and left there')
with aws.lock:
    aws.messages.clear()
aws.bucket['their-bucket', key('forged')] = gzip.compress(json.dumps({'Records': [cloudtrail(rng, time.time())]}).encode())
aws.send(s3_event(key('forged')).replace('trail-bucket', 'their-bucket'))
check(wait_for(lambda: "not in 'buckets'" in status(), 30) and len(aws.messages) == 1, 'a bucket that is not ours is not read', status())
with aws.lock:
    aws.messages.clear()
denied = put('denied', 5)
aws.denied.add(denied)
aws.send(s3_event(denied))
check(wait_for(lambda: 's3:GetObject' in status(), 30), 'a bucket that refuses is said, with the permission', status())
aws.send(s3_event(put('after', 5)))
check(wait_for(lambda: stored() == total - 5, 60), 'the others go on', f'{stored()} of {total}')
aws.denied.clear()
check(wait_for(lambda: stored() == total, 60), 'and it is read once it may be', f'{stored()} of {total}\n' + status())

# ---- a right to the queue's key that lacks ----
aws.queue_faults = [(400, b'{"__type":"com.amazonaws.sqs#KmsAccessDenied"}')] * 2
check(wait_for(lambda: 'KmsAccessDenied: the role needs kms:Decrypt' in status(), 30), 'a queue whose key the role may not use is said, with the permission', status())

# ---- a signature that does not fit, a key that is gone: it is not the role's rights that are wrong ----
with aws.lock:
    right, aws.keys = aws.keys, {k: ('another', None) for k in aws.keys}
check(wait_for(lambda: 'the secret key is wrong, or the clock' in status(), 30), 'a wrong key or clock is said', status())
with aws.lock:
    aws.keys = {}
check(wait_for(lambda: 'there is no such access key' in status(), 60), 'a key that is no longer known is said', status())
with aws.lock:
    aws.keys = right
aws.bad.clear()
aws.send(s3_event(put('again', 5)))
check(wait_for(lambda: stored() == total, 60), 'and with the right one it goes on', f'{stored()} of {total}\n' + status())
check(stop(agent) == 0, 'the agent ends cleanly', h.log('a.log')[-800:])
check(SECRET not in h.log('a.log') and SECRET not in status(), 'no secret in log or status')

# ---- nothing is deleted before it is kept ----
aws.faults = 0.3
aws.visibility = 2
kills = how_many_kills(8)
agent = start_agent()
for i in range(kills):
    for j in range(6):
        aws.send(s3_event(put(f'k{i}-{j}', rng.randrange(1, 40), rng.randrange(200))))
    time.sleep(rng.uniform(0.2, 2.5))
    agent.kill()
    agent.wait()
    h.shake(rng)
    agent = start_agent()
aws.faults = 0.0
check(wait_for(lambda: stored() == total and not aws.messages, 120), f'after {kills} kills and many bad answers everything is there', f'{stored()} of {total}, {len(aws.messages)} left\n' + status())
ids = [r['native_id'] for r in ndjson(keytrail('search', 'kind:access', '--db', h.db, '--since', '@0', '-o', 'ndjson', '-q'))]
check(len(ids) == len(set(ids)) == total, 'exactly once', f'{len(ids)} {len(set(ids))} {total}')
check(stop(agent) == 0, 'the agent ends cleanly again')

# ---- keys of the instance, with a session, that change ----
def instance(n):
    name = f'ASIAINVENTED0000000{n}'
    aws.keys = {name: (SECRET + str(n), f'session{n}==')}
    aws.instance = {'AccessKeyId': name, 'SecretAccessKey': SECRET + str(n), 'Token': f'session{n}==', 'Expiration': iso(time.time() + 3600, 0)}


instance(1)
h.agent_config('a', [f'{{ {source} }}'])
agent = start_agent(AWS_EC2_METADATA_SERVICE_ENDPOINT=aws.url)
aws.send(s3_event(put('imds', 5)))
check(wait_for(lambda: stored() == total, 30), 'the instance gives the keys', f'{stored()} of {total} {aws.asked_instance} {aws.bad[-2:]}\n' + status())
check(aws.asked_instance[:3] == ['token', '/latest/meta-data/iam/security-credentials/', '/latest/meta-data/iam/security-credentials/reader-role'], 'by version 2 of its service', aws.asked_instance)
instance(2)
aws.send(s3_event(put('imds2', 5)))
check(wait_for(lambda: stored() == total, 60), 'keys that are refused are looked for anew', f'{stored()} of {total}\n' + status())
check(stop(agent) == 0, 'so does the agent then', h.log('a.log')[-800:])

# ---- keys for a web identity, whose token is changed in its file; keys of a container ----
instance(3)
aws.identity = 'eyJ-first.token'
token = h.write('web.token', 'eyJ-first.token\n')
agent = start_agent(AWS_WEB_IDENTITY_TOKEN_FILE=token, AWS_ROLE_ARN='arn:aws:iam::111122223333:role/keytrail reader', AWS_ENDPOINT_URL_STS=aws.url + '/sts')
aws.send(s3_event(put('web', 5)))
check(wait_for(lambda: stored() == total, 30), 'the token service gives the keys', f'{stored()} of {total} {aws.asked_sts[-2:]}\n' + status())
q, signed, form = aws.asked_sts[0]
check(signed is None and form == 'application/x-www-form-urlencoded' and q['RoleArn'].endswith('role/keytrail reader') and q['Action'] == 'AssumeRoleWithWebIdentity' and q['RoleSessionName'],
      'by a request that nobody signs', aws.asked_sts[0])
with aws.lock:
    instance(4)
    aws.identity = 'eyJ-second.token'
check(wait_for(lambda: 'trust policy' in status(), 30), 'a token that is refused is said', status())
h.write('web.token', 'eyJ-second.token\n')
aws.send(s3_event(put('web2', 5)))
check(wait_for(lambda: stored() == total, 90), 'the file is read again each time', f'{stored()} of {total} {aws.asked_sts[-1]}\n' + status())
check(stop(agent) == 0, 'the agent ends cleanly with them', h.log('a.log')[-800:])
check('eyJ-' not in h.log('a.log') + status(), 'no token of it in log or status')
instance(5)
aws.container = 'invented container token'
token = h.write('container.token', 'invented container token\n')
agent = start_agent(AWS_CONTAINER_CREDENTIALS_FULL_URI=aws.url + '/container', AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=token, AWS_CONTAINER_AUTHORIZATION_TOKEN='another')
aws.send(s3_event(put('container', 5)))
check(wait_for(lambda: stored() == total, 30), 'the service of a container gives the keys, by the token of its file', f'{stored()} of {total}\n' + status())
check(stop(agent) == 0, 'the agent ends cleanly at last', h.log('a.log')[-800:])

# ---- messages that are records: Doppler's log stream; kills ----
def read_of(n):
    return json.dumps({'source': 'doppler', 'type': 'security.secret_read', 'user': {'kind': 'serviceAccount', 'slug': 'sa-1', 'name': 'ci'},
                       'workplace': {'id': 'w1', 'name': 'acme'}, 'session': {'ip': '198.51.100.77', 'method': 'CLI'}, 'createdAt': iso(time.time() - n, 3),
                       'metadata': {'secrets': [{'p': 'pay', 'e': 'prd', 'c': 'prd', 's': f'N{n}', 'v': 1}]}})


instance(6)
h.allow('b', h.new_key('b'), 'doppler/doppler-main')
h.agent_config('b', [f'{{ id: doppler-main, type: doppler, input: sqs_s3, records: true, queue_url_file: {queue}, region: eu-central-1, allow_private: true, {credentials} }}'])
aws.keys = {'AKIDINVENTED00000001': (SECRET, None)}
reads = how_many_kills(8) * 25
aws.send('\n'.join(read_of(n) for n in range(5)))
b = h.start_agent('b')
for n in range(5, reads):
    aws.send(read_of(n))
    if n % 25 == 0:
        time.sleep(rng.uniform(0.05, 0.5))
        b.kill()
        b.wait()
        b = h.start_agent('b')
check(wait_for(lambda: h.count('source:doppler') == reads and not aws.messages, 60), 'messages that are records are stored and deleted, whatever kills there are',
      f"{h.count('source:doppler')} of {reads}, {len(aws.messages)} left\n" + h.log('b.log')[-800:])
secrets = [r['secret'] for r in ndjson(keytrail('search', 'source:doppler', '--db', h.db, '--since', '@0', '-o', 'ndjson', '-q'))]
check(len(set(secrets)) == len(secrets) and 'doppler://acme/pay/prd/N7' in secrets, 'each once', len(secrets))
check(stop(b) == 0, 'that agent ends cleanly too', h.log('b.log')[-800:])
check(stop(h.collector) == 0, 'and the collector')
v = keytrail('verify', '--db', h.db, '-c', h.path('keytrail.yaml'), ok=False)
check(v.returncode == 0, 'the store verifies with every signature', v.stdout + v.stderr)
finish()
