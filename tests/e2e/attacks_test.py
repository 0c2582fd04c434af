#!/usr/bin/env python3
"""Attacks as red-team tools leave them in the logs, on an empty history, and thefts slowed down, cut at the borders of windows and spread over
sessions: each is one alert of medium or more. What is nearly the same and harmless raises none."""
import os, random
from attack_records import *
from support import *

d = folder()
SM, T = 'google.cloud.secretmanager.v1.SecretManagerService.', START
LOGGING = 'google.logging.v2.ConfigServiceV2.'
KEY = '1234abcd-12ab-34cd-56ef-1234567890ab'


def alerts(source, records, name='one'):
    path, db = os.path.join(d, name + '.jsonl'), os.path.join(d, name + '.db')
    with open(path, 'w') as f:
        f.writelines(json.dumps(r) + '\n' for r in records)
    for end in ('', '-wal', '-shm'):
        if os.path.exists(db + end):
            os.remove(db + end)
    run(KEYTRAIL, 'import', '--db', db, '--source', source, path, '-o', 'json')
    rows = [json.loads(l) for l in run(KEYTRAIL, 'replay', '--db', db, '-o', 'ndjson').stdout.splitlines()]
    return [r for r in rows if r['severity'] in ('medium', 'high', 'critical')]


def opened(principal, **more):
    return [aws(T, SECRETS, 'PutResourcePolicy', {'secretId': 'prod/db', 'resourcePolicy': policy(principal, **more)})]


def key_policy(principal):
    return [aws(T, 'kms', 'PutKeyPolicy', {'keyId': KEY, 'policyName': 'default', 'policy': policy(principal)})]


def read_aws(n, error=None):
    return [aws(T + 1 + i // 4, SECRETS, 'GetSecretValue', {'secretId': f'app/{i}'}, error=error) for i in range(n)]


def batch(j):
    inner = [aws(T + j, SECRETS, 'GetSecretValue', {'secretId': f'arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:st-{10 * j + i}-abcdef'},
                 ip='secretsmanager.amazonaws.com') for i in range(10)]
    return [aws(T + j, SECRETS, 'BatchGetSecretValue', {'filters': [{'key': 'tag-key', 'values': ['S']}]})] + inner


def parameters(j):
    names = [f'/creds/{10 * j + i}' for i in range(10)]
    context = 'arn:aws:ssm:us-east-1:' + ACCOUNT + ':parameter'
    return [aws(T + 2 + j, 'ssm', 'GetParameters', {'names': names, 'withDecryption': True})] + [
        aws(T + 2 + j, 'kms', 'Decrypt', {'encryptionContext': {'PARAMETER_ARN': context + n}}) for n in names]


ATTACKS = {
    'every secret of Secrets Manager': ('cloudtrail', [aws(T, SECRETS, 'ListSecrets', {})] + read_aws(20)),
    'every secret, in batches': ('cloudtrail', batch(0) + batch(1) + batch(2)),
    'every parameter': ('cloudtrail', sum((parameters(j) for j in range(4)), [])),
    'every parameter by its path': ('cloudtrail', [aws(T + i, 'ssm', 'GetParametersByPath', {'path': '/', 'recursive': True, 'withDecryption': True}) for i in range(6)]),
    'passwords of machines': ('cloudtrail', [aws(T + i, 'ec2', 'GetPasswordData', {'instanceId': f'i-0{i:015d}'}, error='Client.UnauthorizedOperation') for i in range(30)]),
    'trying every secret': ('cloudtrail', read_aws(15, error='AccessDenied')),
    'a trail stopped': ('cloudtrail', [aws(T, 'cloudtrail', 'StopLogging', {'name': 't'})]),
    'a trail deleted': ('cloudtrail', [aws(T, 'cloudtrail', 'DeleteTrail', {'name': 't'})]),
    'a trail narrowed': ('cloudtrail', [aws(T, 'cloudtrail', 'PutEventSelectors', {'trailName': 't'})]),
    'a trail that forgets': ('cloudtrail', [aws(T, 's3', 'PutBucketLifecycle', {'bucketName': 'acme-cloudtrail'})]),
    'CloudTrail Lake deleted': ('cloudtrail', [aws(T, 'cloudtrail', 'DeleteEventDataStore', {'eventDataStore': 'e'})]),
    'flow logs deleted': ('cloudtrail', [aws(T, 'ec2', 'DeleteFlowLogs', {})]),
    'DNS log deleted': ('cloudtrail', [aws(T, 'route53resolver', 'DeleteResolverQueryLogConfig', {'resolverQueryLogConfigId': 'r'})]),
    'GuardDuty off': ('cloudtrail', [aws(T, 'guardduty', 'DeleteDetector', {'detectorId': 'd'})]),
    'AWS Config off': ('cloudtrail', [aws(T, 'config', 'StopConfigurationRecorder', {'configurationRecorderName': 'd'})]),
    'the account leaves': ('cloudtrail', [aws(T, 'organizations', 'LeaveOrganization')]),
    'a secret opened to everybody': ('cloudtrail', opened('*')),
    'a secret opened to another account': ('cloudtrail', opened({'AWS': f'arn:aws:iam::{FOREIGN}:root'})),
    'a key opened to another account': ('cloudtrail', key_policy({'AWS': FOREIGN})),
    'a key granted to another account': ('cloudtrail', [aws(T, 'kms', 'CreateGrant', {'keyId': KEY, 'granteePrincipal': f'arn:aws:iam::{FOREIGN}:root'})]),
    'a key to be deleted': ('cloudtrail', [aws(T, 'kms', 'ScheduleKeyDeletion', {'keyId': KEY, 'pendingWindowInDays': 7})]),
    'a key for another user': ('cloudtrail', [aws(T, 'iam', 'CreateAccessKey', {'userName': 'backup'})]),
    'every secret of a Vault': ('vault', sum((vault(T + i // 3, 'read', f'secret/data/app{i}') for i in range(25)), [])),
    'an audit device disabled': ('vault', vault(T, 'delete', 'sys/audit/file')),
    'a root token': ('vault', vault(T, 'read', 'secret/data/x', who='root', policies=('root',))),
    'a new root token': ('vault', vault(T, 'update', 'sys/generate-root/attempt')),
    'the raw storage': ('vault', vault(T, 'read', 'sys/raw/core/keyring')),
    'passwords sprayed': ('vault', sum((vault(T + 5 * i, 'update', f'auth/userpass/login/user{i}', error='invalid username or password', login=True) for i in range(20)), [])),
    'every secret of a cluster': ('kubernetes', [kubernetes(T, 'list', 'secrets')]),
    'one secret after the other': ('kubernetes', [kubernetes(T + i // 3, 'get', 'secrets', 'shop', f's{i}') for i in range(30)]),
    'secrets without a name': ('kubernetes', [kubernetes(T, 'get', 'secrets', 'shop', 's', who='system:anonymous', groups=('system:unauthenticated',))]),
    'every secret of a project': ('gcp', [gcp(T + i // 3, SM + 'AccessSecretVersion', f'projects/p1/secrets/s{i}/versions/latest') for i in range(20)]),
    'a log sink deleted': ('gcp', [gcp(T, LOGGING + 'DeleteSink', 'projects/p1/sinks/s', 'logging')]),
    'a log bucket deleted': ('gcp', [gcp(T, LOGGING + 'DeleteBucket', 'projects/p1/locations/global/buckets/b', 'logging')]),
    'audit logs off': ('gcp', [gcp(T, 'SetIamPolicy', 'projects/p1', 'cloudresourcemanager', serviceData={'policyDelta': {'auditConfigDeltas': [
        {'action': 'REMOVE', 'service': 'secretmanager.googleapis.com', 'logType': 'DATA_READ'}]}})]),
    'every secret of a key vault': ('azure', [azure(T + i // 3, 'SecretGet', f'https://kv1.vault.azure.net/secrets/s{i}/abcdef') for i in range(22)]),
    'a vault exported': ('onepassword', [onepassword(T + i // 3, f'item{i}', 'export') for i in range(25)]),
}
HARMLESS = {
    'a secret opened to the own account': ('cloudtrail', opened({'AWS': f'arn:aws:iam::{ACCOUNT}:root'})),
    'a secret opened within the organisation': ('cloudtrail', opened('*', Condition={'StringEquals': {'aws:PrincipalOrgID': 'o-1'}})),
    'a secret closed to everybody': ('cloudtrail', opened('*', Effect='Deny')),
    'an own key': ('cloudtrail', [aws(T, 'iam', 'CreateAccessKey', {'userName': 'mallory'})]),
    'another bucket': ('cloudtrail', [aws(T, 's3', 'PutBucketLifecycle', {'bucketName': 'acme-pictures'})]),
    'a trail that could not be stopped': ('cloudtrail', [aws(T, 'cloudtrail', 'StopLogging', {'name': 't'}, error='AccessDenied')]),
    'a controller that watches all secrets': ('kubernetes', [kubernetes(T + 60 * i, 'watch', 'secrets', who='system:serviceaccount:flux:flux',
                                                                        groups=('system:serviceaccounts',)) for i in range(3)]),
    'seven secrets': ('cloudtrail', read_aws(7)),
}
for name, (source, records) in ATTACKS.items():
    told = alerts(source, records)
    check(len(told) == 1, f'{source}: {name}: one alert', [(a['severity'], a['title']) for a in told])
for name, (source, records) in HARMLESS.items():
    told = alerts(source, records)
    check(not told, f'{source}: {name}: none', [(a['severity'], a['title']) for a in told])


# ---- a theft by somebody who works there ----
def address(who):
    return f'198.51.100.{20 + int(who[-1])}'


STORES = {
    'cloudtrail': lambda t, who, secret, session: [aws(t, SECRETS, 'GetSecretValue', {'secretId': secret}, role(who, session), ip=address(who))],
    'vault': lambda t, who, secret, session: vault(t, 'read', 'secret/data/' + secret, f'oidc-{who}@acme.example', ip=address(who)),
    'kubernetes': lambda t, who, secret, session: [kubernetes(t, 'get', 'secrets', *secret.split('/'), who=who + '@acme.example', ip=address(who))],
}
TODAY = START // DAY * DAY
TWO = TODAY + 14 * 3600
WAYS = {  # when the i-th of 25 secrets is read, and in which session
    'at once': lambda i: (TWO + i // 3, 's0'),
    'every four minutes': lambda i: (TWO + 240 * i, 's0'),
    'cut by the end of five minutes': lambda i: (TWO + (290 if i < 12 else 310) + i // 3, 's0'),
    'cut by the end of an hour': lambda i: (TWO + (3590 if i < 12 else 3610) + i // 3, 's0'),
    'cut by midnight': lambda i: (TODAY + DAY - 30 + 3 * i, 's0'),
    'over five sessions': lambda i: (TWO + 20 * i, f's{i % 5}'),
    'one an hour': lambda i: (TWO + 3600 * i, 's0'),
    'in three days': lambda i: (TWO + i * 3 * DAY // 25, 's0'),
}


def ordinary(make):
    """40 days of eight people who read what their team has."""
    r, reads = random.Random(1), []
    for person in range(8):
        for day in range(-40, 0):
            if (START // DAY + day + 4) % 7 not in (0, 6):
                reads += [(TODAY + day * DAY + int(r.uniform(8, 17) * 3600), f'person{person}', f'team{person % 3}/app{person}-{r.randrange(6)}')
                          for _ in range(r.randint(1, 5))]
    return sum((make(t, who, secret, f's{t // DAY % 1000}') for t, who, secret in sorted(reads)), [])


for source, make in STORES.items():
    before = ordinary(make)
    check(not alerts(source, before), f'{source}: 40 ordinary days: none')
    for way, when in WAYS.items():
        theft = sum((make(when(i)[0], 'person3', f'prod/sec{i}', when(i)[1]) for i in range(25)), [])
        told = alerts(source, before + theft)
        check(len(told) == 1, f'{source}: 25 secrets {way}: one alert', [(a['severity'], a['time'], a['title']) for a in told])
finish()
