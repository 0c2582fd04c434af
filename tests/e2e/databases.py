"""PostgreSQL and ClickHouse for the end-to-end tests: Debian's programs, in a folder of their own, on free loopback ports, stopped by pid."""
import glob, os, subprocess, urllib.parse, urllib.request
from support import folder, free_port, start, wait_for

_PEERS = os.path.abspath('build/peers')


def _found(*places):
    return next((p for place in places for p in sorted(glob.glob(place), reverse=True) if os.access(p, os.X_OK)), None)


def _as_user(argv):
    """A server that refuses to run as root runs as nobody. Unpacked ones find their libraries beside them."""
    if argv[0].startswith(_PEERS):
        argv = ['env', f'LD_LIBRARY_PATH={_PEERS}/usr/lib/x86_64-linux-gnu', *argv]
    return ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--', *argv] if os.geteuid() == 0 else argv


def _own(path):
    if os.geteuid() == 0:
        os.chmod(path, 0o755)
        for d, _, files in os.walk(path):
            for p in [d, *[os.path.join(d, f) for f in files]]:
                os.chown(p, 65534, 65534)


def _get(url, body=None, timeout=20):
    with urllib.request.urlopen(urllib.request.Request(url, data=body), timeout=timeout) as r:
        return r.read().decode()


class Postgres:
    """Its zone is not UTC, as on most servers: nothing may depend on it."""
    BIN = _found('/usr/lib/postgresql/*/bin/postgres', _PEERS + '/usr/lib/postgresql/*/bin/postgres')

    def __init__(self):
        self.dir, self.port, self.process = folder(), free_port(), None
        self.data = os.path.join(self.dir, 'data')
        _own(self.dir)
        self.bin = os.path.dirname(self.BIN)
        subprocess.run(_as_user([os.path.join(self.bin, 'initdb'), '-D', self.data, '-U', 'keytrail', '-A', 'trust', '-E', 'UTF8', '--no-locale', '-N']),
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.start()
        self.sql('CREATE DATABASE audit', database='postgres')

    def start(self):
        self.process = start(_as_user([self.BIN, '-D', self.data, '-h', '127.0.0.1', '-p', str(self.port), '-k', self.dir, '-c', 'max_wal_size=4GB', '-c', 'timezone=Europe/Berlin']),
                             os.path.join(self.dir, 'log'))
        ready = os.path.join(self.bin, 'pg_isready')
        if not wait_for(lambda: subprocess.run([ready, '-q', '-h', '127.0.0.1', '-p', str(self.port)]).returncode == 0, 30):
            raise RuntimeError('PostgreSQL did not start:\n' + open(os.path.join(self.dir, 'log')).read())

    def kill(self):
        """As when the power goes: the postmaster first; its children see that and end."""
        self.process.kill()
        self.process.wait()
        wait_for(lambda: not self._children(), 20)

    def _children(self):
        """Processes that still work in the data folder."""
        for p in glob.glob('/proc/[0-9]*/cwd'):
            try:
                if os.readlink(p) == self.data:
                    return True
            except OSError:
                continue
        return False

    def sql(self, text, database='audit'):
        p = subprocess.run([os.path.join(self.bin, 'psql'), '-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-h', '127.0.0.1', '-p', str(self.port),
                            '-U', 'keytrail', database], input=text.encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if p.returncode != 0:
            raise RuntimeError(p.stderr.decode())
        return p.stdout.decode().strip()

    @property
    def url(self):
        return f'postgresql://keytrail:x@127.0.0.1:{self.port}/audit'


class ClickHouse:
    BIN = _found('/usr/sbin/clickhouse-server', '/usr/bin/clickhouse-server', _PEERS + '/usr/sbin/clickhouse-server')

    def __init__(self):
        self.dir, self.port, self.process = folder(), free_port(), None
        with open(os.path.join(self.dir, 'config.xml'), 'w') as f:
            f.write(f'''<yandex>
<logger><level>warning</level><log>{self.dir}/log</log><errorlog>{self.dir}/errors</errorlog></logger>
<http_port>{self.port}</http_port><tcp_port>{free_port()}</tcp_port><interserver_http_port>{free_port()}</interserver_http_port>
<listen_host>127.0.0.1</listen_host><path>{self.dir}/data/</path><tmp_path>{self.dir}/tmp/</tmp_path><users_config>users.xml</users_config>
<default_profile>default</default_profile><default_database>default</default_database><mark_cache_size>5368709</mark_cache_size>
<timezone>UTC</timezone><uncompressed_cache_size>8388608</uncompressed_cache_size><format_schema_path>{self.dir}/schemas/</format_schema_path>
</yandex>''')
        with open(os.path.join(self.dir, 'users.xml'), 'w') as f:
            f.write('''<yandex><profiles><default><max_memory_usage>500000000</max_memory_usage></default></profiles>
<users><default><password>s3cret</password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></default></users>
<quotas><default><interval><duration>3600</duration><queries>0</queries><errors>0</errors><result_rows>0</result_rows><read_rows>0</read_rows>
<execution_time>0</execution_time></interval></default></quotas></yandex>''')
        _own(self.dir)
        self.start()

    def start(self):
        server = [self.BIN] if self.BIN.endswith('-server') else [self.BIN, 'server']
        self.process = start(_as_user(server + [f'--config-file={self.dir}/config.xml', f'--pid-file={self.dir}/pid']), os.path.join(self.dir, 'out'))
        if not wait_for(self.up, 30):
            raise RuntimeError('ClickHouse did not start:\n' + ''.join(open(p, errors='replace').read() for p in glob.glob(self.dir + '/[oe]*')))

    def up(self):
        try:
            return _get(f'http://127.0.0.1:{self.port}/ping', timeout=2).startswith('Ok')
        except OSError:
            return False

    def kill(self):
        self.process.kill()
        self.process.wait()

    def sql(self, text):
        return _get(f'http://127.0.0.1:{self.port}/?' + urllib.parse.urlencode({'user': 'default', 'password': 's3cret'}), text.encode()).strip()

    def schema(self, text):
        """One statement a request."""
        lines = '\n'.join(l for l in text.splitlines() if not l.lstrip().startswith('--'))
        for s in lines.split(';'):
            if s.strip():
                self.sql(s)
