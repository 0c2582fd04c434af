#!/usr/bin/env python3
"""An incident from its opening to its report, through a running collector that is killed in between: the blast radius is fixed in the log, steps tick themselves by what is
imported meanwhile (a rotation, fetches), by hand where they cannot, closing refuses while steps are open, and the closing record has the SHA-256 of the report's files."""
import hashlib, random
from support import *

rng = random.Random(SEED)
h = House()
conf = h.path('keytrail.yaml')
now = time.time()
DAY = 86400
KEYS = {}


def accessor(who):
    return KEYS.setdefault(who, hmac(rng))


def records(at, who, secret, version=6, write=False, denied=False, path=None):
    out = []
    for l in vault_pair(rng, at, who=who, secret=secret, **({'operation': 'update'} if write else {})):
        r = json.loads(l)
        r['auth']['accessor'] = accessor(who)
        r['request']['path'] = path or r['request']['path']
        if 'response' in r and denied:
            r.update(error='1 error occurred:\n\t* permission denied\n\n', response={'data': {'error': hmac(rng)}})
        elif 'response' in r:
            r['response']['data'] = {'version': version} if write else {'data': {'password': hmac(rng)}, 'metadata': {'version': version}}
        out.append(json.dumps(r))
    return out


def load(lines):
    path = h.write(f'audit-{rng.getrandbits(60):x}.log', '\n'.join(lines) + '\n')
    p = keytrail('import', '--server', 'unix:' + h.path('control.sock'), '--source', 'vault', '--instance', 'vault-prod', path, '-o', 'json')
    return json.loads(p.stdout)


def incident(*argv, ok=True):
    p = keytrail('incident', *argv, '-c', conf, ok=ok)
    return p.returncode, (p.stdout + p.stderr).decode()


def steps(name='incident-1'):
    return {r['step']: r for r in ndjson(keytrail('incident', 'show', name, '-c', conf, '-o', 'ndjson'))}


h.start_collector()
lines = []
for d in range(20, 1, -1):
    for who in ('svc-a', 'svc-b'):
        lines += records(now - d * DAY, who, 'prod/db')
for i, s in enumerate(('prod/db', 'prod/stripe')):
    lines += records(now - 2 * 3600 + i, 'mallory', s)
load(lines)

key = accessor('mallory')
code, said = incident('open', key, '--reason', 'its token was in a paste', '--by', 'alice')
check(code == 0 and 'incident-1  opened about the credential ' + key in said and 'blast radius fixed: 2 secrets' in said and 'next: keytrail incident show incident-1' in said,
      'opening fixes the list of exposed values', said)
s = steps()
check([k for k in s] == 'confirm blast rotate deploy revoke audit tell document'.split(), 'the runbook in its order', s)
check(s['blast']['state'] == 'by the log' and '2 secrets, 2 known versions' in s['blast']['known'] and s['rotate']['state'] == 'open' and '2 of 2' in s['rotate']['known'],
      'blast is ticked, rotate is not', s)
code, said = incident('show', '1')
check('incident-1  open, 6 of 8 steps open' in said and 'still exposed' in said and 'next: confirm' in said and 'keytrail incident done incident-1 confirm' in said,
      'the page says what is open and what comes next', said)
code, said = incident('close', 'incident-1', '--reason', 'over', '--out', h.path('out'), ok=False)
check(code != 0 and 'confirm, rotate, deploy, revoke' in said and '--force' in said and not os.path.exists(h.path('out/incident-1.md')), 'closing refuses while steps are open', said)

h.collector.kill()
h.collector.wait()
h.start_collector()
for step, why in (('confirm', 'the owner did not do it'), ('tell', 'owner and DPO by mail')):
    code, said = incident('done', 'incident-1', step, '--reason', why, '--by', 'bob')
    check(code == 0 and f'{step} done' in said, f'{step} by hand, after a kill', said)
for argv, why in [(('done', 'incident-1', 'dance', '--reason', 'x'), "'dance' is no step"), (('done', 'incident-1', 'revoke'), '--reason'), (('note', 'incident-9', 'x'), 'no incident'),
                  (('open', 'no-such-thing-at-all', '--reason', 'x'), 'no record'), (('done', 'incident-1', 'revoke', '--undo', '--reason', 'x'), 'nobody ticked'),
                  (('open', key), '--reason')]:
    code, said = incident(*argv, ok=False)
    check(code != 0 and why in said, f'refused: {why}', said)
incident('note', 'incident-1', 'the <b>paste</b> is | gone')

# rotated, fetched by one of two regular readers, and the token is refused, then revokes itself
later = time.time()
load(records(later, 'ops', 'prod/db', 7, write=True) + records(later + .01, 'ops', 'prod/stripe', 3, write=True) + records(later + .02, 'svc-a', 'prod/db', 7)
     + records(later + .03, 'mallory', 'prod/db', denied=True))
s = steps()
check(s['rotate']['state'] == 'by the log' and s['revoke']['state'] == 'open', 'rotate ticks itself; a request that was denied is no revocation', s)
load(records(later + .04, 'mallory', 'auth/token/revoke-self', write=True, path='auth/token/revoke-self'))
s = steps()
check(s['revoke']['state'] == 'by the log' and 'revoked itself' in s['revoke']['known'], 'revoke ticks itself', s)
check(s['deploy']['state'] == 'open' and 'svc-b' in s['deploy']['known'] and '1 regular reader' in s['deploy']['known'] and 'rotation watch' in s['deploy']['next'], 'deploy waits for one reader', s)
p = keytrail('rotation', 'watch', 'prod/db', '--fail', '-c', conf, ok=False)
check(p.returncode == 1 and b'current is version 7' in p.stdout and b'has not fetched' in p.stdout and b'svc-b' in p.stdout, 'the change-over waits for it too', p.stdout + p.stderr)
load(records(time.time(), 'svc-b', 'prod/db', 7))
p = keytrail('rotation', 'watch', 'prod/db', '--follow', '--timeout', '20s', '-c', conf, ok=False)
check(p.returncode == 0 and b'have fetched the new version 7' in p.stdout, 'and ends when nobody holds the old value', p.stdout + p.stderr)
p = keytrail('rotation', 'watch', 'prod/nothing', '--follow', '-c', conf, ok=False)
check(p.returncode not in (0, 1) and b"no record of the log is about 'prod/nothing'" in p.stderr, 'nothing is followed that is not there', p.stderr)
rows = ndjson(keytrail('rotation', 'list', '-c', conf, '-o', 'ndjson', '-q'))
check({r['secret'].split('/')[-1]: r['state'] for r in rows} == {'db': 'rotated', 'stripe': 'rotated'}, 'both are listed as rotated', rows)
s = steps()
check(s['deploy']['state'] == 'by the log' and s['confirm']['state'] == 'by hand', 'and ticks when it has fetched', s)
if s['audit']['state'] == 'open':
    incident('done', 'incident-1', 'audit', '--reason', 'looked at by hand')

code, said = incident('close', 'incident-1', '--reason', 'rotated and revoked', '--out', h.path('out'), '--by', 'alice')
check(code == 0 and 'incident-1  closed' in said and 'by force' not in said, 'it closes', said)
files = {e: open(h.path(f'out/incident-1.{e}'), 'rb').read() for e in ('md', 'html')}
row = ndjson(keytrail('incident', 'list', '--all', '-c', conf, '-o', 'ndjson'))[-1]
check(row['markdown'] == hashlib.sha256(files['md']).hexdigest() and row['html'] == hashlib.sha256(files['html']).hexdigest() and row['state'] == 'closed', 'the log has the sums of the files', row)
md, html = files['md'].decode(), files['html'].decode()
check('## Steps' in md and 'prod/stripe' in md and r'\<b\>paste' in md and '&lt;b&gt;paste' in html and '<b>paste' not in html and 'Closed by alice' in md, 'the report says it, and escapes', md)
code, said = incident('done', 'incident-1', 'tell', '--reason', 'again', ok=False)
check(code != 0 and 'is closed' in said, 'a closed incident takes no step', said)
incident('note', 'incident-1', 'the customer called back')

code, said = incident('open', 'prod/stripe', '--reason', 'printed in a log', '--as', 'secret')
check('blast radius fixed: 1 secrets' in said, 'a secret by its end', said)
code, said = incident('close', '2', '--reason', 'test over', '--force', '--out', h.path('out') + '/')
check(code == 0 and 'closed by force' in said and '//' not in said, 'by force with a reason', said)
incident('open', 'prod/stripe', '--reason', 'again', '--as', 'secret')
code, said = incident('open', 'prod/stripe', '--reason', 'by somebody else', '--as', 'secret')
check(code == 0 and 'incident-3 is open about it, too' in said and 'incident-2 is' not in said, 'who opens another one is told which is open', said)
ops = [r['operation'] for r in ndjson(keytrail('search', 'kind:decision', '--db', h.db, '--since', '@0', '-o', 'ndjson', '-q'))]
check(sorted(set(ops)) == ['incident.close', 'incident.list', 'incident.note', 'incident.open', 'incident.step'], 'each act is a record of the log', ops)
check(stop(h.collector) == 0, 'a clean stop', h.log('collector.log'))
check(keytrail('verify', '--db', h.db, ok=False).returncode in (0, 7), 'the log verifies')
finish()
