#!/usr/bin/env python3
"""The same questions over the same records in other tools on this machine: peers.py --events FILE.ndjson --questions QUESTIONS.json --work DIR

Events are one JSON object a line, oldest first: time (ns), seq, source, instance, action, outcome, actor, secret, ip, session,
user_agent, line (the record as text). Prints a table and writes DIR/peers.json. A peer that is not here is said and left out;
a peer that reaches its time bound is cut, and said so. Every peer stores the same columns, and its data is removed at the end.

load: the peer's own time until the records are durable and its indexes stand; reading JSON is not counted where Python does it.
first: the kernel's pages of the data dropped before the six; best: of three warm runs; both until the last row is in the client."""
import argparse, ipaddress, json, os, select, shlex, shutil, signal, sqlite3, subprocess, sys, time
from machine import Cut, NotHere, Postgres, disk_bytes, forget, stop, stop_on_signal, version
from questions import WHAT, Questions, digest, events_of

COLUMNS = ['time', 'seq', 'source', 'instance', 'action', 'outcome', 'actor', 'secret', 'ip', 'session', 'user_agent', 'line']
DUCKDB = '@duckdb/node-api@1.5.6-r.1'
BATCH = 10000
INDEXES = [f'create index ev_{k} on ev({k}, time)' for k in ('actor', 'secret', 'ip')]
REPEAT = 3


class Bench:
    """What is asked of every peer, and until when."""

    def __init__(self, o):
        self.events, self.work = os.path.abspath(o.events), os.path.abspath(o.work)
        self.questions, self.limit = Questions(o.questions), o.limit
        self.until = 0

    def left(self):
        s = self.until - time.monotonic()
        if s <= 0:
            raise Cut()
        return s

    def batches(self, seconds):
        """Records as rows, BATCH at a time, until the file or the time for loading ends."""
        until, rows = time.monotonic() + seconds, []
        with open(self.events, encoding='utf-8') as f:
            for line in f:
                o = json.loads(line)
                rows.append([o.get(c) for c in COLUMNS])
                if len(rows) == BATCH:
                    yield rows
                    rows = []
                    if time.monotonic() > until:
                        return
        if rows:
            yield rows

    def path(self, name):
        return os.path.join(self.work, name)


class Sqlite:
    """One row an event, three indexes made after the rows: what SQLite does best."""
    name, what, live, dialect = 'sqlite-rows', 'SQLite, one row an event, 3 indexes after the load', False, 'sqlite'

    def __init__(self, bench):
        self.b, self.folder = bench, bench.path('sqlite')
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        self.file = os.path.join(self.folder, 'ev.db')
        self.version = 'SQLite ' + sqlite3.sqlite_version
        self.open()

    def open(self):
        self.db = sqlite3.connect(self.file, isolation_level=None)
        for p in ('journal_mode=WAL', 'synchronous=FULL', 'wal_autocheckpoint=20000', 'cache_size=-262144', 'mmap_size=17179869184', 'temp_store=MEMORY'):
            self.db.execute('pragma ' + p)
        self.db.set_progress_handler(lambda: int(time.monotonic() > self.b.until), 100000)

    def load(self):
        self.db.execute(f'create table ev({", ".join(c + (" integer" if c in ("time", "seq") else " text") for c in COLUMNS)})')
        put = f'insert into ev values({",".join("?" * len(COLUMNS))})'
        took, n = 0.0, 0
        if self.live:
            took += self.timed(*INDEXES)
        for rows in self.b.batches(self.b.limit * 0.6):
            t = time.monotonic()
            self.db.execute('begin')
            self.db.executemany(put, rows)
            self.db.execute('commit')
            took, n = took + time.monotonic() - t, n + len(rows)
        if not self.live:
            took += self.timed(*INDEXES)
        took += self.timed('pragma wal_checkpoint(truncate)')
        self.db.execute('analyze')
        self.db.execute('pragma wal_checkpoint(truncate)')
        return took, n, disk_bytes(self.file)

    def timed(self, *statements):
        t = time.monotonic()
        for s in statements:
            try:
                self.db.execute(s)
            except sqlite3.OperationalError:
                self.b.left()
                raise
        return time.monotonic() - t

    def cold(self):
        self.db.close()
        forget(self.folder)
        self.open()

    def ask(self, sql):
        t = time.monotonic()
        try:
            rows = self.db.execute(sql).fetchall()
        except sqlite3.OperationalError:
            self.b.left()
            raise
        return (time.monotonic() - t) * 1000, [['' if v is None else str(v) for v in r] for r in rows]

    def close(self):
        self.db.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class SqliteLive(Sqlite):
    """The same with its indexes standing from the first row, as a store needs that is asked while it is written."""
    name, what, live, dialect = 'sqlite-live', 'the same, indexes standing from the first row (load alone)', True, None


class Child:
    """A program that answers one statement after the other on its pipes, within the bound."""

    def start(self, argv, **more):
        self.p = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **more)
        self.pending = b''

    def say(self, text):
        try:
            self.p.stdin.write(text.encode())
            self.p.stdin.flush()
        except BrokenPipeError:
            raise RuntimeError('it ended: ' + self.complaint()) from None

    def line(self):
        while b'\n' not in self.pending:
            if not select.select([self.p.stdout], [], [], self.b.left())[0]:
                raise Cut()
            piece = os.read(self.p.stdout.fileno(), 1 << 20)
            if not piece:
                self.b.left()
                raise RuntimeError('it ended: ' + self.complaint())
            self.pending += piece
        line, self.pending = self.pending.split(b'\n', 1)
        return line.decode()

    def complaint(self):
        try:
            return open(self.errors, errors='replace').read().strip()[-300:]
        except OSError:
            return ''


class DuckTable(Child):
    """DuckDB's own table and file."""
    name, what, dialect, database = 'duckdb-table', 'DuckDB, its own table', 'duckdb', 'ev.duckdb'

    def __init__(self, bench):
        self.b, self.folder, self.p = bench, bench.path('duckdb'), None
        node, packages = shutil.which('node'), self.packages()
        if not node:
            raise NotHere('no node')
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        self.errors = os.path.join(self.folder, 'errors')
        self.argv = [node, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'duckdb.mjs'), packages, self.database, str(os.cpu_count())]
        self.run()
        self.version = 'DuckDB ' + self.ask('select library_version from pragma_version()')[1][0][0]

    def packages(self):
        """The npm package in a folder of the bench."""
        folder = self.b.path('tools/npm')
        if not os.path.isdir(os.path.join(folder, 'node_modules/@duckdb/node-api')):
            npm = shutil.which('npm')
            if not npm:
                raise NotHere('no npm')
            os.makedirs(folder, exist_ok=True)
            try:
                p = subprocess.run([npm, 'install', '--no-fund', '--no-audit', '--ignore-scripts', '--loglevel=error', '--prefix', folder, DUCKDB],
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=180)
            except subprocess.TimeoutExpired:
                raise NotHere('npm does not answer') from None
            if p.returncode != 0:
                raise NotHere('npm: ' + (p.stdout.strip().splitlines() or ['?'])[-1])
        return folder

    def run(self):
        with open(self.errors, 'ab') as e:
            self.start(self.argv, cwd=self.folder, stderr=e)

    def reader(self):
        kinds = ', '.join(f"{c}: '{'BIGINT' if c in ('time', 'seq') else 'VARCHAR'}'" for c in COLUMNS)
        return f"read_json('{self.b.events.replace(chr(39), chr(39) * 2)}', format = 'newline_delimited', columns = {{{kinds}}})"

    def load(self):
        ms = self.ask(f'create table ev as select * from {self.reader()}')[0] + self.ask('checkpoint')[0]
        n = int(self.ask('select count(*) from ev')[1][0][0])
        return ms / 1000, n, disk_bytes(os.path.join(self.folder, self.database))

    def cold(self):
        stop(self.p)
        forget(self.folder)
        self.run()
        self.ask('select 1')

    def ask(self, sql):
        self.say(json.dumps(sql) + '\n')
        answer = json.loads(self.line())
        if 'error' in answer:
            raise RuntimeError(answer['error'])
        return answer['ms'], answer['rows']

    def close(self):
        if self.p:
            stop(self.p)
        shutil.rmtree(self.folder, ignore_errors=True)


class DuckFile(DuckTable):
    """DuckDB over the NDJSON as it lies: nothing is loaded."""
    name, what, dialect, database = 'duckdb-ndjson', 'DuckDB over the NDJSON', 'duckdb', ':memory:'

    def load(self):
        self.ask(f'create view ev as select * from {self.reader()}')
        return 0, int(self.ask('select count(*) from ev')[1][0][0]), disk_bytes(self.b.events)

    def cold(self):
        forget(self.b.events)


class Postgresql(Child):
    """A server of our own on a unix socket: COPY, then three indexes, fsync on."""
    name, what, dialect = 'postgresql', 'PostgreSQL, COPY, then 3 indexes', 'postgresql'

    def __init__(self, bench):
        self.b, self.server, self.p = bench, None, None
        self.server = Postgres(bench.work)
        self.version = self.server.version
        self.errors, self.out = os.path.join(self.server.folder, 'errors'), os.path.join(self.server.folder, 'answer')
        self.run()

    def run(self):
        with open(self.errors, 'ab') as e:
            self.start(self.server.psql('-At', '-F', '\t'), stderr=e, env=self.server.env)
        self.say('\\timing on\n')
        self.command('select 1;')

    def command(self, text):
        """Run statements to their end; gives the milliseconds that psql measured for the last one."""
        self.say(f"set statement_timeout = {int(self.b.left() * 1000) + 1};\n{text}\n\\echo done\n")
        ms, line = 0.0, self.line()
        while line != 'done':
            if line.startswith('Time: '):
                ms = float(line.split()[1])
            line = self.line()
        return ms

    def load(self):
        kinds = {'time': 'bigint', 'seq': 'bigint', 'ip': 'inet'}
        self.command('create table ev(' + ', '.join(f'{c} {kinds.get(c, "text")}' for c in COLUMNS) + ');')
        t, n = time.monotonic(), 0
        self.say('set statement_timeout = 0;\ncopy ev from stdin;\n')
        for rows in self.b.batches(self.b.limit * 0.6):
            self.say(''.join(map(copy_line, rows)))
            n += len(rows)
        self.say('\\.\n')
        for i in INDEXES:
            self.command(i + ';')
        took = time.monotonic() - t
        self.command('vacuum analyze ev;')
        return took, n, int(self.server.value("select pg_total_relation_size('ev')"))

    def cold(self):
        stop(self.p)
        self.server.restart_cold()
        self.run()

    def ask(self, sql):
        ms = self.command(f'\\o {self.out}\n{sql};\n\\o')
        with open(self.out, encoding='utf-8') as f:
            return ms, [line.rstrip('\n').split('\t') for line in f]

    def close(self):
        if self.p:
            stop(self.p)
        self.server.close()


ADDRESSES = {}


def copy_line(row):
    """A row in COPY's text format; what is no address is NULL, as the column's type asks."""
    out = []
    for c, v in zip(COLUMNS, row):
        if c == 'ip' and v is not None:
            if v not in ADDRESSES:
                try:
                    ADDRESSES[v] = str(ipaddress.ip_address(v))
                except ValueError:
                    ADDRESSES[v] = None
            v = ADDRESSES[v]
        out.append('\\N' if v is None else str(v) if isinstance(v, int) else v.replace('\\', '\\\\').replace('\t', '\\t').replace('\n', '\\n').replace('\r', '\\r'))
    return '\t'.join(out) + '\n'


class Shell:
    """grep and jq over the file as it lies."""
    name, what, dialect = 'grep-jq', 'grep and jq over the NDJSON', 'shell'

    def __init__(self, bench):
        self.b, self.p = bench, None
        if not shutil.which('jq'):
            raise NotHere('no jq')
        self.version = version(['jq', '--version']) + ', ' + version(['grep', '--version'])

    def load(self):
        n = int(subprocess.run(['wc', '-l', self.b.events], stdout=subprocess.PIPE, check=True, text=True).stdout.split()[0])
        return 0, n, disk_bytes(self.b.events)

    def cold(self):
        forget(self.b.events)

    def ask(self, command):
        t, p = time.monotonic(), subprocess.Popen(['sh', '-c', command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
        try:
            out, complaint = p.communicate(timeout=self.b.left())
        except subprocess.TimeoutExpired:
            raise Cut() from None
        finally:
            if p.poll() is None:
                os.killpg(p.pid, signal.SIGKILL)
                p.communicate()
        ms = (time.monotonic() - t) * 1000
        if complaint:
            raise RuntimeError(complaint.decode(errors='replace').splitlines()[0])
        return ms, [line.split('\t') for line in out.decode().splitlines()]

    def close(self):
        pass


PEERS = [Sqlite, SqliteLive, DuckFile, DuckTable, Postgresql, Shell]


def ask_all(peer, statements, until):
    """Each question once after a cold start, then each warm while time is left."""
    answers = {q: {} for q in statements}
    peer.cold()
    for q, a in answers.items():
        try:
            ms, rows = peer.ask(statements[q])
            a.update(first_ms=round(ms, 3), rows=len(rows), events=events_of(q, rows), digest=digest(rows))
        except Cut:
            a['cut'] = 'time bound'
            return answers
    for q, a in answers.items():
        best = []
        while len(best) < REPEAT and time.monotonic() + a['first_ms'] / 1000 < until:
            try:
                best.append(peer.ask(statements[q])[0])
            except Cut:
                return answers
        if best:
            a.update(best_ms=round(min(best), 3), runs=len(best))
    return answers


def measure(kind, bench, total):
    bench.until = time.monotonic() + bench.limit
    peer, result = None, {'peer': kind.name, 'what': kind.what}
    try:
        peer = kind(bench)
        result['version'] = peer.version
        took, n, size = peer.load()
        result.update(events=n, load_s=round(took, 2), events_per_s=round(n / took) if took else None, bytes_per_event=round(size / n, 1) if n else None)
        if n < total:
            result['cut'] = f'load cut at {n:,} of {total:,} events'
        elif peer.dialect:
            q = bench.questions
            result['questions'] = ask_all(peer, q.shell(bench.events) if peer.dialect == 'shell' else q.sql(peer.dialect), bench.until)
    except NotHere as e:
        result['not_here'] = str(e)
    except Cut:
        result['cut'] = f'time bound of {bench.limit} s'
    except (RuntimeError, OSError, sqlite3.Error, subprocess.SubprocessError) as e:
        result['failed'] = f'{type(e).__name__}: {e}'
    finally:
        if peer:
            peer.close()
    return result


def agree(results):
    """Marks the answers that differ from the usual one; ours may come without a digest."""
    for q in WHAT:
        answers = [r['questions'][q] for r in results if 'rows' in r.get('questions', {}).get(q, {})]
        for key in (lambda a: (a['rows'], a['events'])), (lambda a: a.get('digest')):
            seen = [key(a) for a in answers if key(a)]
            for a in answers:
                if key(a) and key(a) != max(set(seen), key=seen.count):
                    a['differs'] = True


def ms(a):
    if 'first_ms' not in a:
        return a.get('cut', '-')
    return f'{a.get("best_ms", a["first_ms"]):,.1f} ({a["first_ms"]:,.0f})' + ('!' if a.get('differs') else '')


ROW = '{:14} {:>11} {:>9} {:>10} {:>7} ' + ' {:>17}' * len(WHAT)


def ratios(r, ours):
    """How many times less ours takes: rate of the load, bytes, and each question."""
    def times(a, b):
        return f'x {a / b:.3g}' if a and b else ''

    def best(x, q):
        a = x.get('questions', {}).get(q, {})
        return a.get('best_ms', a.get('first_ms'))

    return ROW.format('  to ours', '', '', times(ours.get('events_per_s'), r.get('events_per_s')), times(r.get('bytes_per_event'), ours.get('bytes_per_event')),
                      *[times(best(r, q), best(ours, q)) for q in WHAT]).rstrip()


def print_table(results, ours):
    print(ROW.format('peer', 'events', 'load s', 'events/s', 'B/event', *[f'{q} ms' for q in WHAT]))
    for r in results:
        if 'not_here' in r or 'failed' in r:
            print(f'{r["peer"]:14} ' + ('not here: ' + r['not_here'] if 'not_here' in r else 'failed: ' + r['failed']))
            continue
        rate = f'{r["events_per_s"]:,}' if r.get('events_per_s') else '-'
        asked = [ms(r['questions'].get(q, {})) if 'questions' in r else '-' for q in WHAT]
        print(ROW.format(r['peer'], f'{r.get("events", 0):,}', r.get('load_s', '-'), rate, r.get('bytes_per_event') or '-', *asked) + ('  ' + r['cut'] if 'cut' in r else ''))
        if ours and r is not ours:
            print(ratios(r, ours))
    first = next((r for r in results if 'questions' in r), None)
    if first:
        print('best of 3 warm (first after a cold start); ! another answer than the rest. Rows · events of the answers: '
              + ', '.join(f'{q} {WHAT[q]}: {a["rows"]:,} · {a["events"]:,}' for q, a in first['questions'].items() if 'rows' in a))


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument('--events', required=True)
    a.add_argument('--questions', required=True)
    a.add_argument('--work', required=True)
    a.add_argument('--only', default='', help='names, with commas: ' + ','.join(k.name for k in PEERS))
    a.add_argument('--limit', type=float, default=600, help='seconds for each peer')
    a.add_argument('--ours', help='our own figures, printed first and with ratios: one object as in "peers" of peers.json')
    o = a.parse_args()
    only = set(filter(None, o.only.split(',')))
    if only - {k.name for k in PEERS}:
        a.error('--only: no such peer: ' + ', '.join(sorted(only - {k.name for k in PEERS})))
    ours = json.load(open(o.ours, encoding='utf-8')) if o.ours else None
    stop_on_signal()
    os.makedirs(o.work, exist_ok=True)
    bench, results = Bench(o), [ours] if ours else []
    with open(bench.events, 'rb') as f:
        total = sum(piece.count(b'\n') for piece in iter(lambda: f.read(1 << 22), b''))
    for kind in PEERS:
        if not only or kind.name in only:
            print(f'{kind.name}: {kind.what} …', file=sys.stderr, flush=True)
            results.append(measure(kind, bench, total))
    agree(results)
    print_table(results, ours)
    with open(bench.path('peers.json'), 'w', encoding='utf-8') as f:
        json.dump({'events': total, 'bytes': os.path.getsize(bench.events), 'cores': os.cpu_count(), 'peers': results}, f, indent=1)
        f.write('\n')


main()
