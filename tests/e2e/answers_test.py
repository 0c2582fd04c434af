#!/usr/bin/env python3
"""Who acknowledges in PagerDuty has acknowledged here and everywhere else: the hook hears of it, Slack's first message turns.
Each message has the pages of alerts.links; a changed setting is a change event there, and nothing elsewhere."""
import http.server, json, re, threading, urllib.parse
from support import *

rng = random.Random(SEED)
lock = threading.Lock()
events, changes, hooks, slack, asked, entries = [], [], [], [], [], []
# What the collector says of itself, of a disk of this host that is nearly full, say: it is answered, and not asked for here.
OWN = re.compile('runbooks/self"|"detector": "self"')
SECRETS = ('xoxb-SECRET-1', 'RESTSECRET', '0123456789abcdef0123456789abcdef', 'HOOKPATHSECRET')


class Stub(http.server.BaseHTTPRequestHandler):
    def reply(self, code, body):
        data = json.dumps(body).encode()
        self.send_response(code); self.send_header('Content-Length', str(len(data))); self.end_headers(); self.wfile.write(data)

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
        own = OWN.search(json.dumps(body)) is not None
        with lock:
            if self.path.startswith('/api/chat.'):
                if not own:
                    slack.append((self.path[len('/api/chat.'):], body, self.headers['Authorization']))
                return self.reply(200, {'ok': True, 'channel': 'C0', 'ts': '1795377600.999999' if own else body.get('ts') or f'1795377600.{len(slack):06d}'})
            if not own:
                ({'/v2/enqueue': events, '/v2/change/enqueue': changes}.get(self.path, hooks)).append(body)
        self.reply(202, {'status': 'success', 'message': 'Event processed'})

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        with lock:
            asked.append((self.path, self.headers['Authorization']))
            keys = [e['dedup_key'] for e in events if e['event_action'] == 'trigger']
            if url.path == '/incidents':
                key = urllib.parse.parse_qs(url.query)['incident_key'][0]
                return self.reply(200, {'incidents': [{'id': 'PINC'}] if key in keys else []})
            self.reply(200, {'log_entries': entries[::-1], 'more': False})

    def log_message(self, *a):
        pass


server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Stub)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
base = f'http://127.0.0.1:{server.server_address[1]}'
h = House()
for name, text in (('pd.url', base + '/v2/enqueue'), ('pd.key', SECRETS[2]), ('pd.token', SECRETS[1]), ('bot.url', base + '/api/'), ('bot.token', SECRETS[0]),
                   ('hook.url', f'{base}/{SECRETS[3]}'), ('hook.key', keytrail('notify', 'keygen').stdout.decode())):
    h.write(name, text)
h.write('keytrail.yaml', open(h.path('keytrail.yaml')).read() + f'''
alerts:
  links: {{ alert: "https://keys.example.com/a/{{id}}", runbook: "https://keys.example.com/runbooks/{{detector}}" }}
  targets:
    pd: {{ type: pagerduty, url_file: {h.path('pd.url')}, routing_key_file: {h.path('pd.key')}, api_token_file: {h.path('pd.token')}, api: "{base}", allow_private: true, changes: true }}
    chat: {{ type: slack_bot, url_file: {h.path('bot.url')}, token_file: {h.path('bot.token')}, channel: C0, allow_private: true }}
    siem: {{ type: webhook, url_file: {h.path('hook.url')}, secret_file: {h.path('hook.key')}, allow_private: true }}
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
if not check(wait_for(lambda: events and slack and hooks, 20), 'the alert reaches all three', h.log('collector.log')[-800:]):
    finish()
alert = events[0]['dedup_key']
pages = [f'https://keys.example.com/a/{alert}', f"https://keys.example.com/runbooks/{events[0]['payload']['class']}"]
check(events[0]['client_url'] == pages[0] and [l['href'] for l in events[0]['links']] == pages, 'the incident has the pages of the alert and its runbook', events[0])
check(all(f'"url": "{p}"' in json.dumps(slack[0][1]) for p in pages), 'so has the message, as buttons', slack[0][1])
entries.append({'id': 'R2ENTRY', 'type': 'acknowledge_log_entry', 'created_at': iso(time.time(), 0), 'agent': {'type': 'user_reference', 'id': 'PUSER', 'summary': 'Ana Alm'}})
acked = lambda: any(x['type'] == 'alert.acknowledged' for x in hooks)
check(wait_for(acked, 20), 'an acknowledgement there reaches the other targets', (asked, h.log('collector.log')[-800:]))
check(wait_for(lambda: any(m == 'update' for m, _, _ in slack), 10), "Slack's first message turns", [m for m, _, _ in slack])
way, body, auth = next(x for x in slack if x[0] == 'update')
check(body['ts'] == '1795377600.000001' and 'acknowledged' in json.dumps(body) and 'Ana Alm' in json.dumps(body), 'and says who has it', json.dumps(body)[:1500])
shown = keytrail('alerts', 'show', alert, '--db', h.db, ok=False).stdout.decode()
check('Ana Alm' in shown and 'pd' in shown and 'R2ENTRY' in shown, 'the record says who, where, and by which entry', shown)
with lock:
    check(all(a == f'Token token={SECRETS[1]}' for _, a in asked), 'each asking has the key')
    check(not any(e['event_action'] == 'trigger' for e in events[1:]), 'nobody is paged again', [e['event_action'] for e in events])
said = h.log('collector.log') + shown + keytrail('status', '--db', h.db, '-o', 'json', ok=False).stdout.decode() + \
    keytrail('config', 'show', '-c', h.path('keytrail.yaml')).stdout.decode()
check(not any(s in said for s in SECRETS), 'no key and no path of a URL is in log, record, status or configuration', [s for s in SECRETS if s in said])
with open(h.db, 'rb') as f:
    store = f.read()
check(not any(s.encode() in store for s in SECRETS), 'nor in the store')
check(stop(h.collector) == 0, 'the collector ends cleanly', h.log('collector.log')[-800:])
asks = len(asked)
was = [c['payload']['summary'] for c in changes]
h.write('keytrail.yaml', open(h.path('keytrail.yaml')).read().replace('store: {', 'store: { retention: 500d,'))
h.start_collector()
check(wait_for(lambda: len(changes) > len(was), 15) and changes[-1]['payload']['summary'] == 'retention was 400 days and is 500 days', 'another retention is a change event', (was, changes))
check(any(s.endswith('vault-prod sends records for the first time') for s in was), 'so was the new source', was)
check(wait_for(lambda: len(asked) >= asks + 2, 15), 'after a restart it asks again')
time.sleep(0.5)
check(len([x for x in hooks if x['type'] == 'alert.acknowledged']) == 1, 'and it is told once, a restart later too', [x['type'] for x in hooks])
check(len(changes) == len(was) + 1 and not any(x['type'] == 'change.recorded' for x in hooks), 'a change is told once, and only where it was asked for', (changes, [x['type'] for x in hooks]))
check(stop(h.collector) == 0, 'the collector ends cleanly', h.log('collector.log')[-800:])
finish()
