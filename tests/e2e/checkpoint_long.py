#!/usr/bin/env python3
"""The whole run of checkpoint_test: 40 kills."""
import os, sys
os.environ.update(KT_KILLS='40')
os.execv(sys.executable, [sys.executable, os.path.join(os.path.dirname(__file__), 'checkpoint_test.py'), *sys.argv[1:]])
