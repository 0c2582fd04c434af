#!/usr/bin/env python3
"""A disk that damages the store under a collector: ingest goes on in the next file, somebody is told, nothing acknowledged afterwards is lost, and
whoever asks gets what both files have and is told what is missing (DESIGN §6; THREATS, bad input)."""
import json, os, random, signal, sqlite3, time
from support import *

rng = random.Random(SEED)
h = House()
audit = VaultLog(h.path('audit.log'), rng)


def ask(*argv):
    return keytrail(*argv, '--db', h.db, ok=False)


def events():
    p = ask('search', 'instance:vault-prod', '--since', '@0', '-o', 'ndjson', '-q')
    return [json.loads(l)['native_id'] for l in p.stdout.decode().splitlines()], p


def damage(name, table):
    """Every byte of the table's first page is flipped."""
    page = sqlite3.connect(f'file:{name}?mode=ro', uri=True).execute('select rootpage from sqlite_schema where name = ?', (table,)).fetchone()[0]
    with open(name, 'r+b') as f:
        f.seek((page - 1) * 8192)
        bytes_ = f.read(8192)
        f.seek((page - 1) * 8192)
        f.write(bytes(b ^ 0xff for b in bytes_))


h.allow('vault-host', h.new_key('vault-host'), 'vault/vault-prod')
h.agent_config('vault-host', [f'{{ id: vault-prod, type: vault, input: tail, path: {audit.path} }}'])
audit.write(3000)
h.start_collector()
agent = h.start_agent('vault-host')
check(wait_for(lambda: len(events()[0]) == audit.n), 'the first file has all records', h.log('collector.log'))
stop(h.collector)
damage(h.db, 'batch')

p = keytrail('import', '--db', h.db, '--source', 'vault', '--instance', 'other', audit.path, ok=False)
check(p.returncode == 4 and b'damaged' in p.stderr or b'malformed' in p.stderr, 'import leaves a damaged store alone: exit 4', p.stderr.decode())
check(not os.path.exists(h.db + '.2'), 'only the collector goes on in a next file')

before = events()[0]
h.start_collector()
audit.write(500)
check(wait_for(lambda: len([e for e in events()[0] if e not in set(before)]) == 500), 'what comes after the damage is stored', h.log('collector.log'))
rows, p = events()
check(os.path.exists(h.db + '.2'), 'in the next file')
check(len(rows) == len(set(rows)), 'nothing twice')
check(len(rows) >= len(before) + 500, 'what the damaged file still has is shown', f'{len(before)} before, {len(rows)} now')
check(p.returncode == 4 and b'records' in p.stderr, 'a search over the damage says what is missing: exit 4', p.stderr.decode())
check('integrity.failed' in h.log('collector.log'), 'the log says it', h.log('collector.log'))
alerts = ndjson(ask('alerts', 'list', '-o', 'ndjson'))
check([a['severity'] for a in alerts if 'damaged' in json.dumps(a)] == ['critical'], 'one critical alert', json.dumps(alerts, indent=1))
raised = [r for r in ndjson(ask('search', 'kind:audit operation:succeed', '--since', '@0', '-o', 'ndjson', '-q'))]
check(len(raised) == 1, 'and a record')
p = ask('status')
check(b'damaged' in p.stdout, 'status says it', p.stdout.decode())

# kill it: the next start goes on in the newest file, makes no third, and says nothing again
h.collector.send_signal(signal.SIGKILL)
h.collector.wait()
h.start_collector()
audit.write(100)
check(wait_for(lambda: len(events()[0]) == len(rows) + 100), 'after a kill it goes on in the newest file', h.log('collector.log'))
check(not os.path.exists(h.db + '.3'), 'and makes no third')
check(len([r for r in ndjson(ask('search', 'kind:audit operation:succeed', '--since', '@0', '-o', 'ndjson', '-q'))]) == 1, 'and says nothing again')

p = ask('verify')
check(p.returncode == 1 and (b'\nunreadable ' in b'\n' + p.stdout or b'\ntampered ' in b'\n' + p.stdout), 'verify names the damage', p.stdout.decode())
code = stop(h.collector)
check(code == 0, 'a clean stop', h.log('collector.log'))
stop(agent)
finish()
