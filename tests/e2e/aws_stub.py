"""Queue, buckets and CloudTrail as AWS has them, on loopback, with a verifier that builds every signature anew."""
import base64, gzip, hashlib, hmac as hm, http.server, json, re, threading, urllib.parse, urllib.request
from support import *

SECRET = 'invented/Secret+Key0000000000000000000001'
REGIONS = ('eu-central-1', 'us-east-1', 'us-west-2')


def h256(key, text):
    return hm.new(key, text.encode(), hashlib.sha256).digest()


def signed_put(url, path, body, key, secret, region='us-east-1'):
    """Puts an object into another store of objects than ours."""
    host, stamp = url.split('://')[1], time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())
    digest, scope = hashlib.sha256(body).hexdigest(), f'{stamp[:8]}/{region}/s3/aws4_request'
    names = 'host;x-amz-content-sha256;x-amz-date'
    canonical = f'PUT\n{urllib.parse.quote(path)}\n\nhost:{host}\nx-amz-content-sha256:{digest}\nx-amz-date:{stamp}\n\n{names}\n{digest}'
    text, k = f'AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}', ('AWS4' + secret).encode()
    for part in scope.split('/'):
        k = h256(k, part)
    request = urllib.request.Request(url + urllib.parse.quote(path), body, method='PUT', headers={
        'x-amz-date': stamp, 'x-amz-content-sha256': digest,
        'Authorization': f'AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders={names}, Signature={h256(k, text).hex()}'})
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10).read()


class Digests:
    """A trail's chain of digests in one account and region, signed as CloudTrail does, with a key that OpenSSL makes."""

    def __init__(self, h, aws, name, form):
        self.aws, self.h, self.previous = aws, h, None
        self.pem = h.path(f'{name}.pem')
        run('openssl', 'genrsa', '-out', self.pem, '2048')
        der = run('openssl', 'rsa', '-in', self.pem, *(['-RSAPublicKey_out'] if form == 'pkcs1' else ['-pubout']), '-outform', 'DER').stdout
        self.fingerprint, self.value = hashlib.md5(der).hexdigest(), base64.b64encode(der).decode()

    def sign(self, text):
        return run('openssl', 'dgst', '-sha256', '-sign', self.pem, stdin=text.encode()).stdout.hex()

    def add(self, account, region, end, files, bucket='trail-bucket', starting=False, **other):
        """Writes the digest of the hour before `end` about files, the keys of objects; returns its key."""
        stamp, day = time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(end)), time.strftime('%Y/%m/%d', time.gmtime(end))
        key = f'logs/AWSLogs/{account}/CloudTrail-Digest/{region}/{day}/{account}_CloudTrail-Digest_{region}_trail_eu-central-1_{stamp}.json.gz'
        before = None if starting else self.previous
        d = {'awsAccountId': account, 'digestStartTime': iso(end - 3600, 0), 'digestEndTime': iso(end, 0), 'digestS3Bucket': bucket, 'digestS3Object': key,
             'digestPublicKeyFingerprint': self.fingerprint, 'digestSignatureAlgorithm': 'SHA256withRSA', 'newestEventTime': None, 'oldestEventTime': None,
             'previousDigestS3Bucket': before and bucket, 'previousDigestS3Object': before and before[0], 'previousDigestHashValue': before and before[1],
             'previousDigestHashAlgorithm': before and 'SHA-256', 'previousDigestSignature': before and before[2],
             'logFiles': [{'s3Bucket': bucket, 's3Object': k, 'hashValue': hashlib.sha256(gzip.decompress(self.aws.bucket[bucket, k])).hexdigest(), 'hashAlgorithm': 'SHA-256',
                           'newestEventTime': iso(end, 0), 'oldestEventTime': iso(end, 0)} for k in files]}
        d.update(other)
        body = json.dumps(d).encode()
        digest = hashlib.sha256(body).hexdigest()
        signature = self.sign('\n'.join([iso(end, 0), f'{bucket}/{key}', digest, before[2] if before else 'null']))
        with self.aws.lock:
            self.aws.bucket[bucket, key] = gzip.compress(body)
            self.aws.meta[bucket, key] = {'x_amz_meta_signature': signature, 'x_amz_meta_signature_algorithm': 'SHA256withRSA'}
        self.previous = key, digest, signature
        return key


def write_credentials(h):
    path = h.write('credentials', f'[other]\naws_access_key_id = AKIDOTHER\n\n[trail]\naws_access_key_id = AKIDINVENTED00000001\naws_secret_access_key={SECRET}\n')
    return f'credentials_file: {path}, profile: trail'


def start_with_env(h, **env):
    """The agent without what the environment of the test says about AWS."""
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


class Aws:
    def __init__(self, rng):
        self.rng = rng
        self.buckets, self.lists, self.list_faults, self.list_pause, self.page = {}, [], [], False, 1000
        self.meta, self.public_keys, self.key_calls, self.key_faults, self.silent = {}, {}, [], [], set()  # silent: regions
        self.trail, self.lookups, self.lookup_faults, self.lookup_circle, self.epoch = [], [], [], False, 1  # trail: time, shown from, region, record
        self.bucket, self.messages, self.deleted, self.hidden = {}, {}, [], {}
        self.keys = {'AKIDINVENTED00000001': (SECRET, None)}
        self.queue_faults = []
        self.faults, self.bad, self.served, self.n, self.denied, self.visibility = 0.0, [], 0, 0, set(), 3
        self.instance, self.asked_instance, self.read = None, [], []
        self.identity, self.container, self.asked_sts = None, None, []  # what a web identity's token, a container's is, and what was asked with it
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

            def refusal(self, body, service, regions=('eu-central-1',)):
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
                if abs(when - time.time()) > 300 or not stamp.startswith(day) or svc != service or region not in regions:
                    return f'scope {stamp} {svc} {region}'
                self.region = region
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
                if query != '&'.join(sorted(f'{urllib.parse.quote(k, safe="-_.~")}={urllib.parse.quote(v, safe="-_.~")}'
                                            for k, v in urllib.parse.parse_qsl(query, keep_blank_values=True, strict_parsing=query != ''))):
                    return f'query {query}'
                if path != urllib.parse.quote(urllib.parse.unquote(path), safe='/-_.~'):
                    return f'path {path}'
                text = '\n'.join(['AWS4-HMAC-SHA256', stamp, f'{day}/{region}/{svc}/aws4_request', hashlib.sha256(canonical.encode()).hexdigest()])
                k = ('AWS4' + secret).encode()
                for part in (day, region, svc, 'aws4_request'):
                    k = h256(k, part)
                return None if hm.compare_digest(h256(k, text).hex(), sig) else f'SignatureDoesNotMatch {canonical}'

            def fault(self):
                if aws.rng.random() >= aws.faults:
                    return False
                what = aws.rng.randrange(4)
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

            def answer_list(self, bucket, q):
                aws.lists.append(q)
                if q['list-type'] != '2' or q['encoding-type'] != 'url' or set(q) - {'list-type', 'encoding-type', 'prefix', 'delimiter', 'start-after', 'continuation-token'}:
                    return self.answer(400, b'<Error><Code>InvalidArgument</Code></Error>')
                if aws.list_pause:
                    return self.answer(200, b'<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>')
                if aws.list_faults:
                    return self.answer(*aws.list_faults.pop(0))
                out, rows, prefixes, more = [], 0, set(), None
                after = q.get('continuation-token', '~' + q.get('start-after', ''))[1:]
                for k in sorted((k for b, k in aws.bucket if b == bucket and k.startswith(q['prefix'])), key=str.encode):
                    below = k[len(q['prefix']):].partition(q['delimiter']) if 'delimiter' in q else ('', '', '')
                    if k.encode() <= after.encode() or (below[1] and q['prefix'] + below[0] + '/' in prefixes):
                        continue
                    if rows == aws.page:
                        more = last
                        break
                    rows, last = rows + 1, k
                    if below[1]:
                        prefixes.add(q['prefix'] + below[0] + '/')
                        out.append(f'<CommonPrefixes><Prefix>{urllib.parse.quote_plus(q["prefix"] + below[0], safe="/")}/</Prefix></CommonPrefixes>')
                        last = q['prefix'] + below[0] + '/\U0010ffff'
                    else:
                        data = aws.bucket[bucket, k]
                        out.append(f'<Contents><Key>{urllib.parse.quote_plus(k, safe="/")}</Key><LastModified>{iso(time.time(), 3)}</LastModified>'
                                   f'<ETag>&quot;{hashlib.md5(data).hexdigest()}&quot;</ETag><Size>{len(data)}</Size><StorageClass>STANDARD</StorageClass></Contents>')
                head = f'<IsTruncated>{"true" if more else "false"}</IsTruncated>' + (f'<NextContinuationToken>&#126;{more.replace("&", "&amp;")}</NextContinuationToken>' if more else '')
                return self.answer(200, ('<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
                                         f'<Name>{bucket}</Name><KeyCount>{rows}</KeyCount><EncodingType>url</EncodingType>{head}{"".join(out)}</ListBucketResult>').encode())

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
                    if self.path == '/container':
                        return self.answer(200, json.dumps(aws.instance).encode()) if self.headers.get('Authorization') == aws.container else self.answer(401, b'')
                    why = self.refusal(b'', 's3', REGIONS)
                    if why is not None:
                        aws.bad.append(why)
                        return self.answer(403, f'<Error><Code>{why.split()[0]}</Code></Error>'.encode())
                    path, _, query = self.path.partition('?')
                    bucket, _, key = urllib.parse.unquote(path[1:]).partition('/')
                    home = aws.buckets.get(bucket, 'eu-central-1')
                    if self.region != home:  # the two ways of S3 to say so
                        if query:
                            return self.answer(301, b'<Error><Code>PermanentRedirect</Code><Endpoint>elsewhere</Endpoint></Error>', x_amz_bucket_region=home)
                        return self.answer(400, f'<Error><Code>AuthorizationHeaderMalformed</Code><Region>{home}</Region></Error>'.encode())
                    if self.fault():
                        return None
                    if query:
                        return self.answer_list(bucket, dict(urllib.parse.parse_qsl(query, keep_blank_values=True, strict_parsing=True)))
                    if key in aws.denied:
                        return self.answer(403, b'<Error><Code>AccessDenied</Code></Error>')
                    data = aws.bucket.get((bucket, key))
                    if data is None:
                        return self.answer(404, b'<Error><Code>NoSuchKey</Code></Error>')
                    if self.headers.get('if-match', f'"{hashlib.md5(data).hexdigest()}"') != f'"{hashlib.md5(data).hexdigest()}"':
                        return self.answer(412, b'<Error><Code>PreconditionFailed</Code></Error>')
                    aws.read.append(key)
                    first, last = map(int, re.fullmatch(r'bytes=(\d+)-(\d+)', self.headers['range']).groups())
                    if first >= len(data):
                        return self.answer(416, b'<Error><Code>InvalidRange</Code></Error>')
                    aws.served += 1
                    return self.answer(206, data[first:last + 1], Content_Encoding='gzip', **aws.meta.get((bucket, key), {}))

            def answer_lookup(self, q):
                """LookupEvents: newest first, pages that hold for a while, never too fast."""
                aws.lookups.append((self.region, q, time.time()))
                if aws.lookup_faults:
                    return self.answer(*aws.lookup_faults.pop(0))
                (attribute,) = q['LookupAttributes']
                if attribute['AttributeKey'] != 'EventSource' or not 1 <= q['MaxResults'] <= 50 or q['EndTime'] <= q['StartTime']:
                    return self.answer(400, b'{"__type":"InvalidParameterCombinationException"}')
                rows = sorted(((t, r) for t, seen, region, r in aws.trail if region == self.region and r['eventSource'] == attribute['AttributeValue'] and
                               q['StartTime'] <= int(t) <= q['EndTime'] and seen <= time.time()), key=lambda x: (-x[0], x[1]['eventID']))
                epoch, at = map(int, q['NextToken'].split('.')) if 'NextToken' in q else (aws.epoch, 0)
                if epoch != aws.epoch:
                    return self.answer(400, b'{"__type":"InvalidNextTokenException","Message":"Invalid token"}')
                page = rows[at:at + q['MaxResults']]
                out = {'Events': [{'EventId': r['eventID'], 'EventName': r['eventName'], 'ReadOnly': 'true', 'EventTime': t, 'EventSource': r['eventSource'],
                                   'CloudTrailEvent': json.dumps(r)} for t, r in page]}
                if at + len(page) < len(rows):
                    after = q['MaxResults'] if aws.lookup_circle and at >= q['MaxResults'] * 2 else at + len(page)
                    out['NextToken'] = f'{aws.epoch}.{after}'
                return self.answer(200, json.dumps(out).encode())

            def answer_sts(self, body):
                """AssumeRoleWithWebIdentity: a form that nobody signed, an answer in XML."""
                q = dict(urllib.parse.parse_qsl(body.decode(), strict_parsing=True))
                aws.asked_sts.append((q, self.headers.get('Authorization'), self.headers['Content-Type']))
                if aws.identity is None or q['WebIdentityToken'] != aws.identity:
                    return self.answer(400, b'<ErrorResponse><Error><Code>InvalidIdentityToken</Code></Error></ErrorResponse>')
                i = aws.instance
                return self.answer(200, (f'<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>{i["AccessKeyId"]}</AccessKeyId>'
                                         f'<SecretAccessKey>{i["SecretAccessKey"]}</SecretAccessKey><SessionToken>{i["Token"]}</SessionToken><Expiration>{i["Expiration"]}</Expiration>'
                                         '</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>').encode())

            def do_POST(self):
                body = self.rfile.read(int(self.headers['Content-Length']))
                if self.path == '/sts':
                    with aws.lock:
                        return self.answer_sts(body)
                action = self.headers['x-amz-target']
                service = 'sqs' if action.startswith('AmazonSQS.') else 'cloudtrail'
                with aws.lock:
                    why = self.refusal(body, service, ('eu-central-1',) if service == 'sqs' else REGIONS)
                    if why is not None:
                        aws.bad.append(why)
                        return self.answer(403, json.dumps({'__type': 'com.amazonaws.sqs#' + why.split()[0]}).encode())
                    if self.fault():
                        return None
                    if action == 'com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.ListPublicKeys':
                        aws.key_calls.append((self.region, self.path))
                        if self.region in aws.silent:
                            return self.answer(503, b'')
                        if aws.key_faults:
                            return self.answer(*aws.key_faults.pop(0))
                        keys = [{'Value': v, 'Fingerprint': f, 'ValidityStartTime': 1.7e9, 'ValidityEndTime': 1.9e9} for f, v in aws.public_keys.get(self.region, {}).items()]
                        return self.answer(200, json.dumps({'PublicKeyList': keys}).encode())
                    if action == 'com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents':
                        return self.answer_lookup(json.loads(body))
                    if aws.queue_faults:
                        return self.answer(*aws.queue_faults.pop(0))
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
            self.messages[f'receipt-{self.n}-{self.rng.getrandbits(64):x}'] = body

    def put(self, key, records, bucket='trail-bucket'):
        with self.lock:
            self.bucket[bucket, key] = gzip.compress(json.dumps({'Records': records}).encode())
