#!/usr/bin/env python3
"""SIGHUP to the collector: a changed configuration is in force without a restart and is in the log; a broken or unusable one leaves the old one in force;
nothing is lost meanwhile (INTERFACE §2)."""
import json, random, signal, socket
from support import *

rng = random.Random(SEED)
h = House()
audit = VaultLog(h.path('audit.log'), rng)


def day(n):
    return time.strftime('%Y-%m-%d', time.gmtime(time.time() + n * 86400))


def records(query):
    return ndjson(keytrail('search', query, '--db', h.db, '--since', '@0', '-o', 'ndjson', '-q'))


def configs():
    return [r for r in records('kind:config operation:config')]


def hup(text):
    h.write('keytrail.yaml', text)
    h.collector.send_signal(signal.SIGHUP)


h.allow('vault-host', h.new_key('vault-host'), 'vault/vault-prod')
h.agent_config('vault-host', [f'{{ id: vault-prod, type: vault, input: tail, path: {audit.path} }}'])
audit.write(200)
h.start_collector()
agent = h.start_agent('vault-host')
check(wait_for(lambda: h.count('instance:vault-prod') == audit.n), 'records arrive')
good = open(h.path('keytrail.yaml')).read()
check(len(configs()) == 1, 'the configuration of the start is in the log')

h.collector.send_signal(signal.SIGHUP)
audit.write(50)
check(wait_for(lambda: h.count('instance:vault-prod') == audit.n) and len(configs()) == 1, 'an unchanged file changes nothing', h.log('collector.log'))
check(wait_for(lambda: 'and its keys are as before' in h.log('collector.log')), 'and that is said: after a refused one somebody waits for it', h.log('collector.log'))

windows = ''.join(f'  - {{ source: {s}, from: {day(f)}, until: {day(u)} }}\n' for s, f, u in (('vault-prdo', -1, 2), ('elsewhere', 1, 2), ('vault-prod', 1, 2), ('vault-host', 1, 2), ('was-once', -2, -1)))
hup(good + 'networks: [ { name: office, cidr: ["198.51.100.0/24"] } ]\nmaintenance:\n' + windows)
audit.write(50)
check(wait_for(lambda: len(configs()) == 2), 'a changed file is in force, and in the log', h.log('collector.log'))
check(wait_for(lambda: h.count('instance:vault-prod') == audit.n), 'and the agent goes on', h.log('collector.log') + h.log('vault-host.log'))
check(h.collector.poll() is None, 'in the same process')
UNKNOWN = ["maintenance: no source or agent 'vault-prdo' is known here, did you mean 'vault-prod'?", "maintenance: no source or agent 'elsewhere' is known here"]
told = [l[l.index('maintenance: '):] for l in h.log('collector.log').splitlines() if 'maintenance: ' in l]
check(told == UNKNOWN, 'work that is announced on a source that nobody has is told, with the nearest', told)
said = keytrail('config', 'check', '-c', h.path('keytrail.yaml')).stdout.decode()
check([l.strip() for l in said.splitlines() if 'maintenance' in l] == UNKNOWN, 'by config check too', said)
shown = records('kind:config operation:config')[-1]
check('office' in json.dumps(shown), 'the record holds the new text', json.dumps(shown)[:600])

hook = h.write('hook.key', keytrail('notify', 'keygen').stdout.decode())
h.write('hook.url', 'https://hooks.example.com/a')
good += f"alerts: {{ targets: {{ siem: {{ type: webhook, url_file: {h.path('hook.url')}, secret_file: {hook} }} }} }}\n"
hup(good)
check(wait_for(lambda: len(configs()) == 3), 'a target is in force', h.log('collector.log'))
h.write('hook.url', 'no URL at all')
h.collector.send_signal(signal.SIGHUP)
check(wait_for(lambda: 'its keys stay in force' in h.log('collector.log')), 'a file of keys that cannot be used is named and refused', h.log('collector.log'))
secret = keytrail('notify', 'keygen').stdout.decode()
for name, text in (('hook.key', secret), ('hook.url', 'https://hooks.example.com/b')):
    n = h.log('collector.log').count('a file of keys')
    h.write('hook.url', 'https://hooks.example.com/a') if name == 'hook.key' else None
    h.write(name, text)
    h.collector.send_signal(signal.SIGHUP)
    check(wait_for(lambda: h.log('collector.log').count('a file of keys') == n + 1), f'{name} is exchanged in place, and taken', h.log('collector.log'))
    audit.write(50)
    check(wait_for(lambda: h.count('instance:vault-prod') == audit.n), 'and the agent goes on', h.log('collector.log') + h.log('vault-host.log'))
check(secret.split()[-1] not in h.log('collector.log') and 'example.com/b' not in h.log('collector.log'), 'their contents are in no log', h.log('collector.log'))
configs_now = len(configs())

hup(good + 'netwroks: []\n')
check(wait_for(lambda: 'the old configuration stays in force' in h.log('collector.log')), 'a broken file is named and refused', h.log('collector.log'))
hup('')
check(wait_for(lambda: 'is empty' in h.log('collector.log')) and h.collector.poll() is None, 'a file that is just being written is not taken for one of defaults', h.log('collector.log')[-800:])
audit.write(50)
check(wait_for(lambda: h.count('instance:vault-prod') == audit.n) and len(configs()) == configs_now, 'and the old one stays')

with socket.socket() as taken:
    taken.bind(('127.0.0.1', 0))
    taken.listen(1)
    hup(good.replace(f':{h.port}"', f':{taken.getsockname()[1]}"') + 'networks: []\n')
    check(wait_for(lambda: 'going on with the one before' in h.log('collector.log')), 'one that cannot be used is dropped for the one before', h.log('collector.log'))
    audit.write(50)
    check(wait_for(lambda: h.count('instance:vault-prod') == audit.n), 'and the agent goes on', h.log('collector.log') + h.log('vault-host.log'))

before = len(configs())
hup(good + 'networks: [ { name: office, cidr: ["198.51.100.0/24"] } ]\n')
check(wait_for(lambda: len(configs()) > before), 'a changed file is in force again', h.log('collector.log'))
h.collector.send_signal(signal.SIGSTOP)  # both signals wait, and one turn takes them
h.write('keytrail.yaml', good)
for s in (signal.SIGHUP, signal.SIGTERM, signal.SIGCONT):
    h.collector.send_signal(s)
check(wait_for(lambda: h.collector.poll() is not None) and h.collector.poll() == 0, 'told to reload and to stop at once it stops, cleanly', h.log('collector.log'))
ids = [r['native_id'] for r in records('instance:vault-prod')]
check(len(ids) == len(set(ids)) == audit.n, 'every record once')
check(keytrail('verify', '--db', h.db, ok=False).returncode == 0, 'the tree verifies')
stop(agent)
finish()
