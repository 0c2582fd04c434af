#!/usr/bin/env python3
"""A queue and a bucket as AWS has them, with a verifier that builds every signature anew: notices in all forms, pieces, faults, keys that change, kills;
every record is stored exactly once, and no message is deleted before its lines are kept."""
import gzip, hashlib, hmac as hm, http.server, json, random, re, threading, time, urllib.parse
from support import *

rng = random.Random(SEED)
h = House()
SECRET = 'invented/Secret+Key0000000000000000000001'


def h256(key, text):
    return hm.new(key, text.encode(), hashlib.sha256).digest()


class Aws:
    def __init__(self):
        self.bucket, self.messages, self.deleted, self.hidden = {}, {}, [], {}
        self.keys = {'AKIDINVENTED00000001': (SECRET, None)}
        self.faults, self.bad, self.served, self.n, self.denied, self.visibility = 0.0, [], 0, 0, set(), 3
        self.instance, self.asked_instance = None, []
        self.lock = threading.Lock()
        aws = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'

            def log_message(self, *_):
                pass

            def answer(self, status, body, **headers):
                self.send_response(status)
                for k, v in headers.items():
                    self.send_header(k.replace('_', '-'), v)
                self.send_header('Content-Length', str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def refusal(self, body, service):
                """None when the signature is right, else why not."""
                m = re.fullmatch(r'AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})',
                                 self.headers.get('Authorization', ''))
                if m is None:
                    return 'no authorization'
                key, day, region, svc, names, sig = m.groups()
                if key not in aws.keys:
                    return 'InvalidAccessKeyId'
                secret, token = aws.keys[key]
                stamp = self.headers['x-amz-date']
                when = time.mktime(time.strptime(stamp, '%Y%m%dT%H%M%SZ')) - time.timezone
                if abs(when - time.time()) > 300 or not stamp.startswith(day) or svc != service or region != 'eu-central-1':
                    return f'scope {stamp} {svc} {region}'
                names = names.split(';')
                if names != sorted(names) or 'host' not in names or 'x-amz-date' not in names:
                    return 'headers'
                if any(k.lower().startswith('x-amz-') and k.lower() not in names for k in self.headers):
                    return 'an x-amz- header is not signed'
                if token is not None and self.headers.get('x-amz-security-token') != token:
                    return 'InvalidToken'
                digest = hashlib.sha256(body).hexdigest()
                if service == 's3' and self.headers.get('x-amz-content-sha256') != digest:
                    return 'content hash'
                path, _, query = self.path.partition('?')
                canonical = '\n'.join([self.command, path if service == 's3' else urllib.parse.quote(path, safe='/-_.~'), query] +
                                      [f'{n}:{" ".join(self.headers[n].split())}' for n in names] + ['', ';'.join(names), digest])
                if path != urllib.parse.quote(urllib.parse.unquote(path), safe='/-_.~'):
                    return f'path {path}'
                text = '\n'.join(['AWS4-HMAC-SHA256', stamp, f'{day}/{region}/{svc}/aws4_request', hashlib.sha256(canonical.encode()).hexdigest()])
                k = ('AWS4' + secret).encode()
                for part in (day, region, svc, 'aws4_request'):
                    k = h256(k, part)
                return None if hm.compare_digest(h256(k, text).hex(), sig) else f'SignatureDoesNotMatch {canonical}'

            def fault(self):
                if rng.random() >= aws.faults:
                    return False
                what = rng.randrange(4)
                if what == 0:
                    self.answer(503, b'<Error><Code>SlowDown</Code></Error>')
                elif what == 1:
                    self.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\ncut')
                    self.close_connection = True
                elif what == 2:
                    self.answer(500, b'')
                else:
                    time.sleep(0.4)
                    return False
                return True

            def do_PUT(self):
                with aws.lock:
                    aws.asked_instance.append('token')
                    if aws.instance is None or self.path != '/latest/api/token' or self.headers.get('x-aws-ec2-metadata-token-ttl-seconds') != '21600':
                        return self.answer(404, b'')
                    return self.answer(200, b'invented-imds-token')

            def do_GET(self):
                with aws.lock:
                    if self.path.startswith('/latest/'):
                        if self.headers.get('x-aws-ec2-metadata-token') != 'invented-imds-token':
                            return self.answer(401, b'')
                        aws.asked_instance.append(self.path)
                        role = '/latest/meta-data/iam/security-credentials/'
                        return self.answer(200, b'reader-role' if self.path == role else json.dumps(aws.instance).encode())
                    why = self.refusal(b'', 's3')
                    if why is not None:
                        aws.bad.append(why)
                        return self.answer(403, f'<Error><Code>{why.split()[0]}</Code></Error>'.encode())
                    if self.fault():
                        return None
                    bucket, _, key = urllib.parse.unquote(self.path[1:]).partition('/')
                    if key in aws.denied:
                        return self.answer(403, b'<Error><Code>AccessDenied</Code></Error>')
                    data = aws.bucket.get((bucket, key))
                    if data is None:
                        return self.answer(404, b'<Error><Code>NoSuchKey</Code></Error>')
                    first, last = map(int, re.fullmatch(r'bytes=(\d+)-(\d+)', self.headers['range']).groups())
                    if first >= len(data):
                        return self.answer(416, b'<Error><Code>InvalidRange</Code></Error>')
                    aws.served += 1
                    return self.answer(206, data[first:last + 1], Content_Encoding='gzip')

            def do_POST(self):
                body = self.rfile.read(int(self.headers['Content-Length']))
                action = self.headers['x-amz-target']
                with aws.lock:
                    why = self.refusal(body, 'sqs')
                    if why is not None:
                        aws.bad.append(why)
                        return self.answer(403, json.dumps({'__type': 'com.amazonaws.sqs#' + why.split()[0]}).encode())
                    if self.fault():
                        return None
                    q = json.loads(body)
                    if not q['QueueUrl'].endswith('/111122223333/trail'):
                        return self.answer(400, b'{"__type":"com.amazonaws.sqs#QueueDoesNotExist"}')
                    if action == 'AmazonSQS.DeleteMessageBatch':
                        for e in q['Entries']:
                            if aws.messages.pop(e['ReceiptHandle'], None) is not None:
                                aws.deleted.append((e['ReceiptHandle'], time.time()))
                        return self.answer(200, json.dumps({'Successful': [{'Id': e['Id']} for e in q['Entries']], 'Failed': []}).encode())
                    if action == 'AmazonSQS.ChangeMessageVisibility':
                        return self.answer(200, b'{}')
                    now = time.time()
                    got = [r for r in aws.messages if aws.hidden.get(r, 0) < now][:q['MaxNumberOfMessages']]
                    for r in got:
                        aws.hidden[r] = now + aws.visibility
                    out = {'Messages': [{'MessageId': r, 'ReceiptHandle': r, 'Body': aws.messages[r]} for r in got]} if got else {}
                if not got and q['WaitTimeSeconds'] > 0:
                    time.sleep(0.3)
                return self.answer(200, json.dumps(out).encode())

        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.server.handle_error = lambda *_: None  # an agent that was killed does not read on
        self.url = f'http://127.0.0.1:{self.server.server_address[1]}'
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        atexit.register(self.server.shutdown)

    def send(self, body):
        with self.lock:
            self.n += 1
            self.messages[f'receipt-{self.n}-{rng.getrandbits(64):x}'] = body

    def put(self, key, records):
        with self.lock:
            self.bucket['trail-bucket', key] = gzip.compress(json.dumps({'Records': records}).encode())


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
    keep = dict(os.environ)
    for k in list(os.environ):
        if k.startswith('AWS_'):
            del os.environ[k]
    os.environ.update(env)
    try:
        return h.start_agent('a')
    finally:
        os.environ.clear()
        os.environ.update(keep)


aws = Aws()
h.start_collector()
h.allow('a', h.new_key('a'), 'cloudtrail/aws-main')
credentials = h.write('credentials', f'[other]\naws_access_key_id = AKIDOTHER\n\n[trail]\naws_access_key_id = AKIDINVENTED00000001\naws_secret_access_key={SECRET}\n')
queue = h.write('queue.url', f'{aws.url}/111122223333/trail\n')
for f in (credentials, queue):
    os.chmod(f, 0o600)
source = f'id: aws-main, type: cloudtrail, input: sqs_s3, queue_url_file: {queue}, region: eu-central-1, endpoint: "{aws.url}", allow_private: true, buckets: [trail-bucket]'
h.agent_config('a', [f'{{ {source}, credentials_file: {credentials}, profile: trail }}'])

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

# ---- nothing is deleted before it is kept ----
check(stop(agent) == 0, 'the agent ends cleanly', h.log('a.log')[-800:])
check(SECRET not in h.log('a.log') and SECRET not in status(), 'no secret in log or status')
aws.faults = 0.3
aws.visibility = 2
kills = 8
agent = start_agent()
for i in range(kills):
    for j in range(6):
        aws.send(s3_event(put(f'k{i}-{j}', rng.randrange(1, 40), rng.randrange(200))))
    time.sleep(rng.uniform(0.2, 2.5))
    agent.kill()
    agent.wait()
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
check(stop(agent) == 0, 'the agent ends cleanly at last', h.log('a.log')[-800:])
check(stop(h.collector) == 0, 'and the collector')
v = keytrail('verify', '--db', h.db, '-c', h.path('keytrail.yaml'), ok=False)
check(v.returncode == 0, 'the store verifies with every signature', v.stdout + v.stderr)
finish()
