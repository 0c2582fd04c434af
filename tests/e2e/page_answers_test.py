#!/usr/bin/env python3
"""The whole way of an answer, over real processes: an alert's messages carry a link and a button; whoever follows the link, presses the button or acknowledges at PagerDuty has acknowledged in the log.
To look at a link does nothing; it works once, for what its message told; replays, other keys, cut and large bodies and what is over do not count; while the collector cannot be asked a sender hears
503, and his second try works. The listener speaks TLS, and on a Unix socket."""
import base64, collections, hashlib, hmac as mac, http.client, http.server, random, ssl, threading
from urllib.parse import quote, urlsplit
from support import *

rng = random.Random(7)
PORT, PAGE = free_port(), free_port()
lock = threading.Lock()
hooks, blocks = collections.defaultdict(list), []  # alert -> [(type, data)]; Slack's messages


class Stub(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
        with lock:
            if self.path == '/hook':
                hooks[body['data']['id']].append((body['type'], body['data']))
            elif self.path == '/slack':
                blocks.append(body)
        self.send_response(200); self.send_header('Content-Length', '2'); self.end_headers(); self.wfile.write(b'ok')

    def log_message(self, *a):
        pass


server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Stub)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
base = f'http://127.0.0.1:{server.server_address[1]}'
h = House()
conf = h.path('keytrail.yaml')
SECRETS = {n: f'an invented secret of {n}' for n in ('pagerduty', 'slack')}
for n, s in SECRETS.items():
    h.write(f'{n}.secret', s + '\n')
for n, s in (('hook.url', base + '/hook'), ('hook.key', keytrail('notify', 'keygen').stdout.decode()), ('slack.url', base + '/slack'), ('pd.url', base + '/v2/enqueue'), ('pd.key', '0123456789abcdef' * 2)):
    h.write(n, s)


def write_conf(link_keys, listen=f'tcp://127.0.0.1:{PORT}', page=PAGE, more='', name='keytrail.yaml'):
    h.write(name, before + f'''
alerts:
  links: {{ acknowledge: "https://answers.example.com/kt/", acknowledge_key_file: {h.path('link.key')} }}
  targets:
    siem: {{ type: webhook, url_file: {h.path('hook.url')}, secret_file: {h.path('hook.key')}, acknowledge_link: true, allow_private: true }}
    slack-sec: {{ type: slack, url_file: {h.path('slack.url')}, button: true, allow_private: true }}
    pd: {{ type: pagerduty, url_file: {h.path('pd.url')}, routing_key_file: {h.path('pd.key')}, allow_private: true }}
dashboard:
  listen: tcp://127.0.0.1:{page}
  control: {h.path(f'door-{page}.sock')}
  answers: {{ listen: "{listen}", pagerduty_secret_file: pagerduty.secret, slack_secret_file: slack.secret, link_keys: [{', '.join(link_keys)}]{more} }}
''')


def doctor():
    return [l for l in keytrail('doctor', '-c', conf, ok=False).stdout.decode().splitlines() if ' links ' in l]


before = open(conf).read()
write_conf([])
public = keytrail('alerts', 'link', '--keygen', '-c', conf).stdout.decode().strip()
check(re.fullmatch('ktl1_[-_A-Za-z0-9]{43}', public) and os.stat(h.path('link.key')).st_mode & 0o777 == 0o600 and public[5:] not in open(h.path('link.key')).read(), 'a key is made, and its public half told', public)
if os.geteuid() == 0:
    import pwd
    own, theirs = pwd.getpwnam('nobody'), folder()
    os.chmod(theirs, 0o755)
    os.mkdir(theirs + '/keys', 0o700)
    os.chown(theirs + '/keys', own.pw_uid, own.pw_gid)
    p = keytrail('alerts', 'link', '--keygen', '-c', h.write('theirs.yaml', open(conf).read().replace(h.path('link.key'), theirs + '/keys/link.key')))
    st = os.stat(theirs + '/keys/link.key')
    check((st.st_uid, st.st_gid, st.st_mode & 0o777) == (own.pw_uid, own.pw_gid, 0o600) and b"collector's user's alone" in p.stderr, 'root makes it for whoever the folder belongs to', (st, p.stderr))
check('nobody takes' in doctor()[0], 'doctor: links on one side alone', doctor())
write_conf(['ktl1_A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg'])
check(doctor() and public in doctor()[0], 'doctor: a key that the page does not have', doctor())
write_conf([public])
check(doctor() and doctor()[0].startswith('ok'), 'doctor: both sides fit', doctor())
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


def ask(method, path, body=b'', port=None, via=None, **fields):
    c = via or http.client.HTTPConnection('127.0.0.1', port or PORT, timeout=10)
    c.request(method, path, body, {k.replace('_', '-'): v for k, v in fields.items()})
    r = c.getresponse()
    text = r.read().decode()
    c.close()
    return r.status, text, r.headers


def sign(name, text):
    return mac.new(SECRETS[name].encode(), text, hashlib.sha256).hexdigest()


def pagerduty(alert, event='E1', what='acknowledged', secret='pagerduty', cut=0, at=None):
    body = json.dumps({'event': {'id': event, 'event_type': f'incident.{what}', 'occurred_at': iso(at or time.time(), 3), 'agent': {'id': 'P1', 'summary': 'Tenex <b>Engineer', 'type': 'user_reference'},
                                 'data': {'id': 'PGR0VU2', 'type': 'incident', 'incident_key': alert}}}).encode()
    return ask('POST', '/pagerduty', body[:len(body) - cut], X_PagerDuty_Signature='v1=' + '0' * 64 + ',v1=' + sign(secret, body))


def slack(value, at=None, secret='slack'):
    at = str(int(at or time.time()))
    payload = {'type': 'block_actions', 'user': {'id': 'U1', 'username': 'roadrunner'}, 'actions': [{'action_id': 'acknowledge', 'value': value}]}
    body = ('payload=' + quote(json.dumps(payload))).encode()
    return ask('POST', '/slack', body, X_Slack_Request_Timestamp=at, X_Slack_Signature='v0=' + sign(secret, b'v0:' + at.encode() + b':' + body))


def link(seen, until, to='siem'):
    """By OpenSSL, from the key's file: what the code under test signs with is not asked."""
    seed = base64.urlsafe_b64decode(open(h.path('link.key')).read().split('link ')[-1].strip() + '=')
    h.write('link.pem', '-----BEGIN PRIVATE KEY-----\n' + base64.b64encode(bytes.fromhex('302e020100300506032b657004220420') + seed).decode() + '\n-----END PRIVATE KEY-----\n')
    h.write('link.text', f'keytrail ack 2\n{seen}\n{int(until)}\n{to}')
    sig = run('openssl', 'pkeyutl', '-sign', '-inkey', h.path('link.pem'), '-rawin', '-in', h.path('link.text')).stdout
    return f'/ack?seen={seen}&to={to}&until={int(until)}&sig=' + base64.urlsafe_b64encode(sig).decode().rstrip('=')


def alerts():
    return {a['id']: a for a in ndjson(keytrail('alerts', 'list', '--severity', 'medium', '--db', h.db, '-o', 'ndjson'))}


def up():
    try:
        return ask('GET', '/')[0] == 404
    except OSError:
        return False


def life(id):
    a = alerts()[id]
    return a['status'], a.get('acknowledged_by')


def path_of(url):
    u = urlsplit(url)
    check((u.scheme, u.netloc, u.path) == ('https', 'answers.example.com', '/kt/ack'), 'a link leads to the listener', url)
    return '/ack?' + u.query


def told(id, what):
    with lock:
        return [d for w, d in hooks[id] if w == what]


def pressed(id):
    with lock:
        return [e['value'] for m in blocks for b in m['blocks'] for e in b.get('elements', ()) if e.get('action_id') == 'acknowledge' and e['value'].startswith(id)]


check(wait_for(lambda: len(alerts()) == 3, 20), 'three alerts', alerts())
check(wait_for(up, 10), 'the listener answers', open(h.path('page.log')).read())
one, two, three = sorted(alerts())
check(wait_for(lambda: all(told(a, 'alert.opened') and pressed(a) for a in (one, two, three)), 20), 'messages of all three', (dict(hooks), blocks))
check(all('url' not in e for m in blocks for b in m['blocks'] for e in b.get('elements', ())) and pressed(two)[0] == f"{two}.{alerts()[two]['severity']}.0", 'Slack gets a button, not a link', blocks)
path = path_of(told(three, 'alert.opened')[0]['acknowledge_url'])
WHOLE = alerts()[three]['severity']

# ---- a test: what it carries works, and acknowledges nothing ----
TEST = '0' * 26
for t in ('siem', 'slack-sec'):
    keytrail('notify', 'test', t, '-c', conf)
tried = path_of(told(TEST, 'test.ping')[0]['acknowledge_url'])
for method in ('GET', 'POST', 'POST'):
    status, text, _ = ask(method, tried)
    check(status == 200 and 'This was a test' in text and '<button' not in text and TEST not in text, 'the link of a test says that it works', (method, text))
check(slack(pressed(TEST)[0])[:2] == (200, 'This was a test: there is nothing to acknowledge.\n'), 'so does its button', pressed(TEST))
check(ask('GET', tried.replace('info', 'high'))[0] == 403 and slack(pressed(TEST)[0], secret='pagerduty')[0] == 401, 'to whom a signature fits alone')
check(all(life(a)[0] == 'open' for a in (one, two, three)), 'and nothing is acknowledged')

# ---- nobody without a signature ----
check(pagerduty(one, secret='slack')[0] == 401 and slack(one, secret='pagerduty')[0] == 401 and ask('POST', path.replace(WHOLE, 'info'))[0] == 403, 'other keys are refused, and a link that was changed')
check(pagerduty(one, cut=1)[0] == 401 and slack(one, at=time.time() - 400)[0] == 401 and ask('POST', path[:-1])[0] == 403, 'cut and old')
over = ask('POST', link(f'{one}.critical.0', time.time() - 5))
check(over[0] == 403 and 'which is over' in over[1], 'a link is good for a day', over[1])
check(ask('POST', '/pagerduty', b'x' * 65537)[0] == 413 and ask('GET', '/pagerduty')[0] == 405 and ask('GET', '/api/v1/me')[0] == 404 and ask('GET', '/healthz')[0] == 404, 'no more than is meant')
check(ask('POST', '/pagerduty', b'{}', port=PAGE)[0] in (404, 405), 'the page takes no answers')
check(all(life(a)[0] == 'open' for a in (one, two, three)), 'and nothing was done')

# ---- each way ----
check(pagerduty(one)[0] == 200 and life(one) == ('acknowledged', 'Tenex <b>Engineer'), 'an answer at PagerDuty is one here', life(one))
check(pagerduty(one)[1] == 'This was taken already.\n', 'its event counts once')
status, text, _ = slack(f'{two}.low.0')
check(status == 409 and 'it was low then' in text and life(two)[0] == 'open', 'a button under a message that said less counts for nothing', text)
check(slack(pressed(two)[0])[0] == 200 and life(two) == ('acknowledged', 'roadrunner (U1)'), 'the button at Slack', life(two))
for method in ('GET', 'GET', 'HEAD', 'OPTIONS'):  # previews, scanners of mail
    status, text, head = ask(method, path, User_Agent='Slackbot-LinkExpanding 1.0')
    if method == 'GET':
        check(status == 200 and text.count('<button') == 1 and '<script' not in text and three in text and "default-src 'none'" in head['Content-Security-Policy'] and 'Set-Cookie' not in head,
              'to look at a link shows a button', text)
check(life(three)[0] == 'open', 'and does nothing', life(three))

# ---- while the collector is away ----
h.collector.send_signal(signal.SIGKILL)
h.collector.wait()
FORM = dict(Content_Type='application/x-www-form-urlencoded')
status, text, head = ask('POST', path, b'name=Ana+%3Cb%3E', **FORM)
check(status == 503 and head['Retry-After'] and 'try again' in text, 'a sender is told to try again', text)
h.start_collector()
status, text, head = wait_for(lambda: (lambda r: r if r[0] != 503 else None)(ask('POST', path, b'name=Ana+%3Cb%3E', **FORM)), 10, 0.2)
check(status == 200 and life(three) == ('acknowledged', 'link of siem (claims to be Ana <b>)'), 'and then it works, with the name that somebody gave himself', (text, life(three)))
check(wait_for(lambda: told(three, 'alert.acknowledged'), 10) and 'acknowledge_url' not in told(three, 'alert.acknowledged')[0] and told(three, 'alert.acknowledged')[0]['life']['acknowledged_by'].startswith('link of siem'),
      'targets hear of it, and that message asks for nobody', dict(hooks))
page.send_signal(signal.SIGHUP)
check(wait_for(lambda: open(h.path('page.log')).read().count('answers are taken') == 2 and up(), 10), 'the configuration is read again')
check(ask('POST', path)[0] == 410 and ask('GET', path)[0] == 410 and 'button' not in ask('GET', path)[1], 'a link works once, over a reload')
check(stop(page) == 0, 'ends well')

# ---- another page: TLS ----
key, crt = h.path('tls.key'), h.path('tls.crt')
run('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', crt)
write_conf([public], more=f', cert_file: {crt}, tls_key_file: {key}')
page = start([KEYTRAIL, 'dashboard', '-c', conf], h.path('page2.log'))
trusted = ssl.create_default_context(cafile=crt)


def tls(*argv, **kw):
    return ask(*argv, via=http.client.HTTPSConnection('localhost', PORT, timeout=10, context=trusted), **kw)


def tls_up():
    try:
        return tls('GET', '/')[0] == 404
    except OSError:
        return False


check(wait_for(tls_up, 10), 'the listener speaks TLS', open(h.path('page2.log')).read())
status, text, _ = tls('POST', path)
check(status == 409 and 'acknowledged already: by link of siem' in text and 'Ana &lt;b&gt;' in text, 'a link works once, over a restart: the log says who was first', text)
keytrail('alerts', 'reopen', three, '--reason', 'again', '--by', 'alice', '-c', conf)
status, text, _ = tls('POST', link(f'{three}.{WHOLE}.0', time.time() + 80000))
check(status == 409 and 'was opened again after that message' in text and life(three)[0] == 'open', 'what was told before the alert was opened again does not count', text)
own = keytrail('alerts', 'link', three, '--by', 'alice', '-c', conf).stdout.decode().strip()
check(tls('POST', path_of(own))[0] == 200 and life(three) == ('acknowledged', 'link of cli/alice'), 'a link of the command line', life(three))
p = keytrail('alerts', 'link', three, '-c', conf, ok=False)
check(p.returncode != 0 and b'acknowledged already' in p.stderr, 'which makes none for what somebody has', p.stderr)
check(stop(page) == 0, 'ends well')

# ---- and one on a Unix socket ----
sock = h.path('answers.sock')
write_conf([public], listen=f'unix:{sock}')
page = start([KEYTRAIL, 'dashboard', '-c', conf], h.path('page3.log'))


class Local(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10)
        self.sock.connect(sock)


def local_up():
    try:
        return ask('GET', '/', via=Local('localhost'))[0] == 404
    except OSError:
        return False


check(wait_for(local_up, 10), 'the listener takes a Unix socket', open(h.path('page3.log')).read())
keytrail('alerts', 'reopen', two, '--reason', 'again', '--by', 'alice', '-c', conf)
check(wait_for(lambda: any(v.endswith('.1') for v in pressed(two)), 10), 'a message after the reopening has a button of its own', pressed(two))
again = next(d['acknowledge_url'] for d in told(two, 'alert.opened') if '.1&' in d['acknowledge_url'])
check(ask('POST', path_of(again), via=Local('localhost'))[0] == 200 and life(two)[0] == 'acknowledged', 'and its link works there', life(two))
check(stop(page) == 0, 'ends well')

# ---- what is in the log, and answers that come late ----
write_conf([public])
page = start([KEYTRAIL, 'dashboard', '-c', conf], h.path('page4.log'))
check(wait_for(up, 10), 'the first listener again')
shown = keytrail('alerts', 'show', one, '--db', h.db).stdout.decode()
check('pagerduty (webhook)' in shown and 'entry E1' in shown, 'where it was said', shown)
shown = keytrail('alerts', 'show', three, '--db', h.db).stdout.decode()
check('claims to be Ana <b>' in shown and 'by the link that siem got' in shown, 'and whose link it was', shown)
keytrail('alerts', 'reopen', one, '--reason', 'again', '--by', 'alice', '-c', conf)
check(pagerduty(one, event='E0', at=time.time() - 30)[1].strip().endswith('was opened again after that') and life(one)[0] == 'open', 'nor does an older answer at PagerDuty')
check(pagerduty(one, event='E2', what='resolved')[0] == 200 and life(one)[0] == 'acknowledged', 'a resolve there is an acknowledgement here', life(one))
keytrail('alerts', 'reopen', two, '--reason', 'again', '--by', 'alice', '-c', conf)
check(slack(two, at=time.time() + 2)[0] == 200 and life(two) == ('acknowledged', 'roadrunner (U1)'), "a button of somebody's own, with an id alone", life(two))
check(pagerduty('d3640fbd41094207a1c11e58e46b1662', event='E3')[1] == 'Nothing to do.\n', "others' incidents are none of ours")

# ---- graver since: the passwords are guessed ----
keytrail('alerts', 'reopen', one, '--reason', 'again', '--by', 'alice', '-c', conf)
old = wait_for(lambda: next((d['acknowledge_url'] for d in told(one, 'alert.opened') if '.medium.2&' in d['acknowledge_url']), None), 10)
value, then = wait_for(lambda: next((v for v in pressed(one) if v.endswith('.2')), None), 10), time.time()
with open(log, 'a') as f:
    for i, person in enumerate(('ann', 'ben', 'cem')):
        f.write('\n'.join(vault_login(rng, time.time(), person, i + 1, ok=True)) + '\n')
check(wait_for(lambda: alerts()[one]['severity'] == 'critical', 10), 'the alert becomes graver', alerts()[one])
status, text, _ = ask('POST', path_of(old))
check(status == 409 and 'has become graver since that message: it was medium then and is critical now' in text, 'its old link says so', text)
status, text, _ = slack(value)
check(status == 409 and 'has become graver' in text, 'and its old button', text)
status, text, _ = pagerduty(one, event='E7', at=then)
check(status == 200 and 'was medium there then and is critical now' in text and life(one)[0] == 'open', 'an answer at PagerDuty from before counts for nothing either', text)
new = wait_for(lambda: next((d['acknowledge_url'] for w, d in hooks[one] if '.critical.2&' in d.get('acknowledge_url', '')), None), 10)
check(ask('POST', path_of(new))[0] == 200 and life(one)[0] == 'acknowledged', 'the link of the newest message does', life(one))
check(stop(page) == 0, 'ends well')
finish()
