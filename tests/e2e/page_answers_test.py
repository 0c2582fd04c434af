#!/usr/bin/env python3
"""What people do about alerts elsewhere, over real processes: PagerDuty's webhook, Slack's button and a signed link become acknowledgements in the log; replays, other keys, cut and large bodies do
not; while the collector cannot be asked a sender hears 503, and his second try works."""
import hashlib, hmac as mac, http.client, random
from urllib.parse import quote
from support import *

rng = random.Random(7)
PORT, PAGE = free_port(), free_port()
h = House()
conf = h.path('keytrail.yaml')
SECRETS = {n: f'an invented secret of {n}' for n in ('pagerduty', 'slack', 'link')}
for n, s in SECRETS.items():
    h.write(f'{n}.secret', s + '\n')
h.write('keytrail.yaml', open(conf).read() + f'''
dashboard:
  listen: tcp://127.0.0.1:{PAGE}
  answers: {{ listen: "tcp://127.0.0.1:{PORT}", url: "https://answers.example.com", pagerduty_secret_file: pagerduty.secret, slack_secret_file: slack.secret, link_key_file: link.secret }}
''')
h.start_collector()
h.allow('v', h.new_key('v'))
log = h.path('audit.log')
h.agent_config('v', [f'{{ id: vault-prod, type: vault, input: tail, path: {log} }}'])
t = time.time() - 60
with open(log, 'w') as f:
    for i, person in enumerate(('ann', 'ben', 'cem')):
        f.write('\n'.join(l for k in range(40) for l in vault_login(rng, t + k, person, i + 1)) + '\n')
h.start_agent('v')
page = start([KEYTRAIL, 'dashboard', '-c', conf], h.path('page.log'))


def ask(method, path, body=b'', port=None, **fields):
    c = http.client.HTTPConnection('127.0.0.1', port or PORT, timeout=10)
    c.request(method, path, body, {k.replace('_', '-'): v for k, v in fields.items()})
    r = c.getresponse()
    text = r.read().decode()
    c.close()
    return r.status, text, r.headers


def sign(name, text):
    return mac.new(SECRETS[name].encode(), text, hashlib.sha256).hexdigest()


def pagerduty(alert, event='E1', what='acknowledged', secret='pagerduty', cut=0):
    body = json.dumps({'event': {'id': event, 'event_type': f'incident.{what}', 'occurred_at': iso(time.time(), 3), 'agent': {'id': 'P1', 'summary': 'Tenex <b>Engineer', 'type': 'user_reference'},
                                 'data': {'id': 'PGR0VU2', 'type': 'incident', 'incident_key': alert}}}).encode()
    return ask('POST', '/pagerduty', body[:len(body) - cut], X_PagerDuty_Signature='v1=' + '0' * 64 + ',v1=' + sign(secret, body))


def slack(alert, at=None, secret='slack'):
    at = str(int(at or time.time()))
    payload = {'type': 'block_actions', 'user': {'id': 'U1', 'username': 'roadrunner'}, 'actions': [{'action_id': 'acknowledge', 'value': alert}]}
    body = ('payload=' + quote(json.dumps(payload))).encode()
    return ask('POST', '/slack', body, X_Slack_Request_Timestamp=at, X_Slack_Signature='v0=' + sign(secret, b'v0:' + at.encode() + b':' + body))


def link(alert, until=None, secret='link'):
    until = int(until or time.time() + 86000)
    return f'/ack?alert={alert}&until={until}&sig=' + sign(secret, f'keytrail ack 1\n{alert}\n{until}'.encode())


def alerts():
    return {a['id']: a for a in ndjson(keytrail('alerts', 'list', '--severity', 'medium', '--db', h.db, '-o', 'ndjson'))}


def up():
    try:
        return ask('GET', '/')[0] == 404
    except OSError:
        return False


check(wait_for(lambda: len(alerts()) == 3, 20), 'three alerts', alerts())
check(wait_for(up, 10), 'the listener answers', open(h.path('page.log')).read())
one, two, three = sorted(alerts())


def life(id):
    a = alerts()[id]
    return a['status'], a.get('acknowledged_by')


# ---- nobody without a signature ----
check(pagerduty(one, secret='slack')[0] == 401 and slack(one, secret='link')[0] == 401 and ask('POST', link(one, secret='slack'))[0] == 403, 'other keys are refused')
check(pagerduty(one, cut=1)[0] == 401 and slack(one, at=time.time() - 400)[0] == 401 and ask('POST', link(one, until=time.time() - 5))[0] == 403, 'cut, old and over')
check(ask('POST', '/pagerduty', b'x' * 65537)[0] == 413 and ask('GET', '/pagerduty')[0] == 405 and ask('GET', '/api/v1/me')[0] == 404 and ask('GET', '/healthz')[0] == 404, 'no more than is meant')
check(ask('POST', '/pagerduty', b'{}', port=PAGE)[0] in (404, 405), 'the page takes no answers')
check(all(life(a)[0] == 'open' for a in (one, two, three)), 'and nothing was done')

# ---- each way ----
check(pagerduty(one)[0] == 200 and life(one) == ('acknowledged', 'Tenex <b>Engineer'), 'an answer at PagerDuty is one here', life(one))
check(pagerduty(one)[1] == 'This was taken already.\n', 'its event counts once')
check(slack(two)[0] == 200 and life(two) == ('acknowledged', 'roadrunner'), 'the button at Slack', life(two))
path = link(three)
status, text, head = ask('GET', path)
check(status == 200 and text.count('<button') == 1 and '<script' not in text and three in text and "default-src 'none'" in head['Content-Security-Policy'] and 'Set-Cookie' not in head and life(three)[0] == 'open',
      'to look at a link does nothing', text)

# ---- while the collector is away ----
h.collector.send_signal(signal.SIGKILL)
h.collector.wait()
status, text, head = ask('POST', path)
check(status == 503 and head['Retry-After'] and 'try again' in text, 'a sender is told to try again', text)
h.start_collector()
status, text, head = wait_for(lambda: (lambda r: r if r[0] != 503 else None)(ask('POST', path)), 10, 0.2)
check(status == 200 and life(three)[0] == 'acknowledged', 'and then it works', text)
page.send_signal(signal.SIGHUP)
check(wait_for(lambda: open(h.path('page.log')).read().count('answers are taken') == 2 and up(), 10), 'the configuration is read again')
check(ask('POST', path)[0] == 410 and ask('GET', path)[0] == 410 and 'button' not in ask('GET', path)[1], 'a link works once, over a reload')

# ---- what is in the log ----
shown = keytrail('alerts', 'show', one, '--db', h.db).stdout.decode()
check('pagerduty (webhook)' in shown and 'entry E1' in shown, 'where it was said', shown)
keytrail('alerts', 'reopen', one, '--reason', 'again', '--by', 'alice', '-c', conf)
check(ask('POST', link(one, until=time.time() + 86400 - 60))[0] == 409 and life(one)[0] == 'open', 'what is older than the reopening does not count')
check(pagerduty(one, event='E2', what='resolved')[0] == 200 and life(one)[0] == 'acknowledged', 'a resolve there is an acknowledgement here', life(one))
check(pagerduty('d3640fbd41094207a1c11e58e46b1662', event='E3')[1] == 'Nothing to do.\n', "others' incidents are none of ours")
check(stop(page) == 0, 'ends well')
finish()
