"""What the tests of evidence packages share: stores that are like another but for one thing, keys and checkpoints made by openssl, and changes to a package."""
import base64, collections, hashlib, importlib.util, io, contextlib, sqlite3
from support import *

SCRIPT = os.path.abspath('exporters/reports/verify_bundle.py')
DAY = 86400
HOSTILE = ['=HYPERLINK("http://x","y")', '+1+cmd', '-2', '@SUM(A1)', 'comma, "quote"', 'Ελένη', 'Наталья', '秘密', 'قاعدة البيانات', 'bidi\u202egnp', '<script>alert(1)</script>']


def lines(rng, base, n):
    """Vault records over two days before `base`; some names are hostile."""
    out = []
    for i in range(n):
        name = HOSTILE[i % len(HOSTILE)] if i % 3 == 0 else f'app/s{i % 17}'
        out.append('\n'.join(vault_pair(rng, base - 2 * DAY + i * (2 * DAY // n), who=['dana', 'Ελένη', '=bob', 'svc-web'][i % 4], secret=name)))
    return out


def store(path, records, log_id=None):
    """A store of them; log_id: as if it were the store of that log."""
    source = path + '.log'
    with open(source, 'w') as f:
        f.write('\n'.join(records) + '\n')
    keytrail('import', '--db', path, '--source', 'vault', '--instance', 'vault-prod', source, '-q', ok=False)
    db = sqlite3.connect(path)
    if log_id is not None:
        with db:
            db.execute('UPDATE meta SET log_id = ?', (log_id,))
    log_id = db.execute('SELECT log_id FROM meta').fetchone()[0]
    db.close()
    return log_id


def openssl_key(path):
    run('openssl', 'genpkey', '-algorithm', 'ed25519', '-out', path)
    return run('openssl', 'pkey', '-in', path, '-pubout', '-outform', 'DER').stdout[-32:]


def sign(key, message, d):
    m = os.path.join(d, 'message')
    with open(m, 'wb') as f:
        f.write(message)
    return run('openssl', 'pkeyutl', '-sign', '-inkey', key, '-rawin', '-in', m).stdout


def key_id(name, kind, public):
    return hashlib.sha256(name.encode() + b'\n' + bytes([kind]) + public).digest()[:4]


def vkey(name, kind, public):
    return f'{name}+{key_id(name, kind, public).hex()}+{base64.b64encode(bytes([kind]) + public).decode()}'


class Signer:
    """A log's key and a witness's: notes as C2SP has them."""

    def __init__(self, d, log_id):
        self.d, self.origin = d, 'keytrail/' + log_id.hex()
        self.key, self.witness = os.path.join(d, 'log.pem'), os.path.join(d, 'witness.pem')
        self.public, self.witness_public = openssl_key(self.key), openssl_key(self.witness)
        self.vkey, self.witness_vkey = vkey(self.origin, 1, self.public), vkey('witness.example', 4, self.witness_public)

    def note(self, size, root_hex, cosigned=False):
        text = f'{self.origin}\n{size}\n{base64.b64encode(bytes.fromhex(root_hex)).decode()}\n'
        sig = key_id(self.origin, 1, self.public) + sign(self.key, text.encode(), self.d)
        note = f'{text}\n\u2014 {self.origin} {base64.b64encode(sig).decode()}\n'
        if cosigned:
            when = int(time.time())
            sig = key_id('witness.example', 4, self.witness_public) + when.to_bytes(8, 'big') + sign(self.witness, f'cosignature/v1\ntime {when}\n{text}'.encode(), self.d)
            note += f'\u2014 witness.example {base64.b64encode(sig).decode()}\n'
        return note


def keep(db, name, note):
    c = sqlite3.connect(db)
    with c:
        c.execute('INSERT OR REPLACE INTO blob (name, value) VALUES (?, ?)', (name, note if isinstance(note, bytes) else note.encode()))
    c.close()


class Period:
    def __init__(self, base):
        day = lambda t: time.strftime('%Y-%m-%d', time.gmtime(t))
        self.argv = ['--from', day(base - 2 * DAY), '--to', day(base - 1)]


def make(db, out, period, key=None, *more, ok=True):
    p = keytrail('report', 'soc2', '--db', db, *period.argv, '--out', out, '--org', 'Acme & Söhne', *(['--key', key] if key else []), *more, ok=ok)
    return p.stdout.decode().strip() if p.returncode == 0 else p


def checker():
    """verify_bundle as a module; what openssl once said of the same bytes is remembered."""
    spec = importlib.util.spec_from_file_location('verify_bundle', SCRIPT)
    m = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(m)
    said, ask = {}, m.ed25519

    def remember(*what):
        if what not in said:
            said[what] = ask(*what)
        return said[what]
    m.ed25519 = remember
    return m


def checked(m, folder, *argv):
    """Exit code, the places it found fault with, and what it printed."""
    m.faults.clear()
    m.diverged.clear()
    out, argv0 = io.StringIO(), sys.argv
    sys.argv = ['verify_bundle.py', folder, *argv]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            code = m.main()
    except SystemExit as e:
        code = e.code
    finally:
        sys.argv = argv0
    return code, list(m.faults), out.getvalue()


def all_files(folder):
    return sorted(os.path.relpath(os.path.join(b, n), folder) for b, _, names in os.walk(folder) for n in names)


def fix_hashes(folder, path):
    """What somebody without the key can do: the manifest and the sums say what the file now is."""
    raw = open(os.path.join(folder, path), 'rb').read()
    new = hashlib.sha256(raw).hexdigest()
    manifest = json.load(open(os.path.join(folder, 'manifest.json')))
    for f in manifest['files']:
        if f['path'] == path:
            f['sha256'], f['bytes'] = new, len(raw)
    with open(os.path.join(folder, 'manifest.json'), 'w') as f:
        json.dump(manifest, f)


def resign(folder, key, *paths):
    """What a maker who lies can do, the key that signs packages in hand: every sum and the signature fit what those files now are."""
    for path in paths:
        fix_hashes(folder, path)
    files = json.load(open(os.path.join(folder, 'manifest.json')))['files']
    with open(os.path.join(folder, 'SHA256SUMS'), 'w') as f:
        f.writelines(f'{x["sha256"]}  {x["path"]}\n' for x in files if x['path'] != 'SHA256SUMS')
    fix_hashes(folder, 'SHA256SUMS')
    secret, d = base64.b64decode(open(key).read().split('\n')[1]), tempfile.mkdtemp(dir=os.path.dirname(folder))
    pem = os.path.join(d, 'package.pem')
    with open(pem, 'w') as f:
        der = base64.b64encode(bytes.fromhex('302e020100300506032b657004220420') + secret[62:94]).decode()
        f.write(f'-----BEGIN PRIVATE KEY-----\n{der}\n-----END PRIVATE KEY-----\n')
    signature = sign(pem, hashlib.blake2b(open(os.path.join(folder, 'manifest.json'), 'rb').read()).digest(), d)
    lines = (checker().SIGNED_COMMENT, base64.b64encode(b'ED' + secret[54:62] + signature).decode(), 'trusted comment: timestamp:1',
             base64.b64encode(sign(pem, signature + b'timestamp:1', d)).decode())
    with open(os.path.join(folder, 'manifest.json.minisig'), 'w') as f:
        f.writelines(l + '\n' for l in lines)


def change(rng, folder):
    """One random change to a copy of a package. Returns (what, the places one of which must be named, undo)."""
    files = all_files(folder)
    path = rng.choice(files)
    at = os.path.join(folder, path)
    old = open(at, 'rb').read()

    def put(raw, where=None):
        with open(where or at, 'wb') as f:
            f.write(raw)
    kinds = ['delete', 'add', 'folder', 'append'] + (['flip', 'truncate', 'swap', 'row'] if old else [])
    kind = rng.choice(kinds)
    if kind == 'flip':
        i = rng.randrange(len(old))
        put(old[:i] + bytes([old[i] ^ 1 << rng.randrange(8)]) + old[i + 1:])
    elif kind == 'truncate':
        put(old[:rng.randrange(len(old))])
    elif kind == 'append':
        put(old + rng.choice([b'\n', b' ', b'x,y\r\n', b'\0']))
    elif kind == 'delete':
        os.unlink(at)
    elif kind in ('add', 'folder'):
        path = rng.choice(['', 'csv/', 'integrity/']) + f'.extra{rng.randrange(99)}' if kind == 'add' else f'more{rng.randrange(99)}/x.csv'
        at = os.path.join(folder, path)
        os.makedirs(os.path.dirname(at), exist_ok=True)
        put(b'x', at)

        def undo():
            os.unlink(at)
            if kind == 'folder':
                os.rmdir(os.path.dirname(at))
        return f'{kind} {path}', {path}, undo
    elif kind == 'swap':
        other = rng.choice([f for f in files if open(os.path.join(folder, f), 'rb').read() != old])
        other_at = os.path.join(folder, other)
        kept = open(other_at, 'rb').read()
        put(kept)
        put(old, other_at)
        return f'swap {path} {other}', {path, other}, lambda: (put(old), put(kept, other_at))
    elif kind == 'row':
        csvs = [f for f in files if f.endswith('.csv') and open(os.path.join(folder, f), 'rb').read().count(b'\r\n') > 2]
        path = rng.choice(csvs)
        at = os.path.join(folder, path)
        old = open(at, 'rb').read()
        kept = open(os.path.join(folder, 'manifest.json'), 'rb').read()
        rows = old.split(b'\r\n')
        del rows[rng.randrange(1, len(rows) - 1)]
        put(b'\r\n'.join(rows))
        fix_hashes(folder, path)
        return f'row of {path}, hashes fixed', {'manifest.json'}, lambda: (put(old), put(kept, os.path.join(folder, 'manifest.json')))
    named = {path} if path != 'manifest.json.minisig' else {path, 'manifest.json'}
    return f'{kind} {path}', named, lambda: put(old)


def change_at_random(rng, m, folder, public, n):
    """n random changes are each named, by verify_bundle.py and, of each 12th, by keytrail report verify."""
    missed, missed_too = [], []
    for i in range(n):
        what, places, undo = change(rng, folder)
        code, named, said = checked(m, folder, '--key', public)
        if code != 1 or not places & set(named):
            missed.append((what, code, said))
        if i % 12 == 0:
            p = keytrail('report', 'verify', folder, '--key', public, ok=False)
            if p.returncode != 1 or not any(f'FAULT {w}'.encode() in p.stdout for w in places):
                missed_too.append((what, p.stdout))
        undo()
    check(not missed, f'each of {n} random changes is named (seed {SEED})', missed[:3])
    check(not missed_too, 'by keytrail report verify, too', missed_too[:3])


Rewritten = collections.namedtuple('Rewritten', 'm d base period key public records log_id signer outside')  # outside: file with a checkpoint of what they were before


def rewrite(r, names):
    """Stores in the place of another, whose log was changed and signed again with its key."""
    swapped = r.records[:]
    swapped[7], swapped[8] = swapped[8], swapped[7]
    attacks = {'removed': r.records[:9] + r.records[10:] + lines(random.Random(5), r.base, 3), 'reordered': swapped, 'cut': r.records[:-5],
               'backdated': r.records[:20] + [re.sub(r'"time":"(\d{4})-(\d\d)-(\d\d)T(\d\d)', lambda t: f'"time":"{t[1]}-{t[2]}-{t[3]}T{(int(t[4]) + 1) % 24:02d}', r.records[20])] + r.records[21:],
               'rewritten': lines(random.Random(SEED + 9), r.base, 260)}
    for name in names or attacks:
        path = os.path.join(r.d, name + '.db')
        store(path, attacks[name], r.log_id)
        h = json.loads(keytrail('verify', '--db', path, '-o', 'json').stdout)
        keep(path, 'checkpoint', r.signer.note(h['size'], h['root'], False))
        argv = [make(path, os.path.join(r.d, name), r.period, r.key, '--verify'), '--key', r.public, '--log-key', r.signer.vkey]
        code, _, said = checked(r.m, *argv, '--checkpoint', r.outside)
        p = keytrail('report', 'verify', *argv, '--checkpoint', r.outside, ok=False)
        blind, _, blind_said = checked(r.m, *argv)
        check(code == 1 and p.returncode == 1 and blind == 7 and 'UNANCHORED' in blind_said, f'{name}: found with one checkpoint from outside, unanchored without', said + str(p.stdout) + blind_said)
        told = make(path, os.path.join(r.d, name + '2'), r.period, r.key, '--verify', '--checkpoint', r.outside)
        verdict = open(f'{told}/integrity/verify.txt').read()
        check(verdict.startswith(('verdict: diverged', 'verdict: tampered')) and checked(r.m, told, '--key', r.public)[0] == 1, f'{name}: a package made with the checkpoint says so itself', verdict)
