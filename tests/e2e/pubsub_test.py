#!/usr/bin/env python3
"""A subscription as Pub/Sub has it, with a token service that checks every signature: tokens from a key and from the instance, copies, answers in every
form, refusals, kills; every record is stored exactly once, and no message is acknowledged before its lines are kept."""
import base64, http.server, json, random, re, subprocess, threading, time, urllib.parse
from support import *

rng = random.Random(SEED)
h = House()
SUBSCRIPTION = 'projects/acme-sec/subscriptions/keytrail'
ACCOUNT = 'keytrail@acme-sec.iam.gserviceaccount.com'
key_pem = run('openssl', 'genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048').stdout.decode()
public = h.write('public.pem', run('openssl', 'rsa', '-pubout', stdin=key_pem.encode()).stdout.decode())


def b64(s):
    return base64.urlsafe_b64decode(s + '=' * (-len(s) % 4))


class Google:
    def __init__(self):
        self.lock = threading.Lock()
        self.messages, self.hidden, self.handed, self.acked, self.longer = {}, {}, {}, [], 0
        self.tokens, self.bad, self.n, self.token_n = {}, [], 0, 0
        self.faults, self.deadline, self.status, self.token_status, self.life, self.flavor, self.copies = 0.0, 3, 0, 0, 3600, 0, 0.0
        self.pulls, self.reply_max, self.asked = [], 0, []
        google = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'

            def log_message(self, *_):
                pass

            def answer(self, status, what, **headers):
                body = what if isinstance(what, bytes) else json.dumps(what, indent=2).encode()
                self.send_response(status)
                for k, v in headers.items():
                    self.send_header(k.replace('_', '-'), v)
                self.send_header('Content-Length', str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def refuse(self, status, word, **headers):
                self.answer(status, {'error': {'code': status, 'message': 'in Google\'s words', 'status': word}}, **headers)

            def new_token(self):
                google.token_n += 1
                token = f'ya29.invented-{google.token_n}-{rng.getrandbits(64):x}'
                google.tokens[token] = time.time() + google.life
                self.answer(200, {'access_token': token, 'expires_in': google.life, 'token_type': 'Bearer'})

            def do_GET(self):  # the metadata service
                with google.lock:
                    google.flavor += 1
                    if self.path != '/computeMetadata/v1/instance/service-accounts/default/token' or self.headers.get('Metadata-Flavor') != 'Google':
                        return self.answer(403, b'')
                    return self.new_token()

            def signed(self, body):
                """None when the JWT is right, else why not."""
                form = urllib.parse.parse_qs(body.decode())
                if form.get('grant_type') != ['urn:ietf:params:oauth:grant-type:jwt-bearer']:
                    return 'grant_type'
                head, claims, sig = form['assertion'][0].split('.')
                h.write('jwt.sig', '')
                with open(h.path('jwt.sig'), 'wb') as f:
                    f.write(b64(sig))
                p = subprocess.run(['openssl', 'dgst', '-sha256', '-verify', public, '-signature', h.path('jwt.sig')], input=f'{head}.{claims}'.encode(), stdout=subprocess.PIPE)
                head, claims = json.loads(b64(head)), json.loads(b64(claims))
                if p.returncode != 0 or head != {'alg': 'RS256', 'typ': 'JWT', 'kid': 'k1'}:
                    return f'signature {head}'
                if claims['iss'] != ACCOUNT or claims['aud'] != f'{google.url}/token' or claims['scope'] != 'https://www.googleapis.com/auth/pubsub':
                    return f'claims {claims}'
                return None if claims['exp'] - claims['iat'] <= 3600 and claims['iat'] <= time.time() + 5 < claims['exp'] else f'times {claims}'

            def fault(self):
                if rng.random() >= google.faults:
                    return False
                what = rng.randrange(5)
                if what == 0:
                    self.refuse(503, 'UNAVAILABLE')
                elif what == 1:
                    self.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{"receivedMessages": [')
                    self.close_connection = True
                elif what == 2:
                    self.refuse(429, 'RESOURCE_EXHAUSTED', Retry_After='1')
                elif what == 3:
                    self.answer(502, b'<html>')
                else:
                    time.sleep(0.3)
                    return False
                return True

            def do_POST(self):
                body = self.rfile.read(int(self.headers['Content-Length']))
                with google.lock:
                    if self.path == '/token':
                        if google.token_status:
                            return self.answer(google.token_status, {'error': 'invalid_grant', 'error_description': 'Invalid JWT: check your iat and exp values'})
                        why = self.signed(body)
                        if why is not None:
                            google.bad.append(why)
                            return self.answer(400, {'error': 'invalid_grant'})
                        return self.new_token()
                    token = re.fullmatch(r'Bearer (\S+)', self.headers.get('Authorization', ''))
                    if token is None or google.tokens.get(token[1], 0) < time.time():
                        google.bad.append('token')
                        return self.refuse(401, 'UNAUTHENTICATED')
                    path, _, verb = self.path.rpartition(':')
                    google.asked.append(verb)
                    if path != f'/v1/{SUBSCRIPTION}':
                        return self.refuse(404, 'NOT_FOUND')
                    if google.status:
                        return self.refuse(google.status, {403: 'PERMISSION_DENIED', 429: 'RESOURCE_EXHAUSTED'}.get(google.status, 'INTERNAL'), Retry_After='1')
                    if self.fault():
                        return None
                    q = json.loads(body)
                    if verb == 'acknowledge':
                        for a in q['ackIds']:
                            m = google.handed.pop(a, None)
                            if m is not None and google.messages.pop(m, None) is not None:
                                google.acked.append(m)
                        return self.answer(200, {})
                    if verb == 'modifyAckDeadline':
                        assert 10 <= q['ackDeadlineSeconds'] <= 600
                        google.longer += len(q['ackIds'])
                        for a in q['ackIds']:
                            if a in google.handed:
                                google.hidden[google.handed[a]] = time.time() + q['ackDeadlineSeconds']
                        return self.answer(200, {})
                    google.pulls.append(q['maxMessages'])
                    out = google.hand_out(q['maxMessages'])
                if not out:
                    time.sleep(0.3)
                    return self.answer(200, {})
                return self.answer(200, {'receivedMessages': out})

        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.server.handle_error = lambda *_: None  # an agent that was killed does not read on
        self.url = f'http://127.0.0.1:{self.server.server_address[1]}'
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        atexit.register(self.server.shutdown)

    def hand_out(self, count):
        now, out = time.time(), []
        for m in [m for m in self.messages if self.hidden.get(m, 0) < now or rng.random() < self.copies][:count]:
            self.hidden[m] = now + self.deadline
            ack = f'ack-{m}-{rng.getrandbits(600):x}'
            self.handed[ack] = m
            out.append({'ackId': ack, 'message': {**self.messages[m], 'messageId': str(m), 'publishTime': iso(now)}, 'deliveryAttempt': 1})
        return out

    def publish(self, data, **attributes):
        with self.lock:
            self.n += 1
            self.messages[self.n] = ({'data': base64.b64encode(data).decode()} if data is not None else {}) | ({'attributes': attributes} if attributes else {})


total = 0


def entry(secret='pay-db', pad=0):
    t = time.time() - 5
    return {'protoPayload': {'@type': 'type.googleapis.com/google.cloud.audit.AuditLog', 'status': {},
                             'authenticationInfo': {'principalEmail': 'orders@acme-sec.iam.gserviceaccount.com'},
                             'requestMetadata': {'callerIp': '203.0.113.7', 'callerSuppliedUserAgent': f'grpc-go/1.60 {rng.getrandbits(4 * pad + 4):x}'},
                             'serviceName': 'secretmanager.googleapis.com', 'methodName': 'google.cloud.secretmanager.v1.SecretManagerService.AccessSecretVersion',
                             'resourceName': f'projects/123456789012/secrets/{secret}/versions/3'},
            'insertId': f'{rng.getrandbits(64):x}', 'resource': {'type': 'audited_resource', 'labels': {'project_id': 'acme-sec'}},
            'timestamp': iso(t), 'severity': 'INFO', 'logName': 'projects/acme-sec/logs/cloudaudit.googleapis.com%2Fdata_access', 'receiveTimestamp': iso(t + 1)}


def publish(count, pad=0):
    global total
    for i in range(count):
        google.publish(json.dumps(entry(f'app-{rng.randrange(40)}', pad)).encode(), **{'logging.googleapis.com/timestamp': iso(time.time())})
    total += count


def stored():
    p = keytrail('status', '--db', h.db, '-o', 'json', ok=False)
    return sum(s['events'] for s in json.loads(p.stdout)['sources']) if p.returncode == 0 else -1


def status():
    return run(AGENT, 'status', '-c', h.path('a.yaml'), ok=False).stdout.decode()


def start_agent(**env):
    keep = dict(os.environ)
    for k in ('GOOGLE_APPLICATION_CREDENTIALS', 'GCE_METADATA_HOST'):
        os.environ.pop(k, None)
    os.environ.update(env)
    try:
        return h.start_agent('a')
    finally:
        os.environ.clear()
        os.environ.update(keep)


google = Google()
h.start_collector()
h.allow('a', h.new_key('a'), 'gcp/gcp-main')
credentials = h.write('key.json', json.dumps({'type': 'service_account', 'project_id': 'acme-sec', 'private_key_id': 'k1', 'private_key': key_pem,
                                              'client_email': ACCOUNT, 'token_uri': f'{google.url}/token'}))
source = f'id: gcp-main, type: gcp, input: pubsub, subscription: {SUBSCRIPTION}, endpoint: "{google.url}", allow_private: true'
h.agent_config('a', [f'{{ {source}, credentials_file: {credentials} }}'])

# ---- messages of every kind ----
publish(120)
google.publish(b'{"hello":"world"}')      # nothing about secrets
google.publish(None, only='attributes')
google.publish(b'{"protoPayload": {"serviceName": "secretmanager.googleapis.com", ')  # broken
google.copies = 0.3
agent = start_agent()
check(wait_for(lambda: stored() == total and not google.messages, 30), 'messages come and are acknowledged, copies too', f'{stored()} of {total}, {len(google.messages)} left {google.bad}\n' + status() + h.log('a.log')[-800:])
check(google.bad == [] and google.token_n == 1, 'one token, with a right signature', f'{google.bad[:3]} {google.token_n}')
google.copies = 0.0
check(wait_for(lambda: h.count('kind:quarantine') >= 1, 10), 'what is no record is quarantined', status())
publish(20, 30000)
check(wait_for(lambda: stored() == total, 30), 'long records come whole', f'{stored()} of {total}\n' + status())
google.deadline = 0
google.publish(base64.b64encode(os.urandom(5 << 20)))
check(wait_for(lambda: 'longer than 8 MiB' in status(), 40), 'a message that is too long is said', status())
check(google.pulls[-1] == 1, 'after one alone was asked for', google.pulls[-12:])
with google.lock:
    google.messages.clear()
google.deadline = 3

# ---- refusals ----
publish(3)
google.status = 403
stop(agent)  # a new run begins without a wait
agent = start_agent()
check(wait_for(lambda: 'roles/pubsub.subscriber' in status(), 20), '403 is said, with what to do', status())
google.status = 0
stop(agent)
agent = start_agent()
check(wait_for(lambda: stored() == total and not google.messages, 30), 'and the messages are read then', f'{stored()} of {total}\n' + status())
had = google.token_n
google.tokens.clear()
publish(3)
check(wait_for(lambda: stored() == total, 30) and google.token_n > had, 'a token that is refused is asked for anew', f'{stored()} of {total} {google.token_n}\n' + status())
check(stop(agent) == 0, 'the agent ends cleanly', h.log('a.log')[-800:])
google.token_status = 400
agent = start_agent()
check(wait_for(lambda: 'invalid_grant' in status() and 'clock' in status(), 20), 'a clock that is wrong is said', status())
google.token_status = 0
agent.kill()
agent.wait()

# ---- nothing is acknowledged before it is kept ----
google.faults, google.deadline, google.copies, google.life = 0.25, 2, 0.05, 301  # the token is renewed again and again
kills = how_many_kills(4)
agent = start_agent()
for i in range(kills):
    publish(rng.randrange(100, 700))
    time.sleep(rng.uniform(0.1, 1.2))
    agent.kill()
    agent.wait()
    h.shake(rng)
    agent = start_agent()
google.faults = 0.0
check(wait_for(lambda: stored() == total and not google.messages, 60), f'after {kills} kills and many bad answers everything is there', f'{stored()} of {total}, {len(google.messages)} left\n' + status())
ids = [r['native_id'] for r in ndjson(keytrail('search', 'kind:access', '--db', h.db, '--since', '@0', '-o', 'ndjson', '-q'))]
check(len(ids) == len(set(ids)) == total, 'exactly once', f'{len(ids)} {len(set(ids))} {total}')
check(stop(agent) == 0, 'the agent ends cleanly again')

# ---- the instance's account; messages that wait for the spool ----
google.life = 3600
config = h.agent_config('a', [f'{{ {source} }}'])
agent = start_agent(GCE_METADATA_HOST=google.url.removeprefix('http://'))
publish(5)
check(wait_for(lambda: stored() == total, 30) and google.flavor > 0, 'the instance gives the token', f'{stored()} of {total} {google.flavor}\n' + status())
check(stop(agent) == 0 and stop(h.collector) == 0, 'agent and collector end cleanly', h.log('a.log')[-800:])
h.write('a.yaml', open(config).read().replace('1GiB', '160KiB'))
publish(1000, 480)
google.longer = 0
agent = start_agent(GCE_METADATA_HOST=google.url.removeprefix('http://'))
check(wait_for(lambda: google.longer > 0, 20), 'while the spool is full the deadline is moved', status())
left = len(google.messages)
check(left > 0 and 'FULL' in status(), 'and nothing is acknowledged that is not kept', f'{left}\n' + status())
h.start_collector()
check(wait_for(lambda: stored() == total and not google.messages, 30), 'then it is all there', f'{stored()} of {total}, {len(google.messages)} left\n' + status())
check(stop(agent) == 0, 'the agent ends cleanly at last', h.log('a.log')[-800:])
secrets = [key_pem.splitlines()[3], 'ya29.invented']
for name in ('a.log', 'spool-a/status.json'):
    check(not any(s in h.log(name) for s in secrets), f'no key and no token in {name}')
check(stop(h.collector) == 0, 'and the collector')
v = keytrail('verify', '--db', h.db, '-c', h.path('keytrail.yaml'), ok=False)
check(v.returncode == 0, 'the store verifies with every signature', v.stdout + v.stderr)
finish()
