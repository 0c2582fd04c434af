#!/usr/bin/env python3
"""Ways to be stopped that kills_test does not know: copytruncate, a frozen collector, kills during an import and right after the start, SIGTERM at full
speed, a second collector, other users (DESIGN §10, INTERFACE §1, THREATS D1, N1)."""
import json, os, random, shutil, threading, time
from support import *

rng = random.Random(SEED)
print(f'# seed {SEED}')
h = House()
log = h.path('audit.log')
open(log, 'w').close()
ids = []


def write(count, path=log, pause=0.0):
    for _ in range(count):
        rid = f'{len(ids):08x}-0000-4000-8000-{SEED & 0xffffffffffff:012x}'
        ids.append(rid)
        with open(path, 'a') as f:
            f.write('\n'.join(vault_pair(rng, time.time(), rid=rid)) + '\n')
        if pause:
            time.sleep(pause)


def stored():
    p = keytrail('status', '--db', h.db, '-o', 'json', ok=False)
    return sum(s['events'] for s in json.loads(p.stdout)['sources']) if p.returncode == 0 else -1


def exactly(instance='vault-prod', want=None):
    rows = ndjson(keytrail('search', f'instance:{instance}', '--db', h.db, '--since', '@0', '-o', 'ndjson', '-q'))
    got = [r['native_id'] for r in rows]
    want = ids if want is None else want
    return check(len(got) == len(set(got)) and set(got) == set(want) and all(r['outcome'] != 'unknown' for r in rows), 'every record is stored exactly once, with its answer',
                 f'{len(got)} rows, {len(set(got))} different, {len(want)} written, {len(set(want) - set(got))} missing')


h.start_collector()
h.allow('a', h.new_key('a'), 'vault/vault-prod')
h.agent_config('a', [f'{{ id: vault-prod, type: vault, input: tail, path: {log} }}'])

# ---- right after the start, many times ----
for delay in [0, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2]:
    write(20)
    agent = h.start_agent('a')
    time.sleep(delay)
    agent.kill(); agent.wait()
    h.collector.kill(); h.collector.wait()
    h.start_collector(wait=False)
    time.sleep(delay)
    h.collector.kill(); h.collector.wait()
    h.start_collector()
agent = h.start_agent('a')
check(wait_for(lambda: stored() == len(ids), 60), 'killed right after the start, eight times', h.log('a.log')[-800:] + h.log('collector.log')[-800:])
exactly()

# ---- copytruncate: kills while the copy is made ----
for turn in range(4):
    write(200)
    if turn % 2:
        agent.kill(); agent.wait()
    time.sleep(0.05 * turn)
    shutil.copy(log, f'{log}.{turn}')
    if turn == 2:
        agent.kill(); agent.wait()
    os.truncate(log, 0)
    if agent.poll() is not None:
        agent = h.start_agent('a')
    write(50)
    if turn == 3:
        h.collector.kill(); h.collector.wait(); h.start_collector()
check(wait_for(lambda: stored() == len(ids), 60), 'copytruncate with kills in it', f'{stored()} of {len(ids)}\n' + h.log('a.log')[-1500:])
exactly()

# ---- a frozen collector ----
h.collector.send_signal(signal.SIGSTOP)
write(500)
time.sleep(20)
h.collector.send_signal(signal.SIGCONT)
check(wait_for(lambda: stored() == len(ids), 60), 'a collector that stood still for 20 s goes on', f'{stored()} of {len(ids)}\n' + h.log('a.log')[-800:])
exactly()

# ---- SIGTERM at full speed ----
busy = True


def flood():
    while busy:
        write(300)


t = threading.Thread(target=flood)
t.start()
time.sleep(1.5)
t0 = time.monotonic()
code = stop(h.collector)
check(code == 0 and time.monotonic() - t0 < 5, f'SIGTERM at full speed ends it cleanly in {time.monotonic() - t0:.1f} s', f'exit {code}\n' + h.log('collector.log')[-800:])
h.start_collector()
time.sleep(1)
t0 = time.monotonic()
code = stop(agent)
check(code == 0 and time.monotonic() - t0 < 5, f'so it does an agent, in {time.monotonic() - t0:.1f} s', f'exit {code}\n' + h.log('a.log')[-800:])
agent = h.start_agent('a')
busy = False
t.join()
check(wait_for(lambda: stored() == len(ids), 120), 'nothing is missing after that', f'{stored()} of {len(ids)}')
exactly()

# ---- an import through the socket, its collector killed ----
feed, want = h.path('feed.ndjson'), []
with open(feed, 'w') as f:
    for i in range(20000):
        r = cloudtrail(rng, time.time() - 86400 + i)
        want.append(r['eventID'])
        f.write(json.dumps({'received_ns': int((time.time() - 86400 + i) * 1e9), 'source': 'cloudtrail', 'instance': 'old', 'record': json.dumps(r)}) + '\n')
p = start([KEYTRAIL, 'import', '--server', 'unix:' + h.path('control.sock'), '--feed', feed, '-o', 'json'], h.path('import.log'))
check(wait_for(lambda: stored() > len(ids) or p.poll() is not None, 30, 0.01), 'an import through the socket runs')
h.collector.kill(); h.collector.wait()
code = wait_for(lambda: p.poll(), 20)
check(code == 5, 'its collector is killed: exit 5', f'exit {code}: ' + h.log('import.log')[-500:])
h.start_collector()
p = keytrail('import', '--server', 'unix:' + h.path('control.sock'), '--feed', feed, '-o', 'json')
r = json.loads(p.stdout)
check(r['stored'] + r['duplicate'] == 20000, 'made again it adds what is missing', r)
exactly('old', want)

# ---- a second collector, other users ----
p = run(KEYTRAIL, 'collector', '-c', h.path('keytrail.yaml'), ok=False, timeout=20)
check(p.returncode == 4 and b'being written by' in p.stderr, f'a second collector on one store is refused (exit {p.returncode})', p.stderr)
check(stored() == len(ids) + 20000, 'and does no harm')
if os.geteuid() == 0 and shutil.which('setpriv'):
    os.chmod(h.dir, 0o755)
    for f in os.listdir(h.dir):
        if f.startswith('keytrail.db'):
            os.chmod(h.path(f), 0o644)
    nobody = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups']
    for argv in (['search', 'instance:old', '--db', h.db, '--since', '@0', '-n', '3', '-q'], ['status', '--db', h.db], ['verify', '--db', h.db], ['alerts', 'list', '--db', h.db],
                 ['replay', '--db', h.db]):
        p = run(*nobody, KEYTRAIL, *argv, ok=False)
        check(p.returncode == 0, f'{argv[0]} reads beside the collector, as a user who cannot write', f'exit {p.returncode}: {p.stderr.decode()[-500:]}')
    os.chmod(h.path('control.sock'), 0o666)
    p = run(*nobody, sys.executable, '-c', 'import socket,sys\ns=socket.socket(socket.AF_UNIX)\ns.settimeout(5)\ns.connect(sys.argv[1])\ns.sendall(b\'{"do":"status"}\\n\')\nsys.exit(len(s.recv(9)))',
            h.path('control.sock'), ok=False)
    check(p.returncode in (0, 1) and b'version' not in p.stdout, 'the control socket hears no other user, whatever its mode says', f'exit {p.returncode}: {p.stderr.decode()[-300:]}')
    os.chmod(h.path('control.sock'), 0o600)
    for f in os.listdir(h.dir):
        if f.startswith('keytrail.db'):
            os.chmod(h.path(f), 0o600)
    p = run(*nobody, KEYTRAIL, 'search', 'x', '--db', h.db, ok=False)
    check(p.returncode == 6 and b'ermission' in p.stderr, f'a store that may not be read says so (exit {p.returncode})', p.stderr)
stop(agent)
check(stop(h.collector) == 0, 'the collector ends cleanly', h.log('collector.log')[-800:])
v = keytrail('verify', '--db', h.db, '-c', h.path('keytrail.yaml'), ok=False)
check(v.returncode == 0 and b'signatures of ' in v.stdout, 'the store verifies with every signature', v.stdout + v.stderr)
v = keytrail('verify', '--db', h.db, ok=False)
check(v.returncode == 0 and b'signatures not checked' in v.stdout, 'without the keys it says that signatures were not checked', v.stdout + v.stderr)
finish()
