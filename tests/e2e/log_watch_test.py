#!/usr/bin/env python3
"""A collector that takes back what it has shown: the agent alarms by itself, keeps what was acknowledged, and goes on when somebody accepts the log. Covers T4, D6."""
import http.server, json, os, random, shutil, threading, time
from support import *

rng = random.Random(SEED)
print(f'# seed {SEED}')
told = []


class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        told.append(json.loads(self.rfile.read(int(self.headers['Content-Length']))))
        self.send_response(500 if len(told) == 1 else 204)  # the first try fails: it comes again
        self.end_headers()

    def log_message(self, *a):
        pass


hook = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Hook)
threading.Thread(target=hook.serve_forever, daemon=True).start()
h = House()
h.start_collector()
h.allow('vault-1', h.new_key('vault-1'), 'vault/vault-prod')
log = h.path('audit.log')
open(log, 'w').close()
h.write('keys/hook.url', f'http://127.0.0.1:{hook.server_address[1]}/S3CRET-PATH')
conf = h.agent_config('vault-1', [f'{{ id: vault-prod, type: vault, input: tail, path: {log} }}'])
open(conf, 'a').write(f'alarm: {{ url_file: {h.path("keys/hook.url")}, allow_private: true }}\n')
agent = h.start_agent('vault-1')
written = []


def write(n):
    with open(log, 'a') as f:
        for _ in range(n):
            rid = f'{len(written):08x}-0000-4000-8000-{SEED & 0xffffffffffff:012x}'
            written.append(rid)
            f.write('\n'.join(vault_pair(rng, time.time() - 60, secret=f'app/s{len(written) % 30}', rid=rid)) + '\n')


def seen():
    try:
        return json.load(open(h.path('spool-vault-1/status.json')))['logs'][0]
    except (OSError, ValueError, LookupError):
        return {}


def size():
    return seen().get('kept', {}).get('size', 0)


def reports(operation):
    return ndjson(keytrail('search', f'kind:report operation:{operation}', '--db', h.db, '--since', '@0', '-o', 'ndjson', '-q'))


def status():
    p = run(AGENT, 'status', '-c', conf, ok=False)
    return p.returncode, p.stdout.decode()


def stop_and(what=None):
    """A start signs at once, so that nothing here waits for the minute."""
    stop(h.collector)
    if what:
        what()
    h.start_collector()
    write(1)  # whoever has nothing to send finds out only at the next heartbeat


def copy(src, dst):
    for n in ('keytrail.db', 'signer.keytrail.db'):
        for f in [f for f in os.listdir(dst) if f == n or f.startswith(n + '-')]:
            shutil.rmtree(os.path.join(dst, f)) if os.path.isdir(os.path.join(dst, f)) else os.unlink(os.path.join(dst, f))
        for f in [f for f in os.listdir(src) if f == n or f.startswith(n + '-')]:
            p = os.path.join(src, f)
            shutil.copytree(p, os.path.join(dst, f)) if os.path.isdir(p) else shutil.copy2(p, dst)


# ---- an honest one, restarted ----
check(wait_for(lambda: seen().get('state') == 'verified' and seen().get('signed') == 1, 20), 'the first checkpoint is pinned, kept and cosigned', seen())
first = size()
old = h.path('old')
os.mkdir(old)
stop_and(lambda: copy(h.dir, old))
write(40)
check(wait_for(lambda: h.count('instance:vault-prod') == 41, 20), 'records come')
stop_and()
check(wait_for(lambda: size() >= first + 40, 20) and seen()['state'] == 'verified', 'a restarted collector shows a larger log, and proves it', seen())
code, text = status()
check(code == 0 and 'verified and kept' in text and 'pinned at first use' in text, 'status says so', text)
before = size()

# ---- root on the collector puts an older store back, and the signer's memory with it ----
stop_and(lambda: copy(old, h.dir))
check(wait_for(lambda: seen().get('state') == 'contradiction', 20), 'what was shown and is gone is a contradiction', seen())
code, text = status()
check(code == 1 and 'CONTRADICTION' in text and 'accept-log' in text, 'status says so, and exits with 1', text)
check('log: contradiction' in h.log('vault-1.log'), 'the agent logs it')
check(wait_for(lambda: h.count('instance:vault-prod') == 43, 20), 'it goes on sending: what it kept is sent again')
check(wait_for(lambda: len(reports('log.contradiction')) == 1, 20), 'a line in the log says so')
alerts = wait_for(lambda: [a for a in ndjson(keytrail('alerts', 'list', '--db', h.db, '-o', 'ndjson')) if 'contradicts what was kept of it by agent vault-1' in a['title']], 10)
check(alerts and alerts[0]['severity'] == 'critical', 'the collector raises it', alerts)
check(wait_for(lambda: len(told) >= 2, 15), 'the webhook is told, again after a failure', told)
check(told and 'keytrail-agent vault-1: ' in told[0]['text'] and told[0]['kept']['size'] == before and told[0]['shown_note'].startswith('keytrail/'), 'with both signed notes', told[:1])
check('S3CRET' not in h.log('vault-1.log') + json.dumps(seen()), 'its URL is in no log')

# ---- somebody accepts it ----
p = run(AGENT, 'accept-log', '-c', conf, ok=False)
check(p.returncode == 2 and b'--reason' in p.stderr, 'not without a reason', p.stderr)
p = run(AGENT, 'accept-log', '-c', conf, '--log', 'ffffffff', '--reason', 'x', ok=False)
check(p.returncode == 1, 'not another log', p.stderr)
p = run(AGENT, 'accept-log', '-c', conf, '--by', 'ana', '--reason', 'restored from tape 7', ok=False)
check(p.returncode == 0 and b'accepted: the agent goes on' in p.stdout and b'restored from tape 7' in p.stdout, 'accept-log lets it go on', p.stdout + p.stderr)
check(wait_for(lambda: seen().get('state') == 'verified', 10) and status()[0] == 0, 'it watches the log that was accepted', seen())
line = wait_for(lambda: reports('log.accepted'), 10)
check(line and 'ana' in line[0]['message'] and 'tape 7' in line[0]['message'], 'who and why is in the log', line)
accepted = size()
stop_and()
check(wait_for(lambda: seen().get('signed') == 1 and size() > accepted, 20) and seen()['state'] == 'verified', 'and cosigns it again', seen())
check(wait_for(lambda: h.count('instance:vault-prod') == 44, 20), 'everything is stored once')
p = run(AGENT, 'accept-log', '-c', conf, '--reason', 'x', ok=False)
check(p.returncode == 0 and b'nothing to accept' in p.stdout, 'then there is nothing to accept', p.stdout)

# ---- the log's key is exchanged ----
def believed():
    return json.load(open(h.path('spool-vault-1/log-watch.json')))['logs'][0]['believed']


config = h.path('keytrail.yaml')
was = believed()
keytrail('store', 'rotate-log-key', '-c', config, '--reason', 'yearly')
check(len(was) == 1 and wait_for(lambda: len(believed()) == 2, 20) and believed()[0] == was[0], 'a new key that the old one vouches for is believed', (was, believed()))
keytrail('store', 'rotate-log-key', '-c', config, '--reason', 'yearly', '--finish')
check(wait_for(lambda: len(believed()) == 1, 20) and believed() != was and seen()['state'] == 'verified', 'then the new one alone', (was, believed(), seen()))
accepted = size()
stop_and()
check(wait_for(lambda: size() > accepted, 20) and seen()['state'] == 'verified', 'and the log goes on', seen())
stop(agent)
stop(h.collector)
hook.shutdown()
finish()
