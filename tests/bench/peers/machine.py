"""What the peers need of the machine: programs that are here or unpacked beside the bench, a process that is stopped by its id,
and a PostgreSQL of our own. Nothing is installed, no service of the machine is touched, and nothing is left running."""
import ctypes, glob, os, pwd, shutil, signal, subprocess, sys, tempfile, time

LIBS = 'usr/lib/x86_64-linux-gnu'


class NotHere(Exception):
    """A peer that this machine does not have; the text is the reason."""


class Cut(Exception):
    """The time bound of a peer has come."""


def unpacked(work, packages):
    """Debian packages, with what they need and the machine lacks, unpacked below work: two daemons that may not be
    installed together lie side by side there, and none of them replaces or starts a service. Empty when all are installed."""
    root = os.path.join(work, 'tools', packages[0])
    if os.path.exists(root):
        return root
    if not shutil.which('apt-get'):
        raise NotHere('no apt-get to fetch ' + ' '.join(packages))
    cache, new = root + '.debs', root + '.new'
    for d in (cache, new):
        shutil.rmtree(d, ignore_errors=True)
    os.makedirs(os.path.join(cache, 'partial'))
    os.makedirs(new)
    fetch = ['apt-get', 'install', '-y', '-q', '--no-install-recommends', '--download-only', '-o', f'Dir::Cache::archives={os.path.abspath(cache)}',
             '-o', 'Debug::NoLocking=1', '-o', 'APT::Sandbox::User=root', *packages]
    p = subprocess.run(fetch, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if p.returncode != 0:
        raise NotHere('apt-get: ' + (p.stdout.strip().splitlines() or ['no answer'])[-1])
    for deb in glob.glob(os.path.join(cache, '*.deb')):
        subprocess.run(['dpkg-deb', '-x', deb, new], check=True)
    shutil.rmtree(cache)
    os.rename(new, root)
    return root


def environment(root):
    """The libraries of an unpacked root before those of the machine."""
    dirs = [os.path.abspath(os.path.join(root, d)) for d in (LIBS, 'usr/lib/syslog-ng')]
    return {**os.environ, 'LD_LIBRARY_PATH': ':'.join(dirs), 'LC_ALL': 'C'}


def program(root, path):
    """An unpacked program, or the installed one."""
    for p in (os.path.join(root, path), '/' + path):
        if os.path.exists(p):
            return os.path.abspath(p)
    raise NotHere(f'no /{path}')


def version(argv, env=None):
    try:
        out = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env, timeout=20).stdout
    except (OSError, subprocess.SubprocessError):
        return ''
    return (out.splitlines() or [''])[0].strip()


def stop(p, sig=signal.SIGTERM):
    if p.poll() is None:
        p.send_signal(sig)
        try:
            p.wait(20)
        except subprocess.TimeoutExpired:
            p.kill()
            p.wait()
    for f in (p.stdin, p.stdout):
        if f:
            f.close()


def die_with_us():
    """In a new child: SIGINT when the bench dies, however it dies (prctl PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGINT)


def stop_on_signal():
    """SIGTERM becomes an exception, so that every `finally` stops what it started."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def cpu_s(pid):
    f = open(f'/proc/{pid}/stat').read().rsplit(')', 1)[1].split()
    return (int(f[11]) + int(f[12])) / os.sysconf('SC_CLK_TCK')


def peak_mib(pid):
    for line in open(f'/proc/{pid}/status'):
        if line.startswith('VmHWM'):
            return int(line.split()[1]) // 1024
    return 0


def disk_bytes(*paths):
    """Sizes of files and of all files below folders."""
    total = 0
    for path in paths:
        if os.path.isfile(path):
            total += os.path.getsize(path)
        for folder, _, names in os.walk(path):
            total += sum(os.path.getsize(os.path.join(folder, n)) for n in names)
    return total


def forget(*paths):
    """Ask the kernel to drop the cached pages of these files, so that the first answer comes from disk."""
    for path in paths:
        for f in [path] if os.path.isfile(path) else [os.path.join(d, n) for d, _, names in os.walk(path) for n in names]:
            fd = os.open(f, os.O_RDONLY)
            os.fsync(fd)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(fd)


class Postgres:
    """A server on a unix socket alone, in its own folder, as a user without rights where we are root; gone after close()."""

    def __init__(self, work):
        found = sorted(glob.glob('/usr/lib/postgresql/*/bin/postgres'))
        root = '' if found else unpacked(work, ['postgresql-15'])
        found = found or glob.glob(os.path.abspath(root) + '/usr/lib/postgresql/*/bin/postgres')
        if not found:
            raise NotHere('no postgres')
        self.bin = os.path.dirname(found[-1])
        self.env = environment(root) if root else {**os.environ, 'LC_ALL': 'C'}
        self.version = version([found[-1], '--version'], self.env)
        self.folder = os.path.abspath(os.path.join(work, 'postgresql'))
        self.data = os.path.join(self.folder, 'data')
        self.who = self.nobody() if os.getuid() == 0 else {}
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        self.socket = tempfile.mkdtemp(prefix='ktpg')
        self.server = None
        try:
            self.own(self.folder)
            self.own(self.socket)
            self.initialise()
            self.start()
        except BaseException:
            self.close()
            raise

    @staticmethod
    def nobody():
        for name in ('postgres', 'nobody'):
            try:
                u = pwd.getpwnam(name)
                return {'user': u.pw_uid, 'group': u.pw_gid, 'extra_groups': []}
            except KeyError:
                pass
        raise NotHere('PostgreSQL refuses root, and there is no user postgres or nobody')

    def own(self, folder):
        if self.who:
            os.chown(folder, self.who['user'], self.who['group'])
        if subprocess.run(['test', '-w', folder], **self.who).returncode != 0:
            raise NotHere(f'the user that runs PostgreSQL may not enter {folder}')

    def initialise(self):
        p = subprocess.run([f'{self.bin}/initdb', '-D', self.data, '-U', 'bench', '--auth=trust', '--locale=C', '--encoding=UTF8'],
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=self.env, cwd=self.folder, **self.who)
        if p.returncode != 0:
            raise NotHere('initdb: ' + p.stdout.strip()[-200:])

    def start(self):
        memory = os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') >> 20
        settings = {'listen_addresses': '', 'unix_socket_directories': self.socket, 'shared_buffers': f'{memory // 4}MB', 'effective_cache_size': f'{memory // 2}MB',
                    'work_mem': '256MB', 'maintenance_work_mem': '1GB', 'max_wal_size': '8GB', 'checkpoint_timeout': '15min'}
        log = open(os.path.join(self.folder, 'log'), 'ab')
        argv = [f'{self.bin}/postgres', '-D', self.data, *[a for k, v in settings.items() for a in ('-c', f'{k}={v}')]]
        self.server = subprocess.Popen(argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=self.env, cwd=self.folder, preexec_fn=die_with_us, **self.who)
        log.close()
        until = time.monotonic() + 60
        while subprocess.run([f'{self.bin}/pg_isready', '-q', '-h', self.socket], env=self.env).returncode != 0:
            if self.server.poll() is not None or time.monotonic() > until:
                raise NotHere('PostgreSQL does not start: ' + open(os.path.join(self.folder, 'log'), errors='replace').read()[-200:])
            time.sleep(0.1)

    def psql(self, *arguments):
        return [f'{self.bin}/psql', '-X', '-q', '-h', self.socket, '-U', 'bench', '-d', 'postgres', '-v', 'ON_ERROR_STOP=1', *arguments]

    def value(self, sql):
        return subprocess.run(self.psql('-At', '-c', sql), stdout=subprocess.PIPE, check=True, text=True, env=self.env).stdout.strip()

    def restart_cold(self):
        """An empty cache of its own and of the kernel."""
        stop(self.server, signal.SIGINT)
        forget(self.data)
        self.start()

    def close(self):
        if self.server:
            stop(self.server, signal.SIGINT)
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(self.socket, ignore_errors=True)
