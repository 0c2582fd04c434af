#!/usr/bin/env python3
"""Routes: who is told by severity, again until somebody acknowledges, somebody else after a while, a second way when the first is dead, quiet hours held to their end; over kill -9; new
routes by SIGHUP; and `notify route` says all of it beforehand."""
import http.server, json, random, signal, threading, time
from support import *

rng = random.Random(SEED)
told = []  # (target, type, alert, when)
dead = set()  # targets that refuse for good
lock = threading.Lock()


class Stub(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
        target = self.path.strip('/')
        with lock:
            refuses = target in dead
            if not refuses:
                told.append((target, body['type'], body['data'], time.monotonic()))
        self.send_response(410 if refuses else 200)
        self.send_header('Content-Length', '0')
        self.end_headers()

    def log_message(self, *a):
        pass


server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Stub)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
h = House()
conf = h.path('keytrail.yaml')
base = open(conf).read()
h.write('hook.whsec', 'whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=')
targets = ''
for t in ('chat', 'pager', 'boss', 'siem'):
    h.write(f'{t}.url', f'http://127.0.0.1:{server.server_address[1]}/{t}')
    targets += f"    {t}: {{ type: webhook, url_file: {h.path(t + '.url')}, secret_file: {h.path('hook.whsec')}, allow_private: true }}\n"
# A zone in which it is 03:xx now, and one in which it is noon: POSIX counts Etc zones to the west.
hour = time.gmtime().tm_hour


def zone_at(local):
    east = (local - hour + 12) % 24 - 12
    return f'Etc/GMT{-east:+d}' if east else 'Etc/GMT'


def routes(zone):
    return base + f'''
alerts:
  routes:
    - {{ match: "actor:night*", to: siem, quiet: {{ hours: "22:00-07:00", zone: {zone} }} }}
    - match: "severity:high,critical"
      to: pager
      repeat: 2s
      escalate: [ {{ after: 3s, to: boss }} ]
      fallback: chat
    - {{ match: "severity:medium", to: chat }}
  targets:
{targets}'''


h.write('keytrail.yaml', routes(zone_at(3)))
p = keytrail('config', 'check', '-c', conf)
check(b'every target' not in p.stdout, 'routes that take every severity have no gap', p.stdout)
rows = ndjson(keytrail('notify', 'route', '-c', conf, '-o', 'ndjson'))
check([r['target'] for r in rows] == ['siem', 'pager', 'chat'], 'notify route prints the routes', rows)
rows = ndjson(keytrail('notify', 'route', '--severity', 'high', '--actor', 'bob', '-c', conf, '-o', 'ndjson'))
check(rows[0]['why'] == 'not actor:night*' and rows[1]['state'] == 'takes it' and rows[2]['state'] == 'not asked', 'which route takes an alert, which not and why', rows)
check([(r['target'], r['action']) for r in rows[3:]] == [('pager', 'trigger'), ('pager', 'repeat:1'), ('boss', 'escalate:1'), ('boss', 'repeat:1')], 'and what comes when', rows)

h.start_collector()
h.allow('v', h.new_key('v'))
log = h.path('audit.log')
h.agent_config('v', [f'{{ id: vault-prod, type: vault, input: tail, path: {log} }}'])


def attack(person, net, guessed=True):
    """Failures, and then a success: a password that was guessed."""
    t = time.time() - 60
    lines = [l for i in range(13) for l in vault_login(rng, t + i, person, net)] + (vault_login(rng, t + 14, person, net, True) if guessed else [])
    with open(log, 'a') as f:
        f.write('\n'.join(lines) + '\n')


def of(person):
    rows = ndjson(keytrail('alerts', 'list', '--severity', 'medium', '--db', h.db, '-o', 'ndjson', ok=False))
    return next((a for a in rows if person in a['title']), None)


def heard(id):
    with lock:
        return [(t, kind) for t, kind, data, _ in told if data['id'] == id]


def kill():
    h.collector.kill()
    h.collector.wait()
    h.start_collector()


h.start_agent('v')
attack('carol', 7)
attack('night-owl', 8)
check(wait_for(lambda: of('carol') and of('night-owl'), 20), 'attacks are alerts', h.log('collector.log'))
carol, owl = of('carol'), of('night-owl')
check(carol['severity'] in ('high', 'critical'), 'one that pages', carol)
check(wait_for(lambda: ('boss', 'alert.escalated') in heard(carol['id'])), 'a page that nobody answers goes to somebody else', heard(carol['id']))
kill()
check(wait_for(lambda: heard(carol['id']).count(('pager', 'alert.repeated')) >= 2), 'and is repeated, also over a kill', heard(carol['id']))
keytrail('alerts', 'ack', carol['id'], '-c', conf)
check(wait_for(lambda: {('pager', 'alert.acknowledged'), ('boss', 'alert.acknowledged')} <= set(heard(carol['id']))), 'until somebody acknowledges, which both hear', heard(carol['id']))
before = heard(carol['id'])
check(before.count(('pager', 'alert.opened')) == 1 and before.count(('boss', 'alert.escalated')) == 1, 'each is told of it once', before)
check(not any(t in ('chat', 'siem') for t, _ in before), 'and nobody else', before)
rows = keytrail('alerts', 'show', carol['id'], '--db', h.db).stdout
check(b'sent repeat to pager' in rows and b'sent escalate to boss' in rows, 'alerts show lists every word that was said', rows)

check(heard(owl['id']) == [], 'quiet hours hold an alert back', heard(owl['id']))
shown = keytrail('alerts', 'show', owl['id'], '--db', h.db).stdout
check(b'held back trigger to siem until quiet hours end' in shown, 'alerts show says so', shown)
rows = ndjson(keytrail('notify', 'route', '--explain', owl['id'][:10], '-c', conf, '--db', h.db, '-o', 'ndjson'))
check(any(r['state'] == 'held' for r in rows) and any(r['why'] == 'when quiet hours end' for r in rows), 'notify route --explain says until when', rows)
with lock:
    dead.add('pager')
h.write('keytrail.yaml', routes(zone_at(12)))  # the night is over
h.collector.send_signal(signal.SIGHUP)
check(wait_for(lambda: heard(owl['id']) == [('siem', 'alert.opened')]), 'new routes are in force at once, what was held is told then', (heard(owl['id']), h.log('collector.log')))
attack('dave', 9)
check(wait_for(lambda: of('dave'), 20), 'a third attack', h.log('collector.log'))
dave = of('dave')
check(wait_for(lambda: ('chat', 'alert.opened') in heard(dave['id'])), 'a dead target is stood in for', (heard(dave['id']), h.log('collector.log')))
check(heard(carol['id']) == before, 'what was acknowledged stays quiet', heard(carol['id']))
check(stop(h.collector) == 0, 'a clean stop', h.log('collector.log')[-1500:])
finish()
