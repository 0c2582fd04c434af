#!/usr/bin/env python3
"""keytrail doctor: what is wrong is said before it hurts, with what to type; nothing is changed."""
import stat
from support import *


def doctor(*argv, ok=False):
    p = keytrail('doctor', '-o', 'json', *argv, ok=ok)
    return p.returncode, json.loads(p.stdout), p


def states(rows, check):
    return [r['state'] for r in rows if r['check'] == check]


def row(rows, check, state):
    return next((r for r in rows if r['check'] == check and r['state'] == state), None)


code, rows, p = doctor('-c', '/nonexistent/keytrail.yaml')
check(code == 1 and states(rows, 'configuration') == ['bad'], 'a configuration that is not there', p.stdout)
code, rows, p = doctor('--db', '/nonexistent/k.db')
check(code == 1 and states(rows, 'store') == ['bad'], 'a store that is not there', p.stdout)

h = House()
h.start_collector()
agent = h.start_agent('vault-host-1')
config = h.path('keytrail.yaml')
code, rows, p = doctor('-c', config)
bad = [r for r in rows if r['state'] == 'bad']
check(code == 0 and not bad, 'a running collector with an agent: nothing is bad', p.stdout)
for name in ('configuration', 'keys', 'agents', 'store', 'disk', 'collector', 'clock', 'open files'):
    check(set(states(rows, name)) <= {'ok', 'warn'} and states(rows, name), f'{name} is looked at', rows)
check(all(r['next'] for r in rows if r['state'] != 'ok'), 'whatever is not ok says what to do next', rows)
before = {n: os.stat(h.path(n)).st_mtime_ns for n in os.listdir(h.dir) if n.endswith(('.yaml', '.key'))}
text = keytrail('doctor', '-c', config, ok=False).stdout.decode()
check(re.search(r'^\d+ ok, \d+ warn, 0 bad$', text, re.M) and '\x1b' not in text, 'for people: one line a check, a sum at the end', text)

key = [os.path.join(r, f) for r, _, fs in os.walk(h.dir) for f in fs if f == 'collector.key'][0]
os.chmod(key, 0o644)
os.chmod(config, 0o660)
os.chmod(h.db, 0o644)
code, rows, p = doctor('-c', config)
check(code == 1 and row(rows, 'keys', 'bad') and 'chmod' in row(rows, 'keys', 'bad')['found'], 'a key that others can read', p.stdout)
check(row(rows, 'configuration', 'warn'), 'a configuration that its group can write', p.stdout)
check(row(rows, 'store', 'bad') and 'anybody' in row(rows, 'store', 'bad')['found'], 'a store that anybody can read', p.stdout)
os.chmod(config, 0o666)
code, rows, p = doctor('-c', config)
check(code == 1 and row(rows, 'configuration', 'bad'), 'a configuration that anybody can write', p.stdout)
os.chmod(key, 0o600)
os.chmod(config, 0o600)
os.chmod(h.db, 0o640)

port = free_port()
with open(h.path('dead.url'), 'w') as f:
    f.write(f'http://127.0.0.1:{port}/hook\n')
with open(config) as f:
    plain = f.read()
with open(config, 'w') as f:
    f.write(plain + 'alerts:\n  targets:\n    \x22pager\x22: { type: slack, allow_private: true, url_file: dead.url }\n    gone: { type: slack, url_file: nowhere.url }\n')
code, rows, p = doctor('-c', config)
check(code == 1 and row(rows, 'target pager', 'bad') and row(rows, 'target gone', 'bad'), 'secret files of targets: their rights, and that they are there', p.stdout)
with open(config, 'w') as f:
    f.write(plain)
stop(agent)
h.collector.send_signal(signal.SIGSTOP)  # as before a disk that is away
began = time.monotonic()
asked = [subprocess.Popen([KEYTRAIL, *c, '-c', config], stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for c in (('status',), ('doctor',), ('status', '-o', 'json'))]
said = [c.communicate(timeout=60)[0] for c in asked]
h.collector.send_signal(signal.SIGCONT)
check(time.monotonic() - began < 45 and b'HANGS' in said[0] and b'does not answer' in said[1], 'a collector that hangs is said to, within seconds', b'\n'.join(said))
check(json.loads(said[2])['collector_state'] == 'hangs', 'and to programs', said[2])
state = lambda: json.loads(keytrail('status', '-o', 'json', '-c', config).stdout)['collector_state']
check(state() == 'answers', 'one that answers')
os.chmod(h.path('control.sock'), 0)
plain = ['setpriv', '--bounding-set', '-dac_override,-dac_read_search'] if os.geteuid() == 0 else []
p = run(*plain, KEYTRAIL, 'status', '-c', config, ok=False)
check("run as the collector's user" in p.stdout.decode() and 'not running' not in p.stdout.decode(), 'whoever may not ask is told so', p.stdout.decode() + p.stderr.decode())
p = run(*plain, KEYTRAIL, 'status', '-o', 'json', '-c', config, ok=False)
check(json.loads(p.stdout)['collector_state'] == 'denied', 'and so are programs', p.stdout)
check(stop(h.collector) == 0, 'the collector ends')
check(state() == 'absent', 'one that is not there')
code, rows, p = doctor('-c', config)
check(code == 1 and row(rows, 'collector', 'bad') and 'journalctl' in row(rows, 'collector', 'bad')['next'], 'a collector that is away', p.stdout)
code, rows, p = doctor('--db', h.db)
check(states(rows, 'store') == ['ok'], 'a store alone, such as a backup', p.stdout)
with open(h.db, 'r+b') as f:
    f.write(b'no database at all' * 20)
code, rows, p = doctor('--db', h.db)
check(code == 1 and row(rows, 'store', 'bad'), 'a damaged store', p.stdout)
p = keytrail('doctor', 'please', ok=False)
check(p.returncode == 2 and b'usage' in p.stderr, 'a wrong word is usage', p.stderr)
finish()
