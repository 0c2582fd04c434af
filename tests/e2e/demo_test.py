#!/usr/bin/env python3
"""The demo: three incidents raise exactly three alerts, the same minutes without them none; it stops by itself and leaves nothing running."""
import atexit, json, os, re, signal, subprocess, time
from support import *

d = folder()


def alerts(db, severity='medium'):
    return [json.loads(l) for l in keytrail('alerts', 'list', '--severity', severity, '--db', db, '--since', '1h', '-o', 'ndjson').stdout.splitlines()]


def left_running(where):
    out = subprocess.run(['ps', '-eo', 'args'], stdout=subprocess.PIPE).stdout.decode()
    return [l for l in out.splitlines() if where in l and 'keytrail' in l]


def demo(*argv):
    p = subprocess.Popen([KEYTRAIL, 'demo', *argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    atexit.register(p.kill)
    return p


t = time.monotonic()
loud = demo('--for', '60s', '--dir', os.path.join(d, 'loud'))
calm = demo('--for', '55s', '--calm', '--dir', os.path.join(d, 'calm'))
text = loud.communicate(timeout=120)[0].decode()
took = time.monotonic() - t
calm.communicate(timeout=120)
check(loud.returncode == calm.returncode == 0, 'both demos end well', (loud.returncode, calm.returncode))
check(took < 80, f'--for stops it by itself ({took:.0f} s)', text)
found = alerts(os.path.join(d, 'loud/keytrail.db'))
check(len(found) == 3, 'three incidents raise exactly three alerts', '\n'.join(f"{a['severity']} {a['title']}" for a in found) + '\n' + text)
check(text.count(' ALERT ') == 3, 'and the terminal shows them', text)
for who in ('orders-svc', 'dana', 'marc'):
    check(sum(who in (a['actor'] or '') for a in found) == 1, f'one of them is about {who}', [a['actor'] for a in found])
check(any(a['severity'] == 'critical' and 'marc' in a['actor'] for a in found), 'guessing that succeeds is critical', [(a['actor'], a['severity']) for a in found])
first = re.search(r'^ *([0-9.]+) s   ALERT', text, re.M)
check(first and float(first[1]) < 60, 'the first alert comes within 60 s', first and first[0])
commands = re.findall(r'^  (/.*keytrail .*)$', text, re.M)
check(len(commands) >= 5, 'it ends with commands to look further', text[-1500:])
for c in commands:
    r = subprocess.run(['sh', '-c', c], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    check(r.returncode == 0 and r.stdout.strip(), f'which work: {c.split(" ", 1)[1][:60]}', (r.returncode, r.stderr))
check(not left_running(d), 'nothing is left running', left_running(d))
found = alerts(os.path.join(d, 'calm/keytrail.db'))
check(not found, 'the same minutes without the incidents raise nothing at medium or above', '\n'.join(f"{a['severity']} {a['title']}" for a in found))
proc = demo('--dir', os.path.join(d, 'stopped'))
while b'live' not in (line := proc.stdout.readline()) and line:
    pass
time.sleep(1)
proc.send_signal(signal.SIGINT)
try:
    out, errs = proc.communicate(timeout=30)
    check(proc.returncode in (0, 130), 'Ctrl-C stops it cleanly', (proc.returncode, errs))
except subprocess.TimeoutExpired:
    proc.kill()
    check(False, 'Ctrl-C stops it cleanly', 'it did not stop')
check(not left_running(d), 'nothing is left running after Ctrl-C', left_running(d))
finish()
