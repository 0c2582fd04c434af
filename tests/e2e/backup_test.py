#!/usr/bin/env python3
"""backup and restore as an operator calls them: beside a collector under load, killed, refused, restored; agents send again, everything is stored once."""
import json, os, random, shutil, signal, stat, subprocess, threading, time
from support import *

rng = random.Random(SEED)
print(f'# seed {SEED}')
h = House()
h.start_collector()
h.allow('vault-1', h.new_key('vault-1'), 'vault/vault-prod')
log = h.path('audit.log')
open(log, 'w').close()
h.agent_config('vault-1', [f'{{ id: vault-prod, type: vault, input: tail, path: {log} }}'])
agent = h.start_agent('vault-1')
conf = h.path('keytrail.yaml')
dest = h.path('backup')
copy = os.path.join(dest, 'keytrail.db')
written = []


def write(n):
    with open(log, 'a') as f:
        for _ in range(n):
            rid = f'{len(written):08x}-0000-4000-8000-{SEED & 0xffffffffffff:012x}'
            written.append(rid)
            f.write('\n'.join(vault_pair(rng, time.time() - 60, secret=f'app/s{len(written) % 300}', rid=rid)) + '\n')


for argv, words in ((['backup', '-c', conf, h.path('none/below')], b"the folder above '"), (['restore', h.path('none'), '--db', h.path('new.db')], b'there is no backup')):
    p = keytrail(*argv, ok=False)
    check(p.returncode == 2 and words in p.stderr, f'{argv[0]}: a folder that is not there is a wrong call', p.stderr)


def backup(*argv, **kw):
    return keytrail('backup', '-c', conf, *argv, '-o', 'json', dest, **kw)


def ids(db):
    p = keytrail('search', 'instance:vault-prod', '--db', db, '--since', '@0', '-o', 'ndjson', '-q', ok=False)
    return [json.loads(l)['native_id'] for l in p.stdout.splitlines()]


def audit(operation):
    return ndjson(keytrail('search', f'kind:audit operation:{operation}', '--db', h.db, '--since', '@0', '-o', 'ndjson', '-q'))


# beside a collector under load
stop_load = threading.Event()


def load():
    while not stop_load.is_set() and len(written) < 60000:
        write(400)
        stop_load.wait(0.02)


t = threading.Thread(target=load)
t.start()
check(wait_for(lambda: h.count('instance:vault-prod') > 5000, 60), 'records come')
runs = [json.loads(backup(*q).stdout) for q in ([], [], ['--quick'], [])]
stop_load.set()
t.join()
check(all(r['ok'] for r in runs), 'every backup beside the running collector verifies', runs)
check(runs[0]['first'] and not runs[1]['first'], 'the second run goes on from the first', runs[:2])
check(all(a['records'] < b['records'] for a, b in zip(runs, runs[1:])), 'each has more records than the one before', runs)
check(all(b['new_segments'] == b['segments'] - a['segments'] for a, b in zip(runs, runs[1:])), 'only new segments are copied', runs)
check(runs[2]['verified_records'] < runs[2]['records'], '--quick reads only what is new', runs[2])
check(stat.S_IMODE(os.stat(dest).st_mode) == 0o750 and stat.S_IMODE(os.stat(copy).st_mode) == 0o640, 'folder 0750, file 0640')
notes = audit('backup')
check(len(notes) == 4 and notes[0]['seq'] == runs[0]['noted_seq'], 'each backup is in the log', notes)

# reading commands, and nothing appears beside the file
before = sorted(os.listdir(dest))
for argv in (['search', ''], ['verify'], ['sql', 'SELECT count(*) FROM events'], ['status'], ['alerts', 'list'], ['hold', 'list'], ['replay']):
    p = keytrail(*argv, '--db', copy, ok=False)
    check(p.returncode == 0, f'{argv[0]} reads the backup', p.stderr)
os.chmod(dest, 0o550)
os.chmod(copy, 0o440)
check(keytrail('verify', '--db', copy, ok=False).returncode == 0 and sorted(os.listdir(dest)) == before, 'it needs no right to write, and leaves nothing', os.listdir(dest))
os.chmod(dest, 0o750)
os.chmod(copy, 0o640)

# killed at any moment: as it was, or as it should be
write(20000)
wait_for(lambda: len(ids(h.db)) == len(written), 60)
old = json.loads(keytrail('verify', '--db', copy, '-o', 'json').stdout)
fine = 0
for delay in (0.005, 0.02, 0.04, 0.08, 0.15):
    p = start([KEYTRAIL, 'backup', '-c', conf, '--quick', dest], h.path('killed.log'))
    try:
        p.wait(delay)
    except subprocess.TimeoutExpired:
        p.kill()
        p.wait()
    v = json.loads(keytrail('verify', '--db', copy, '-o', 'json').stdout)
    fine += v['consistent'] and v['records'] >= old['records']
check(fine == 5, 'a killed backup verifies', fine)
r = json.loads(backup('--quick').stdout)
check(r['ok'], 'and the next run completes it', r)

# refusals and their exit codes
other = House()
other.start_collector()
stop(other.collector)
p = keytrail('backup', '--db', other.db, dest, ok=False)
check(p.returncode == 4 and b'another log' in p.stderr, 'the backup of another log is left alone', (p.returncode, p.stderr))
p = keytrail('backup', '--db', h.path('none.db'), dest, ok=False)
check(p.returncode == 4, 'no store: exit 4', (p.returncode, p.stderr))
check(keytrail('backup', ok=False).returncode == 2 and keytrail('restore', dest, ok=False).returncode == 2, 'nothing said: exit 2')
p = keytrail('restore', dest, '--db', h.db, ok=False)
check(p.returncode == 4 and b'stop it first' in p.stderr, 'a store that a collector writes is not replaced', (p.returncode, p.stderr))
broken = h.path('broken')
shutil.copytree(dest, broken)
with open(os.path.join(broken, 'keytrail.db'), 'r+b') as f:
    f.seek(os.path.getsize(copy) // 2)
    f.write(os.urandom(4000))
p = keytrail('restore', broken, '--db', h.path('new.db'), '-o', 'json', ok=False)
check(p.returncode == 1 and not os.path.exists(h.path('new.db')), 'a damaged backup is named and not restored: exit 1', (p.returncode, p.stderr))

# the collector goes on and dies; its store is replaced by the backup; agents send the rest again
write(3000)
check(wait_for(lambda: len(ids(h.db)) == len(written), 60), 'more records after the backup')
h.collector.kill()
h.collector.wait()
write(500)
p = keytrail('restore', dest, '--db', h.db, ok=False)
check(p.returncode == 4 and b'--force' in p.stderr, 'nothing is overwritten', (p.returncode, p.stderr))
r = json.loads(keytrail('restore', dest, '--db', h.db, '--force', '-o', 'json').stdout)
check(r['ok'] and os.path.exists(r['aside']), 'the old store lies aside', r)
lost = len(written) - len(set(ids(h.db)))
check(lost >= 3500, 'the restored store lacks what came later', lost)
h.start_collector()
check(wait_for(lambda: len(ids(h.db)) >= len(written), 90), 'agents send it again', (len(ids(h.db)), len(written)))
got = ids(h.db)
check(len(got) == len(set(got)) and set(got) == set(written), 'everything is stored exactly once', (len(got), len(set(got)), len(written)))
check(wait_for(lambda: len(audit('store.restored')) == 1, 30), 'the log says that the store was restored', audit('store.restored'))
check(b'restored' in keytrail('status', '-c', conf).stdout and 'store.restored' in h.log('collector.log'), 'status and the collector\'s log say so', h.log('collector.log')[-2000:])
r = json.loads(backup().stdout)
check(r['ok'], 'the backup goes on from where it was', r)
v = json.loads(keytrail('verify', '-c', conf, '-o', 'json').stdout)
check(v['consistent'], 'the store and every signature verify', v)
stop(agent)
check(stop(h.collector) == 0, 'the collector ends cleanly', h.log('collector.log')[-2000:])

# a fork of the log
write(10)
keytrail('restore', dest, '--db', h.path('fork.db'))
for db, n in ((h.path('fork.db'), 1), (h.db, 2)):
    f = h.write(f'extra-{n}.log', '\n'.join(l for k in range(40) for l in vault_pair(rng, time.time(), secret=f'fork/{n}/{k}')) + '\n')
    keytrail('import', '--db', db, '--source', 'vault', '--instance', f'extra-{n}', f)
r = json.loads(keytrail('backup', '--db', h.db, dest, '-o', 'json').stdout)
p = keytrail('backup', '--db', h.path('fork.db'), dest, ok=False)
check(p.returncode == 4 and (b'earlier state' in p.stderr or b'older backup' in p.stderr), 'a fork of the log is refused', (p.returncode, p.stderr))
finish()
