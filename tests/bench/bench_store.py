#!/usr/bin/env python3
"""make bench-store: the store under a year of events, and other tools beside it, in one run.

fill      KT_YEAR_EVENTS (10 M) events into a store, FULL sync, dedupe, tree, sealing: rate of each million, bytes, memory
ask       six questions, cold and warm, opening the store included
import    the same file again: all duplicates
status    keytrail status and verify over all of it
ack       10,000 events/s offered to a real collector over CURVE: how long an acknowledgement takes
beside    questions to a collector's store, idle, then while history is imported through the collector beside live events
flood     a Vault audit file through agent and collector, and through syslog-ng -> SQLite, rsyslog -> PostgreSQL, fluent-bit -> file
peers     the same records and questions in plain SQLite, DuckDB, PostgreSQL, jq and grep (KT_PEER_EVENTS, 1 M)

KT_BENCH_PARTS=fill,ask picks parts; KT_WORK names a folder on the disk to be measured (default: build/bench-store). docs/performance.md has figures."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../e2e'))
from support import *

EVENTS = int(os.environ.get('KT_YEAR_EVENTS', '10000000'))
PEER_EVENTS = int(os.environ.get('KT_PEER_EVENTS', '1000000'))
FLOOD = int(os.environ.get('KT_FLOOD_RECORDS', '1000000'))
PARTS = set(filter(None, os.environ.get('KT_BENCH_PARTS', 'fill,ask,status,ack,beside,flood,peers').split(',')))
HERE = os.path.dirname(os.path.abspath(__file__))
WORK = os.path.abspath(os.environ.get('KT_WORK', os.path.join(ARGS.build, 'bench-store')))
STORE = os.path.join(WORK, 'year.db')


def tool(name):
    return os.path.abspath(os.path.join(ARGS.build, 'tests/bench', name))


def timed(what, *argv):
    t = time.monotonic()
    p = run(*argv, timeout=3600)
    print(f'{what:40} {time.monotonic() - t:8.2f} s   {p.stdout.decode().strip().splitlines()[-1] if p.stdout.strip() else ""}', flush=True)


def head(text):
    print(f'\n-- {text}', flush=True)


def fill():
    head(f'fill: {EVENTS:,} events of a year, one writer thread, sealing on the other core, FULL sync')
    for f in os.listdir(WORK):
        if f.startswith('year.db'):
            os.unlink(os.path.join(WORK, f))
    subprocess.run([tool('year_bench'), 'fill', STORE, str(EVENTS)], check=True)


def status():
    head('over all of it')
    timed('keytrail status', KEYTRAIL, 'status', '--db', STORE)
    timed('keytrail search --by month,source', KEYTRAIL, 'search', '--db', STORE, '--since', '@0', '--by', 'month,source', '-o', 'csv')
    timed('keytrail verify', KEYTRAIL, 'verify', '--db', STORE)


def ack():
    head('ack: 10,000 events/s offered over CURVE for 60 s; detection, sealing and checkpoints included')
    h = House()
    h.start_collector()
    h.allow('bench', h.new_key('bench'))
    subprocess.run([tool('ack_bench'), h.endpoint, h.server_key, h.path('keys/bench.key'), '10000', os.environ.get('KT_ACK_SECONDS', '60')], check=False)
    stop(h.collector)


def beside():
    head('beside: questions while history is imported through the collector (control socket) and 5,000 live events/s come in')
    h = House()
    h.start_collector()
    h.allow('bench', h.new_key('bench'))
    log = os.path.join(WORK, 'history.log')
    with open(log, 'wb') as f:
        subprocess.run([tool('gen'), 'vault', str(FLOOD), '3'], stdout=f, check=True)
    live = [tool('ack_bench'), h.endpoint, h.server_key, h.path('keys/bench.key'), '5000']
    subprocess.run([*live, '20'], check=True, stdout=subprocess.DEVNULL)
    questions = {'an actor, lines': ['actor:person003*', '--since', '@0', '-n', '50'], 'a secret, counted': ['secret:**/credential-150', '--since', '@0', '--by', 'actor'],
                 'months': ['--since', '@0', '--by', 'month,source,action,outcome']}

    def ask(rounds):
        took = {q: [] for q in questions}
        for _ in range(rounds):
            for q, argv in questions.items():
                t = time.monotonic()
                keytrail('search', *argv, '--db', h.db, '-o', 'csv', '-q')
                took[q].append(1e3 * (time.monotonic() - t))
        return took

    idle = ask(10)
    running = [start([KEYTRAIL, 'import', '--server', f"unix:{h.path('control.sock')}", '--source', 'vault', '--instance', 'history', log], h.path('import.log')),
               start([*live, '60'], h.path('live.log'))]
    busy = {q: [] for q in questions}
    while all(p.poll() is None for p in running):
        for q, took in ask(1).items():
            busy[q] += took
    for q in questions:
        i, b = sorted(idle[q]), sorted(busy[q]) or [0]
        print(f'{q:20} idle {i[len(i) // 2]:7.1f} ms   under load {b[len(b) // 2]:7.1f} ms, longest {b[-1]:7.1f} ms, {len(b)} times')
    running[0].wait(600)
    stop(running[1])
    stop(h.collector)
    os.unlink(log)


def flood():
    """Both shapes of tests/bench/gen.c: people and services with habits, and all of it new to the detectors, which the others have not."""
    log = os.path.join(WORK, 'audit.log')
    for shape, option in (('habits', ['--habits']), ('flood', [])):
        head(f'flood: {FLOOD:,} lines of a Vault audit file ({shape}), end to end, in turn')
        with open(log, 'wb') as f:
            subprocess.run([tool('gen'), *option, 'vault', str(FLOOD), '1'], stdout=f, check=True)
        subprocess.run([sys.executable, os.path.join(HERE, 'bench.py'), '--build', ARGS.build], check=True,
                       env=dict(os.environ, KT_BENCH_STAGES='0', KT_BENCH_ONLY=f'vault {shape}', KT_BENCH_RECORDS=str(FLOOD)))
        subprocess.run([sys.executable, os.path.join(HERE, 'peers/ingest.py'), '--log', log, '--work', WORK, '--out', f'ingest-{shape}.json'], check=False)
        os.unlink(log)


def peers():
    head(f'peers: {PEER_EVENTS:,} of the same records, the same questions')
    events, asked, small = (os.path.join(WORK, n) for n in ('events.ndjson', 'questions.json', 'small.db'))
    with open(events, 'wb') as f:
        subprocess.run([tool('year_bench'), 'ndjson', str(PEER_EVENTS)], stdout=f, check=True)
    with open(asked, 'wb') as f:
        subprocess.run([tool('year_bench'), 'questions'], stdout=f, check=True)
    for f in os.listdir(WORK):
        if f.startswith('small.db'):
            os.unlink(os.path.join(WORK, f))
    ours = os.path.join(WORK, 'ours.json')
    with open(ours, 'wb') as f:
        subprocess.run([tool('year_bench'), 'ours', small, str(PEER_EVENTS)], stdout=f, check=True)
    subprocess.run([sys.executable, os.path.join(HERE, 'peers/peers.py'), '--events', events, '--questions', asked, '--work', WORK, '--ours', ours], check=False)


os.makedirs(WORK, exist_ok=True)
if 'fill' in PARTS:
    fill()
if 'ask' in PARTS:
    head('ask: cold (pages dropped) and best of five')
    subprocess.run([tool('year_bench'), 'ask', STORE], check=True)
for part in (status, ack, beside, flood, peers):
    if part.__name__ in PARTS:
        part()
