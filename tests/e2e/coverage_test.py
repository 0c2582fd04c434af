#!/usr/bin/env python3
"""coverage and timeline as a person calls them: weeks of Vault with a planted hole, imported; a collector and an agent that live; names, pages, folds, forms, exit codes."""
import contextlib, csv, io, sqlite3
from support import *

rng = random.Random(SEED)
work = folder()
db = os.path.join(work, 'keytrail.db')
END = int(time.time()) // 86400 * 86400            # midnight UTC
HOLE = (END - 86400 + 7200, END - 86400 + 5 * 3600)  # 02:00 to 05:00 of the last day
lines = []
for minute in range(25 * 1440):
    t = END - 25 * 86400 + minute * 60
    if rng.random() < .3 and not HOLE[0] <= t < HOLE[1]:
        who = rng.choice(['ana', 'bob', 'cy'])
        lines += vault_pair(rng, t + rng.random() * 50, who=who, secret=rng.choice(['app/db', 'app/queue']), address={'ana': '10.0.0.1', 'bob': '10.0.0.2', 'cy': '10.0.0.3'}[who])
for i in range(20):                                  # a run, from a new address, of secrets that it never read
    lines += vault_pair(rng, END - 3600 + i, who='ana', secret=f'prod/key-{i}', address='203.0.113.9')
with open(os.path.join(work, 'audit.log'), 'w') as f:
    f.write('\n'.join(lines) + '\n')
keytrail('import', '--db', db, '--source', 'vault', '--instance', 'vault-prod', os.path.join(work, 'audit.log'))
window = ['--db', db, '--since', iso(END - 23 * 86400, 0), '--until', iso(END, 0)]


def rows(p):
    return list(csv.DictReader(io.StringIO(p.stdout.decode(), newline='')))


def talk(p):
    return p.stderr.decode()


# ---- coverage ----
gaps = rows(keytrail('coverage', '--gaps', '-o', 'csv', *window))
check(len(gaps) == 1 and gaps[0]['cause'] == 'source quiet' and gaps[0]['filled'] == 'no' and abs(int(gaps[0]['seconds']) - 3 * 3600) < 1800,
      'the planted hole is the one gap', gaps)
check(gaps[0]['from'][:13] in (iso(HOLE[0], 0)[:13], iso(HOLE[0] - 1200, 0)[:13]), 'where it was planted', gaps)
p = keytrail('coverage', '--fail', *window, ok=False)
text = p.stdout.decode()
check(p.returncode == 1 and 'source quiet' in text and '▓' in text + '▒' and 'vault-prod' in text, '--fail exits 1, and the calendar shows the day', text)
check(keytrail('coverage', '--fail', '--db', db, '--on', iso(END - 5 * 86400, 0)[:10]).returncode == 0, 'a day without a gap exits 0')
newest = json.loads(keytrail('status', '--db', db, '-o', 'json').stdout)['records']
with contextlib.closing(sqlite3.connect(db)) as c, c:  # sums that say of all records that there is nothing
    c.execute("INSERT OR REPLACE INTO blob (name, value) VALUES ('coverage', ?)", (newest.to_bytes(8, 'little') + b'\x08',))
check('source quiet' not in keytrail('coverage', *window).stdout.decode(), 'sums that were forged deceive a look in passing')
check(keytrail('coverage', '--fail', *window, ok=False).returncode == 1, '--fail trusts none')
check('source quiet' in keytrail('coverage', '--recount', *window).stdout.decode(), 'nor does --recount')
with contextlib.closing(sqlite3.connect(db)) as c, c:
    c.execute("DELETE FROM blob WHERE name = 'coverage'")
p = keytrail('coverage', *window, '--source', 'vault-prd', ok=False)
check(p.returncode == 2 and 'vault-prod' in talk(p), 'an unknown source is told with the nearest', talk(p))
days = {r['day']: r['events'] for r in rows(keytrail('coverage', '-o', 'csv', *window))}
sql = {r['day']: r['events'] for r in rows(keytrail('sql', '--db', db, '-o', 'csv', 'select day, events from coverage'))}
check(len(days) == 23 and all(sql[d] == n for d, n in days.items()), 'its days agree with those of sql', (days, sql))
md = keytrail('coverage', '--gaps', '-o', 'md', *window).stdout.decode()
check(md.startswith('| FROM') and json.loads(keytrail('coverage', '--gaps', '-o', 'json', *window).stdout)[0]['open'] is True, 'Markdown and JSON', md)
p = keytrail('coverage', '--db', db, '--since', iso(END - 5 * 86400, 0)[:10], '--until', iso(END - 2 * 86400, 0)[:10])
check(f'to the end of {iso(END - 2 * 86400, 0)[:10]} UTC' in p.stdout.decode(), 'a window ends on the day that was asked for', p.stdout)
p = keytrail('search', 'actor:ana* --since 7d', '--db', db, ok=False)
check(p.returncode == 2 and '--since is an option' in talk(p) and 'outside of the quotes' in talk(p), 'an option within the query is refused', talk(p))
check(keytrail('search', '"--since"', '-n', '1', '--db', db).returncode == 0, 'and can be looked for in quotes')
ip = keytrail('ip', '203.0.113.9', '--db', db, '--since', iso(END - 7200, 0)).stdout.decode()
check('usual none in 25 days' in ip, 'what was not usual is told of as many days as there are', ip)
ip = keytrail('ip', '203.0.113.9', '--db', db, '--since', iso(END - 26 * 86400, 0)).stdout.decode()
check('the log has nothing before it' in ip, 'nothing is usual where nothing is older', ip)
last = ['--db', db, '--on', iso(END - 86400, 0)[:10]]
check('has a gap' in talk(keytrail('search', 'actor:ana*', '-n', '1', *last)), 'a search over the gap says so')
check('coverage' not in talk(keytrail('search', 'actor:ana*', '-n', '1', '--db', db, '--on', iso(END - 5 * 86400, 0)[:10])), 'another says nothing')

# ---- timeline ----
p = keytrail('timeline', 'ana@vault-prod', *last)
text = p.stdout.decode()
check('taken as actor:"ana@vault-prod"' in talk(p) or 'taken as' in talk(p), 'what a name was taken for is said', talk(p))
actor = ndjson(keytrail('search', 'secret:prod/key-0', '-o', 'ndjson', *last))[0]['actor']
p = keytrail('timeline', actor, *last)
text = p.stdout.decode()
check('--- no events from vault-prod' in text, 'the gap stands in its place', text[-1500:])
check('new address' in text and '…19 more of these, 19 secrets' in text, 'a run is folded behind what is new about it', text[-1500:])
check('203.0.113.9' in keytrail('timeline', '203.0.113.0/24', *last).stdout.decode(), 'a network is taken as one')
everything = rows(keytrail('timeline', actor, '--all', '-o', 'csv', *last))
folded = rows(keytrail('timeline', actor, '-o', 'csv', *last))
count = len(ndjson(keytrail('search', f'actor:"{actor}"', '-o', 'ndjson', *last)))
check(sum(r['what'] == 'access' for r in everything) == count == sum(1 + int(r['folded']) for r in folded if r['what'] == 'access'),
      'nothing is lost by folding', (len(everything), len(folded), count))
seen, page = [], []
while True:
    p = keytrail('timeline', actor, '--all', '-n', '60', '-o', 'csv', *last, *page)
    seen = [r['id'] for r in rows(p) if r['what'] == 'access'] + seen
    if 'more: --page ' not in talk(p):
        break
    page = ['--page', talk(p).split('more: --page ')[1].split()[0]]
check(seen == [r['id'] for r in everything if r['what'] == 'access'], 'pages give each record once', (len(seen), len(everything)))
p = keytrail('timeline', 'action:read secret:prod/**', '--around', next(r['id'] for r in everything if 'prod/key-' in r['object']), '±30m', '--db', db)
check('prod/key-' in p.stdout.decode(), '--around an event, for a query', p.stdout.decode()[-500:])
p = keytrail('timeline', 'actor:', *last, ok=False)
check(p.returncode == 2, 'a query that is none exits 2', talk(p))

# ---- an agent and a collector that live ----
h = House()
h.start_collector()
log = VaultLog(h.write('audit.log', ''), rng)
h.allow('a1', h.new_key('a1'))
h.agent_config('a1', [f'{{ id: vault-prod, type: vault, input: tail, path: {log.path} }}'])
a = h.start_agent('a1')
log.write(5)
wait_for(lambda: h.count() == 5)
wait_for(lambda: ndjson(keytrail('search', 'kind:report', '-o', 'ndjson', '--db', h.db)))
p = keytrail('coverage', '--db', h.db)
check('vault-prod' in p.stdout.decode() and 'coverage 100 %' in p.stdout.decode(), 'a living collector has no gap', p.stdout.decode())
check('never' not in p.stdout.decode() and 'not audited by Vault' in p.stdout.decode(), 'what the source never tells is said', p.stdout.decode())
stop(a)
stop(h.collector)

# ---- sums that are not kept: of a store that no collector writes, `store pairs` makes them ----
big, log = os.path.join(work, 'big.db'), os.path.join(work, 'big.log')
first = '\n'.join(vault_pair(rng, END - 5 * 86400, rid='00000000-0000-4000-8000-000000000000')) + '\n'
with open(log, 'w') as f:  # more than the newest 81,920, which are walked over in any case
    f.writelines(first.replace('00000000-0000', f'{i:08x}-0000').replace(iso(END - 5 * 86400, 0)[:19], iso(END - 5 * 86400 + i, 0)[:19]) for i in range(100_000))
keytrail('import', '--db', big, '--source', 'vault', '--instance', 'vault-prod', log)


def sums(delete=False):
    with contextlib.closing(sqlite3.connect(big)) as d, d:
        kept = d.execute("SELECT name, value FROM blob WHERE name = 'coverage' OR name LIKE 'coverage/%' ORDER BY name").fetchall()
        if delete:
            d.execute("DELETE FROM blob WHERE name = 'coverage' OR name LIKE 'coverage/%'")
        return kept


had = sums(delete=True)
check(len(had) > 1 and not sums(), 'an import leaves sums of coverage, which can be lost')
keytrail('store', 'pairs', '--db', big)
check(sums() == had, 'store pairs makes the same again', ([n for n, _ in had], [n for n, _ in sums()]))
days = ['--db', big, '--since', iso(END - 6 * 86400, 0), '--until', iso(END, 0), '-o', 'csv']
check(keytrail('coverage', *days).stdout == keytrail('coverage', '--recount', *days).stdout, 'and coverage says by them what the records say')
finish()
