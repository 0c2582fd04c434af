#!/usr/bin/env python3
"""Whoever may write where a log lies can put a pipe, a device or a folder in its place: it is said, what was read before is kept, and the file that comes
after it is read whole. A device without an end, /dev/zero, kept the agent reading for ever, and it told of no access any more."""
import random, time
from support import *

rng = random.Random(SEED)
h = House()
audit, objects = VaultLog(h.path('audit.log'), rng), h.path('objects')
os.mkdir(objects)
os.symlink('/dev/zero', os.path.join(objects, 'a.json'))
h.start_collector()
h.allow('a', h.new_key('a'))
h.agent_config('a', [f'{{ id: vault-prod, type: vault, input: tail, path: {audit.path} }}', f'{{ id: aws, type: cloudtrail, input: files, path: {objects} }}'])
audit.write(20)
agent = h.start_agent('a')
check(wait_for(lambda: h.count('instance:vault-prod') == 20), 'the log is read', h.log('a.log'))


def status():
    return run(AGENT, 'status', '-c', h.path('a.yaml'), ok=False).stdout.decode()


for name, put, take in (('/dev/zero', lambda p: os.symlink('/dev/zero', p), os.unlink), ('a pipe', os.mkfifo, os.unlink), ('a folder', os.mkdir, os.rmdir)):
    os.rename(audit.path, f'{audit.path}.{audit.n}')
    audit_path, audit.path = audit.path, f'{audit.path}.{audit.n}'
    audit.write(5)  # by a writer that has it open
    audit.path = audit_path
    put(audit.path)
    check(wait_for(lambda: 'is there, which is not read' in status()), f'{name} in its place is said', status())
    take(audit.path)
    audit.write(20)
    check(wait_for(lambda: h.count('instance:vault-prod') == audit.n), 'and what was before and after it is read', f'{h.count("instance:vault-prod")} of {audit.n}\n{status()}')
write_object(os.path.join(objects, 'b.json.gz'), [cloudtrail(rng, time.time()) for _ in range(7)])
check(wait_for(lambda: h.count('instance:aws') == 7, 60), 'a device among objects costs only itself', status())
check("a.json': a pipe or a device, which is not read" in status(), 'and is said', status())
check(stop(agent) == 0, 'the agent ends cleanly', h.log('a.log')[-1500:])
check(stop(h.collector) == 0, 'so does the collector', h.log('collector.log')[-1500:])
finish()
