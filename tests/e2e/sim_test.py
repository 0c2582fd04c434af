#!/usr/bin/env python3
"""Simulated worlds: the rules hold for every seed (KT_SIM_SEEDS of them)."""
import os
from support import *

count = os.environ.get('KT_SIM_SEEDS', '60')
p = run(os.path.join(ARGS.build, 'tests/sim/sim'), '--seed', str(SEED), '--count', count, ok=False, timeout=3000)
check(p.returncode == 0, f'{count} worlds from seed {SEED} hold every rule', p.stdout.decode() + p.stderr.decode())
finish()
