#!/usr/bin/env python3
"""An agent with two collectors: the first dies, the stand-by gets what it had alone and what comes; the first comes back and gets what it missed. Then
agent and collectors are killed at random; each store has each event once, and so has the PostgreSQL that both stream into."""
from support import *
from databases import Postgres

rng = random.Random(SEED)
print(f'# SEED={SEED}')


def main():
    pg = Postgres()
    pg.sql(keytrail('stream', 'schema', 'postgresql').stdout.decode())
    a, b = House(), House()
    token = a.new_key('a1')
    for h in a, b:
        with open(h.path('keytrail.yaml'), 'a') as f:
            f.write(f'streams:\n  pg: {{ type: postgresql, url_file: {h.write("pg.url", pg.url)}, allow_private: true, since: beginning }}\n')
        h.allow('a1', token)
        h.start_collector()
    config = a.agent_config('a1', [f'{{ id: vault-prod, type: vault, path: {a.path("audit.log")} }}'])
    text = open(config).read()
    key = f'public_key: "{a.server_key}"'
    a.write('a1.yaml', text.replace(key, f'{key}, standby: {{ endpoint: "{b.endpoint}", public_key: "{b.server_key}", after: 30s }}'))
    log = VaultLog(a.path('audit.log'), rng)
    agent = a.start_agent('a1')
    has = lambda h, n, seconds: wait_for(lambda: h.count('kind:access') == n, seconds, 0.3)
    logs = lambda: a.log('a1.log') + a.log('collector.log') + b.log('collector.log')
    status = lambda: json.loads(run(AGENT, 'status', '-c', config, '-o', 'json').stdout)['link']

    def kill(h):
        h.collector.kill()
        h.collector.wait()

    log.write(1000)
    check(has(a, 1000, 20), 'the first has 1,000', logs())
    check(status()['collector'] == 'first' and b.count('kind:access') == 0, 'the stand-by none', status())
    kill(a)
    log.write(500)
    check(has(b, 1500, 75), 'the first is lost: the stand-by gets what the spool keeps, and what comes', logs())
    check(wait_for(lambda: status()['collector'] == 'standby', 5) and status()['endpoint'] == b.endpoint, 'status says so', status())
    check(b'the standby one for' in run(AGENT, 'status', '-c', config).stdout, 'in words, too')
    log.write(500)
    check(has(b, 2000, 20), 'it goes on', logs())
    a.start_collector()
    log.write(100)
    check(has(a, 2100, 90), 'the first is back: it gets what it missed', logs())
    check(wait_for(lambda: status()['collector'] == 'first', 5), 'and is spoken to', status())
    check(a.count('operation:store.restored') + b.count('operation:store.restored') == 0, 'nobody takes that for a restored store')
    for _ in range(how_many_kills(40)):
        victim = rng.randrange(4)
        if victim == 0:
            agent.kill()
            agent.wait()
            agent = a.start_agent('a1')
        elif victim == 1:
            kill(b)
            b.start_collector()
        elif a.collector.poll() is None:
            kill(a)
        else:
            a.start_collector()
        log.write(rng.randrange(100))
        time.sleep(rng.random() * 6)
    if a.collector.poll() is not None:
        a.start_collector()
    check(has(a, log.n, 120), 'after kills of all three the first has each event once', f'{a.count("kind:access")} of {log.n}\n' + logs())
    check(wait_for(lambda: status()['collector'] == 'first', 70), 'the agent is with the first', status())
    kill(a)
    check(has(b, log.n, 120), 'and so has the stand-by', f'{b.count("kind:access")} of {log.n}\n' + logs())
    a.start_collector()
    count = f'{log.n}|{log.n}'
    once = lambda: pg.sql("SELECT count(*), count(DISTINCT about) FROM keytrail.events WHERE kind = 'access'")
    check(wait_for(lambda: once() == count, 60, 0.3), 'PostgreSQL has each event once, of two logs', once())
    check(a.count('operation:store.restored') + b.count('operation:store.restored') == 0, 'and still nobody speaks of a restored store')
    stop(agent)
    for h in a, b:
        stop(h.collector)
        p = keytrail('verify', '--db', h.db, ok=False)
        check(p.returncode == 0, 'the store verifies', p.stdout + p.stderr)
    stop(pg.process)
    finish()


main()
