#!/usr/bin/env python3
"""`keytrail-agent source add` and `source doctor`: an entry for every type that loads as it stands; each way in which a source can be out of reach is said with
what to do; looking changes nothing outside."""
import base64, http.server, json, os, random, re, stat, threading
from support import *

rng = random.Random(SEED)
d = folder()


def write(name, text, mode=0o600):
    path = os.path.join(d, name)
    with open(path, 'w') as f:
        f.write(text)
    os.chmod(path, mode)
    return path


def agent(*args, code, user=None):
    p = subprocess.run([AGENT, 'source', *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, user=user, extra_groups=[] if user else None)
    check(p.returncode == code, f'source {" ".join(os.path.basename(a) for a in args)}: exit {code}', (p.returncode, p.stderr.decode(), p.stdout.decode()))
    return p.stdout.decode(), p.stderr.decode()


HEAD = 'agent: a\ncollector: { endpoint: tcp://127.0.0.1:1, public_key: "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID" }\nspool: { path: spool }\n'

# ---- add ----
types = [r['name'] for r in json.loads(agent('list', '-o', 'json', code=0)[0]) if r['kind'] == 'source']
config = write('add.yaml', HEAD + '# what is read\nsources: []\n# the end\n', 0o640)
for t in types:
    out, _ = agent('add', t, code=0)
    check(f'type: {t} ' in out and f'agents/sources/{t}.md' in out and all(l.startswith(('  # ', '  #', '  - ', '    ')) for l in out.splitlines()), f'an entry for {t}', out)
    agent('add', t, '--write', '-c', config, code=0)
text = open(config).read()
check(stat.S_IMODE(os.stat(config).st_mode) == 0o640 and text.endswith('# the end\n') and text.count('\n  - id: ') == len(types), 'they stand in the file one below the other', text)
p = keytrail('config', 'check', '-c', config)
check(f'{len(types)} sources' in p.stdout.decode(), 'and load', p.stdout)
_, err = agent('add', types[0], '--write', '-c', config, code=3)
check('is the id of another source' in err and open(config).read() == text, 'an id that is there already is refused, and nothing written', err)
check(sorted(os.listdir(d)) == ['add.yaml'], 'nothing is left behind', os.listdir(d))
out, _ = agent('add', 'gcp', '--input', 'files', '--id', 'gcp-copy', code=0)
check('id: gcp-copy' in out and 'input: files' in out and 'path: ' in out and 'subscription:' not in out, 'another input', out)
_, err = agent('add', 'valut', code=3)
check('source list' in err, 'a type that is none is refused', err)
_, err = agent('add', 'vault', '--write', '-c', write('flow.yaml', HEAD + 'sources: [{ id: x, type: vault, path: /x }]\n'), code=3)
check('by hand' in err, 'a list in one line is left alone', err)
real = write('real.yaml', HEAD + 'sources:\n- id: x\n  type: vault\n  path: /x\n', 0o640)
os.symlink(real, os.path.join(d, 'link.yaml'))
owner = (65534, 65534) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
os.chown(real, *owner)
agent('add', 'kubernetes', '--write', '-c', os.path.join(d, 'link.yaml'), code=0)
st = os.lstat(real)
check(os.path.islink(os.path.join(d, 'link.yaml')) and (st.st_uid, st.st_gid) == owner and stat.S_IMODE(st.st_mode) == 0o640, 'a link stays a link, the file keeps its owner', st)
check('\n- id: k' in open(real).read() and b'2 sources' in keytrail('config', 'check', '-c', real).stdout, 'an entry stands in as far as the others do', open(real).read())
agent('add', 'vault', '--write', '-c', write('none.yaml', HEAD), code=0)
check(b'1 source' in keytrail('config', 'check', '-c', os.path.join(d, 'none.yaml')).stdout, 'a file without sources gets them')


# ---- services ----
class Stub:
    """Answers what it is told to, and writes down what it was asked."""
    def __init__(self):
        self.status, self.body, self.asked = 200, {}, []
        stub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'

            def log_message(self, *_):
                pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get('Content-Length') or 0))
                stub.asked.append((self.path, self.headers.get('x-amz-target'), body))
                status, answer = (stub.body(self.path, body) if callable(stub.body) else (stub.status, stub.body))
                answer = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header('Content-Length', str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST

        server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.url = f'http://127.0.0.1:{server.server_address[1]}'
        threading.Thread(target=server.serve_forever, daemon=True).start()
        atexit.register(server.shutdown)


def usage(n):
    return {'uuid': f'INVENTED{n:018d}', 'timestamp': iso(time.time() - 600 + n), 'used_version': 1, 'vault_uuid': 'VAULTINVENTED0000000000001', 'item_uuid': 'ITEMINVENTED00000000000001',
            'action': 'reveal', 'user': {'uuid': 'USERINVENTED00000000000001', 'name': 'Dana', 'email': f'dana{n}@acme.example'},
            'client': {'app_name': '1Password', 'ip_address': '203.0.113.9'}, 'account_uuid': 'ACCOUNTINVENTED00000000001'}


service = Stub()
token = write('op.token', 'eyJhbGciOiJFUzI1NiJ9.eyJhdWQiOlsiYSJdfQ.c2ln\n')
op = write('op.yaml', HEAD + f'sources:\n  - {{ id: op, type: onepassword, input: http_poll, token_file: {token}, url: "{service.url}", allow_private: true }}\n')
service.body = lambda path, body: (200, {'cursor': 'c1', 'has_more': False, 'items': [usage(n) for n in range(5)] if 'itemusages' in path else []})
out, _ = agent('doctor', '-c', op, code=0)
lines = out.splitlines()
newest = [l for l in lines if '@acme.example' in l]
check('5 events' in out and lines[-1] == '  ok', 'a good page is understood', out)
check([re.search(r'dana\d', l)[0] for l in newest] == ['dana4', 'dana3', 'dana2'] and 'reveal' not in newest[0] and 'read  op://ACCOUNTINVENTED00000000001/' in newest[0]
      and '203.0.113.9' in newest[0] and 'success' in newest[0], 'the newest three: when who what which secret where', out)
service.body = lambda path, body: (200, {'cursor': 'c1', 'has_more': False, 'items': []})
out, _ = agent('doctor', '-c', op, code=0)
check('there is nothing in it yet' in out and 'set up' in out and 'needed' not in out, 'an empty page is fine, with what makes it fill', out)
for code in (401, 403):
    service.body = lambda path, body: (code, {})
    out, _ = agent('doctor', '-c', op, code=1)
    check('missing' in out and 'needed' in out and 'Events Reporting integration' in out, f'{code} is said, with the kind of token', out)
os.chmod(token, 0o644)
out, _ = agent('doctor', '-c', op, code=1)
check('chmod' in out, 'a token that others can read is said', out)

# ---- a queue ----
os.environ.update(AWS_ACCESS_KEY_ID='AKIDINVENTED', AWS_SECRET_ACCESS_KEY='invented', AWS_REGION='eu-central-1')
queue = write('queue.url', f'{service.url}/111122223333/trail\n')
aws = write('aws.yaml', HEAD + f'sources:\n  - {{ id: aws, type: cloudtrail, input: sqs_s3, queue_url_file: {queue}, region: eu-central-1, endpoint: "{service.url}", allow_private: true }}\n')
for code, word, sentence in ((400, 'QueueDoesNotExist', 'check queue_url'), (403, 'AccessDenied', 'sqs:ReceiveMessage')):
    service.body = lambda path, body: (code, {'__type': f'com.amazonaws.sqs#{word}'})
    out, _ = agent('doctor', 'aws', '-c', aws, code=1)
    check(sentence in out and 's3:GetObject' in out, f'{word} is said, with the actions', out)
notice = json.dumps({'Records': [{'eventName': 'ObjectCreated:Put', 's3': {'bucket': {'name': 'b'}, 'object': {'key': 'AWSLogs/x.json'}}}]})
service.asked.clear()
service.body = lambda path, body: (200, {'Messages': [{'MessageId': 'm', 'ReceiptHandle': 'r', 'Body': notice}]}) if path == '/' else (200, {'Records': [cloudtrail(rng, time.time() - 60)]})
out, _ = agent('doctor', '-c', aws, code=0)
check('orders-svc@111122223333  read  aws-sm://111122223333/eu-central-1/prod/orders/db' in out, 'an object is read', out)
targets = {t for _, t, _ in service.asked if t}
check(targets == {'AmazonSQS.ReceiveMessage'} and all(json.loads(b)['VisibilityTimeout'] == 0 for _, t, b in service.asked if t), 'no message is deleted, or hidden from the agent', service.asked[:3])
notice = 'no notice'
service.body = lambda path, body: (200, {'Messages': [{'MessageId': 'm', 'ReceiptHandle': 'r', 'Body': notice}]})
service.asked.clear()
out, _ = agent('doctor', '-c', aws, code=1)
check('tells of no object' in out and len([t for _, t, _ in service.asked if t]) == 1, 'what cannot be taken is received once, and not made a dead letter', (len(service.asked), out))

# ---- a subscription ----
entry = {'protoPayload': {'serviceName': 'secretmanager.googleapis.com', 'methodName': 'google.cloud.secretmanager.v1.SecretManagerService.AccessSecretVersion',
                          'resourceName': 'projects/123/secrets/pay/versions/3', 'authenticationInfo': {'principalEmail': 'dana@acme.example'}, 'requestMetadata': {'callerIp': '203.0.113.7'}},
         'insertId': 'i1', 'timestamp': iso(time.time() - 60), 'logName': 'projects/acme/logs/cloudaudit.googleapis.com%2Fdata_access'}
pulled = {'receivedMessages': [{'ackId': 'a1', 'message': {'data': base64.b64encode(json.dumps(entry).encode()).decode(), 'messageId': '1'}}]}
os.environ['GCE_METADATA_HOST'] = service.url.removeprefix('http://')
gcp = write('gcp.yaml', HEAD + f'sources:\n  - {{ id: g, type: gcp, input: pubsub, subscription: projects/acme/subscriptions/keytrail, endpoint: "{service.url}", allow_private: true }}\n')


def google(status, answer):
    return lambda path, body: (200, {'access_token': 'ya29.invented', 'expires_in': 3599}) if 'computeMetadata' in path else (status, answer)


service.asked.clear()
service.body = google(200, pulled)
out, _ = agent('doctor', '-c', gcp, code=0)
check('dana@acme.example  read  gcp-sm://123/global/pay' in out, 'a message is read', out)
verbs = [p.rpartition(':')[2] for p, _, _ in service.asked if ':' in p]
back = [json.loads(b) for p, _, b in service.asked if p.endswith(':modifyAckDeadline')]
check('acknowledge' not in verbs and back == [{'ackIds': ['a1'], 'ackDeadlineSeconds': 0}], 'it is given back, not acknowledged', service.asked)
service.body = google(403, {'error': {'status': 'PERMISSION_DENIED'}})
out, _ = agent('doctor', '-c', gcp, code=1)
check('roles/pubsub.subscriber' in out and 'DATA_READ' in out, '403 is said, with the role and what makes reads show', out)
check('ya29' not in out, 'no token is shown')

# ---- files, as a user who may not read all ----
os.chmod(d, 0o755)
log = VaultLog(os.path.join(d, 'audit.log'), rng)
log.write(20)
files = write('files.yaml', HEAD + f'sources:\n  - {{ id: v, type: vault, path: {log.path} }}\n', 0o644)
out, _ = agent('doctor', '-c', files, code=0)
check('20 events' in out and 'vault://v/-/secret/app/db' in out, 'a file is read', out)
check(not os.path.exists(os.path.join(d, 'spool')), 'no spool is made')
os.chmod(log.path, 0o600)
try:
    reachable = subprocess.run([AGENT, '--version'], user=65534, extra_groups=[], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
except (PermissionError, OSError):
    reachable = False
if reachable:
    out, _ = agent('doctor', '-c', files, code=1, user=65534)
    check(f'setfacl -m u:nobody:r {log.path}' in out, 'a file that may not be read is said, with the command', out)
    os.mkdir(os.path.join(d, 'closed'), 0o700)
    shutil.copy(log.path, os.path.join(d, 'closed/audit.log'))
    out, _ = agent('doctor', '-c', write('files.yaml', HEAD + f'sources:\n  - {{ id: v, type: vault, path: {d}/closed/audit.log }}\n', 0o644), code=1, user=65534)
    check(f'setfacl -m u:nobody:rx {d}/closed' in out, 'so is a folder', out)
for stores, code in (('[eso=vault://prod/-/secret]', 0), ('[eso]', 3)):
    out, _ = agent('doctor', '-c', write('k8s.yaml', HEAD + f'sources:\n  - {{ id: k, type: kubernetes, proxies: [10.0.0.0/8], stores: {stores}, path: {write("empty.log", "")} }}\n'), code=code)
    check(("stores: 'eso': write" in out) == (code == 3), 'the keys of a type are read as the agent reads them', out)
files = write('files.yaml', HEAD + f'sources:\n  - {{ id: v, type: vault, path: {d}/nothing.log }}\n  - {{ id: k, type: kubernetes, path: {write("empty.log", "")} }}\n  - {{ id: w, type: cloudtrail, path: {write("other.log", "no json" + chr(10))} }}\n')
out, _ = agent('doctor', 'v', '-c', files, code=1)
check('missing' in out and 'vault audit enable file' in out, 'a file that is not there is said, with what makes it', out)
out, _ = agent('doctor', 'k', '-c', files, code=0)
check('nothing in it yet' in out and 'apiVersion: audit.k8s.io/v1' in out, 'an empty file is fine, with the audit policy', out)
out, _ = agent('doctor', 'w', '-c', files, code=1)
check('is \'cloudtrail\' the right type' in out, 'a file of another kind is said', out)

# ---- listeners ----
port = free_port()
listen = write('listen.yaml', HEAD + f'sources:\n  - {{ id: s, type: vault, input: socket, listen: "tcp://127.0.0.1:{port}" }}\n')
out, _ = agent('doctor', '-c', listen, code=0)
check('can be taken' in out, 'a listener is bound and released', out)
with socket.socket() as s:
    s.bind(('127.0.0.1', port))
    s.listen()
    out, _ = agent('doctor', '-c', listen, code=1)
    check('in use' in out and 'keytrail-agent status' in out, 'an address that is taken is said', out)

# ---- configuration ----
out, _ = agent('doctor', '-c', write('bad.yaml', HEAD + 'sources:\n  - { id: x, type: vault, input: pubsub, subscription: projects/a/subscriptions/b }\n'), code=3)
check('does not come through Pub/Sub' in out, 'what does not fit is an error of the configuration', out)
agent('doctor', '-c', os.path.join(d, 'no.yaml'), code=3)
_, err = agent('doctor', 'y', '-c', listen, code=3)
check("no source 'y'" in err, 'so is a source that is not there', err)
finish()
