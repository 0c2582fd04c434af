#!/usr/bin/env python3
"""The whole run of detect_kills_test: 40 kills."""
import os, sys
os.environ.update(KT_KILLS='40')
os.execv(sys.executable, [sys.executable, os.path.join(os.path.dirname(__file__), 'detect_kills_test.py'), *sys.argv[1:]])
