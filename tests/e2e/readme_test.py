#!/usr/bin/env python3
"""What the README promises: its links lead somewhere, its configuration lines load, its commands run, the way it connects a source works."""
import json, os, random, re, time
from support import *

root = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../..')
readme = open(os.path.join(root, 'README.md')).read()
for name in ('README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'SECURITY.md'):
    text = open(os.path.join(root, name)).read()
    gone = [l for l in re.findall(r'\]\(([^)#:]+)\)', text) if not os.path.exists(os.path.join(root, l))]
    named = [l for l in re.findall(r'`((?:core|agents|collector|detectors|exporters|cli|docs|tests)/[\w./-]+\.\w+)`', text) if not os.path.exists(os.path.join(root, l)) and '/x.' not in l]
    check(not gone and not named, f'{name}: every link and file it names is there', gone + named)
check('SESSION' not in readme, 'the terminal session is a real one')
for target in re.findall(r'^make (\w[\w-]*)', readme, re.M):
    check(re.search(rf'^{target}:', open(os.path.join(root, 'Makefile')).read(), re.M), f'make {target} exists')

d = folder()
keytrail('init', d)
check(oct(os.stat(os.path.join(d, 'keys')).st_mode & 0o777) == '0o700', 'init makes a key folder for its owner alone')
check(all(os.stat(os.path.join(d, 'keys', k)).st_mode & 0o077 == 0 for k in os.listdir(os.path.join(d, 'keys'))), 'and keys nobody else can read')
for f in ('keytrail.yaml', 'agent.yaml'):
    p = keytrail('config', 'check', '-c', os.path.join(d, f), ok=False)
    check(p.returncode == 0, f'{f} of init passes config check', p.stderr)
again = keytrail('init', d, ok=False)
check(again.returncode != 0, 'init never overwrites', again.stderr)

h = House()
sources = re.findall(r'`- (\{ id: [^`]+\})`', readme)
check(len(sources) >= 2, 'the README shows how to connect each source', sources)
h.new_key('x')
h.agent_config('x', sources)
p = keytrail('config', 'check', '-c', h.path('x.yaml'), ok=False)
check(p.returncode == 0, 'its source lines load', p.stderr)
block = re.search(r'```yaml\n(alerts:.*?)```', readme, re.S)[1]
for f, v in (('slack.url', 'https://hooks.slack.com/services/T/B/x'), ('pagerduty.key', '0' * 32), ('siem.url', 'https://siem.example.com/hook'), ('siem.whsec', 'whsec_' + 'A' * 43 + '=')):
    block = block.replace('/etc/keytrail/' + f, h.write(f, v))
h.write('alerts.yaml', open(h.path('keytrail.yaml')).read() + block)
p = keytrail('config', 'check', '-c', h.path('alerts.yaml'), ok=False)
check(p.returncode == 0, 'its alert targets load', p.stderr)

# The walk of "Connect your sources".
rng = random.Random(1)
h.start_collector()
log = h.path('audit.log')
with open(log, 'w') as f:
    f.write('\n'.join(vault_pair(rng, time.time())) + '\n')
p = h.allow('vault-host-1', h.new_key('vault-host-1'), 'vault/vault-prod')
check(b'the running collector has read the list again' in p.stdout, 'agent add reaches the running collector', p.stdout)
h.agent_config('vault-host-1', [f'{{ id: vault-prod, type: vault, input: tail, path: {log} }}'])
agent = h.start_agent('vault-host-1')
check(wait_for(lambda: h.count('secret:vault://vault-prod/-/secret/app/db') == 1), 'a read appears in search', h.log('vault-host-1.log') + h.log('collector.log'))
p = run(AGENT, 'status', '-c', h.path('vault-host-1.yaml'), ok=False)
check(p.returncode == 0 and b'vault-prod' in p.stdout, 'keytrail-agent status shows the source', p.stdout + p.stderr)
p = keytrail('agent', 'list', '-c', h.path('keytrail.yaml'), '-o', 'json')
check(json.loads(p.stdout)[0]['name'] == 'vault-host-1', 'agent list shows the agent', p.stdout)
check(stop(agent) == 0 and stop(h.collector) == 0, 'both end cleanly on SIGTERM')

for command in re.findall(r'^  (\w+)', keytrail('--help').stdout.decode().split('example:')[0], re.M):
    if command in ('version',):
        continue
    p = keytrail(command, '--help', ok=False)
    check(p.returncode == 0 and b'example:' in p.stdout, f'keytrail {command} --help has an example', p.stdout + p.stderr)
finish()
