#!/usr/bin/env python3
"""auditd's af_unix plugin, with this as the daemon: the socket is found by the plugin's configuration, each event is stored once though the log is tailed
too, the daemon never waits, connections come back, what does not fit is said."""
import socket
from support import *

h = House()
log, conf, path = h.path('audit.log'), h.path('af_unix.conf'), h.path('audispd_events')
T = int(time.time()) - 5
serial = 1000


def event(name='/srv/app/.env', ses=5):
    global serial
    serial += 1
    head = f'msg=audit({T}.{serial % 1000:03d}:{serial}): '
    return (f'type=SYSCALL {head}arch=c000003e syscall=257 success=yes exit=3 a0=ffffff9c a1=7ffd a2=0 a3=0 items=1 ppid=811 pid=812 auid=1000 uid=1000 gid=0 '
            f'euid=1000 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts0 ses={ses} comm="cat" exe="/usr/bin/cat" key="keytrail_env"\n'
            f'type=CWD {head}cwd="/"\ntype=PATH {head}item=0 name="{name}" inode=1 dev=08:01 mode=0100600 nametype=NORMAL\ntype=PROCTITLE {head}proctitle="cat"\n').encode()


class Daemon:
    """As auditd's plugin: one client, blocking writes; records are gone while nobody is there."""

    def __init__(self):
        if os.path.exists(path):
            os.unlink(path)
        self.s = socket.socket(socket.AF_UNIX)
        self.s.bind(path)
        self.s.listen(1)
        self.s.settimeout(15)
        self.c = None
        self.worst = 0.0

    def accept(self):
        self.c, _ = self.s.accept()
        self.c.settimeout(5)

    def write(self, data):
        began = time.monotonic()
        self.c.sendall(data)
        self.worst = max(self.worst, time.monotonic() - began)

    def close(self):
        for s in (self.c, self.s):
            if s is not None:
                s.close()


def rows(query=''):
    p = keytrail('search', f'source:auditd {query}', '--db', h.db, '--since', '@0', '-o', 'ndjson', '-q', ok=False)
    return ndjson(p) if p.returncode == 0 else []


def both(data):
    with open(log, 'ab') as f:
        f.write(data)
    d.write(data)


def status():
    return run(AGENT, 'status', '-c', h.path('a.yaml'), ok=False).stdout.decode()


open(log, 'w').close()
h.start_collector()
h.allow('a', h.new_key('a'), 'auditd/web1,auditd/web1-now')
h.agent_config('a', [f'{{ id: web1, type: auditd, input: tail, path: {log}, cluster: web1 }}',
                     f'{{ id: web1-now, type: auditd, input: af_unix, plugin_conf: {conf}, room: 1MiB, cluster: web1 }}'])
h.write('af_unix.conf', f'# as Debian installs it\nactive = no\ndirection = out\npath = builtin_af_unix\ntype = builtin \nargs = 0640 {path}\nformat = string\n')
agent = h.start_agent('a')
check(wait_for(lambda: "set 'active = yes' in" in status(), 15), 'a plugin that is off is said, with what to do', status())
d = Daemon()
h.write('af_unix.conf', f'active=yes\nargs = 0640 {path} string\n')
d.accept()
check(wait_for(lambda: f'{path}: connected' in status(), 15), 'it is connected once the file says so, without a restart', status())

# ---- once, though told twice ----
both(b'type=USER_LOGIN msg=audit(%d.001:1000): pid=700 uid=0 auid=1000 ses=5 msg=\'op=login id=1000 exe="/usr/sbin/sshd" hostname=? addr=203.0.113.40 terminal=/dev/pts/0 res=success\'\n' % T)
for _ in range(100):
    both(event())
check(wait_for(lambda: len(rows()) == 100, 15) and time.sleep(1.5) is None and len(rows()) == 100, 'what comes by the log and by the socket is stored once', len(rows()))
check({r['ip'] for r in rows()} == {'203.0.113.40'} and not any(r['conflict'] for r in rows()), 'and says the same', rows()[:2])

# ---- the socket alone is enough for an event; halves of lines are none ----
data = event('/srv/app/.env.two')
for i in range(0, len(data), 7):
    d.write(data[i:i + 7])
check(wait_for(lambda: rows('secret:*/.env.two'), 10), 'lines in pieces')
d.write(event('/srv/app/.env.torn')[:300])
d.close()
check(wait_for(lambda: 'is auditd running?' in status(), 15), 'a daemon that went is said', status())
d = Daemon()
d.accept()
d.write(event('/srv/app/.env.three'))
check(wait_for(lambda: rows('secret:*/.env.three'), 15) and not rows('secret:*/.env.torn'), 'it connects again, and half a line is none', rows()[-2:])
d.write(b'type=' + b'x' * (3 << 20) + b'\n' + event('/srv/app/.env.four'))
check(wait_for(lambda: rows('secret:*/.env.four'), 15), 'a line without end costs itself alone')

# ---- many at once, and the collector away: the daemon does not wait ----
d.worst = 0.0
check(stop(h.collector) == 0, 'the collector ends')
many = b''.join(event('/srv/app/.env.many') for _ in range(2000))
for _ in range(12):
    d.write(many)
print(f'# the longest write of {len(many) >> 10} KiB took {1000 * d.worst:.1f} ms')
check(wait_for(lambda: 'lines were dropped' in status() or 'lag 0' in status(), 15), 'it is read whatever becomes of it', status())
check(d.worst < 2, 'the daemon never waits for the spool', d.worst)
h.start_collector()
check(wait_for(lambda: rows('secret:*/.env.many'), 20), 'and what fits is stored')

# ---- stopped (the event behind lines that were dropped is given up) ----
check(stop_behind(agent, lambda: d.write(event('/srv/app/.env.cut') + event('/srv/app/.env.last') + event('/srv/app/.env.half')[:300])) == 0, 'it stops', h.log('a.log')[-800:])
d.close()
d = Daemon()
agent = h.start_agent('a')
d.accept()
check(wait_for(lambda: rows('secret:*/.env.last'), 15) and not rows('secret:*/.env.half'), 'what was not read when it was stopped is stored, and half an event is none', [r['secret'] for r in rows()][-3:])

# ---- killed ----
agent.kill()
agent.wait()
d.close()
d = Daemon()
agent = h.start_agent('a')
d.accept()
both(event('/srv/app/.env.five'))
check(wait_for(lambda: rows('secret:*/.env.five'), 15), 'after a kill it goes on')
ids = [(r['native_id']) for r in rows()]
check(len(ids) == len(set(ids)) and not any(r['conflict'] for r in rows()), 'nothing is stored twice', [{k: r[k] for k in ('seq', 'native_id', 'secret', 'operation', 'actor', 'ip', 'conflict', 'user_agent', 'reason', 'original')} for r in rows() if r['conflict'] or ids.count(r['native_id']) > 1])
d.close()
check(stop(agent) == 0 and stop(h.collector) == 0, 'both end cleanly', h.log('a.log')[-800:])
finish()
