#!/usr/bin/env python3
"""sql as a person calls it: every form, the same answers as search and alerts, refusals, deadline, a damaged store, a running collector, every example of docs/sql.md."""
import csv, io, json, os, random, re, shutil, sqlite3, time
from support import *

rng = random.Random(5)
d = folder()
db = os.path.join(d, 'k.db')
now = 1795377600 + 3600

log = os.path.join(d, 'audit.log')
with open(log, 'w') as f:
    for i in range(120):
        f.write('\n'.join(vault_pair(rng, now - 86400 * (i % 6) - i, who=('dana', 'Erin')[i % 2], secret=f'app/s{i % 7}', address=('10.1.2.3', '203.0.113.9')[i % 3 == 0])) + '\n')
    f.write('{"time":"broken\n')
write_object(os.path.join(d, 'a.json.gz'), [cloudtrail(rng, now - 86400 * (i % 4), userAgent='=cmd|"x", \u202e\x1b[31m') for i in range(40)])
keytrail('import', '--db', db, '--source', 'vault', '--instance', 'vault-prod', log)
keytrail('import', '--db', db, '--source', 'cloudtrail', '--instance', 'aws', os.path.join(d, 'a.json.gz'))


def sql(statement, *argv, **kw):
    return keytrail('sql', '--db', kw.pop('store', db), *argv, statement, **kw)


def rows(statement, **kw):
    return ndjson(sql(statement, '-o', 'ndjson', **kw))


def fails(statement, code, says, *argv, **kw):
    p = sql(statement, *argv, ok=False, **kw)
    err = p.stderr.decode()
    check(p.returncode == code and says in err, f'{statement[:50] or "no statement"}: exit {code}, "{says}"', f'{p.returncode} {err}')
    return p


# The same as search.
mine = rows("SELECT * FROM events WHERE kind = 'access' ORDER BY seq")
theirs = sorted(ndjson(keytrail('search', '', '--db', db, '--since', '@0', '-o', 'ndjson', '-q')), key=lambda r: r['seq'])
for r in theirs:
    del r['original']
    r['conflict'] = int(r['conflict'])
check(len(mine) == 160 and mine == theirs, 'SELECT * gives what search prints, column for column', [(a, b) for a, b in zip(mine, theirs) if a != b][:1])
check(rows('SELECT kind, count(*) AS n FROM events GROUP BY 1 ORDER BY 1') == [{'kind': 'access', 'n': 160}, {'kind': 'quarantine', 'n': 1}], 'events has every kind')
check(rows("SELECT count(*) AS n FROM events WHERE time >= '2026-11-21' AND time < '2026-11-22' AND kind = 'access'")[0]['n'] ==
      len(ndjson(keytrail('search', '', '--db', db, '--on', '2026-11-21', '-o', 'ndjson', '-q'))), 'a day by text is the day of search')
check(rows("SELECT json_extract(line, '$.actor') = actor AS same, count(*) AS n FROM events WHERE kind = 'access' GROUP BY 1") == [{'same': 1, 'n': 160}], 'line is JSON')

# Forms.
what = "SELECT user_agent, count(*) AS n, NULL AS empty, 0.5 AS half FROM events WHERE source = 'cloudtrail' GROUP BY 1"
agent = '=cmd|"x", \u202e\x1b[31m'
check(json.loads(sql(what, '-o', 'json').stdout) == [{'user_agent': agent, 'n': 40, 'empty': None, 'half': 0.5}], 'json')
check(rows(what) == [{'user_agent': agent, 'n': 40, 'empty': None, 'half': 0.5}], 'ndjson')
table = list(csv.reader(io.StringIO(sql(what, '-o', 'csv').stdout.decode(), newline='')))
check(table == [['user_agent', 'n', 'empty', 'half'], ["'" + '=cmd|"x", \\u202e\\x1b[31m', '40', '', '0.5']], 'csv, with no formula in it and nothing that a terminal obeys', table)
text = sql(what, '-o', 'md').stdout.decode()
check(text.splitlines()[1] == '|---|--:|---|--:|' and '\\|' in text and '\x1b' not in text, 'md', text)
text = sql(what).stdout.decode()
lines = text.splitlines()
check(len(lines) == 2 and '\x1b' not in text and '\u202e' not in text and lines[0].split() == ['user_agent', 'n', 'empty', 'half'], 'a table, with nothing that a terminal would obey', text)
check(lines[0].index('n ') + 1 == lines[1].index('40') + 2, 'numbers stand right', text)
check(len(sql(what, '--no-header').stdout.decode().splitlines()) == 1, 'without a head')
check(json.loads(sql('SELECT 1 AS "a""b,|"', '-o', 'json').stdout) == [{'a"b,|': 1}], 'a name of the statement is quoted')
check(sql("SELECT 1 AS '\x1b[31m'").stdout.decode().find('\x1b') < 0, 'and escaped in a table')
p = sql('SELECT seq FROM events ORDER BY seq', '-n', '3', '-o', 'csv', '--no-header')
check(p.stdout.split() == [b'3', b'4', b'5'] and b'-n 0' in p.stderr, '-n cuts and says so', p.stdout + p.stderr)
check(keytrail('sql', '--db', db, '-o', 'csv', '--no-header', stdin=b'SELECT count(*)\nFROM events;\n').stdout.strip() == b'161', 'the statement from standard input')
check(keytrail('sql', '--db', db, '-o', 'csv', '--no-header', '-', stdin=b'SELECT 7 -- seven').stdout.strip() == b'7', 'and with -')

# The relations.
schema = ndjson(keytrail('sql', '--schema', '-o', 'ndjson'))
check({r['relation'] for r in schema} == {'events', 'alerts', 'sources', 'coverage', 'alert_documents'} and all(r['meaning'] for r in schema), '--schema lists them with meanings')
for relation in sorted({r['relation'] for r in schema}):
    names = [r['column'] for r in schema if r['relation'] == relation and r['shown'] != 'by name']
    head = sql(f'SELECT * FROM (SELECT 1) LEFT JOIN {relation} ON 1 LIMIT 1', '-o', 'csv').stdout.decode().splitlines()[0].split(',')[1:]
    check(head == names, f'{relation} has the columns that --schema says', (head, names))
    hidden = [r['column'] for r in schema if r['relation'] == relation and r['shown'] == 'by name']
    check(not hidden or sql(f'SELECT {", ".join(hidden)} FROM {relation}').returncode == 0, f'and the {len(hidden)} that come by name')
s = {r['instance']: r for r in rows('SELECT * FROM sources')}
check(s['vault-prod']['events'] == 120 and s['vault-prod']['quarantined'] == 1 and s['aws']['events'] == 40 and s['aws']['last_event'] == '2026-11-22T21:00:00.000000000Z', 'sources sums each instance', s)
status = json.loads(keytrail('status', '--db', db, '-o', 'json').stdout)['sources']
check({(r['instance'], r['events'], r['quarantined'], r['last_event'], r['agent']) for r in status} == {(r['instance'], r['events'], r['quarantined'], r['last_event'], r['agent']) for r in s.values()}, 'as status does', status)
c = rows("SELECT day, events FROM coverage WHERE instance = 'vault-prod'")
check(len(c) == 6 and sum(r['events'] for r in c) == 120 and c[0]['day'] == '2026-11-17', 'coverage has a row a day', c)

# Refusals; the store stays as it was.
before = open(db, 'rb').read()
fails('DELETE FROM events', 2, 'only read')
fails('INSERT INTO alerts VALUES (1)', 2, 'only read')
fails(f"ATTACH '{db}' AS a", 2, '--db')
fails(f"VACUUM INTO '{d}/copy.db'", 2, 'only read')
fails('PRAGMA journal_mode = DELETE', 2, '--schema')
fails("SELECT load_extension('x')", 2, 'loaded')
fails('SELECT * FROM batch', 2, 'use events')
fails('SELECT 1; SELECT 2', 2, 'one statement')
fails('SELECT acter FROM events', 2, '--schema')
fails('', 2, 'which statement?')
fails('SELECT 1', 2, 'json, ndjson, csv', '-o', 'xml')
fails('SELECT 1', 4, 'no store', store=os.path.join(d, 'none.db'))
check(open(db, 'rb').read() == before and not os.path.exists(os.path.join(d, 'copy.db')), 'nothing was written')

# Ends.
fails('WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n', 7, 'given up after 100ms', '--timeout', '100ms')
fails("SELECT a.line || b.line || c.line AS x FROM events a, events b, events c ORDER BY x DESC", 7, 'memory', '--timeout', '100s')

# Damage is not silently less.
bad = os.path.join(d, 'bad.db')
shutil.copy(db, bad)
with sqlite3.connect(bad) as con:
    con.execute("UPDATE batch SET lines = x'00' WHERE first_seq = (SELECT max(first_seq) FROM batch)")
con.close()
p = fails('SELECT seq FROM events', 4, 'lack', '-o', 'csv', store=bad)
check(b'records' in p.stderr and b'\r\n3\r\n' in p.stdout, 'what can be read is printed, what cannot is named', p.stdout[:100] + p.stderr)
fails('SELECT count(*) FROM events', 4, 'lack', store=bad)

# Beside a running collector, and on its backup.
h = House()
h.start_collector()
h.new_key('v')
live = h.path('audit.log')
with open(live, 'w') as f:
    f.write('\n'.join(vault_pair(rng, time.time())) + '\n')
h.allow('v', next(w for w in run(AGENT, 'keygen', '--out', h.path('keys/v2.key')).stdout.decode().split() if w.startswith('kta1_')))
h.agent_config('v', [f'{{ id: vault-prod, type: vault, input: tail, path: {live} }}'], key='v2')
a = h.start_agent('v')


def ask_live(statement):
    return ndjson(keytrail('sql', '-c', h.path('keytrail.yaml'), '-o', 'ndjson', statement))


check(wait_for(lambda: ask_live("SELECT count(*) AS n FROM events WHERE kind = 'access'")[0]['n'] == 1), 'a running store is asked as any other', h.log('collector.log') + h.log('v.log'))
check(wait_for(lambda: ask_live("SELECT reports, position FROM sources WHERE instance = 'vault-prod' AND reports > 0")), 'its agent reports where it is')
check(live in (ask_live("SELECT position FROM sources WHERE instance = 'vault-prod'")[0]['position'] or ''), 'sources says where', ask_live('SELECT * FROM sources'))
stop(a)
stop(h.collector)
copy = os.path.join(d, 'backup.db')
with sqlite3.connect(h.db) as con, sqlite3.connect(copy) as to:
    con.backup(to)
con.close(), to.close()
os.chmod(copy, 0o400)
check(rows("SELECT count(*) AS n FROM events WHERE kind = 'access'", store=copy) == [{'n': 1}], 'so is a backup')

# The page.
page = open(os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../docs/sql.md')).read()
examples = re.findall(r'```sql\n(.*?)```', page, re.S)
check(len(examples) >= 5, 'docs/sql.md has examples', len(examples))
for e in examples:
    p = sql(e, '-o', 'json', ok=False)
    check(p.returncode == 0, f'this one runs: {e.split(chr(10))[0]}', p.stderr)
named = set(re.findall(r'`(\w+)`', page))
check({r['relation'] for r in schema} <= named and all(r['column'] in page for r in schema), 'it names every relation and column', [r['column'] for r in schema if r['column'] not in page])
finish()
