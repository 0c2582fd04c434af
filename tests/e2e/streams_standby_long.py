#!/usr/bin/env python3
"""A collector is lost with its disk; the stand-by of the same keys takes its address. Agents send again what they still hold, both have streamed
into one PostgreSQL, and each event is there once."""
from support import *
from databases import Postgres

rng = random.Random(SEED)
print(f'# SEED={SEED}')


def main():
    pg = Postgres()
    pg.sql(keytrail('stream', 'schema', 'postgresql').stdout.decode())
    h = House()
    with open(h.path('keytrail.yaml'), 'a') as f:
        f.write(f'streams:\n  pg: {{ type: postgresql, url_file: {h.write("pg.url", pg.url)}, allow_private: true, since: beginning }}\n')
    h.allow('a1', h.new_key('a1'))
    h.agent_config('a1', [f'{{ id: vault-prod, type: vault, path: {h.path("audit.log")} }}'])
    log = VaultLog(h.path('audit.log'), rng)
    log.write(2000)
    h.start_collector()
    h.start_agent('a1')
    check(wait_for(lambda: h.count('kind:access') == 2000, 30, 0.3), 'the first collector has 2,000')
    check(wait_for(lambda: pg.sql("SELECT count(*) FROM keytrail.events WHERE kind = 'access'") == '2000', 30, 0.3), 'and so has PostgreSQL')
    log.write(500)
    time.sleep(0.3)
    h.collector.kill()
    h.collector.wait()
    for name in os.listdir(h.dir):  # the machine is gone; the stand-by has the keys and the list of agents
        if name.startswith('keytrail.db') or name == 'control.sock':
            os.unlink(h.path(name))
    log.write(1500)
    h.start_collector()
    check(wait_for(lambda: h.count('kind:access') == 4000, 60, 0.3), 'the stand-by gets all of it again', h.log('a1.log') + h.log('collector.log'))
    done = wait_for(lambda: pg.sql("SELECT count(*) FROM keytrail.events WHERE kind = 'access'") == '4000', 60, 0.3)
    once = pg.sql("SELECT count(*), count(DISTINCT about) FROM keytrail.events WHERE kind = 'access'")
    check(done and once == '4000|4000', 'PostgreSQL has each event once, of two logs', once)
    check(pg.sql('SELECT count(DISTINCT log) FROM keytrail.events') == '2', 'and says which log each came by')
    stop(h.collector)
    with_streams = open(h.path('keytrail.yaml')).read()
    state = lambda: [(r['stream'], r['state'], r['delivered']) for r in ndjson(keytrail('stream', 'list', '--db', h.db, '-o', 'ndjson'))]
    h.write('keytrail.yaml', with_streams.split('streams:')[0])
    h.start_collector()
    log.write(100)
    wait_for(lambda: h.count('kind:access') == 4100, 30, 0.3)
    check([s[:2] for s in state()] == [('pg', 'off')], 'a stream that is not configured is off', state())
    stop(h.collector)
    h.write('keytrail.yaml', with_streams)
    h.start_collector()
    check(wait_for(lambda: pg.sql("SELECT count(*) FROM keytrail.events WHERE kind = 'access'") == '4100', 30, 0.3), 'and goes on where it was', state())
    check([s[:2] for s in state()] == [('pg', 'running')], 'when it is configured again', state())
    stop(h.collector)
    stop(pg.process)
    finish()


main()
