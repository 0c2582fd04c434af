#!/usr/bin/env python3
"""Who may not speak is not heard (THREATS N1-N6): unknown keys, another's name, another's instance, revoked keys; the good agent goes on."""
import json, random, time
from support import *

rng = random.Random(SEED)
h = House()
h.start_collector()
good_log, bad_log = h.path('good.log'), h.path('bad.log')
n = 0


def write(path, count, tag):
    global n
    with open(path, 'a') as f:
        for _ in range(count):
            n += 1
            f.write('\n'.join(vault_pair(rng, time.time(), secret=f'{tag}/s{n}')) + '\n')


def source(instance, path):
    return f'{{ id: {instance}, type: vault, input: tail, path: {path} }}'


h.allow('good', h.new_key('good'), 'vault/vault-prod')
h.agent_config('good', [source('vault-prod', good_log)])
write(good_log, 100, 'good')
good = h.start_agent('good')
check(wait_for(lambda: h.count('instance:vault-prod') == 100), 'the good agent is heard', h.log('good.log') + h.log('collector.log'))

h.new_key('unknown')
h.agent_config('unknown', [source('vault-prod', bad_log)])
h.allow('other', h.new_key('other'), 'vault/vault-test')
h.agent_config('other', [source('vault-prod', bad_log)])            # another agent's instance
h.new_key('liar')
h.agent_config('liar', [source('vault-prod', bad_log)], agent='good')  # another agent's name, own key
h.new_key('wrongserver')
h.agent_config('wrongserver', [source('vault-x', bad_log)], server_key='rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7')
write(bad_log, 50, 'evil')
bad = [h.start_agent(a) for a in ('unknown', 'other', 'liar', 'wrongserver')]
write(good_log, 100, 'good')
check(wait_for(lambda: h.count('instance:vault-prod') == 200), 'the good agent is undisturbed', h.count('instance:vault-prod'))
time.sleep(3)
check(h.count('secret:*evil*') + h.count('"evil/s"') == 0, 'nothing of four strangers is stored')
alarm = json.loads(keytrail('search', 'kind:audit', '--db', h.db, '--since', '@0', '-o', 'json').stdout)
check(any('identity' in json.dumps(a) for a in alarm), 'the attempt on another agent\'s instance is recorded', alarm[-3:])
for p in bad:
    check(p.poll() is None, 'a refused agent keeps its data and waits')
    stop(p)

keytrail('agent', 'revoke', 'good', '-c', h.path('keytrail.yaml'))
write(good_log, 50, 'late')
time.sleep(3)
check(h.count('"late/s"') == 0, 'a revoked key\'s next message is refused', h.count('"late/s"'))
p = keytrail('agent', 'list', '-c', h.path('keytrail.yaml'))
check(b'revoked' in p.stdout, 'agent list says revoked', p.stdout)
stop(good)
check(stop(h.collector) == 0, 'the collector ends cleanly')
finish()
