#!/usr/bin/env python3
"""Detection over ten organisations of 90 days that nobody has seen: seeds from the clock."""
import os, re, sys, time
from support import *

first = int(os.environ.get('SEED', str(int(time.time()))))
p = run(os.path.join(ARGS.build, 'tests/sim/org_sim'), '--seeds', f'{first}-{first + 9}', '--days', '90', '-v', ok=False, timeout=3000)
text = p.stdout.decode()


def figure(name):
    """The number behind a row's name, and behind its aim where it has one."""
    return float(re.search(rf'^{name} +(?:[<>]= [0-9.]+ +)?([0-9.]+)', text, re.M)[1])


check(p.returncode == 0, f'ten worlds from seed {first} are measured', p.stderr.decode())
check(figure('recall') >= 0.93, 'recall', text)
check(figure('false alerts a day') <= 0.4, 'false alerts a day', text)
check(figure('alerts an incident') <= 2.5, 'alerts an incident', text)
print(text)
finish()
