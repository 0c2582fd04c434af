#!/usr/bin/env python3
"""make bench: 1 M generated records of each source through every stage, and end to end over real processes.

Stages are one core each (tests/bench/*_bench.c); end to end is an agent and a collector with detectors on, on the machine's cores,
with records of both shapes of tests/bench/gen.c: a flood in which everything is new, and people and services with habits.
KT_BENCH_RECORDS makes it smaller, KT_BENCH_ONLY="vault habits" is one of the last part alone. The figures of the project are in docs/performance.md."""
import json, os, socket, subprocess, sys, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../e2e'))
from support import *

N = int(os.environ.get('KT_BENCH_RECORDS', '1000000'))
ONLY = os.environ.get('KT_BENCH_ONLY', '')
POLL = 0.01 # s between two looks near the end: what they take too long for, the rate lacks, and a short run takes 2 s


def tool(name):
    return os.path.abspath(os.path.join(ARGS.build, 'tests/bench', name))


def peak_mib(pid):
    for line in open(f'/proc/{pid}/status'):
        if line.startswith('VmHWM'):
            return int(line.split()[1]) / 1024
    return 0


def ask(h):
    """The running collector's own counters: no pass over the store."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(5)
        try:
            s.connect(h.path('control.sock'))
            s.sendall(b'{"do":"status"}\n')
            data = b''
            while not data.endswith(b'\n'):
                piece = s.recv(65536)
                if not piece:
                    break
                data += piece
            return json.loads(data)
        except (OSError, ValueError):
            return {}


def reached(done, events, timeout):
    """Waits until so many are. A look takes a millisecond of the cores that are measured, so there are few before the end is near."""
    began = now = time.monotonic()
    while now - began < timeout:
        n = done()
        if n >= events:
            return True
        now = time.monotonic()
        left = (now - began) * (events - n) / n if n > 0 else POLL
        time.sleep(min(0.2, max(POLL, left / 2)))
    return False


def cpu_s(pid):
    f = open(f'/proc/{pid}/stat').read().rsplit(')', 1)[1].split()
    return (int(f[11]) + int(f[12])) / os.sysconf('SC_CLK_TCK')


def gen(shape, *argv, **to):
    subprocess.run([tool('gen'), *(['--habits'] if shape == 'habits' else []), *argv], check=True, **to)


def end_to_end(source, shape, input_line, make, events):
    if not f'{source} {shape}'.startswith(ONLY):
        return
    h = House()
    size = make(h, shape)
    os.sync()  # the log was there before: writing it back is not what is measured
    h.start_collector()
    h.allow('bench', h.new_key('bench'))
    h.agent_config('bench', [input_line(h)])
    t = time.monotonic()
    agent = h.start_agent('bench')
    done = reached(lambda: ask(h).get('ingest', {}).get('events', 0), events, 600)
    took = time.monotonic() - t
    seen = reached(lambda: events - ask(h).get('detection', {}).get('behind', events), events, 600)
    detected = time.monotonic() - t
    a, c = peak_mib(agent.pid), peak_mib(h.collector.pid)
    cpu = [1e6 * cpu_s(p.pid) / events for p in (agent, h.collector)]
    stop(agent)
    stop(h.collector)
    disk = os.path.getsize(h.db)
    print(f'{source + ", " + shape:18} {events / took:9,.0f} durable events/s  {size / took / 1e6:6.1f} MB/s of records  {events / detected:9,.0f} detected events/s{"" if done and seen else "  NOT COMPLETE"}')
    print(f'{"":18} CPU of agent {cpu[0]:.1f}, of collector {cpu[1]:.1f} us/event  memory of agent {a:.0f}, of collector {c:.0f} MiB  {disk / events:.0f} bytes/event on disk', flush=True)


def vault_file(h, shape):
    with open(h.path('audit.log'), 'wb') as f:
        gen(shape, 'vault', str(N), '1', stdout=f)
    return os.path.getsize(h.path('audit.log'))


def cloudtrail_folder(h, shape):
    os.mkdir(h.path('objects'))
    gen(shape, 'cloudtrail', str(N), '1', h.path('objects'))
    return sum(unzipped(h.path(f'objects/{f}')) for f in os.listdir(h.path('objects')))


def unzipped(path):
    """The size that the end of a gzip file tells."""
    with open(path, 'rb') as f:
        f.seek(-4, os.SEEK_END)
        return int.from_bytes(f.read(4), 'little')


def stages():
    yield 'decode_bench', 'vault', str(N // 2)
    yield 'decode_bench', 'cloudtrail', str(N)
    yield 'event_bench',
    yield 'spool_bench', str(N)
    yield 'sigma_bench',
    yield 'stream_bench',
    yield 'wire_bench',
    yield 'store_bench', str(N)


for argv in [] if os.environ.get('KT_BENCH_STAGES') == '0' else stages():
    if os.path.exists(tool(argv[0])):
        print('--', *argv, flush=True)
        subprocess.run([tool(argv[0]), *argv[1:]], check=True)


def history(shape):
    """import and replay: decode, dedupe, tree and commit in one thread; the detectors over the stored log."""
    d = folder()
    log, db = os.path.join(d, 'audit.log'), os.path.join(d, 'k.db')
    with open(log, 'wb') as f:
        gen(shape, 'vault', str(N), '2', stdout=f)
    t = time.monotonic()
    keytrail('import', '--db', db, '--source', 'vault', log)
    imported = time.monotonic() - t
    t = time.monotonic()
    keytrail('import', '--db', db, '--source', 'vault', log)
    again = time.monotonic() - t
    t = time.monotonic()
    keytrail('replay', '--db', db, '-o', 'ndjson')
    replayed = time.monotonic() - t
    n = N // 2
    print(f'{shape:6} import {n / imported:9,.0f} events/s  {os.path.getsize(log) / imported / 1e6:6.1f} MB/s   the same again, all duplicates: {n / again:,.0f} events/s')
    print(f'{shape:6} replay {n / replayed:9,.0f} events/s (read and parse on one thread, all detectors on another)', flush=True)


if ONLY == '':
    print('-- history: import, import again, replay')
    history('flood')
    history('habits')
print('-- end to end: agent, CURVE, dedupe, tree, facts, detectors, FULL sync', flush=True)
for shape in 'flood', 'habits':
    end_to_end('vault', shape, lambda h: f"{{ id: vault-prod, type: vault, input: tail, path: {h.path('audit.log')} }}", vault_file, N // 2)
    end_to_end('cloudtrail', shape, lambda h: f"{{ id: aws, type: cloudtrail, input: files, path: {h.path('objects')} }}", cloudtrail_folder, N)
