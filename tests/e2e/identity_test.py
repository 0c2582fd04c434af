#!/usr/bin/env python3
"""Who is who, as a person does it: identity suggest over a log of two sources, its YAML pasted, checked, listed, in force in the collector, recorded in the
log, and applied by search and replay; a reload takes a change, a broken file leaves the old one in force (docs/identities.md)."""
import json, random, signal, time
from support import *

rng = random.Random(SEED)
h = House()
now = int(time.time())
people = {'alice.smith': '91.10.2.3', 'bob.jones': '91.10.2.4', 'carl.weiss': '91.10.2.5'}


def sso(who):
    return {'type': 'AssumedRole', 'principalId': f'AROAX:{who}', 'arn': f'arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Dev_0123456789abcdef/{who}',
            'accountId': '111122223333', 'accessKeyId': 'ASIAX', 'sessionContext': {'sessionIssuer': {'type': 'Role', 'userName': 'AWSReservedSSO_Dev_0123456789abcdef'}}}


# Each person by a user name in Vault and by e-mail in AWS, from home in the same hours; the same names with a 2 and an admin account beside; a robot.
with open(h.path('audit.log'), 'w') as f:
    for i in range(24):
        for who, address in people.items():
            f.write('\n'.join(vault_pair(rng, now - 3600 * i - 60, who=who, address=address)) + '\n')
        f.write('\n'.join(vault_pair(rng, now - 3600 * i - 90, who='alice.smith2', address='91.10.2.3')) + '\n')
        f.write('\n'.join(vault_pair(rng, now - 3600 * i - 95, who='bob.jones-admin', address='91.10.2.4')) + '\n')
    for i in range(3):  # refused: nobody got in by these
        asked, answer = vault_pair(rng, now - 3600 * i - 61, who='bob.jones', address='91.10.2.4')
        f.write(asked + '\n' + json.dumps({**json.loads(answer), 'error': '1 error occurred:\n\t* permission denied\n\n'}) + '\n')
write_object(h.path('a.json.gz'), [cloudtrail(rng, now - 3600 * i - 120, userIdentity=sso(f'{who.title()}@acme.example'), sourceIPAddress=address)
                                   for i in range(24) for who, address in people.items()] + [cloudtrail(rng, now - 60, role='carl.weiss', address='91.10.2.5')])
keytrail('import', '--db', h.db, '--source', 'vault', '--instance', 'vault-prod', '--cluster', 'main', h.path('audit.log'))
keytrail('import', '--db', h.db, '--source', 'cloudtrail', '--instance', 'aws-main', h.path('a.json.gz'))

p = keytrail('identity', 'suggest', '--db', h.db)
print(p.stdout.decode())
rows = json.loads(keytrail('identity', 'suggest', '--db', h.db, '-o', 'json', '-q').stdout)
check({(r['name'], r['alias'], r['confidence']) for r in rows} == {(f'{w}@acme.example', f'{w}@main', 'high') for w in people},
      'three people, and nobody who only looks like one', rows)
check(all(r['together_hours'] >= 23 and r['together_addresses'] == 1 and 'hours together at 1 address that' in r['reasons'] for r in rows), 'each with its counts', rows)
check(b'nothing was changed' in p.stderr and b'window: ' in p.stderr, 'said on stderr', p.stderr)

# Pasted as it stands.
who = h.write('who.yaml', p.stdout.decode())
p = keytrail('identity', 'check', '-f', who, '--db', h.db)
check(b'who.yaml: ok, 3 identities, 3 aliases' in p.stdout and b'3 of them have no identity' in p.stdout, 'it checks, and says what is left', p.stdout)
day = time.strftime('%Y-%m-%d', time.gmtime(now - 2 * 86400))
gone = h.write('gone.yaml', open(who).read().replace('- name: "bob.jones@acme.example"', f'- name: "bob.jones@acme.example"\n    left: {day}'))
p = keytrail('identity', 'check', '-f', gone, '--db', h.db)
check(f"the last day of 'bob.jones@acme.example' was {day}, and 24 accesses of bob.jones@main are later".encode() in p.stdout, 'accesses after somebody left are named', p.stdout)
listed = ndjson(keytrail('identity', 'list', '-f', who, '-o', 'ndjson'))
check([r['aliases'] for r in listed] == [f'{w}@main' for w in sorted(people)] and listed[0]['kind'] == 'human', 'it is listed', listed)
shown = keytrail('identity', 'show', 'Alice.Smith@MAIN', '-f', who).stdout.decode()
check(shown.startswith('name       alice.smith@acme.example\n') and "actor:\"alice.smith@acme.example\"'" in shown, 'an alias shows whose it is', shown)
p = keytrail('identity', 'show', 'alice.smth@acme.example', '-f', who, ok=False)
check(p.returncode == 1 and b"did you mean 'alice.smith@acme.example'?" in p.stderr, 'a slip is answered with the nearest', p.stderr)
p = keytrail('identity', 'check', '-f', h.write('bad.yaml', 'identities: [{ name: a, kind: robot }]\n'), ok=False)
check(p.returncode == 1 and b"bad.yaml:1:31: 'kind' is human" in p.stderr, 'a broken file is refused with its place', p.stderr)

# In force: the log says who is who, so a question needs no file.
alice = 'actor:alice.smith@acme.example'
check(h.count(alice) == 24, 'before, the name means itself', h.count(alice))
good = open(h.path('keytrail.yaml')).read() + 'identities_file: who.yaml\n'
h.write('keytrail.yaml', good)
h.start_collector()
configs = lambda: ndjson(keytrail('search', 'kind:config operation:config', '--db', h.db, '--since', '@0', '-o', 'ndjson', '-q'))
check(wait_for(lambda: len(configs()) == 1) and 'alice.smith@main' in json.dumps(configs()[0]), 'the collector records them')
check(h.count(alice) == 48 and h.count(f'-{alice}') == 24 * 6 - 24 + 1 + 24 + 3, 'a name finds all its aliases, by the log', (h.count(alice), h.count(f'-{alice}')))
check(h.count('actor:alice.smith*') == 72, 'a pattern stays a pattern')
p = keytrail('search', alice, '--db', h.db, '--since', '@0', '--explain', '-q', '-o', 'ndjson')
check(b'(and 1 alias)' in p.stderr, 'explain says so', p.stderr)

h.write('who.yaml', open(gone).read() + '  - { name: robot, kind: service, aliases: ["carl.weiss@111122223333"] }\n')
h.collector.send_signal(signal.SIGHUP)
check(wait_for(lambda: len(configs()) == 2), 'a change of that file alone is a change', h.log('collector.log'))
check(h.count('actor:robot') == 1, 'and acts')
page = keytrail('actor', 'bob.jones@acme.example', '--db', h.db).stdout.decode()
check(day in page, 'the page of somebody who left says so', page)
h.write('who.yaml', 'identities: [{ name: a, aliases: [x] }, { name: b, aliases: [x] }]\n')
h.collector.send_signal(signal.SIGHUP)
check(wait_for(lambda: "'x' belongs to 'a' already" in h.log('collector.log')), 'a broken one is named', h.log('collector.log'))
check(stop(h.collector) == 0 and len(configs()) == 2 and h.count('actor:robot') == 1, 'and the old one stays in force', h.log('collector.log'))
finish()
