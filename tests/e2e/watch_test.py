#!/usr/bin/env python3
"""`keytrail-agent watch init` writes audit rules for files and folders, to stdout or to a file that is not there yet."""
from support import *

d = folder()
env, rules = os.path.join(d, '.env'), os.path.join(d, 'keytrail.rules')
p = run(AGENT, 'watch', 'init', env, d)
lines = [l for l in p.stdout.decode().splitlines() if not l.startswith('#')]
check(all(l.startswith('-a always,exit -F arch=b') and ' -F perm=rwa -F key=keytrail_' in l for l in lines), 'each line is a rule with a key of ours', lines)
for bits in (64, 32):
    check(f'-a always,exit -F arch=b{bits} -F path={env} -F perm=rwa -F key=keytrail_env' in lines, f'a file that is not there yet, {bits} bits', lines)
    check(f'-a always,exit -F arch=b{bits} -F dir={d} -F perm=rwa -F key=keytrail_dir' in lines, f'a folder, {bits} bits', lines)
q = run(AGENT, 'watch', 'init', '--out', rules, env, d)
check(q.stdout == b'' and open(rules, 'rb').read() == p.stdout and os.stat(rules).st_mode & 0o777 == 0o640, 'the same in a file', q.stderr.decode())
q = run(AGENT, 'watch', 'init', '--out', rules, ok=False)
check(q.returncode == 3 and 'is there already' in q.stderr.decode(), 'a file that is there is left alone', q.stderr.decode())
for bad, says in (('srv/.env', 'whole path'), ('/srv/my app/.env', 'no blanks'), ('/srv/*', 'no wildcards'), ('/srv/', "'/' at the end"), ('/a\n-D', 'no blanks')):
    q = run(AGENT, 'watch', 'init', bad, ok=False)
    check(q.returncode == 2 and says in q.stderr.decode() and q.stdout == b'', f'refused: {bad!r}', q.stderr.decode())
check(run(AGENT, 'watch', ok=False).returncode == 2, 'watch alone is no command')
finish()
