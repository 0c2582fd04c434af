#!/usr/bin/env python3
"""The pages of a responder over an import of two sources: what they count is what `search` counts, what is new is marked, each `next` can be pasted into a shell,
data cannot obey a terminal, exit codes."""
import json, random, shlex, time
from support import *

rng = random.Random(SEED)
d = folder()
db = os.path.join(d, 'keytrail.db')
now = time.time()
DAY = 86400
EVIL = "o'brien;\x1b[31m$(id)"


def imported(source, instance, name, lines):
    path = os.path.join(d, name)
    with open(path, 'w') as f:
        f.write(''.join(json.dumps(l) + '\n' if isinstance(l, dict) else l + '\n' for l in lines))
    keytrail('import', '--db', db, '--source', source, '--instance', instance, path)


def asked(*argv, **kw):
    return keytrail(*argv, '--db', db, **kw)


def rows(*argv):
    return json.loads(asked(*argv, '-o', 'json', '-q').stdout)


def counted(query, since='7d'):
    return sum(r['count'] for r in json.loads(asked('search', query, '--since', since, '--by', 'kind', '-o', 'json', '-q').stdout))


times = sorted(now - rng.uniform(3600, 60 * DAY) for _ in range(300))
vault = []
for t in times:
    vault += vault_pair(rng, t, who=rng.choice(['dana', 'lena', 'marc']), secret=rng.choice(['app/db', 'app/cache']), address='10.1.2.3')
vault += vault_pair(rng, now - 1800, who='dana', secret='app/db', address='203.0.113.77')
vault += vault_pair(rng, now - 1700, who='dana', secret='app/root-token', address='203.0.113.77')
vault += vault_pair(rng, now - 1600, who=EVIL, secret='app/db', address='203.0.113.78')
imported('vault', 'vault-main', 'vault.log', vault)
imported('cloudtrail', 'aws-main', 'trail.json', [{'Records': [cloudtrail(rng, now - rng.uniform(60, 40 * DAY)) for _ in range(120)]}])

# ---- who ----
who = rows('who', 'app/db', '--since', '7d')
total = counted('secret:app/db action:read,export,issue,use')
check(sum(r['reads'] + r['failed'] for r in who) == total, 'who counts what search counts', (who, total))
dana = next(r for r in who if r['actor'].startswith('dana'))
check(dana['new_addresses'] == 1 and not dana['new'], 'a new address of an old reader', dana)
evil = next(r for r in who if "brien" in r['actor'])
check(evil['new'] and evil['usual_per_day'] == 0, 'a reader that never was', evil)
table = asked('who', 'app/db', '--since', '7d').stdout.decode()
check('never before' in table and '1 new address' in table and 'coverage' in table, 'the table says so', table)
check('\x1b' not in table and '\\x1b' in table, 'data cannot obey a terminal', table)
for form in ('ndjson', 'csv', 'md'):
    check(asked('who', 'app/db', '--since', '7d', '-o', form).stdout.count(b'dana') == 1, f'as {form}')

# ---- pages ----
actor = rows('actor', dana['actor'], '--since', '1h', '--all')
news = {(r['part'], r['value']) for r in actor if r['new']}
check(('address', '203.0.113.77') in news and any(p == 'secret' and v.endswith('root-token') for p, v in news) and len([n for n in news if n[0] == 'secret']) == 1, 'what is new of an actor', news)
check(actor[0]['events'] == counted(f'actor:"{dana["actor"]}"', '1h') == 2, 'events of the window', actor[0])
ip = rows('ip', '203.0.113.77', '--since', '1h')
check([r['value'] for r in ip if r['part'] == 'near'] and {r['value'] for r in ip if r['part'] == 'near'} == {'203.0.113.77', '203.0.113.78'}, 'who came from around it', ip)
net = rows('ip', '203.0.113.0/24', '--since', '1h', '--all')
check(net[0]['events'] == 3 and len([r for r in net if r['part'] == 'actor']) == 2, 'a network', net[0])
secret = rows('secret', 'app/root-token', '--since', '1h')
check([r['value'] for r in secret if r['part'] == 'actor'] == [dana['actor']] and secret[0]['reads'] == 1, 'who reads a secret', secret)
one = json.loads(asked('search', 'source:cloudtrail', '--since', '60d', '-n', '1', '-o', 'json', '-q').stdout)[0]
session = rows('session', one['session'] or one['credential'])
check(session[0]['events'] == counted(f'session:"{one["session"]}"' if one['session'] else f'credential:"{one["credential"]}"', '60d'), 'a session', session[0])

# ---- what is printed next can be run ----
for argv in (['who', 'app/db'], ['actor', evil['actor']], ['ip', '203.0.113.77'], ['secret', 'app/db'], ['session', one['credential']]):
    out = asked(*argv).stdout.decode()
    found = re.findall(r'(?:next|or): (keytrail .*)', out)
    codes = [run(*[KEYTRAIL if w == 'keytrail' else w for w in shlex.split(c)], ok=False).returncode for c in found if '\\x1b' not in c]
    check(found and all(c == 0 for c in codes), f'the next commands of {argv[0]}', f'{found} {codes}\n{out}')

# ---- what is none ----
check(asked('actor', 'nobody', ok=False).returncode == 0 and b'never' in asked('actor', 'nobody').stdout, 'nothing found is an answer')
for argv, name in ((['actor', 'dana'], dana['actor']), (['actor', 'dana@elsewhere.example'], dana['actor']), (['secret', 'prod/root-tok'], 'root-token'), (['who', 'prod/root-tok', '--since', '1h'], 'root-token')):
    out = asked(*argv).stdout.decode()
    found = re.findall(r'next: (keytrail search .*)', out)
    near = run(*[KEYTRAIL if w == 'keytrail' else w for w in shlex.split(found[0])], '-o', 'json', '-q', ok=False).stdout.decode() if found else ''
    check(name in near, f'{" ".join(argv)}, which no record has, leads to the name that is meant', f'{out}\n{near}')
check('next:' not in asked('actor', 'x;y').stdout.decode(), 'what is no plain word leads nowhere')
check([asked(*a, ok=False).returncode for a in (['ip', '300.1.1.1'], ['who'], ['who', 'a b*'], ['who', 'x', '-o', 'xml'], ['who', 'x', '--since', 'never'])] == [2] * 5, 'wrong calls')
check(keytrail('who', 'x', '--db', db + '-not', ok=False).returncode == 4, 'no store')
finish()
