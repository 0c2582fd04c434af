#!/usr/bin/env python3
"""kill -9 of agent and collector at random moments while objects come into a folder and others write to sockets, syslog, a pipe, watched files. Objects are
stored exactly once. What was written to an agent that was killed at once may have been in the kernel, which forgets it: of the others each is stored that was
written to an agent that then lived for a while, and none twice."""
import collections, contextlib, ctypes, socket, subprocess, threading
from support import *

LIVED = 2.0  # seconds from a write to the kill before which it must have been taken
kills = how_many_kills(4)
rng = random.Random(SEED)
h = House()
sock, stream = h.path('vault.sock'), h.path('syslog.sock')
objects, watched = h.path('objects'), h.path('watched')
os.mkdir(objects)
os.mkdir(watched)
libc = ctypes.CDLL(None, use_errno=True)
probe = libc.fanotify_init(0, os.O_RDONLY)
if probe >= 0:
    os.close(probe)
else:
    check(True, 'fanotify # SKIP no CAP_SYS_ADMIN')
sources = [f'{{ id: tcp, type: vault, input: socket, listen: "tcp://127.0.0.1:{free_port()}" }}', f'{{ id: unix, type: vault, input: socket, listen: "unix://{sock}" }}',
           f'{{ id: syslog, type: vault, input: syslog, listen: "unix://{stream}" }}', f'{{ id: files, type: cloudtrail, input: files, path: {objects}, poll: 100ms }}',
           '{ id: stdin, type: vault, input: stdin }']
if probe >= 0:
    sources.append(f'{{ id: fanotify, type: fanotify, input: fanotify, paths: ["{watched}"], cluster: web1 }}')
port = int(re.search(r'127\.0\.0\.1:(\d+)', sources[0])[1])
written = {}  # instance -> {what the record is known by: when its write had ended}
lives = []    # [from, to] of the agents that listened
lock, done = threading.Lock(), threading.Event()
print(f'# seed {SEED}, {kills} kills each')


def note(instance, known_by):
    with lock:
        written.setdefault(instance, {})[known_by] = time.monotonic()


def pairs(instance, r):
    """A record in two halves, each named for the instance."""
    n = 0
    while not done.is_set():
        n += 1
        rid = f'{n:08x}-{list(INSTANCES).index(instance):04x}-4000-8000-{SEED & 0xffffffffffff:012x}'
        yield rid, ''.join(line + '\n' for line in vault_pair(r, time.time(), rid=rid, secret=f'app/s{n % 50}'))
        time.sleep(r.uniform(0, 0.02))


def to_socket(instance, address, head):
    """As Vault does: one new connection after an error, then the next record."""
    r, s = random.Random(f'{SEED}{instance}'), None
    for rid, text in pairs(instance, r):
        data = ''.join(head + line + '\n' for line in text.splitlines()).encode()
        for _ in range(2):
            try:
                if s is None:
                    s = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
                    s.settimeout(5)
                    s.connect(address)
                s.sendall(data)
                note(instance, rid)
                break
            except OSError:
                if s is not None:
                    s.close()
                s = None


def to_pipe(instance):
    for rid, text in pairs(instance, random.Random(f'{SEED}{instance}')):
        try:
            agent.stdin.write(text.encode())
            agent.stdin.flush()
            note(instance, rid)
        except (OSError, ValueError):
            time.sleep(0.05)


def to_folder(instance):
    r, n = random.Random(f'{SEED}{instance}'), 0
    while not done.is_set():
        n += 1
        records = [cloudtrail(r, time.time(), secret=f'app/s{i}') for i in range(r.randrange(1, 200))]
        write_object(os.path.join(objects, f'{n:06d}.json.gz'), records)
        for x in records:
            note(instance, x['eventID'])
        time.sleep(r.uniform(0.05, 0.3))


def to_files(instance):
    """A program opens a file that was not there before, once, and is there a moment longer."""
    n = 0
    while not done.is_set():
        n += 1
        f = os.path.join(watched, f'{n:06d}.key')
        os.rename(h.write('made', ''), f)  # whoever opens it there to write it is a reader until he closes it
        time.sleep(0.1)
        subprocess.run(['sh', '-c', f'exec 3<{f}; sleep 0.05'], check=False)
        note(instance, f'file://web1{f}')


INSTANCES = {'tcp': lambda: to_socket('tcp', ('127.0.0.1', port), ''), 'unix': lambda: to_socket('unix', sock, ''),
             'syslog': lambda: to_socket('syslog', stream, '<86>1 2026-11-29T01:00:00Z web1 vault 77 - - '),
             'files': lambda: to_folder('files'), 'stdin': lambda: to_pipe('stdin'), **({'fanotify': lambda: to_files('fanotify')} if probe >= 0 else {})}


def status():
    return run(AGENT, 'status', '-c', h.path('a.yaml'), ok=False).stdout.decode()


def listens():
    for family, address in ((socket.AF_INET, ('127.0.0.1', port)), (socket.AF_UNIX, sock), (socket.AF_UNIX, stream)):
        with socket.socket(family) as s:
            if s.connect_ex(address) != 0:
                return False
    return probe < 0 or 'watched' in status()


def start_agent():
    global agent
    with open(h.path('a.log'), 'ab') as f:
        agent = subprocess.Popen([AGENT, '-c', h.path('a.yaml')], stdin=subprocess.PIPE, stdout=f, stderr=f)
    atexit.register(lambda a=agent: a.poll() is None and a.kill())
    if wait_for(listens, 20) is None:
        raise RuntimeError(h.log('a.log')[-2000:])
    lives.append([time.monotonic(), None])


h.start_collector()
h.allow('a', h.new_key('a'), 'vault/tcp,vault/unix,vault/syslog,vault/stdin,cloudtrail/files,fanotify/web1,fanotify/fanotify')
h.agent_config('a', sources)
start_agent()
writers = [threading.Thread(target=w) for w in INSTANCES.values()]
for t in writers:
    t.start()
killed = [0, 0]
while min(killed) < kills:
    time.sleep(rng.uniform(0.1, 2 * LIVED))
    who = rng.randrange(2)
    who = 1 - who if killed[who] >= kills else who
    if who == 0:
        lives[-1][1] = time.monotonic()
        agent.kill()
        agent.wait()
        with contextlib.suppress(OSError):  # half a record may be left
            agent.stdin.close()
        start_agent()
    else:
        h.collector.kill()
        h.collector.wait()
        h.start_collector(wait=False)
    killed[who] += 1
time.sleep(LIVED)
done.set()
for t in writers:
    t.join()
check(killed == [kills, kills], f'{kills} kills of the agent and of the collector')


def stored(instance):
    key = 'secret' if instance == 'fanotify' else 'native_id'
    p = keytrail('search', f'instance:{instance} action:read', '--db', h.db, '--since', '@0', '-o', 'ndjson', '-q', ok=False)
    return [r[key] for r in ndjson(p)] if p.returncode == 0 else []


def due(instance):
    """Written while an agent listened that lived on for a while; of a folder all."""
    all_of = written.get(instance, {})
    if instance == 'files':
        return set(all_of)
    return {k for k, t in all_of.items() if any(a + 0.3 <= t and (b is None or t <= b - LIVED) for a, b in lives)}


for instance in INSTANCES:
    want = due(instance)
    wait_for(lambda: want <= set(stored(instance)), 60, 0.5)
    got = stored(instance)
    lost = want - set(got)
    check(len(want) > 5 and not lost, f'{instance}: none of {len(want)} records is lost', f'{len(lost)} lost: {sorted(lost)[:5]}\n{status()}')
    check(len(got) == len(set(got)), f'{instance}: none of {len(got)} is stored twice', collections.Counter(got).most_common(3))
    also = len(set(written.get(instance, {})) - set(got))
    print(f'# {instance}: {also} of {len(written.get(instance, {}))} were written to an agent that was killed then, and went with it')
check(set(stored('files')) == set(written['files']), 'objects: nothing else came')
check(stop(h.collector) == 0, 'the collector ends cleanly', h.log('collector.log')[-1500:])
v = keytrail('verify', '--db', h.db, '-c', h.path('keytrail.yaml'), ok=False)
check(v.returncode == 0, 'the store verifies with every signature', v.stdout + v.stderr)
finish()
