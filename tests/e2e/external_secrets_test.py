#!/usr/bin/env python3
"""From a Secret in a cluster to the secret of the store that it is a copy of: the log of Vault and the log of the API server, joined by what an
ExternalSecret says; bodies of the log are kept nowhere; a load balancer's address is looked behind."""
from support import *

rng = random.Random(SEED)
h = House()
vault, k8s = h.path('vault.log'), h.path('k8s.log')
ESO, APP = 'system:serviceaccount:external-secrets:external-secrets', 'system:serviceaccount:pay:api'
PLANTED = 'PLANTED-ANNOTATION-1f'
n = 0


def audit(verb, resource, user, name, group=None, sub=None, body=None):
    global n
    n += 1
    ref = {'resource': resource, 'namespace': 'pay', 'name': name, 'apiVersion': 'v1'}
    ref.update({'apiGroup': group} if group else {})
    ref.update({'subresource': sub} if sub else {})
    r = {'kind': 'Event', 'apiVersion': 'audit.k8s.io/v1', 'level': 'RequestResponse' if body else 'Metadata', 'auditID': str(uuid.UUID(int=rng.getrandbits(128), version=4)),
         'stage': 'ResponseComplete', 'requestURI': '/x', 'verb': verb, 'user': {'username': user}, 'sourceIPs': ['203.0.113.9', '10.0.0.2'], 'userAgent': 'go/1',
         'objectRef': ref, 'responseStatus': {'metadata': {}, 'code': 200}}
    if body:
        r['responseObject'] = body
    r.update({'requestReceivedTimestamp': iso(time.time(), 6), 'stageTimestamp': iso(time.time(), 6), 'annotations': {'authorization.k8s.io/decision': 'allow'}})
    with open(k8s, 'a') as f:
        f.write(json.dumps(r) + '\n')


def rows(query):
    p = keytrail('search', query, '--db', h.db, '--since', '@0', '-o', 'ndjson', '-q', ok=False)
    return ndjson(p) if p.returncode == 0 else []


open(vault, 'w').close()
open(k8s, 'w').close()
h.start_collector()
h.allow('a', h.new_key('a'), 'vault/vault-prod,kubernetes/k8s-prod')
h.agent_config('a', [f'{{ id: vault-prod, type: vault, input: tail, path: {vault}, cluster: prod }}',
                     f'{{ id: k8s-prod, type: kubernetes, input: tail, path: {k8s}, cluster: prod, proxies: [10.0.0.0/24], stores: ["vault-backend=vault://prod/-/secret"] }}'])
agent = h.start_agent('a')

# ---- one refresh of the operator: it reads the store, writes the Secret, notes it; then the application reads the copy ----
auth = {'client_token': hmac(rng), 'accessor': hmac(rng), 'display_name': 'kubernetes-external-secrets-external-secrets', 'policies': ['eso'], 'token_type': 'service',
        'metadata': {'role': 'eso', 'service_account_name': 'external-secrets', 'service_account_namespace': 'external-secrets'}}
with open(vault, 'a') as f:
    for l in vault_pair(rng, time.time(), secret='pay/db'):
        r = json.loads(l)
        r['auth'] = auth
        f.write(json.dumps(r) + '\n')
audit('patch', 'externalsecrets', ESO, 'db', 'external-secrets.io', 'status', {
    'metadata': {'name': 'db', 'namespace': 'pay', 'annotations': {'note': PLANTED}},
    'spec': {'secretStoreRef': {'name': 'vault-backend'}, 'target': {'name': 'db-credentials'}, 'data': [{'secretKey': 'password', 'remoteRef': {'key': 'pay/db', 'property': 'password'}}]}})
audit('update', 'secrets', ESO, 'db-credentials')
audit('get', 'secrets', APP, 'db-credentials')
check(wait_for(lambda: rows('source:kubernetes action:read') and rows('source:vault action:read'), 15), 'both logs are stored', h.log('a.log'))

read = rows('secret:k8s://prod/pay/db-credentials action:read')
original = read and read[0].get('shared_id') or (rows('secret:k8s://prod/pay/db-credentials action:read shared_id:vault://prod/-/secret/pay/db') and 'vault://prod/-/secret/pay/db')
check(original == 'vault://prod/-/secret/pay/db', 'a read of the copy names the original', read)
at_store = rows(f'secret:{original} action:read')
check(len(at_store) == 1 and at_store[0]['via'] == 'external-secrets' and at_store[0]['actor'] == 'external-secrets/external-secrets@k8s', 'whose read by the operator is in the store\'s log', at_store)
both = rows('via:external-secrets')
check({(r['source'], r['action']) for r in both} >= {('vault', 'read'), ('kubernetes', 'write')}, 'the operator\'s two hops are found together', both)
check(len(rows(f'shared_id:{original}')) == 2, 'and all that was done to copies of one original', rows('source:kubernetes'))
check({r['ip'] for r in rows('source:kubernetes kind:access')} == {'203.0.113.9'}, 'behind the load balancer is the client', rows('source:kubernetes')[:1])
check(stop(agent) == 0 and stop(h.collector) == 0, 'both end cleanly', h.log('a.log')[-500:])
left = []
for p, d, fs in os.walk(h.dir):
    for f in fs:
        full = os.path.join(p, f)
        if os.path.isfile(full) and full != k8s:
            with open(full, 'rb') as x:
                left += [f] if PLANTED.encode() in x.read() else []
check(left == [] and PLANTED not in str(rows('source:kubernetes')), 'nothing else of a body is kept', left)
finish()
