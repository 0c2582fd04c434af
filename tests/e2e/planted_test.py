#!/usr/bin/env python3
"""No secret value anywhere (THREATS R4): marked values in every field of both sources; spool, store, WAL, logs and output are searched."""
import copy, glob, json, os, random, re, time
from support import *

rng = random.Random(SEED)
h = House()
h.start_collector()
h.allow('a', h.new_key('a'))
vlog, objects = h.path('audit.log'), h.path('objects')
os.mkdir(objects)
h.agent_config('a', [f'{{ id: vault-prod, type: vault, input: tail, path: {vlog} }}', f'{{ id: aws, type: cloudtrail, input: files, path: {objects} }}'])
MARK = 'PLANTEDVALUE'
tokens = ['hvs.CAESI' + MARK + 'abcdefghijklmnopqrstuvw0123456789ABCDEFGHIJ', 'ghp_' + MARK + 'abcdefghijABCDEFGHIJ0123', 'xoxb-1234567890-' + MARK + 'abcdef',
          'AKIA' + 'PLANTED0VALUE000', 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI' + MARK + '.c2lnbmF0dXJl' + MARK, 'postgres://app:' + MARK + '@db/x', 'sk_live_' + MARK + '0123456789abcdef']
values = ['clear-' + MARK] + tokens


def plant(x, out, path=''):
    """Every string leaf in turn gets each value; every object in turn gets an unknown member."""
    if isinstance(x, dict):
        out.append((path + '/+', x, 'unknown_member'))
        for k in list(x):
            if isinstance(x[k], (dict, list)):
                plant(x[k], out, path + '/' + k)
            elif isinstance(x[k], str):
                out.append((path + '/' + k, x, k))
    elif isinstance(x, list):
        for y in x:
            if isinstance(y, (dict, list)):
                plant(y, out, path)


# Fields that are names by nature (a secret's name, an actor, an id) may show plain words, but never a token shape.
NAMES = {'id', 'path', 'operation', 'mount_point', 'mount_type', 'display_name', 'username', 'entity_id', 'remote_address', 'type', 'time', 'eventID', 'eventName',
         'eventSource', 'eventTime', 'awsRegion', 'sourceIPAddress', 'userAgent', 'secretId', 'requestID', 'recipientAccountId', 'userName', 'arn', 'principalId',
         'accountId', 'accessKeyId', 'eventType', 'eventCategory', 'eventVersion', 'token_type', 'error', 'errorMessage', 'errorCode', 'namespace', 'policies'}
objects_out, lines = [], []
for value in values:
    base = [json.loads(l) for l in vault_pair(rng, time.time())]
    base[1]['error'] = 'x'
    base[0]['request']['data'] = {'password': hmac(rng), 'nested': {'k': hmac(rng)}}
    base[1]['response'].update(wrap_info={'token': hmac(rng), 'accessor': hmac(rng)}, headers={'x': ['y']}, warnings=['w'])
    places = []
    plant(base, places)
    for where, _, key in places:
        if value.startswith('clear-') and key in NAMES:
            continue
        pair = copy.deepcopy(base)
        again = []
        plant(pair, again)
        _, holder, k = next(a for a in again if a[0] == where)
        holder[k] = value
        if key != 'id':
            rid = '%08x-1111-4111-8111-%012x' % (rng.getrandbits(32), rng.getrandbits(48))
            for half in pair:
                half['request']['id'] = rid
        lines += [json.dumps(half) for half in pair]
    ct = cloudtrail(rng, time.time(), responseElements={'credentials': {'sessionToken': 's', 'accessKeyId': 'a'}, 'x': 'y'}, errorCode='AccessDenied', errorMessage='m',
                    requestParameters={'secretId': 'a/b', 'value': 'v', 'description': 'd', 'name': 'n', 'secretString': 's'}, additionalEventData={'x': 'y'})
    places = []
    plant(ct, places)
    for where, _, key in places:
        if value.startswith('clear-') and key in NAMES | {'name', 'description'} or value.startswith('AKIA') and key == 'accessKeyId':
            continue  # a key id in its own field is an identifier
        r = copy.deepcopy(ct)
        again = []
        plant(r, again)
        _, holder, k = next(a for a in again if a[0] == where)
        holder[k] = value
        if key != 'eventID':
            r['eventID'] = '%08x-2222-4222-8222-%012x' % (rng.getrandbits(32), rng.getrandbits(48))
        objects_out.append(r)
lines += ['{"time":"2026-01-01T00:00:00Z","type":"request","request":{"data":{"password":"clear-' + MARK + '"', 'garbage clear-' + MARK]
with open(vlog, 'w') as f:
    f.write('\n'.join(lines) + '\n')
write_object(os.path.join(objects, 'a.json.gz'), objects_out)
with open(os.path.join(objects, 'broken.json'), 'w') as f:
    f.write('{"Records":[{"eventID":"x","requestParameters":{"value":"clear-' + MARK + '"')
agent = h.start_agent('a')
print(f'# {len(lines)} Vault lines, {len(objects_out)} CloudTrail records')
want = len(objects_out) + len(lines) // 2 - 1
check(wait_for(lambda: h.count() >= want * 0.9, 30), 'the records are stored as events', (h.count(), want))
time.sleep(2)
out = keytrail('search', 'kind:access,amend,quarantine,redacted,report,audit,fact,config,tick', '--db', h.db, '--since', '@0', '-o', 'ndjson').stdout
status = keytrail('status', '-c', h.path('keytrail.yaml'), '-o', 'json').stdout + run(AGENT, 'status', '-c', h.path('a.yaml'), '-o', 'json').stdout
hits = []
marks = [MARK.encode(), b'PLANTED0VALUE000']


def grep(name, data):
    for m in marks:
        i = data.find(m)
        if i >= 0:
            hits.append(f'{name}: …{data[max(0, i - 120):i + 40]!r}')


grep('search', out)
grep('status', status)
check(not hits, 'no planted value in what commands print (the stored lines)', '\n'.join(hits))
hits = []
stop(agent)
for root, _, files in os.walk(h.dir):
    for name in files:
        p = os.path.join(root, name)
        if p == vlog or root == objects or not os.path.isfile(p):
            continue
        grep(p, open(p, 'rb').read())
check(not hits, 'no planted value in spool, store, WAL, logs', '\n'.join(hits))
check(b'"redacted"' in out, 'a cut token is reported without its value')
# What lies compressed in spool and store is the same lines; unpacked they are what search printed.
check(stop(h.collector) == 0, 'the collector ends cleanly')

# ---- every source: each string of each fixture in turn is a token ----
CASES = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'cases', 'sources')
MAPPINGS = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'agents', 'sources', 'mappings')
SOURCES = [(s, [s], os.path.join(CASES, s)) for s in sorted(os.listdir(CASES)) if s != 'mapping']
for name in sorted(os.listdir(MAPPINGS)):
    service = name.removesuffix('.yaml')
    SOURCES.append((service, ['mapping', '--mapping', os.path.join(MAPPINGS, name)], os.path.join(CASES, 'mapping', f'{service}.case')))


def records(place):
    for path in sorted(glob.glob(os.path.join(place, '*.case'))) or [place]:
        with open(path) as f:
            yield from (l[len('record '):].rstrip('\n') for l in f if l.startswith('record '))


def planted(record, token):
    """The record with the token in one string after the other; of a line that is no JSON, in one value."""
    try:
        base = json.loads(record)
    except ValueError:
        for m in re.finditer(r'(?<==)("[^"]*"|[0-9A-F]{8,})', record):
            word = token.encode().hex().upper() if m[0][0] != '"' else f'"{token}"'
            yield record[:m.start()] + word + record[m.end():]
        return
    places = []
    if isinstance(base, dict):
        plant(base, places)
    for _, holder, key in places:
        had = holder.get(key)
        holder[key] = token
        yield json.dumps(base)
        if had is None:
            del holder[key]
        else:
            holder[key] = had


def objects_in(x):
    if isinstance(x, dict):
        yield x
    for y in x.values() if isinstance(x, dict) else x if isinstance(x, list) else ():
        yield from objects_in(y)


def unasked(record):
    """The record with members that no service is known to send, in each of its objects in turn: a plain word, which no shape gives away."""
    try:
        base = json.loads(record)
    except ValueError:
        return
    for o in list(objects_in(base)):
        more = {k: 'clear-' + MARK for k in ('unknown_member', 'password', 'secretString', 'secretValue', 'privateKey', 'token') if k not in o}
        o.update(more, requestBody={'data': {'password': 'clear-' + MARK}})
        yield json.dumps(base)
        for k in (*more, 'requestBody'):
            del o[k]


for source, kind, place in SOURCES:
    lines = [p for i, r in enumerate(records(place)) for p in (*planted(r, tokens[i % len(tokens)]), *unasked(r))]
    db, log = h.path(f'{source}.db'), h.write(f'{source}.log', '\n'.join(lines) + '\n')
    p = keytrail('import', '--db', db, '--source', *kind, '--instance', 'planted', log, ok=False)
    out = keytrail('search', 'kind:access,amend,quarantine,redacted', '--db', db, '--since', '@0', '-o', 'ndjson', '-n', '0', ok=False).stdout
    hits = []
    grep('search', out.replace(b'"credential":"AKIAPLANTED0VALUE000"', b''))  # as a credential it is an identifier
    grep('import', p.stdout + p.stderr)
    for part in (db, db + '-wal'):
        if os.path.exists(part):
            grep(part, open(part, 'rb').read())
    check(out.count(b'\n') > 0 and not hits, f'{source}: no token in any of its strings comes out, and no value that nobody asked for ({len(lines)} records)', '\n'.join(hits[:8]))
finish()
