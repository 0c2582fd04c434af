#!/usr/bin/env python3
"""Killed at write-type system calls, and I/O errors and a full disk from one on (strace injection): what was committed is there once, the tree verifies,
and the same import again brings the rest. (Many of the calls are those of the last checkpoint: when only they fail, the import is whole.) Needs the right to trace; without it the test says so and passes.
KT_SYSCALLS: how many of the calls are tried for each way (0: every one)."""
import json, os, random, shutil, subprocess, time
from support import *

CALLS = 'pwrite64,write,fdatasync,fsync,ftruncate,unlink,rename,fallocate'
EVENTS = 9500  # two segments and a tail
tries = int(os.environ.get('KT_SYSCALLS', '6'))
rng = random.Random(SEED)
d = folder()
log, db = os.path.join(d, 'audit.log'), os.path.join(d, 'k.db')
if shutil.which('strace') is None or subprocess.run(['strace', '-qq', '-e', 'trace=none', 'true'], capture_output=True).returncode != 0:
    print('ok 1 - kills at system calls # SKIP no right to trace\n1..1')
    raise SystemExit(0)
with open(log, 'w') as f:
    for i in range(EVENTS):
        f.write('\n'.join(vault_pair(rng, 1795377600 + i, rid=f'{i:08x}-0000-4000-8000-{SEED & 0xffffffffffff:012x}')) + '\n')


def remove():
    for f in os.listdir(d):
        if f.startswith('k.db'):
            os.unlink(os.path.join(d, f))


def traced(*inject):
    """The import under strace; the store's own calls in order (writes to its files and to nothing else)."""
    out = os.path.join(d, 'trace')
    p = subprocess.run(['strace', '-f', '-qq', '-o', out, '-P', db, '-P', db + '-wal', '-P', db + '-journal', '-P', d, '-e', f'trace={CALLS}', *inject,
                        KEYTRAIL, 'import', '--db', db, '--source', 'vault', '--instance', 'v', log], capture_output=True)
    return p, sum(1 for l in open(out) if '(' in l and 'resumed' not in l)


def whole():
    """None, or what is wrong with the store as it is now, and after the rest was imported."""
    if os.path.exists(db) and os.path.getsize(db) > 0:
        p = keytrail('verify', '--db', db, '-o', 'json', ok=False)
        if p.returncode != 0 and b'no store' not in p.stderr and b'being made' not in p.stderr:
            return p.stdout.decode() + p.stderr.decode()
    counts = json.loads(keytrail('import', '--db', db, '--source', 'vault', '--instance', 'v', '-o', 'json', log).stdout)
    ids = [json.loads(l)['native_id'] for l in keytrail('search', '--db', db, '--since', '@0', '-o', 'ndjson', '-q').stdout.splitlines()]
    if len(ids) != EVENTS or len(set(ids)) != EVENTS:
        return f'{len(ids)} events, {len(set(ids))} different, {json.dumps(counts)}'
    p = keytrail('verify', '--db', db, ok=False)
    return None if p.returncode == 0 else p.stdout.decode()


remove()
p, total = traced()
check(p.returncode == 0 and whole() is None, 'untouched: the import is whole', p.stderr.decode())
places = range(1, total + 1) if tries == 0 else sorted({1, 2, 3, total, *(rng.randrange(1, total + 1) for _ in range(tries))})
for way, inject, name in ((0, ':signal=KILL', 'killed'), (1, ':error=EIO', 'an I/O error'), (2, ':error=ENOSPC', 'no room')):
    wrong, fired = [], 0
    for n in places:
        remove()
        # -P counts every call of the program that strace decides on by its file, so the number fits the run above
        p, _ = traced('-e', f'inject={CALLS}{inject}:when={n}' + ('+' if way else ''))
        fired += p.returncode != 0
        said = whole()
        if said is not None:
            wrong.append(f'call {n} of {total}: {said}')
    check(not wrong and fired > 0, f'{name} at {len(places)} of {total} write-type system calls: nothing committed is lost, nothing is there twice', f'{fired} ended by it\n' + '\n'.join(wrong))
finish()
