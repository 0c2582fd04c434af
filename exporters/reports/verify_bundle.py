#!/usr/bin/env python3
"""Checks an evidence package of keytrail without keytrail and without a network.

  python3 verify_bundle.py DIR --key KEY [--checkpoint FILE] [--log-key VKEY] [--witness VKEY]

KEY: the signer's minisign public key that YOU hold ("RW..." or its file); one inside the package is never used. FILE: checkpoints of the log that you, an
agent or a witness kept. VKEY: public key of the log or of a witness, "<name>+<id>+<base64>", or a file with one a line. The last three may be repeated.

It checks the signature over manifest.json; that every file is there, as it was, and no other is; row counts; that the report's totals are those of the
tables; that every checkpoint in the package is the beginning of the next one and of the log (RFC 9162, 2.1.4), that the sampled events are in it (2.1.3),
and that it begins as your checkpoints say. Needs Python 3.8 and openssl 3.0, for Ed25519. Every fault is one line that begins with FAULT.
Exit code: 0 verified and witnessed; 1 a fault was found; 2 wrong use; 7 no fault, but something is not anchored."""
import argparse, base64, hashlib, itertools, json, os, re, subprocess, sys, tempfile
from pathlib import Path
SIGNED_COMMENT = 'untrusted comment: signature of keytrail; compare the key with the one you hold'
faults, diverged = [], []

def fault(where, what):
    faults.append(where)
    print(f'FAULT {printable(where)}: {printable(what)}')

def printable(text):  # nothing in a package may steer the terminal that it is checked on
    return ''.join(c if c.isprintable() else f'\\x{ord(c):02x}' for c in str(text))

def unbase64(text):  # one text for one value: no stray characters, no loose bits at the end
    raw = base64.b64decode(text, validate=True)
    if base64.b64encode(raw).decode() != text:
        raise ValueError('base64 that is not canonical')
    return raw

def sha(*parts):
    return hashlib.sha256(b''.join(parts)).digest()

def ed25519(key, message, signature):
    """Asks openssl; the key is 32 bytes, put into the form that RFC 8410 gives it."""
    with tempfile.TemporaryDirectory() as d:
        for name, content in (('key', bytes.fromhex('302a300506032b6570032100') + key), ('message', message), ('signature', signature)):
            Path(d, name).write_bytes(content)
        return subprocess.run('openssl pkeyutl -verify -pubin -keyform DER -inkey key -rawin -in message -sigfile signature'.split(), cwd=d,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0

def check_openssl():
    """A tool that cannot do it accuses nobody: it must tell the signature of RFC 8032, 7.1, test 2 from one of another message."""
    key = unbase64('PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=')
    signature = unbase64('kqAJqfDUyrhyDoILX2QlQKKye1QWUD+Ps3YiI+vbadoIWsHkPhWZbkWPNhPQ8R2MOHsurrQwKu6wDSkWErsMAA==')
    if not ed25519(key, b'r', signature) or ed25519(key, b's', signature):
        raise ValueError('it cannot verify Ed25519: version 3.0 or newer is needed')

def text_or_file(given):
    return Path(given).read_text('utf-8', 'replace') if os.path.exists(given) else given

def before(what, ask, *given):
    """What whoever checks brings along is looked at before the package: a slip there is no fault of the package."""
    try:
        return ask(*given)
    except (OSError, ValueError) as e:
        print(printable(f'{what}: {e}'), file=sys.stderr)
        sys.exit(2)

def whole(folder, name):
    """A file of the package. Pipes and devices, which never end, are none."""
    path = Path(folder, name)
    if path.is_symlink() or not path.is_file():
        raise OSError('is no plain file' if os.path.lexists(path) else 'is missing')
    return path.read_bytes()

def read_public(given):
    public = unbase64(text_or_file(given).strip().split('\n')[-1].strip())
    if len(public) != 42 or public[:2] != b'Ed':
        raise ValueError('no minisign public key')
    return public

def check_signature(folder, public):
    """minisign's form: the signature is over BLAKE2b-512 of the file, a second one over the first and its comment."""
    try:
        untrusted, sig, trusted, bound, end = whole(folder, 'manifest.json.minisig').decode().split('\n')
        sig, bound = unbase64(sig), unbase64(bound)
    except (OSError, ValueError) as e:
        return fault('manifest.json.minisig', f'no signature: {e}')
    if untrusted != SIGNED_COMMENT or end != '' or not trusted.startswith('trusted comment: ') or len(sig) != 74 or len(bound) != 64:
        return fault('manifest.json.minisig', 'its form was changed')
    if sig[:2] != b'ED' or sig[2:10] != public[2:10]:
        return fault('manifest.json.minisig', 'signed with another key than yours')
    if not ed25519(public[10:], hashlib.blake2b(whole(folder, 'manifest.json')).digest(), sig[10:]):
        fault('manifest.json', 'the signature does not fit: it was changed, or another key of the same id signed it')
    if not ed25519(public[10:], sig[10:] + trusted[len('trusted comment: '):].encode(), bound):
        fault('manifest.json.minisig', 'its trusted comment was changed')

FIELD = re.compile(r'(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)')
ROW = re.compile(r'(?:(?:"(?:[^"]|"")*"|[^",\r\n]*),)*(?:"(?:[^"]|"")*"|[^",\r\n]*)\r\n')

def count_rows(raw):
    """Rows of RFC 4180 text without its head; every row has as many fields as the head."""
    text, at, rows, width = raw.decode('utf-8'), 0, 0, 0
    while at < len(text):
        m = ROW.match(text, at)
        fields = len(FIELD.findall(m[0])) if m else 0
        if fields == 0 or fields != (width or fields):
            raise ValueError(f'row {rows + 1} has {fields} fields, the head {width}' if m else f'row {rows + 1} is no CSV')
        at, rows, width = m.end(), rows + 1, fields
    return rows - 1

def check_files(folder, manifest):
    """What the manifest lists, by path, and the bytes of every file that is as it says."""
    listed, content = {f['path']: f for f in manifest['files']}, {}
    there = {str(p.relative_to(folder)): p for p in Path(folder).rglob('*') if p.is_symlink() or not p.is_dir() or not any(p.iterdir())}
    if len(listed) != len(manifest['files']):
        fault('manifest.json', 'a file is listed twice')
    for path in sorted(there):
        if there[path].is_symlink():
            fault(path, 'is a link')
        elif path not in listed and path not in ('manifest.json', 'manifest.json.minisig'):
            fault(path, 'is not in the manifest: it was added')
    for path, said in sorted(listed.items()):
        if path in there and there[path].is_symlink():
            continue  # was named above
        if path not in there or not there[path].is_file():
            fault(path, 'is no plain file' if path in there else 'is missing')
            continue
        size = there[path].stat().st_size
        if size != said['bytes']:  # nor is what was made larger than memory read
            fault(path, f'was changed: {size} bytes, the manifest says {said["bytes"]}')
            continue
        raw = whole(folder, path)
        if hashlib.sha256(raw).hexdigest() != said['sha256']:
            fault(path, 'was changed: its SHA-256 is another one')
        else:
            content[path] = raw
        try:
            if said['rows'] is not None and count_rows(raw) != said['rows']:
                fault(path, f'has {count_rows(raw)} rows, the manifest says {said["rows"]}')
        except ValueError as e:
            fault(path, str(e))
    return listed, content

def check_totals(listed, content):
    """SHA256SUMS says what the manifest says; below each table of the report stand its rows, its file and the file's SHA-256."""
    lines = content.get('SHA256SUMS', b'').decode().splitlines()
    if 'SHA256SUMS' in content and {l[66:]: l[:64] for l in lines} != {p: f['sha256'] for p, f in listed.items() if p != 'SHA256SUMS'}:
        fault('SHA256SUMS', 'does not say the same as the manifest')
    page, seen = content.get('report.html', b'').decode('utf-8', 'replace'), set()
    for rows, path, digest in re.findall(r'<p class="source">([\d,]+) rows?[^<]*<a href="([^"]*)">[^<]*</a> · SHA-256 <code>(\w*)</code>', page):
        seen.add(path)
        if path not in listed:
            fault('report.html', f'speaks of {path}, which the manifest does not list')
        elif (int(rows.replace(',', '')), digest) != (listed[path]['rows'], listed[path]['sha256']):
            fault('report.html', f'its total of {path} is not that of the file')
    for path in sorted(p for p in listed if page and p.startswith('csv/') and p not in seen):
        fault(path, 'is not in the report')

def climb(f, s, start, path):
    """RFC 9162, 2.1.3.2 and 2.1.4.2: the older and the newer root that a path leads to, from leaf or subtree f of a level whose last one is s."""
    old = new = start
    for c in path:
        if s == 0:
            return None, None
        right = f & 1 or f == s
        old, new = (sha(b'\x01', c, old), sha(b'\x01', c, new)) if right else (old, sha(b'\x01', new, c))
        while right and not f & 1 and f:
            f, s = f >> 1, s >> 1
        f, s = f >> 1, s >> 1
    return (old, new) if s == 0 else (None, None)

def is_extended(old, old_root, new, new_root, path):
    path = ([old_root] if old & (old - 1) == 0 else []) + path
    if not 0 < old < new or not path:
        return False
    up = (old & -old).bit_length() - 1  # levels on which the older tree's last subtree is whole
    return climb((old - 1) >> up, (new - 1) >> up, path[0], path[1:]) == (old_root, new_root)

def read_note(note):
    """C2SP tlog-checkpoint: origin, size and root as text, a blank line, a signature a line."""
    text, _, rest = note.partition('\n\n')
    origin, size, root = text.split('\n')[:3]
    signatures = [(l[2:].rsplit(' ', 1)[0], unbase64(l.rsplit(' ', 1)[1])) for l in rest.split('\n')[:-1] if l.startswith('\u2014 ')]
    if not origin.startswith('keytrail/') or not re.fullmatch('0|[1-9][0-9]*', size) or len(unbase64(root)) != 32 or not signatures:
        raise ValueError('no checkpoint of keytrail')
    return {'text': (text + '\n').encode(), 'log': origin[9:], 'size': int(size), 'root': unbase64(root), 'signatures': signatures}

def read_notes(given):
    """All of a file that notes are appended to, past blank lines and what was left of an append that was torn."""
    notes = []
    for part in re.split('(?=keytrail/[0-9a-f]{32}\n)', text_or_file(given)):
        try:
            notes.append(read_note(part))
        except ValueError:
            continue
    if not notes:
        raise ValueError('there is no checkpoint in it')
    return notes

def read_vkeys(given, kind):
    keys = []
    for line in text_or_file(given).strip().split('\n'):
        name, key_id, key = line.strip().split('+', 2)
        raw = unbase64(key)
        if len(raw) != 33 or sha(name.encode(), b'\n', raw)[:4].hex() != key_id or raw[0] != kind:
            raise ValueError(f'no key of a {"log" if kind == 1 else "witness"}, or its id does not fit it')
        keys.append((name, bytes.fromhex(key_id), kind, raw[1:]))
    return keys

def is_signed(note, keys):
    for (who, raw), (name, key_id, kind, key) in itertools.product(note['signatures'], keys):
        prefix, signature = (b'', raw[4:]) if kind == 1 else (b'cosignature/v1\ntime %d\n' % int.from_bytes(raw[4:12], 'big'), raw[12:])
        if (who, raw[:4], len(signature)) == (name, key_id, 64) and ed25519(key, prefix + note['text'], signature):
            return True
    return False

def count_signed(where, notes, log_keys):
    """Those that a key of the log signed. One by a key that was exchanged is no fault, and counts for nothing until that key is given, too."""
    others = [n['size'] for n in notes if log_keys and not is_signed(n, log_keys)]
    if others:
        print(f'NOT COUNTED {printable(where)}: {len(others)} checkpoints, the newest at {max(others)}: signed by a key that was not given (--log-key)')
    return [n for n in notes if n['size'] not in others]

def check_log(manifest, content, options):
    """The size up to which somebody outside vouches for the log; 0: nobody."""
    try:
        log, steps, items = (json.loads(content[f'integrity/{n}.json']) for n in ('checkpoints', 'consistency', 'inclusion'))
        notes = [read_note(c['note']) for c in log['checkpoints']]
        compared = [n for n, c in zip(notes, log['checkpoints']) if c.get('comparable', True)]
        runs = [r for l in content['integrity/tombstones.ndjson'].splitlines() for r in json.loads(l).get('raw', {}).get('runs', [])]
        removed = [range(r['first'], r['first'] + r['count'] - 1) for r in runs]  # sizes that have no root any more
        paths = {(s['from'], s['to']): [bytes.fromhex(h) for h in s['path']] for s in steps['proofs']}
        head = {'size': log['size'], 'root': bytes.fromhex(log['root'])}
    except (KeyError, ValueError, TypeError) as e:
        fault('integrity/', f'cannot be read: {e!r}')
        return 0
    if (log['log'], log['size'], log['root']) != tuple(manifest['log'][k] for k in ('id', 'size', 'root')):
        fault('integrity/checkpoints.json', 'speaks of another log than the manifest')
    if any(n['log'] != log['log'] or (n['size'], n['root'].hex()) != (c['size'], c['root']) for n, c in zip(notes, log['checkpoints'])):
        fault('integrity/checkpoints.json', 'a checkpoint is not the one it is said to be')
    said, known = {}, {n['size']: n['root'] for n in compared + [head]}
    for n in notes + [head]:
        if said.setdefault(n['size'], n['root']) != n['root']:
            fault('integrity/checkpoints.json', f'two checkpoints at {n["size"]} have different roots: the log was rewritten')
    if max(said) != head['size']:
        fault('integrity/checkpoints.json', f'the log has {head["size"]} records, a checkpoint of its own speaks of {max(said)}: it was cut')
    away = [n['size'] for n in notes if n not in compared]
    for size in (s for s in away if not any(s in r for r in removed)):
        fault('integrity/checkpoints.json', f'the checkpoint at {size} is said not to be comparable, and retention took no records there')
    if away:
        print(f'RETAINED OUT integrity/checkpoints.json: {len(away)} checkpoints, the newest at {max(away)}: retention took records there, and their roots')
    for (old, old_root), (new, new_root) in zip(sorted(known.items()), sorted(known.items())[1:]):
        if not is_extended(old, old_root, new, new_root, paths.get((old, new), [])):
            fault('integrity/consistency.json', f'does not show that the checkpoint at {old} is the beginning of that at {new}')
    for it in items['proofs']:
        record, line = bytes.fromhex(it['record']), it['line']
        leaf_ok = record[:4] == b'KTL1' and int.from_bytes(record[4:12], 'little') == it['seq'] and (line is None or sha(b'\0', line.encode()) == record[-32:])
        root = climb(it['seq'] - 1, it['size'] - 1, sha(b'\0', record), [bytes.fromhex(h) for h in it['path']])[1]
        if not leaf_ok or not 0 < it['seq'] <= it['size'] or it['size'] not in known or root != known[it['size']]:
            fault('integrity/inclusion.json', f'record {it["seq"]} is not shown to be in the log')
    counted = [n['size'] for n in count_signed('integrity/checkpoints.json', compared, options.log_keys) if is_signed(n, options.witnesses)]
    return max(counted + [check_outside(*o, log, known, paths, removed, options) for o in options.outside], default=0)

def check_outside(given, notes, log, known, paths, removed, options):
    """Is what somebody kept outside the beginning of the log that this package was made from? All of a file must be: the newest counts."""
    bad, fit, away, unproved = [], [], [], []
    for n in notes:
        size, steps = n['size'], [(to, p) for (old, to), p in paths.items() if old == n['size'] and to in known]
        fits = size <= log['size'] and known.get(size, n['root']) == n['root'] and all(is_extended(size, n['root'], to, known[to], p) for to, p in steps)
        (bad if not fits else fit if size in known or steps else away if any(size in r for r in removed) else unproved).append(n)
    for n in bad[:1]:  # a log that was renewed has another id, and the same records: only they count
        diverged.append(given)
        problem = f'has {log["size"]}: its end was cut off' if n['size'] > log['size'] else 'begins with other ones: it was rewritten'
        fault(given, f'speaks of {n["size"]} records, and the log of this package {problem}' + ('' if n['log'] == log['log'] else f'; it is of another log, {n["log"]}'))
    for n in unproved[:1]:
        fault('integrity/consistency.json', f'has no proof from {n["size"]}, a size of {given}: ask for a package made with --checkpoint')
    if away:
        print(f'RETAINED OUT {printable(given)}: {len(away)} checkpoints, one at {away[-1]["size"]}: retention took records there, and their roots')
    return max([n['size'] for n in count_signed(given, fit, options.log_keys)], default=0)

def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument('folder')
    a.add_argument('--key')
    for flag in ('--checkpoint', '--log-key', '--witness'):
        a.add_argument(flag, action='append', default=[])
    o = a.parse_args()
    o.key = o.key and before('--key', read_public, o.key)
    o.log_keys = [k for given in o.log_key for k in before(f'--log-key {given}', read_vkeys, given, 1)]
    o.witnesses = [k for given in o.witness for k in before(f'--witness {given}', read_vkeys, given, 4)]
    o.outside = [(given, before(f'--checkpoint {given}', read_notes, given)) for given in o.checkpoint]
    if o.key or o.log_keys or o.witnesses:
        before('the openssl program', check_openssl)
    if not os.path.isdir(o.folder):
        a.error(printable(f'there is no folder {o.folder!r}'))
    try:
        manifest = json.loads(whole(o.folder, 'manifest.json').decode())
        if o.key:
            check_signature(o.folder, o.key)
        listed, content = check_files(o.folder, manifest)
        check_totals(listed, content)
        anchor, last = check_log(manifest, content, o), manifest['log']['last']
        made_with = content.get('integrity/verify.txt', b'verdict: missing').decode().split('\n')[0][9:]
    except (OSError, ValueError, KeyError, TypeError) as e:
        fault('manifest.json', f'UNREADABLE: {e if isinstance(e, OSError) else repr(e)}')
        anchor, last, made_with = 0, 0, ''
    if made_with.startswith(('tampered', 'diverged', 'missing')):
        fault('integrity/verify.txt', f'the log did not verify when the package was made: {made_with}')
    if faults:
        print(f'DIVERGED: {len(diverged)} checkpoints from outside contradict this log' if diverged else f'TAMPERED OR BROKEN: {len(faults)} faults')
        return 1
    print(f'package     {manifest["package"]}, {len(listed)} files, {manifest["period"]["from"][:10]} until {manifest["period"]["until"][:10]}')
    print('signature  ', 'by your key' if o.key else 'NOT CHECKED: give --key, from a place other than this package')
    print('the log     when the package was made:', printable(made_with))
    word = 'LINES NOT HASHED AGAIN WHEN IT WAS MADE' if made_with.startswith('not verified') else 'VERIFIED'
    print('CONSISTENT, BUT NOBODY VOUCHES FOR IT: the signature was not checked' if not o.key else
          f'{word}, UNANCHORED: no checkpoint from outside; a log rewritten as a whole would look the same' if anchor == 0 else
          f'{word}, TAIL NOT ANCHORED: witnessed to record {anchor}, the period goes on to record {last}' if anchor < last else
          f'{word}, WITNESSED to record {anchor}')
    return 0 if o.key and 0 < anchor >= last and word == 'VERIFIED' else 7

if __name__ == '__main__':
    sys.exit(main())
