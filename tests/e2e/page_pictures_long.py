#!/usr/bin/env python3
"""The pictures of README.md and docs/ can be made again: from a demo of their own, small enough for a page. With PICTURES=docs/images they are put there."""
import atexit, os, re, shutil, subprocess, time
from support import *

NPM = os.path.abspath('build/peers/npm/node_modules')
here = os.path.dirname(os.path.abspath(__file__))
d = folder()
out = os.path.join(d, 'demo.out')
with open(out, 'w') as f:
    demo = subprocess.Popen([KEYTRAIL, 'demo', '--for', '100s', '--dir', os.path.join(d, 'demo')], stdout=f, stderr=subprocess.STDOUT)
atexit.register(demo.kill)
conf = os.path.join(d, 'demo/keytrail.yaml')
check(wait_for(lambda: 'RAISED to critical' in open(out).read(), 90), 'the three incidents are there', open(out).read())
time.sleep(5)
link = keytrail('dashboard', 'login', '-c', conf, '--user', 'alice', '--role', 'responder').stdout.decode().split()[0]
where = os.environ.get('PICTURES', os.path.join(d, 'pictures'))
os.makedirs(where, exist_ok=True)
p = subprocess.run(['node', os.path.join(here, 'page_pictures.js'), where, link], env=dict(os.environ, NODE_PATH=NPM), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
check(p.returncode == 0, 'four pictures', p.stderr.decode())
for name in ('overview', 'alert', 'search', 'alert-phone'):
    size = os.path.getsize(os.path.join(where, name + '.png'))
    check(10_000 < size < 200_000, f'{name}.png is whole and small', size)
finish()
