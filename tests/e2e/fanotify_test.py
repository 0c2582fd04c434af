#!/usr/bin/env python3
"""The kernel tells who opens and writes secret files, without an audit daemon: real marks, real programs; files that are replaced, folders, globs, a coding
agent's child; nothing twice after a kill; an overflow is said."""
import ctypes, os, shutil, subprocess
from support import *

libc = ctypes.CDLL(None, use_errno=True)
probe = libc.fanotify_init(0, os.O_RDONLY)
if probe < 0:
    print('ok 1 - fanotify # SKIP no CAP_SYS_ADMIN')
    print('1..1')
    sys.exit(0)
os.close(probe)

h = House()
srv = h.path('srv')
for d in ('a', 'b', 'tree/deep'):
    os.makedirs(os.path.join(srv, d))
env, key, deep, late = (os.path.join(srv, n) for n in ('a/.env', 'tree/tls.key', 'tree/deep/own.txt', 'b/.env'))
VALUE = 'PLANTED-VALUE-7f3a9c'
for f in (env, key, deep):
    with open(f, 'w') as out:
        out.write(f'TOKEN={VALUE}\n')


def rows(query=''):
    p = keytrail('search', f'source:fanotify {query}', '--db', h.db, '--since', '@0', '-o', 'ndjson', '-q', ok=False)
    return ndjson(p) if p.returncode == 0 else []


def status():
    return run(AGENT, 'status', '-c', h.path('fan.yaml'), ok=False).stdout.decode()


def start_agent(*wrap):
    a = start([*wrap, AGENT, '-c', h.path('fan.yaml')], h.path('fan.log'))
    time.sleep(0.3)
    wait_for(lambda: 'watched' in status(), 10)
    return a


def read(*files):
    """Opens files and lives on for a moment: who is gone at once cannot always be asked for its name."""
    sh(''.join(f'exec 3<{f}; ' for f in files) + 'sleep 0.1')


def sh(text):
    subprocess.run(['sh', '-c', text], check=False, stdout=subprocess.DEVNULL)


if os.environ.get('KT_SHOW'):  # what a person sees
    atexit.register(lambda: print(keytrail('search', 'source:fanotify', '--db', h.db, '--since', '1h').stdout.decode()[:6000]))
h.start_collector()
h.allow('fan', h.new_key('fan'), 'fanotify/web1')
h.agent_config('fan', [f'{{ id: web1, type: fanotify, input: fanotify, paths: ["{srv}/*/.env", "{srv}/tree"], cluster: web1 }}'])
agent = start_agent()
check(wait_for(lambda: '3 files and folders watched' in status(), 10), 'a file of a glob, a folder and the one below it are watched', status() + h.log('fan.log'))

# ---- reads and writes ----
read(env)
got = wait_for(lambda: rows('action:read'), 10) or []
check(len(got) == 1 and got[0]['secret'] == f'file://web1{env}' and got[0]['outcome'] == 'success', 'a read is stored once', got)
check(got and 'sh' in (got[0]['user_agent'] or '') and got[0]['actor'] and 'unknown' not in got[0]['actor'], 'with its program and its user', got)
read(key, deep)
check(wait_for(lambda: {r['secret'] for r in rows('action:read')} >= {f'file://web1{key}', f'file://web1{deep}'}, 10), 'files in folders, however deep', rows())
sh(f'echo X={VALUE} >> {env}')
check(wait_for(lambda: [r for r in rows('action:write') if r['secret'].endswith('/a/.env')], 10), 'a write', rows())
check(len(rows('action:read secret:*/a/.env')) == 1, 'a write is no read', rows())
sh(f'ls {srv}/tree > /dev/null')
check(wait_for(lambda: [r for r in rows('action:list') if r['secret'] == f'file://web1{srv}/tree/*'], 10), 'a folder that is listed', rows())

# ---- replaced and new files ----
with open(env + '.new', 'w') as out:
    out.write(VALUE)
os.rename(env + '.new', env)
time.sleep(0.3)
before = len(rows('action:read secret:*/a/.env'))
read(env)
check(wait_for(lambda: len(rows('action:read secret:*/a/.env')) == before + 1, 10), 'a file that was replaced is still watched', rows())
with open(late, 'w') as out:
    out.write(VALUE)
os.makedirs(os.path.join(srv, 'c'))
os.makedirs(os.path.join(srv, 'tree/new'))
time.sleep(0.4)
for f in (os.path.join(srv, 'c/.env'), os.path.join(srv, 'tree/new/x.key')):
    with open(f, 'w') as out:
        out.write(VALUE)
time.sleep(0.4)
read(late, f'{srv}/c/.env', f'{srv}/tree/new/x.key')
check(wait_for(lambda: {r['secret'] for r in rows('action:read')} >= {f'file://web1{late}', f'file://web1{srv}/c/.env', f'file://web1{srv}/tree/new/x.key'}, 10),
      'files and folders that came later', [r['secret'] for r in rows()])

# ---- a coding agent, two levels up ----
bin = h.path('claude')
shutil.copy(shutil.which('sh'), bin)
subprocess.run([bin, '-c', f'sh -c "exec 3<{env}; sleep 0.1; true"; true'], stdout=subprocess.DEVNULL)
check(wait_for(lambda: [r for r in rows('action:read') if r.get('via') == 'claude-code' and r['actor_kind'] == 'ai_agent'], 10), 'what a coding agent starts is its doing', rows()[-3:])

# ---- what looks like the same process and the same file, and is not ----
def reads(file):
    return rows(f'action:read secret:*/{file}')


other, brief, after = (os.path.join(srv, 'tree', n) for n in ('other.key', 'brief.key', 'after.key'))
for f in (other, brief):
    with open(f, 'w') as out:
        out.write(VALUE)
shutil.copy(shutil.which('sh'), h.path('mycat'))
time.sleep(0.4)
sh(f'exec 3<{other}; sleep 0.5; exec 3<&-; sleep 0.05; exec 4<{other}; sleep 0.1')
got = wait_for(lambda: len(x := reads('other.key')) == 2 and x, 10) or reads('other.key')
check(len(got) == 2 and all('sh' in (r['user_agent'] or '') for r in got), 'who closes a file and opens it again is known', got)
before = len(reads('own.txt'))
sh(f'read x < {deep}; sleep 0.05; exec {h.path("mycat")} -c "exec 3<{deep}; sleep 0.1"')
check(wait_for(lambda: len(reads('own.txt')) == before + 2 and [r for r in reads('own.txt') if 'mycat' in (r['user_agent'] or '')], 10), 'a program that takes the place of another is seen', reads('own.txt'))
os.kill(agent.pid, signal.SIGSTOP)
open(brief).read()
os.unlink(brief)
open(after, 'w').close()
open(after).read()
os.kill(agent.pid, signal.SIGCONT)
check(wait_for(lambda: reads('brief.key') and [r for r in rows() if r['secret'].endswith('/after.key')], 10) and not rows('secret:*deleted*'),
      'a file that is gone has its name, and the one that got its number too', rows())

# ---- those that are gone at once ----
before = len(reads('own.txt'))
for _ in range(100):
    subprocess.run(['cat', deep], stdout=subprocess.DEVNULL)
short = (wait_for(lambda: len(x := reads('own.txt')) >= before + 100 and x, 10) or reads('own.txt'))[:100]
known = sum('cat' in (r.get('user_agent') or '') for r in short)
print(f'# of {len(short)} programs that ended at once {known} could be asked for their name')
check(len(short) >= 100 and known > 0, 'each is stored, known or not', len(short))

# ---- our own opening is none; every descriptor is closed ----
fds = os.listdir(f'/proc/{agent.pid}/fd')
n = len(rows())
for _ in range(300):
    open(env).read()
check(wait_for(lambda: len(rows()) > n, 10) and len(rows()) < n + 100, 'many openings in a moment are few records', f'{n} {len(rows())}')
check(len(os.listdir(f'/proc/{agent.pid}/fd')) <= len(fds) + 2, 'every descriptor is closed')

# ---- stopped: what was heard a moment ago is kept ----
before = len(reads('tls.key'))
reader = subprocess.Popen(['sh', '-c', f'exec 3<{key}; sleep 0.5'])
time.sleep(0.05)
check(stop(agent) == 0, 'it stops', h.log('fan.log')[-800:])
reader.wait()
agent = start_agent()
check(wait_for(lambda: len(reads('tls.key')) == before + 1, 10), 'what was heard just before it was stopped is stored', status())

# ---- killed; from here on with the rights of its unit and no others ----
unit = open('deploy/systemd/keytrail-agent-fanotify.service').read()
rights = ','.join('+' + c[4:].lower() for c in re.search(r'CapabilityBoundingSet=(.*)', unit)[1].split())
unit_rights = ['setpriv', f'--bounding-set=-all,{rights}', f'--inh-caps=-all,{rights}'] if shutil.which('setpriv') else []
time.sleep(1.2)
agent.kill()
agent.wait()
read(key)
agent = start_agent(*unit_rights)
wait_for(lambda: '0 B in 0 batches' in status(), 10)
ids = [(r['native_id'], r['action']) for r in rows()]
check(len(set(ids)) == len(ids), 'nothing is stored twice after a kill', ids)
n = len(rows('action:read secret:*/tls.key'))
read(key)
check(wait_for(lambda: len(rows('action:read secret:*/tls.key')) == n + 1, 10), 'and new reads come', status())

# ---- the kernel's queue overflows while nobody can read it ----
os.kill(agent.pid, signal.SIGSTOP)
limit = int(open('/proc/sys/fs/fanotify/max_queued_events').read())
names = [os.path.join(srv, 'tree/deep', f'f{i}') for i in range(limit + 500)]
for f in names:
    os.close(os.open(f, os.O_CREAT | os.O_WRONLY))
os.kill(agent.pid, signal.SIGCONT)
check(wait_for(lambda: rows('action:config'), 20), 'an overflow is an event', status())
check('accesses are missing' in status() or wait_for(lambda: 'accesses are missing' in status(), 5), 'and said in the status', status())
for p, d, fs in os.walk(h.dir):
    for f in fs:
        if p.startswith(srv) or not os.path.isfile(os.path.join(p, f)):
            continue
        with open(os.path.join(p, f), 'rb') as x:
            if VALUE.encode() in x.read():
                check(False, f'no value in {f}')
check(stop(agent) == 0 and stop(h.collector) == 0, 'both end cleanly', h.log('fan.log')[-800:])
v = keytrail('verify', '--db', h.db, '-c', h.path('keytrail.yaml'), ok=False)
check(v.returncode == 0, 'the store verifies', v.stdout + v.stderr)

# ---- refused ----
if shutil.which('setpriv'):
    p = run('setpriv', '--bounding-set=-sys_admin', AGENT, '-c', h.path('fan.yaml'), ok=False)
    check(p.returncode == 3 and 'keytrail-agent-fanotify.service' in p.stderr.decode(), 'without its right it says how to run it', p.stderr.decode())
for bad, says in (('"srv/.env"', 'whole path'), ('"/srv/**/.env"', "leave out the '**'"), ('"/srv/"', "without a '/'")):
    h.agent_config('bad', [f'{{ id: web1, type: fanotify, input: fanotify, paths: [{bad}] }}'], key='fan')
    p = run(AGENT, '-c', h.path('bad.yaml'), ok=False)
    check(p.returncode != 0 and says in p.stderr.decode(), f'refused: {bad}', p.stderr.decode())
finish()
