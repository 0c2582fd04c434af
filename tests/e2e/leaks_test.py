#!/usr/bin/env python3
"""Reports of leak scanners: from a folder and from GitGuardian's webhook; an exposure meets the reads with the key that lay open; no value comes anywhere."""
import hashlib, hmac as hm, http.client, json, os, random, time
from support import *

rng = random.Random(SEED)
h = House()
port = free_port()
TOKEN, KEY_ID, VALUE = 'invented-signature-token', 'AKIAQYLPMN5HEXAMPLE1', 'PLANTED-VALUE-0123456789'
now = time.time()


def gitleaks(n, secret):
    return {'RuleID': 'aws-access-token', 'Description': 'AWS credentials', 'StartLine': n, 'EndLine': n, 'StartColumn': 1, 'EndColumn': 20, 'Match': f'key={VALUE}', 'Secret': secret,
            'File': 'deploy/env.prod', 'SymlinkFile': '', 'Commit': '3f1c9d2e', 'Entropy': 3.5, 'Author': 'Ana Ito', 'Email': 'ana@example.com', 'Date': iso(now - 7200, 0),
            'Message': VALUE, 'Tags': ['aws'], 'Fingerprint': f'3f1c9d2e:deploy/env.prod:aws-access-token:{n}'}


def post(body, timestamp, token=TOKEN, **headers):
    sig = hm.new((timestamp + token).encode(), body, hashlib.sha256).hexdigest()
    c = http.client.HTTPConnection('127.0.0.1', port, timeout=5)
    c.request('POST', '/', body, {'Gitguardian-Signature': f'sha256={sig}', 'Timestamp': timestamp, **headers})
    status = c.getresponse().status
    c.close()
    return status


def search(query):
    return ndjson(keytrail('search', query, '--db', h.db, '--since', '@0', '-o', 'ndjson', '-q', ok=False))


os.mkdir(h.path('leaks'))
os.mkdir(h.path('trail'))
h.start_collector()
h.allow('a', h.new_key('a'), 'leaks/pay,leaks/gitguardian,cloudtrail/aws')
h.agent_config('a', [f'{{ id: pay, type: leaks, input: files, path: {h.path("leaks")}, cluster: github.com/acme/pay }}',
                     f'{{ id: gitguardian, type: leaks, input: http_listen, listen: "tcp://127.0.0.1:{port}", hmac_file: {h.write("gg.token", TOKEN)}, '
                     'hmac_header: Gitguardian-Signature, hmac_timestamp_header: Timestamp }',
                     f'{{ id: aws, type: cloudtrail, input: files, path: {h.path("trail")} }}'])
agent = h.start_agent('a')
json.dump([gitleaks(3, KEY_ID), gitleaks(9, VALUE)], open(h.path('pay.json'), 'w'), indent=1)
os.rename(h.path('pay.json'), h.path('leaks/pay.json'))
json.dump({'version': '1.5.0', 'plugins_used': [], 'results': {'a.py': [{'type': 'Secret Keyword', 'filename': 'a.py', 'hashed_secret': VALUE, 'line_number': 1}]}}, open(h.path('ds.json'), 'w'), indent=2)
os.rename(h.path('ds.json'), h.path('leaks/ds.json'))
reads = [cloudtrail(rng, now - 3600 + i, userIdentity={'type': 'IAMUser', 'userName': 'deploy', 'arn': 'arn:aws:iam::111122223333:user/deploy', 'accountId': '111122223333', 'accessKeyId': KEY_ID})
         for i in range(3)]
write_object(h.path('trail/one.json.gz'), reads + [cloudtrail(rng, now - 100)])
check(wait_for(lambda: len(search('kind:exposure')) == 3, 20), 'a report and a baseline are three exposures', h.log('a.log') + str(search('kind:exposure')))
check(wait_for(lambda: h.count() == 4, 20), 'and no accesses', h.count())
both = search(f'(kind:exposure OR kind:access) credential:{KEY_ID}')
check(sorted(r['kind'] for r in both) == ['access'] * 3 + ['exposure'], 'the exposure meets the reads with its key', both)
first = next(r for r in both if r['kind'] == 'exposure')
check(first['secret'] == 'leak://github.com%2Facme%2Fpay/aws-access-token/deploy/env.prod' and first['version'] == '3f1c9d2e' and first['actor'] == 'ana@example.com', 'it says where', first)
said = keytrail('search', 'kind:exposure', '--db', h.db, '--since', '@0', '-q').stdout.decode()
check('ana@example.com' in said and 'exposure' in said and 'unverified' in said and 'deploy/env' in said and 'other' not in said, 'and people can read it', said)

# ---- the same report again ----
json.dump([gitleaks(3, KEY_ID), gitleaks(9, VALUE), gitleaks(12, VALUE)], open(h.path('again.json'), 'w'))
os.rename(h.path('again.json'), h.path('leaks/again.json'))
check(wait_for(lambda: len(search('kind:exposure')) == 4, 20), 'the next report adds what is new', len(search('kind:exposure')))

# ---- GitGuardian ----
body = json.dumps({'source': 'GitGuardian', 'timestamp': iso(now, 6), 'action': 'new_occurrence', 'incident': {'id': 31605, 'detector': {'name': 'aws_iam', 'display_name': 'AWS Keys'},
                   'secret_hash': VALUE, 'hmsl_hash': VALUE, 'validity': 'valid', 'secret_revoked': False, 'severity': 'high', 'share_url': f'https://x/{VALUE}'},
                   'occurrence': {'id': 1, 'sha': '9f86d081', 'author_name': 'Ana Ito', 'author_info': 'ana@example.com', 'date': iso(now - 60, 6), 'filepath': 'a.js',
                                  'url': 'https://github.com/acme/web/commit/9f86d081', 'source': {'url': 'https://github.com/acme/web', 'visibility': 'public'}}}).encode()
ts = str(int(now))
codes = [post(body, ts), post(body, ts, token='wrong'), post(body, ts, Timestamp=str(int(now) + 1)), post(body, ts), post(body, 'x' * 65)]
check(codes == [200, 401, 401, 200, 401], 'the signature is over time, token and body', codes)
check(wait_for(lambda: len(search('kind:exposure code:verified secret:leak://github.com%2Facme%2Fweb/**')) == 1, 10), 'what was posted twice is stored once', search('instance:gitguardian kind:exposure'))
st = run(AGENT, 'status', '-c', h.path('a.yaml')).stdout.decode()
check('pay' in st and 'exposure' not in h.log('a.log'), 'status knows the sources', st)
sums = {s['instance']: s['events'] for s in json.loads(keytrail('status', '--db', h.db, '-o', 'json').stdout)['sources']}
check(sums == {'pay': 4, 'gitguardian': 1, 'aws': 4}, 'and the collector counts them', sums)

# ---- import, and what is nowhere ----
json.dump([gitleaks(40, VALUE)], open(h.path('old.json'), 'w'))
p = keytrail('import', '--db', h.path('old.db'), '--source', 'leaks', '--instance', 'old', h.path('old.json'))
check(b'1 ' in p.stdout + p.stderr, 'an old report is imported', p.stdout + p.stderr)
check(stop(agent) == 0 and stop(h.collector) == 0, 'both end', h.log('a.log')[-500:])
bytes_ = b''.join(open(os.path.join(d, f), 'rb').read() for d, _, fs in os.walk(h.dir) for f in fs if not d.endswith('/leaks') and f != 'old.json')
check(VALUE.encode() not in bytes_ and TOKEN.encode() not in bytes_.replace(TOKEN.encode(), b'', 1), 'no value is in store, spool or log')
check(keytrail('verify', '--db', h.db, '-c', h.path('keytrail.yaml'), ok=False).returncode == 0, 'the store verifies')
finish()
