#!/usr/bin/env python3
"""The manual: a page for every command with every option, which mandoc and groff take without a word."""
import shutil
from support import *

out = folder()
MANUAL = os.path.join(os.path.dirname(KEYTRAIL), 'keytrail-manual')
p = run(MANUAL, out, 'docs', '2026-11-22')
pages = sorted(os.listdir(out))
check(p.stdout.decode().startswith(f'{len(pages)} pages') and len(pages) > 50, 'the pages are written', p.stdout)
commands = re.findall(r'^  (\w+)', keytrail('--help').stdout.decode().split('example:')[0], re.M)
page = {c: f'keytrail-{c}.1' for c in commands} | {'agent': 'keytrail-agents.1'}  # keytrail-agent(1) is the program's
wanted = list(page.values()) + ['keytrail.1', 'keytrail-agent.1', 'keytrail-agent-source.1', 'keytrail.yaml.5', 'keytrail-agent.yaml.5', 'keytrail-query.7', 'keytrail-events.7']
check(set(wanted) <= set(pages), 'one for each command, the configurations, the query language and events', set(wanted) - set(pages))


def text(name):
    return open(os.path.join(out, name), encoding='utf-8').read()


missing = [f'{c}: {o}' for c in commands for o in re.findall(r'^  (?:    |-\w, )(--[\w-]+)', keytrail(c, '--help').stdout.decode(), re.M)
           if o.replace('-', '\\-') not in text(page[c])]
check(not missing, 'every option of --help is on its page', missing)
check(all(keytrail('help', *w).stdout == keytrail(*w, '--help').stdout for w in ((), ('search',), ('alerts', 'link'))) and
      run(AGENT, 'help', 'source').stdout == run(AGENT, 'source', '--help').stdout, 'help COMMAND is its --help')
check(keytrail('help', 'search', '--db').stdout == keytrail('search', '--help').stdout and keytrail('help', 'help').stdout == keytrail('--help').stdout,
      'help never runs a command, whatever stands behind it')
p = keytrail('serach', '--since', '1d', ok=False)
check(p.returncode == 2 and b"unknown command 'serach', did you mean search?" in p.stderr, 'a mistyped command is named, whatever options follow', p.stderr)
for argv in ((KEYTRAIL, 'version', 'x'), (KEYTRAIL, 'demo', 'x'), (AGENT, 'keygen', '--out', out + '/k.key', 'x'), (AGENT, 'status', 'x'), (KEYTRAIL, 'report', 'keygen')):
    p = run(*argv, ok=False, timeout=20)
    check(p.returncode == 2 and p.stderr.startswith(b'usage: ') and not p.stdout, f'{" ".join(argv[1:2])}: words that it does not take', (argv, p.stdout, p.stderr))
missing = [f'{n}: {s}' for n in pages for s in ('EXIT STATUS', 'FILES', 'EXAMPLES', 'SEE ALSO') if f'.SH {s}\n' not in text(n)]
check(not missing, 'each page says exit status, files, examples', missing)
check(all(w in text('keytrail-events.7') for w in ('not_found', 'ai_agent', 'quarantine')), 'events(7) has the words of each field')
open(out + '/empty.yaml', 'w').close()
keys = re.findall(r'^ *(\w+):', keytrail('config', 'show', '--defaults', '-c', out + '/empty.yaml').stdout.decode(), re.M)
missing = [k for k in keys if k not in text('keytrail.yaml.5')]
check(keys and not missing, 'every key that config show prints is in keytrail.yaml(5)', missing)
os.unlink(out + '/empty.yaml')

again = folder()
run(MANUAL, again, 'docs', '2026-11-22')
check(all(open(os.path.join(again, n), 'rb').read() == open(os.path.join(out, n), 'rb').read() for n in pages), 'two runs give the same bytes')
if shutil.which('mandoc'):
    p = run('mandoc', '-Tlint', *[os.path.join(out, n) for n in pages], ok=False)
    check(p.returncode == 0 and not p.stdout + p.stderr, 'mandoc -Tlint has nothing to say', (p.stdout + p.stderr).decode())
else:
    print('# no mandoc here: left out', flush=True)
if shutil.which('man'):
    p = subprocess.run(['man', '--warnings=w', '-l', *[os.path.join(out, n) for n in pages]], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120,
                       env=dict(os.environ, LC_ALL='C.UTF-8', MANWIDTH='80', PAGER='cat', MANPAGER='cat'))
    check(p.returncode == 0 and not p.stderr and b'keytrail alerts tune' in p.stdout, 'man -l shows them without a warning', p.stderr)
else:
    print('# no man here: left out', flush=True)
p = run(MANUAL, out, out, '2026-11-22', ok=False)
check(p.returncode == 1 and b'query.md' in p.stderr, 'a missing document is named', p.stderr)
finish()
