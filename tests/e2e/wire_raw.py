"""A stranger's own hands on the wire: libzmq and libsodium by ctypes, with none of keytrail's code in between."""
import ctypes, socket, struct

_zmq = ctypes.CDLL('libzmq.so.5')
_zmq.zmq_ctx_new.restype = ctypes.c_void_p
_zmq.zmq_socket.restype = ctypes.c_void_p
for _f in ('zmq_socket', 'zmq_setsockopt', 'zmq_connect', 'zmq_send', 'zmq_recv', 'zmq_close', 'zmq_ctx_term'):
    getattr(_zmq, _f).argtypes = None
_context = None
DEALER, REQ, ROUTER, PUSH = 5, 3, 6, 8
ROUTING_ID, LINGER, PLAIN_USER, PLAIN_PASS, CURVE_PUBLIC, CURVE_SECRET, CURVE_SERVER, IPV6, DONTWAIT, SNDMORE = 5, 17, 45, 46, 48, 49, 50, 42, 1, 2


def _p(v):
    return ctypes.c_void_p(v)


def curve_pair():
    public, secret = ctypes.create_string_buffer(41), ctypes.create_string_buffer(41)
    assert _zmq.zmq_curve_keypair(public, secret) == 0
    return public.value, secret.value


def z85(raw):
    out = ctypes.create_string_buffer(len(raw) * 5 // 4 + 1)
    _zmq.zmq_z85_encode(out, raw, ctypes.c_size_t(len(raw)))
    return out.value


class Peer:
    """A socket that speaks whatever it is told to."""

    def __init__(self, endpoint, kind=DEALER, server_key=None, pair=None, plain=None, routing_id=None):
        global _context
        if _context is None:
            _context = _zmq.zmq_ctx_new()
            _zmq.zmq_ctx_set(_p(_context), 2, 8000)  # sockets
        self.s = _zmq.zmq_socket(_p(_context), kind)
        assert self.s
        self._int(LINGER, 0)
        self._int(IPV6, 1)
        if server_key:
            public, secret = pair or curve_pair()
            self._bytes(CURVE_SERVER, server_key.encode())
            self._bytes(CURVE_PUBLIC, public)
            self._bytes(CURVE_SECRET, secret)
        if plain:
            self._bytes(PLAIN_USER, plain[0])
            self._bytes(PLAIN_PASS, plain[1])
        if routing_id:
            self._bytes(ROUTING_ID, routing_id)
        assert _zmq.zmq_connect(_p(self.s), endpoint.encode()) == 0

    def _int(self, option, v):
        v = ctypes.c_int(v)
        assert _zmq.zmq_setsockopt(_p(self.s), option, ctypes.byref(v), ctypes.c_size_t(4)) == 0

    def _bytes(self, option, v):
        assert _zmq.zmq_setsockopt(_p(self.s), option, v, ctypes.c_size_t(len(v))) == 0

    def send(self, *frames):
        for i, f in enumerate(frames):
            if _zmq.zmq_send(_p(self.s), f, ctypes.c_size_t(len(f)), DONTWAIT | (SNDMORE if i + 1 < len(frames) else 0)) < 0:
                return False
        return True

    def recv(self):
        b = ctypes.create_string_buffer(65536)
        n = _zmq.zmq_recv(_p(self.s), b, ctypes.c_size_t(65536), DONTWAIT)
        return b.raw[:n] if n >= 0 else None

    def close(self):
        _zmq.zmq_close(_p(self.s))


def tcp(port, data=b'', timeout=5):
    s = socket.create_connection(('127.0.0.1', port), timeout=timeout)
    if data:
        s.sendall(data)
    return s


# ---- keytrail's messages (docs/wire.md) ----

def _text(s):
    return struct.pack('<H', len(s)) + s


def message(kind, *fields, version=1):
    return b'KT' + bytes((version, kind)) + b''.join(fields)


def hello(agent=b'x', program=b'stranger', incarnation=bytes(16), last_seq=0):
    return message(1, _text(agent), _text(program), incarnation, struct.pack('<Q', last_seq))


def ping(seq=1):
    return message(6, struct.pack('<Q', seq))


def batch(signing_seed, incarnation, seq, lines, tamper=None, packed=None, raw=None, count=None):
    """A BATCH as docs/wire.md says; tamper(fields) may change any field after signing."""
    import hashlib
    hashes = b''.join(hashlib.sha256(b'\0' + l).digest() for l in lines)
    n = len(lines) if count is None else count
    digest = hashlib.sha256(b'keytrail-batch-v1' + struct.pack('<I', n) + hashes).digest()
    text = b'\n'.join(lines) + b'\n'
    f = {'incarnation': incarnation, 'seq': seq, 'count': n, 'raw': len(text) if raw is None else raw, 'digest': digest,
         'signature': sign(signing_seed, b'keytrail-batch-v1' + incarnation + struct.pack('<QI', seq, n) + digest),
         'packed': zstd(text) if packed is None else packed}
    if tamper:
        tamper(f)
    return message(3, f['incarnation'], struct.pack('<QII', f['seq'], f['count'], f['raw']), f['digest'], f['signature'],
                   struct.pack('<I', len(f['packed'])), f['packed'])


def sign(seed, text):
    sodium = ctypes.CDLL('libsodium.so.23')
    public, secret, out = (ctypes.create_string_buffer(n) for n in (32, 64, 64))
    sodium.crypto_sign_seed_keypair(public, secret, seed)
    sodium.crypto_sign_detached(out, None, text, ctypes.c_ulonglong(len(text)), secret)
    return out.raw


def zstd(data):
    lib = ctypes.CDLL('libzstd.so.1')
    lib.ZSTD_compressBound.restype = lib.ZSTD_compress.restype = ctypes.c_size_t
    room = lib.ZSTD_compressBound(ctypes.c_size_t(len(data)))
    out = ctypes.create_string_buffer(room)
    n = lib.ZSTD_compress(out, ctypes.c_size_t(room), data, ctypes.c_size_t(len(data)), 3)
    return out.raw[:n]


REASONS = ' revoked source gap fork signature digest line redaction size quota disk hello version'.split(' ')


def read(m):
    """What a collector's message says: (word, ...)"""
    if m is None:
        return None
    kind, body = m[3], m[4:]
    if kind == 2:
        return ('welcome', struct.unpack('<Q', body[32:40])[0])
    if kind == 4:
        return ('ack', struct.unpack('<Q', body[32:40])[0])
    if kind == 5:
        seq, reason, index, expected = struct.unpack('<QHIQ', body[16:38])
        return ('refuse', REASONS[reason], expected)
    return ('pong' if kind == 7 else f'type {kind}',)
