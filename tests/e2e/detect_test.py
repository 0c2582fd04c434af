#!/usr/bin/env python3
"""detect test: cases as a person writes them, with and without a configuration; detect lint: what can never fire on a store, and what to connect."""
import random
from support import *

rng = random.Random(SEED)
d = folder()


def write(name, text):
    path = os.path.join(d, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w') as f:
        f.write(text)
    return path


def test(*argv):
    return keytrail('detect', 'test', *argv, '-o', 'ndjson', ok=False)


def rows(p):
    return {os.path.basename(r['case']): r for r in ndjson(p)}


trap = 'event +1h actor=zoe kind=human secret=vault://main/-/kv/trap ip=198.51.100.7\n'
write('cases/told/canary.case', f'canary secret=**/trap\n{trap}alert critical "zoe"\n')
write('cases/quiet/nothing.case', f'{trap}none\n')
p = test(os.path.join(d, 'cases'))
check(p.returncode == 0 and all(r['result'] == 'ok' for r in rows(p).values()) and len(rows(p)) == 2, 'cases that hold', p.stdout.decode() + p.stderr.decode())
conf = write('k/keytrail.yaml', 'canaries: [ { secret: "**/trap" } ]\n')
p = test(os.path.join(d, 'cases'), '-c', conf)
r = rows(p)
check(p.returncode == 1 and r['canary.case']['result'] == 'ok' and r['nothing.case']['result'] == 'not ok', 'a configuration is what cases are judged with', p.stdout.decode() + p.stderr.decode())
check('nothing.case:2: not so: none' in r['nothing.case']['why'] and 'critical' in r['nothing.case']['why'], 'the line and what was told instead', r['nothing.case']['why'])
for name, text, words in [('word', 'evnet +1h actor=zoe\nnone\n', 'word.case:1: not understood'), ('end', trap, 'a case ends with what it expects'), ('empty', '', 'a case ends'),
                          ('large', 'event +1h actor=a kind=human secret=s x=200000\n' * 30 + 'none\n', 'the case is too large'),
                          ('option', 'config volume_spike {florr: 3}\nnone\n', "unknown key 'florr'"), ('times', 'event +1h x=99999999\nnone\n', 'not understood'),
                          ('near', 'evnet +1h actor=zoe\nnone\n', 'the nearest line is: event'), ('key', trap.replace('ip=', 'adress=') + 'none\n', 'stands here twice: adress'),
                          ('twice', trap.replace('\n', ' ip=10.0.0.1\n') + 'none\n', 'stands here twice: ip'), ('number', trap.replace('\n', ' x=2o\n') + 'none\n', 'no number, or too large: 2o'),
                          ('kind', trap.replace('human', 'humans') + 'none\n', 'no such word: humans'), ('severity', trap + 'alert urgent "zoe"\n', 'alert SEVERITY "words" is meant'),
                          ('quotes', 'fact ip=1.2.3.4 org="A\nnone\n', 'the quotes do not end: org'), ('when', 'event 1h kind=human\nnone\n', 'no time like +1h10m: 1h'),
                          ('bare', 'event\nnone\n', 'no time like +1h10m'), ('far', trap.replace('+1h', '+106751d106751d') + 'none\n', 'no time like +1h10m: +106751d106751d'),
                          ('late', trap.replace('\n', ' x=2000 every=2d\n') + 'none\n', 'the last one comes too late: 2d'), ('nothing', 'config\nnone\n', 'not understood')]:
    p = test(write(f'bad/{name}.case', text))
    check(p.returncode == 1 and words in rows(p)[f'{name}.case']['why'], f'{name}: {words}', p.stdout.decode() + p.stderr.decode())
check(test(os.path.join(d, 'nowhere')).returncode != 0, 'a folder that is not there is named')

conf_spike = write('k/spike.yaml', 'detectors: { volume_spike: { floor_5m: 33 } }\n')
explain = lambda *argv: keytrail('detect', 'explain', 'volume_spike', *argv)
page = explain().stdout.decode()
row = json.loads(explain('-o', 'json', '-c', conf_spike).stdout)[0]
options = {o['name']: o for o in row['options']}
check(row['page'] == page and row['name'] == 'volume_spike' and row['summary'] in keytrail('detect', 'list').stdout.decode(), 'explain -o json has the page', row)
check((options['floor_5m']['value'], options['floor_5m']['default'], options['floor_1h']['value']) == ('33', '20', '40'), 'and the options, as they stand and by default', row['options'])
plain = json.loads(keytrail('detect', 'explain', 'unexpected_ip', '-o', 'json').stdout)[0]['options']
check(plain and all(o['value'] == o['default'] for o in plain), 'what is not configured is spelled as its default', plain)
check('floor_5m: 33' in explain('-c', conf_spike).stdout.decode() and explain('-o', 'md').stdout.decode() == page, 'for people it is the page')
check(len(ndjson(explain('-o', 'ndjson'))) == 1 and explain('-o', 'csv').stdout.decode().startswith('name,summary,page,options'), 'one row for programs')

log, db = os.path.join(d, 'audit.log'), os.path.join(d, 'k.db')
audit = VaultLog(log, rng)
audit.write(50)
keytrail('import', '--db', db, '--source', 'vault', log)
p = keytrail('detect', 'lint', '--db', db, '-o', 'ndjson', ok=False)
lacks = {(r['detector'], r['part']): r for r in ndjson(p)}
check(p.returncode == 1, 'something can never fire')
check(('silent_source', 'all of it') in lacks and 'no collector ran' in lacks[('silent_source', 'all of it')]['why'], 'an import has no clock', json.dumps(list(lacks)))
check(('env_file', 'all of it') in lacks and 'auditd' in lacks[('env_file', 'all of it')]['do'], 'no host is watched')
check(('new_secrets', 'all of it') not in lacks and ('volume_spike', 'all of it') not in lacks, 'what can fire is not named', json.dumps(list(lacks)))
check(('signatures', 'canary') in lacks, 'no canary is configured')
p = keytrail('detect', 'lint', '--db', db, '-c', conf, '-o', 'ndjson', ok=False)
check(('signatures', 'canary') not in {(r['detector'], r['part']) for r in ndjson(p)}, 'with one it is not named', p.stdout.decode())
# ---- rules ----
def rule(title, log, selection):
    return f'title: {title}\nlogsource: {{{log}}}\ndetection: {{s: {{{selection}}}, condition: s}}\nlevel: high\n'


write('sigma/mine.yml', rule('Somebody reads the trap', 'product: keytrail', 'secret|endswith: /trap'))
EVENT = 'event +1h actor=eve@acme.example kind=human secret=vault://main/-/kv/trap\n'
write('sigma/rule.case', 'rules mine.yml\n' + EVENT + 'alert high "Somebody reads the trap"\n')
write('sigma/lost.case', 'rules none.yml\n' + EVENT + 'none\n')
p = test(os.path.join(d, 'sigma'))
got = rows(p)
check(got['rule.case']['result'] == 'ok' and 'none.yml' in got['lost.case']['why'], 'a case brings its own rules, from the file beside it', got)
p = keytrail('detect', 'lint', '--db', db, '-o', 'ndjson', ok=False)
check(('sigma', 'all of it') in {(r['detector'], r['part']) for r in ndjson(p)}, 'without rules there is nothing to match')
write('lost.yml', rule('A bucket is made public', 'product: aws, service: cloudtrail', 'eventSource: s3.amazonaws.com, eventName: PutBucketAcl'))
conf = write('rules.yaml', 'rules: [sigma/mine.yml, lost.yml]\n')
p = keytrail('detect', 'lint', '--db', db, '-c', conf, '-o', 'ndjson', ok=False)
lacks = {r['part']: r for r in ndjson(p) if r['detector'] == 'sigma'}
check(list(lacks) == ['A bucket is made public'] and 'keeps only' in lacks['A bucket is made public']['why'] and 'lost.yml, line 1' in lacks['A bucket is made public']['do'],
      'a rule that asks for what is not kept is named', lacks)
finish()
