#!/usr/bin/env python3
"""How fast the page's calls are: bench_page.py --db STORE [--build build] [--seconds 5] [--connections 10] [--call 'search?q=outcome:denied&since={day}&until={last}' …]
Needs wrk (deploy/deps.sh bench).

Prints a line a call: the first answer, when nothing is kept; then, asked by ten at once, answers a second, median and 99th percentile; and what the server's
process used, user and system, for the first answer and for each of the others: on a busy machine that says more than the clock. The windows end with
the newest record of the store: {last} is behind it, {day}, {week}, {month}, {quarter} so long before; {actor} is who made it, {other} the next one.

--ingest 10000: what the page costs a collector. A store of its own (--events, or a copy of --db) with a collector and its page; so many events a second are
offered over CURVE for 3 x --seconds (at least 10 s) without the page and while ten ask all those calls, in turn. Prints how long acknowledgements took, how far
behind detection and the file's write-ahead log were, and what the page answered."""
import http.client, os, sys, urllib.parse
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../e2e'))
from support import *
import threading

DAY = 86400 * 10**9
CALLS = {'me': 'me', 'index': '/',
         'overview, 24 h': 'overview?since={day}&until={last}',
         'search, first page, 24 h': 'search?since={day}&until={last}&limit=100',
         'search, an actor, 90 d': 'search?q=actor:{actor}&since={quarter}&until={last}&limit=100',
         'histogram, 24 h': 'histogram?since={day}&until={last}',
         'histogram, 90 d': 'histogram?since={quarter}&until={last}',
         'facets of three fields, 24 h': 'facets?field=actor&field=ip&field=secret&since={day}&until={last}',
         'alerts': 'alerts?status=open',
         'map, 24 h': 'map?since={day}&until={last}',
         'an actor, 7 d': 'actor?value={actor}&since={week}&until={last}',
         'another actor, 7 d': 'actor?value={other}&since={week}&until={last}',
         'coverage, 30 d': 'coverage?since={month}&until={last}'}


class Page:
    """A page over a store, and somebody who is logged in."""

    def __init__(self, build, *argv, login=None):
        r, w = os.pipe()
        self.process = subprocess.Popen([os.path.join(build, 'keytrail'), 'dashboard', *argv, '--ready-fd', str(w)], pass_fds=[w], stderr=subprocess.PIPE)
        os.close(w)
        self.address = os.read(r, 100).decode().strip()
        os.close(r)
        self.cookie = ''
        token = login() if login else self.said_link()
        self.cookie = self.ask('POST', '/api/v1/login', json.dumps({'token': re.search(r'token=([0-9a-f]+)', token)[1]}))[1].split(';')[0]

    def said_link(self):
        """Over a store alone it is printed; with a configuration it is asked for."""
        for line in self.process.stderr:
            if b'token=' in line:
                return line.decode()
        raise RuntimeError('the page ended')

    def ask(self, method, path, body=None):
        c = http.client.HTTPConnection(urllib.parse.urlsplit(self.address).netloc, timeout=60)
        c.request(method, path, body, {'Origin': self.address, 'Content-Type': 'application/json', 'Cookie': self.cookie})
        q = c.getresponse()
        return q.status, q.getheader('Set-Cookie'), q.read()

    def api(self, call):
        status, _, body = self.ask('GET', '/api/v1/' + call)
        if status != 200:
            raise RuntimeError(f'{call}: {status} {body[:200]}')
        return json.loads(body)

    def cpu_ms(self):
        f = open(f'/proc/{self.process.pid}/stat').read().rsplit(')', 1)[1].split()
        return 1000 * (int(f[11]) + int(f[12])) / os.sysconf('SC_CLK_TCK')

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


def places(page):
    """What the names in braces stand for."""
    last = (page.api('status')['store']['last'] or time.time_ns()) + 1
    seen = []
    for row in page.api(f'search?since={last - DAY}&until={last}&limit=100')['rows']:
        if row['actor'] and row['actor'] not in seen:
            seen.append(row['actor'])
    who = [urllib.parse.quote(a) for a in (seen + seen + ['nobody', 'nobody'])[:2]]
    return {'last': last, 'day': last - DAY, 'week': last - 7 * DAY, 'month': last - 30 * DAY, 'quarter': last - 90 * DAY, 'actor': who[0], 'other': who[1]}


def wrk(page, path, o, *more):
    out = subprocess.run(['wrk', '-t2', f'-c{o.connections}', f'-d{o.seconds}s', '--latency', '--timeout', '20s', *more, '-H', f'Cookie: {page.cookie}', page.address + path],
                         stdout=subprocess.PIPE, text=True).stdout
    rate, half, most, done, failed = (re.search(p, out) for p in (r'Requests/sec:\s+(\S+)', r'\n +50%\s+(\S+)', r'\n +99%\s+(\S+)', r'(\d+) requests in', r'Non-2xx or 3xx responses: (\d+)'))
    return float(rate[1]), half[1], most[1], int(done[1]), int(failed[1]) if failed else 0


def measure(page, name, path, o):
    cpu, began = page.cpu_ms(), time.monotonic()
    status, _, body = page.ask('GET', path)
    alone, first = 1000 * (time.monotonic() - began), page.cpu_ms() - cpu
    if status != 200:
        print(f'{name:28} {status} {body[:80].decode(errors="replace")}')
        return
    cpu = page.cpu_ms()
    rate, half, most, done, failed = wrk(page, path, o)
    each = (page.cpu_ms() - cpu) / max(1, done)
    print(f'{name:28} first {alone:7.1f} ms, cpu {first:5.0f} ms  then {rate:8.1f}/s  p50 {half:>9}  p99 {most:>9}  cpu {each:6.2f} ms  {len(body):7} bytes', f'failed {failed}' if failed else '', flush=True)


# ---- beside a collector ----

def control(h, request):
    with socket.socket(socket.AF_UNIX) as c:
        c.settimeout(20)
        c.connect(h.path('control.sock'))
        c.sendall(json.dumps(request).encode() + b'\n')
        got = b''
        while not got.endswith(b'\n\n'):
            got += c.recv(1 << 16)
    return json.loads(got.splitlines()[0])


def behind(h):
    return control(h, {'do': 'status'})['detection']['behind']


def offer(h, rate, seconds, seed, name, what=None):
    """Offers events that there were not yet for so long, and says how it went. what: runs meanwhile."""
    log = h.path('offer.log')
    open(log, 'w').close()
    bench = start([os.path.abspath(os.path.join(ARGS.build, 'tests/bench/ack_bench')), h.endpoint, h.server_key, h.path('keys/bench.key'), str(rate), str(seconds), str(seed)], log)
    lag, wal = [], []
    watch = threading.Event()

    def look():
        while not watch.wait(0.5):
            lag.append(behind(h))
            wal.append(os.path.getsize(h.db + '-wal') >> 20)

    looking = threading.Thread(target=look)
    looking.start()
    said = what() if what else ''
    bench.wait(seconds + 60)
    watch.set()
    looking.join()
    lag.sort()
    print(f'{name:13} {h.log("offer.log").strip()}; detection behind p50 {lag[len(lag) // 2]}, most {lag[-1]} events; wal {max(wal)} MiB {said}', flush=True)


def beside(o):
    h = House()
    if o.db:
        shutil.copyfile(o.db, h.db)
    else:
        subprocess.run([os.path.join(ARGS.build, 'tests/bench/year_bench'), 'fill', h.db, str(o.events)], check=True, stdout=subprocess.DEVNULL)
    h.start_collector()
    wait_for(lambda: os.path.exists(h.path('control.sock')))
    h.allow('bench', h.new_key('bench'))
    if not wait_for(lambda: behind(h) == 0, 600, 1):
        raise RuntimeError('detection has not read the store within ten minutes')
    conf = h.path('keytrail.yaml')
    page = Page(o.build, '-c', conf, '--listen', 'tcp://127.0.0.1:0', login=lambda: keytrail('dashboard', 'login', '-c', conf, '--user', 'bench', '--role', 'admin').stdout.decode())
    seconds = max(10, 3 * o.seconds)
    try:
        at = places(page)
        paths = [call if call.startswith('/') else '/api/v1/' + call.format(**at) for call in o.call or CALLS.values()]
        mix = h.write('mix.lua', 'local n, path = 0, {' + ', '.join(json.dumps(p) for p in paths) + '}\nrequest = function() n = n + 1; return wrk.format("GET", path[n % #path + 1]) end\n')

        def ten():
            o.seconds = seconds
            cpu = page.cpu_ms()
            rate, half, most, done, failed = wrk(page, '/', o, '-s', mix)
            return f'\n{"":13} page: {rate:.0f}/s, p50 {half}, p99 {most}, cpu {(page.cpu_ms() - cpu) / max(1, done):.1f} ms each, failed {failed}'

        offer(h, o.ingest, 10, 101, 'first')  # detection meets its names
        for i, what in enumerate((None, ten, None, ten, None)):
            offer(h, o.ingest, seconds, 102 + i, 'asked by ten' if what else 'nobody asks', what)
    finally:
        page.stop()
        stop(h.collector)


def alone(o):
    page = Page(o.build, '--db', o.db, '--listen', 'tcp://127.0.0.1:0')
    try:
        at = places(page)
        print(f'{page.api("status")["store"]["events"]} events, {o.connections} connections, {o.seconds} s each')
        for name, call in ({c: c for c in o.call} if o.call else CALLS).items():
            measure(page, name, call if call.startswith('/') else '/api/v1/' + call.format(**at), o)
    finally:
        page.stop()


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument('--build', default='build')
    a.add_argument('--db')
    a.add_argument('--events', type=int, default=1000000, help='of a store that is generated')
    a.add_argument('--seconds', type=int, default=5)
    a.add_argument('--connections', type=int, default=10)
    a.add_argument('--ingest', type=int, help='events a second that are offered meanwhile')
    a.add_argument('--call', action='append', help='instead of the list: as the page asks it, behind /api/v1/')
    o = a.parse_args()
    if o.ingest:
        beside(o)
    elif o.db:
        alone(o)
    else:
        a.error('--db or --ingest')


main()
