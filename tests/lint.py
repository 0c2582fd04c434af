#!/usr/bin/env python3
"""make lint: layers by #include, foreign headers in one place, purity of plugins by nm -u, complete plugins,
clang-format, warnings of clang, cppcheck, banned functions, files that lie where none belongs. Each finding is one line:
path:line: what."""
import argparse, glob, os, re, shutil, subprocess, sys

LAYERS = [  # an include only goes down; siblings (same number) never include each other, their own folder aside
    (0, 'core/base/'), (1, 'core/sys/'), (1, 'core/event/'), (2, 'core/config/'), (2, 'core/wire/'), (2, 'core/proof/'), (3, 'core/store/'),
    (4, 'core/query/'), (4.5, 'core/answer/'), (5, 'agents/sources/'), (5, 'agents/inputs/'), (5, 'detectors/'), (5, 'exporters/'),
    (6, 'agents/'), (6, 'collector/'), (6, 'dashboards/'), (7, 'cli/'), (8, 'tests/')]
# The interface that an engine gives its plugins is a header of the plugin level, wherever it lies.
PLUGIN_HEADERS = {'agents/source.h', 'agents/poll.h', 'agents/input.h', 'agents/pipeline.h'}
FOREIGN = {'sqlite3.h': ['core/store/', 'tests/'], 'zmq.h': ['core/sys/'], 'curl/curl.h': ['core/sys/'], 'maxminddb.h': ['core/sys/'], 'postgresql/': ['core/sys/'],
           'libfyaml.h': ['core/config/'], 'simdjson.h': ['core/event/'], 'microhttpd.h': ['dashboards/server/', 'agents/inputs/'],
           'jansson.h': ['core/event/', 'core/config/', 'exporters/', 'dashboards/server/', 'tests/'],
           'sodium.h': ['core/base/'], 're2/': ['core/base/'], 'openssl/': ['core/base/'], 'zstd.h': ['core/base/'], 'zlib.h': ['core/base/']}
BANNED = re.compile(r'\b(strcpy|strcat|sprintf|vsprintf|strtok|atoi|atol|sscanf|gmtime|localtime|rand|gets|system|popen|alloca)\s*\(')
PURE = ['agents/sources/', 'detectors/', 'exporters/alerts/', 'exporters/streams/', 'exporters/reports/']
# What a tool leaves behind is soon committed by mistake: the top of the tree holds these alone, bytes that are no text lie in these folders alone.
TOP = {'.clang-format', '.gitignore', 'ARCHITECTURE.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'LICENSE', 'Makefile', 'README.md', 'SECURITY.md'}
BINARY = ('dashboards/', 'docs/images/', 'tests/cases/', 'tests/fuzz/seeds/')
findings = []


def find(path, line, what):
    findings.append(f'{path}:{line}: {what}')


def layer(path):
    if path in PLUGIN_HEADERS:
        return 5, 'plugin interface'
    for n, prefix in LAYERS:
        if path.startswith(prefix):
            return n, prefix
    return None


def files(*patterns):
    out = subprocess.run(['git', 'ls-files', '-z', '-co', '--exclude-standard', *patterns], stdout=subprocess.PIPE, text=True, check=True)
    return [f for f in out.stdout.split('\0') if os.path.exists(f)]


def leftovers():
    for f in filter(os.path.isfile, files()):
        if '/' not in f and f not in TOP:
            find(f, 1, 'no file of the top of the tree: move it, delete it, or name it in TOP of tests/lint.py')
        elif not f.startswith(BINARY) and b'\0' in open(f, 'rb').read():
            find(f, 1, f'not text: binary files lie below {", ".join(BINARY)} alone')


def includes():
    for f in files('*.c', '*.h', '*.cpp'):
        mine = layer(f)
        if mine is None:
            find(f, 1, 'lies in no layer')
            continue
        for i, text in enumerate(open(f, encoding='utf-8'), 1):
            code = text.split('//')[0]
            m = re.match(r'\s*#\s*include\s+"([^"]+)"', code)
            if m:
                theirs = layer(m[1])
                if theirs is None:
                    find(f, i, f'"{m[1]}": include by path from the root')
                elif theirs[0] > mine[0] or (theirs[0] == mine[0] and theirs[1] != mine[1] and 'plugin interface' not in (theirs[1], mine[1])):
                    find(f, i, f'{mine[1]} may not include {m[1]}: an include only goes down')
            m = re.match(r'\s*#\s*include\s+<([^>]+)>', code)
            if m:
                for h, places in FOREIGN.items():
                    if m[1].startswith(h) and not any(f.startswith(p) for p in places):
                        find(f, i, f'<{m[1]}> belongs to {", ".join(places)} alone')
            if BANNED.search(re.sub(r'"(\\.|[^"\\])*"', '""', code)) and not code.lstrip().startswith(('*', '/*')):
                find(f, i, 'banned function; each has a kt_ answer')
            if re.search(r'\b(TODO|FIXME|XXX)\b', text):
                find(f, i, 'no TODO without an issue')


def purity(build):
    allowed = {l.strip() for l in open('tests/purity.allow', encoding='utf-8') if l.strip() and not l.startswith('#')}
    for p in PURE:
        for o in sorted(glob.glob(os.path.join(build, p, '*.o'))):
            out = subprocess.run(['nm', '-u', o], stdout=subprocess.PIPE, text=True, check=True).stdout
            for sym in (l.split()[-1] for l in out.splitlines()):
                if not sym.startswith('kt_') and sym not in allowed:
                    find(o[len(build) + 1:], 1, f'a plugin may not call {sym} (tests/purity.allow)')


def plugins():
    kinds = [('agents/sources', 'sources', 'agents/sources/registry.c'), ('detectors', 'detectors', 'detectors/registry.c'),
             ('exporters/alerts', 'targets', 'exporters/alerts/registry.c'),
             ('exporters/streams', 'streams', 'exporters/streams/registry.c'), ('exporters/reports', None, 'exporters/reports/registry.c'),
             ('agents/inputs', None, 'agents/inputs/registry.c')]
    for folder, cases, registry in kinds:
        if not os.path.exists(registry):
            find(registry, 1, 'no registry')
            continue
        names = re.findall(r'\bX\((\w+)\)', open(registry, encoding='utf-8').read())
        if not names:
            find(registry, 1, 'no plugin in the registry')
        for n in names:
            for need in [f'{folder}/{n}.c', f'{folder}/{n}.md'] + ([f'tests/cases/{cases}/{n}'] if cases else []):
                if not os.path.exists(need):
                    find(registry, 1, f'plugin {n} is not complete: {need} is missing')
            page, code = f'{folder}/{n}.md', f'{folder}/{n}.c'
            if os.path.exists(page) and os.path.exists(code):
                text = open(page, encoding='utf-8').read()
                for opt in re.findall(r'\{\s*"(\w+)",\s*KT_OPT_', open(code, encoding='utf-8').read()):
                    if opt not in text:
                        find(page, 1, f'option {opt} is not on the page')


def command(what, argv, pattern=None):
    p = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if p.returncode != 0:
        for l in p.stdout.splitlines():
            if pattern is None or re.search(pattern, l):
                findings.append(f'{what}: {l}')
        findings.append(f'{what}: exit code {p.returncode}')


def main():
    a = argparse.ArgumentParser()
    a.add_argument('--build', default='build')
    o = a.parse_args()
    leftovers()
    includes()
    purity(o.build)
    plugins()
    sources = files('*.c')
    command('clang-format', ['clang-format', '--dry-run', '-Werror', *files('*.c', '*.h', '*.cpp')])
    warn = ['-Wall', '-Wextra', '-Wpedantic', '-Wconversion', '-Wshadow', '-Wvla', '-Wformat=2', '-Wstrict-prototypes', '-Wmissing-prototypes',
            '-Wwrite-strings', '-Wcast-qual', '-Wundef', '-Wimplicit-fallthrough', '-Werror', '-Wno-gnu-statement-expression']
    fuzz = [s for s in sources if s.startswith('tests/fuzz/')]
    if shutil.which('npm') and os.path.exists('dashboards/web/node_modules/typescript'):
        command('tsc', ['npm', '--prefix', 'dashboards/web', 'run', '--silent', 'lint'])
    for part, extra in ((sorted(set(sources) - set(fuzz)), []), (fuzz, ['-Wno-missing-prototypes'])):
        if part:
            command('clang', ['clang', '-std=c17', '-I.', '-D_GNU_SOURCE', '-DKT_VERSION="lint"', '-fsyntax-only', *warn, *extra, *part])
    command('cppcheck', ['cppcheck', '--std=c11', '--quiet', '--error-exitcode=1', '--inline-suppr', '--enable=warning,portability', '-j', '2',
                         '--suppress=missingIncludeSystem', '--suppress=normalCheckLevelMaxBranches', '--suppressions-list=tests/cppcheck.suppress',
                         '-I.', '-D_GNU_SOURCE', '-DKT_VERSION="lint"', *[s for s in sources if not s.startswith('tests/')]])
    for f in findings:
        print(f)
    print(f'lint: {len(findings)} findings')
    return 1 if findings else 0


sys.exit(main())
