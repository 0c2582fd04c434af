#!/usr/bin/env python3
"""Other ways from a log file to something that can be asked: ingest.py --log AUDIT.log --work DIR [--out NAME.json]

Each peer follows the same Vault audit file (JSON, one record a line), parses it, and keeps a few fields and the whole record:
syslog-ng into SQLite, rsyslog into PostgreSQL, both with three indexes; rsyslog and fluent-bit into a file. Prints a table and
writes DIR/NAME.json (ingest.json). Lines, not accesses: a Vault access is two lines. No encryption, no acknowledgement, no detection there.

A rate is lines in the target, committed or synced at the end, by the seconds since the start of the daemon. A peer that takes
longer than --limit is measured over what it had by then, which favours it, as indexes slow down with their size."""
import argparse, json, os, shutil, sqlite3, subprocess, sys, time
from machine import LIBS, NotHere, Postgres, cpu_s, die_with_us, disk_bytes, environment, peak_mib, program, stop, stop_on_signal, unpacked, version

FIELDS = {'at': ('time',), 'kind': ('type',), 'request': ('request', 'id'), 'actor': ('auth', 'display_name'), 'action': ('request', 'operation'),
          'secret': ('request', 'path'), 'ip': ('request', 'remote_address'), 'error': ('error',)}
INDEXED = ('actor', 'secret', 'ip')
SYSLOG_NG, RSYSLOG = ['syslog-ng-core', 'syslog-ng-mod-sql', 'libdbd-sqlite3'], ['rsyslog', 'rsyslog-pgsql']

SYSLOG_NG_CONF = '''@version: {version}
options {{ stats-freq(0); }};
source s {{ file("{log}" flags(no-parse) follow-freq(0.1) log-iw-size(100000) log-fetch-limit(10000)); }};
parser p {{ json-parser(prefix(".j.")); }};
destination d {{
    sql(type(sqlite3) database("ev.db") dbd-option("sqlite3_dbdir" "{folder}") table("ev") columns({columns}) values({values})
        indexes({indexes}) flags(explicit-commits) batch-lines(1000) log-fifo-size(200000));
}};
log {{ source(s); parser(p); destination(d); flags(flow-control); }};
'''

RSYSLOG_CONF = '''global(workDirectory="{folder}" maxMessageSize="64k")
module(load="imfile")
module(load="mmjsonparse")
{module}
template(name="row" type="list"{option}) {{ {row} }}
input(type="imfile" file="{log}" tag="audit:" ruleset="r" freshStartTail="off")
ruleset(name="r" queue.type="LinkedList" queue.size="200000" queue.dequeueBatchSize="{batch}" queue.workerThreads="1") {{
    action(type="mmjsonparse" cookie="")
    {action}
}}
'''

FLUENT_BIT_CONF = '''[SERVICE]
    flush 1
    grace 5
    log_level error
    parsers_file {folder}/parsers.conf
    storage.path {folder}/storage
[INPUT]
    name tail
    path {log}
    read_from_head true
    parser vault
    storage.type filesystem
    buffer_chunk_size 1M
    buffer_max_size 8M
    db {folder}/tail.db
[OUTPUT]
    name file
    match *
    path {folder}
    file out
    format plain
'''


class Job:
    """One peer at work: its folder, what it follows, and how long."""

    def __init__(self, o, name):
        self.log, self.limit, self.work = os.path.abspath(o.log), o.limit, os.path.abspath(o.work)
        self.lines, self.folder = o.lines, os.path.join(self.work, 'ingest-' + name)
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), 'w', encoding='utf-8') as f:
            f.write(text)
        return self.path(name)

    def run(self, argv, env, count, durable=lambda: None):
        """Start the daemon, wait until the target holds all lines, stop it. The last count is the one after the stop."""
        with open(self.path('errors'), 'ab') as e:
            began = time.monotonic()
            p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=e, stderr=e, env=env, cwd=self.folder, preexec_fn=die_with_us)
        try:
            while p.poll() is None and count() < self.lines and time.monotonic() - began < self.limit:
                time.sleep(0.25)
            n = count()
            durable()
            took = time.monotonic() - began
            if p.poll() is not None or not n:
                raise RuntimeError(open(self.path('errors'), errors='replace').read().strip()[-300:] or 'no line arrived')
            cpu, peak = cpu_s(p.pid), peak_mib(p.pid)
        finally:
            stop(p)
        return {'lines': n, 'seconds': round(took, 2), 'lines_per_s': round(n / took), 'cpu_us_per_line': round(cpu * 1e6 / n, 1), 'peak_mib': peak}


def rows_of(file):
    """Committed rows, read without a lock so that the writer is never refused."""
    try:
        db = sqlite3.connect(f'file:{file}?mode=ro&immutable=1', uri=True)
        try:
            return db.execute('select max(rowid) from ev').fetchone()[0] or 0
        finally:
            db.close()
    except sqlite3.Error:
        return 0


class Lines:
    """How many lines a growing file has; sync() makes them durable."""

    def __init__(self, path):
        self.path, self.n, self.at = path, 0, 0

    def __call__(self):
        if os.path.exists(self.path):
            with open(self.path, 'rb') as f:
                f.seek(self.at)
                for piece in iter(lambda: f.read(1 << 22), b''):
                    self.n, self.at = self.n + piece.count(b'\n'), self.at + len(piece)
        return self.n

    def sync(self):
        fd = os.open(self.path, os.O_RDONLY)
        os.fsync(fd)
        os.close(fd)


def syslog_ng_sqlite(job):
    root = unpacked(job.work, SYSLOG_NG)
    if not os.path.exists(f'/{LIBS}/dbd/libdbdsqlite3.so'):
        raise NotHere('libdbd-sqlite3 is not installed (deploy/deps.sh bench)')
    env, binary = environment(root), program(root, 'usr/sbin/syslog-ng')
    told = version([binary, '--version'], env)
    number = '.'.join(told.split('(')[-1].rstrip(')').split('.')[:2])
    quoted = [f'"${{.j.{".".join(p)}}}"' for p in FIELDS.values()]
    conf = SYSLOG_NG_CONF.format(version=number, log=job.log, folder=job.folder, columns=', '.join(f'"{c} text"' for c in (*FIELDS, 'line')),
                                 values=', '.join([*quoted, '"$MESSAGE"']), indexes=', '.join(f'"{c}"' for c in INDEXED))
    modules = os.path.join(os.path.dirname(os.path.dirname(binary)), 'lib/syslog-ng', number)
    argv = [binary, '-F', '--no-caps', '-f', job.write('conf', conf), '-R', job.path('persist'), '-c', job.path('ctl'), '-p', job.path('pid'), '--module-path', modules]
    result = job.run(argv, env, lambda: rows_of(job.path('ev.db')))
    return {'version': told, **result, 'bytes_per_line': round(disk_bytes(job.path('ev.db')) / rows_of(job.path('ev.db')), 1)}


def rows_in(server, lines):
    """By the sequence, which is ahead of the commits by one batch at most; counted when all should be there."""
    n = int(server.value('select case when is_called then last_value else 0 end from ev_n_seq'))
    return n if n < lines else int(server.value('select count(*) from ev'))


def rsyslog(job, root, env, **parts):
    binary, folder = program(root, 'usr/sbin/rsyslogd'), f'{LIBS}/rsyslog'
    conf = job.write('conf', RSYSLOG_CONF.format(log=job.log, folder=job.folder, **parts))
    argv = [binary, '-n', '-f', conf, '-i', job.path('pid'), '-M', ':'.join(d for d in (os.path.abspath(os.path.join(root, folder)), f'/{folder}') if os.path.isdir(d))]
    return argv, version([binary, '-v'], env)


def properties(between):
    """The fields and the record of rsyslog's template, with a text between them."""
    gap = f' constant(value="{between}") '
    return gap.join([*[f'property(name="$!{"!".join(p)}")' for p in FIELDS.values()], 'property(name="msg")'])


def rsyslog_postgresql(job):
    root = unpacked(job.work, RSYSLOG)
    env, server = environment(root), Postgres(job.work)
    try:
        columns = (*FIELDS, 'line')
        server.value(f'create table ev({", ".join(f"{c} text" for c in columns)}, n bigserial)')
        for c in INDEXED:
            server.value(f'create index on ev({c})')
        row = f'''constant(value="insert into ev({', '.join(columns)}) values('") {properties("','")} constant(value="')")'''
        argv, told = rsyslog(job, root, env, module='module(load="ompgsql")', option=' option.stdsql="on"', row=row, batch=1000,
                             action=f'action(type="ompgsql" server="{server.socket}" user="bench" pass="-" db="postgres" template="row")')
        result = job.run(argv, env, lambda: rows_in(server, job.lines))
        size = int(server.value("select pg_total_relation_size('ev') / count(*) from ev"))
        return {'version': f'{told}; {server.version}', **result, 'bytes_per_line': size}
    finally:
        server.close()


def rsyslog_file(job):
    root = unpacked(job.work, RSYSLOG)
    env, out = environment(root), Lines(job.path('out.tsv'))
    argv, told = rsyslog(job, root, env, module='', option='', row=properties('\\t') + ' constant(value="\\n")', batch=4096,
                         action=f'action(type="omfile" file="{out.path}" template="row" asyncWriting="off" ioBufferSize="256k" flushOnTXEnd="on")')
    result = job.run(argv, env, out, out.sync)
    return {'version': told, **result, 'bytes_per_line': round(disk_bytes(out.path) / out(), 1)}


def fluent_bit_file(job):
    binary = shutil.which('fluent-bit') or shutil.which('fluent-bit', path='/opt/fluent-bit/bin')
    if not binary:
        raise NotHere('Debian 12 has no package of fluent-bit; one in PATH or /opt/fluent-bit is measured')
    out = Lines(job.path('out'))
    job.write('parsers.conf', '[PARSER]\n    name vault\n    format json\n')
    result = job.run([binary, '-c', job.write('conf', FLUENT_BIT_CONF.format(log=job.log, folder=job.folder))], dict(os.environ), out, out.sync)
    return {'version': version([binary, '--version']), **result, 'bytes_per_line': round(disk_bytes(out.path) / out(), 1)}


PEERS = {'syslog-ng-sqlite': syslog_ng_sqlite, 'rsyslog-postgresql': rsyslog_postgresql, 'rsyslog-file': rsyslog_file, 'fluent-bit-file': fluent_bit_file}


def measure(name, o):
    job = Job(o, name)
    try:
        r = {'peer': name, **PEERS[name](job)}
        if r['lines'] < o.lines:
            r['cut'] = f'time bound of {o.limit:g} s'
        return r
    except NotHere as e:
        return {'peer': name, 'not_here': str(e)}
    except (RuntimeError, OSError, ValueError, subprocess.SubprocessError) as e:
        return {'peer': name, 'failed': f'{type(e).__name__}: {e}'}
    finally:
        shutil.rmtree(job.folder, ignore_errors=True)


def print_row(r):
    if 'lines' in r:
        print(f'{r["peer"]:19} {r["lines"]:>10,} {r["seconds"]:>8} {r["lines_per_s"]:>8,} {r["cpu_us_per_line"]:>12} {r["peak_mib"]:>9} {r["bytes_per_line"]:>7}  {r.get("cut", "")}')
    else:
        print(f'{r["peer"]:19} ' + ('not here: ' + r['not_here'] if 'not_here' in r else 'failed: ' + r['failed']))


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument('--log', required=True)
    a.add_argument('--work', required=True)
    a.add_argument('--only', default='', help='names, with commas: ' + ','.join(PEERS))
    a.add_argument('--limit', type=float, default=120, help='seconds for each peer')
    a.add_argument('--out', default='ingest.json', help='name of the file of results, in --work')
    o = a.parse_args()
    names = [n for n in o.only.split(',') if n] or list(PEERS)
    if set(names) - set(PEERS):
        a.error('--only: no such peer: ' + ', '.join(sorted(set(names) - set(PEERS))))
    stop_on_signal()
    os.makedirs(o.work, exist_ok=True)
    o.lines = Lines(o.log)()
    results = []
    print(f'{"peer":19} {"lines":>10} {"seconds":>8} {"lines/s":>8} {"CPU us/line":>12} {"peak MiB":>9} {"B/line":>7}', flush=True)
    for name in names:
        print(f'{name} …', file=sys.stderr, flush=True)
        results.append(measure(name, o))
        print_row(results[-1])
    with open(os.path.join(o.work, o.out), 'w', encoding='utf-8') as f:
        json.dump({'lines': o.lines, 'bytes': os.path.getsize(o.log), 'peers': results}, f, indent=1)
        f.write('\n')


main()
