#!/usr/bin/env python3
"""Checkpoints by real processes: a note that openssl verifies; kill -9 of the signer and of the collector at random moments; an older store brought back:
refused, told, and let go on by a person's order alone; an exchange of the key; the proof of one record."""
import base64, hashlib, json, os, random, shutil, signal, subprocess, time
from support import *

kills = how_many_kills(3)
rng = random.Random(SEED)
print(f'# seed {SEED}, {kills} kills each')
h = House()
conf = h.path('keytrail.yaml')
state = h.path('signer.keytrail.db/state')


def checkpoint():
    return json.loads(keytrail('status', '--db', h.db, '-o', 'json').stdout)['checkpoint']


def live():
    p = keytrail('status', '-c', conf, '-o', 'json', ok=False)
    return (json.loads(p.stdout).get('collector') or {}).get('checkpoint', {}) if p.returncode == 0 else {}


def records():
    return json.loads(keytrail('status', '--db', h.db, '-o', 'json').stdout)['records']


def signed():
    """Log id, size and root that the signer keeps."""
    for line in open(state):
        if line.startswith('signed '):
            w = line.split()
            return w[1], int(w[2]), w[3]


def signer():
    out = subprocess.run(['ps', '--ppid', str(h.collector.pid), '-o', 'pid=,args='], stdout=subprocess.PIPE, text=True).stdout
    return next((int(l.split()[0]) for l in out.splitlines() if ' signer ' in l), None)


def verifies(note, vkeys):
    """By the forms of C2SP alone, with openssl. The number of signatures by these keys."""
    text, lines = note.split('\n\n', 1)
    text += '\n'
    good = 0
    for vkey in vkeys:
        name, key_id, key = vkey.split('+', 2)
        raw = base64.b64decode(key)
        assert hashlib.sha256(name.encode() + b'\n' + raw).hexdigest()[:8] == key_id and raw[0] == 1
        for line in lines.splitlines():
            dash, by, sig = line.split(' ')
            sig = base64.b64decode(sig)
            if by != name or sig[:4].hex() != key_id:
                continue
            with open(h.path('pk.der'), 'wb') as f:
                f.write(bytes.fromhex('302a300506032b6570032100') + raw[1:])
            with open(h.path('text'), 'wb') as f:
                f.write(text.encode())
            with open(h.path('sig'), 'wb') as f:
                f.write(sig[4:])
            p = run('openssl', 'pkeyutl', '-verify', '-pubin', '-keyform', 'DER', '-inkey', h.path('pk.der'), '-rawin', '-in', h.path('text'),
                    '-sigfile', h.path('sig'), ok=False)
            good += p.returncode == 0
    return good


def vkeys():
    return open(h.path('keytrail.db.vkey')).read().split()


h.start_collector()
check(wait_for(checkpoint, 20), 'a checkpoint is there soon after the first start')
note = checkpoint()['note']
check(verifies(note, vkeys()) == 1, 'openssl verifies it with the vkey beside the store', note)
origin, size, root = note.split('\n')[:3]
check(origin == 'keytrail/' + signed()[0] and int(size) == signed()[1] and base64.b64decode(root).hex() == signed()[2],
      'the signer keeps what it signed', (note, signed()))
check(signer() is not None, 'the signer is a process of its own')

# a copy of the store as it is now, taken while nothing runs
stop(h.collector)
check(wait_for(lambda: signer() is None, 5), 'it ends with the collector')
os.mkdir(h.path('old'))
for f in os.listdir(h.dir):
    if f.startswith('keytrail.db'):
        shutil.copy(h.path(f), h.path('old'))

# kill -9 of signer and collector
h.start_collector()
last = 0
for i in range(kills):
    wait_for(signer, 5)
    time.sleep(rng.uniform(0, 0.3))
    if rng.random() < 0.5:
        os.kill(signer(), signal.SIGKILL)
        time.sleep(rng.uniform(0, 0.2))
    h.collector.kill()
    h.collector.wait()
    if os.path.exists(state):
        check(last <= signed()[1] <= records(), 'the signer is neither back nor ahead of the store', (last, signed(), records()))
        last = signed()[1]
    h.start_collector()
check(wait_for(lambda: live().get('size', 0) > last and not live()['refused'], 10), 'after all kills the next head is signed', live())

os.kill(signer(), signal.SIGKILL)
old = signer()
check(wait_for(lambda: 'checkpoint.signer' in h.log('collector.log'), 5), 'a signer that dies is told')
check(wait_for(lambda: signer() not in (None, old), 10), 'and started again')

# the older store is brought back
stop(h.collector)
was = signed()
for f in os.listdir(h.dir):
    if f.startswith('keytrail.db'):
        os.unlink(h.path(f))
for f in os.listdir(h.path('old')):
    shutil.copy(h.path(f'old/{f}'), h.dir)
h.start_collector()
check(wait_for(lambda: live().get('refused'), 10), 'a smaller store is not signed', live())
check(signed() == was, 'and the signer keeps what it knows', (was, signed()))
check(wait_for(lambda: any('is not signed any more' in json.dumps(a) for a in ndjson(keytrail('alerts', 'list', '--db', h.db, '-o', 'ndjson'))), 5),
      'an alert says so, with both numbers')
text = keytrail('status', '-c', conf).stdout.decode()
check('REFUSED' in text and f'{was[1]} were signed' in text, 'and status', text)
p = keytrail('store', 'new-log', '-c', conf, ok=False)
check(p.returncode == 2 and b'--reason' in p.stderr, 'a new log needs a reason', p)
keytrail('store', 'new-log', '-c', conf, '--by', 'alice', '--reason', 'disk of 28 November lost')
check(wait_for(lambda: signed()[0] != was[0] and signed()[1] > 0, 10), 'then it is signed under a new id', signed())
renewed = ndjson(keytrail('search', 'kind:audit operation:log.renewed', '--db', h.db, '--since', '@0', '-o', 'ndjson', '-q'))
check(len(renewed) == 1 and renewed[0]['original']['signed_log'] == was[0] and renewed[0]['original']['signed_size'] == was[1]
      and renewed[0]['original']['by'] == 'alice', 'the log names the old id, its last head, who and why', renewed)
gaps = ndjson(keytrail('coverage', '--gaps', '--db', h.db, '-o', 'ndjson', '-q'))
check([g['cause'] for g in gaps].count('log renewed') == 1 and any(f"{was[1]} records had been signed" in g['found'] for g in gaps), 'coverage tells that the log was renewed', gaps)
p = keytrail('store', 'new-log', '-c', conf, '--reason', 'once more', ok=False)
check(p.returncode != 0 and b'nothing to renew' in p.stderr, 'a log that is signed is not renewed', p)

# the key is exchanged
before = vkeys()
p = keytrail('store', 'rotate-log-key', '-c', conf, '--by', 'bob', '--reason', 'yearly')
check(f'  keytrail store rotate-log-key -c {conf} --reason WHY --finish\n'.encode() in p.stdout, 'it says how the exchange is finished, as that is called', p.stdout)
both = vkeys()
check(len(both) == 2 and both[0] == before[0], 'both keys are in force', both)
check(wait_for(lambda: verifies(checkpoint()['note'], both) == 2, 10), 'and both sign', checkpoint())
keytrail('store', 'rotate-log-key', '-c', conf, '--by', 'bob', '--reason', 'yearly', '--finish')
check(wait_for(lambda: vkeys() == both[1:] and verifies(checkpoint()['note'], both) == 1, 10), 'then the new one alone', (vkeys(), checkpoint()))
keys = ndjson(keytrail('search', 'kind:key', '--db', h.db, '--since', '@0', '-o', 'ndjson', '-q'))
check(any('keytrail log key\n' + both[1] in k['original']['note'] for k in keys), 'the old key has vouched for the new one in the log', keys)
stop(h.collector)
p = keytrail('verify', '--db', h.db, ok=False)
check(p.returncode == 0 and b'fits' in p.stdout, 'the store verifies, its old name and its new one', p.stdout)

# one record, proven to whoever has the vkey and nothing else
proof, vkey = h.path('proof.json'), h.path('keytrail.db.vkey')
keytrail('prove', '1', '--db', h.db, '--key', vkey, '--out', proof)
p = keytrail('prove', '--check', proof, '--key', vkey)
check(b'in the log: signed by the log' in p.stdout, 'a record is proven to be in the log', p.stdout)
p = keytrail('prove', '--check', proof, ok=False)
check(p.returncode == 1 and b'UNANCHORED' in p.stdout, 'without a key nobody vouches for it', p.stdout)
text = open(proof).read()
with open(proof, 'w') as f:
    f.write(text.replace('"line": "{', '"line": "{ '))
p = keytrail('prove', '--check', proof, '--key', vkey, ok=False)
check(p.returncode == 1 and b'TAMPERED: the line' in p.stdout, 'another line is none of it', p.stdout)

# a key file that is another one: keygen says how keys are exchanged, and a running collector goes on with its own
had, keys = vkeys(), h.path('keys/log.key')
os.rename(keys, keys + '.was')
said = keytrail('collector', 'keygen', '-c', conf).stdout.decode()
check('that has no key takes it up within a minute' in said and 'store rotate-log-key exchanges keys' in said, 'keygen says who takes it up, and who does not', said)
if h.collector.poll() is None:
    stop(h.collector)
h.start_collector()
check(wait_for(lambda: set(vkeys()).isdisjoint(had), 20), 'at its next start it takes the other one', (had, vkeys()))
check(wait_for(lambda: any('other keys than before' in a['title'] for a in ndjson(keytrail('alerts', 'list', '--db', h.db, '-o', 'ndjson'))), 10), 'and tells that nobody exchanged it by the command')
stop(h.collector)

secret = open(h.path('keys/log.key')).read().split()[-1]
check(not any(secret in open(h.path(f), errors='replace').read() for f in ('collector.log',)), 'the key is in no log')
finish()
