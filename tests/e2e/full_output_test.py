#!/usr/bin/env python3
"""A command whose answer cannot be written says so and is no success: an export to a full disk is no evidence. What makes several files leaves none of
them when one does not fit, so that the same command works once there is room (docs/operations.md: exit codes)."""
import random, time
from support import *

rng = random.Random(SEED)
h = House()
audit = VaultLog(h.path('audit.log'), rng)
audit.write(300)
keytrail('import', '--db', h.db, '--source', 'vault', '--instance', 'vault-prod', audit.path)


def full(*argv):
    with open('/dev/full', 'wb') as out:
        return subprocess.run(argv, stdout=out, stderr=subprocess.PIPE, timeout=60)


for argv in (('search', '-o', 'csv'), ('search', '--by', 'actor'), ('who', 'app/db', '--since', '1h'), ('status',), ('verify',), ('sql', 'SELECT * FROM events'), ('store', 'stats')):
    p = full(KEYTRAIL, *argv, '--db', h.db)
    check(p.returncode == 4 and b'keytrail: what it printed is not whole: standard output: ' in p.stderr, f'{argv[0]} into a full disk: exit 4, and it says so', p)
p = full(AGENT, 'help')
check(p.returncode == 4 and b'keytrail-agent: what it printed is not whole' in p.stderr, 'the agent too', p)
p = keytrail('search', '--by', 'actor', '--since', '1h', '--db', h.db)
check(p.stderr == b'', 'and nothing is said of an answer that is whole', p)
p = subprocess.run([KEYTRAIL, 'search', '--explain', '--db', h.db], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
check(len(p.stdout) > 8192 and p.stdout.splitlines()[-1].startswith(b'opened '), 'what is said of an answer stands behind it where both go into one file', p)
for argv, words in ((('hold', 'list'), b'nothing is held'), (('stream', 'list'), b'no stream has run yet')):
    p = keytrail(*argv, '--db', h.db)
    check(words in p.stderr and p.stdout == b'' and keytrail(*argv, '--db', h.db, '-o', 'json').stderr == b'', f'{" ".join(argv)} says that there is none', p)

# A file that cannot be written: a folder is in its way.
os.makedirs(h.path('etc/agent.yaml.tmp'))
os.symlink('nowhere', h.path('etc/agent.yaml'))  # no file yet, and none of this run
p = keytrail('init', h.path('etc'), ok=False)
left = [f for _, _, files in os.walk(h.path('etc')) for f in files]
check(p.returncode != 0 and b'removed again' in p.stdout and left == ['agent.yaml'], 'half an installation is not left behind, and nobody else is robbed', (p, left))
os.unlink(h.path('etc/agent.yaml'))
os.rmdir(h.path('etc/agent.yaml.tmp'))
check(keytrail('init', h.path('etc'), ok=False).returncode == 0, 'nor in the way of the next')
os.mkdir(h.path('dir'))
os.mkdir(h.path('dir/r.key.pub.tmp'))  # the public half cannot be written
p = keytrail('report', 'keygen', h.path('dir/r.key'), ok=False)
check(p.returncode != 0 and not os.path.exists(h.path('dir/r.key')), 'half a pair of keys is not left behind', p)
os.rmdir(h.path('dir/r.key.pub.tmp'))
check(keytrail('report', 'keygen', h.path('dir/r.key'), ok=False).returncode == 0, 'nor in the way')
finish()
