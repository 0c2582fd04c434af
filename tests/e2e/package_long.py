#!/usr/bin/env python3
"""The Debian packages in a fresh root made by debootstrap: install, users, units, commands, a collector as its user and the page's user as a
reader of its store, remove, purge. Needs root and a mirror; the one that apt of this host uses."""
import shutil
from support import *

BUILD = os.path.dirname(KEYTRAIL)
if os.geteuid() != 0 or not shutil.which('debootstrap'):
    print('# needs root and debootstrap: left out', flush=True)
    check(True, 'left out: no root, or no debootstrap')
    finish()
p = subprocess.run(['make', f'BUILD={ARGS.build}', 'deb'], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=1800)
debs = sorted(os.listdir(os.path.join(BUILD, 'deb'))) if p.returncode == 0 else []
check(p.returncode == 0 and len(debs) == 2, 'make deb makes two packages', p.stdout.decode()[-2000:])
first = {d: open(os.path.join(BUILD, 'deb', d), 'rb').read() for d in debs}
subprocess.run(['make', f'BUILD={ARGS.build}', 'deb'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=1800)
check(all(open(os.path.join(BUILD, 'deb', d), 'rb').read() == b for d, b in first.items()), 'twice the same bytes')

root = os.path.join(folder(), 'root')
site = run('apt-get', 'indextargets', '--format', '$(SITE) $(RELEASE)', 'Created-By: Packages').stdout.decode().split('\n')[0].split()
p = subprocess.run(['debootstrap', '--variant=minbase', '--include=systemd,ca-certificates,procps,bash-completion,man-db', 'bookworm', root, site[0]], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=1800)
if not check(p.returncode == 0, 'a fresh root', p.stdout.decode()[-2000:]):
    finish()
# apt of the root asks as apt of this host does.
for n in ('sources.list', 'sources.list.d', 'apt.conf.d', 'trusted.gpg.d', 'keyrings', 'auth.conf.d'):
    src, dst = '/etc/apt/' + n, os.path.join(root, 'etc/apt', n)
    if os.path.isdir(src):
        shutil.copytree(src, dst, dirs_exist_ok=True)
    elif os.path.exists(src):
        shutil.copy(src, dst)
for n in ('etc/resolv.conf', 'etc/hosts'):
    shutil.copy('/' + n, os.path.join(root, n))
if os.path.isdir('/usr/local/share/ca-certificates'):
    shutil.copytree('/usr/local/share/ca-certificates', os.path.join(root, 'usr/local/share/ca-certificates'), dirs_exist_ok=True)
shutil.copy('/etc/ssl/certs/ca-certificates.crt', os.path.join(root, 'etc/ssl/certs/ca-certificates.crt'))
with open(os.path.join(root, 'usr/sbin/policy-rc.d'), 'w') as f:
    f.write('#!/bin/sh\nexit 101\n')
os.chmod(os.path.join(root, 'usr/sbin/policy-rc.d'), 0o755)
for d in debs:
    shutil.copy(os.path.join(BUILD, 'deb', d), os.path.join(root, d))


def inside(*argv, user=None, timeout=600):
    argv = ['runuser', '-u', user, '--', *argv] if user else argv
    return subprocess.run(['chroot', root, *argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout, env=dict(os.environ, DEBIAN_FRONTEND='noninteractive', LC_ALL='C.UTF-8'))


def said(p):
    return (p.stdout + p.stderr).decode(errors='replace')[-3000:]


mounted = subprocess.run(['mount', '-t', 'proc', 'proc', os.path.join(root, 'proc')]).returncode == 0
atexit.register(lambda: mounted and subprocess.run(['umount', os.path.join(root, 'proc')]))
inside('apt-get', 'update', '-qq')
p = inside('apt-get', 'install', '-y', '--no-install-recommends', *['/' + d for d in debs], timeout=1200)
check(p.returncode == 0 and b'keytrail init' in p.stdout + p.stderr, 'both are installed, and say what is next', said(p))
for u in ('keytrail', 'keytrail-dashboard', 'keytrail-agent'):
    p = inside('id', u)
    check(p.returncode == 0 and (u != 'keytrail-dashboard' or b'keytrail-read' in p.stdout), f'the user {u} exists', said(p))
p = inside('stat', '-c', '%U:%G %a %n', '/etc/keytrail/keys', '/var/lib/keytrail', '/var/lib/keytrail-agent', '/var/lib/keytrail-dashboard')
check(p.stdout.decode().split('\n')[:4] == ['keytrail:keytrail 700 /etc/keytrail/keys', 'keytrail:keytrail-read 750 /var/lib/keytrail', 'keytrail-agent:keytrail-agent 700 /var/lib/keytrail-agent',
                                            'keytrail-dashboard:keytrail-dashboard 700 /var/lib/keytrail-dashboard'], 'folders and their rights', said(p))
p = inside('systemd-analyze', 'verify', *[f'/usr/lib/systemd/system/keytrail-{u}.service' for u in ('collector', 'dashboard', 'agent')])
check(not [l for l in said(p).splitlines() if 'keytrail' in l], 'the units are there and sound', said(p))
for argv in (['keytrail', 'version'], ['keytrail', '--help'], ['keytrail-agent', '--version'], ['man', '-w', 'keytrail-who'], ['man', '-w', '5', 'keytrail.yaml'], ['keytrail', 'geoip', 'status']):
    p = inside(*argv)
    check(p.returncode == 0, ' '.join(argv), said(p))
check(b'share/keytrail/ip-country.mmdb' in p.stdout, 'the table of countries came along', said(p))
p = inside('bash', '-c', '. /usr/share/bash-completion/bash_completion; _completion_loader keytrail; complete -p keytrail')
check(p.returncode == 0 and b'_keytrail_complete' in p.stdout, 'bash-completion finds ours', said(p))
p = inside('dpkg', '-V', 'keytrail', 'keytrail-agent')
check(p.returncode == 0 and not p.stdout, 'what is installed is what the packages hold', said(p))

# ---- as the service does it: the collector as its user, the page's user as a reader ----
p = inside('keytrail', 'init', '/etc/keytrail', '--owner', 'keytrail')
check(p.returncode == 0 and b'systemctl enable --now keytrail-collector' in p.stdout, 'init for the service', said(p))
p = inside('stat', '-c', '%U:%G %a', '/etc/keytrail/keytrail.yaml', '/etc/keytrail/keys/log.key', '/etc/keytrail/agent-keys/agent.key', '/etc/keytrail/agent.yaml')
check(p.stdout.decode().split('\n')[:4] == ['keytrail:keytrail-read 640', 'keytrail:keytrail 600', 'keytrail-agent:keytrail-agent 600', 'keytrail-agent:keytrail-agent 600'], 'each user has its own keys', said(p))
port, page = free_port(), free_port()
for n in ('keytrail.yaml', 'agent.yaml'):
    with open(os.path.join(root, 'etc/keytrail', n)) as f:
        text = f.read().replace(':7420', f':{port}').replace('\ndashboard:\n', f'\ndashboard:\n  listen: tcp://127.0.0.1:{page}\n')
    with open(os.path.join(root, 'etc/keytrail', n), 'w') as f:
        f.write(text)
for d, u in (('run/keytrail', 'keytrail:keytrail-read'), ('run/keytrail-dashboard', 'keytrail-dashboard:keytrail-dashboard'), ('var/log/vault', 'root:root')):
    inside('install', '-d', '-o', u.split(':')[0], '-g', u.split(':')[1], '-m', '0755', '/' + d)
log = open(os.path.join(root, 'collector.log'), 'wb')
collector = subprocess.Popen(['chroot', '--userspec=keytrail:keytrail-read', root, '/usr/bin/keytrail', 'collector', '-c', '/etc/keytrail/keytrail.yaml'], stdout=log, stderr=log)
ok = wait_for(lambda: os.path.exists(os.path.join(root, 'run/keytrail/control.sock')) and inside('keytrail', 'status', '-c', '/etc/keytrail/keytrail.yaml').returncode == 0, 30)
check(ok, 'the collector runs as its user', open(os.path.join(root, 'collector.log')).read())
check(b'collector  running' in inside('keytrail', 'status').stdout, "status asks the system's collector, unless it is given a store")
p = inside('stat', '-c', '%U:%G %a', '/var/lib/keytrail/keytrail.db')
check(p.stdout.decode().strip() == 'keytrail:keytrail-read 640', 'the store is its own, and the group reads it', said(p))
p = inside('keytrail', 'search', '--db', '/var/lib/keytrail/keytrail.db', 'kind:config', user='keytrail-dashboard')
check(p.returncode == 0, "the page's user reads the store", said(p))
p = inside('sh', '-c', 'cat /etc/keytrail/keys/collector.key; echo x >>/var/lib/keytrail/keytrail.db; ls /var/lib/keytrail/signer.keytrail.db', user='keytrail-dashboard')
check(p.stdout == b'' and p.stderr.count(b'ermission denied') >= 2 and b'signer' in p.stderr, "the page's user neither reads keys nor writes the store", said(p))
others = [subprocess.Popen(['chroot', f'--userspec={u}:{g}', f'--groups={more}', root, *argv], stdout=log, stderr=log) for u, g, more, argv in
          (('keytrail-dashboard', 'keytrail-dashboard', 'keytrail-read', ['/usr/bin/keytrail', 'dashboard', '-c', '/etc/keytrail/keytrail.yaml']),
           ('keytrail-agent', 'keytrail-agent', '', ['/usr/bin/keytrail-agent', '-c', '/etc/keytrail/agent.yaml']))]


def answers():
    try:
        with socket.create_connection(('127.0.0.1', page), 1) as s:
            s.sendall(b'GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n')
            return s.recv(64).startswith(b'HTTP/1.1 200')
    except OSError:
        return False


check(wait_for(answers, 30), 'the page runs as its user', open(os.path.join(root, 'collector.log')).read()[-3000:])
p = wait_for(lambda: (lambda p: p.returncode == 0 and b'running' in p.stdout and p)(inside('keytrail-agent', 'status', user='keytrail-agent')), 30)
check(p, 'the agent runs as its user', open(os.path.join(root, 'collector.log')).read()[-3000:])
check([stop(o) for o in others] == [0, 0], 'both end cleanly', open(os.path.join(root, 'collector.log')).read()[-3000:])
p = inside('keytrail', 'doctor', '-o', 'json', user='keytrail')
bad = [r for r in json.loads(p.stdout) if r['state'] == 'bad']
check(p.returncode == 0 and not bad, 'doctor, as the collector: nothing is bad', said(p))
p = inside('keytrail', 'search', '--db', '/var/lib/keytrail/keytrail.db', user='nobody')
check(p.returncode != 0, 'nobody else reads it', said(p))
collector.send_signal(signal.SIGTERM)
check(collector.wait(30) == 0, 'it ends cleanly')

# ---- away again ----
p = inside('apt-get', 'remove', '-y', 'keytrail', 'keytrail-agent')
check(p.returncode == 0 and not os.path.exists(os.path.join(root, 'usr/bin/keytrail')) and os.path.exists(os.path.join(root, 'var/lib/keytrail/keytrail.db')), 'remove leaves the store and the configuration', said(p))
p = inside('apt-get', 'purge', '-y', 'keytrail', 'keytrail-agent')
check(p.returncode == 0 and os.path.exists(os.path.join(root, 'var/lib/keytrail/keytrail.db')) and b'evidence' in p.stdout + p.stderr, 'purge leaves the store, and says so: it is evidence', said(p))
left = [l for l in inside('find', '/usr', '-name', '*keytrail*').stdout.decode().split() if l]
check(not left and not os.path.exists(os.path.join(root, 'var/lib/keytrail-dashboard')), 'of what was installed nothing is left', left)
finish()
