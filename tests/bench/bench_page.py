#!/usr/bin/env python3
"""How fast the page's calls are, asked by ten at once: bench_page.py --build build --db STORE [--seconds 5]. Needs wrk (deploy/deps.sh bench).

The windows end with the newest record of the store. Prints a line a call: requests a second, median and 99th percentile."""
import argparse, http.client, json, os, re, subprocess, sys, time, urllib.parse

a = argparse.ArgumentParser()
a.add_argument('--build', default='build')
a.add_argument('--db', required=True)
a.add_argument('--seconds', type=int, default=5)
a.add_argument('--connections', type=int, default=10)
o = a.parse_args()
r, w = os.pipe()
page = subprocess.Popen([os.path.join(o.build, 'keytrail'), 'dashboard', '--db', o.db, '--listen', 'tcp://127.0.0.1:0', '--ready-fd', str(w)], pass_fds=[w], stderr=subprocess.PIPE)
os.close(w)
address = os.read(r, 100).decode().strip()
host = urllib.parse.urlsplit(address).netloc
link = ''
while 'token=' not in link:
    link = page.stderr.readline().decode()
token = re.search(r'token=([0-9a-f]+)', link)[1]


def ask(method, path, body=None, **headers):
    c = http.client.HTTPConnection(host, timeout=60)
    c.request(method, path, body, {'Origin': address, 'Content-Type': 'application/json', **headers})
    q = c.getresponse()
    return q.status, q.getheader('Set-Cookie'), q.read()


status, cookie, body = ask('POST', '/api/v1/login', json.dumps({'token': token}))
cookie = cookie.split(';')[0]
store = json.loads(ask('GET', '/api/v1/status', Cookie=cookie)[2])['store']
last = store['last'] + 1
day = 86400 * 10**9
calls = [('me', 'me'), ('index', '/'), ('overview, 24 h', f'overview?since={last - day}&until={last}'), ('search, first page, 24 h', f'search?since={last - day}&until={last}&limit=100'),
         ('search, an actor, 90 d', f'search?q=actor:{{actor}}&since={last - 90 * day}&until={last}&limit=100'), ('histogram, 24 h', f'histogram?since={last - day}&until={last}'),
         ('histogram, 90 d', f'histogram?since={last - 90 * day}&until={last}'), ('facets, 24 h', f'facets?field=actor&field=ip&field=secret&since={last - day}&until={last}'),
         ('alerts', 'alerts?status=open'), ('map, 24 h', f'map?since={last - day}&until={last}'), ('actor, 7 d', f'actor?value={{actor}}&since={last - 7 * day}&until={last}'),
         ('coverage, 30 d', f'coverage?since={last - 30 * day}&until={last}')]
first = json.loads(ask('GET', f'/api/v1/search?since={last - day}&until={last}&limit=1', Cookie=cookie)[2])
actor = urllib.parse.quote(first['rows'][0]['actor'])
print(f'{store["events"]} events, {o.connections} connections, {o.seconds} s each')
try:
    for name, call in calls:
        path = call if call.startswith('/') else '/api/v1/' + call.replace('{actor}', actor)
        began = time.monotonic()
        status, _, body = ask('GET', path, Cookie=cookie)
        alone = (time.monotonic() - began) * 1000
        if status != 200:
            print(f'{name:28} {status} {body[:80].decode(errors="replace")}')
            continue
        out = subprocess.run(['wrk', '-t2', f'-c{o.connections}', f'-d{o.seconds}s', '--latency', '--timeout', '20s', '-H', f'Cookie: {cookie}', address + path], stdout=subprocess.PIPE, text=True).stdout
        rate, half, most, failed = (re.search(p, out) for p in (r'Requests/sec:\s+(\S+)', r'50%\s+(\S+)', r'99%\s+(\S+)', r'Non-2xx or 3xx responses: (\d+)'))
        print(f'{name:28} {float(rate[1]):9.1f}/s  p50 {half[1]:>9}  p99 {most[1]:>9}  alone {alone:7.1f} ms  {len(body):8} bytes', f'failed {failed[1]}' if failed else '', flush=True)
finally:
    page.terminate()
    page.wait(20)
