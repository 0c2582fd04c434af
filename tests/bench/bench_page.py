#!/usr/bin/env python3
"""How fast the page's calls are: bench_page.py --db STORE [--build build] [--seconds 5] [--connections 10] [--call 'search?q=outcome:denied&since={day}&until={last}' …]
Needs wrk (deploy/deps.sh bench).

Prints a line a call: the first answer, when nothing is kept; then, asked by ten at once, answers a second, median and 99th percentile; and what the server's
process used, user and system, for the first answer and for each of the others: on a busy machine that says more than the clock. The windows end with
the newest record of the store: {last} is behind it, {day}, {week}, {month}, {quarter} so long before; {actor} is who made it, {other} the next one."""
import argparse, http.client, json, os, re, subprocess, time, urllib.parse

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

    def __init__(self, build, *argv):
        r, w = os.pipe()
        self.process = subprocess.Popen([os.path.join(build, 'keytrail'), 'dashboard', *argv, '--listen', 'tcp://127.0.0.1:0', '--ready-fd', str(w)], pass_fds=[w], stderr=subprocess.PIPE)
        os.close(w)
        self.address = os.read(r, 100).decode().strip()
        os.close(r)
        link = ''
        while 'token=' not in link:
            link = self.process.stderr.readline().decode()
        self.cookie = ''
        self.cookie = self.ask('POST', '/api/v1/login', json.dumps({'token': re.search(r'token=([0-9a-f]+)', link)[1]}))[1].split(';')[0]

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
    last = page.api('status')['store']['last'] + 1
    seen = []
    for row in page.api(f'search?since={last - DAY}&until={last}&limit=100')['rows']:
        if row['actor'] and row['actor'] not in seen:
            seen.append(row['actor'])
    who = [urllib.parse.quote(a) for a in (seen + seen + ['nobody', 'nobody'])[:2]]
    return {'last': last, 'day': last - DAY, 'week': last - 7 * DAY, 'month': last - 30 * DAY, 'quarter': last - 90 * DAY, 'actor': who[0], 'other': who[1]}


def wrk(page, path, o):
    out = subprocess.run(['wrk', '-t2', f'-c{o.connections}', f'-d{o.seconds}s', '--latency', '--timeout', '20s', '-H', f'Cookie: {page.cookie}', page.address + path],
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


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument('--build', default='build')
    a.add_argument('--db', required=True)
    a.add_argument('--seconds', type=int, default=5)
    a.add_argument('--connections', type=int, default=10)
    a.add_argument('--call', action='append', help='instead of the list: as the page asks it, behind /api/v1/')
    o = a.parse_args()
    page = Page(o.build, '--db', o.db)
    try:
        at = places(page)
        print(f'{page.api("status")["store"]["events"]} events, {o.connections} connections, {o.seconds} s each')
        for name, call in ({c: c for c in o.call} if o.call else CALLS).items():
            measure(page, name, call if call.startswith('/') else '/api/v1/' + call.format(**at), o)
    finally:
        page.stop()


main()
