#!/usr/bin/env python3
"""The PostgreSQL stream on a server whose zone is not UTC: months that are months, one that was too far away once, names no index takes, an index of the owner's."""
from support import *
from databases import Postgres

rng = random.Random(SEED)
print(f'# SEED={SEED}')
LONG = 12000


def long_name():
    return ''.join(rng.choice('0123456789abcdef') for _ in range(LONG))  # nothing that would pack well


def bring(h, instance, pairs):
    with open(h.path(instance + '.log'), 'w') as f:
        f.write(''.join('\n'.join(p) + '\n' for p in pairs))
    keytrail('import', '--db', h.db, '--source', 'vault', '--instance', instance, '-q', h.path(instance + '.log'))


def state(h):
    return ndjson(keytrail('stream', 'list', '--db', h.db, '-o', 'ndjson'))[0]


def run_until_done(h):
    h.start_collector()
    done = wait_for(lambda: state(h)['behind'] == 0, 60, 0.3)
    stop(h.collector)
    check(done, 'the stream is not behind', f'{state(h)}\n{h.log("collector.log")}')


def main():
    if not Postgres.BIN:
        print('SKIP: no PostgreSQL')
        return
    pg = Postgres()
    pg.sql(keytrail('stream', 'schema', 'postgresql').stdout.decode())
    h = House()
    with open(h.path('keytrail.yaml'), 'a') as f:
        f.write(f'streams:\n  pg: {{ type: postgresql, url_file: {h.write("pg.url", pg.url)}, allow_private: true, since: beginning, alerts: false }}\n')
    # A row of two months ago lies outside of months, as one does that came while its month was too far ahead.
    pg.sql("INSERT INTO keytrail.events (id, time, kind) VALUES ('early', now() - interval '60 days', 'audit')")
    check(pg.sql('SELECT count(*) FROM keytrail.events_else') == '1', 'a row without a month')
    now = time.time()
    bring(h, 'year', [vault_pair(rng, now - 86400 * i) for i in range(200)] + [vault_pair(rng, now - 60, secret=long_name())])
    run_until_done(h)
    check(pg.sql("SELECT count(*) FROM keytrail.events WHERE kind = 'access'") == '201', 'all are there, one with a long name too', state(h))
    check(pg.sql('SELECT count(*) FROM keytrail.events_else') == '0', 'nothing lies outside of months, not even what did')
    check(pg.sql("SELECT count(*) FROM keytrail.events WHERE id = 'early'") == '1', 'it moved')
    wrong = pg.sql("SELECT relname, time FROM keytrail.events e JOIN pg_class c ON c.oid = e.tableoid WHERE relname <> 'events_' || to_char(time AT TIME ZONE 'UTC', 'YYYYMM')")
    check(wrong == '', 'each in the month it is of, in UTC', wrong)
    check(state(h)['dead'] == 0, 'no dead letters', state(h))
    # An index that the owner made: what it cannot take is given up alone.
    pg.sql('CREATE INDEX of_the_owner ON keytrail.events (actor)')
    bring(h, 'more', [vault_pair(rng, now - 50 + i, who=long_name() if i == 5 else 'erin') for i in range(10)])
    run_until_done(h)
    check(pg.sql("SELECT count(*) FROM keytrail.events WHERE instance = 'more' AND kind = 'access'") == '9', 'the others went in', state(h))
    check(state(h)['dead'] == 1, 'and one is a dead letter', state(h))
    stop(pg.process)
    finish()


main()
