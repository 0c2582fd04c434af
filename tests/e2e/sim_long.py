#!/usr/bin/env python3
"""2,000 worlds that nobody has seen: seeds from the clock."""
import os, sys, time
os.environ.setdefault('SEED', str(int(time.time())))
os.environ.setdefault('KT_SIM_SEEDS', '2000')
os.execv(sys.executable, [sys.executable, os.path.join(os.path.dirname(__file__), 'sim_test.py'), *sys.argv[1:]])
