#!/usr/bin/env python3
"""Messages are what their receivers' own libraries take: cards by npm adaptivecards, signed hooks by npm standardwebhooks; keys by `notify keygen`."""
import glob, http.server, json, re, threading
from support import *

here = os.path.dirname(os.path.abspath(__file__))
npm = os.path.join(here, '../../build/peers/npm')
jobs = []  # (name, job)


class Stub(http.server.BaseHTTPRequestHandler):
    got = []

    def do_POST(self):
        Stub.got.append(({k.lower(): v for k, v in self.headers.items()}, self.rfile.read(int(self.headers['Content-Length'])).decode()))
        self.send_response(200); self.send_header('Content-Length', '0'); self.end_headers()

    def log_message(self, *a):
        pass


for path in sorted(glob.glob(os.path.join(here, '../cases/targets/teams/*.case'))):
    m = re.search(r'\nbody\n(.*?)\nend\n', open(path).read(), re.S)
    if m:
        jobs.append((f'adaptivecards takes {os.path.basename(path)}', {'kind': 'card', 'card': json.loads(m[1])['attachments'][0]['content']}))
check(len(jobs) >= 4, 'there are cards to look at', len(jobs))

server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Stub)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
h = House()
keys = keytrail('notify', 'keygen')
lines = keys.stdout.decode().split()
public = re.search(r'whpk_\S+', keys.stderr.decode())[0]
check(len(lines) == 2 and lines[0].startswith('whsec_') and lines[1].startswith('whsk_'), 'keygen prints a key file', keys.stdout[:20])
check(lines != keytrail('notify', 'keygen').stdout.decode().split(), 'and another one next time')
old = keytrail('notify', 'keygen').stdout.decode()
h.write('hook.url', f'http://127.0.0.1:{server.server_address[1]}/hook')
h.write('hook.keys', '\n'.join(lines) + '\n')
h.write('hook.old', old)
h.write('keytrail.yaml', open(h.path('keytrail.yaml')).read() + f'''
alerts:
  targets:
    siem: {{ type: webhook, url_file: {h.path('hook.url')}, secret_file: {h.path('hook.keys')}, previous_secret_file: {h.path('hook.old')}, allow_private: true }}
''')
for i in range(3):
    keytrail('notify', 'test', 'siem', '-c', h.path('keytrail.yaml'))
for headers, body in Stub.got:
    check(len(headers['webhook-signature'].split(' ')) == 4, 'every key of both files signs', headers)
    jobs.append(('standardwebhooks and Ed25519 verify a message', {'kind': 'webhook', 'secret': lines[0], 'public': public, 'headers': headers, 'body': body}))
headers, body = Stub.got[0]
jobs.append(('a receiver with the key before still verifies', {'kind': 'webhook', 'secret': old.split()[0], 'public': public, 'headers': headers, 'body': body}))
p = subprocess.run(['node', os.path.join(here, 'check_messages.js'), npm], input='\n'.join(json.dumps(j) for _, j in jobs), text=True,
                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
says = p.stdout.splitlines()
check(len(says) == len(jobs), 'each was looked at', p.stderr)
for (name, _), said in zip(jobs, says):
    check(said == 'ok', name, said)
finish()
