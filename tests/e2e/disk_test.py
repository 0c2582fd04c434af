#!/usr/bin/env python3
"""A full disk under the collector, then one under the agent's spool: nothing acknowledged is lost, reading stops and goes on when there is room
(THREATS D5). Needs the right to mount a tmpfs in a namespace of its own; without it the test says so and passes."""
import json, os, random, sys, time
if os.environ.get('KT_OWN_MOUNTS') is None:  # a namespace of our own: the mounts end with it
    os.environ['KT_OWN_MOUNTS'] = '1'
    import shutil, subprocess
    wrap = ['unshare', '--mount', '--map-root-user'] if os.geteuid() != 0 else ['unshare', '--mount']
    if shutil.which('unshare') is None or subprocess.run([*wrap, 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'], capture_output=True).returncode != 0:
        print('ok 1 - full disks # SKIP no right to mount\n1..1')
        sys.exit(0)
    os.execvp(wrap[0], [*wrap, sys.executable, *sys.argv])
from support import *

rng = random.Random(SEED)
h = House()
atexit.register(lambda: [subprocess.run(['umount', '-l', p], capture_output=True) for p in (store, spool, spool)])
store, spool = h.path('store'), h.path('spool')
audit = VaultLog(h.path('audit.log'), rng)


def mount(path, size, *more):
    run('mount', '-t', 'tmpfs', '-o', f'size={size},mode=0700', *more, 'tmpfs', path)


def resize(path, size):
    run('mount', '-o', f'remount,size={size}', path)


def room(path):
    s = os.statvfs(path)
    return s.f_bavail * s.f_frsize


def write(count):
    """Records that do not compress: the disk is full soon."""
    for _ in range(count):
        audit.write(1, secret=f'a/{rng.getrandbits(1200):x}')


def stored():
    p = keytrail('status', '--db', h.db, '-o', 'json', ok=False)
    return sum(s['events'] for s in json.loads(p.stdout)['sources']) if p.returncode == 0 else -1


def once():
    rows = ndjson(keytrail('search', 'instance:vault-prod', '--db', h.db, '--since', '@0', '-o', 'ndjson', '-q'))
    ids = [r['native_id'] for r in rows]
    return len(ids) == len(set(ids)) == audit.n


for d in (store, spool):
    os.mkdir(d)
mount(store, '20m')
h.db = os.path.join(store, 'keytrail.db')
h.write('keytrail.yaml', open(h.path('keytrail.yaml')).read().replace(h.path('keytrail.db'), h.db))
h.start_collector()
h.allow('a', h.new_key('a'), 'vault/vault-prod')
h.agent_config('a', [f'{{ id: vault-prod, type: vault, input: tail, path: {audit.path} }}'])
config = open(h.path('a.yaml')).read().replace(h.path('spool-a'), os.path.join(spool, 'a'))
h.write('agent.yaml', config)
write(100)
agent = start([AGENT, '-c', h.path('agent.yaml')], h.path('agent.err'))
check(wait_for(lambda: stored() == 100), 'the agent is heard', h.log('agent.err') + h.log('collector.log'))

# ---- the collector's disk ----
full = False
for _ in range(200):
    write(300)
    time.sleep(0.1)
    full = full or 'disk' in h.log('collector.log') or 'full' in h.log('collector.log')
    if full and audit.n - stored() > 900:
        break
time.sleep(2)
check(full and stored() < audit.n, 'the disk is full', f'{room(store)} bytes free, {stored()} of {audit.n}\n' + h.log('collector.log')[-1500:])
check(h.collector.poll() is None, 'the collector goes on', h.log('collector.log')[-1500:])
check('make room' in h.log('collector.log') or 'free some' in h.log('collector.log'), 'it says what to do', h.log('collector.log')[-1500:])
p = keytrail('status', '-c', h.path('keytrail.yaml'))
check(b'FULL' in p.stdout or b'full disk' in p.stdout, 'status says it', p.stdout)
check(wait_for(lambda: b'disk' in run(AGENT, 'status', '-c', h.path('agent.yaml')).stdout or 'disk' in h.log('agent.err'), 30), 'so does the agent', h.log('agent.err')[-800:])
check(keytrail('verify', '--db', h.db, ok=False).returncode == 0, 'what is stored verifies')
resize(store, '400m')
check(wait_for(lambda: stored() == audit.n, 60), 'with room again everything comes', f'{stored()} of {audit.n}\n' + h.log('collector.log')[-1500:])

# ---- taken at once by somebody else, to the last byte ----
resize(store, f'{(os.statvfs(store).f_blocks - os.statvfs(store).f_bavail) * 4096 // 1024 + 60}k')
write(2000)
time.sleep(4)
check(h.collector.poll() is None, 'a disk that is full between two looks does not end the collector', h.log('collector.log')[-1500:])
check(stored() < audit.n, 'nothing more is stored', f'{stored()} of {audit.n}, {room(store)} bytes free')
h.collector.kill()
h.collector.wait()
h.start_collector(wait=False)
time.sleep(1)
check(h.collector.poll() is None, 'started on a full disk it waits', h.log('collector.log')[-800:])
resize(store, '400m')
check(wait_for(lambda: stored() == audit.n, 60), 'and everything comes', f'{stored()} of {audit.n}\n' + h.log('collector.log')[-1500:])
check(once(), 'exactly once')

# ---- the agent's disk ----
check(stop(agent) == 0, 'the agent ends cleanly', h.log('agent.err')[-800:])
mount(spool, '3m')
stop(h.collector)
agent = start([AGENT, '-c', h.path('agent.yaml')], h.path('agent2.err'))
for _ in range(40):
    write(1000)
    if wait_for(lambda: 'reading stops' in h.log('agent2.err'), 1):
        break
check('reading stops' in h.log('agent2.err'), 'a full spool stops the reading', f'{room(spool)} free\n' + h.log('agent2.err')[-800:])
write(4000)
with open(os.path.join(spool, 'somebody-else'), 'wb', buffering=0) as f:  # takes what is left, to the last byte
    try:
        while True:
            f.write(b'x' * 512)
    except OSError:
        pass
check(agent.poll() is None, 'the agent goes on', h.log('agent2.err')[-800:])
time.sleep(12)
p = run(AGENT, 'status', '-c', h.path('agent.yaml'), ok=False)
check(b'full' in p.stdout.lower() or b'room' in p.stdout, 'its status says it', p.stdout)
h.start_collector()
check(wait_for(lambda: stored() >= audit.n, 90), 'with a collector again everything comes', f'{stored()} of {audit.n}\n' + h.log('agent2.err')[-800:])
check(once(), 'exactly once')
stop(agent)
check(stop(h.collector) == 0, 'the collector ends cleanly', h.log('collector.log')[-800:])
v = keytrail('verify', '--db', h.db, '-c', h.path('keytrail.yaml'), ok=False)
check(v.returncode == 0, 'the store verifies with every signature', v.stdout + v.stderr)
finish()
