#!/usr/bin/env python3
"""A leaked role session, from raw CloudTrail and Vault records to the rotate list: what is still exposed, and the same totals in the table, CSV, JSON and `search`;
leavers out of a personnel file; hostile names make no Markdown, no terminal codes and no formulas."""
import csv, io
from support import *

rng = random.Random(SEED)
d = folder()
db = os.path.join(d, 'k.db')
NOW = time.time()
DAY = 86400
KEY = 'ASIAEXAMPLE0000001'
HOSTILE = '=cmd`|[x](http://evil.example)\u202e\x1b[31m*'


def act(t, name, secret, request=None, **over):
    r = cloudtrail(rng, t, secret=secret, eventName=name, readOnly=False, **over)
    r['userIdentity'] = {'type': 'IAMUser', 'userName': 'ops', 'accountId': '111122223333', 'accessKeyId': 'AKIAOPS0000000000001', 'arn': 'arn:aws:iam::111122223333:user/ops',
                         'principalId': 'AIDAOPS'}
    r['requestParameters'] = dict({'secretId': secret}, **(request or {}))
    return r


def service(t, name, secret):
    return cloudtrail(rng, t, eventName=name, eventType='AwsServiceEvent', userIdentity={'accountId': '111122223333', 'invokedBy': 'secretsmanager.amazonaws.com'}, requestParameters=None,
                      additionalEventData={'SecretId': f'arn:aws:secretsmanager:eu-central-1:111122223333:secret:{secret}-AbCdEf'})


READS = NOW - 5 * DAY
names = ['prod/a-rotated', 'prod/b-open', 'prod/c-failed', 'prod/d-waits', 'dev/e-open', 'prod/f-tagged', 'prod/g-put']
want = {'prod/a-rotated': 'rotated', 'prod/b-open': 'exposed', 'prod/c-failed': 'rotation unfinished', 'prod/d-waits': 'rotation unfinished', 'dev/e-open': 'exposed', 'prod/f-tagged': 'exposed',
        'prod/g-put': 'rotated'}
records = [cloudtrail(rng, READS + i, secret=n) for i in range(40) for n in (names if i % 7 == 0 else [rng.choice(names)])]
records += [cloudtrail(rng, READS + 90, secret='prod/denied', errorCode='AccessDenied')]
after = READS + DAY
for n, end in (('prod/a-rotated', 'RotationSucceeded'), ('prod/c-failed', 'RotationFailed')):
    records += [act(after, 'RotateSecret', n), service(after + 1, 'RotationStarted', n), act(after + 5, 'PutSecretValue', n, {'clientRequestToken': 'v-2', 'versionStages': ['AWSPENDING']})]
    if end == 'RotationSucceeded':
        records.append(act(after + 8, 'UpdateSecretVersionStage', n, {'versionStage': 'AWSCURRENT', 'moveToVersionId': 'v-2', 'removeFromVersionId': 'v-1'}))
    records.append(service(after + 9, end, n))
records += [act(after, 'PutSecretValue', 'prod/d-waits', {'versionStages': ['AWSPENDING'], 'clientRequestToken': 'v-9'}), act(after, 'TagResource', 'prod/f-tagged'),
            act(after, 'PutSecretValue', 'prod/g-put', {'clientRequestToken': 'v-3'})]
write_object(os.path.join(d, 'ct.json.gz'), records)
with open(os.path.join(d, 'vault.log'), 'w') as f:
    for i in range(30):
        f.write('\n'.join(vault_pair(rng, NOW - (i + 1) * DAY / 3, who='dana', secret='app/db')) + '\n')
    f.write('\n'.join(vault_pair(rng, NOW - DAY, who='eve', secret=HOSTILE)) + '\n')
keytrail('import', '--db', db, '--source', 'cloudtrail', '--instance', 'aws-main', os.path.join(d, 'ct.json.gz'))
keytrail('import', '--db', db, '--source', 'vault', '--instance', 'vault-prod', os.path.join(d, 'vault.log'))

doc = json.loads(keytrail('blast', KEY, '--db', db, '-o', 'json', '-q').stdout)
rows = list(csv.DictReader(io.StringIO(keytrail('blast', KEY, '--db', db, '-o', 'csv', '-q').stdout.decode(), newline=''), strict=True))
found = {r['secret'].split('/eu-central-1/')[1]: r for r in rows}
check({n: r['state'] for n, r in found.items()} == want, 'each secret has the state that is true', rows)
check(doc['exposed'] == sum(r['exposed'] == 'yes' for r in rows) == 5 and doc['exposed_production'] == 4, 'what is exposed is counted', doc['summary'])
check([r['exposed'] for r in rows] == ['yes'] * 5 + ['no'] * 2 and [r['production'] for r in rows][4] == 'no', 'exposed first, production first')
count = len(ndjson(keytrail('search', '--db', db, f"{doc['query']} {doc['reads_query']}", '-o', 'ndjson', '-q', '--since', '2020-01-01')))
check(doc['reads'] == sum(int(r['reads']) for r in rows) == count, 'JSON, CSV and search agree to the row', (doc['reads'], count))
each = {r['secret']: len(ndjson(keytrail('search', '--db', db, f"{doc['query']} {doc['reads_query']} secret:\"{r['secret']}\"", '-o', 'ndjson', '-q', '--since', '2020-01-01'))) for r in rows}
check(all(each[r['secret']] == int(r['reads']) for r in rows), 'and for each secret', each)
check(doc['failed'] == 1 and doc['failures'][0]['what'].endswith('prod/denied'), 'what was refused is no read')
arn = json.loads(keytrail('blast', 'arn:aws:sts::111122223333:assumed-role/orders-svc/i-0abc', '--db', db, '-o', 'json', '-q').stdout)
other = json.loads(keytrail('blast', 'arn:aws:sts::999988887777:assumed-role/orders-svc/i-0abc', '--db', db, '-o', 'json', '-q').stdout)
check(arn['reads'] == doc['reads'] and other['records'] == 0, 'a session is that of one account')
note = keytrail('blast', KEY, '--db', db, '-o', 'md', '-q').stdout.decode()
check(note.count('- [ ] `aws-sm://') == 5 and 'aws secretsmanager rotate-secret --region eu-central-1 --secret-id prod/b-open' in note and doc['log_id'] in note, 'a note to tick off', note)
table = keytrail('blast', KEY, '--db', db).stdout.decode()
check('taken for an AWS access key id' in table and 'rotation unfinished' in table, 'a table says what it was taken for')

for form in ('table', 'md', 'csv'):
    out = keytrail('blast', 'eve', '--db', db, '-o', form, '-q').stdout.decode()
    check('\x1b' not in out and '\u202e' not in out, f'no terminal codes in {form}', repr(out))
check('](http' not in re.sub(r'(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)', '', keytrail('blast', 'eve', '--db', db, '-o', 'md', '-q').stdout.decode()), 'no link out of a name')

left = time.strftime('%Y-%m-%d', time.gmtime(NOW - 4 * DAY))
with open(os.path.join(d, 'hr.csv'), 'w', newline='') as f:
    csv.writer(f).writerows([['Name', 'Last day'], ['dana', left], ['no"body, at all', left]])
p = keytrail('leaver', '--file', os.path.join(d, 'hr.csv'), '--db', db, '-o', 'csv')
rows = list(csv.DictReader(io.StringIO(p.stdout.decode(), newline=''), strict=True))
end = time.mktime(time.strptime(left + ' UTC', '%Y-%m-%d %Z')) - time.timezone + DAY
truth = sum(NOW - (i + 1) * DAY / 3 >= end for i in range(30))
check(sum(r['finding'] == 'access' for r in rows) == truth and any(r['finding'] == 'not rotated' and r['what'].endswith('/app/db') for r in rows), 'a leaver goes on reading', rows)
check(b'2 people, 1 of them with accesses' in p.stderr, 'people are summed up', p.stderr)
open(os.path.join(d, 'who.yaml'), 'w').write(f'identities: [{{ name: dana, aliases: ["dana@**"], left: {left} }}, {{ name: ops }}]\n')
config = os.path.join(d, 'keytrail.yaml')
open(config, 'w').write(f'store: {{ path: {db} }}\nidentities_file: who.yaml\n')
p = keytrail('leaver', 'dana', '-c', config, '-o', 'csv')
known = list(csv.DictReader(io.StringIO(p.stdout.decode(), newline=''), strict=True))
check(known and {r['person'] for r in known} == {'dana'} and sum(r['finding'] == 'access' for r in known) == truth, 'identities say the last day', (p.stderr, known[:2]))
p = keytrail('leaver', 'ops', '-c', config, ok=False)
check(p.returncode == 2 and b'give --left DATE' in p.stderr and p.stdout == b'', 'nobody says when ops left', (p.returncode, p.stderr))
bad = os.path.join(d, 'bad.csv')
open(bad, 'w').write('a,2026-01-01\n"b" x,2026-01-01\n')
p = keytrail('leaver', '--file', bad, '--db', db, ok=False)
check(p.returncode != 0 and b'line 2' in p.stderr, 'a broken file is named by its line', p.stderr)
open(bad, 'w').write('dana,31.10.2026\n')
for argv in (['leaver'], ['review', 'leavers']):
    p = keytrail(*argv, '--file', bad, '--db', db, ok=False)
    check(p.returncode != 0 and b'line 1' in p.stderr and p.stdout == b'', f'{argv[-1]}: a first line with a wrong date is no head', p.stderr)
for argv in (['exposure'], ['dormant', '--days', '2'], ['unused'], ['canary'], ['blast', 'nobody']):
    check(keytrail(*argv, '--db', db, ok=False).returncode == 0, f'{argv[0]} answers')
check(keytrail('blast', KEY, '--as', 'sesion', '--db', db, ok=False).returncode == 2, 'a wrong --as is refused')
finish()
