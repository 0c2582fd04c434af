#!/usr/bin/env python3
"""What a SIEM gets: syslog and CEF by TLS into a real rsyslog and a real syslog-ng, and stubs that answer as Elasticsearch, Splunk, Loki, an OpenTelemetry collector, an OCSF lake and S3
do, each refusing at first. Every event arrives, with one stable id; nothing of it holds a secret's value."""
import base64, collections, glob, gzip, hashlib, http.server, json, random, threading
from support import *

rng = random.Random(SEED)
EVENTS = 300
PEERS = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../build/peers')
h = House()

# ---- a test CA ----

def openssl(*argv):
    run('openssl', *argv)


openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=test CA', '-keyout', h.path('ca.key'), '-out', h.path('ca.pem'))
openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', '/CN=127.0.0.1', '-keyout', h.path('peer.key'), '-out', h.path('peer.csr'))
h.write('san', 'subjectAltName=IP:127.0.0.1')
openssl('x509', '-req', '-in', h.path('peer.csr'), '-CA', h.path('ca.pem'), '-CAkey', h.path('ca.key'), '-CAcreateserial', '-days', '2', '-extfile', h.path('san'), '-out', h.path('peer.pem'))

# ---- real daemons of syslog ----

def daemon(name):
    return shutil.which(name, path=os.pathsep.join(['/usr/sbin', '/usr/bin', os.path.join(PEERS, 'usr/sbin')]))


modules = glob.glob('/usr/lib/*/rsyslog') + glob.glob(os.path.join(PEERS, 'usr/lib/*/rsyslog'))
libraries = [os.path.abspath(d) for d in glob.glob(os.path.join(PEERS, 'usr/lib/*-linux-gnu')) + glob.glob(os.path.join(PEERS, 'usr/lib/syslog-ng'))]
os.environ['LD_LIBRARY_PATH'] = os.pathsep.join(libraries)
ports = {'rsyslog': free_port(), 'syslog-ng': free_port()}
h.write('rsyslog.conf', f'''global(workDirectory="{h.dir}" maxMessageSize="64k" defaultNetstreamDriver="ossl" defaultNetstreamDriverCAFile="{h.path('ca.pem')}"
  defaultNetstreamDriverCertFile="{h.path('peer.pem')}" defaultNetstreamDriverKeyFile="{h.path('peer.key')}" parser.escapeControlCharactersOnReceive="off")
module(load="imtcp" StreamDriver.Name="ossl" StreamDriver.Mode="1" StreamDriver.AuthMode="anon")
input(type="imtcp" port="{ports['rsyslog']}" address="127.0.0.1")
template(name="out" type="string" string="%pri% %hostname% %app-name% %msgid% %structured-data% %msg%\\n")
action(type="omfile" file="{h.path('rsyslog.out')}" template="out")
''')
ng = os.path.join(PEERS, 'usr/lib/syslog-ng/3.38')
h.write('syslog-ng.conf', f'''@version: 3.38
source s {{ syslog(ip(127.0.0.1) port({ports['syslog-ng']}) transport("tls") tls(cert-file("{h.path('peer.pem')}") key-file("{h.path('peer.key')}") peer-verify(optional-untrusted))); }};
destination d {{ file("{h.path('syslog-ng.out')}" template("${{HOST}} ${{PROGRAM}} ${{MSGID}} ${{.SDATA.keytrail@32473.id}} ${{.SDATA.keytrail@32473.actor}} ${{MSG}}\\n")); }};
log {{ source(s); destination(d); }};
''')
daemons = {}
if daemon('rsyslogd'):
    daemons['rsyslog'] = start([daemon('rsyslogd'), '-n', '-f', h.path('rsyslog.conf'), '-i', h.path('rsyslog.pid'), '-M', os.pathsep.join(modules)], h.path('rsyslog.log'))
if daemon('syslog-ng'):
    extra = ['--module-path', ng] if os.path.isdir(ng) else []
    daemons['syslog-ng'] = start([daemon('syslog-ng'), '-F', '--no-caps', '-f', h.path('syslog-ng.conf'), '-R', h.path('ng.persist'), '-p', h.path('ng.pid'), '-c', h.path('ng.ctl'), *extra], h.path('syslog-ng.log'))
for name in ('rsyslog', 'syslog-ng'):
    if name not in daemons:
        check(True, f'{name} # SKIP it is not here: make deps-test')

# ---- stubs ----

lock = threading.Lock()
got = collections.defaultdict(list)     # kind -> (headers, body)
tries = collections.Counter()
objects = {}                            # of S3
docs = {}                               # of Elasticsearch
acked = {}


class Stub(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *a):
        pass

    def answer(self, status, body=b'', **headers):
        self.send_response(status)
        for k, v in headers.items():
            self.send_header(k.replace('_', '-'), v)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def body(self):
        b = self.rfile.read(int(self.headers.get('Content-Length') or 0))
        return gzip.decompress(b) if self.headers.get('Content-Encoding') == 'gzip' else b

    def do_POST(self):
        body, path = self.body(), self.path.split('?')[0]
        with lock:
            tries[path] += 1
            first = tries[path] == 1
            if path == '/services/collector/ack':
                ids = json.loads(body)['acks']
                acked.update({i: acked.get(i, 0) + 1 for i in ids})
                return self.answer(200, json.dumps({'acks': {str(i): acked[i] > 1 for i in ids}}).encode())  # the second question is answered yes
            if first:
                return self.answer(503, b'{"text":"Server is busy","code":9}', Retry_After='1')
            got[path].append((dict(self.headers), body))
            if path.endswith('/_bulk'):
                items = []
                lines = body.decode().splitlines()
                for a, d in zip(lines[::2], lines[1::2]):
                    i = json.loads(a)['create']['_id']
                    status = 409 if i in docs else 429 if len(docs) == 7 and tries['429'] == 0 else 201
                    tries['429'] += status == 429
                    if status == 201:
                        docs[i] = json.loads(d)
                    items.append({'create': {'status': status}})
                return self.answer(200, json.dumps({'errors': any(x['create']['status'] > 201 for x in items), 'items': items}).encode())
            if path == '/services/collector/event':
                return self.answer(200, json.dumps({'text': 'Success', 'code': 0, 'ackId': len(got[path])}).encode())
            self.answer(204 if path.startswith('/loki') else 200, b'' if path.startswith('/loki') else b'{}')

    def do_PUT(self):
        body = self.body()
        with lock:
            there = self.path in objects
            if not there:
                objects[self.path] = body
            got['put'].append((dict(self.headers), body))
            # the first object is stored, but the answer is lost: it is sent again and found there
            if len(got['put']) == 1:
                return self.answer(500, b'<Error><Code>InternalError</Code></Error>')
        self.answer(412 if there else 200, b'<Error><Code>PreconditionFailed</Code></Error>' if there else b'')

    def do_GET(self):
        with lock:
            got['get'].append((dict(self.headers), b''))
            body = objects.get(self.path)
        self.answer(200, body) if body is not None else self.answer(404)


server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Stub)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f'http://127.0.0.1:{server.server_address[1]}'

# ---- the collector and its streams ----

h.write('stub.url', url)
h.write('rsyslog.url', f'tls://127.0.0.1:{ports["rsyslog"]}')
h.write('ng.url', f'tls://127.0.0.1:{ports["syslog-ng"]}')
h.write('token', 'sesame-token')
h.write('aws', 'aws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = sesame-secret')
common = 'alerts: true, allow_private: true'
syslogs = ''
if 'rsyslog' in daemons:
    syslogs += f"\n  rsyslog: {{ type: syslog, url_file: {h.path('rsyslog.url')}, ca_file: {h.path('ca.pem')}, {common} }}"
    syslogs += f"\n  distrust: {{ type: syslog, url_file: {h.path('rsyslog.url')}, {common} }}"
if 'syslog-ng' in daemons:
    syslogs += f"\n  ng: {{ type: syslog, url_file: {h.path('ng.url')}, ca_file: {h.path('ca.pem')}, {common} }}"
    syslogs += f"\n  cef: {{ type: cef, url_file: {h.path('ng.url')}, ca_file: {h.path('ca.pem')}, {common} }}"
h.write('keytrail.yaml', open(h.path('keytrail.yaml')).read() + f'''
canaries: [ {{ secret: "trap/one" }} ]
streams:
  ocsf: {{ type: ocsf, url_file: {h.path('stub.url')}, {common} }}
  elastic: {{ type: elasticsearch, url_file: {h.path('stub.url')}, api_key_file: {h.path('token')}, {common} }}
  splunk: {{ type: splunk_hec, url_file: {h.path('stub.url')}, token_file: {h.path('token')}, ack: true, {common} }}
  loki: {{ type: loki, url_file: {h.path('stub.url')}, tenant: team, {common} }}
  otlp: {{ type: otlp, url_file: {h.path('stub.url')}, token_file: {h.path('token')}, {common} }}
  archive: {{ type: s3_archive, url_file: {h.path('stub.url')}, credentials_file: {h.path('aws')}, {common} }}{syslogs}
''')
conf = h.path('keytrail.yaml')
h.allow('v', h.new_key('v'))
log = VaultLog(h.path('audit.log'), rng)
h.agent_config('v', [f'{{ id: vault-prod, type: vault, input: tail, path: {log.path} }}'])
log.write(EVENTS - 1, who='dana')
log.write(1, who='mallory', secret='trap/one')
for name in daemons:
    def up(port=ports[name]):
        with socket.socket() as s:
            return s.connect_ex(('127.0.0.1', port)) == 0
    check(wait_for(up, 10), f'{name} listens', h.log(f'{name}.log'))
h.start_collector()
h.start_agent('v')
check(wait_for(lambda: h.count() == EVENTS, 20), f'{EVENTS} events are stored', h.count())
want = {e['id'] for e in ndjson(keytrail('search', '', '--db', h.db, '--since', '@0', '-o', 'ndjson', '-q'))}
check(len(want) == EVENTS, 'each has an id of its own', len(want))


def lines(name):
    return h.log(name).splitlines()


def listed():
    p = keytrail('stream', 'list', '-c', conf, '-o', 'json', ok=False)
    return p.stdout.decode() + p.stderr.decode()


def arrived(name, ids, timeout=15):
    ok = wait_for(lambda: want <= set(ids()), timeout)
    check(ok, f'{name}: every event arrives', f'{len(want & set(ids()))} of {EVENTS}\n{listed()}\n{h.log("collector.log")[-1500:]}')


def bodies(path):
    with lock:
        return [b for _, b in got[path]]


arrived('elasticsearch', lambda: [i for i, d in list(docs.items()) if d['event']['kind'] == 'event'])
arrived('ocsf', lambda: [json.loads(l)['metadata']['uid'] for b in bodies('/') + bodies('') for l in b.splitlines()])
arrived('splunk_hec', lambda: [json.loads(l)['fields']['event_id'] for b in bodies('/services/collector/event') for l in b.splitlines()])
arrived('loki', lambda: [v[2]['event_id'] for b in bodies('/loki/api/v1/push') for s in json.loads(b)['streams'] for v in s['values']])
arrived('otlp', lambda: [a['value']['stringValue'] for b in bodies('/v1/logs') for r in json.loads(b)['resourceLogs'][0]['scopeLogs'][0]['logRecords'] for a in r['attributes'] if a['key'] == 'log.record.uid'])
if 'rsyslog' in daemons:
    arrived('rsyslog', lambda: re.findall(r'\[keytrail@32473 id="(\w{26})"', h.log('rsyslog.out')))
    one = next((l for l in lines('rsyslog.out') if 'secret="' in l and 'mallory' in l), '')
    check(re.match(r'^110 test keytrail secret\.read \[keytrail@32473 id="\w{26}" src="vault-prod" actor="mallory[^"]*" ip="10\.1\.2\.3" secret="vault://[^"]*/trap/one" .*outcome="success"', one), 'rsyslog parses header and structured data', one)
    alert = next((l for l in lines('rsyslog.out') if ' ALERT ' in l), '')
    check(alert.startswith('34 test keytrail ALERT [keytrail@32473 id="') and 'severity="critical"' in alert, 'and the alert, which is critical', alert)
    check('distrust' in listed() and re.search('certificate', listed()), 'who does not know the CA sends nothing, and says why', listed())
if 'syslog-ng' in daemons:
    arrived('syslog-ng', lambda: [l.split(' ')[3] for l in lines('syslog-ng.out') if 'CEF:' not in l and l.count(' ') > 4])
    arrived('cef', lambda: re.findall(r'CEF:0\|Keytrail\|keytrail\|[^|]*\|secret\.read\|Secret read\|2\|rt=\d+ externalId=(\w{26})', h.log('syslog-ng.out')))
    sent = [l for l in lines('syslog-ng.out') if 'CEF:' not in l and ' secret.read ' in l]
    check(len(sent) == EVENTS, 'no event came twice', len(sent))

check(tries['429'] == 1 and len([d for d in docs.values() if d['event']['kind'] == 'alert']) >= 1, 'elasticsearch: one document was refused for a while, and came; so did the alert', tries)
check(all(n > 1 for n in acked.values()) and acked, 'splunk: each batch was asked for until the indexers had it', acked)
head = dict(got['/services/collector/event'][0][0])
check(head.get('Authorization') == 'Splunk sesame-token' and re.match(r'^[0-9a-f]{8}-[0-9a-f]{4}-8', head.get('X-Splunk-Request-Channel', '')), 'splunk: token and channel', head)
check(got['/loki/api/v1/push'][0][0].get('X-Scope-OrgID') == 'team', 'loki: the tenant', got['/loki/api/v1/push'][0][0])

# ---- what people do about the alert is a state of it ----

id = next(a['id'] for a in ndjson(keytrail('alerts', 'list', '--db', h.db, '-o', 'ndjson')) if a['severity'] == 'critical')
keytrail('alerts', 'ack', id, '-c', conf)
keytrail('alerts', 'assign', id, '--to', 'carol', '-c', conf)
keytrail('alerts', 'close', id, '--verdict', 'true', '--note', 'key rotated', '-c', conf)


def findings():
    return [o for b in bodies('/') + bodies('') for o in map(json.loads, b.splitlines()) if o['class_uid'] == 2004 and o['finding_info']['uid'] == id]


check(wait_for(lambda: any(o['status_id'] == 4 for o in findings()), 10), 'ocsf: the alert is resolved', [(o['activity_id'], o['status_id']) for o in findings()])
last = findings()[-1]
check([o['status_id'] for o in findings()][-3:] == [2, 2, 4] and len({o['metadata']['uid'] for o in findings()}) == len(findings()) and last['verdict_id'] == 2
      and last['assignee'] == {'name': 'carol'} and last['comment'] == 'key rotated' and last['metadata']['profiles'] == ['incident'], 'acknowledged, assigned, closed: in that order, each with an id of its own', last)
lives = [d['keytrail']['alert'].get('life', {}).get('status') for d in docs.values() if d['event']['kind'] == 'alert' and d['keytrail']['alert']['id'] == id]
check(wait_for(lambda: 'closed' in [d['keytrail']['alert'].get('life', {}).get('status') for d in docs.values() if d['event']['kind'] == 'alert'], 5), 'elasticsearch: so it is there', lives)
if 'syslog-ng' in daemons:
    check(wait_for(lambda: 'act=closed outcome=true reason=key rotated duser=carol' in h.log('syslog-ng.out'), 5), 'cef: so it is there', [l for l in lines('syslog-ng.out') if 'ALERT' in l])

stop(h.collector)
everything = b''.join(b for k in list(got) for b in bodies(k)) + (h.log('rsyslog.out') + h.log('syslog-ng.out')).encode()
values = re.findall(rb'"password":"(hmac-sha256:[0-9a-f]{64})"', open(log.path, 'rb').read())
check(len(values) == EVENTS and not any(v in everything for v in values[:50]), 'no value of a secret went out')
check('sesame' not in h.log('collector.log') and 'sesame' not in listed(), 'no token is in a log')
finish()
