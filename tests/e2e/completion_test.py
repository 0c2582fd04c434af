#!/usr/bin/env python3
"""Completion as people use it: real bash, zsh and fish on a terminal, over a store that strangers wrote names into."""
import fcntl, os, pty, select, shutil, struct, termios, time
from support import *

dir = folder()
db = os.path.join(dir, 'k.db')
env = dict(os.environ, PATH=os.path.dirname(KEYTRAIL) + ':' + os.environ['PATH'], TERM='dumb', HOME=dir, XDG_CONFIG_HOME=dir, LC_ALL='C.UTF-8')


def complete(*words, program=KEYTRAIL):
    p = run(program, '__complete', *words)
    return [l.split('\t')[0] for l in p.stdout.decode().splitlines()], p


def on_terminal(name, argv, lines, cases, timeout=8):
    """Types each case at a shell's prompt, with its Tabs, until what is wanted stands on the screen."""
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(dir)
        os.execvpe(argv[0], argv, env)
    try:
        fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack('HHHH', 50, 200, 0, 0))
        os.write(fd, ('\n'.join(lines) + '\necho rea""dy\n').encode())
        read(fd, b'ready\r', timeout)
        for typed, want in cases:
            os.write(fd, typed.encode())
            seen = read(fd, want, timeout)
            check(want in seen, f'{name}: {typed.strip().replace(dir, "DIR")}', seen)
            os.write(fd, b'\x15\n')
            read(fd, b'\n', 1)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.close(fd)
        os.waitpid(pid, 0)


def read(fd, until, timeout):
    seen = b''
    end = time.monotonic() + timeout
    while time.monotonic() < end and until not in seen:
        if select.select([fd], [], [], 0.1)[0]:
            try:
                seen += os.read(fd, 65536)
            except OSError:
                break
    return seen


# ---- a store: two actors, one of them with a name that a shell would run ----
def record(n, who):
    at = f'2026-11-2{n % 8}T10:00:0{n}Z'
    auth = {'display_name': who, 'entity_id': f'e{n}', 'policies': ['p'], 'token_type': 'service'}
    ask = {'id': f'r{n}', 'operation': 'read', 'path': f'secret/data/app/db{n}', 'mount_type': 'kv', 'remote_address': '198.51.100.7'}
    return '\n'.join(json.dumps(r) for r in ({'type': 'request', 'time': at, 'auth': auth, 'request': ask},
                                             {'type': 'response', 'time': at, 'auth': auth, 'request': ask, 'response': {'mount_type': 'kv'}}))


evil = ['$(touch pwned)', 'a;touch pwned', '`touch pwned`', '--help', "x' y", 'tab\tname', '\u202eevil', 'x' * 3000]
with open(os.path.join(dir, 'audit.log'), 'w') as f:
    f.write('\n'.join(record(i, w) for i, w in enumerate(['alice', 'svc-orders'] + evil)) + '\n')
keytrail('import', '--db', db, '--source', 'vault', '--instance', 'vault-prod', os.path.join(dir, 'audit.log'))

os.mkdir(os.path.join(dir, 'my store'))
shutil.copy(db, os.path.join(dir, 'my store', 'k.db'))

# ---- what the program answers ----
top, p = complete('')
commands = re.findall(r'^  (\w+)', keytrail('--help').stdout.decode().split('example:')[0], re.M)
check(top == commands, 'every command of --help is offered, and nothing else', (top, commands))
for command in commands:
    words, _ = complete(command, '--')
    options = re.findall(r'^  (?:    |-\w, )(--[\w-]+)', keytrail(command, '--help').stdout.decode(), re.M)
    if words != options + ['--help']:
        check(False, f'the options of {command} are those of its --help', (words, options))
check(True, 'the options of each command are those of its --help')
check('show' in complete('alerts', '')[0] and complete('alerts', 'sh')[0] == ['show'], 'verbs')
check(complete('alerts', 'list', '-o', 'nd')[0] == ['ndjson'] and complete('alerts', '--output=nd')[0] == ['--output=ndjson'], 'values of options, in one word or two')
check(complete('rotation', 'watch', '--fol')[0] == ['--follow'], 'options of a verb that has its own')
check(complete('alerts', 'silence', 'r')[0] == ['rm'], 'words behind a verb')
check('failed_attempts' in complete('detect', 'explain', '')[0], 'detectors')
check(complete('verify', '--db', '')[0] == [':file'] and ':folder' in complete('report', 'soc2', '--out', '')[0], 'files and folders are left to the shell')
check(complete('incident', 'done', 'INC-1', 're')[0] == ['revoke'], 'the second word behind a verb')
check(complete('search', '--', '-')[0] == complete('search', '--', 'zzz')[0] == [], 'behind -- there are no options')
names, p = complete('actor', '--db', db, '')
check(sorted(n.split('@')[0] for n in names) == ['alice', 'svc-orders'], 'actors of the store, without names that a shell would read as more', p.stdout)
check(complete('search', '--db', db, 'outcome:')[0] == ['outcome:'] and complete('search', '--db', db, 'x', '')[0] == [], '[options] is no word that is typed')
check(complete('secret', '--db', db, 'vault://vault-prod/-/secret/app/db1')[0] == ['vault://vault-prod/-/secret/app/db1'], 'secrets of the store')
for argv in (['nonsense', ''], ['alerts', 'show', '--db', dir + '/none.db', ''], ['alerts', 'show', '-c', dir, ''], ['actor', '--db', os.path.join(dir, 'audit.log'), ''],
             ['alerts', '--nonsense', 'show', ''], ['', '', ''], ['x' * 5000], ['alerts'] + ['x'] * 500, []):
    words, p = complete(*argv)
    check(p.returncode == 0 and p.stderr == b'', f'never fails: {" ".join(argv)[:60]}', p.stderr)
check(complete('source', 'add', 'vau', program=AGENT)[0] == ['vault'], 'keytrail-agent completes too')

# ---- shells ----
on_terminal('bash', ['bash', '--norc', '--noprofile', '-i'], ['source <(keytrail completion bash)', 'source <(keytrail-agent completion bash)'],
            [('keytrail alerts expl\t', b'explain '), ('keytrail verify --checkpo\t', b'--checkpoint '), ('keytrail search --output=nd\t', b'--output=ndjson'),
             (f'keytrail secret --db {db} vault://vault-prod/-/secret/app/d\t\t\t', b'/db9'), ('keytrail-agent sou\t', b'source '), ('keytrail verify --db audit.l\t', b'audit.log '),
             (f'keytrail actor --db {db} al\t', b'alice'), ('keytrail actor --db ~/k.db al\t', b'alice'), ('keytrail actor --db my\\ store/k.db al\t', b'alice'), ('keytrail verify --db=my\t', b'my\\ store/'), (f'keytrail actor --db {db} \t\t\t', b'svc-orders')])
if shutil.which('zsh'):
    on_terminal('zsh', ['zsh', '-f', '-i'], ['autoload -Uz compinit; compinit -u -D', 'source <(keytrail completion zsh)', 'source <(keytrail-agent completion zsh)'],
                [('keytrail alerts expl\t', b'ain '), ('keytrail detect explain \t', b'failed_attempts'), ('keytrail search --output=nd\t', b'json'),
                 ('keytrail verify --db audit.l\t', b'og '), ('keytrail verify --db=audit.l\t', b'og '), ('keytrail actor --db ~/k.db al\t', b'ice@'), ("keytrail actor --db 'my store/k.db' al\t", b'ice@')])
else:
    print('# no zsh here: left out', flush=True)
if shutil.which('fish'):
    for typed, want in (('keytrail alerts expl', ['explain']), ('keytrail rotation watch --fol', ['--follow']), ('keytrail search -o nd', ['ndjson']), ('keytrail verify --db audit.l', ['audit.log']), ('keytrail actor --db ~/k.db al', ['alice@vault-prod']),
                        ('./keytrail ver', [])):
        p = subprocess.run(['fish', '--no-config', '-c', f'keytrail completion fish | source; complete -C "{typed}"'], cwd=dir, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
        check([l.split('\t')[0] for l in p.stdout.decode().splitlines()] == want and p.stderr == b'', f'fish: {typed}', (p.stdout, p.stderr))
else:
    print('# no fish here: left out', flush=True)
check(not os.path.exists(os.path.join(dir, 'pwned')), 'nothing that a name says was run')
finish()
