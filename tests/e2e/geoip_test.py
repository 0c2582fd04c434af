#!/usr/bin/env python3
"""keytrail geoip: tables are fetched from a stub of each provider, checked, and only a good one takes the old one's place."""
import base64, contextlib, datetime, hashlib, http.server, io, sqlite3, tarfile, threading
from support import *

dir = folder()
out = os.path.join(dir, 'geoip')
key = os.path.join(dir, 'maxmind.key')
with open(os.open(key, os.O_WRONLY | os.O_CREAT, 0o600), 'w') as f:
    f.write('s3cr3t-key\n')
NOW = int(time.time())


def table(record, epoch):
    """The smallest MaxMind DB: one node, whose two sides are one record."""
    def text(s):
        return bytes([2 << 5 | len(s)]) + s.encode()

    def num(kind, n, size):
        return (bytes([kind << 5 | size]) if kind < 8 else bytes([size, kind - 7])) + n.to_bytes(size, 'big')

    def mapping(d):
        return bytes([7 << 5 | len(d)]) + b''.join(text(k) + v for k, v in d.items())
    meta = {'node_count': num(6, 1, 4), 'record_size': num(5, 24, 2), 'ip_version': num(5, 4, 2), 'database_type': text('Test'), 'languages': bytes([0, 4]),
            'binary_format_major_version': num(5, 2, 2), 'binary_format_minor_version': num(5, 0, 2), 'build_epoch': num(9, epoch, 8), 'description': mapping({})}
    body = mapping({k: text(v) if isinstance(v, str) else num(6, v, 4) for k, v in record.items()})
    return (1 + 16).to_bytes(3, 'big') * 2 + bytes(16) + body + b'\xab\xcd\xefMaxMind.com' + mapping(meta)


def country(epoch):
    return table({'country_code': 'DE'}, epoch)


def asn(epoch):
    return table({'autonomous_system_number': 64500}, epoch)


def tar_of(name, body):
    b = io.BytesIO()
    with tarfile.open(fileobj=b, mode='w:gz') as t:
        for n, d in ((f'{name}_20261120/LICENSE.txt', b'EULA'), (f'{name}_20261120/{name}.mmdb', body)):
            i = tarfile.TarInfo(n)
            i.size = len(d)
            t.addfile(i, io.BytesIO(d))
    return b.getvalue()


pages, asked = {}, []


class Stub(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        asked.append((self.path, self.headers.get('Authorization')))
        status, body, where = pages.get(self.path, (404, b'', None))
        self.send_response(status)
        if where:
            self.send_header('Location', where)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *a):
        pass


server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Stub)
threading.Thread(target=server.serve_forever, daemon=True).start()
base = f'http://127.0.0.1:{server.server_address[1]}'


def update(*argv):
    asked.clear()
    return keytrail('geoip', 'update', '--url', base, '--allow-private', '--dir', out, *argv, ok=False)


def installed(name):
    p = os.path.join(out, name)
    return open(p, 'rb').read() if os.path.exists(p) else None


# ---- DB-IP ----
today = datetime.datetime.fromtimestamp(NOW, datetime.timezone.utc)
last = today.replace(day=1) - datetime.timedelta(days=1)
this_month, last_month = today.strftime('%Y-%m'), last.strftime('%Y-%m')
pages[f'/free/dbip-city-lite-{last_month}.mmdb.gz'] = (200, gzip.compress(country(NOW - 40 * 86400)), None)
pages[f'/free/dbip-asn-lite-{this_month}.mmdb.gz'] = (200, gzip.compress(asn(NOW)), None)
p = update('--provider', 'dbip')
check(p.returncode == 0 and installed('dbip-city-lite.mmdb') == country(NOW - 40 * 86400) and installed('dbip-asn-lite.mmdb') == asn(NOW), 'dbip: city of the month before, ASN of this one', p.stderr)
check([a[0] for a in asked][0].endswith(f'{this_month}.mmdb.gz') and all(a[1] is None for a in asked), 'this month is asked for first, nobody logs in', asked)
check(os.stat(os.path.join(out, 'dbip-asn-lite.mmdb')).st_mode & 0o777 == 0o644 and sorted(os.listdir(out)) == ['dbip-asn-lite.mmdb', 'dbip-city-lite.mmdb'], 'nothing else is left there', os.listdir(out))
for what, body in (('cut', gzip.compress(country(NOW))[:-9]), ('no table', gzip.compress(b'hello' * 100)), ('of another kind', gzip.compress(asn(NOW))), ('older', gzip.compress(country(NOW - 400 * 86400))), ('empty', b'')):
    pages[f'/free/dbip-city-lite-{this_month}.mmdb.gz'] = (200, body, None)
    p = update('--kind', 'city')
    check(p.returncode != 0 and installed('dbip-city-lite.mmdb') == country(NOW - 40 * 86400) and len(os.listdir(out)) == 2, f'what is {what} is refused, the old one stays', p.stderr)
pages[f'/free/dbip-city-lite-{this_month}.mmdb.gz'] = (503, b'', None)
p = update('--kind', 'city')
check(p.returncode == 5 and b'503' in p.stderr, 'a server that is busy', p.stderr)
pages[f'/free/dbip-city-lite-{this_month}.mmdb.gz'] = (200, gzip.compress(country(NOW)), None)
p = update('--kind', 'city', '-q')
check(p.returncode == 0 and p.stdout == b'' and installed('dbip-city-lite.mmdb') == country(NOW), 'a newer one takes its place', p.stderr)

# ---- MaxMind ----
where = '/geoip/databases/GeoLite2-Country/download?suffix=tar.gz'
good = tar_of('GeoLite2-Country', country(NOW))
pages[where] = (302, b'', f'{base}/storage/signed?x=1')
pages['/storage/signed?x=1'] = (200, good, None)
pages[where + '.sha256'] = (200, f'{hashlib.sha256(good).hexdigest()}  GeoLite2-Country_20261120.tar.gz\n'.encode(), None)
maxmind = ('--provider', 'maxmind', '--account-id', '4711', '--license-key-file', key, '--kind', 'country')
p = update(*maxmind)
check(p.returncode == 0 and installed('GeoLite2-Country.mmdb') == country(NOW), 'maxmind: out of the archive, through one redirection', p.stderr)
check(asked[0][1] == 'Basic ' + base64.b64encode(b'4711:s3cr3t-key').decode() and asked[1] == ('/storage/signed?x=1', None), 'the key goes to MaxMind and not to where it points', asked)
pages[where + '.sha256'] = (200, b'0' * 64, None)
p = update(*maxmind)
check(p.returncode != 0 and b'SHA-256' in p.stderr, 'another SHA-256 is refused', p.stderr)
pages[where] = (302, b'', 'http://169.254.169.254/latest')
p = update(*maxmind)
check(p.returncode != 0 and b'redirected' in p.stderr, 'a redirection to where nobody may go', p.stderr)
pages[where] = (302, b'', base + where)
p = update(*maxmind)
check(p.returncode != 0 and len(asked) == 2, 'a circle ends', (asked, p.stderr))
pages[where] = (401, b'', None)
p = update(*maxmind)
check(p.returncode == 6 and b'account' in p.stderr and b's3cr3t' not in p.stderr + p.stdout, 'a wrong key is said, and not shown', p.stderr)
os.chmod(key, 0o644)
p = update(*maxmind)
check(p.returncode == 3 and b'chmod' in p.stderr and not asked, 'a key that others can read is not used', p.stderr)
p = update('--provider', 'maxmind')
check(p.returncode == 2 and b'--account-id' in p.stderr, 'maxmind asks for an account', p.stderr)
p = update('--provider', 'iptoasn')
check(p.returncode == 2 and b'comes along' in p.stderr, 'iptoasn is there already', p.stderr)
p = keytrail('geoip', 'update', '--url', base, '--dir', out, ok=False)
check(p.returncode != 0, 'plain http needs --allow-private', p.stderr)
p = keytrail('geoip', 'update', '--url', base, '--allow-private', '--dir', os.path.join(dir, 'no', 'folder'), ok=False)
check(p.returncode != 0 and b'--dir' in p.stderr and b'mkdir -p' in p.stderr, 'without a folder it says how to get one', p.stderr)

# ---- status ----
conf = os.path.join(dir, 'keytrail.yaml')
with open(os.open(conf, os.O_WRONLY | os.O_CREAT, 0o600), 'w') as f:
    f.write(f'geoip: {{ databases: ["{out}/dbip-city-lite.mmdb", "{out}/GeoLite2-Country.mmdb", "{dir}/none.mmdb"] }}\n')
p = keytrail('geoip', 'status', '-c', conf, '-o', 'json', ok=False)
rows = json.loads(p.stdout)
check(p.returncode == 1 and [bool(r['problem']) for r in rows] == [False, False, True] and 'CC BY 4.0' in rows[0]['licence'] and 'MaxMind' in rows[1]['licence'], 'status: what each knows, its terms, what is missing', p.stdout)
check(b'ASN' in p.stderr and b'geoip update' in p.stderr, 'status says what nobody knows', p.stderr)

# ---- a running collector ----
used = os.path.join(dir, 'used.mmdb')


def place(body):
    with open(used + '.new', 'wb') as f:
        f.write(body)
    os.rename(used + '.new', used)


def ip_data():
    collector = json.loads(keytrail('status', '-c', h.path('keytrail.yaml'), '-o', 'json').stdout)['collector']
    return collector and collector['ip_data']


place(country(NOW - 40 * 86400))
h = House(f'geoip: {{ databases: ["{used}"] }}\n')
h.start_collector()
before = ip_data()
place(b'no table at all')
h.collector.send_signal(signal.SIGHUP)
check(wait_for(lambda: 'of before stay in force' in h.log('collector.log'), 10) and ip_data() == before, 'a reload with a broken table leaves the one of before, and says so', h.log('collector.log'))
place(country(NOW))
h.collector.send_signal(signal.SIGHUP)
check(wait_for(lambda: ip_data() != before, 10), 'a reload opens the new one', h.log('collector.log'))
named = keytrail('search', 'kind:config operation:config', '--db', h.db, '--since', '1h', '-o', 'ndjson').stdout.decode()
check(time.strftime('%Y-%m-%d', time.gmtime(NOW)) in named.strip().splitlines()[-1], 'the settings of the log name it', named[-600:])

# ---- written over in place: `cp` of the same edition, `touch` ----
def opened():
    return h.log('collector.log').count('opened anew')


def is_over(about):
    """Was an alert about it told, and its end seen? It is resolved when that has held for an hour."""
    with contextlib.closing(sqlite3.connect(f'file:{h.db}?mode=ro', uri=True)) as db:
        row = db.execute('SELECT value FROM blob WHERE name = ?', (f'self/geoip.broken/{about}',)).fetchone()
    return row is not None and json.loads(row[0])['over'] > 0


def status_of():
    return json.loads(keytrail('status', '-c', h.path('keytrail.yaml'), '-o', 'json').stdout)['collector']


n = opened()
with open(used, 'wb') as f:
    f.write(country(NOW))
h.collector.send_signal(signal.SIGHUP)
check(wait_for(lambda: opened() > n, 10) and not status_of()['ip_data_stale'], 'a reload takes the same edition anew where it was written over', h.log('collector.log'))
n = opened()
os.utime(used, (NOW + 5, NOW + 5))
check(wait_for(lambda: opened() > n, 15) and not status_of()['ip_data_stale'], 'a touched table is opened anew without a word from anybody', h.log('collector.log'))
with open(used, 'wb') as f:
    f.write(country(NOW)[:-20])
check(wait_for(lambda: 'geoip.broken' in h.log('collector.log'), 15) and status_of()['ip_data_stale'], 'one that is half written is told, and status says so', h.log('collector.log'))
n = opened()
with open(used, 'wb') as f:
    f.write(country(NOW))
check(wait_for(lambda: opened() > n, 15) and not status_of()['ip_data_stale'], 'and it is opened when it is whole', h.log('collector.log'))
check(wait_for(lambda: is_over('geoip.databases'), 15), 'which ends its alert', h.log('collector.log'))

# ---- fetching tells the collector of the configuration, of the tables alone ----
name, conf = 'dbip-city-lite.mmdb', h.path('keytrail.yaml')
used, text = os.path.join(out, name), open(h.path('keytrail.yaml')).read()
h.write('keytrail.yaml', text.replace(os.path.join(dir, 'used.mmdb'), used))
h.collector.send_signal(signal.SIGHUP)
check(wait_for(lambda: 'has changed: going on' in h.log('collector.log') and ip_data(), 15), 'the fetched table is used', h.log('collector.log'))
before, lives = ip_data(), h.log('collector.log').count('has changed: going on')
pages[f'/free/dbip-city-lite-{this_month}.mmdb.gz'] = (200, gzip.compress(country(NOW + 86400)), None)
h.write('keytrail.yaml', open(conf).read() + 'networks: [ { name: office, cidr: ["198.51.100.0/24"] } ]\n')
p = update('--kind', 'city', '-c', conf)
check(p.returncode == 0 and b'has opened them' in p.stdout and ip_data() != before, 'the collector of the configuration opens what was fetched', (p.stdout, p.stderr))
time.sleep(0.5)
check(h.log('collector.log').count('has changed: going on') == lives, 'and takes nothing else that has changed', h.log('collector.log'))
pages[f'/free/dbip-city-lite-{this_month}.mmdb.gz'] = (200, gzip.compress(country(NOW + 2 * 86400)), None)
os.rename(used, used + '.away')
p = update('--kind', 'asn', '-c', conf)
check(p.returncode != 0 and b'does not open them' in p.stderr and b'stay in force' in p.stderr, 'that it cannot is said', (p.stdout, p.stderr))
os.rename(used + '.away', used)
asked.clear()
p = update('--kind', 'city', '-c', h.path('none.yaml'))
check(p.returncode == 3 and not asked, 'a configuration that is not there is refused before anything is fetched', (p.stdout, p.stderr))
server.shutdown()
check(stop(h.collector) == 0, 'and the collector ends as ever')

# ---- a start with a broken table ----
with open(used, 'wb') as f:
    f.write(country(NOW)[:-20])
h.start_collector()
alert = keytrail('alerts', 'list', '-c', conf, '--db', h.db, '-o', 'ndjson').stdout.decode()
check(name in h.log('collector.log')[h.said:] and 'is no usable .mmdb file' in alert and name not in str(ip_data()), 'a start with a broken table goes on without it, and tells', (alert, h.log('collector.log')[h.said:]))
check(not is_over(used), 'and its alert goes on')
with open(used, 'wb') as f:
    f.write(country(NOW))
h.collector.send_signal(signal.SIGHUP)
check(wait_for(lambda: is_over(used), 15), 'until a reload opens a whole one', h.log('collector.log'))
check(stop(h.collector) == 0, 'and ends as ever')
finish()
