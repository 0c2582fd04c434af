#!/usr/bin/env python3
"""Evidence packages: what Debian's minisign, sha256sum, verify_bundle.py and `keytrail report verify` say of one; every change is named; a log that was
rewritten is found with one checkpoint from outside, and never called verified and witnessed without."""
import re
from report_package import *

rng = random.Random(SEED)
d = folder()
base = int(time.time()) // DAY * DAY - DAY
period = Period(base)
records = lines(rng, base, 240)
db = os.path.join(d, 'k.db')
log_id = store(db, records)
key, out = os.path.join(d, 'report.key'), os.path.join(d, 'out')
public = keytrail('report', 'keygen', key).stdout.decode().strip()
check(keytrail('report', 'keygen', key, ok=False).returncode == 2 and os.stat(key).st_mode & 0o777 == 0o600, 'a key is made once, 0600')

# ---- a package, and who checks it ----
drawn = os.path.join(d, 'sample-CC7.3-1.csv')
with open(drawn, 'wb') as f:
    f.write(b'id,what\r\n1,"two\r\nlines"\r\n')
one = make(db, out, period, key, '--verify', '--sample', drawn)
check(os.path.basename(one).startswith('evidence-acme-s-hne-') and not [n for n in os.listdir(out) if n.startswith('.')], 'the folder has its name, nothing is left beside it', one)
manifest = json.load(open(f'{one}/manifest.json'))
check({'samples/sample-CC7.3-1.csv': 1}.items() <= {f['path']: f['rows'] for f in manifest['files']}.items(), 'a sample that was drawn is in it')
check([f['path'] for f in manifest['files']] == [f for f in all_files(one) if f not in ('manifest.json', 'manifest.json.minisig')], 'the manifest lists every other file, in order')
check(subprocess.run(['sha256sum', '--quiet', '-c', 'SHA256SUMS'], cwd=one, stdout=subprocess.PIPE).returncode == 0, 'sha256sum -c agrees')
if shutil.which('minisign'):
    check(subprocess.run(['minisign', '-qVm', 'manifest.json', '-P', public], cwd=one).returncode == 0, 'minisign -Vm agrees')
p = subprocess.run(['/usr/bin/env', '-i', 'PATH=/usr/bin:/bin', 'python3', f'{one}/verify_bundle.py', one, '--key', public], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
check(p.returncode == 7 and b'VERIFIED, UNANCHORED' in p.stdout, 'verify_bundle.py, alone: verified, but unanchored', p.stdout)
p = keytrail('report', 'verify', one, ok=False)
check(p.returncode == 7 and b'NOBODY VOUCHES' in p.stdout, 'without a key nobody vouches for it', p.stdout)
p = keytrail('report', 'soc2', '--db', db, *period.argv, '--out', out, '--org', 'Acme & Söhne', ok=False)
check(p.returncode == 2 and b'is there already' in p.stderr, 'a package is never written over', p.stderr)

# ---- the same inputs, the same bytes ----
keep(db, 'coverage', manifest['log']['size'].to_bytes(8, 'little') + b'\x08')  # sums that say: nothing was there
two = make(db, os.path.join(d, 'again'), period, key, '--verify', '--sample', drawn)
differ = [f for f in all_files(one) if open(f'{one}/{f}', 'rb').read() != open(f'{two}/{f}', 'rb').read()]
check(all_files(one) == all_files(two) and set(differ) <= {'manifest.json', 'manifest.json.minisig'}, 'the same inputs give the same bytes but for the manifest, whatever sums the store keeps', differ)
p = keytrail('verify', '--db', db, ok=False)
check(p.returncode == 1 and b'tampered' in p.stdout, 'keytrail verify names such sums', p.stdout)
with contextlib.closing(sqlite3.connect(db)) as c, c:
    c.execute("DELETE FROM blob WHERE name = 'coverage'")

# ---- tables and page ----
m = checker()
bad = []
for f in (f for f in all_files(one) if f.endswith('.csv')):
    raw = open(f'{one}/{f}', 'rb').read()
    m.count_rows(raw)  # strict RFC 4180, or it raises
    for cell in m.FIELD.finditer(raw.decode()):
        text = cell[1].replace('""', '"') if cell[1] is not None else cell[2]
        if f.startswith('samples/'):
            continue
        if text[:1] in '=+@\t\r' and text or re.match('-[^0-9]', text) or any(c in text for c in '\u202e\r\n\x1b'):
            bad.append((f, text))
check(not bad, 'no cell is a formula, or holds what a terminal obeys', bad[:5])
cells = ''.join(open(f'{one}/{f}', encoding='utf-8').read() for f in all_files(one) if f.startswith('csv/'))
check(all(w in cells for w in ('Ελένη', 'Наталья', '秘密', 'قاعدة', "'=bob", 'bidi\\u202egnp')), 'names in Greek, Cyrillic, CJK and Arabic are there, hostile ones disarmed')
page = open(f'{one}/report.html', encoding='utf-8').read().replace('<wbr>', '')
check('<script' not in page and 'http' not in re.sub(r'http-equiv|&lt;.*?&gt;|http://x', '', page) and '<bdi>' in page and "default-src 'none'" in page, 'the page holds no script and nothing from elsewhere')
check(public in page and manifest['package'] in page and 'open points' in page and 'System: keytrail. Period' in page, 'the page says the key, the package, and what is open; a log without a deployment names none')

# ---- changes ----
shutil.copytree(one, os.path.join(d, 'copy'))
copy = os.path.join(d, 'copy')
change_at_random(rng, m, copy, public, 40)  # report_long.py: 1,000
check(checked(m, copy, '--key', public)[0] == 7, 'and without them there is none')

# ---- a maker who lies, with the key that signs packages ----
if shutil.which('minisign'):
    text = open(f'{copy}/report.html', encoding='utf-8').read()
    lie = re.sub(r'(<p class="source">)(\d+)( rows?[^<]*<a href="csv/05_control_totals.csv")', lambda t: f'{t[1]}{int(t[2]) + 1}{t[3]}', text)
    with open(f'{copy}/report.html', 'w', encoding='utf-8') as f:
        f.write(lie)
    fix_hashes(copy, 'report.html')
    sums = open(f'{copy}/SHA256SUMS').read()
    with open(f'{copy}/SHA256SUMS', 'w') as f:
        f.write(re.sub(r'\w{64}(?=  report.html)', hashlib.sha256(lie.encode()).hexdigest(), sums))
    fix_hashes(copy, 'SHA256SUMS')
    run('minisign', '-Sm', f'{copy}/manifest.json', '-s', key, '-c', m.SIGNED_COMMENT.split(': ', 1)[1], stdin=b'\n')
    code, named, said = checked(m, copy, '--key', public)
    p = keytrail('report', 'verify', copy, '--key', public, ok=False)
    check(lie != text and code == 1 and named == ['report.html'] and p.returncode == 1 and b'total of csv/05_control_totals.csv' in p.stdout,
          'a total of the report that is not its table\'s is found, signed or not', said + str(p.stdout))

# ---- checkpoints ----
head = json.load(open(f'{one}/integrity/checkpoints.json'))
signer = Signer(d, log_id)
outside = os.path.join(d, 'outside.note')
with open(outside, 'w') as f:
    f.write(signer.note(head['size'], head['root']))
store(db, lines(random.Random(SEED + 1), base + 2 * DAY, 60), log_id)  # the log goes on
grown = make(db, os.path.join(d, 'grown'), period, key, '--verify')
later = json.load(open(f'{grown}/integrity/checkpoints.json'))
check(later['size'] > head['size'], 'the log has grown')
code, _, said = checked(m, grown, '--key', public, '--checkpoint', outside)
check(code == 1 and 'made with --checkpoint' in said, 'an outside checkpoint that the package has no proof for is said', said)
keep(db, f'checkpoint/{head["size"]}', signer.note(head['size'], head['root'], True))
keep(db, 'checkpoint', signer.note(later['size'], later['root']))
grown = make(db, os.path.join(d, 'grown2'), period, key, '--verify', '--checkpoint', outside)
args = ['--key', public, '--log-key', signer.vkey]
for how in (['--checkpoint', outside], ['--witness', signer.witness_vkey]):
    code, _, said = checked(m, grown, *args, *how)
    p = keytrail('report', 'verify', grown, *args, *how, ok=False)
    check(code == 0 and p.returncode == 0 and 'VERIFIED, WITNESSED to record' in said and b'VERIFIED, WITNESSED to record' in p.stdout, f'with {how[0]}: verified and witnessed', said + str(p.stdout))
code, _, said = checked(m, grown, *args)
check(code == 7 and 'UNANCHORED' in said, 'without: unanchored, whatever the package says', said)
other = Signer(folder(), log_id)


def both(*argv):
    """Exit code and what is printed, which are alike with verify_bundle.py and with `keytrail report verify`."""
    code, _, said = checked(m, *argv)
    p = keytrail('report', 'verify', *argv, ok=False)
    theirs = (p.stdout + p.stderr).decode()
    words = lambda text: set(re.findall(r'^(?:FAULT|NOT COUNTED|RETAINED OUT|[A-Z]{4}[A-Z, ]*)', text, re.M))
    return (code, said) if p.returncode == code and words(said) == words(theirs) else (-1, f'{code} {said}{p.returncode} {theirs}')


witness = ['--witness', signer.witness_vkey]
for argv in (['--log-key', other.vkey], ['--log-key', other.vkey, *witness], ['--log-key', other.vkey, '--checkpoint', outside]):
    code, said = both(grown, '--key', public, *argv)
    check(code == 7 and 'NOT COUNTED' in said and 'signed by a key that was not given' in said and 'FAULT' not in said and 'UNANCHORED' in said,
          f'signed by a key that was not given: said, no fault, and nothing is witnessed ({len(argv)})', said)
with open(os.path.join(d, 'both.vkey'), 'w') as f:
    f.write(f'{other.vkey}\n{signer.vkey}\n')
for argv in ([*args, '--log-key', other.vkey], ['--key', public, '--log-key', os.path.join(d, 'both.vkey')]):
    code, said = both(grown, *argv, *witness)
    check(code == 0 and 'NOT COUNTED' not in said, 'of several keys, after an exchange, one is enough', said)

# ---- what whoever checks brings along ----
typo = signer.vkey[:-6] + 'AAAA='
for argv in (['--witness', signer.vkey], ['--log-key', signer.witness_vkey], ['--key', public[:-2]], ['--log-key', typo], ['--witness', 'w1'], ['--checkpoint', key],
             ['--checkpoint', os.path.join(d, 'none.note')]):
    code, said = both(grown, *([] if '--key' in argv else ['--key', public]), *argv)
    check(code == 2 and 'FAULT' not in said and 'TAMPERED' not in said, f'{argv[0]} {os.path.basename(argv[1])[:20]}: wrong use, no fault of the package', said)
p = keytrail('report', 'verify', os.path.join(d, 'none'), '--key', public, ok=False)
code, _, said = checked(m, os.path.join(d, 'none'), '--key', public)
check(code == p.returncode == 2 and 'there is no folder' in said and b'there is no folder' in p.stderr, 'so is a folder that is not there', said + str(p.stderr))

# ---- a package that was made to keep whoever checks it busy ----
for name, put in (('manifest.json', os.mkfifo), ('manifest.json.minisig', lambda f: os.symlink('/dev/zero', f)), ('csv/05_control_totals.csv', os.mkfifo),
                  ('csv/05_control_totals.csv', lambda f: os.symlink('/dev/zero', f)), ('csv/05_control_totals.csv', lambda f: open(f, 'w').truncate(1 << 40))):
    trap = os.path.join(folder(), 'trap')
    shutil.copytree(grown, trap)
    os.unlink(os.path.join(trap, name))
    put(os.path.join(trap, name))
    for argv in ([sys.executable, os.path.join(grown, 'verify_bundle.py')], [KEYTRAIL, 'report', 'verify']):
        p = run(*argv, trap, '--key', public, ok=False, timeout=20)
        n = p.stdout.count(f'FAULT {name}:'.encode())
        check(p.returncode == 1 and n >= 1, f'{name}: a pipe, a device or a terabyte in its place is a fault at once', p.stdout + p.stderr)
        if name.startswith('csv/'):
            check(n == 1, f'{name}: and one fault', p.stdout)
tools = os.path.join(d, 'tools')
os.mkdir(tools)
for text in (None, '#!/bin/sh\nexit 1\n', '#!/bin/sh\nexit 0\n'):  # none, one without -rawin, one that says yes to everything
    if text is not None:
        with open(os.path.join(tools, 'openssl'), 'w') as f:
            f.write(text)
        os.chmod(os.path.join(tools, 'openssl'), 0o700)
    p = subprocess.run([sys.executable, SCRIPT, grown, '--key', public], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={'PATH': tools})
    check(p.returncode == 2 and b'openssl' in p.stdout and b'TAMPERED' not in p.stdout, f'an openssl that cannot do it accuses nobody ({text!r})', p.stdout)

# ---- a file that the collector appends to, with what was left of an append that was torn ----
kept = os.path.join(d, 'kept.notes')
first, last = open(outside).read(), signer.note(later['size'], later['root'])
with open(kept, 'w') as f:
    f.write(f'{first}\n{last[:70]}{first}\n{last}\n{last[:-20]}')
made = make(db, os.path.join(d, 'kept'), period, key, '--verify', '--checkpoint', kept)
code, said = both(made, *args, '--checkpoint', kept)
check(code == 0 and f'WITNESSED to record {later["size"]}' in said, 'all of a file of checkpoints is read, past what was torn, and the newest counts', said)
with open(kept, 'w') as f:
    f.write(f'{signer.note(head["size"], "11" * 32)}\n{last}\n')
code, said = both(made, *args, '--checkpoint', kept)
check(code == 1 and 'DIVERGED' in said, 'an older one that contradicts is found before a newer one that fits', said)
told = make(db, os.path.join(d, 'kept2'), period, key, '--verify', '--checkpoint', kept)
check(open(f'{told}/integrity/verify.txt').read().startswith('verdict: diverged'), 'by who makes a package of it, too')

# ---- checkpoints that a maker who lies puts in ----
def with_notes(name, *notes, tombstone=None):
    lie = os.path.join(d, name)
    shutil.copytree(grown, lie)
    log = json.load(open(f'{lie}/integrity/checkpoints.json'))
    for at, size, root, more in notes:
        log['checkpoints'].insert(at, {'size': size, 'root': root, **more, 'note': signer.note(size, root, True)})
    with open(f'{lie}/integrity/checkpoints.json', 'w') as f:
        json.dump(log, f)
    with open(f'{lie}/integrity/tombstones.ndjson', 'w') as f:
        f.write(json.dumps({'v': 1, 'raw': {'runs': [dict(zip(('first', 'count'), tombstone))]}}) + '\n' if tombstone else '')
    resign(lie, key, 'integrity/checkpoints.json', 'integrity/tombstones.ndjson')
    return lie


away = {'comparable': False}
for name, at, size, more in (('before', 0, head['size'], {}), ('behind', 9, head['size'], {}), ('newest', 0, later['size'], {}), ('hidden', 0, head['size'], away)):
    code, said = both(with_notes(name, (at, size, '22' * 32, more)), *args, *witness)
    check(code == 1 and 'different roots' in said, f'two checkpoints of one size with different roots are a fault ({name})', said)

# ---- retention ----
middle = head['size'] // 2
taken = with_notes('taken', (0, middle, '33' * 32, away), tombstone=(middle - 5, 10))
code, said = both(taken, *args, *witness)
check(code == 0 and 'RETAINED OUT' in said and f'WITNESSED to record {head["size"]}' in said, 'a checkpoint where retention took records is told, and is no fault', said)
code, said = both(with_notes('not_taken', (0, middle, '33' * 32, away), tombstone=(middle + 1, 10)), *args, *witness)
check(code == 1 and 'not to be comparable' in said, 'only where it did', said)
old = os.path.join(d, 'old.note')
with open(old, 'w') as f:
    f.write(signer.note(middle, '33' * 32))
code, said = both(taken, *args, '--checkpoint', old)
check(code == 7 and 'RETAINED OUT' in said and 'UNANCHORED' in said, 'one from outside, too, and nothing stands on it', said)

# who signed, as the report and `keytrail verify` say it: a line in the store is nobody's word
ids = set()
says = {'witnessed': 'witnessed to record', 'unanchored': 'UNANCHORED'}
for name, note, held, word in (('of a witness whose key is not there', signer.note(later['size'], later['root'], True), [], 'unanchored'),
                               ('of a witness', None, ['--witness', signer.witness_vkey], 'witnessed'),
                               ('in its name, forged', other.note(later['size'], later['root'], True), ['--witness', signer.witness_vkey], 'unanchored')):
    if note:
        keep(db, 'checkpoint', note)
        keep(db, f'checkpoint/{head["size"]}', note)
    for verify in ([], ['--verify']):
        made = make(db, os.path.join(d, f'who-{name[-6:]}{len(verify)}'), period, key, *verify, *held)
        verdict = open(f'{made}/integrity/verify.txt').read()
        page = open(f'{made}/report.html', encoding='utf-8').read()
        ids.add(json.load(open(f'{made}/parameters.json'))['package'])
        check(says[word] in verdict.split('\n')[0] and ('witnessed to' in verdict) == (word == 'witnessed') and f'verified, {word}' in page, f'a line {name} {verify}: {word}', verdict)
    check(len(ids) == (2 if name.endswith('there') else 4), f'a line {name}: what is held, and whether lines were hashed, is in the id', ids)
    p = keytrail('verify', '--db', db, *held, ok=False)
    check(p.returncode == 0 and verdict.split('\n')[0].replace('verdict: ', 'verdict      ').encode() in p.stdout, f'a line {name}: keytrail verify says the same', p.stdout.decode() + verdict)


# ---- a log that was rewritten: its own key in hand, only what is outside contradicts it (report_long.py has more ways) ----
rewrite(Rewritten(m, d, base, period, key, public, records, log_id, signer, outside), ('removed', 'cut'))
finish()
