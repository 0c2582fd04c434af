#!/usr/bin/env python3
"""The dashboards for Grafana without a Grafana: each file against our schema (by ajv), its places on the grid, every PromQL by promtool, every SQL on a roll-up file that a real
collector made of real accesses, with its macros and variables replaced as Grafana and the plugin do."""
import glob, json, sqlite3, textwrap
from support import *

here = os.path.dirname(os.path.abspath(__file__))
root = os.path.join(here, '../..')
GRAFANA = os.path.join(root, 'dashboards/grafana')
SCHEMA = os.path.join(GRAFANA, 'dashboard.schema.json')
promtool = shutil.which('promtool') or os.path.join(root, 'build/peers/usr/bin/promtool')
files = sorted(glob.glob(os.path.join(GRAFANA, 'dashboards/*.json')))
boards = {os.path.basename(f): json.load(open(f, encoding='utf-8')) for f in files}

# ---- form ----

CHECK = os.path.join(here, 'check_schema.js')
p = run('node', CHECK, SCHEMA, *files, ok=False)
check(len(files) == 3 and p.returncode == 0, 'three dashboards, each as our schema wants it', p.stdout.decode() + p.stderr.decode())
bad = json.loads(json.dumps(boards['access.json']))
bad['panels'][0]['gridPos']['w'] = 25
bad['panels'][1]['datasource']['uid'] = 'mine'
d = folder()
with open(os.path.join(d, 'bad.json'), 'w') as f:
    json.dump(bad, f)
p = run('node', CHECK, SCHEMA, os.path.join(d, 'bad.json'), ok=False)
check(p.returncode == 1 and b'/panels/0/gridPos/w' in p.stdout and b'/panels/1/datasource' in p.stdout, 'which finds what is wrong', p.stdout.decode())


def overlaps(panels):
    taken, found = {}, []
    for p in panels:
        g = p['gridPos']
        if g['x'] + g['w'] > 24:
            found.append(f'{p["title"]}: beyond the right edge')
        for x in range(g['x'], g['x'] + g['w']):
            for y in range(g['y'], g['y'] + g['h']):
                other = taken.setdefault((x, y), p['title'])
                if other != p['title']:
                    found.append(f'{p["title"]} covers {other}')
    return found


wrong = [o for b in boards.values() for o in overlaps(b['panels'])]
check(not wrong, 'no panel covers another', '\n'.join(sorted(set(wrong))))
uids = [b['uid'] for b in boards.values()]
check(len(set(uids)) == len(uids) and all(len({p['id'] for p in b['panels']}) == len(b['panels']) for b in boards.values()), 'each uid and each number of a panel is there once')
sources = open(os.path.join(GRAFANA, 'provisioning/datasources/keytrail.yaml')).read()
check(set(re.findall(r'uid: (\S+)', sources)) == {t['datasource']['uid'] for b in boards.values() for p in b['panels'] for t in p['targets']}, 'data sources are those that are provisioned')

# ---- PromQL ----

exprs = [(f, p['title'], t['expr']) for f, b in boards.items() for p in b['panels'] for t in p['targets'] if 'expr' in t]


def as_asked(e):
    return e.replace('$instance', '.*').replace('$__rate_interval', '2m').replace('$__interval', '1m')


rules = 'groups:\n  - name: dashboards\n    rules:\n' + ''.join(
    f'      - record: panel:{i}\n        expr: |-\n' + textwrap.indent(as_asked(e), ' ' * 10) + '\n' for i, (_, _, e) in enumerate(exprs))
with open(os.path.join(d, 'rules.yml'), 'w') as f:
    f.write(rules)
p = run(promtool, 'check', 'rules', os.path.join(d, 'rules.yml'), ok=False)
check(len(exprs) >= 20 and p.returncode == 0, f'promtool takes all {len(exprs)} expressions', p.stdout.decode() + p.stderr.decode())
told = set(re.findall(r'^# TYPE (\w+)', open(os.path.join(root, 'tests/cases/metrics/prometheus.txt')).read(), re.M))
asked = {re.sub(r'_(bucket|count|sum)$', '', n) for _, _, e in exprs for n in re.findall(r'\b((?:keytrail|process)_\w+)', e)}
check(asked <= told, 'which ask for names that exist', asked - told)
check(all('$' not in as_asked(e) for _, _, e in exprs), 'and for no variable that is not there')

# ---- a real roll-up ----

rng = random.Random(SEED)
h = House('')
path = h.path('rollup.db')
h.write('keytrail.yaml', open(h.path('keytrail.yaml')).read() + f'rollup: {{ path: {path}, every: 1m, secret_names: true }}\n')
h.allow('web', h.new_key('web'))
now = time.time()
lines = [l for i in range(300) for l in vault_pair(rng, now - 7200 + 20 * i, who=f'u{i % 5}', secret=f'app/s{i % 7}')]
lines += [l for i in range(40) for l in vault_login(rng, now - 600 + i, 'marc', 3)]
h.write('audit.log', '\n'.join(lines) + '\n')
h.agent_config('web', [f'{{ id: vault-prod, type: vault, input: tail, path: {h.path("audit.log")} }}'])
h.start_collector()
h.start_agent('web')
count = lambda: int(json.loads(keytrail('status', '--db', h.db, '-o', 'json').stdout)['events'])
check(wait_for(lambda: count() >= 340, 20), 'a collector stores what an agent reads', h.log('collector.log'))
alerts = lambda: len(ndjson(keytrail('alerts', 'list', '--db', h.db, '-o', 'ndjson', ok=False)))
wait_for(alerts, 10)
stop(h.collector)
if os.path.exists(path):
    os.unlink(path)
h.start_collector()
check(wait_for(lambda: os.path.exists(path), 15), 'and makes the roll-up file', h.log('collector.log'))
check(os.stat(path).st_mode & 0o777 == 0o640 and sorted(f for f in os.listdir(h.dir) if f.startswith('rollup')) == ['rollup.db'], 'alone, for its group to read', os.listdir(h.dir))

db = sqlite3.connect(f'file:{path}?mode=ro&immutable=1', uri=True)
(total,) = db.execute('SELECT sum(events) FROM access').fetchone()
in_log = h.count()
check(total == in_log == 340, 'its sums are those of the log', (total, in_log))
(quiet, n) = db.execute("SELECT count(*), (SELECT count(*) FROM alert) FROM secret WHERE secret LIKE '%app/s3'").fetchone()
check(quiet > 0 and n == alerts() > 0, 'with secrets and alerts', (quiet, n, alerts()))


def macros(sql, variables):
    """As the plugin replaces its macro (macros.go of frser-sqlite-datasource), and Grafana its variables."""
    sql = re.sub(r'\$__unixEpochGroupSeconds\((\w+), (\d+)\)', r'cast((\1 / \2) as int) * \2', sql)
    for name, value in {'__from': str(int((now - 30 * 86400) * 1000)), '__to': str(int((now + 3600) * 1000))}.items():
        sql = sql.replace('$' + name, value)
    for name, values in variables.items():
        sql = sql.replace('${' + name + ':sqlstring}', ','.join("'" + v.replace("'", "''") + "'" for v in values))
    return sql


ran, failed, empty = 0, [], []
for name, b in boards.items():
    variables = {}
    for v in b['templating']['list']:
        if v['type'] == 'custom':
            variables[v['name']] = v['query'].split(',')
        elif v['datasource']['uid'] == 'keytrail-sqlite':
            variables[v['name']] = [r[0] for r in db.execute(v['query'])]
    for p in b['panels']:
        for t in p['targets']:
            if 'rawQueryText' not in t:
                continue
            ran += 1
            sql = macros(t['rawQueryText'], variables)
            try:
                c = db.execute(sql)
                rows, columns = c.fetchall(), [x[0] for x in c.description]
            except sqlite3.Error as e:
                failed.append(f'{name}: {p["title"]}: {e}\n{sql}')
                continue
            if '$' in sql or t['rawQueryText'] != t['queryText']:
                failed.append(f'{name}: {p["title"]}: a variable is left, or the two texts differ')
            if t['queryType'] == 'time series':
                times = [r[columns.index('time')] for r in rows]
                if columns[0] != 'time' or times != sorted(times) or any(not 1.7e9 < x < 1e10 for x in times):
                    failed.append(f'{name}: {p["title"]}: times are no rising seconds')
            if p['type'] == 'stat' and len(rows) != 1:
                failed.append(f'{name}: {p["title"]}: {len(rows)} rows')
            if not rows:
                empty.append(p['title'])
check(ran >= 20 and not failed, f'all {ran} statements run on it, and give what their panels take', '\n'.join(failed))
check(set(empty) <= {'Gaps', 'Writes, deletions, grants: what changed', 'Until taken up, per day (longest)'}, 'with something to show', empty)
finish()
