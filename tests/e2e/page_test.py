#!/usr/bin/env python3
"""The page in a browser, over a real server, collector, agent and 60 days: every page in both colours, what people do there, roles, hostile content, what is
taken away. The walk itself is page_walk.js; here is what the command line says of the same."""
import atexit, json, os, random, re, shutil, subprocess, time
from support import *

rng = random.Random(SEED)
NPM = os.path.abspath('build/peers/npm/node_modules')
if not shutil.which('node') or not os.path.exists('/usr/bin/chromium') or not os.path.isdir(os.path.join(NPM, 'playwright-core')):
    print('ok 1 - no browser here: make deps-test')
    print('1..1')
    sys.exit(0)
d = folder()
demo_dir = os.path.join(d, 'demo')
out = open(os.path.join(d, 'demo.out'), 'w+')
demo = subprocess.Popen([KEYTRAIL, 'demo', '--for', '300s', '--dir', demo_dir], stdout=out, stderr=subprocess.STDOUT)
atexit.register(demo.kill)


def said():
    return open(os.path.join(d, 'demo.out')).read()


conf = os.path.join(demo_dir, 'keytrail.yaml')
check(wait_for(lambda: re.search(r'http://127\.0\.0\.1:\d+', said()), 40), 'the demo serves the page', said())
url = re.search(r'http://127\.0\.0\.1:\d+', said())[0]

# Names as strangers choose them, in every field that one of them can fill.
HOSTILE = ['<script>window.pwned=1</script>', '"><img src=x onerror=window.pwned=1>', "javascript:window.pwned=1//", '\u202egnp.exe', '{{7*7}}', 'a' * 3000, '\x1b[2J', '</style><b>bold</b>', "'; touch pwned; $(touch pwned) `touch pwned` #"]
with open(os.path.join(d, 'hostile.log'), 'w') as f:
    for i in range(80):
        h = HOSTILE[i % len(HOSTILE)]
        f.write('\n'.join(vault_pair(rng, time.time() - i, who=f'{h}{i % 3}', secret=f'{h}/s', address='203.0.113.9')) + '\n')
    f.write('\n'.join(vault_pair(rng, time.time(), who='b' * 100_000, address='203.0.113.9')) + '\n')
p = keytrail('import', '--server', 'unix:' + os.path.join(demo_dir, 'control.sock'), '--source', 'vault', '--instance', 'vault-prod', os.path.join(d, 'hostile.log'), ok=False)
check(p.returncode == 0, 'hostile names are imported', p.stderr + p.stdout)
check(wait_for(lambda: len(ndjson(keytrail('alerts', 'list', '-c', conf, '-o', 'ndjson', ok=False))) >= 3, 40), 'three incidents are there')


def link(role):
    return keytrail('dashboard', 'login', '-c', conf, '--user', role, '--role', role).stdout.decode().split()[0]


env = dict(os.environ, NODE_PATH=NPM)
walk = subprocess.run(['node', os.path.join(os.path.dirname(os.path.abspath(__file__)), 'page_walk.js'), d, *(link(r) for r in ('responder', 'viewer', 'auditor'))],
                      env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=240)
said_by_walk = walk.stdout.decode()
for line in said_by_walk.splitlines():
    m = re.match(r'(ok|not ok) (.*)', line)
    if m:
        check(m[1] == 'ok', m[2], said_by_walk[-3000:] if m[1] != 'ok' else '')
check(walk.returncode == 0, 'the walk ends', said_by_walk[-2000:] + walk.stderr.decode()[-2000:])

# ---- the command line agrees ----
alerts = {a['id']: a for a in ndjson(keytrail('alerts', 'list', '-c', conf, '--status', 'all', '-o', 'ndjson'))}
done = json.load(open(os.path.join(d, 'done.json')))
check(alerts[done['acked']]['acknowledged_by'] == 'responder' and alerts[done['acked']]['acknowledged_where'] == 'page', 'an acknowledgement of the page is in the log', alerts[done['acked']])
check(alerts[done['acked']]['verdict'] == 'expected', 'and its closing with a verdict', alerts[done['acked']])
silences = keytrail('alerts', 'silence', 'list', '-c', conf, '-o', 'ndjson').stdout.decode()
check('a drill of the page' in silences, 'a silence of the page, too', silences)
for x in done.get('commands', []):  # what a shell makes of what was copied
    words = subprocess.run(['bash', '-c', 'set -- ' + x['command'] + '\nprintf "%s\\0" "$@"'], cwd=d, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=10).stdout.decode().split('\0')
    check(words[:2] == ['keytrail', 'blast'] and x['value'] in words, 'a copied command is one command, with the name as it stands', (x, words))
check(len(done.get('commands', [])) >= 5 and not os.path.exists(os.path.join(d, 'pwned')), 'and nothing of a name is run', done)
asked = ['search', 'action:login outcome:denied', '--since', done['since'], '--until', done['until'], '-c', conf, '-o']
for form in ('csv', 'ndjson'):
    mine = keytrail(*asked, form).stdout
    theirs = open(os.path.join(d, f'export.{form}'), 'rb').read()
    check(len(mine) > 100 and mine == theirs, f'{form}: what is downloaded is what keytrail search gives', (len(mine), len(theirs), mine[:300], theirs[:300]))
views = ndjson(keytrail('search', 'kind:audit', '--since', '1h', '-c', conf, '-o', 'ndjson'))
ops = {r['operation'] for r in views}
check({'page.query', 'page.raw', 'page.export', 'page.login'} <= ops, 'who looked at what is in the log', ops)
finish()
