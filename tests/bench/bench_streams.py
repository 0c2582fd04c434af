#!/usr/bin/env python3
"""make bench-streams: how fast each kind of stream takes a log that is there already, and what a stream that is fast, slow, dead or away costs ingest.
KT_BENCH_RECORDS: accesses (100,000)."""
import http.server, os, socket, subprocess, sys, threading, time
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'e2e'))
from support import *
from databases import ClickHouse, Postgres

N = int(os.environ.get('KT_BENCH_RECORDS', '100000'))


def cpu_s(pid, ended=False):
    """Of the process, and of those it has waited for."""
    f = open(f'/proc/{pid}/stat').read().rsplit(')', 1)[1].split()
    return sum(int(v) for v in f[11:15 if ended else 13]) / os.sysconf('SC_CLK_TCK')


def peak_mib(pid):
    return int(re.search(r'VmHWM:\s+(\d+)', open(f'/proc/{pid}/status').read())[1]) / 1024


def records(path):
    with open(path, 'wb') as f:
        subprocess.run([os.path.join(ARGS.build, 'tests/bench/gen'), 'vault', str(2 * N), '1'], stdout=f, check=True)


def add_stream(h, text):
    with open(h.path('keytrail.yaml'), 'a') as f:
        f.write(f'streams:\n  bench: {{ {text} }}\n')


def stream_row(h):
    rows = ndjson(keytrail('stream', 'list', '--db', h.db, '-o', 'ndjson'))
    return rows[0] if rows else None


def backfill(name, text, server=None):
    """Of a store that is full, nothing else running."""
    h = House()
    os.mkdir(h.path('out'))
    keytrail('import', '--db', h.db, '--source', 'vault', '--instance', 'vault-prod', '-q', LOG)
    h.start_collector()  # detection first: it is another thread's work
    wait_for(lambda: status(h).get('detection', {}).get('behind', 1) == 0, 300, 0.3)
    stop(h.collector)
    add_stream(h, text(h) + ', since: beginning, alerts: false')
    h.start_collector()
    cpu, began = cpu_s(h.collector.pid), time.monotonic()
    wait_for(lambda: (stream_row(h) or {}).get('delivered', 0) >= N, 600, 0.1)
    took = time.monotonic() - began
    cpu, memory = cpu_s(h.collector.pid) - cpu, peak_mib(h.collector.pid)
    stop(h.collector)
    print(f'{name:28} {N / took:9,.0f} events/s   {1e6 * cpu / N:5.1f} us of CPU an event   {memory:4.0f} MiB' +
          (f'   server {1e6 * cpu_s(server.process.pid, True) / N:5.1f} us, since it started' if server else ''), flush=True)


class Slow(http.server.BaseHTTPRequestHandler):
    """Takes two seconds for each answer."""

    def do_POST(self):
        self.rfile.read(int(self.headers['Content-Length']))
        time.sleep(2)
        self.send_response(200)
        self.send_header('Content-Length', '0')
        self.end_headers()

    def log_message(self, *a):
        pass


def ingest(name, text):
    """An agent that reads a file which is there already: until the store has all."""
    h = House()
    os.mkdir(h.path('out'))
    if text:
        add_stream(h, text(h) + ', since: beginning, alerts: false')
    h.allow('bench', h.new_key('bench'))
    h.agent_config('bench', [f'{{ id: vault-prod, type: vault, path: {LOG} }}'])
    h.start_collector()
    began = time.monotonic()
    agent = h.start_agent('bench')

    wait_for(lambda: status(h).get('ingest', {}).get('events', 0) >= N, 300, 0.2)
    took = time.monotonic() - began
    row = stream_row(h)
    print(f'{name:28} {N / took:9,.0f} events/s stored' + (f'   stream: {row["delivered"]:,} taken, {row["behind"]:,} behind' if row else ''), flush=True)
    stop(agent)
    stop(h.collector)


def status(h):
    """The running collector's own counters: no pass over the store."""
    with socket.socket(socket.AF_UNIX) as c:
        try:
            c.connect(h.path('control.sock'))
            c.sendall(b'{"do":"status"}\n')
            data = b''
            while not data.endswith(b'\n\n'):
                more = c.recv(65536)
                if not more:
                    break
                data += more
            return json.loads(data.splitlines()[0])
        except (OSError, ValueError, IndexError):
            return {}


def main():
    global LOG
    LOG = os.path.join(folder(), 'audit.log')
    records(LOG)
    pg = Postgres() if Postgres.BIN else None
    ch = ClickHouse() if ClickHouse.BIN else None
    if pg:
        pg.sql(keytrail('stream', 'schema', 'postgresql').stdout.decode())
    if ch:
        ch.schema(keytrail('stream', 'schema', 'clickhouse').stdout.decode())
    print(f'# {N:,} accesses of Vault; a log that is there already')
    files = lambda more: lambda h: f'type: files, folder: {h.path("out")}, {more}'
    backfill('files, ndjson, plain', files('compress: none'))
    backfill('files, ndjson, zstd', files('compress: zstd'))
    backfill('files, ndjson, gzip', files('compress: gzip'))
    backfill('files, csv, zstd', files('format: csv'))
    if ch:
        to_ch = lambda h: f'type: clickhouse, url_file: {h.write("url", f"http://127.0.0.1:{ch.port}/")}, key_file: {h.write("key", "s3cret")}, allow_private: true'
        backfill('clickhouse 18.16', to_ch, ch)
    if pg:
        to_pg = lambda h: f'type: postgresql, url_file: {h.write("url", pg.url)}, allow_private: true'
        backfill('postgresql 15', to_pg, pg)
    slow = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Slow)
    threading.Thread(target=slow.serve_forever, daemon=True).start()
    dead = free_port()
    to_http = lambda port: lambda h: f'type: clickhouse, url_file: {h.write("url", f"http://127.0.0.1:{port}/")}, allow_private: true'
    print('# ingest: agent, collector with detection, and the stream on the same cores')
    for _ in range(2):
        ingest('no stream', None)
        ingest('a stream to files', files('compress: zstd'))
        ingest('a stream to a slow target', to_http(slow.server_address[1]))
        ingest('a stream to a dead target', to_http(dead))
        if ch:
            ingest('a stream to ClickHouse', to_ch)
    for p in (pg, ch):
        if p:
            stop(p.process)


main()
