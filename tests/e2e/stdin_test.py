#!/usr/bin/env python3
"""An exporter piped into the agent: records come while it writes, its end is said and not spun upon, the writer waits while nothing is taken."""
import json, os, random, select, signal, subprocess, time
from support import *

rng = random.Random(SEED)
h = House()
n = 0


def lines(count):
    global n
    out = []
    for _ in range(count):
        n += 1
        out += vault_pair(rng, time.time(), rid=f'{n:08x}-0000-4000-8000-{SEED & 0xffffffffffff:012x}')
    return ('\n'.join(out) + '\n').encode()


def start_piped(stdin):
    with open(h.path('a.log'), 'ab') as f:
        p = subprocess.Popen([AGENT, '-c', h.path('a.yaml')], stdin=stdin, stdout=f, stderr=f)
    atexit.register(lambda: p.poll() is None and p.kill())
    return p


def status():
    return run(AGENT, 'status', '-c', h.path('a.yaml'), ok=False).stdout.decode()


h.start_collector()
h.allow('a', h.new_key('a'), 'vault/piped,vault/filed')
h.write('audit.log', '')
h.agent_config('a', ['{ id: piped, type: vault, input: stdin }', f'{{ id: filed, type: vault, input: tail, path: {h.path("audit.log")} }}'])

# ---- a writer ----
agent = start_piped(subprocess.PIPE)
data = lines(500)
for at in range(0, len(data), 7000):
    agent.stdin.write(data[at:at + 7000])
    agent.stdin.flush()
check(wait_for(lambda: h.count() == 500, 20), 'what is piped in is stored while the pipe is open', h.log('a.log'))
check('ended' not in status(), 'and nothing has ended', status())
agent.send_signal(signal.SIGHUP)
check(wait_for(lambda: 'read again' in h.log('a.log'), 10), 'a reload', h.log('a.log'))
agent.stdin.write(lines(10))
agent.stdin.flush()
check(wait_for(lambda: h.count() == 510, 10), 'goes on in the stream', h.count())

# ---- its end ----
agent.stdin.write(lines(5) + b'{"time":"2026-')
agent.stdin.close()
check(wait_for(lambda: 'the stream has ended' in status(), 10), 'the end is said', status())
check(wait_for(lambda: h.count() == 515 and h.count('kind:quarantine') == 1, 10), 'what came before it is stored, half a record is quarantined', h.count())
with open(h.path('audit.log'), 'ab') as f:
    f.write(lines(3))
check(wait_for(lambda: h.count() == 518, 10), 'other sources go on', h.count())
cpu = lambda: sum(int(x) for x in open(f'/proc/{agent.pid}/stat').read().rsplit(')', 1)[1].split()[11:13])
before = cpu()
time.sleep(1)
check(cpu() - before < 20, 'and nothing spins at the end of a stream', cpu() - before)
check(agent.poll() is None, 'the agent runs on')
agent.send_signal(signal.SIGTERM)
check(agent.wait(20) == 0, 'and ends cleanly', h.log('a.log')[-500:])

# ---- a writer that is faster than what is behind ----
check(stop(h.collector) == 0, 'the collector ends')
h.write('a.yaml', open(h.path('a.yaml')).read().replace('max: 1GiB', 'max: 1MiB').replace(h.path('spool-a'), h.path('spool-b')))
agent = start_piped(subprocess.PIPE)
os.set_blocking(agent.stdin.fileno(), False)
sent, stuck, rest = 0, False, b''
while not stuck and sent < 100 << 20:
    rest = rest or lines(2000)
    if select.select([], [agent.stdin], [], 1.5)[1]:
        w = os.write(agent.stdin.fileno(), rest)
        rest, sent = rest[w:], sent + w
    else:
        stuck = True
check(stuck and agent.poll() is None, f'while the spool is full the writer waits (after {sent >> 20} MiB)', h.log('a.log')[-500:])
h.start_collector()
check(wait_for(lambda: 'there is room in the spool again' in h.log('a.log'), 30), 'with a collector again it is taken', h.log('a.log')[-500:])
agent.send_signal(signal.SIGTERM)
check(agent.wait(20) == 0, 'a full pipe does not keep it from ending', h.log('a.log')[-500:])

# ---- nobody there ----
agent = start_piped(subprocess.DEVNULL)
check(wait_for(lambda: 'after 0 bytes' in h.log('a.log'), 10), 'nothing at the other end is said', h.log('a.log')[-500:])
agent.send_signal(signal.SIGTERM)
agent.wait(20)
h.agent_config('a', ['{ id: piped, type: vault, input: stdin }', '{ id: filed, type: vault, input: stdin }'])
p = run(AGENT, '-c', h.path('a.yaml'), ok=False, timeout=20)
check(p.returncode == 3 and b'another source of this agent reads it already' in p.stderr, 'two cannot read it', p.stderr)
h.agent_config('a', ['{ id: piped, type: vault, input: stdin, listen: "x" }'])
p = run(AGENT, '-c', h.path('a.yaml'), ok=False, timeout=20)
check(p.returncode == 3, 'a key that it does not know is refused', p.stderr)
check(stop(h.collector) == 0 and keytrail('verify', '--db', h.db, '-c', h.path('keytrail.yaml'), ok=False).returncode == 0, 'the store verifies')
finish()
