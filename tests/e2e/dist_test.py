#!/usr/bin/env python3
"""The built page that is committed: it is what its manifest says, small, asks nobody else, and comes out of its sources again, byte for byte."""
import gzip, hashlib, json, os, re, shutil, subprocess
from support import *

web = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../dashboards/web')


def made(dist):
    out = {}
    for at, _, names in os.walk(dist):
        for n in names:
            data = open(os.path.join(at, n), 'rb').read()
            out[os.path.relpath(os.path.join(at, n), dist)] = data
    return out


manifest = {path: (digest, int(size)) for digest, size, path in (l.split(' ', 2) for l in open(os.path.join(web, 'dist.manifest')).read().splitlines())}
files = made(os.path.join(web, 'dist'))
check({p: (hashlib.sha256(b).hexdigest(), len(b)) for p, b in files.items()} == manifest, 'the manifest names every built file with its digest and size')
packed = sum(len(gzip.compress(b, 9, mtime=0)) for b in files.values())
check(packed <= 150 * 1000, f'all of it is at most 150 KB packed: {packed}', packed)

page = files['index.html'].decode()
check(not re.search(r'<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=', page), 'the document has no script and no style of its own', page)
own = [a for a in re.findall(r'(?:src|href)="([^"]+)"', page) if not a.startswith('/') or a.startswith('//')]
check(not own, 'and loads from its own server alone', own)
sheets = b'\n'.join(b for p, b in files.items() if p.endswith('.css')).decode()
check(not re.search(r'@import|url\(', sheets), 'styles load nothing', re.findall(r'@import|url\([^)]*\)', sheets))
sources = {os.path.join(at, n): open(os.path.join(at, n)).read() for at, _, names in os.walk(os.path.join(web, 'src')) for n in names if n.endswith(('.ts', '.tsx'))}
unsafe = [f for f, t in sources.items() if re.search(r'innerHTML|insertAdjacentHTML|dangerouslySet|document\.write|\beval\(|new Function|cssText|setAttribute\(.style', t)]
check(sources and not unsafe, 'no source of the page makes elements or styles from text', unsafe)
lock = json.load(open(os.path.join(web, 'package-lock.json')))['packages']
check(all('resolved' not in p and 'integrity' in p for name, p in lock.items() if name), 'the lock file pins every package by its digest, and no place to load it from')

# Built twice, in a folder of another name: nothing of the place or the time gets into it.
node = shutil.which('node')
fresh = node and [int(x) for x in subprocess.run([node, '-p', 'process.versions.node'], stdout=subprocess.PIPE, text=True).stdout.split('.')[:2]] >= [20, 19]
if fresh and os.path.exists(os.path.join(web, 'node_modules/vite')):
    for turn in ('from its sources', 'and again from another folder'):
        d = os.path.join(folder(), 'w')
        shutil.copytree(web, d, ignore=shutil.ignore_patterns('dist', 'node_modules'))
        os.symlink(os.path.abspath(os.path.join(web, 'node_modules')), os.path.join(d, 'node_modules'))
        p = subprocess.run([node, 'node_modules/vite/bin/vite.js', 'build', '--logLevel', 'error'], cwd=d, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
        again = made(os.path.join(d, 'dist')) if p.returncode == 0 else {}
        other = sorted(f for f in files.keys() | again.keys() if files.get(f) != again.get(f))
        check(p.returncode == 0 and not other, f'the same bytes come {turn} (make dashboards, and commit what it makes)', p.stdout + '\n'.join(other))
else:
    print('# not built again: Node 20.19 and the packages of dashboards/web are not here')
finish()
