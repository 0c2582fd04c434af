#!/usr/bin/env python3
"""An alert storm: KT_STORM (10,000) findings in KT_SECONDS (60). Slack gets at most one message a second, the first of a kind and what is critical at once, nothing is lost, and ingest
is where it is without a target. Prints the figures."""
import http.server, json, re, threading, time
from support import *

STORM, SECONDS = int(os.environ.get('KT_STORM', '10000')), float(os.environ.get('KT_SECONDS', '60'))
seen, lock = [], threading.Lock()


class Stub(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
        with lock:
            seen.append((time.monotonic(), body['text']))
        self.send_response(200); self.send_header('Content-Length', '2'); self.end_headers(); self.wfile.write(b'ok')

    def log_message(self, *a):
        pass


server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Stub)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()


RULE = """title: Trap read
id: 6f1d7c52-3b0e-4f0e-9a63-5b1f4a8e0999
status: test
logsource: {product: keytrail}
detection:
    selection:
        secret|contains: 'trap'
    condition: selection
level: high
"""
rng = random.Random(SEED)


def finding(n, now):
    """Somebody whom nobody knows reads what nobody may."""
    return '\n'.join(vault_pair(rng, now, who=f'person{n}', secret='app/trap', address=f'45.{n // 62500}.{n // 250 % 250}.{n % 250}')) + '\n'


def storm(target):
    """Returns how long after the last line the last event was stored, and the house."""
    h = House()
    if target:
        h.write('chat.url', f'http://127.0.0.1:{server.server_address[1]}/chat')
        h.write('keytrail.yaml', open(h.path('keytrail.yaml')).read() + f'\nalerts:\n  targets:\n    chat: {{ type: slack, url_file: {h.path("chat.url")}, allow_private: true }}\n')
    h.write('rule.yml', RULE)
    h.write('keytrail.yaml', open(h.path('keytrail.yaml')).read() + 'rules: [rule.yml]\n')
    h.start_collector()
    h.allow('v', h.new_key('v'))
    log = h.path('audit.log')
    open(log, 'w').close()
    h.agent_config('v', [f'{{ id: vault-prod, type: vault, input: tail, path: {log} }}'])
    agent = h.start_agent('v')
    begin = time.monotonic()
    with open(log, 'a') as f:
        for n in range(STORM):
            f.write(finding(n, time.time()))
            ahead = n / STORM * SECONDS - (time.monotonic() - begin)
            if n % 16 == 0 and ahead > 0:
                f.flush()
                time.sleep(ahead)
    wrote = time.monotonic()
    stored = lambda: sum(s['events'] for s in json.loads(keytrail('status', '--db', h.db, '-o', 'json').stdout)['sources'])
    check(wait_for(lambda: stored() >= STORM, 60, 0.1), f'every event is stored, {"with" if target else "without"} a target', stored())
    return h, agent, begin, wrote, time.monotonic() - wrote


h, agent, _, _, alone = storm(False)
stop(agent); stop(h.collector)
h, agent, begin, wrote, lag = storm(True)
conf = h.path('keytrail.yaml')
scored = lambda: json.loads(keytrail('status', '-c', conf, '-o', 'json').stdout)['collector']['detection']['behind']
check(wait_for(lambda: scored() == 0, 60, 0.3), 'every event is judged', scored())
check(wait_for(lambda: not ndjson(keytrail('notify', 'queue', '-c', conf, '-o', 'ndjson')), 300, 1), 'everything is sent', len(keytrail('notify', 'queue', '-c', conf, '-o', 'ndjson').stdout.splitlines()))
last = json.loads(keytrail('status', '-c', conf, '-o', 'json').stdout)
target = last['collector']['targets']['chat']
with lock:
    times = [t for t, _ in seen]
    groups = [re.search(r'(\d+) alerts of', x) for _, x in seen]
n_groups = sum(int(m[1]) for m in groups if m)
rows = target['sent']
gaps = [b - a for a, b in zip(times[5:], times[6:])]
check(last['alerts'] >= STORM * 0.9, 'the storm is one of alerts', last['alerts'])
check(target['dead'] == 0 and rows >= STORM * 0.9, 'each alert is delivered, alone or in a group', target)
check(all(len([t for t in times if a <= t < a + 10]) <= 15 for a in times), 'Slack gets one a second, five at once', [f'{t - times[0]:.1f}' for t in times])
check(times and times[0] - begin < 5, 'the first is there at once')
check(len(times) <= (times[-1] - times[0]) + 6, 'and no more over all', len(times))
check(lag < alone + 2, 'ingest is where it is without a target', (lag, alone))
print(f'# {STORM} findings in {wrote - begin:.0f} s: {last["alerts"]} alerts, {rows} rows delivered in {len(times)} messages, {sum(m is not None for m in groups)} of them groups; '
      f'the last {times[-1] - wrote:.0f} s after the last line')
print(f'# events stored {lag:.2f} s after the last line; {alone:.2f} s without a target')
check(stop(h.collector) == 0, 'the collector ends cleanly')
finish()
