#!/usr/bin/env python3
"""Announced work and verdicts through a running collector: what is expected is listed and pages nobody, what is not still pages, each decision is a record of the log and
survives a restart, what would hide too much is refused (DETECTION §5, docs/control.md)."""
import json, random
from support import *

rng = random.Random(SEED)
h = House('canaries: [ { secret: "trap/one" } ]\nbreak_glass: [ "emergency/*" ]\n')
conf = h.path('keytrail.yaml')
audit = VaultLog(h.path('audit.log'), rng)
open(audit.path, 'w').close()
h.allow('vault-host', h.new_key('vault-host'), 'vault/vault-prod')
h.agent_config('vault-host', [f'{{ id: vault-prod, type: vault, input: tail, path: {audit.path} }}'])
h.start_collector()
h.start_agent('vault-host')


def alerts(*argv):
    """What detection raised: what the collector says of itself (of a disk of this host that is nearly full, say) is not asked for here."""
    return [a for a in ndjson(keytrail('alerts', 'list', '--db', h.db, '-o', 'ndjson', *argv)) if a['detector'] != 'self']


def expect(*argv, ok=True):
    p = keytrail('expect', *argv, '-c', conf, ok=ok)
    return p.returncode, (p.stdout + p.stderr).decode()


def status():
    return json.loads(keytrail('status', '-c', conf, '-o', 'json').stdout)


audit.write(1, who='dana', secret='trap/one')
told = wait_for(lambda: alerts())
check(told and len(told) == 1 and told[0]['severity'] == 'critical', 'a canary pages', told)
who, id = told[0]['actor'], told[0]['id']

code, said = expect('add', 'drill of the red team', '--actor', who, '--until', '+2h', '--ticket', 'CHG-1', '--signature', 'canary')
check(said.startswith('expect-1: until ') and f'the signature canary of {who} is listed and pages nobody' in said.splitlines()[0]
      and 'Told as ever: everything else' in said and 'keytrail expect rm expect-1' in said, 'the first line says what it keeps quiet, the second what not', said)
rows = ndjson(keytrail('expect', 'list', '-c', conf, '-o', 'ndjson'))
check(len(rows) == 1 and rows[0]['ticket'] == 'CHG-1' and rows[0]['state'] == 'open' and rows[0]['by'], 'it is listed with its author', rows)
check(status()['expectations'] == 1, 'status counts it')
for argv, why in [(['--actor', 'ana', '--until', '+31d'], '30 days at most'), (['--until', '+1h'], 'name an actor, a secret or a source'),
                  (['--actor', 'ana'], '--until is missing'), (['--actor', 'ana', '--until', '2h'], 'does not lie after'),
                  (['--actor', 'ana', '--until', '+1h', '--signature', 'nonsense'], "no signature 'nonsense'"),
                  (['--actor', '*@*', '--until', '+1h'], 'has to name something'), (['--actor', 'an*', '--until', '+1h', '--signature', 'canary'], "without '*'"),
                  (['--actor', 'ana', '--until', '+1h', '--address', '64.0.0.0/8'], 'too wide')]:
    code, said = expect('add', 'x', *argv, ok=False)
    check(code != 0 and why in said, f'refused: {why}', said)

audit.write(1, who='dana', secret='trap/one')
audit.write(1, who='erin', secret='trap/one')
check(wait_for(lambda: len(alerts('--suppressed')) == 1 and len(alerts()) == 2), 'the second canary of the drill is listed', alerts())
quiet = alerts('--suppressed')[0]
check(quiet['severity'] == 'info' and quiet['suppressed_by'].startswith('expected: drill of the red team (CHG-1), by '), 'it says who expected it, until when', quiet)
other = [a for a in alerts() if a['actor'] not in (who, '')]
check(len(other) == 1 and other[0]['severity'] == 'critical', 'somebody else at the canary pages', other)
table = keytrail('alerts', 'list', '--db', h.db)
check(b'1 more, expected and kept quiet' in table.stderr and b'drill' not in table.stdout, 'the plain list leaves it out and says so', table.stdout + table.stderr)

check(status()['suppressed'] == 1, 'status counts what was kept quiet')
code, said = expect('break-glass', '--actor', who, '--ticket', 'INC-42', '--until', '+1h')
check('glass-1: until ' in said, 'a ticket opens the emergency access', said)
audit.write(1, who='dana', secret='emergency/root')
check(wait_for(lambda: any('INC-42' in a['title'] for a in alerts('--suppressed'))), 'its use is listed with the ticket', alerts('--suppressed'))

p = keytrail('alerts', 'close', id[:8], '--verdict', 'true', '--note', 'red team, told us', '-c', conf)
check(id in p.stdout.decode() and 'nothing of it is learned' in p.stdout.decode(), 'a verdict says what follows', p.stdout)
shown = keytrail('alerts', 'show', id, '--db', h.db).stdout.decode()
check('closed as true by ' in shown and 'red team, told us' in shown, 'and the alert shows it', shown)
check([a['verdict'] for a in alerts() if a['id'] == id] == ['true'], 'in the list as well')
p = keytrail('alerts', 'close', 'ZZZZZZZZ', '--verdict', 'true', '-c', conf, ok=False)
check(p.returncode != 0 and b"there is no alert 'ZZZZZZZZ'" in p.stderr, 'a verdict is about an alert that there is', p.stderr)

code, said = expect('rm', 'expect-1')
check('removed' in said and expect('rm', 'expect-1', ok=False)[0] != 0, 'it ends when somebody says so, once', said)
check(stop(h.collector) == 0, 'a clean stop', h.log('collector.log'))
h.start_collector()
check(wait_for(lambda: status()['expectations'] == 1), 'after a restart the other one is open')
rows = ndjson(keytrail('expect', 'list', '--all', '-c', conf, '-o', 'ndjson'))
check([r['state'] for r in rows] == ['removed', 'open'], 'the list of all has both', rows)
ops = [r['operation'] for r in ndjson(keytrail('search', 'kind:decision', '--db', h.db, '--since', '@0', '-o', 'ndjson', '-q'))]
check(sorted(ops) == ['break-glass', 'expect', 'expect.rm', 'verdict'], 'each decision is a record of the log', ops)
code, said = expect('add', 'rotation', '--actor', 'ana', '--until', '+2h')
check('of ana are listed and page nobody' in said.splitlines()[0] and "each actor's first signature" in said and 'each stopped, canary, unseal, root and opened (no --signature)' in said,
      'one that names no signature says what is told all the same', said)
audit.write(1, who='dana', secret='trap/one')
check(wait_for(lambda: h.count('secret:**/trap/one') == 4), 'the agent goes on')
check(keytrail('verify', '--db', h.db, ok=False).returncode in (0, 7), 'the log verifies with them')
finish()
