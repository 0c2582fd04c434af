#!/usr/bin/env python3
"""The whole run of kills_test: 200,000 records, 40 kills each."""
import os, sys
os.environ.setdefault('KT_KILLS', '40')
os.environ.setdefault('KT_RECORDS', '200000')
os.execv(sys.executable, [sys.executable, os.path.join(os.path.dirname(__file__), 'kills_test.py'), *sys.argv[1:]])
