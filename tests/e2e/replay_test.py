#!/usr/bin/env python3
"""As then: a collector whose configuration changes and that dies in between stores the same alerts, byte for byte, and the same state as `keytrail replay`
makes of its log later (DESIGN §7). What if: other settings say so and give others."""
import random, signal
from support import *

rng = random.Random(SEED)
h = House()
audit = VaultLog(h.path('audit.log'), rng)
ident = 'networks: [ { name: office, cidr: ["198.51.100.0/24"] } ]\n'


def configs():
    return h.count('kind:config operation:config')


def change(text):
    """A changed file, by SIGHUP; in force when it is in the log."""
    before = configs()
    h.write('keytrail.yaml', plain + text)
    h.collector.send_signal(signal.SIGHUP)
    check(wait_for(lambda: configs() > before), 'a changed configuration is in the log', h.log('collector.log'))


def canary(glob, allow=None):
    return f'canaries: [ {{ secret: "{glob}"' + (f', allow: ["{allow}"]' if allow else '') + ' } ]\n'


def read(secret, who, count=1):
    audit.write(count, secret=secret, who=who)
    check(wait_for(lambda: h.count('instance:vault-prod') == audit.n), f'{who} reads {secret}', h.log('collector.log'))


def die():
    h.collector.kill()
    h.collector.wait()
    h.start_collector()


h.allow('vault-host', h.new_key('vault-host'), 'vault/vault-prod')
h.agent_config('vault-host', [f'{{ id: vault-prod, type: vault, input: tail, path: {audit.path} }}'])
open(audit.path, 'w').close()
plain = open(h.path('keytrail.yaml')).read()
h.start_collector()
agent = h.start_agent('vault-host')
read('app/trap', 'dana', 20)                                             # nobody watches it yet
change(canary('**app/trap') + ident)
read('app/trap', 'erik')                                                 # told
die()
read('app/trap', 'finn')                                                 # told
change(canary('**app/trap', 'gina*') + 'detectors: { volume_spike: { floor_5m: 30 } }\n')
read('app/trap', 'gina')                                                 # allowed
die()
read('app/trap', 'hugo')                                                 # told
change(ident)
read('app/trap', 'iris', 20)                                             # no longer watched
check(stop(h.collector) == 0, 'a clean stop', h.log('collector.log'))
stop(agent)


def stored():
    lines = keytrail('alerts', 'list', '--db', h.db, '-o', 'ndjson').stdout.decode().splitlines()
    return sorted(l for l in lines if json.loads(l)['detector'] != 'self')


def replay(*argv):
    return keytrail('replay', '--db', h.db, *argv)


def lines(p):
    return sorted(p.stdout.decode().splitlines())


then = replay('-o', 'ndjson', '--digest')
check(len(stored()) == 3, 'three readers were told of', '\n'.join(stored()))
check(lines(then) == stored(), 'as then: the stored alerts, byte for byte', '\n'.join(lines(then) + ['--'] + stored()))
check(b'as then: with the 4 configurations that the log records' in then.stderr, 'and says so', then.stderr.decode())

h.write('keytrail.yaml', plain + canary('**app/trap'))
what = replay('-c', h.path('keytrail.yaml'), '-o', 'ndjson')
check(len(lines(what)) == 6, 'what if: watched from the beginning, all six are told of', what.stdout.decode())
check(b'what if: ' in what.stderr and b'differs from what is recorded: networks, canaries' in what.stderr, 'and names what differs', what.stderr.decode())
for key, value in [('not_production', '["x/*"]'), ('break_glass', '["y/*"]'), ('production', '["z/*"]'),
                   ('deploys', '[ { actor: "svc-ci*", from: "2026-01-01T00:00:00Z", until: "2026-01-01T01:00:00Z", reason: r, by: b } ]')]:
    h.write('other.yaml', f'{plain}{ident}{key}: {value}\n')
    what = replay('-c', h.path('other.yaml'), '-o', 'ndjson')
    check(f'differs from what is recorded: {key}\n'.encode() in what.stderr, f'and {key}', what.stderr.decode())
for side, name in [('one', 'alice'), ('two', 'bob')]:
    os.makedirs(h.path(side), exist_ok=True)
    h.write(f'{side}/ids.yaml', f'identities: [ {{ name: {name}@x.example, kind: human }} ]\n')
    h.write(f'{side}/keytrail.yaml', 'identities_file: ids.yaml\n')
two = json.loads(replay('--compare', h.path('one/keytrail.yaml'), h.path('two/keytrail.yaml'), '-o', 'json').stdout)
check(two['differs'] == 'identities_file', 'identities differ by their text', two['differs'])
two = json.loads(replay('--compare', h.path('one/keytrail.yaml'), h.path('one/keytrail.yaml'), '-o', 'json').stdout)
check(two['differs'] == '', 'and the same ones do not', two['differs'])
what = replay('--set', 'volume_spike.floor_5m=77', '-o', 'ndjson')
check(lines(what) == stored(), 'another setting, on top of what was recorded')
check(b'volume_spike.floor_5m 20 -> 77' in what.stderr, 'and names it', what.stderr.decode())

both = json.loads(replay('--compare', 'then', h.path('keytrail.yaml'), '-o', 'json').stdout)
total = both['detectors'][-1]
check((total['a'], total['b'], total['gained'], total['lost']) == (3, 6, 3, 0), 'compare: three more', json.dumps(total))
check(sorted(a['subject'].split('@')[0] for a in both['alerts']) == ['dana', 'gina', 'iris'] and {a['change'] for a in both['alerts']} == {'gained'}, 'and whose', json.dumps(both['alerts']))
table = replay('--compare', f'{h.path("keytrail.yaml")}', 'then,volume_spike.floor_5m=30').stdout.decode()
check(table.count('\nlost ') == 3 and 'signatures' in table, 'the other way round they are lost', table)
check(keytrail('replay', '--db', h.db, '--compare', 'then', ok=False).returncode == 2, 'a comparison takes two')
wrong = keytrail('replay', '--db', h.db, '--set', 'volume_spik.floor_5m=3', ok=False)
check(wrong.returncode == 2 and b"did you mean 'volume_spike'" in wrong.stderr, 'a detector that is not there is named', wrong.stderr.decode())
check(len(lines(replay('--since', '1d', '-o', 'ndjson'))) == 3 and len(lines(replay('--until', '1d', '-o', 'ndjson'))) == 0, 'a window limits what is shown')

# ---- rules: their texts are in the log ----
RULE = 'title: Somebody reads the %s\nlogsource: {product: keytrail}\ndetection: {s: {secret|endswith: /%s}, condition: s}\nlevel: high\n'
os.mkdir(h.path('rules'))
h.write('rules/one.yml', RULE % ('ledger', 'ledger'))
h.write('keytrail.yaml', plain + ident + 'rules: [rules]\n')
h.start_collector()
agent = h.start_agent('vault-host')
read('app/ledger', 'jane')                                               # told
die()
h.write('rules/one.yml', RULE % ('vault', 'vault'))                      # the same keytrail.yaml, another rule
change(ident + 'rules: [rules]\n')
read('app/ledger', 'kurt')                                               # no longer
read('app/vault', 'lena')                                                # told
check(stop(h.collector) == 0, 'a clean stop', h.log('collector.log'))
stop(agent)
os.remove(h.path('rules/one.yml'))
then = replay('-o', 'ndjson')
told = [l for l in stored() if json.loads(l)['detector'] == 'sigma']
check(len(told) == 2 and 'jane' in told[0] + told[1] and 'lena' in told[0] + told[1], 'rules tell', '\n'.join(stored()))
check(lines(then) == stored(), 'as then: each by the rules of its time, of which no file is left', '\n'.join(lines(then) + ['--'] + stored()))
h.write('rules/one.yml', RULE % ('ledger', 'ledger'))
h.write('keytrail.yaml', plain + ident + 'rules: [rules]\n')
what = replay('-c', h.path('keytrail.yaml'), '-o', 'ndjson')
check(b'differs from what is recorded: rules\n' in what.stderr, 'what if: another text of a rule is named', what.stderr.decode())
h.write('keytrail.yaml', plain + ident)
check(not [l for l in lines(replay('-c', h.path('keytrail.yaml'), '-o', 'ndjson')) if json.loads(l)['detector'] == 'sigma'], 'what if: without rules')
finish()
