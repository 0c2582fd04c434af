#!/usr/bin/env python3
"""The whole run of streams_test: 100,000 records, each peer and the collector killed 10 times."""
import os, sys
os.environ.update(KT_KILLS='10', KT_RECORDS='100000')
os.execv(sys.executable, [sys.executable, os.path.join(os.path.dirname(__file__), 'streams_test.py'), *sys.argv[1:]])
