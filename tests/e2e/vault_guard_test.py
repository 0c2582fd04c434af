#!/usr/bin/env python3
"""What a Vault's log may do to us, and somebody to it: values in the clear are kept nowhere and told by an alert; a disabled audit device, a log that
is emptied or removed, and an address that is a load balancer's are told too."""
from support import *

rng = random.Random(SEED)
h = House()
log, raw = h.path('audit.log'), h.path('raw.log')
VALUE, TOKEN = 'PLANTED-VALUE-5d1e', 'hvs.PLANTEDTOKEN7c'


def status():
    return run(AGENT, 'status', '-c', h.path('a.yaml'), ok=False).stdout.decode()


def alerts():
    p = keytrail('alerts', 'list', '--since', '1d', '--db', h.db, '-o', 'ndjson', ok=False)
    return ndjson(p) if p.returncode == 0 else []


def titles():
    return [a.get('title') or a.get('what') or str(a) for a in alerts()]


def clear(lines):
    """As a device with log_raw=true writes them."""
    out = []
    for l in lines:
        r = json.loads(l)
        r['auth']['client_token'] = r['request']['client_token'] = TOKEN
        r['request']['data'] = {'note': VALUE}
        if 'response' in r:
            r['response']['data'] = {'data': {'password': VALUE, 'api key': VALUE}, 'metadata': {'version': 3}}
            r['response']['wrap_info'] = {'token': TOKEN, 'ttl': 60}
        out.append(json.dumps(r))
    return out


h.start_collector()
h.allow('a', h.new_key('a'), 'vault/vault-prod,vault/vault-raw')
h.agent_config('a', [f'{{ id: vault-prod, type: vault, input: tail, path: {log}, cluster: prod }}',
                     f'{{ id: vault-raw, type: vault, input: tail, path: {raw}, cluster: raw }}'])
v = VaultLog(log, rng)
v.write(20)
with open(raw, 'w') as f:
    for i in range(5):
        f.write('\n'.join(clear(vault_pair(rng, time.time(), secret=f'app/{i}'))) + '\n')
    f.write(clear(vault_pair(rng, time.time()))[0][:-40] + '\n')  # torn: it goes to the quarantine
agent = h.start_agent('a')

# ---- values in the clear ----
check(wait_for(lambda: h.count('instance:vault-raw kind:access') == 5, 15), 'accesses of a raw device are stored', status())
check(wait_for(lambda: 'log_raw=true' in status(), 10), 'status says that it is raw', status())
check(wait_for(lambda: any('in the clear' in t for t in titles()), 20), 'an alert tells a person', titles())

# ---- a device is disabled ----
with open(log, 'a') as f:
    pair = vault_pair(rng, time.time(), who='mallory', operation='delete', path='sys/audit/file', mount_point='sys/', mount_type='system')
    r = json.loads(pair[1])
    r['response'] = {'mount_type': 'system'}
    f.write(pair[0] + '\n' + json.dumps(r) + '\n')
check(wait_for(lambda: any('disabled an audit device' in t and 'mallory' in t for t in titles()), 20), 'a disabled audit device is a critical alert', titles())

# ---- a log that is emptied, then one that is gone ----
time.sleep(1.2)
os.truncate(log, 0)
check(wait_for(lambda: 'no copy of what it held is beside it' in status(), 15), 'a log that was emptied is told', status())
os.unlink(raw)
check(wait_for(lambda: 'no file is there' in status(), 20), 'a log that was removed is told', status())

# ---- the load balancer ----
with open(log, 'a') as f:
    for i in range(40):
        f.write('\n'.join(vault_pair(rng, time.time(), who=f'person{i}', address='10.9.9.9')) + '\n')
check(wait_for(lambda: 'x_forwarded_for_authorized_addrs' in status(), 15), 'an address that is a load balancer\'s is told, with the setting', status())
check('10.9.9.9' in status(), 'and which it is', status())

# ---- nothing of it anywhere ----
check(stop(agent) == 0, 'the agent ends cleanly', h.log('a.log')[-500:])
original = keytrail('search', 'instance:vault-raw', '--db', h.db, '--since', '@0', '-o', 'ndjson', '-q').stdout
check(VALUE.encode() not in original and TOKEN.encode() not in original, 'no value is shown')
check(stop(h.collector) == 0, 'the collector ends')
left = []
for p, d, fs in os.walk(h.dir):
    for f in fs:
        full = os.path.join(p, f)
        if os.path.isfile(full) and full not in (log, raw):
            with open(full, 'rb') as x:
                text = x.read()
            left += [f for w in (VALUE, TOKEN) if w.encode() in text]
check(left == [], 'no value is in any file: spool, store, logs', left)
finish()
