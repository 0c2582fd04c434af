"""What the end-to-end tests share: real processes in a folder of their own, on loopback, stopped by pid; records in the original formats; TAP."""
import argparse, atexit, gzip, json, os, random, re, shutil, signal, socket, subprocess, sys, tempfile, time, uuid

_a = argparse.ArgumentParser()
_a.add_argument('--build', default='build')
ARGS, _ = _a.parse_known_args()
KEYTRAIL = os.path.abspath(os.path.join(ARGS.build, 'keytrail'))
AGENT = os.path.abspath(os.path.join(ARGS.build, 'keytrail-agent'))
SEED = int(os.environ.get('SEED', '0')) or int(time.time())
_children = []
_count = 0
_failed = 0


def check(ok, name, detail=''):
    global _count, _failed
    _count += 1
    print(f'{"ok" if ok else "not ok"} {_count} - {name}', flush=True)
    if not ok:
        _failed += 1
        for l in str(detail).splitlines()[:40]:
            print('    #', l, flush=True)
    return ok


def finish():
    print(f'1..{_count}')
    sys.exit(1 if _failed else 0)


def folder():
    d = tempfile.mkdtemp(prefix='keytrail-test-')
    atexit.register(shutil.rmtree, d, True)
    return d


def free_port():
    """A port outside of those that the kernel hands out: whoever connects somewhere while its server restarts cannot take it, nor meet himself on it."""
    for _ in range(1000):
        port = random.SystemRandom().randrange(12000, 32000)
        with socket.socket() as s:
            try:
                s.bind(('127.0.0.1', port))
                return port
            except OSError:
                pass
    raise RuntimeError('no free port')


def _stop_all():
    for p in _children:
        if p.poll() is None:
            p.kill()
            p.wait()


atexit.register(_stop_all)


def run(*argv, ok=True, timeout=300, stdin=None):
    p = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout, input=stdin)
    if ok and p.returncode != 0:
        raise RuntimeError(f'{" ".join(argv)}: exit {p.returncode}\n{p.stderr.decode(errors="replace")}')
    return p


def keytrail(*argv, **kw):
    return run(KEYTRAIL, *argv, **kw)


def ndjson(p):
    return [json.loads(l) for l in p.stdout.decode().splitlines()]


def start(argv, log):
    f = open(log, 'ab')
    p = subprocess.Popen(argv, stdout=f, stderr=f, stdin=subprocess.DEVNULL)
    f.close()
    _children.append(p)
    return p


def stop(p, timeout=20):
    if p is None or p.poll() is not None:
        return p.returncode if p else None
    p.send_signal(signal.SIGTERM)
    try:
        return p.wait(timeout)
    except subprocess.TimeoutExpired:
        p.kill()
        p.wait()
        return -9


def stop_behind(p, write):
    """Stops it with what write() writes still unread."""
    p.send_signal(signal.SIGSTOP)
    write()
    p.send_signal(signal.SIGTERM)
    p.send_signal(signal.SIGCONT)
    return p.wait(20)


def wait_for(what, timeout=30, step=0.05):
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        v = what()
        if v:
            return v
        time.sleep(step)
    return None


def how_many_kills(few):
    """A few in each run of all tests; the long run asks for 40."""
    return int(os.environ.get('KT_KILLS', few))


class House:
    """A collector and its agents in one folder."""

    def __init__(self, extra=''):
        self.dir = folder()
        self.port = free_port()
        self.endpoint = f'tcp://127.0.0.1:{self.port}'
        self.collector = None
        self.db = self.path('keytrail.db')
        keytrail('init', self.dir)
        self.server_key = re.search(r'''public_key: ["\']?([^"\'\s]{40})''', open(self.path('agent.yaml')).read())[1]
        for f in os.listdir(self.path('agents.d')):
            os.unlink(self.path(f'agents.d/{f}'))
        self.write('keytrail.yaml', f'''deployment: test
store: {{ path: {self.db} }}
collector: {{ listen: "{self.endpoint}", key_file: {self.path('keys/collector.key')}, agents_dir: {self.path('agents.d')}, control: {self.path('control.sock')} }}
{extra}''')

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text, mode=0o600):
        with open(self.path(name), 'w') as f:
            f.write(text)
        os.chmod(self.path(name), mode)
        return self.path(name)

    def start_collector(self, wait=True):
        self.said = len(self.log('collector.log'))
        self.collector = start([KEYTRAIL, 'collector', '-c', self.path('keytrail.yaml')], self.path('collector.log'))
        if wait and not wait_for(lambda: self.up() or self.collector.poll() is not None, 30):
            raise RuntimeError('collector did not come up:\n' + self.log('collector.log'))
        if wait and self.collector.poll() is not None:
            raise RuntimeError(f'collector ended at once, exit {self.collector.poll()}:\n' + self.log('collector.log')[-2000:])
        return self.collector

    def up(self):
        """It says so last: the port is there first, then the control socket, then the start in the log."""
        return 'collector: listening ' in self.log('collector.log')[self.said:]

    def shake(self, rng, chance=0.25):
        """Now and then the collector dies and comes back, as a network does."""
        if rng.random() < chance:
            self.collector.kill()
            self.collector.wait()
            self.start_collector()

    def log(self, name):
        try:
            return open(self.path(name), errors='replace').read()
        except OSError:
            return ''

    def new_key(self, name):
        """Makes NAME.key and returns its token."""
        out = run(AGENT, 'keygen', '--out', self.path(f'keys/{name}.key')).stdout.decode()
        return next(w for w in out.split() if w.startswith('kta1_'))

    def allow(self, name, token, sources=None):
        argv = ['agent', 'add', name, token, '-c', self.path('keytrail.yaml')]
        return keytrail(*argv, *(['--sources', sources] if sources else []))

    def agent_config(self, name, sources, key=None, server_key=None, agent=None):
        lines = '\n'.join(f'  - {s}' for s in sources)
        return self.write(f'{name}.yaml', f'''agent: {agent or name}
collector: {{ endpoint: "{self.endpoint}", public_key: "{server_key or self.server_key}" }}
key_file: {self.path(f'keys/{key or name}.key')}
spool: {{ path: {self.path(f'spool-{name}')}, max: 1GiB }}
sources:
{lines}
''')

    def start_agent(self, name):
        return start([AGENT, '-c', self.path(f'{name}.yaml')], self.path(f'{name}.log'))

    def count(self, query='', **kw):
        p = keytrail('search', query, '--db', self.db, '--since', '@0', '-o', 'ndjson', '-q', ok=False, **kw)
        return len(p.stdout.splitlines()) if p.returncode == 0 else 0


# ---- records ----

def iso(t, digits=9):
    s = time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(t))
    return s + (f'.{int(t % 1 * 10**digits):0{digits}d}' if digits else '') + 'Z'


def hmac(rng):
    return 'hmac-sha256:' + '%064x' % rng.getrandbits(256)


def vault_pair(rng, t, who='dana', secret='app/db', address='10.1.2.3', rid=None, **over):
    rid = rid or str(uuid.UUID(int=rng.getrandbits(128), version=4))
    auth = {'client_token': hmac(rng), 'accessor': hmac(rng), 'display_name': f'userpass-{who}', 'policies': ['default'],
            'metadata': {'username': who}, 'entity_id': str(uuid.UUID(int=hash(who) & (2**128 - 1))), 'token_type': 'service'}
    request = {'id': rid, 'operation': 'read', 'mount_point': 'secret/', 'mount_type': 'kv', 'client_token': auth['client_token'],
               'namespace': {'id': 'root'}, 'path': f'secret/data/{secret}', 'remote_address': address, 'remote_port': 40000}
    request.update(over)
    a = {'time': iso(t), 'type': 'request', 'auth': auth, 'request': request}
    b = {'time': iso(t + 0.001), 'type': 'response', 'auth': auth, 'request': request,
         'response': {'mount_type': 'kv', 'data': {'data': {'password': hmac(rng)}, 'metadata': {'version': 2}}}}
    return [json.dumps(a, separators=(',', ':')), json.dumps(b, separators=(',', ':'))]


def vault_login(rng, t, person, net, ok=False):
    """A try to log in to Vault from 45.83.net.9 with a wrong password, or the right one."""
    rid = '%08x-0000-4000-8000-%012x' % (rng.getrandbits(32), rng.getrandbits(40))
    req = {'id': rid, 'operation': 'update', 'mount_point': 'auth/userpass/', 'mount_type': 'userpass', 'namespace': {'id': 'root'},
           'path': f'auth/userpass/login/{person}', 'data': {'password': hmac(rng)}, 'remote_address': f'45.83.{net}.9', 'remote_port': 1}
    r = {'time': iso(t + .01), 'type': 'response', 'auth': {'token_type': 'default'}, 'request': req}
    if ok:
        r['response'] = {'auth': {'client_token': hmac(rng), 'accessor': hmac(rng), 'display_name': f'userpass-{person}', 'metadata': {'username': person},
                                  'policies': ['default'], 'entity_id': '%032d' % net, 'token_type': 'service'}}
    else:
        r.update(error='invalid username or password', response={'data': {'error': hmac(rng)}})
    return [json.dumps({'time': iso(t), 'type': 'request', 'auth': {'token_type': 'default'}, 'request': req}), json.dumps(r)]


class VaultLog:
    """An audit file that a Vault writes: n accesses so far, each with a request id of its own."""

    def __init__(self, path, rng):
        self.path, self.rng, self.n = path, rng, 0

    def write(self, count, **over):
        with open(self.path, 'a') as f:
            for _ in range(count):
                self.n += 1
                f.write('\n'.join(vault_pair(self.rng, time.time(), rid=f'{self.n:08x}-0000-4000-8000-{SEED & 0xffffffffffff:012x}', **over)) + '\n')


def cloudtrail(rng, t, role='orders-svc', secret='prod/orders/db', address='52.58.1.10', **over):
    eid = str(uuid.UUID(int=rng.getrandbits(128), version=4))
    r = {'eventVersion': '1.11',
         'userIdentity': {'type': 'AssumedRole', 'principalId': 'AROAEXAMPLE0001:i-0abc', 'arn': f'arn:aws:sts::111122223333:assumed-role/{role}/i-0abc',
                          'accountId': '111122223333', 'accessKeyId': 'ASIAEXAMPLE0000001',
                          'sessionContext': {'sessionIssuer': {'type': 'Role', 'principalId': 'AROAEXAMPLE0001', 'arn': f'arn:aws:iam::111122223333:role/{role}',
                                                               'accountId': '111122223333', 'userName': role}}},
         'eventTime': iso(t, 0), 'eventSource': 'secretsmanager.amazonaws.com', 'eventName': 'GetSecretValue', 'awsRegion': 'eu-central-1',
         'sourceIPAddress': address, 'userAgent': 'Boto3/1.35', 'requestParameters': {'secretId': secret}, 'responseElements': None,
         'requestID': str(uuid.UUID(int=rng.getrandbits(128), version=4)), 'eventID': eid, 'readOnly': True, 'eventType': 'AwsApiCall',
         'managementEvent': True, 'recipientAccountId': '111122223333', 'eventCategory': 'Management'}
    r.update(over)
    return r


def write_object(path, records):
    with gzip.open(path + '.tmp', 'wt') as f:
        json.dump({'Records': records}, f)
    os.rename(path + '.tmp', path)
