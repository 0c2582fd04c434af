#!/usr/bin/env python3
"""`config check` finds what would go wrong, with its place and the nearest word."""
import pwd
from support import *

d = folder()
keytrail('init', d)
me = pwd.getpwuid(os.geteuid()).pw_name
said = keytrail('init', os.path.join(d, 'other'), '--owner', me).stdout.decode()
check('systemctl' not in said and f'sudo -u {me} keytrail collector -c {d}/other/keytrail.yaml' in said, 'the units are not named for a folder that they do not read', said)


def write(name, text, mode=0o600):
    path = os.path.join(d, name)
    with open(path, 'w') as f:
        f.write(text)
    os.chmod(path, mode)
    return path


def refused(text, *says, mode=0o600):
    p = keytrail('config', 'check', '-c', write('t.yaml', text, mode), ok=False)
    said = p.stderr.decode()
    check(p.returncode == 1 and all(s in said for s in says), f'refused: {says[0]}', f'exit {p.returncode}: {said}{p.stdout.decode()}')


BASE = 'store: { path: k.db }\ncollector: { listen: "tcp://127.0.0.1:0", key_file: keys/collector.key, agents_dir: agents.d, control: c.sock }\n'
AGENT_BASE = 'agent: a\ncollector: { endpoint: "tcp://c.example:7420", public_key: "<40 characters, Z85>" }\nkey_file: keys/agent.key\n'

refused(BASE + 'netwroks: []\n', "t.yaml:3:1: unknown key 'netwroks', did you mean 'networks'?")
refused(BASE + 'alerts: { targets: { s: { type: slack, url_fil: /x } } }\n', "t.yaml:3:40: unknown key 'url_fil', did you mean 'url_file'?")
refused(BASE + 'alerts: { targets: { s: { type: slak, url_file: /x } } }\n', "t.yaml:3:22: target 's': there is no type 'slak', did you mean 'slack'?")
refused(BASE + 'alerts: { targets: { s: { type: slack, url: https://hooks.slack.example/SECRET } } }\n', "url_file")
refused(BASE + 'detectors: { volume_spike: { flor_5m: 20 } }\n', "did you mean 'floor_5m'")
refused(BASE + 'detectors: { volume_spik: { floor_5m: 20 } }\n', "t.yaml:3:14: unknown detector 'volume_spik', did you mean 'volume_spike'?")
refused(BASE.replace('k.db', '[1, 2]'), "t.yaml:1:16: 'path' takes one value")
refused(BASE.replace('tcp:', 'ipc:'), 'write tcp://')
refused(BASE, 'can be written by anybody', mode=0o666)
refused('store: { path: k.db, retention: 30d }\n', 'at least 365d')
refused(AGENT_BASE + 'sources: [ { id: v, type: valut, input: tail, path: /x } ]\n', "source 'v': there is no type 'valut'")
refused(AGENT_BASE + 'sources: [ { id: v, type: mapping, input: tail, path: /x } ]\n', "source 'v': type 'mapping' needs 'mapping'")
refused(AGENT_BASE + 'sources: [ { id: v, type: vault, input: tail, path: /x, mapping: m.yaml } ]\n', "type 'vault' knows its records")
refused(AGENT_BASE + 'sources: [ { id: v, type: vault, input: tale, path: /x } ]\n', "source 'v': there is no input 'tale'")
refused(AGENT_BASE.replace('<40 characters, Z85>', 'short'), '40 characters of Z85')

K8S = AGENT_BASE + 'sources: [ { id: k, type: kubernetes, input: tail, path: /x, %s } ]\n'
p = keytrail('config', 'check', '-c', write('p.yaml', K8S % 'proxies: [10.0.0.0/24], stores: ["vault-backend=vault://prod/-/secret"], poll: 2s'))
check(p.returncode == 0, 'a source has options of its own beside those of its input', p.stderr)
refused(K8S % 'proxies: [10.0.0.1/24]', 'proxies')
refused(K8S % 'stores: [vault-backend]', 'NAME=vault://prod/-/secret')
p = keytrail('config', 'check', '-c', write('n.yaml', AGENT_BASE + 'sources: [ { id: v, type: mapping, input: tail, path: /x, mapping: /nowhere.yaml } ]\n'))
check(b"mapping '/nowhere.yaml': not there" in p.stdout, 'a mapping may be missing, and is said to be', p.stdout)
p = keytrail('config', 'check', '-c', write('k.yaml', BASE + 'holidays: { zone: Europe/Berlin, days: ["2026-12-25"] }\n'
             'alerts: { routes: [ { match: "severity:high", to: [s] } ], targets: { s: { type: slack, url_file: /nowhere/slack.url } } }\n'))
check(p.returncode == 0, 'secret files may be missing', p.stdout + p.stderr)
TARGETS = 'targets: { s: { type: slack, url_file: /nowhere/slack.url } } }\n'
refused(BASE + 'alerts: { routes: [ { match: "severty:high", to: [s] } ], ' + TARGETS, "t.yaml:3:30: 'match': ")
refused(BASE + 'alerts: { routes: [ { match: "severty:high", to: [s] } ], ' + TARGETS, "severity")
refused(BASE + 'alerts: { routes: [ { to: [t] } ], ' + TARGETS, "there is no target 't' in alerts.targets, did you mean 's'?")
refused(BASE + 'alerts: { routes: [ { to: [s], quiet: { hours: "22:00-07:00", zone: Europe/Belin } } ], ' + TARGETS, "'zone': there is no time zone 'Europe/Belin'")
p = keytrail('config', 'check', '-c', write('r.yaml', BASE + 'alerts: { routes: [ { match: "severity:high,critical", to: [s] } ], ' + TARGETS))
check(b'what no route takes goes to every target: medium may' in p.stdout, 'what no route takes is said', p.stdout)
refused(BASE + 'identities_file: /nowhere.yaml\n', "there is no file '/nowhere.yaml'")
write('who.yaml', 'identities:\n  - { name: alice@acme.example, aliases: [alice@main] }\n  - { name: bob, aliases: [Alice@Main] }\n')
refused(BASE + 'identities_file: who.yaml\n', "who.yaml:3:28: 'Alice@Main' belongs to 'alice@acme.example' already (line 2)")
path = write('a.yaml', AGENT_BASE + 'sources:\n  - { id: v, type: vault, input: tail, path: /x }\n  - { id: aws, type: cloudtrail, input: sqs_s3, queue_url_file: /x, region: eu-central-1 }\n'
             '  - { id: g, type: gcp, input: pubsub, subscription: projects/p/subscriptions/s }\n')
p = keytrail('config', 'check', '-c', path)
check(b'placeholder' in p.stdout and b'sqs_s3' not in p.stdout, 'an agent\'s sample passes with what is to be filled in', p.stdout)
p = run(AGENT, '-c', path, ok=False, timeout=20)
check(p.returncode == 3 and b'placeholder' in p.stderr, 'but it does not run', p.stderr)
p = keytrail('config', 'check', '-c', write('b.yaml', AGENT_BASE + 'sources:\n  - { id: v, type: vault, input: tail, path: /x, pol: 2s }\n'), ok=False)
check(p.returncode == 1 and b"'pol'" in p.stderr + p.stdout and b"'poll'" in p.stderr + p.stdout, 'a wrong key of an input is found, with the nearest', p.stderr + p.stdout)
p = keytrail('agent', 'list', '-c', write('away.yaml', BASE.replace('agents.d', 'nowhere.d')), ok=False)
check(p.returncode == 3 and b"nowhere.d' is not there: make the folder" in p.stderr, 'a missing folder of agents says what to do', f'exit {p.returncode}: {p.stderr}')
shown = keytrail('config', 'show', '--defaults', '-c', os.path.join(d, 'keytrail.yaml')).stdout.decode()
p = keytrail('config', 'check', '-c', write('shown.yaml', shown))
check(p.returncode == 0, 'what config show prints loads again')
check(keytrail('config', 'check', '-c', os.path.join(d, 'nowhere.yaml'), ok=False).returncode == 1, 'a missing file is no good configuration')
# ---- rules ----
OWN = 'title: %s\nlogsource: {product: keytrail}\ndetection: {s: {%s: a}, condition: s}\nlevel: high\n'
write('mixed.yml', OWN % ('Good', 'actor') + '---\n' + OWN % ('Bad', 'actr') + '---\n' + OWN % ('Too', 'secret'))
p = keytrail('detect', 'import', os.path.join(d, 'mixed.yml'), '--into', os.path.join(d, 'rules'), '-o', 'json', ok=False)
rows = json.loads(p.stdout)
check(p.returncode == 7 and [r['verdict'] for r in rows] == ['accepted', 'refused', 'accepted'] and "field 'actr' cannot be asked" in rows[1]['why'],
      'rules are imported one by one', (rows, p.stderr))
text = open(os.path.join(d, 'rules', 'mixed.yml')).read()
check('Good' in text and 'Too' in text and 'Bad' not in text, 'only what was accepted is written, as it stood', text)
p = keytrail('config', 'check', '-c', write('r.yaml', BASE + 'rules: [rules]\n'))
check(b'rules: 2 in 1 file' in p.stdout, 'the folder loads', p.stdout)
os.mkdir(os.path.join(d, 'many'))
write('many/good.yml', OWN % ('Fine', 'actor'))
write('many/long.yml', '#' + 'x' * (1 << 20))
os.symlink('nowhere', os.path.join(d, 'many', 'dead.yml'))
os.symlink('nowhere', os.path.join(d, 'many', 'dead.txt'))
p = keytrail('detect', 'import', os.path.join(d, 'many'), '--into', os.path.join(d, 'taken'), '-o', 'json', ok=False)
rows = {r['file'].rsplit('/', 1)[-1]: r for r in json.loads(p.stdout or b'[]')}
check(p.returncode == 7 and {f: r['verdict'] for f, r in rows.items()} == {'good.yml': 'accepted', 'dead.yml': 'refused', 'long.yml': 'refused'}
      and 'is not there' in rows['dead.yml']['why'] and 'is longer than' in rows['long.yml']['why'] and b'1 rule accepted, 2 refused; 1 file written' in p.stderr,
      'files that cannot be read are refused, the others imported', (p.returncode, rows, p.stderr))
check(os.listdir(os.path.join(d, 'taken')) == ['good.yml'], 'and nothing is written of them', os.listdir(os.path.join(d, 'taken')))
ID = 'id: 8f6c2f0e-93b0-4c0e-9d6a-2d7c3a1f5b11\n'
write('taken/long.yml', ID + OWN % ('There', 'actor'))
write('many/twice.yml', ID + OWN % ('Twice', 'actor'))
p = keytrail('detect', 'import', os.path.join(d, 'many'), '--into', os.path.join(d, 'taken'), '-o', 'json', ok=False)
why = [r['why'] for r in json.loads(p.stdout or b'[]') if r['file'].endswith('twice.yml')]
check(len(why) == 1 and 'long.yml' in why[0], 'what lies there under the name of a file that cannot be read keeps its id', (why, p.stderr))
p = keytrail('detect', 'import', os.path.join(d, 'many', 'long.yml'), ok=False)
check(p.returncode == 1 and b'is longer than' in p.stdout, 'one that is named is refused likewise', (p.returncode, p.stdout, p.stderr))
write('bad.yml', OWN % ('Bad', 'actr'))
refused(BASE + 'rules: [rules, bad.yml]\n', "bad.yml:3:17: field 'actr' cannot be asked (did you mean 'actor'?)")

# ---- detectors ----
names = [r['name'] for r in json.loads(keytrail('detect', 'list', '-o', 'json').stdout)]
check(len(names) >= 5 and all(keytrail('detect', 'explain', n).stdout.decode().startswith(f'# {n}: ') for n in names), 'each detector is explained by its page', names)
p = keytrail('detect', 'explain', 'new_secret', ok=False)
check(p.returncode == 2 and b"did you mean 'new_secrets'?" in p.stderr, 'a wrong name is answered with the nearest', p.stderr)
finish()
