#!/usr/bin/env python3
"""make install, staged: everything lies below DESTDIR, works from there, and uninstall leaves nothing; units are sound."""
import shutil, stat
from support import *

BUILD = os.path.dirname(KEYTRAIL)
stage = folder()
env = dict(os.environ, DESTDIR=stage, PREFIX='/opt/kt')
# What make install would have made before.
for p in ('keytrail', 'keytrail-agent'):
    os.makedirs(os.path.join(BUILD, 'completion'), exist_ok=True)
    for shell, name in (('bash', p + '.bash'), ('zsh', '_' + p), ('fish', p + '.fish')):
        with open(os.path.join(BUILD, 'completion', name), 'wb') as f:
            f.write(run(os.path.join(BUILD, p), 'completion', shell).stdout)
os.makedirs(os.path.join(BUILD, 'man'), exist_ok=True)
run(os.path.join(BUILD, 'keytrail-manual'), os.path.join(BUILD, 'man'), 'docs', '2026-11-22')


def install(what, part='all'):
    return subprocess.run(['sh', 'deploy/install.sh', what, BUILD, part], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)


def tree():
    return sorted(os.path.relpath(os.path.join(r, f), stage) for r, _, fs in os.walk(stage) for f in fs)


os.makedirs(os.path.join(stage, 'opt/kt/share/man/man1'))
with open(os.path.join(stage, 'opt/kt/share/man/man1/other.1'), 'w') as f:
    f.write('.TH OTHER 1\n')
p = install('install')
there = tree()
check(p.returncode == 0, 'it installs', p.stderr)
listed = sorted(os.path.relpath(l, stage) for l in install('list').stdout.decode().split())
check(sorted(set(there) - {'opt/kt/share/man/man1/other.1'}) == listed and all(n.startswith('opt/kt/') for n in there), 'what is there is what the list says, below PREFIX', set(there) ^ set(listed))
wanted = ['bin/keytrail', 'bin/keytrail-agent', 'share/man/man1/keytrail.1', 'share/man/man1/keytrail-agent.1', 'share/man/man5/keytrail.yaml.5', 'share/man/man7/keytrail-query.7',
          'share/bash-completion/completions/keytrail', 'share/zsh/site-functions/_keytrail-agent', 'share/fish/vendor_completions.d/keytrail.fish',
          'lib/systemd/system/keytrail-collector.service', 'lib/systemd/system/keytrail-dashboard.service', 'lib/systemd/system/keytrail-agent.service',
          'lib/sysusers.d/keytrail.conf', 'lib/tmpfiles.d/keytrail.conf', 'share/keytrail/verify_bundle.py', 'share/keytrail/grafana/dashboards/operations.json']
check(set('opt/kt/' + w for w in wanted) <= set(there), 'programs, manual, completion, units, users, folders', set('opt/kt/' + w for w in wanted) - set(there))
modes = {n: stat.S_IMODE(os.stat(os.path.join(stage, n)).st_mode) for n in there}
check(all(m == (0o755 if '/bin/' in n or n.endswith('.py') else 0o644) for n, m in modes.items() if 'other' not in n), 'modes', modes)
p = run(os.path.join(stage, 'opt/kt/bin/keytrail'), 'version')
check(p.returncode == 0, 'the installed program runs')
if os.path.exists(os.path.join(stage, 'opt/kt/share/keytrail/ip-country.mmdb')):
    p = run(os.path.join(stage, 'opt/kt/bin/keytrail'), 'geoip', 'status', '-o', 'json', ok=False)
    check(any(r['path'].endswith('/opt/kt/share/keytrail/ip-country.mmdb') and 'PDDL' in r['licence'] and r['holds'].startswith('country') for r in json.loads(p.stdout)), 'the table of countries is found beside it', p.stdout)
units = [os.path.join(stage, n) for n in there if n.endswith('.service')]
check(all(b'/opt/kt/bin/keytrail' in open(u, 'rb').read() for u in units), 'units start what was installed')
if shutil.which('systemd-analyze'):
    for u in units:  # verify wants to see the program
        with open(u) as f:
            text = f.read()
        with open(u, 'w') as f:
            f.write(text.replace('/opt/kt/bin/', os.path.join(stage, 'opt/kt/bin/')))
    p = run('systemd-analyze', 'verify', '--man=no', *units, ok=False)
    ours = [l for l in (p.stdout + p.stderr).decode().splitlines() if 'keytrail' in l]
    check(p.returncode == 0 and not ours, 'systemd-analyze verify has nothing to say', ours)
    for u in units:
        p = run('systemd-analyze', 'security', '--offline=yes', u, ok=False)
        m = re.search(r'level for [^:]*: ([\d.]+)', p.stdout.decode())
        if 'fanotify' not in u:
            check(m and float(m[1]) <= 2.0, f'systemd-analyze security of {os.path.basename(u)} is 2.0 or less', p.stdout[-200:])
else:
    print('# no systemd-analyze here: left out', flush=True)
p = install('uninstall')
check(p.returncode == 0 and tree() == ['opt/kt/share/man/man1/other.1'], 'uninstall takes its own files, and no others', (p.stderr, tree()))
p = install('install', 'agent')
check(p.returncode == 0 and 'opt/kt/bin/keytrail' not in tree() and 'opt/kt/bin/keytrail-agent' in tree(), 'an agent alone', p.stderr)
p = subprocess.run(['sh', '-n', 'deploy/debian/build.sh'], stderr=subprocess.PIPE)
check(p.returncode == 0, 'the scripts of the package parse', p.stderr)
for s in sorted(os.listdir('deploy/debian')):
    if s.endswith(('inst', 'rm')):
        p = subprocess.run(['sh', '-n', 'deploy/debian/' + s], stderr=subprocess.PIPE)
        check(p.returncode == 0, s, p.stderr)
finish()
