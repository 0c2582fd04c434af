#!/usr/bin/env python3
"""Streams against real peers: a year of history and live events go to files, PostgreSQL and ClickHouse while each of them, and the collector,
is killed. Each event is there exactly once. KT_RECORDS and KT_KILLS make it longer."""
import gzip
from support import *
from databases import ClickHouse, Postgres

RECORDS = int(os.environ.get('KT_RECORDS', '5000'))
KILLS = how_many_kills(1)
HISTORY = RECORDS // 5
rng = random.Random(SEED)
print(f'# SEED={SEED}')


def ids_in(folder, packed):
    """Native ids of all lines that a finished or open file holds."""
    found = []
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), 'rb') as f:
            data = gzip.decompress(f.read()) if packed else f.read()
        found += [json.loads(l)['native_id'] for l in data.splitlines() if b'"kind":"access"' in l]
    return found


def history(h):
    """Accesses of the last twelve months, imported into the store before the collector starts."""
    now = time.time()
    with open(h.path('history.log'), 'w') as f:
        for i in range(HISTORY):
            f.write('\n'.join(vault_pair(rng, now - 360 * 86400 * (1 - i / HISTORY), rid=f'{i:08x}-1111-4000-8000-000000000000')) + '\n')
    keytrail('import', '--db', h.db, '--source', 'vault', '--instance', 'vault-old', '-q', h.path('history.log'))


def streams(h, pg, ch):
    os.mkdir(h.path('plain'))
    os.mkdir(h.path('packed'))
    common = 'since: beginning, alerts: false'
    parts = [f'plain: {{ type: files, folder: {h.path("plain")}, compress: none, {common} }}',
             f'packed: {{ type: files, folder: {h.path("packed")}, compress: gzip, rotate_size: 1MiB, {common} }}']
    if pg:
        parts.append(f'pg: {{ type: postgresql, url_file: {h.write("pg.url", pg.url)}, allow_private: true, {common} }}')
    if ch:
        parts.append(f'ch: {{ type: clickhouse, url_file: {h.write("ch.url", f"http://127.0.0.1:{ch.port}/")}, '
                     f'key_file: {h.write("ch.key", "s3cret")}, allow_private: true, {common} }}')
    with open(h.path('keytrail.yaml'), 'a') as f:
        f.write('streams:\n' + ''.join(f'  {p}\n' for p in parts))


def behind(h):
    return {r['stream']: r['behind'] for r in ndjson(keytrail('stream', 'list', '--db', h.db, '-o', 'ndjson'))}


def kill_and_start(h, who):
    if who is h:
        h.collector.kill()
        h.collector.wait()
        h.start_collector()
    else:
        who.kill()
        who.start()


def main():
    pg = Postgres() if Postgres.BIN else None
    ch = ClickHouse() if ClickHouse.BIN else None
    if pg:
        pg.sql(keytrail('stream', 'schema', 'postgresql').stdout.decode())
    if ch:
        ch.schema(keytrail('stream', 'schema', 'clickhouse').stdout.decode())
    h = House()
    streams(h, pg, ch)
    check('ok' in keytrail('config', 'check', '-c', h.path('keytrail.yaml')).stdout.decode(), 'the configuration is fine')
    h.write('names.yaml', f'store: {{ path: {h.db} }}\nstreams: {{ n: {{ type: clickhouse, url_file: x, database: audit, table: lines }} }}\n')
    named = keytrail('stream', 'schema', 'n', '-c', h.path('names.yaml')).stdout.decode()
    check('EXISTS audit;' in named and 'EXISTS audit.lines' in named and 'audit.who' in named and not re.search(r'keytrail\.(?!sql)', named),
          'a schema has the names of the stream', named)
    history(h)
    h.allow('a1', h.new_key('a1'))
    h.agent_config('a1', [f'{{ id: vault-prod, type: vault, path: {h.path("audit.log")} }}'])
    log = VaultLog(h.path('audit.log'), rng)
    log.write(1)
    h.start_collector()
    agent = h.start_agent('a1')
    live, victims = RECORDS - HISTORY, [h] + [p for p in (pg, ch) if p]
    rounds = KILLS * len(victims)
    for i in range(rounds):  # each of them once, then once more
        log.write(live // rounds if i else live // rounds - 1 + live % rounds)
        time.sleep(rng.random() * 0.3)
        kill_and_start(h, victims[i % len(victims)])
    wait_for(lambda: h.count('kind:access') >= RECORDS, 30 + RECORDS / 1000, 0.4)
    check(h.count('kind:access') == RECORDS, f'the store has {RECORDS} accesses', h.log('collector.log'))
    done = wait_for(lambda: all(b == 0 for b in behind(h).values()), 90 + RECORDS / 500, 0.3)
    check(done, 'no stream is behind', f'{behind(h)}\n{h.log("collector.log")}')
    want = {f'{i:08x}-1111-4000-8000-000000000000' for i in range(HISTORY)}
    want |= {f'{i:08x}-0000-4000-8000-{SEED & 0xffffffffffff:012x}' for i in range(1, live + 1)}
    stop(agent)
    stop(h.collector)
    for name in ('plain', 'packed'):
        got = ids_in(h.path(name), name == 'packed')
        check(len(got) == RECORDS and set(got) == want, f'{name}: each line once', f'{len(got)} lines, {len(set(got))} different')
    stored = {json.loads(l)['seq']: l for l in keytrail('search', 'kind:access', '--db', h.db, '--since', '@0', '-o', 'ndjson', '-q').stdout.splitlines()}
    check(len(stored) == RECORDS, 'the store agrees')
    if pg:
        check(pg.sql('SELECT count(*), count(DISTINCT id) FROM keytrail.events') == f'{RECORDS}|{RECORDS}', 'PostgreSQL: each event once',
              pg.sql('SELECT count(*), count(DISTINCT id) FROM keytrail.events'))
        check(int(pg.sql("SELECT count(*) FROM pg_class WHERE relname ~ '^events_[0-9]{6}$'")) >= 12, 'PostgreSQL: a partition a month')
        check(pg.sql('SELECT count(*) FROM keytrail.events_else') == '0', 'PostgreSQL: nothing lies outside of months')
        check(pg.sql("SELECT sum(accesses) FROM keytrail.who") == str(RECORDS), 'PostgreSQL: the views answer')
        check(pg.sql("SELECT keytrail.drop_before(now() - interval '6 months') > 3") == 't', 'PostgreSQL: retention drops months')
    if ch:
        once = ch.sql('SELECT count(), uniqExact(id) FROM keytrail.events FINAL')
        check(once == f'{RECORDS}\t{RECORDS}', 'ClickHouse: each event once', once)
        check(ch.sql('SELECT sum(accesses) FROM keytrail.who') == str(RECORDS), 'ClickHouse: the views answer')
        check(int(ch.sql("SELECT uniqExact(partition) FROM system.parts WHERE table = 'events' AND active")) >= 12, 'ClickHouse: a partition a month')
    for p in (pg, ch):
        if p:
            stop(p.process)
    finish()


main()
