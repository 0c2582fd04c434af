#!/usr/bin/env python3
"""`keytrail-agent source`: lists what there is, shows what each record of a sample becomes, names the bad line; a mapping through
`import`, and through an agent, whose reload refuses a broken one."""
import json, os, shutil, signal
from support import *

d = folder()
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../..')
INFISICAL = os.path.join(ROOT, 'agents/sources/mappings/infisical.yaml')


def agent(*args, code):
    p = run(AGENT, *args, ok=False)
    check(p.returncode == code, f'source {" ".join(os.path.basename(a) for a in args[1:])}: exit {code}', (p.returncode, p.stderr, p.stdout))
    return p.stdout.decode(), p.stderr.decode()


def write(name, text):
    path = os.path.join(d, name)
    with open(path, 'w') as f:
        f.write(text)
    os.chmod(path, 0o600)
    return path


def record(n, **more):
    return json.dumps(dict({
        'id': f'8e1d0c52-7a7e-4f8e-9f57-{n:012d}', 'actor': 'user', 'actorMetadata': {'userId': 'u-1', 'email': 'Alice@Example.com'},
        'ipAddress': '203.0.113.40', 'eventType': 'reveal-secret', 'userAgent': 'Mozilla/5.0', 'projectId': 'p-1',
        'eventMetadata': {'environment': 'prod', 'secretPath': '/pay', 'secretKey': 'DB_URL', 'secretVersion': 7, 'secretValue': 'invented-value'},
        'createdAt': '2026-03-02T07:14:05.123Z'}, **more)) + '\n'


out, _ = agent('source', 'list', code=0)
check(all(w in out for w in ('vault', 'mapping', 'tail', 'socket')), 'the list has sources and inputs', out)
out, _ = agent('source', 'list', '-o', 'json', code=0)
check({'source', 'input'} == {r['kind'] for r in json.loads(out)}, 'as JSON too', out)

good = write('good.jsonl', record(1))
out, err = agent('source', 'test', INFISICAL, good, code=0)
want = ['line 1    read  reveal-secret', '  who      alice@example.com  human', '  what     infisical://p-1/prod/pay/DB_URL  7',
        '  when     2026-03-02T07:14:05.123000000Z', '  where    203.0.113.40  Mozilla/5.0', '  outcome  success']
check(out.splitlines() == want, 'one aligned block a record', out)
check('1 events' in err, 'the sum is on stderr', err)

bad = write('bad.jsonl', record(1) + '{"level":"info","msg":"started"}\n' + record(3)[:-20] + '\n' + record(4))
out, _ = agent('source', 'test', INFISICAL, bad, code=1)
check("line 2    quarantined" in out and "neither 'operation' nor 'time'" in out, 'the bad line is named, with the reason', out)
check(out.count('quarantined') == 2 and out.count('reveal-secret') == 2, 'what stands around bad lines is read', out)
check('invented-value' not in out, 'no value is shown', out)

out, _ = agent('source', 'test', 'vault', write('v.log', '{"time":"2026-03-02T07:14:05Z","type":"request","request":{"id":"a-1","operation":"read","path":"sys/health"}}\n'), code=0)
check('line 1' in out, 'any type can be tested', out)
_, err = agent('source', 'test', 'valut', good, code=3)
check("did you mean 'vault'?" in err, 'a wrong type names the nearest', err)
_, err = agent('source', 'test', 'mapping', good, code=3)
check("needs 'mapping'" in err, 'a mapping needs its file', err)
_, err = agent('source', 'test', write('m.yaml', 'name: x\ntime: t\noperation: o\nactr: u\n'), good, code=3)
check("m.yaml:4:1: unknown key 'actr', did you mean 'actor'?" in err, 'a mistake in a mapping has its place', err)
_, err = agent('source', 'test', INFISICAL, os.path.join(d, 'none'), code=3)
check('there is no' in err, 'a missing sample is said', err)
agent('source', 'tset', code=2)

db = os.path.join(d, 'one.db')
p = keytrail('import', '--db', db, '--source', 'mapping', '--mapping', INFISICAL, '--instance', 'infisical', bad, '-o', 'json')
r = json.loads(p.stdout)
check((r['read'], r['stored'], r['quarantined']) == (4, 2, 2), 'import takes a mapping', r)
rows = [json.loads(l) for l in keytrail('search', 'source:mapping kind:access', '--db', db, '--since', '@0', '-o', 'ndjson').stdout.splitlines()]
check(len(rows) == 2 and all(x['actor'] == 'alice@example.com' and x['instance'] == 'infisical' for x in rows), 'and its events are found', rows)
check(keytrail('import', '--db', db, '--source', 'mapping', good, ok=False).returncode == 3, 'import without one refuses')
h = House()
mapping, log = h.path('infisical.yaml'), h.path('infisical.jsonl')
shutil.copy(INFISICAL, mapping)
with open(log, 'w') as f:
    f.writelines(record(n) for n in range(100, 150))
h.allow('app-host', h.new_key('app-host'), 'mapping/infisical')
h.agent_config('app-host', [f'{{ id: infisical, type: mapping, mapping: {mapping}, input: tail, path: {log} }}'])
h.start_collector()
child = h.start_agent('app-host')
check(wait_for(lambda: h.count('instance:infisical actor:alice@example.com secret:infisical://p-1/prod/pay/DB_URL') == 50), 'an agent reads by a mapping', h.log('app-host.log'))
with open(mapping, 'a') as f:
    f.write('actr: u\n')
child.send_signal(signal.SIGHUP)
check(wait_for(lambda: "did you mean 'actor'?" in h.log('app-host.log')), 'a reload names the mistake in a mapping', h.log('app-host.log'))
with open(log, 'a') as f:
    f.writelines(record(n) for n in range(150, 160))
check(wait_for(lambda: h.count('instance:infisical action:read') == 60) and child.poll() is None, 'and the old one stays in force', h.log('app-host.log'))
stop(child)
stop(h.collector)
finish()
