#!/usr/bin/env python3
"""Runs every fuzz target for --seconds each; a crash leaves its input beside the target and fails the run."""
import argparse, glob, os, subprocess, sys
a = argparse.ArgumentParser()
a.add_argument('--build', default='build/fuzzing')
a.add_argument('--seconds', type=int, default=30)
o = a.parse_args()
bad = 0
targets = sorted(t for t in glob.glob(os.path.join(o.build, 'fuzz', '*')) if os.access(t, os.X_OK) and os.path.isfile(t) and not t.endswith('.d'))
for t in targets:
    name = os.path.basename(t)
    corpus = os.path.join(o.build, 'corpus', name)
    os.makedirs(corpus, exist_ok=True)
    seeds = [d for d in [os.path.join('tests/fuzz/seeds', name + '_fuzz')] if os.path.isdir(d)]
    p = subprocess.run([t, f'-max_total_time={o.seconds}', '-rss_limit_mb=2048', '-timeout=10', '-print_final_stats=1', '-verbosity=0',
                        f'-artifact_prefix={o.build}/{name}-', corpus, *seeds], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    text = p.stdout.decode(errors='replace')
    runs = next((l.split()[-1] for l in text.splitlines() if 'number_of_executed_units' in l), '?')
    print(f'{"ok" if p.returncode == 0 else "not ok"} - fuzz {name}: {runs} inputs in {o.seconds} s', flush=True)
    if p.returncode != 0:
        bad += 1
        print('\n'.join(text.splitlines()[-40:]))
print(f'{len(targets) - bad} passed, {bad} failed')
sys.exit(1 if bad or not targets else 0)
