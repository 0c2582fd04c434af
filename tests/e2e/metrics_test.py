#!/usr/bin/env python3
"""What /metrics says, read by the tools that will read it: the golden texts (tests/cases/metrics, which the unit test compares byte by byte) by promtool and by
Prometheus' own OpenMetrics parser; the alerting rules by promtool, each of whose names must exist; and the counters of a real collector, against what was written."""
import json, urllib.error, urllib.request
from support import *

here = os.path.dirname(os.path.abspath(__file__))
root = os.path.join(here, '../..')
CASES = os.path.join(root, 'tests/cases/metrics')
RULES = os.path.join(root, 'dashboards/prometheus/keytrail.rules.yml')
promtool = shutil.which('promtool') or os.path.join(root, 'build/peers/usr/bin/promtool')

# ---- the texts ----

if check(os.path.exists(promtool), 'promtool is there', 'sh deploy/deps.sh peers'):
    for name in ('prometheus.txt', 'away.txt'):
        p = run(promtool, 'check', 'metrics', ok=False, stdin=open(os.path.join(CASES, name), 'rb').read())
        check(p.returncode == 0 and not p.stderr, f'promtool check metrics has nothing to say about {name}', p.stderr.decode())
    p = run(promtool, 'check', 'metrics', ok=False, stdin=b'# TYPE x counter\nx{a="b} 1\n')
    check(p.returncode != 0, 'it does about a text that is none')
    p = run(promtool, 'check', 'rules', RULES, ok=False)
    check(p.returncode == 0, 'promtool check rules', p.stdout.decode() + p.stderr.decode())
    p = run(promtool, 'test', 'rules', os.path.join(os.path.dirname(RULES), 'keytrail_test.yml'), ok=False)
    check(p.returncode == 0, 'each rule fires where it should, and is quiet beside it', p.stdout.decode() + p.stderr.decode())

# The parser is a package of the system's Python.
OPEN = '''
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read
all = list(read(sys.stdin.read()))
print(len(all), sum(len(m.samples) for m in all))
print(next(s.labels['source'] for m in all if m.name == 'keytrail_events_stored' for s in m.samples if 'hostile' in s.labels['source']))
'''
p = run('/usr/bin/python3', '-c', OPEN, ok=False, stdin=open(os.path.join(CASES, 'openmetrics.txt'), 'rb').read())
lines = p.stdout.decode().splitlines()
check(p.returncode == 0 and int(lines[0].split()[0]) > 40, "Prometheus' OpenMetrics parser takes it", p.stderr.decode())
check(p.returncode == 0 and lines[1:] == ['hostile "quoted" \\ back', 'slash ‮ <script>alert(1)</script>'], 'and reads a hostile name as it was', lines)

# ---- the rules ----

text = open(RULES).read()
told = set(re.findall(r'^# TYPE (\w+)', open(os.path.join(CASES, 'prometheus.txt')).read(), re.M))
asked = set(re.findall(r'\b(keytrail_\w+)', re.sub(r'(?m)^\s*(#|summary|description).*$', '', text)))
asked = {re.sub(r'_(bucket|count|sum)$', '', n) for n in asked}
check(len(asked) > 15 and asked <= told, 'rules ask for names that exist', asked - told)
rules = re.split(r'\n      - alert: ', text)[1:]
check(all('summary:' in r and 'severity:' in r and re.search(r'description: ".*(keytrail|systemctl)', r) for r in rules), 'each names a severity and the next command')
verbs = set(re.findall(r'^  ([a-z-]+)', keytrail('--help').stdout.decode(), re.M)) | {'geoip'}
used = set(re.findall(r'keytrail ([a-z]+)', ' '.join(re.findall(r'description: "(.*)"', text))))
check(len(used) > 6 and used <= verbs, 'whose commands exist', used - verbs)
tested = open(os.path.join(os.path.dirname(RULES), 'keytrail_test.yml')).read()
check(all(tested.count(r.split('\n')[0]) >= 2 for r in rules), 'and each is tried, firing and quiet')

# ---- a real collector ----


def ask(what):
    """The control socket is there a moment after the port."""
    def once():
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(10)
                s.connect(control)
                s.sendall(json.dumps({'do': what}).encode() + b'\n')
                got = b''
                while not got.endswith(b'\n\n'):
                    more = s.recv(1 << 16)
                    if not more:
                        return None
                    got += more
                return json.loads(got)
        except OSError:
            return None
    return wait_for(once, 15)


rng = random.Random(SEED)
h = House()
control = h.path('control.sock')
h.allow('web', h.new_key('web'))
log = h.path('audit.log')
now = time.time()
lines = [l for i in range(50) for l in vault_pair(rng, now - 50 + i)]
h.write('audit.log', '\n'.join(lines) + '\n')
h.agent_config('web', [f'{{ id: vault-prod, type: vault, input: tail, path: {log} }}'])
h.start_collector()
agent = h.start_agent('web')


def source(m):
    return next((s for s in m['sources'] if s['source'] == 'vault-prod'), {})


m = wait_for(lambda: (lambda m: source(m).get('stored', 0) >= 50 and m['agents'] and m)(ask('metrics')), 20)
check(m, 'a collector counts what it stored', h.log('collector.log'))
m = m or ask('metrics')
s = source(m)
check(s.get('stored') == 50 and s['received'] == 50 and s['duplicate'] == 0 and s['rejected'] == {}, 'each event once', s)
check(sum(s['lag']['n']) == 50 and s['lag']['n'][-1] == 0 and abs(s['lag']['sum'] - 50 * 25) < 50 * 30, 'with its lag', s['lag'])
check(abs(s['last_contact'] / 1e9 - time.time()) < 20 and abs(s['last_event'] / 1e9 - (now - 1)) < 2, 'and its newest times', s)
check(sum(m['commit']['n']) > 0 and m['process']['resident_bytes'] > 1 << 20 and m['disk']['free'] > 0, 'and what commits and the process cost', m)
check(wait_for(lambda: all(d['runs'] >= 50 for d in ask('metrics')['detectors']), 15), 'every detector has looked at all of it', ask('metrics')['detectors'])
stop(agent)
stop(h.collector)
h.start_collector()
s = source(ask('metrics'))
check(s.get('stored') == 0 and abs(s['last_event'] / 1e9 - (now - 1)) < 2 and s['last_contact'] > 0, 'after a restart it counts anew, and knows whom it has heard', s)

# ---- the page ----

port = free_port()
h.write('keytrail.yaml', open(h.path('keytrail.yaml')).read() + f'dashboard: {{ listen: "tcp://127.0.0.1:{port}" }}\n')
page = start([KEYTRAIL, 'dashboard', '-c', h.path('keytrail.yaml')], h.path('dashboard.log'))


def get(path, **headers):
    r = urllib.request.Request(f'http://127.0.0.1:{port}{path}', headers={k.replace('_', '-'): v for k, v in headers.items()})
    try:
        with urllib.request.urlopen(r, timeout=10) as a:
            return a.status, a.headers.get('Content-Type'), a.read()
    except urllib.error.HTTPError as e:
        return e.code, e.headers.get('Content-Type'), e.read()
    except OSError:
        return 0, None, b''


check(wait_for(lambda: get('/healthz')[0] == 200, 15), 'the page lives', h.log('dashboard.log'))
check(wait_for(lambda: get('/readyz')[0] == 200, 10), 'and is ready', get('/readyz'))
status, form, text = get('/metrics')
check(status == 200 and form == 'text/plain; version=0.0.4; charset=utf-8' and b'\nkeytrail_up 1\n' in text, '/metrics is served with the form that Prometheus wants', (status, form, text[:300]))
p = run(promtool, 'check', 'metrics', ok=False, stdin=text)
check(p.returncode == 0 and not p.stderr, 'promtool check metrics has nothing to say about a real one', p.stderr.decode())
series = [l for l in text.decode().splitlines() if l and l[0] != '#']
stored = lambda: 'keytrail_store_events ' + str(json.loads(keytrail('status', '--db', h.db, '-o', 'json').stdout)['events'])
check(100 < len(series) <= 2000 and stored() in series and any(l.startswith('keytrail_events_stored_total{source="vault-prod"}') for l in series), 'it has the figures of collector and store', len(series))
status, form, text = get('/metrics', Accept='application/openmetrics-text;version=1.0.0,text/plain;q=0.5')
p = run('/usr/bin/python3', '-c', "import sys\nfrom prometheus_client.openmetrics.parser import text_string_to_metric_families as read\nprint(len(list(read(sys.stdin.read()))))", ok=False, stdin=text)
check(form == 'application/openmetrics-text; version=1.0.0; charset=utf-8' and text.endswith(b'# EOF\n') and p.returncode == 0, 'and in the form of OpenMetrics for whoever asks for it', (form, p.stderr.decode()))
stop(h.collector)
status, form, text = get('/metrics')
check(status == 200 and b'\nkeytrail_up 0\n' in text and f'\n{stored()}\n'.encode() in text and b'keytrail_events_stored_total' not in text, 'without a collector it says so, and tells of the store', text[:600])
ready, _, why = get('/readyz')
check(ready == 503 and b'store: ok' in why and b'collector: failed' in why and get('/healthz')[0] == 200, 'the page lives and is not ready, and says why', (ready, why))
finish()
