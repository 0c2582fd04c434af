#!/usr/bin/env python3
"""Checks an evidence package of keytrail without keytrail and without a network.

  python3 verify_bundle.py DIR --key KEY [--checkpoint FILE] [--log-key VKEY] [--witness VKEY]

KEY: the signer's minisign public key that YOU hold ("RW..." or its file); one inside the package is never used. FILE: a
checkpoint of the log that you, an agent or a witness kept. VKEY: public key of the log or of a witness,
"<name>+<id>+<base64>" or its file. The last three may be given several times.

It checks, in this order: the signature over manifest.json; that every file is there, as it was, and no other is; row
counts; that the report's totals are those of the tables; that every checkpoint in the package is the beginning of the
next one and of the log (RFC 9162, 2.1.4); that the sampled events are in it (2.1.3); that your checkpoint is, too.
Needs Python 3.8 and the openssl program, 3.0 or newer, for Ed25519. Every fault is one line that begins with FAULT.

Exit code: 0 verified and witnessed; 1 a fault was found; 2 wrong use; 7 no fault, but something is not anchored."""
import argparse, base64, hashlib, json, os, re, subprocess, sys, tempfile
SIGNED_COMMENT = 'untrusted comment: signature of keytrail; compare the key with the one you hold'
faults, diverged = [], []

def fault(where, what):
    faults.append(where)
    print(f'FAULT {printable(where)}: {printable(what)}')

def wrong_use(what):
    print(printable(what), file=sys.stderr)
    sys.exit(2)

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
        names = [os.path.join(d, n) for n in ('key', 'message', 'signature')]
        for name, content in zip(names, (bytes.fromhex('302a300506032b6570032100') + key, message, signature)):
            with open(name, 'wb') as f:
                f.write(content)
        return subprocess.run(['openssl', 'pkeyutl', '-verify', '-pubin', '-keyform', 'DER', '-inkey', names[0], '-rawin', '-in', names[1], '-sigfile',
                               names[2]], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0

def text_or_file(given):
    if os.path.exists(given):
        with open(given, encoding='utf-8') as f:
            return f.read()
    return given

def check_signature(folder, key):
    """minisign's form: the signature is over BLAKE2b-512 of the file, a second one over the first and its comment."""
    public = unbase64(text_or_file(key).strip().split('\n')[-1].strip())
    if len(public) != 42 or public[:2] != b'Ed':
        wrong_use('--key is no minisign public key')
    try:
        with open(os.path.join(folder, 'manifest.json.minisig'), encoding='utf-8', newline='') as f:
            untrusted, sig, trusted, bound, end = f.read().split('\n')
        sig, bound = unbase64(sig), unbase64(bound)
    except (OSError, ValueError) as e:
        return fault('manifest.json.minisig', f'no signature: {e}')
    with open(os.path.join(folder, 'manifest.json'), 'rb') as f:
        content = f.read()
    if untrusted != SIGNED_COMMENT or end != '' or not trusted.startswith('trusted comment: ') or len(sig) != 74 or len(bound) != 64:
        return fault('manifest.json.minisig', 'its form was changed')
    if sig[:2] != b'ED' or sig[2:10] != public[2:10]:
        return fault('manifest.json.minisig', 'signed with another key than yours')
    if not ed25519(public[10:], hashlib.blake2b(content).digest(), sig[10:]):
        fault('manifest.json', 'the signature does not fit: it was changed, or another key of the same id signed it')
    if not ed25519(public[10:], sig[10:] + trusted[len('trusted comment: '):].encode(), bound):
        fault('manifest.json.minisig', 'its trusted comment was changed')

FIELD = re.compile(r'(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)')

def count_rows(raw):
    """Rows of RFC 4180 text without its head; every row has as many fields as the head."""
    text, at, width, fields, rows = raw.decode('utf-8'), 0, None, 0, -1
    while at < len(text):
        m = FIELD.match(text, at)
        if m is None:
            raise ValueError(f'row {rows + 2} is no CSV')
        at, fields = m.end(), fields + 1
        if m[3] == '\r\n':
            if width not in (None, fields):
                raise ValueError(f'row {rows + 2} has {fields} fields, the head {width}')
            width, fields, rows = fields, 0, rows + 1
    if fields:
        raise ValueError('the last row has no end')
    return rows

def check_files(folder, manifest):
    """What the manifest lists, by path, and the bytes of every file that is as it says."""
    listed, content, there = {f['path']: f for f in manifest['files']}, {}, set()
    if len(listed) != len(manifest['files']):
        fault('manifest.json', 'a file is listed twice')
    for base, folders, names in os.walk(folder):
        for n in names + [d for d in folders if os.path.islink(os.path.join(base, d)) or not os.listdir(os.path.join(base, d))]:
            path = os.path.relpath(os.path.join(base, n), folder)
            there.add(path)
            if os.path.islink(os.path.join(folder, path)):
                fault(path, 'is a link')
            elif path not in listed and path not in ('manifest.json', 'manifest.json.minisig'):
                fault(path, 'is not in the manifest: it was added')
    for path, said in sorted(listed.items()):
        if path not in there or not os.path.isfile(os.path.join(folder, path)):
            fault(path, 'is missing')
            continue
        with open(os.path.join(folder, path), 'rb') as f:
            raw = f.read()
        if (len(raw), hashlib.sha256(raw).hexdigest()) != (said['bytes'], said['sha256']):
            fault(path, f'was changed: {len(raw)} bytes, the manifest says {said["bytes"]}' if len(raw) != said['bytes'] else 'was changed: its SHA-256 is another one')
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
    if 'report.html' not in content:
        return
    page, seen = content['report.html'].decode('utf-8', 'replace'), set()
    for rows, path, digest in re.findall(r'<p class="source">([\d,]+) rows?[^<]*<a href="([^"]*)">[^<]*</a> · SHA-256 <code>(\w*)</code>', page):
        seen.add(path)
        if path not in listed:
            fault('report.html', f'speaks of {path}, which the manifest does not list')
        elif (int(rows.replace(',', '')), digest) != (listed[path]['rows'], listed[path]['sha256']):
            fault('report.html', f'its total of {path} is not that of the file')
    for path in sorted(p for p in listed if p.startswith('csv/') and p not in seen):
        fault(path, 'is not in the report')

def is_included(index, size, leaf, path, root):
    """RFC 9162, 2.1.3.2."""
    f, s, r = index, size - 1, leaf
    for p in path:
        if s <= 0:
            return False
        right = f & 1 or f == s
        r = sha(b'\x01', p, r) if right else sha(b'\x01', r, p)
        while right and not f & 1 and f:
            f, s = f >> 1, s >> 1
        f, s = f >> 1, s >> 1
    return index < size and s == 0 and r == root

def is_extended(old, old_root, new, new_root, path):
    """RFC 9162, 2.1.4.2."""
    path = ([old_root] if old & (old - 1) == 0 else []) + path
    if not 0 < old < new or not path:
        return False
    f, s, fr, sr = old - 1, new - 1, path[0], path[0]
    while f & 1:
        f, s = f >> 1, s >> 1
    for c in path[1:]:
        if s == 0:
            return False
        right = f & 1 or f == s
        fr, sr = (sha(b'\x01', c, fr), sha(b'\x01', c, sr)) if right else (fr, sha(b'\x01', sr, c))
        while right and not f & 1 and f:
            f, s = f >> 1, s >> 1
        f, s = f >> 1, s >> 1
    return fr == old_root and sr == new_root and s == 0

def read_note(note):
    """C2SP tlog-checkpoint: origin, size and root as text, a blank line, a signature a line."""
    text, _, rest = note.partition('\n\n')
    origin, size, root = text.split('\n')[:3]
    signatures = [(l[2:].rsplit(' ', 1)[0], unbase64(l.rsplit(' ', 1)[1])) for l in rest.split('\n') if l.startswith('\u2014 ')]
    if not origin.startswith('keytrail/') or not re.fullmatch('0|[1-9][0-9]*', size) or len(unbase64(root)) != 32 or not signatures:
        raise ValueError('no checkpoint of keytrail')
    return {'text': (text + '\n').encode(), 'log': origin[9:], 'size': int(size), 'root': unbase64(root), 'signatures': signatures}

def read_vkey(given):
    name, key_id, key = text_or_file(given).strip().split('+', 2)
    raw = unbase64(key)
    if len(raw) != 33 or sha(name.encode(), b'\n', raw)[:4].hex() != key_id:
        wrong_use(f'{given}: the id of this key does not fit it')
    return name, bytes.fromhex(key_id), raw[0], raw[1:]

def is_signed(note, vkey):
    name, key_id, kind, key = vkey
    for who, raw in note['signatures']:
        prefix, signature = (b'', raw[4:]) if kind == 1 else (b'cosignature/v1\ntime %d\n' % int.from_bytes(raw[4:12], 'big'), raw[12:])
        if (who, raw[:4], len(signature)) == (name, key_id, 64) and ed25519(key, prefix + note['text'], signature):
            return True
    return False

def check_log(manifest, content, options):
    """The size up to which somebody outside vouches for the log; 0: nobody."""
    try:
        log, steps, items = (json.loads(content[f'integrity/{n}.json']) for n in ('checkpoints', 'consistency', 'inclusion'))
        notes = [read_note(c['note']) for c in log['checkpoints']]
        known = {n['size']: n['root'] for n in notes}
        paths = {(s['from'], s['to']): [bytes.fromhex(h) for h in s['path']] for s in steps['proofs']}
        head = (log['size'], bytes.fromhex(log['root']))
    except (KeyError, ValueError, TypeError) as e:
        fault('integrity/', f'cannot be read: {e!r}')
        return 0
    if (log['log'], log['size'], log['root']) != tuple(manifest['log'][k] for k in ('id', 'size', 'root')):
        fault('integrity/checkpoints.json', 'speaks of another log than the manifest')
    if any(n['log'] != log['log'] or (n['size'], n['root'].hex()) != (c['size'], c['root']) for n, c in zip(notes, log['checkpoints'])):
        fault('integrity/checkpoints.json', 'a checkpoint is not the one it is said to be')
    ends = sorted(known.items()) + ([head] if head[0] not in known else [])
    if ends[-1][0] != head[0] or (head[0] in known and known[head[0]] != head[1]):
        fault('integrity/checkpoints.json', f'the log has {head[0]} records, a checkpoint of its own speaks of {ends[-1][0]} or of others: it was cut or rewritten')
    for (old, old_root), (new, new_root) in zip(ends, ends[1:]):
        if not is_extended(old, old_root, new, new_root, paths.get((old, new), [])):
            fault('integrity/consistency.json', f'does not show that the checkpoint at {old} is the beginning of that at {new}')
    known[head[0]] = head[1]
    for it in items['proofs']:
        record, line = bytes.fromhex(it['record']), it['line']
        leaf_ok = record[:4] == b'KTL1' and int.from_bytes(record[4:12], 'little') == it['seq'] and it['size'] in known
        leaf_ok = leaf_ok and (line is None or sha(b'\0', line.encode()) == record[-32:])
        if not leaf_ok or not is_included(it['seq'] - 1, it['size'], sha(b'\0', record), [bytes.fromhex(h) for h in it['path']], known[it['size']]):
            fault('integrity/inclusion.json', f'record {it["seq"]} is not shown to be in the log')
    for n in notes if options.log_keys else []:
        if not any(is_signed(n, k) for k in options.log_keys):
            fault('integrity/checkpoints.json', f'the checkpoint at {n["size"]} is not signed by --log-key')
    witnessed = max([n['size'] for n in notes for w in options.witnesses if is_signed(n, w)], default=0)
    return max([witnessed] + [check_outside(given, log['log'], head, known, paths, options) for given in options.checkpoint])

def check_outside(given, log_id, head, known, paths, options):
    """Is what somebody kept outside the beginning of the log that this package was made from?"""
    try:
        mine = read_note(text_or_file(given))
    except (ValueError, IndexError):
        wrong_use(f'{given}: no checkpoint')
    problem = None
    if options.log_keys and not any(is_signed(mine, k) for k in options.log_keys):
        wrong_use(f'{given}: not signed by --log-key')
    if mine['size'] > head[0]:
        problem = f'it speaks of {mine["size"]} records, the log of this package has {head[0]}: its end was cut off'
    elif mine['size'] in known:
        problem = None if known[mine['size']] == mine['root'] else f'the first {mine["size"]} records of this package\'s log are other ones'
    else:
        steps = [(to, p) for (old, to), p in paths.items() if old == mine['size'] and to in known]
        if not steps:
            fault('integrity/consistency.json', f'has no proof from {mine["size"]}, the size of {given}: ask for a package made with --checkpoint')
            return 0
        if not all(is_extended(mine['size'], mine['root'], to, known[to], p) for to, p in steps):
            problem = f'the log of this package does not begin with its {mine["size"]} records: it was rewritten'
    if problem:  # a log that was renewed has another id, and the same records: only they count
        diverged.append(given)
        fault(given, problem + ('' if mine['log'] == log_id else f'; it is of another log, {mine["log"]}'))
    return 0 if problem else mine['size']

def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument('folder')
    a.add_argument('--key')
    for flag in ('--checkpoint', '--log-key', '--witness'):
        a.add_argument(flag, action='append', default=[])
    o = a.parse_args()
    o.log_keys, o.witnesses = [read_vkey(k) for k in o.log_key], [read_vkey(k) for k in o.witness]
    try:
        with open(os.path.join(o.folder, 'manifest.json'), encoding='utf-8', newline='') as f:
            manifest = json.loads(f.read())
        if o.key:
            check_signature(o.folder, o.key)
        listed, content = check_files(o.folder, manifest)
        check_totals(listed, content)
        anchor, last = check_log(manifest, content, o), manifest['log']['last']
        made_with = content.get('integrity/verify.txt', b'verdict: missing').decode().split('\n')[0][9:]
    except (OSError, ValueError, KeyError, TypeError) as e:
        fault('manifest.json', f'UNREADABLE: {e!r}')
        anchor, last, made_with = 0, 0, 'unreadable'
    if made_with.startswith(('tampered', 'diverged', 'unreadable', 'missing')):
        fault('integrity/verify.txt', f'the log did not verify when the package was made: {made_with}')
    if faults:
        print(f'DIVERGED: {len(diverged)} checkpoints from outside contradict this log' if diverged else f'TAMPERED OR BROKEN: {len(faults)} faults')
        return 1
    print(f'package     {manifest["package"]}, {len(listed)} files, {manifest["period"]["from"][:10]} until {manifest["period"]["until"][:10]}')
    print('signature  ', 'by your key' if o.key else 'NOT CHECKED: give --key, from a place other than this package')
    print('the log     when the package was made:', printable(made_with))
    word = 'LINES NOT HASHED AGAIN WHEN IT WAS MADE' if made_with.startswith('not verified') else 'VERIFIED'
    if not o.key:
        print('CONSISTENT, BUT NOBODY VOUCHES FOR IT: the signature was not checked')
    elif anchor == 0:
        print(f'{word}, UNANCHORED: no checkpoint from outside; a log rewritten as a whole would look the same')
    elif anchor < last:
        print(f'{word}, TAIL NOT ANCHORED: witnessed to record {anchor}, the period goes on to record {last}')
    else:
        print(f'{word}, WITNESSED to record {anchor}')
    return 0 if o.key and 0 < anchor >= last and word == 'VERIFIED' else 7

if __name__ == '__main__':
    sys.exit(main())
