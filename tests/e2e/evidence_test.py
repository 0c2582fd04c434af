#!/usr/bin/env python3
"""What is in a report: the same totals as `search --by` to the row, a sample that Python draws again, pseudonyms that leave no name behind, a review signed through a
running collector that the next report shows."""
import collections, csv, hashlib, io, os, random, shlex
from support import *

rng = random.Random(SEED)
PEOPLE = ['dana', 'erin', 'Ζωή', '=cmd()', 'o"hara', 'عمر']
h = House()
conf = h.path('keytrail.yaml')
audit = VaultLog(h.path('audit.log'), rng)
open(audit.path, 'w').close()
h.allow('vault-host', h.new_key('vault-host'), 'vault/vault-prod')
h.agent_config('vault-host', [f'{{ id: vault-prod, type: vault, input: tail, path: {audit.path} }}'])
h.start_collector()
h.start_agent('vault-host')
for i, who in enumerate(PEOPLE):
    audit.write(20 + i, who=who, secret=f'prod/db-{i % 3}')
wait_for(lambda: h.count() >= sum(20 + i for i in range(len(PEOPLE))))
DAYS = ['--from', 'yesterday', '--to', 'today']


def rows(path):
    with open(path, encoding='utf-8', newline='') as f:
        return list(csv.DictReader(f, strict=True))


def report(name, out, *argv):
    p = keytrail('report', name, *DAYS, '-c', conf, '--out', h.path(out), '--org', 'acme', *argv)
    return p.stdout.decode().strip()


clear = report('soc2', 'clear')

# ---- totals ----
mine = collections.Counter()
for r in rows(f'{clear}/csv/05_control_totals.csv'):
    mine[r['month'][:7], r['instance'], r['action'], r['outcome']] += int(r['accesses'])


def asked(name):
    """What the question that stands beside a table gives."""
    with open(f'{clear}/queries/{name}.txt', encoding='utf-8') as f:
        argv = shlex.split(f.read())
    return csv.DictReader(io.StringIO(keytrail(*argv[1:], '-c', conf, '-o', 'csv', '--top', '100000').stdout.decode()))


theirs = {(r['month'], r['instance'], r['action'], r['outcome']): int(r['count']) for r in asked('05_control_totals')}
check(mine == theirs and sum(mine.values()) > 100, 'control totals are those of search --by, to the row', (mine, theirs))
actors = {r['actor']: int(r['accesses']) for r in rows(f'{clear}/csv/12_actors.csv')}
check(sum(actors.values()) == sum(mine.values()), 'actors add up to the same', actors)
pairs = rows(f'{clear}/csv/12_who_reads_what.csv')
check(sum(int(r['reads']) for r in pairs) == sum(int(r['reads']) for r in rows(f'{clear}/csv/12_actors.csv')), 'pairs add up to the values read')
check({(r['secret'], r['actor']): int(r['reads']) for r in pairs} == {(r['secret'], r['actor']): int(r['count']) for r in asked('12_who_reads_what')}, 'who reads what is what its question gives, to the row')
page = open(f'{clear}/report.html', encoding='utf-8').read()
check('No review of' in page or 'no review was signed' in page, 'a review that was not done is told')

# ---- samples ----
def sample(*argv):
    p = keytrail('report', 'sample', '--control', 'CC6.1', '--population', 'events', *DAYS, '-c', conf, '-n', '7', '--seed', '4711', '-o', 'csv', *argv)
    said = dict(l.split(None, 1) for l in p.stderr.decode().splitlines() if l[:1].isalpha() and len(l.split(None, 1)) == 2)
    return list(csv.DictReader(io.StringIO(p.stdout.decode()))), said


drawn, said = sample()
ids = sorted((int(r['seq']) for r in ndjson(keytrail('search', *DAYS, '-c', conf, '-o', 'ndjson', '-n', '100000'))))
digest = hashlib.sha256(b''.join(b'%d\n' % i for i in ids)).hexdigest()
again = sorted(ids, key=lambda i: hashlib.sha256(b'4711\0%d' % i).digest())[:7]
check(said['size'].strip() == str(len(ids)) and said['sha256'].strip() == digest, 'size and digest of the population are those of its ids', (said, digest))
check([int(r['id']) for r in drawn] == sorted(again), 'Python draws the same sample', (drawn, again))
check(sample()[0] == drawn, 'and keytrail again')
h.write('ids', f'{ids[3]}\n')
check([r['drawn'] for r in sample('--ids', h.path('ids'))[0]].count('judgement') == 1, 'an id by judgement stands beside')

# ---- pseudonyms ----
h.write('hide.key', 'a key of more than sixteen bytes\n')
os.chmod(h.path('hide.key'), 0o600)
hidden = report('soc2', 'hidden', '--pseudonymise', h.path('hide.key'))
names = {'dana', 'erin', 'Ζωή', 'عمر'} | set(actors) | {r['secret'] for r in pairs} | {r['address'] for r in rows(f'{clear}/csv/15_unexpected_addresses.csv')}
left = [(f, n) for folder, _, files in os.walk(hidden) for f in files for n in names
        if f != 'verify_bundle.py' and n.lstrip("'").encode() in open(f'{folder}/{f}', 'rb').read()]
check(len(names) > 8 and not left, 'no clear name is left in any file', left)
h.write('drawn.csv', 'id,who\r\n1,dana\r\n')
p = keytrail('report', 'soc2', *DAYS, '-c', conf, '--out', h.path('sampled'), '--pseudonymise', h.path('hide.key'), '--sample', h.path('drawn.csv'), ok=False)
check(p.returncode == 2 and b'names' in p.stderr and not os.path.exists(h.path('sampled')), 'a sample with its names is refused there', p.stderr)
p = keytrail('report', 'sample', '--control', 'CC6.1', '--population', 'events', *DAYS, '-c', conf, '--pseudonymise', h.path('hide.key'), ok=False)
check(p.returncode == 2 and not p.stdout, 'and a sample is not drawn under pseudonyms', p.stderr)
check(sorted(actors.values()) == sorted(int(r['accesses']) for r in rows(f'{hidden}/csv/12_actors.csv')), 'the totals are the same')
check({r['actor'] for r in rows(f'{hidden}/csv/12_who_reads_what.csv')} <= {r['actor'] for r in rows(f'{hidden}/csv/12_actors.csv')}, 'one name, one pseudonym')

# ---- reviews ----
text = keytrail('review', 'access', '-c', conf, '-o', 'csv').stdout.decode().splitlines()
check(text[0].startswith('keytrail-review,1,access,') and len(text) > 5, 'a sheet', text[:3])
filled = text[:2] + [l[:-2] + (',remove,"left, says HR"' if 'erin' in l else ',keep,') for l in text[2:]]
h.write('sheet.csv', '\r\n'.join(filled) + '\r\n')
p = keytrail('review', 'sign', h.path('sheet.csv'), '-c', conf, '--reason', 'quarterly', '--by', 'carol', '-q')
check(re.match(rb'review-\d+: signed, %d rows: \d+ to keep, \d+ to remove\n$' % (len(text) - 2), p.stdout), 'it is signed', p.stdout + p.stderr)
p = keytrail('review', 'sign', h.path('sheets.csv'), '-c', conf, '--reason', 'quarterly', ok=False)
check(p.returncode == 2 and p.stderr.count(b'sheets.csv') == 1, 'a sheet that is not there is a wrong call', p.stderr)
listed = ndjson(keytrail('review', 'list', '-c', conf, '-o', 'ndjson', '-q'))
check(len(listed) == 1 and listed[0]['by'] == 'carol' and listed[0]['rows'] == len(text) - 2 and listed[0]['remove'] >= 1 and listed[0]['overdue'] is False, 'and listed', listed)
h.write('sheet.csv', '\r\n'.join(filled).replace('keep', 'kept', 1) + '\r\n')
p = keytrail('review', 'sign', h.path('sheet.csv'), '-c', conf, '--reason', 'quarterly', ok=False)
check(p.returncode != 0 and b'line ' in p.stderr and b'neither keep nor remove' in p.stderr, 'a sheet that says something else is refused', p.stderr)
signed = rows(f"{report('pci', 'after')}/csv/10_reviews.csv")
check(len(signed) == 1 and signed[0]['by'] == 'carol' and signed[0]['id'] == listed[0]['id'], 'the next report shows it', signed)

# ---- who stands behind the log: the agent that runs here, by the allow-list alone ----
def said(*argv):
    return keytrail('verify', *argv).stdout.decode().split('verdict      ')[1].strip()


wait_for(lambda: 'cosigned by agents' in said('-c', conf), 20)
for n, argv in enumerate((['-c', conf], ['--db', h.db])):
    p = keytrail('report', 'access', *DAYS, *argv, '--out', h.path(f'who{n}'), '--org', 'acme', '--verify', '-q')
    verdict = open(f'{p.stdout.decode().strip()}/integrity/verify.txt').read().splitlines()[0]
    want = 'verified, cosigned by agents to record' if n == 0 else 'verified but UNANCHORED'
    check(verdict.startswith('verdict: ' + want) and said(*argv).startswith(want), f'{argv[0]}: {want}', verdict + said(*argv))
finish()
