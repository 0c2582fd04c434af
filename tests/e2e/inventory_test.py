#!/usr/bin/env python3
"""Inventories of nine stores, whose documented answers a stub replays: pages, refusals, throttling, a crash in the middle of a snapshot; every secret is
stored once a snapshot, under the id that its accesses have, and no value is ever asked for."""
import hashlib, hmac as hm, http.server, json, os, random, re, threading, urllib.parse
from support import *

rng = random.Random(SEED)
h = House()
SECRET = 'invented/Secret+Key0000000000000000000001'
NOW = int(time.time())
DAY = 86400


def epoch(days):
    return float(NOW - days * DAY)


def rfc(days):
    return iso(NOW - days * DAY, 0)


class Stores:
    """All of them at one address; each path tells which."""

    def __init__(self):
        self.asked, self.bad, self.faults, self.deny, self.count, self.limited, self.stuck = [], [], 0.0, set(), 250, False, True
        self.lock = threading.Lock()
        stores = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'

            def log_message(self, *_):
                pass

            def answer(self, status, what, **headers):
                body = json.dumps(what).encode()
                self.send_response(status)
                for k, v in headers.items():
                    self.send_header(k.replace('_', '-'), v)
                self.send_header('Content-Length', str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self):
                self.body = self.rfile.read(int(self.headers.get('Content-Length') or 0))
                url = urllib.parse.urlsplit(self.path)
                query = dict(urllib.parse.parse_qsl(url.query))
                with stores.lock:
                    target = self.headers.get('x-amz-target') or ''
                    stores.asked.append((url.path, target, self.headers.get('Accept') or ''))
                    if rng.random() < stores.faults and 'computeMetadata' not in url.path:
                        what = rng.randrange(3)
                        if what == 0:
                            return self.answer(429, {}, Retry_After='1')
                        if what == 1:
                            return self.answer(503, {})
                        self.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"SecretList": [')
                        self.close_connection = True
                        return None
                    if any(d in url.path or d == target for d in stores.deny):
                        return self.answer(400, {'__type': 'AccessDeniedException'}) if target else self.answer(403, {})
                    if target:
                        return self.aws(target, json.loads(self.body))
                    return self.rest(url.path, query)

            do_GET = do_POST

            def aws(self, target, q):
                m = re.fullmatch(r'AWS4-HMAC-SHA256 Credential=AKIDINVENTED/(\d{8})/eu-central-1/(secretsmanager|ssm)/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})',
                                 self.headers.get('Authorization', ''))
                if m is None:
                    return self.answer(400, {'__type': 'UnrecognizedClientException'})
                names = m[3].split(';')
                canonical = '\n'.join(['POST', self.path, ''] + [f'{n}:{" ".join(self.headers[n].split())}' for n in names] + ['', m[3], hashlib.sha256(self.body).hexdigest()])
                text = '\n'.join(['AWS4-HMAC-SHA256', self.headers['x-amz-date'], f'{m[1]}/eu-central-1/{m[2]}/aws4_request', hashlib.sha256(canonical.encode()).hexdigest()])
                k = ('AWS4' + SECRET).encode()
                for part in (m[1], 'eu-central-1', m[2], 'aws4_request'):
                    k = hm.new(k, part.encode(), hashlib.sha256).digest()
                if hm.new(k, text.encode(), hashlib.sha256).hexdigest() != m[4]:
                    stores.bad.append(target)
                    return self.answer(400, {'__type': 'InvalidSignatureException'})
                at = int(q.get('NextToken', '0'))
                if stores.stuck and at >= 100:
                    return self.answer(503, {})
                more = {'NextToken': str(at + q['MaxResults'])} if at + q['MaxResults'] < stores.count else {}
                page = range(at, min(at + q['MaxResults'], stores.count))
                if target == 'secretsmanager.ListSecrets':
                    assert q['IncludePlannedDeletion'] is True
                    return self.answer(200, {'SecretList': [{
                        'ARN': f'arn:aws:secretsmanager:eu-central-1:111122223333:secret:app/{n}-AbCdEf', 'Name': f'app/{n}', 'CreatedDate': epoch(400), 'LastChangedDate': epoch(n % 300),
                        'RotationEnabled': n % 2 == 0, **({'LastRotatedDate': epoch(n % 300), 'RotationRules': {'AutomaticallyAfterDays': 30}, 'NextRotationDate': epoch(n % 300 - 30)} if n % 2 == 0 else {}),
                        'LastAccessedDate': epoch(1), 'Tags': [{'Key': 'Owner', 'Value': 'payments'}, {'Key': 'env', 'Value': 'prod'}],
                        **({'DeletedDate': epoch(-7)} if n == 7 else {}), 'SecretVersionsToStages': {f'v{n}': ['AWSCURRENT']}} for n in page], **more})
                if target == 'AmazonSSM.DescribeParameters':
                    return self.answer(200, {'Parameters': [{'Name': f'/app/{n}', 'ARN': f'arn:aws:ssm:eu-central-1:111122223333:parameter/app/{n}', 'Type': 'SecureString', 'Version': n + 1,
                                                             'LastModifiedDate': epoch(n), 'LastModifiedUser': 'arn:aws:iam::111122223333:user/dana',
                                                             'Policies': [{'PolicyType': 'Expiration', 'PolicyText': '{"Type":"Expiration","Attributes":{"Timestamp":"2027-01-01T00:00:00.000Z"}}'}]}
                                                            for n in page], **more})
                return self.answer(400, {'__type': 'UnknownOperationException'})

            def token_is(self, header, want):
                if self.headers.get(header) == want:
                    return True
                stores.bad.append((self.path, self.headers.get(header)))
                return False

            def rest(self, path, q):
                for start, handler in (('/v1/sys/internal/ui/mounts/', self.mount), ('/v1/secret/metadata', self.kv), ('/v1/database/static-roles', self.roles), ('/api/v1/', self.kubernetes), ('/v1/vaults', self.connect), ('/v3/', self.doppler),
                                       ('/v1/projects/', self.google), ('/secrets', self.azure), ('/keys', self.azure), ('/certificates', self.azure), ('/orgs/', self.github), ('/repos/', self.github)):
                    if path.startswith(start):
                        return handler(path, q)
                if 'computeMetadata' in path:
                    return self.answer(200, {'access_token': 'ya29.invented', 'expires_in': 3599})
                if path == '/tenant-1/oauth2/v2.0/token':
                    assert self.body.decode().endswith('client_secret=az%2Bsecret-invented') and 'scope=https%3A%2F%2Fvault.azure.net%2F.default' in self.body.decode()
                    return self.answer(200, {'access_token': 'az-invented', 'expires_in': 3599, 'token_type': 'Bearer'})
                return self.answer(404, {})

            def mount(self, path, q):
                assert self.token_is('X-Vault-Token', 'hvs.invented')
                return self.answer(200, {'data': {'path': path.rpartition('/')[2] + '/', 'type': 'kv', 'options': {'version': '2'} if path.endswith('/secret') else None}})

            def kv(self, path, q):
                assert self.token_is('X-Vault-Token', 'hvs.invented')
                tree = {'': ['pay/', 'root'], 'pay': ['db', 'api key', 'empty/']}
                rest = urllib.parse.unquote(path.removeprefix('/v1/secret/metadata')).strip('/')
                if q.get('list') == 'true':
                    return self.answer(200, {'data': {'keys': tree[rest]}}) if rest in tree else self.answer(404, {'errors': []})
                return self.answer(200, {'data': {'created_time': rfc(300), 'updated_time': rfc(10), 'current_version': 3, 'custom_metadata': {'owner': 'team-pay', 'rotation_period': '90d'},
                                                  'versions': {'1': {'created_time': rfc(300)}, '3': {'created_time': rfc(10), 'deletion_time': '', 'destroyed': False}}}})

            def roles(self, path, q):
                if q.get('list') == 'true':
                    return self.answer(200, {'data': {'keys': ['app']}})
                return self.answer(200, {'data': {'username': 'app', 'last_vault_rotation': rfc(2), 'rotation_period': 86400}})

            def kubernetes(self, path, q):
                assert self.token_is('Authorization', 'Bearer k8s-invented')
                assert 'as=PartialObjectMetadataList' in self.headers['Accept']
                at = int(q.get('continue', '0'))
                items = [{'metadata': {'name': f's{n}', 'namespace': 'prod', 'uid': f'u{n}', 'resourceVersion': str(n), 'creationTimestamp': rfc(50), 'labels': {'app': 'pay'},
                                       'ownerReferences': [{'kind': 'ExternalSecret', 'name': 'pay'}], 'managedFields': [{'manager': 'external-secrets', 'time': rfc(3)}, {'manager': 'kubectl', 'time': rfc(9)}]}}
                         for n in range(at, at + 2)]
                return self.answer(200, {'kind': 'PartialObjectMetadataList', 'metadata': {'continue': str(at + 2)} if at < 4 else {}, 'items': items})

            def connect(self, path, q):
                assert self.token_is('Authorization', 'Bearer connect-invented')
                if path == '/v1/vaults':
                    return self.answer(200, [{'id': 'vaultinvented0000000000001', 'name': 'Prod'}])
                return self.answer(200, [{'id': 'iteminvented00000000000001', 'title': 'DB', 'vault': {'id': 'vaultinvented0000000000001'}, 'version': 4, 'createdAt': rfc(80), 'updatedAt': rfc(8),
                                          'lastEditedBy': 'USERINVENTED00000000000001', 'tags': ['prod']}])

            def doppler(self, path, q):
                assert self.token_is('Authorization', 'Bearer dp.invented')
                if path == '/v3/projects':
                    return self.answer(200, {'projects': [{'slug': f'p{n}'} for n in range(100)] if q['page'] == '1' else [{'slug': 'pay'}]})
                if path == '/v3/configs':
                    return self.answer(200, {'configs': [{'name': 'prd'}] if q['project'] == 'pay' else []})
                assert path == '/v3/configs/config/secrets/names'
                return self.answer(200, {'names': ['DB_URL', 'API_KEY']})

            def google(self, path, q):
                assert self.token_is('Authorization', 'Bearer ya29.invented')
                if not path.startswith('/v1/projects/acme/'):
                    return self.answer(404, {})
                first = 'pageToken' not in q or stores.circle
                return self.answer(200, {'secrets': [{'name': f'projects/123456789012/secrets/{"a" if first else "b"}', 'createTime': rfc(60), 'labels': {'owner': 'dana'},
                                                      'rotation': {'nextRotationTime': rfc(-5), 'rotationPeriod': '2592000s'}}], **({'nextPageToken': 'x/y='} if first else {})})

            def azure(self, path, q):
                assert self.token_is('Authorization', 'Bearer az-invented')
                if path != '/secrets':
                    return self.answer(200, {'value': [], 'nextLink': None})
                more = {} if 'skip' in q else {'nextLink': f'{stores.url.replace("http", "HTTP")}/secrets?api-version=7.4&skip=1'}  # the same address, written in another way
                return self.answer(200, {'value': [{'id': f'https://acme.vault.azure.net/secrets/{"b" if "skip" in q else "a"}', 'attributes': {'enabled': True, 'created': NOW - 90 * DAY, 'updated': NOW - 9 * DAY},
                                                    'tags': {'owner': 'team-z'}}], **more})

            def github(self, path, q):
                assert self.token_is('Authorization', 'Bearer gh-invented')
                if not stores.limited:
                    stores.limited = True
                    return self.answer(403, {'message': 'API rate limit exceeded'}, x_ratelimit_remaining='0', x_ratelimit_reset=str(int(time.time()) + 1))
                if path.endswith('/environments'):
                    return self.answer(200, {'total_count': 1, 'environments': [{'name': 'prod/eu'}]})
                if '/codespaces/' in path:
                    return self.answer(200, {'total_count': 0, 'secrets': []})
                return self.answer(200, {'total_count': 1, 'secrets': [{'name': 'DEPLOY_KEY', 'created_at': rfc(30), 'updated_at': rfc(20)}]})

        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.server.handle_error = lambda *_: None  # an agent that was killed does not read on
        self.url = f'http://127.0.0.1:{self.server.server_address[1]}'
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        atexit.register(self.server.shutdown)


def rows(query):
    return ndjson(keytrail('search', query, '--db', h.db, '--since', '@0', '-o', 'ndjson', '-q'))


def secrets(instance=None):
    return rows('kind:inventory operation:inventory.secret' + (f' instance:{instance}' if instance else ''))


def marks():
    return rows('kind:inventory operation:inventory.snapshot')


def status(name='a'):
    return run(AGENT, 'status', '-c', h.path(f'{name}.yaml'), ok=False).stdout.decode()


stores = Stores()
for k in list(os.environ):
    if k.startswith('AWS_'):
        del os.environ[k]
os.environ.update(AWS_ACCESS_KEY_ID='AKIDINVENTED', AWS_SECRET_ACCESS_KEY=SECRET, AZURE_AUTHORITY_HOST=stores.url, GCE_METADATA_HOST=stores.url.removeprefix('http://'))
token = {n: h.write(f'{n}.token', f'{t}\n') for n, t in (('vault', 'hvs.invented'), ('k8s', 'k8s-invented'), ('op', 'connect-invented'), ('doppler', 'dp.invented'), ('github', 'gh-invented'), ('azure', 'az+secret-invented'))}
os.chmod(token['k8s'], 0o644)  # as the platform mounts it
ACCOUNT = 'ACCOUNTINVENTED00000000001'
AT = f'url: "{stores.url}", allow_private: true'
ENTRIES = {
    'sm': f'store: aws_sm, region: eu-central-1, {AT}',
    'ssm': f'store: aws_ssm, region: eu-central-1, {AT}',
    'vault': f'store: vault, within: [secret, database/static-roles], token_file: {token["vault"]}, cluster: prod, {AT}',
    'k8s': f'store: kubernetes, token_file: {token["k8s"]}, cluster: prod, {AT}',
    'op': f'store: onepassword, token_file: {token["op"]}, cluster: {ACCOUNT}, {AT}',
    'doppler': f'store: doppler, token_file: {token["doppler"]}, cluster: acme, {AT}',
    'gcp': f'store: gcp, within: [acme], {AT}',
    'azure': f'store: azure, tenant: tenant-1, client_id: app-1, credentials_file: {token["azure"]}, {AT}',
    'github': f'store: github, within: [acme, acme/pay], token_file: {token["github"]}, {AT}',
}


def configure(*names):
    return h.agent_config('a', [f'{{ id: inv-{n}, type: inventory, input: inventory, {ENTRIES[n]} }}' for n in names])


h.start_collector()
h.allow('a', h.new_key('a'))

# ---- a crash in the middle of a snapshot of two stores with pages ----
configure('sm', 'ssm')
stores.faults = 0.3
for i in range(3):
    agent = h.start_agent('a')
    time.sleep(rng.uniform(0.2, 1.0))
    agent.kill()
    agent.wait()
stores.count, stores.faults, stores.stuck, stores.circle = 240, 0.1, False, False
agent = h.start_agent('a')
check(wait_for(lambda: len(marks()) == 2, 40), 'a snapshot ends with a mark, whatever happened', status() + h.log('a.log')[-800:])
stores.faults = 0.0
ids = [(r['time'], r['secret']) for r in secrets()]
check(len(ids) == len(set(ids)), 'after kills, throttling and cut answers nothing is stored twice', f'{len(ids)} {len(set(ids))}')
begun = {(m['instance'], m['time']) for m in marks()}
found = [r for r in secrets() if (r['instance'], r['time']) in begun]
check(len(begun) == 2 and len({r['secret'] for r in found}) == len(found) == 2 * stores.count, 'what one mark speaks of was asked for in one go', len(found))
check(all(m['original']['complete'] is True and m['outcome'] == 'success' and m['original']['secrets'] == stores.count for m in marks()), 'both are complete', marks())
check(stores.bad == [], 'every signature was right', stores.bad[:3])
check({t for _, t, _ in stores.asked} == {'secretsmanager.ListSecrets', 'AmazonSSM.DescribeParameters'}, 'nothing else was asked', {t for _, t, _ in stores.asked})
by_id = {r['secret']: r for r in found}
one = by_id['aws-sm://111122223333/eu-central-1/app/8']
check(one['version'] == 'v8' and one['original']['last_rotated'][:10] == rfc(8)[:10] and one['original']['rotation_period'] == '30d' and one['original']['rotation_enabled'] is True and one['original']['owner'] == 'payments'
      and one['original']['tags'] == ['Owner', 'env'] and one['original']['last_accessed'] == rfc(1)[:10], 'ages, rotation, owner and names of tags', one)
check('deleted' in by_id['aws-sm://111122223333/eu-central-1/app/7']['original'] and by_id['aws-ssm://111122223333/eu-central-1/app/3']['original']['expires'] == '2027-01-01T00:00:00.000Z', 'deletion and expiry')
check(stop(agent) == 0, 'the agent ends cleanly', h.log('a.log')[-800:])
asked = len(stores.asked)
agent = h.start_agent('a')
time.sleep(1.5)
check(len(stores.asked) == asked and 'complete snapshot of' in status(), 'a restart asks for nothing until the day is over', stores.asked[asked:][:3])
check(stop(agent) == 0, 'the agent ends cleanly again')

# ---- the others ----
configure('vault', 'k8s', 'op', 'doppler', 'gcp', 'github', 'azure')
stores.deny = {'/orgs/acme/dependabot/'}
agent = h.start_agent('a')
check(wait_for(lambda: len(marks()) == 9, 40), 'each store gives a snapshot', status() + h.log('a.log')[-800:])
got = {n: sorted(r['secret'] for r in secrets(f'inv-{n}')) for n in ENTRIES}
check(got['vault'] == ['vault://prod/-/database/static-creds/app', 'vault://prod/-/secret/pay/api%20key', 'vault://prod/-/secret/pay/db', 'vault://prod/-/secret/root'], 'folders and roles of Vault', got['vault'])
check(got['k8s'] == [f'k8s://prod/prod/s{n}' for n in range(6)], 'pages of Kubernetes', got['k8s'])
check(got['op'] == [f'op://{ACCOUNT}/VAULTINVENTED0000000000001/ITEMINVENTED00000000000001'], 'items of 1Password', got['op'])
check(got['doppler'] == ['doppler://acme/pay/prd/API_KEY', 'doppler://acme/pay/prd/DB_URL'], 'names of Doppler, behind a hundred projects', got['doppler'])
check(got['gcp'] == ['gcp-sm://123456789012/global/a', 'gcp-sm://123456789012/global/b'], 'secrets of Google Cloud', got['gcp'])
check(got['github'] == ['github://acme/-/actions/DEPLOY_KEY', 'github://acme/pay/actions/DEPLOY_KEY', 'github://acme/pay/actions/prod/eu/DEPLOY_KEY', 'github://acme/pay/dependabot/DEPLOY_KEY'], 'names of GitHub', got['github'])
check(got['azure'] == [f'az-kv://acme.vault.azure.net/secrets/{n}' for n in 'ab'], 'pages of Azure', got['azure'])
github = next(m for m in marks() if m['original']['store'] == 'github')
check(github['outcome'] == 'failure' and github['original']['complete'] is False and github['original']['missed'] == 1 and 'read access' in github['original']['problem'], 'what was denied makes the snapshot incomplete', github)
check(wait_for(lambda: 'incomplete snapshot of' in status() and 'the token needs' in status(), 10), 'and the status says so', status())
check(not any('/data/' in p or 'static-creds' in p or p.endswith('/value') for p, _, _ in stores.asked), 'no value was asked for')
k = secrets('inv-k8s')[0]['original']
check(k['last_changed'] == rfc(3) and k['changed_by'] == 'external-secrets' and k['owner'] == 'ExternalSecret/pay', 'the last writer', k)
check(stop(agent) == 0, 'the agent ends cleanly at last', h.log('a.log')[-800:])
check(stores.bad == [], 'every token was right', stores.bad[:3])
text = h.log('a.log') + status()
check(not any(s in text for s in ('hvs.invented', 'ya29.invented', SECRET, 'dp.invented', 'az-invented', 'secret-invented')), 'no token in log or status')

# ---- a next page that is the same one ----
stores.circle, ENTRIES['circle'] = True, ENTRIES['gcp']
configure('circle')
asked, agent = len(stores.asked), h.start_agent('a')
check(wait_for(lambda: len(marks()) == 10, 20), 'a store whose pages lead nowhere gives a snapshot', status())
check([m['original']['complete'] for m in marks() if m['instance'] == 'inv-circle'] == [False], 'which is not complete', marks())
check(wait_for(lambda: 'lead nowhere' in status(), 10), 'and the status says why', status())
check(len(stores.asked) - asked < 5, 'after few questions', len(stores.asked) - asked)
stop(agent)

# ---- a key that AWS does not know ----
ENTRIES['gone'], os.environ['AWS_ACCESS_KEY_ID'] = ENTRIES['sm'], 'AKIDGONE'
configure('gone')
agent = h.start_agent('a')
check(wait_for(lambda: 'UnrecognizedClientException: there is no such access key' in status(), 30), 'a key that is not known is said, once no other is found', status())
stop(agent)
os.environ['AWS_ACCESS_KEY_ID'] = 'AKIDINVENTED'

# ---- doctor ----
configure('sm')
stores.deny = set()
p = run(AGENT, 'source', 'doctor', '-c', h.path('a.yaml'), ok=False)
check(p.returncode == 0 and b'aws-sm://111122223333/eu-central-1/app/' in p.stdout, 'the doctor looks at it', p.stdout)
stores.deny = {'secretsmanager.ListSecrets'}
p = run(AGENT, 'source', 'doctor', '-c', h.path('a.yaml'), ok=False)
check(p.returncode == 1 and b'secretsmanager:ListSecrets' in p.stdout, 'and names the action', p.stdout)
stores.deny, os.environ['AWS_SECRET_ACCESS_KEY'] = set(), 'wrong'
p = run(AGENT, 'source', 'doctor', '-c', h.path('a.yaml'), ok=False)
check(p.returncode == 1 and b'InvalidSignatureException: the secret key is wrong, or the clock' in p.stdout, 'or the wrong key', p.stdout)
ENTRIES['vault'] = ENTRIES['vault'].replace('secret, database/static-roles', 'old')
configure('vault')
p = run(AGENT, 'source', 'doctor', '-c', h.path('a.yaml'), ok=False)
check(p.returncode == 1 and b'KV version 1' in p.stdout and not any(a[0].startswith('/v1/old/') for a in stores.asked), 'of a mount of version 1 nothing is asked', p.stdout)

check(stop(h.collector) == 0, 'the collector ends cleanly')

# ---- the command: snapshots and the log in one table ----
def inventory(*args):
    return json.loads(keytrail('inventory', *args, '--db', h.db, '-o', 'json', '-q').stdout)


reads = [cloudtrail(rng, NOW - 3600 * n, secret='app/8', role=f'reader{n}') for n in (1, 2)] + [cloudtrail(rng, NOW - 60, secret='app/7', errorCode='AccessDenied'),
                                                                                              cloudtrail(rng, NOW - 60, secret='only/in/the/log')]
requests = [cloudtrail(rng, NOW - 60, secret='app/9', eventName=n, readOnly=False) for n in ('RotateSecret', 'CancelRotateSecret', 'UpdateSecretVersionStage')]
reads += requests + [cloudtrail(rng, NOW - DAY, secret='app/9', eventName='PutSecretValue', readOnly=False),
                     cloudtrail(rng, time.time(), eventName='RotationSucceeded', eventType='AwsServiceEvent', readOnly=False, userIdentity={'accountId': '111122223333', 'invokedBy': 'secretsmanager.amazonaws.com'},
                                requestParameters=None, additionalEventData={'SecretId': 'arn:aws:secretsmanager:eu-central-1:111122223333:secret:app/10-AbCdEf'})]
with open(h.path('trail.jsonl'), 'w') as f:
    f.writelines(json.dumps(r) + '\n' for r in reads)
keytrail('import', '--db', h.db, '--source', 'cloudtrail', '--instance', 'aws-main', h.path('trail.jsonl'))
got = {r['secret']: r for r in inventory('aws-sm://**')}
check(len(got) == stores.count + 1, 'every secret of the store, and one that only the log knows', len(got))
one = got['aws-sm://111122223333/eu-central-1/app/8']
check((one['age_days'], one['from'], one['last_read_by'], one['owner'], one['overdue'], one['instance']) == (8, 'inventory', 'reader1@111122223333', 'payments', False, 'inv-sm')
      and one['last_read'][:19] == iso(NOW - 3600, 0)[:19] and one['store'] == 'aws-sm://111122223333', 'age, last reader, owner', one)
check((one['age_since'], one['last_rotated'][:10]) == ('rotated', rfc(8)[:10]), 'by a rotation that the store names', one)
by_hand = got['aws-sm://111122223333/eu-central-1/app/9']
check((by_hand['age_since'], by_hand['last_rotated'], by_hand['age_days'], by_hand['from'], by_hand['last_changed'][:10]) == ('changed', None, 1, 'log', rfc(1)[:10]),
      'requests and steps of a rotation are none; the newest change counts', by_hand)
fresh = got['aws-sm://111122223333/eu-central-1/app/10']
check((fresh['age_since'], fresh['age_days'], fresh['from'], fresh['next_due'][:10]) == ('rotated', 0, 'log', rfc(-30)[:10]), 'after a rotation in the log the date that the store said before is none', fresh)
old = got['aws-sm://111122223333/eu-central-1/app/200']
check(old['overdue'] is True and old['last_read_by'] is None and old['last_read'][:10] == rfc(1)[:10], 'what is overdue; a date without a reader where the log has none', old)
check(got['aws-sm://111122223333/eu-central-1/app/7']['last_read_by'] is None and got['aws-sm://111122223333/eu-central-1/app/7']['deleted'] is not None, 'a denied read is none')
check(got['aws-sm://111122223333/eu-central-1/only/in/the/log']['from'] == 'log', 'where it is known from')
vault = {r['secret']: r for r in inventory('vault://**')}
check(vault['vault://prod/-/secret/pay/db']['next_due'][:10] == rfc(-80)[:10] and vault['vault://prod/-/database/static-creds/app']['overdue'] is True, 'due by the period that its owner wrote down', vault)
later = iso(NOW + 60, 0)
with open(h.path('later.jsonl'), 'w') as f:
    f.write(json.dumps({'store': 'vault', 'snapshot': later, 'secret': 'vault://prod/-/secret/root', 'created': rfc(3), 'rotation_period': '106751d'}) + '\n' + json.dumps({'store': 'vault', 'snapshot': later, 'complete': True, 'secrets': 1, 'missed': 0}) + '\n')
p = keytrail('import', '--db', h.db, '--source', 'inventory', '--instance', 'inv-vault', h.path('later.jsonl'), '-o', 'json')
check(json.loads(p.stdout)['stored'] == 2, 'an import takes a snapshot that another system made', p.stdout)
check([(r['secret'], r['next_due'], r['age_since']) for r in inventory('vault://**')] == [('vault://prod/-/secret/root', None, 'created')], 'what no newer snapshot has is left out')
check(sum(r['gone'] for r in inventory('vault://**', '--all')) == 3, 'unless all is asked for')
p = keytrail('inventory', 'k8s://**', '--db', h.db)
check(b'LAST ROTATED' in p.stdout and b'k8s://prod/prod/s0' in p.stdout and b'snapshot: inv-github: none is complete' in p.stderr, 'as a table, with what it rests on', p.stdout + p.stderr)
check(keytrail('inventory', 'a', 'b', '--db', h.db, ok=False).returncode == 2 and keytrail('inventory', '--db', h.path('none.db'), ok=False).returncode == 4, 'exit codes')
v = keytrail('verify', '--db', h.db, '-c', h.path('keytrail.yaml'), ok=False)
check(v.returncode == 0, 'the store verifies with every signature', v.stdout + v.stderr)
finish()
