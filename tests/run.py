#!/usr/bin/env python3
"""Runs every test and closes with one line: N passed, N failed.

unit   cmocka programs, built with AddressSanitizer and UBSan
e2e    tests/e2e/*_test.py, real processes; each prints TAP ("ok 1 - name", "not ok 2 - name")
Long runs (names ending in _long.py) only with --long.
"""
import argparse, concurrent.futures, glob, os, re, subprocess, sys, tempfile, time

# Whoever speaks to the world outside is tried with the sanitizers; the others measure, or are slow enough without.
SANITIZED = {'dashboard_test', 'digests_test', 'listen_test', 'lookup_test', 'poll_test', 's3_test', 'socket_test', 'sqs_test', 'syslog_test'}
# Those that measure time come at the end, one after the other: some with the page in its browser beside them; and those that count
# milliseconds with nothing but the demo, which waits for most of its minute.
LAST = [({'af_unix_test', 'fanotify_test', 'kills_test', 'stdin_test', 'webhook_test'}, {'page_test'}),
        ({'listen_test', 'routes_test', 'socket_test', 'syslog_test'}, {'demo_test'})]
# The longest begin, so that no core waits for one of them at the end.
FIRST = ['detectors_cases_test', 'store_fault_test', 'sim_test', 'store_totals_test', 'store_backup_test', 'collector_pager_test', 'collector_state_test',
         'query_plan_test', 'store_changes_test', 'collector_decide_test', 'collector_decide_expected_test', 'store_together_test', 'disk_test', 'syscalls_test']
TAP = re.compile(r'^(not ok|ok)\b[ 0-9-]*(.*)$')


def run(kind, name, argv, timeout, env):
    start = time.monotonic()
    try:
        p = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout, env=env)
        out, code = p.stdout.decode(errors='replace'), p.returncode
    except subprocess.TimeoutExpired as e:
        out, code = (e.stdout or b'').decode(errors='replace') + f'\ntimeout after {timeout} s', 124
    passed, failed = 0, []
    for line in out.splitlines():
        m = TAP.match(line)
        if m and m[1] == 'ok':
            passed += 1
        elif m:
            failed.append(m[2].strip())
    if code != 0 and not failed:
        said = [l.strip() for l in out.splitlines() if l.strip()]
        failed.append(f'exit code {code}: {said[-1][:300] if said else "it said nothing"}')
    if code == 0 and passed == 0:
        failed.append('ran no test')
    return kind, name, passed, failed, out, time.monotonic() - start


def folder_of_units():
    """Units make thousands of small stores and drop them: in memory, where that has room. How a disk takes it is shown by the real processes."""
    shm = '/dev/shm'
    room = os.statvfs(shm) if os.access(shm, os.W_OK) else None
    return tempfile.TemporaryDirectory(prefix='keytrail-', dir=shm if room and room.f_bavail * room.f_frsize >= 2 << 30 else None)


def main():
    a = argparse.ArgumentParser()
    a.add_argument('--build', default='build')
    a.add_argument('--san', default='build/san')
    a.add_argument('--long', action='store_true')
    a.add_argument('--only', choices=['unit', 'e2e'])
    a.add_argument('names', nargs='*')
    o = a.parse_args()
    env = dict(os.environ, CMOCKA_MESSAGE_OUTPUT='TAP', KT_BUILD=os.path.abspath(o.build),
               UBSAN_OPTIONS='print_stacktrace=1:halt_on_error=1',
               ASAN_OPTIONS='detect_leaks=1:abort_on_error=0:allocator_may_return_null=1')
    if o.long:  # what the default run tries a part of
        for name, value in {'KT_FAULT_SEEDS': '2000', 'KT_KEEP_SEEDS': '2000', 'KT_MUTATIONS': '3000', 'KT_QUERIES': '30000', 'KT_KILLS': '40', 'KT_HANG': '1'}.items():
            env.setdefault(name, value)
    of_units = folder_of_units()
    env_of = {'unit': dict(env, TMPDIR=of_units.name), 'e2e': env}
    jobs = []
    if o.only != 'e2e':
        for src in sorted(glob.glob('tests/unit/*_test.c')):
            name = os.path.basename(src)[:-2]
            jobs.append(('unit', name, [os.path.join(o.san, 'tests/unit', name)], 7200 if o.long else 600))
    serial = []
    if o.only != 'unit':
        for src in sorted(glob.glob('tests/e2e/*_test.py')) + (sorted(glob.glob('tests/e2e/*_long.py')) if o.long else []):
            name = os.path.basename(src)[:-3]
            serial.append(('e2e', name, [sys.executable, src, '--build', o.san if name in SANITIZED else o.build], 3600 if o.long else 420))
    if o.names:
        jobs = [j for j in jobs if any(n in j[1] for n in o.names)]
        serial = [j for j in serial if any(n in j[1] for n in o.names)]
    total, bad = 0, []

    def report(r):
        nonlocal total
        kind, name, passed, failed, out, took = r
        total += passed
        print(f'{kind:5} {name:40} {passed:4} passed {len(failed):3} failed {took:7.1f} s', flush=True)
        if failed:
            bad.extend(f'{name}: {f}' for f in failed)
            print('\n'.join('    ' + l for l in out.splitlines()[-60:]), flush=True)

    for some in (jobs, serial):
        some.sort(key=lambda j: FIRST.index(j[1]) if j[1] in FIRST else len(FIRST))  # stable
    last = [[([j for j in serial if j[1] in names], 1) for names in both] for both in LAST]
    if o.long:
        last = [[(serial, 1)]]
    late = [j for lanes in last for some, _ in lanes for j in some]
    # Lanes, each with so many at a time. Units keep both cores busy, real processes wait most of their time.
    for lanes in [[(jobs, 2), ([j for j in serial if j not in late], 2)], *last]:
        pools = [concurrent.futures.ThreadPoolExecutor(n) for _, n in lanes]
        started = [pool.submit(run, *j, env_of[j[0]]) for pool, (some, _) in zip(pools, lanes) for j in some]
        for done in concurrent.futures.as_completed(started):
            report(done.result())
    for b in bad:
        print('FAILED', b)
    print(f'{total} passed, {len(bad)} failed')
    return 1 if bad or total == 0 else 0


sys.exit(main())
