#!/usr/bin/env python3
"""A real Alertmanager takes what we send: an alert shows, gets worse, and ends; and one that the collector raises shows there."""
import calendar, json, re, urllib.request
from support import *

here = os.path.dirname(os.path.abspath(__file__))
program = shutil.which('prometheus-alertmanager') or os.path.join(here, '../../build/peers/usr/bin/prometheus-alertmanager')
if not check(os.path.exists(program), 'Alertmanager is there', 'sh deploy/deps.sh peers'):
    finish()
rng = random.Random(SEED)
h = House()
h.write('am.yml', 'route: { receiver: none }\nreceivers: [ { name: none } ]\n')
port = free_port()
api = f'http://127.0.0.1:{port}/api/v2/alerts'
# It wants its templates at a place of the machine; where it is only unpacked, a copy of it looks in its own folder.
place = '/usr/share/prometheus/alertmanager'
if not os.path.exists(place):
    shutil.copytree(os.path.join(here, '../../build/peers' + place), h.dir, dirs_exist_ok=True)
    with open(program, 'rb') as f:
        data = f.read().replace(place.encode(), ('./' * (len(place) // 2)).encode())
    program_here = h.path('alertmanager')
    with open(program_here, 'wb') as f:
        f.write(data)
    os.chmod(program_here, 0o700)
else:
    program_here = program
os.chdir(h.dir)
am = start([program_here, '--config.file', h.path('am.yml'), '--storage.path', h.path('am'), '--web.listen-address', f'127.0.0.1:{port}', '--cluster.listen-address='], h.path('am.log'))


def active():
    try:
        return {(a['labels']['alert_id'], a['labels']['severity'], a['labels']['alertname']) for a in json.load(urllib.request.urlopen(api + '?active=true', timeout=2))}
    except OSError:
        return None


if not check(wait_for(lambda: active() is not None, 20), 'it listens', h.log('am.log')):
    finish()


def say(case):
    """Posts a golden body, moved to now."""
    body = re.search(r'\nbody\n(.*?)\nend\n', open(os.path.join(here, f'../cases/targets/alertmanager/{case}.case')).read(), re.S)[1]
    shift = time.time() - calendar.timegm(time.strptime('2026-11-22T20:00:07', '%Y-%m-%dT%H:%M:%S'))
    moved = re.sub(r'"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.\d{3}Z"', lambda m: '"' + iso(calendar.timegm(time.strptime(m[1], '%Y-%m-%dT%H:%M:%S')) + shift, 3) + '"', body)
    r = urllib.request.Request(api, moved.encode(), {'Content-Type': 'application/json'})
    return urllib.request.urlopen(r, timeout=5).status


ID = '3NJ1RZ8VZ2G4K0YQ5T7W9XABCD'
high, medium = (ID, 'high', 'KeytrailUnexpectedIp'), (ID, 'medium', 'KeytrailVolumeSpike')
check(say('opened') == 200 and active() == {high}, 'an alert shows', active())
check(say('resend') == 200 and active() == {high}, 'sent again it is the same one', active())
check(say('resolve') == 200 and wait_for(lambda: active() == set(), 5) is not None, 'resolved it is gone', active())
check(say('rose') == 200 and active() == {high}, 'what got worse is one alert, not two', active())
check(say('hostile_text') == 200, 'any text is taken')
amtool = os.path.join(os.path.dirname(program), 'amtool')
p = run(amtool, '--alertmanager.url', f'http://127.0.0.1:{port}', 'alert', 'query', '-o', 'json', f'alert_id={ID}', 'severity=high')
check(json.loads(p.stdout)[0]['annotations']['next'].startswith('keytrail search'), 'amtool reads it', p.stdout)

# The whole way: a guessed password is an alert there.
h.write('keytrail.yaml', open(h.path('keytrail.yaml')).read() + f'''
alerts:
  targets:
    am: {{ type: alertmanager, server: "http://127.0.0.1:{port}", allow_private: true }}
''')
h.start_collector()
h.allow('v', h.new_key('v'))
log = h.path('audit.log')
h.agent_config('v', [f'{{ id: vault-prod, type: vault, input: tail, path: {log} }}'])
with open(log, 'w') as f:
    for i in range(14):
        rid = '%08x-0000-4000-8000-000000000001' % i
        req = {'id': rid, 'operation': 'update', 'mount_point': 'auth/userpass/', 'mount_type': 'userpass', 'namespace': {'id': 'root'},
               'path': 'auth/userpass/login/ana', 'data': {'password': hmac(rng)}, 'remote_address': '45.83.1.9', 'remote_port': 1}
        t = time.time() - 60 + i
        f.write(json.dumps({'time': iso(t), 'type': 'request', 'auth': {'token_type': 'default'}, 'request': req}) + '\n')
        r = {'time': iso(t + .01), 'type': 'response', 'auth': {'token_type': 'default'}, 'request': req}
        if i < 13:
            r.update(error='invalid username or password', response={'data': {'error': hmac(rng)}})
        else:
            r['response'] = {'auth': {'client_token': hmac(rng), 'accessor': hmac(rng), 'display_name': 'userpass-ana', 'metadata': {'username': 'ana'},
                                      'policies': ['default'], 'entity_id': '%032d' % 1, 'token_type': 'service'}}
        f.write(json.dumps(r) + '\n')
h.start_agent('v')
ours = lambda: {a[0] for a in active() or ()} - {ID}
check(wait_for(ours, 20), 'an alert that the collector raised shows there', (h.log('collector.log')[-800:], h.log('v.log')[-500:]))
listed = [json.loads(l)['id'] for l in keytrail('alerts', 'list', '--severity', 'medium', '--db', h.db, '-o', 'ndjson', ok=False).stdout.splitlines()]
check(ours() <= set(listed), 'by its id', (ours(), listed))
check(stop(h.collector) == 0, 'the collector ends cleanly', h.log('collector.log')[-800:])
stop(am)
finish()
