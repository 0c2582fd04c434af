#!/usr/bin/env python3
"""Every file of ../shared/samples of the sources that exist: nothing is lost silently, no crash (ASan build when it is there)."""
import glob, json, os
from support import *

samples = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../../shared/samples')
program = os.path.abspath(os.path.join(ARGS.build, 'san/keytrail'))
if not os.path.exists(program):
    program = KEYTRAIL
if not os.path.isdir(samples):
    check(True, 'corpus # SKIP no ../shared/samples here')
    finish()
d = folder()
total = {'read': 0, 'stored': 0, 'duplicate': 0, 'skipped': 0, 'quarantined': 0}
SOURCES = {  # and their folders
    'vault': 'vault',
    'cloudtrail': 'cloudtrail',
    'auditd': 'auditd',
    'azure': 'azure',
    'doppler': 'doppler',
    'gcp': 'gcp',
    'github': 'github',
    'kubernetes': 'kubernetes',
    'onepassword': '1password',
}
for source, place in SOURCES.items():
    for f in sorted(glob.glob(os.path.join(samples, place, '**/*'), recursive=True)):
        if os.path.isdir(f) or f.endswith('.md'):
            continue
        db = os.path.join(d, 'one.db')
        p = run(program, 'import', '--db', db, '--source', source, f, '-o', 'json', ok=False)
        name = os.path.relpath(f, samples)
        if p.returncode != 0:
            check(False, f'{name} imports', p.stderr.decode(errors='replace'))
            continue
        r = json.loads(p.stdout)
        lines = sum(1 for l in open(f, 'rb') if l.strip() and not l.startswith(b'#'))
        ok = r['read'] == r['stored'] + r['duplicate'] + r['skipped'] + r['quarantined'] and r['read'] > 0
        check(ok, f"{name}: read {r['read']} = stored {r['stored']} + duplicate {r['duplicate']} + skipped {r['skipped']} + quarantined {r['quarantined']}", r)
        if f.endswith(('.log', '.jsonl')):
            check(r['read'] >= lines, f'{name}: every line is accounted for', (r['read'], lines))
        for k in total:
            total[k] += r[k]
print('#', total)
for source in ('auditd', 'onepassword', 'doppler'):
    rows = [json.loads(l) for l in run(program, 'search', f'source:{source}', '--db', os.path.join(d, 'one.db'), '--since', '@0', '-o', 'ndjson').stdout.splitlines()]
    bad = [r for r in rows if not (r['actor'] and r['time'] and r['action'] != 'other' and r['outcome'] != 'unknown' and (r['secret'] or r['secret_native'] or r['action'] in ('login', 'config')))]
    check(rows and not bad, f'{source}: each of {len(rows)} events says who, when, what and how it ended', bad)
check(json.loads(run(program, 'verify', '--db', os.path.join(d, 'one.db'), '-o', 'json').stdout)['consistent'], 'the store verifies')
finish()
