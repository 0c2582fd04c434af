#!/usr/bin/env python3
"""The archive of S3: a real server (npm s3rver), and a stub that checks the signature with code of its own and the headers of object lock, and loses its first answer. Each object is written once, its manifest
says what is inside, its lines are the stored ones."""
import base64, hashlib, hmac as hm, http.server, json, random, threading
from support import *

rng = random.Random(SEED)
NPM = os.path.abspath('build/peers/npm/node_modules')
h = House()
lock = threading.Lock()
objects, puts, gets, wrong = {}, [], [], []


def signature(method, path, headers, body_hash, secret):
    """AWS's, from "Signature Version 4 signing process", over the headers that the request says it signed."""
    a = headers['Authorization']
    scope = re.search(r'Credential=[^/]+/([^,]+)', a)[1]
    names = re.search(r'SignedHeaders=([^,]+)', a)[1]
    canonical = '\n'.join([method, path, '', *(f'{n}:{headers[n].strip()}' for n in names.split(';')), '', names, body_hash])
    text = '\n'.join(['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = ('AWS4' + secret).encode()
    for part in scope.split('/'):
        key = hm.new(key, part.encode(), hashlib.sha256).digest()
    return hm.new(key, text.encode(), hashlib.sha256).hexdigest()


class Stub(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *a):
        pass

    def answer(self, status, body=b''):
        self.send_response(status)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_PUT(self):
        body = self.rfile.read(int(self.headers['Content-Length']))
        sha = hashlib.sha256(body)
        want = {'If-None-Match': '*', 'x-amz-content-sha256': sha.hexdigest(), 'x-amz-checksum-sha256': base64.b64encode(sha.digest()).decode(), 'x-amz-object-lock-mode': 'COMPLIANCE',
                'x-amz-server-side-encryption': 'aws:kms'}
        until = time.strptime(self.headers['x-amz-object-lock-retain-until-date'], '%Y-%m-%dT%H:%M:%SZ')
        days = (time.mktime(until) - time.mktime(time.gmtime())) / 86400
        with lock:
            wrong.extend(f'{k}: {self.headers.get(k)}' for k, v in want.items() if self.headers.get(k) != v)
            if not 399.9 < days < 400.1:
                wrong.append(f'locked for {days} days')
            if not re.match(r'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/\d{8}/eu-central-1/s3/aws4_request, SignedHeaders=host;if-none-match;x-amz-checksum-sha256;', self.headers['Authorization']):
                wrong.append(self.headers['Authorization'])
            if self.headers['Authorization'].rsplit('Signature=', 1)[1] != signature('PUT', self.path, self.headers, sha.hexdigest(), 'sesame'):
                wrong.append('the signature of ' + self.path)
            there = self.path in objects
            if not there:
                objects[self.path] = body
            puts.append(self.path)
            first = len(puts) == 1
        self.answer(500 if first else 412 if there else 200, b'<Error><Code>PreconditionFailed</Code></Error>' if there else b'')

    def do_GET(self):
        with lock:
            gets.append(self.path)
            if self.headers['Authorization'].rsplit('Signature=', 1)[1] != signature('GET', self.path, self.headers, hashlib.sha256(b'').hexdigest(), 'sesame'):
                wrong.append('the signature of the GET')
        self.answer(200, objects[self.path])


server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Stub)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
h.write('stub.url', f'http://127.0.0.1:{server.server_address[1]}/bucket')
h.write('aws', 'aws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = sesame')
streams = f"\n  stub: {{ type: s3_archive, url_file: {h.path('stub.url')}, credentials_file: {h.path('aws')}, region: eu-central-1, allow_private: true }}"

port, real = free_port(), os.path.join(NPM, '.bin/s3rver')
if os.path.exists(real) and shutil.which('node'):
    os.mkdir(h.path('s3'))
    start([real, '-d', h.path('s3'), '-a', '127.0.0.1', '-p', str(port), '--configure-bucket', 'archive'], h.path('s3rver.log'))
    h.write('real.url', f'http://127.0.0.1:{port}/archive')
    h.write('real.aws', 'aws_access_key_id = S3RVER\naws_secret_access_key = S3RVER')
    h.write('bad.aws', 'aws_access_key_id = NOBODY\naws_secret_access_key = wrong')
    for name in ('real', 'bad'):
        streams += f"\n  {name}: {{ type: s3_archive, url_file: {h.path('real.url')}, credentials_file: {h.path(name + '.aws')}, lock_mode: none, encryption: none, prefix: {name}, allow_private: true }}"
else:
    real = None
    check(True, 's3rver # SKIP it is not here: make deps-test')
h.write('keytrail.yaml', open(h.path('keytrail.yaml')).read() + 'streams:' + streams + '\n')
h.allow('v', h.new_key('v'))
log = VaultLog(h.path('audit.log'), rng)
h.agent_config('v', [f'{{ id: vault-prod, type: vault, input: tail, path: {log.path} }}'])
log.write(20100)  # a body goes out when 20,000 records wait, or after a minute
if real:
    def up():
        with socket.socket() as s:
            return s.connect_ex(('127.0.0.1', port)) == 0
    check(wait_for(up, 15), 's3rver listens', h.log('s3rver.log'))
h.start_collector()
h.start_agent('v')


def listed():
    return keytrail('stream', 'list', '-c', h.path('keytrail.yaml'), ok=False).stdout.decode() + h.log('collector.log')[-2000:]


check(wait_for(lambda: any(p.endswith('.manifest.json') for p in objects), 30), 'an object and its manifest are written', listed())
part = next(p for p in objects if p.endswith('.ndjson.zst'))
check(puts[:3] == [part, part, part.replace('.ndjson.zst', '.manifest.json')] and gets == [part], 'what was there already was read, found the same, and not written twice', (puts, gets))
check(re.match(r'^/bucket/keytrail/v1/log%3D\w{26}/date%3D\d{4}-\d\d-\d\d/part-\d{12}-\d{12}-[0-9a-f]{16}\.ndjson\.zst$', part), 'its name says what is inside', part)
check(not wrong, 'every request is locked, checked and signed', wrong)


def holds(body, manifest, what):
    m = json.loads(manifest)
    lines = run('zstd', '-dc', stdin=body).stdout.decode().splitlines()
    ids = {json.loads(l)['native_id'] for l in lines}
    check(m['sha256'] == hashlib.sha256(body).hexdigest() and m['bytes'] == len(body) and m['rows'] == len(lines) == len(ids) and m['last_seq'] - m['first_seq'] + 1 >= m['rows'] > 500,
          f'{what}: the manifest tells size, hash, rows and places', m)
    check(all(l.startswith('{"v":1,"kind":"access","source":"vault"') for l in lines), f'{what}: the lines are canonical', lines[0][:100])


holds(objects[part], objects[part.replace('.ndjson.zst', '.manifest.json')], 'stub')
if real:
    def found(end):
        return sorted(f for f in glob_all(h.path('s3')) if end in f and 'real' in f)

    def glob_all(top):
        return [os.path.join(d, f) for d, _, fs in os.walk(top) for f in fs]
    check(wait_for(lambda: [f for f in found('.manifest.json') if '_object' in f], 20), 's3rver takes objects', listed() + h.log('s3rver.log'))
    body, manifest = (open(next(f for f in found(e) if f.endswith('_object')), 'rb').read() for e in ('.ndjson.zst', '.manifest.json'))
    holds(body, manifest, 's3rver')
    check(wait_for(lambda: 'InvalidAccessKeyId' in listed(), 10), 'an unknown key is refused, and said', listed())
    check(not [f for f in glob_all(h.path('s3')) if '/bad' in f], 'and writes nothing')
check('sesame' not in h.log('collector.log'), 'no key is in a log')
finish()
