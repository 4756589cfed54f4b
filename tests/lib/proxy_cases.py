# SPDX-License-Identifier: Apache-2.0
"""Cases against the proxy engine (tests/lib/proxy_peer.c): raw clients, servers with faults.

    proxy_cases.py PROGRAM [CASE...]

prints TAP. A server is a function that is called with each connection, on a thread of its own.
"""
import contextlib
import gzip
import os
import re
import resource
import select
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib

PROGRAM = None
LIMIT = 30  # seconds until something is taken for hung
OK = b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
GET = b'GET %s HTTP/1.1\r\nHost: h\r\n\r\n'


class Failed(Exception):
    pass


def check(condition, what):
    if not condition:
        raise Failed(what)


def comes(condition, limit_s=LIMIT):
    end = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def wait_for(condition, what):
    check(comes(condition), f'timed out waiting for {what}')


class Server:
    """Calls serve(self, connection) on a thread for each connection."""

    def __init__(self, serve, tls=None):
        self.serve = serve
        self.tls = tls  # an SSLContext
        self.connections = 0
        self.heads = []
        self.bodies = []
        self.gone = 0
        self.ended = 0
        self.sent = 0
        self.hold = threading.Event()
        self.open = []
        self.listener = socket.create_server(('127.0.0.1', 0), backlog=2048)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    @property
    def url(self):
        return f'https://localhost:{self.port}' if self.tls else f'http://127.0.0.1:{self.port}'

    def run(self):
        while True:
            try:
                conn, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            self.open.append(conn)
            threading.Thread(target=self.one, args=(conn,), daemon=True).start()

    def one(self, conn):
        if self.tls:
            try:
                conn = self.tls.wrap_socket(conn, server_side=True)
            except OSError:
                conn.close()
                return
        with conn:
            try:
                self.serve(self, conn)
            except (OSError, Failed):
                self.gone += 1
        self.ended += 1

    def close(self):
        self.hold.set()
        # A thread in accept() keeps the socket listening.
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for conn in self.open:
            with contextlib.suppress(OSError):
                conn.shutdown(socket.SHUT_RDWR)

    def request(self, conn, body=True):
        """The next head, and its body; b'' at the end."""
        data = b''
        while b'\r\n\r\n' not in data:
            more = conn.recv(1 << 16)
            if not more:
                check(not data, 'a request that is cut off')
                return b''
            data += more
        head, rest = data.split(b'\r\n\r\n', 1)
        self.heads.append(head)
        length = re.search(rb'(?mi)^content-length: *(\d+)', head)
        if not body:
            return head
        if length:
            while len(rest) < int(length[1]):
                more = conn.recv(1 << 16)
                check(more, 'a body that is cut off')
                rest += more
        elif re.search(rb'(?mi)^transfer-encoding: *chunked', head):
            while not rest.endswith(b'0\r\n\r\n'):
                more = conn.recv(1 << 16)
                check(more, 'a body that is cut off')
                rest += more
        self.bodies.append(rest)
        return head


def good(server, conn):
    """Keeps its connection and tells what it got."""
    while True:
        head = server.request(conn)
        if not head:
            return
        text = head + b'\n' + server.bodies[-1]
        if head.startswith(b'HEAD'):
            text = b''
        conn.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s' % (len(text), text))


def answers(text, close=False, reset=False):
    """A server that says the same to each request."""
    def serve(server, conn):
        while server.request(conn):
            conn.sendall(text)
            if reset:
                conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
            if close or reset:
                return
    return serve


def hung(server, conn):
    server.request(conn)
    if conn.recv(1) == b'':
        server.gone += 1


class Proxy:
    def __init__(self, *urls, **options):
        args = [f"--{k.replace('_', '-')}={v}" for k, v in options.items()
                if k != 'files']
        self.log = tempfile.TemporaryFile()
        files = options.get('files')

        def limit():
            resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
        # What is freed is to be free, so that the size of the process tells something.
        asan = os.environ.get('ASAN_OPTIONS', '') + ':quarantine_size_mb=1'
        self.process = subprocess.Popen([PROGRAM, *args, *urls], stdout=subprocess.PIPE,
                                        stderr=self.log, env={**os.environ, 'ASAN_OPTIONS': asan},
                                        preexec_fn=limit if files else None)
        line = self.process.stdout.readline()
        if not line:
            raise Failed('no start: ' + self.text())
        self.port = int(line)

    def text(self):
        self.log.seek(0)
        return self.log.read().decode(errors='replace')

    def connect(self, **options):
        sock = socket.socket()
        if 'rcvbuf' in options:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, options['rcvbuf'])
        sock.settimeout(LIMIT)
        sock.connect(('127.0.0.1', self.port))
        return sock

    def ask(self, data):
        """Sends it, and everything that comes until the end."""
        with self.connect() as sock:
            sock.sendall(data)
            return read_all(sock)

    def rss(self):
        with open(f'/proc/{self.process.pid}/status') as f:
            return int(re.search(r'VmRSS:\s+(\d+)', f.read())[1]) << 10

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Failed('it does not end') from None
        text = self.text()
        check(status == 0 and 'ERROR' not in text and 'WARNING: Thread' not in text,
              f'ended with {status}: {text[-4000:]}')
        return text


def read_all(sock):
    data = b''
    while True:
        try:
            more = sock.recv(1 << 16)
        except ConnectionResetError:
            return data + b'RESET'
        if not more:
            return data
        data += more


def read_answer(sock, head_only=False):
    """One answer with a length or chunked; its status, head and body."""
    data = b''
    while b'\r\n\r\n' not in data:
        more = sock.recv(1)
        check(more, f'the connection ends in a head: {data!r}')
        data += more
    status = int(data.split(b' ', 2)[1])
    if status == 100:
        return status, data, b''
    length = re.search(rb'(?mi)^content-length: *(\d+)', data)
    body = b''
    if head_only or status in (204, 304):
        return status, data, b''
    if length:
        while len(body) < int(length[1]):
            more = sock.recv(int(length[1]) - len(body))
            check(more, 'a short body')
            body += more
    else:
        while True:
            line = b''
            while not line.endswith(b'\r\n'):
                more = sock.recv(1)
                check(more, 'a short chunked body')
                line += more
            size = int(line, 16) + 2
            chunk = b''
            while len(chunk) < size:
                more = sock.recv(size - len(chunk))
                check(more, 'a short chunk')
                chunk += more
            if size == 2:
                break
            body += chunk[:-2]
    return status, data, body


@contextlib.contextmanager
def setup(*serves, **options):
    servers = [Server(s) if callable(s) else s for s in serves]
    proxy = Proxy(*[s.url for s in servers], **options)
    try:
        yield (proxy, *servers)
        for server in servers:
            server.hold.set()
        proxy.stop()
    finally:
        if proxy.process.poll() is None:
            proxy.process.kill()
            proxy.process.wait()
        for server in servers:
            server.close()


def closed_port():
    """A server's URL where nobody listens, nor can as long as it is in use."""
    s = socket.socket()
    s.bind(('127.0.0.1', 0))

    class Nobody:
        url = f'http://127.0.0.1:{s.getsockname()[1]}'
        hold = threading.Event()

        def close(self):
            s.close()
    return Nobody()


def queue_of(sock, proxy, to_client=False):
    """How much of what one side sent the other hasn't read yet, or is still on its way."""
    ends = [sock.getsockname()[1], proxy.port]
    if to_client:
        ends.reverse()
    total = 0
    with open('/proc/net/tcp') as f:
        for line in f.readlines()[1:]:
            fields = line.split()
            ports = [int(fields[i].split(':')[1], 16) for i in (1, 2)]
            sent, got = (int(n, 16) for n in fields[4].split(':'))
            if ports == ends:
                total += sent
            elif ports == ends[::-1]:
                total += got
    return total


# ---- clients ------------------------------------------------------------------------------------

def case_answers_come_in_the_order_of_pipelined_requests():
    with setup(good) as (proxy, _):
        paths = [b'/answer1', b'/x', b'/work2', b'/y', b'/answer3']
        with proxy.connect() as sock:
            sock.sendall(b''.join(GET % p for p in paths))
            for path in paths:
                status, _, body = read_answer(sock)
                check(status == 200 and path in body, f'{path}: {status} {body!r}')


def case_thousands_of_pipelined_requests_are_bounded_and_answered():
    with setup(good) as (proxy, _):
        n = 5000
        with proxy.connect() as sock:
            sender = threading.Thread(
                target=lambda: sock.sendall(b''.join(GET % (b'/answer%d' % i) for i in range(n))))
            sender.start()
            data = b''
            while data.count(b'cert=0\n') < n:
                more = sock.recv(1 << 16)
                check(more, 'closed early')
                data += more
            sender.join()
        check(re.findall(rb'GET /answer(\d+) ', data) == [b'%d' % i for i in range(n)], 'order')


def case_one_connection_to_the_server_serves_many_requests():
    with setup(good) as (proxy, server):
        for _ in range(3):
            with proxy.connect() as sock:
                for i in range(20):
                    sock.sendall(GET % b'/x')
                    check(read_answer(sock)[0] == 200, 'status')
        check(server.connections == 1, f'{server.connections} connections')


def case_a_client_that_closes_cancels_its_request():
    with setup(hung) as (proxy, server):
        for half in (False, True):
            before = server.gone
            sock = proxy.connect()
            sock.sendall(GET % b'/x')
            wait_for(lambda: len(server.heads) > half, 'the request')
            if half:
                sock.shutdown(socket.SHUT_WR)
            else:
                sock.close()
            wait_for(lambda b=before: server.gone > b, 'the cancellation')
            sock.close()
        wait_for(lambda: proxy.text().count('outcome=client gone') == 2, 'the report')
        check('result=client gone' in proxy.text(), proxy.text())


def case_clients_that_leave_use_up_no_ports():
    with setup(hung) as (proxy, server):
        for i in range(5):
            with proxy.connect() as sock:
                sock.sendall(GET % b'/x')
                wait_for(lambda n=i: len(server.heads) > n, 'the request')
            wait_for(lambda n=i: server.ended > n, 'the cancellation')
        with open('/proc/net/tcp') as f:
            left = [l for l in f if l.split()[2].endswith(f':{server.port:04X}') and l.split()[3] == '06']
        check(not left, f'{left}')


def case_slow_heads_are_cut_off_while_others_are_served():
    with setup(good, header_ms=300) as (proxy, _):
        slow = proxy.connect()
        silent = proxy.connect()
        slow.sendall(b'GET / HTT')
        data = b''
        end = time.monotonic() + LIMIT
        slow.settimeout(0.02)
        while b'408' not in data and time.monotonic() < end:
            with contextlib.suppress(OSError):
                slow.sendall(b'P')
            with contextlib.suppress(socket.timeout):
                data += slow.recv(1000)
            check(b'200 OK' in proxy.ask(b'GET /answer HTTP/1.0\r\n\r\n'), 'another client')
        check(b'408 Request Timeout' in data, f'{data!r}')
        check(silent.recv(10) == b'', 'a silent connection')


def case_slow_bodies_are_cut_off():
    with setup(good, body_ms=300) as (proxy, server):
        for path in (b'/body', b'/x'):
            with proxy.connect() as sock:
                sock.sendall(b'POST %s HTTP/1.1\r\nHost: h\r\nContent-Length: 99999\r\n\r\n' % path)
                sock.sendall(b'x')
                data = read_all(sock)
                check(b' 408 ' in data, f'{data!r}')
        check(all(b'/body' not in h for h in server.heads), 'forwarded too early')


def case_idle_connections_are_closed():
    with setup(good, idle_ms=200) as (proxy, _):
        with proxy.connect() as sock:
            sock.sendall(GET % b'/answer')
            check(read_answer(sock)[0] == 200, 'status')
            check(sock.recv(1) == b'', 'still open')


def case_floods_of_headers_are_refused():
    with setup(good, header_bytes=4096) as (proxy, server):
        for head in (b'GET /' + b'a' * 100000, b'GET / HTTP/1.1\r\nHost: h\r\n' + b'A: b\r\n' * 9999,
                     b'GET / HTTP/1.1\r\nHost: h\r\nA: ' + b'b' * 100000,
                     b'GET / HTTP/1.1\r\nHost: h\r\n' + b'A: b\r\n' * 200 + b'\r\n'):
            with proxy.connect() as sock:
                with contextlib.suppress(OSError):
                    sock.sendall(head)
                data = read_all(sock)
                check(data.startswith(b'HTTP/1.1 431') or data == b'RESET', f'{data[:100]!r}')
        check(not server.heads, 'something went on')


SMUGGLED = b'GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n'
AMBIGUOUS = [
    b'POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    b'POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nContent-Length: 44\r\n\r\n',
    b'POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n',
    b'POST /x HTTP/1.1\r\nHost: h\r\nContent-Length : 40\r\n\r\n',
    b'POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 0, 40\r\n\r\n',
    b'POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: +40\r\n\r\n',
    b'POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n',
    b'POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n',
    b'POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n',
    b'POST /x HTTP/1.1\r\nHost: h\r\nX: y\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    b'POST /x HTTP/1.1\r\nHost: h\r\nX: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    b'POST /x HTTP/1.1\r\nHost: h\r\nX: y\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    b'GET /x HTTP/1.1\nHost: h\n\n',
    b'GET /x HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n',
    b'GET http://i/x HTTP/1.1\r\nHost: h\r\n\r\n',
    b'GET /x HTTP/1.1\r\n\r\n',
    b'GET /x\x00 HTTP/1.1\r\nHost: h\r\n\r\n',
    b'GET /x HTTP/1.1\r\nHost: h\r\nX: a\x00b\r\n\r\n',
    b'GET  /x HTTP/1.1\r\nHost: h\r\n\r\n',
    b'POST /x HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
]


def case_ambiguous_heads_are_answered_400_and_nothing_goes_on():
    with setup(good) as (proxy, server):
        for text in AMBIGUOUS:
            data = proxy.ask(text + SMUGGLED)
            check(data.startswith(b'HTTP/1.1 400 ') and data.count(b'HTTP/1.1') == 1,
                  f'{text!r}: {data!r}')
        for text in (b'POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
                     b'POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: identity\r\n\r\n'):
            data = proxy.ask(text + SMUGGLED)
            check(data.startswith(b'HTTP/1.1 501 ') and data.count(b'HTTP/1.1') == 1, f'{data!r}')
        check(proxy.ask(b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n').startswith(b'HTTP/1.1 505'), 'HTTP/2')
        check(not server.heads, f'{server.heads}')


def case_malformed_chunks_are_answered_400_and_nothing_follows():
    bad = [b'x\r\n', b'1\r\nab\r\n', b'0x1\r\na\r\n0\r\n\r\n', b'1\na\n0\n\n', b'ffffffffffffffffff\r\n',
           b'1;\x01\r\na\r\n0\r\n\r\n', b'-1\r\n', b'1\r\na\r\n0\r\n x: y\r\n\r\n']
    with setup(good) as (proxy, server):
        for chunks in bad:
            for path in (b'/body', b'/x'):
                data = proxy.ask(b'POST %s HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n'
                                 % path + chunks + SMUGGLED)
                check(data.startswith(b'HTTP/1.1 400 ') and data.count(b'HTTP/1.1') == 1,
                      f'{chunks!r}: {data!r}')
        check(not any(b'smuggled' in h for h in server.heads), f'{server.heads}')


def case_continue_is_said_when_the_body_is_wanted():
    with setup(good) as (proxy, _):
        for path in (b'/body', b'/x'):
            with proxy.connect() as sock:
                sock.sendall(b'POST %s HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n'
                             b'Expect: 100-continue\r\n\r\n' % path)
                check(read_answer(sock)[0] == 100, '100')
                sock.sendall(b'hello')
                status, head, body = read_answer(sock)
                check(status == 200 and b'hello' in body and b'xpect' not in body, f'{body!r}')
        with proxy.connect() as sock:
            sock.sendall(b'POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999\r\n'
                         b'Expect: 100-continue\r\n\r\n')
            data = read_all(sock)
            check(data.startswith(b'HTTP/1.1 413'), f'{data!r}')


def case_a_body_that_never_pauses_lets_others_have_their_turn():
    chunk = b'1;' + b'x' * 4000 + b'\r\na\r\n'
    for path in (b'/body', b'/x'):
        with setup(good) as (proxy, _), proxy.connect() as sock, proxy.connect() as other:
            other.sendall(GET % b'/answer-before')
            check(read_answer(other)[0] == 200, 'before')
            sock.sendall(b'POST %s HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n' % path + chunk * 5000)
            wait_for(lambda s=sock, p=proxy: not queue_of(s, p), 'the head')
            proxy.process.send_signal(signal.SIGSTOP)
            sender = threading.Thread(target=sock.sendall, args=(chunk * 5000 + b'0\r\n\r\n',))
            sender.start()
            wait_for(lambda s=sock, p=proxy: queue_of(s, p) > 2 << 20, 'some of the body')
            other.sendall(GET % b'/answer-after')
            proxy.process.send_signal(signal.SIGCONT)
            check(read_answer(other)[0] == 200 and read_answer(sock)[0] == 200, 'status')
            sender.join()
            wait_for(lambda p=proxy: p.text().count('done path') == 3, 'the log')
            done = re.findall('done path=(\\S+)', proxy.text())
            check(done == ['/answer-before', '/answer-after', path.decode()], f'{done}')


def case_a_body_over_the_limit_is_refused_before_it_is_read():
    with setup(good) as (proxy, _):
        data = proxy.ask(b'POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: 1048577\r\n\r\n')
        check(data.startswith(b'HTTP/1.1 413'), f'{data!r}')
        with proxy.connect() as sock:
            sock.sendall(b'POST /body HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n')
            with contextlib.suppress(OSError):
                for _ in range(40):
                    sock.sendall(b'8000\r\n' + b'x' * 0x8000 + b'\r\n')
            data = read_all(sock)
            check(data.startswith(b'HTTP/1.1 413') or data.endswith(b'RESET'), f'{data[:99]!r}')


def case_a_small_body_that_nobody_wants_costs_no_connection():
    with setup(good) as (proxy, _):
        with proxy.connect() as sock:
            for body in (b'hello', b'x' * 3000):
                sock.sendall(b'POST /answer HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n' % len(body)
                             + body)
                status, head, _ = read_answer(sock)
                check(status == 200 and b'close' not in head, f'{head!r}')
            sock.sendall(b'POST /answer HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n'
                         b'3\r\nabc\r\n0\r\n\r\n' + GET % b'/x')
            check(read_answer(sock)[0] == 200 and read_answer(sock)[0] == 200, 'chunks')
            sock.sendall(b'POST /answer HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\nabc')
            status, head, _ = read_answer(sock)
            check(status == 200 and b'Connection: close' in head and sock.recv(1) == b'', f'{head!r}')


def case_the_longest_idle_connection_makes_room():
    with setup(good, connections=8) as (proxy, _):
        socks = []
        for i in range(12):
            sock = proxy.connect()
            sock.sendall(GET % b'/answer')
            check(read_answer(sock)[0] == 200, f'connection {i}')
            socks.append(sock)
        check(socks[0].recv(1) == b'', 'the first one')
        socks[11].sendall(GET % b'/answer')
        check(read_answer(socks[11])[0] == 200, 'the last one')


def case_more_clients_than_descriptors_wait_and_cost_no_time():
    with setup(good, files=40, connections=1000) as (proxy, _):
        check(b' 200 ' in proxy.ask(b'GET /x HTTP/1.0\r\n\r\n'), 'before')
        socks = [proxy.connect() for _ in range(80)]
        for sock in socks:
            sock.sendall(GET % b'/answer')
        check(read_answer(socks[0])[0] == 200, 'the first one')

        def cpu():
            with open(f'/proc/{proxy.process.pid}/stat') as f:
                return sum(int(n) for n in f.read().split()[13:15])
        before, end = cpu(), time.monotonic() + 1
        while time.monotonic() < end:
            time.sleep(0.1)
        check(cpu() - before < 50, f'{cpu() - before} ticks for nothing')
        socks[1].sendall(b'POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\na')
        for sock in socks[:60]:
            sock.close()
        for sock in socks[60:]:
            check(read_answer(sock)[0] == 200, 'the last ones')
            sock.close()


def case_a_thousand_clients_at_once():
    with setup(good, loops=2) as (proxy, _):
        socks = [proxy.connect() for _ in range(1000)]
        for sock in socks:
            sock.sendall(GET % b'/x')
        for sock in socks:
            check(read_answer(sock)[0] == 200, 'status')
        for sock in socks:
            sock.close()


# ---- servers ------------------------------------------------------------------------------------

def case_headers_are_handled_hop_by_hop():
    text = (b'HTTP/1.1 200 Fine\r\nConnection: x-one , keep-alive\r\nX-One: 1\r\nX-Two: 2\r\n'
            b'Keep-Alive: timeout=5\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nok')
    with setup(answers(text)) as (proxy, server):
        with proxy.connect() as sock:
            sock.sendall(b'GET /p%2f?a=%20&b HTTP/1.1\r\nHost: site:1\r\nConnection: close-not, X-Mine\r\n'
                         b'X-Mine: 1\r\nX-Yours: 2\r\nAuthorization: Basic eDp5\r\nUser-Agent: me\r\n'
                         b'Te: trailers\r\nUpgrade: websocket\r\nKeep-Alive: 1\r\nProxy-Connection: x\r\n'
                         b'Proxy-Authorization: y\r\nX-Forwarded-For: 10.0.0.1\r\n'
                         b'x-forwarded-for: 10.0.0.2\r\nAccept-Encoding: gzip\r\n'
                         b'Transfer_Encoding: chunked\r\nProxy.Authorization: z\r\nX_Mine: 3\r\n'
                         b'User_Agent: you\r\nX_' + b'a' * 200 + b': 4\r\nX_Odd: 5\r\n\r\n')
            status, head, _ = read_answer(sock)
        lines = set(server.heads[0].split(b'\r\n'))
        check(lines == {b'GET /p%2f?a=%20&b HTTP/1.1', b'Host: site:1', b'User-Agent: proxy_peer',
                        b'X-Yours: 2', b'Accept-Encoding: gzip', b'X_Odd: 5',
                        b'X-Forwarded-For: 10.0.0.1, 10.0.0.2, 127.0.0.1'}, f'{lines}')
        check(b'200 Fine' in head and b'X-Two: 2' in head, f'{head!r}')
        for word in (b'X-One', b'Keep-Alive', b'Upgrade', b'Connection'):
            check(word not in head, f'{word} in {head!r}')


def case_bodies_pass_in_every_framing():
    def serve(server, conn):
        while True:
            head = server.request(conn)
            if not head:
                return
            if b'/chunked' in head:
                conn.sendall(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
                             b'3;ext="a"\r\none\r\n4\r\n')
                conn.sendall(b'-two\r\n0\r\nTrailer: x\r\n\r\n')
            elif b'/length' in head:
                conn.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\none')
                conn.sendall(b'-two')
            elif b'/empty' in head:
                conn.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
            elif b'/204' in head:
                conn.sendall(b'HTTP/1.1 204 No Content\r\n\r\n')
            elif b'/304' in head:
                conn.sendall(b'HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n')
            elif b'/hints' in head:
                conn.sendall(b'HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n'
                             b'Content-Length: 7\r\n\r\none-two')
            else:
                conn.sendall(b'HTTP/1.0 200 OK\r\n\r\none')
                conn.sendall(b'-two')
                return
    with setup(serve) as (proxy, server):
        with proxy.connect() as sock:
            for path in (b'/chunked', b'/length', b'/close', b'/hints', b'/chunked'):
                sock.sendall(GET % path)
                status, head, body = read_answer(sock)
                check(status == 200 and body == b'one-two', f'{path}: {status} {body!r}')
                check(b'railer' not in head, f'{head!r}')
            for path, want in ((b'/204', 204), (b'/304', 304), (b'/empty', 200)):
                sock.sendall(GET % path)
                status, head, body = read_answer(sock)
                check(status == want and body == b'', f'{path}: {status} {body!r}')
        for path in (b'/chunked', b'/length', b'/close'):
            data = proxy.ask(b'GET %s HTTP/1.0\r\n\r\n' % path)
            check(data.endswith(b'\r\n\r\none-two') and b'ransfer' not in data, f'{data!r}')
        check(server.connections == 2, f'{server.connections} connections')


def case_head_requests_have_no_body():
    text = b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n'
    with setup(answers(text)) as (proxy, _):
        with proxy.connect() as sock:
            for path in (b'/x', b'/answer', b'/x'):
                sock.sendall(b'HEAD %s HTTP/1.1\r\nHost: h\r\n\r\n' % path)
                status, head, _ = read_answer(sock, head_only=True)
                check(status == 200 and b'Content-Length: ' in head, f'{head!r}')


def case_chunked_requests_pass_without_their_extensions():
    with setup(good) as (proxy, server):
        with proxy.connect() as sock:
            for path in (b'/x', b'/body', b'/read'):
                sock.sendall(b'POST %s HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n'
                             b'3;a=b\r\none\r\n4\r\n-two\r\n0\r\nT: r\r\n\r\n' % path)
                status, _, body = read_answer(sock)
                check(status == 200, 'status')
        check(server.bodies[0] == b'3\r\none\r\n4\r\n-two\r\n0\r\n\r\n', f'{server.bodies}')
        check(server.bodies[1] == b'one-two' and b'Content-Length: 7' in server.heads[1],
              f'{server.bodies}')


def case_a_server_that_takes_its_time_with_a_body_is_not_the_clients_fault():
    def late(server, conn):
        head = b''
        while not head.endswith(b'\r\n\r\n'):
            head += conn.recv(1)
        server.heads.append(head)
        server.hold.wait(LIMIT)
        left = 20000000
        while left:
            left -= len(conn.recv(min(left, 1 << 20)))
        conn.sendall(OK)
    with setup(late, body_ms=300) as (proxy, server), proxy.connect() as sock:
        sock.sendall(b'POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 20000000\r\n\r\n')
        wait_for(lambda: server.heads, 'the head')
        sender = threading.Thread(target=lambda: sock.sendall(bytes(20000000)))
        sender.start()
        check(not select.select([sock], [], [], 1.5)[0], 'an answer too early')
        server.hold.set()
        check(read_answer(sock)[0] == 200, 'status')
        sender.join()


def case_what_a_server_did_not_take_of_a_body_is_no_request():
    def early(server, conn):
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        head = b''
        while not head.endswith(b'\r\n\r\n'):
            head += conn.recv(1)
        server.hold.wait(LIMIT)
        conn.sendall(b'HTTP/1.1 404 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
        rest.wait(LIMIT)

    def try_size(size):
        """False: the proxy doesn't take so much while the server takes nothing, and says so by closing."""
        text = (SMUGGLED * (size // len(SMUGGLED) + 1))[:size]
        with proxy.connect() as sock:
            sender = threading.Thread(target=lambda: sock.sendall(
                b'POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n' % size + text))
            sender.start()
            comes(lambda: not sender.is_alive() and not queue_of(sock, proxy), 2)
            server.hold.set()
            status, head, _ = read_answer(sock)
            check(status == 404, f'{head!r}')
            taken = b'Connection: close' not in head
            if taken:
                sender.join()
                sock.sendall(GET % b'/answer-mine')
                status, _, body = read_answer(sock)
                check(status == 200 and b'/answer-mine' in body, f'{size}: {status} {body!r}')
        rest.set()
        sender.join()
        return taken
    with setup(early) as (proxy, server):
        size = 0
        while True:
            size += 64 << 10
            rest = threading.Event()
            server.hold.clear()
            if not try_size(size):
                break
    check(size > 64 << 10, 'nothing was tried')


def case_answers_that_are_cut_off_are_seen_to_be():
    for head in (b'Content-Length: 100\r\n\r\nsome', b'Transfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n',
                 b'Transfer-Encoding: chunked\r\n\r\n4\r\nsome\r\nzz\r\n',
                 b'Transfer-Encoding: chunked\r\n\r\n40\r\nsome'):
        with setup(answers(b'HTTP/1.1 200 OK\r\n' + head, close=True)) as (proxy, _):
            data = proxy.ask(GET % b'/x')
            check(b' 502 ' in data or not data.endswith(b'0\r\n\r\n'), f'{data!r}')
            check(b' 502 ' in data or data.endswith(b'RESET') or b'Length: 100' in data, f'{data!r}')
            wait_for(lambda p=proxy: 'outcome=cut' in p.text() or 'status=502' in p.text(), 'a report')
    # Only a reset tells a client that reads until the end.
    with setup(answers(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n',
                       reset=True)) as (proxy, _):
        data = proxy.ask(b'GET /x HTTP/1.0\r\n\r\n')
        check(data.endswith(b'RESET') or b' 502 ' in data, f'{data!r}')


def case_a_server_that_closes_kept_connections_costs_no_request():
    def serve(server, conn):
        if server.request(conn):
            conn.sendall(OK)
    with setup(serve) as (proxy, server):
        with proxy.connect() as sock:
            for i in range(30):
                body = b'POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab' if i % 2 else GET % b'/x'
                sock.sendall(body)
                status, _, _ = read_answer(sock)
                check(status == 200, f'{i}: {status} {proxy.text()}')
                # What can't be repeated needs to know of the end.
                wait_for(lambda n=i: server.ended > n, 'the end of the connection')
        check(server.connections == 30, f'{server.connections}')


def case_the_next_server_is_asked_when_one_refuses():
    with setup(closed_port(), good) as (proxy, _, server):
        with proxy.connect() as sock:
            sock.sendall(GET % b'/x')
            check(read_answer(sock)[0] == 200, 'GET')
            sock.sendall(b'POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc')
            status, _, body = read_answer(sock)
            check(status == 200 and body.endswith(b'abc'), f'{status} {body!r}')
        check(server.heads[0].count(b'X-Forwarded-For') == 1, f'{server.heads}')
        text = proxy.text()
        check('server=0 result=unreachable why=connecting: Connection refused' in text, text)
    with setup(closed_port(), closed_port()) as (proxy, _, _):
        data = proxy.ask(GET % b'/x' + b'GET /x HTTP/1.0\r\n\r\n')
        check(data.count(b'HTTP/1.1 503 Service Unavailable') == 2, f'{data!r}')
        check(data.endswith(b'X-Content-Type-Options: nosniff\r\nContent-Length: 22\r\n'
                            b'Connection: close\r\n\r\nService not available\n'), f'{data!r}')


def case_only_what_is_safe_is_repeated():
    def broken(server, conn):
        server.request(conn)
    with setup(broken, good) as (proxy, first, second):
        def ask(method, path):
            body = b'' if method == b'GET' else b'Content-Length: 2\r\n'
            data = proxy.ask(b'%s %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n%s\r\n%s' % (
                method, path, body, b'ab' if body else b''))
            return int(data.split(b' ')[1])
        check(ask(b'GET', b'/x') == 200, 'GET')
        check(len(first.heads) == 1 and len(second.heads) == 1, 'GET is repeated')
        check(ask(b'POST', b'/x') == 503, 'POST')
        check(ask(b'POST', b'/read') == 503, 'POST, read')
        check(len(second.heads) == 1, 'POST is not')
        check(ask(b'POST', b'/safe') == 200, 'safe')
        check(second.bodies[-1] == b'ab', 'the body of a repeated request')


def case_garbage_from_a_server_is_a_failure():
    for text in (b'garbage\r\n\r\n', b'HTTP/1.1 200 OK\r\nA : b\r\n\r\n', b'x' * 200000,
                 b'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na',
                 b'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\na',
                 b'HTTP/1.1 101 Switching Protocols\r\n\r\n', b'HTTP/1.1 200 OK\r\nA: b\n\n',
                 b'\x16\x03\x01\x00\x01'):
        with setup(answers(text, close=True), good) as (proxy, _, second):
            data = proxy.ask(b'GET /x HTTP/1.0\r\n\r\n')
            check(data.startswith(b'HTTP/1.1 200') and len(second.heads) == 1, f'{text!r}: {data!r}')
            check('server=0 result=broken' in proxy.text(), proxy.text())


def case_what_broke_two_servers_spares_the_third():
    def broken(server, conn):
        server.request(conn)
    with setup(broken, broken, good) as (proxy, _, second, third):
        data = proxy.ask(b'GET /x HTTP/1.0\r\n\r\n')
        check(data.startswith(b'HTTP/1.1 503') and len(second.heads) == 1 and not third.heads, f'{data!r}')
    # Those that nobody reached are not hurt.
    with setup(closed_port(), closed_port(), broken, closed_port(), good) as (proxy, *_):
        check(proxy.ask(b'GET /x HTTP/1.0\r\n\r\n').startswith(b'HTTP/1.1 200'), proxy.text())


def case_a_hung_server_costs_its_time_limit_and_no_other_client():
    def serve(server, conn):
        while True:
            head = server.request(conn)
            if not head:
                return
            if b'/hang' in head:
                server.hold.wait()
            conn.sendall(OK)
    with setup(serve, timeout_ms=500) as (proxy, server):
        with proxy.connect() as sock:
            sock.sendall(GET % b'/hang')
            wait_for(lambda: server.heads, 'the request')
            check(b'200 OK' in proxy.ask(b'GET /x HTTP/1.0\r\n\r\n'), 'another client')
            status, _, body = read_answer(sock)
            check(status == 504 and body == b'Gateway Timeout\n', f'{status}')
        check('result=timeout' in proxy.text(), proxy.text())


def case_a_server_that_stops_in_the_middle_is_cut_off():
    def serve(server, conn):
        server.request(conn)
        conn.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nsome')
        server.hold.wait()
    with setup(serve, timeout_ms=300) as (proxy, _):
        data = proxy.ask(GET % b'/x')
        check(data.endswith(b'someRESET'), f'{data!r}')


def case_slow_servers_are_waited_for():
    def serve(server, conn):
        server.request(conn)
        for byte in b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n':
            conn.sendall(bytes([byte]))
            time.sleep(0.001)
    with setup(serve, timeout_ms=20000) as (proxy, _):
        with proxy.connect() as sock:
            sock.sendall(GET % b'/x')
            check(read_answer(sock)[2] == b'ok', 'the body')


def case_an_early_answer_ends_the_sending():
    def serve(server, conn):
        server.request(conn, body=False)
        conn.sendall(b'HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig')
        server.hold.wait()
    with setup(serve) as (proxy, _):
        with proxy.connect() as sock:
            sock.sendall(b'POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 999999\r\n\r\nabc')
            data = read_all(sock)
            check(data.startswith(b'HTTP/1.1 413') and b'Connection: close' in data and
                  data.endswith(b'big'), f'{data!r}')


BIG = 192 << 20


def flood(server, conn):
    head = server.request(conn)
    size = b'Content-Length: %d\r\n' % BIG
    if b'/chunked' in head:
        size = b'Transfer-Encoding: chunked\r\n'
    elif b'/close' in head:
        size = b''
    conn.sendall(b'HTTP/1.1 200 OK\r\n' + size + b'\r\n')
    block = b'x' * (1 << 20)
    for _ in range(BIG >> 20):
        if b'/chunked' in head:
            conn.sendall(b'100000\r\n' + block + b'\r\n')
        else:
            conn.sendall(block)
        server.sent += len(block)
    if b'/chunked' in head:
        conn.sendall(b'0\r\n\r\n')


def case_large_answers_wait_for_the_client_in_flat_memory():
    for path in (b'/length', b'/chunked', b'/close', b'/upper'):
        with setup(flood) as (proxy, server):
            before = proxy.rss()
            with proxy.connect(rcvbuf=65536) as sock:
                sock.sendall(b'GET %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n' % path)
                last = -1
                while last != server.sent or not server.sent:
                    last = server.sent
                    time.sleep(0.2)
                check(server.sent < BIG // 4, f'{path}: nobody stops the server: {server.sent}')
                total = 0
                while True:
                    more = sock.recv(1 << 20)
                    if not more:
                        break
                    total += len(more)
                check(total >= BIG, f'{path}: {total}')
                grown = proxy.rss() - before
                check(grown < 16 << 20, f'{path}: grew by {grown}')


def case_large_requests_wait_for_the_server_in_flat_memory():
    def serve(server, conn):
        server.request(conn, body=False)
        server.hold.wait()
        total = 0
        conn.settimeout(LIMIT)
        while total < BIG - 200000:
            total += len(conn.recv(1 << 20))
        conn.sendall(OK)
    with setup(serve) as (proxy, server):
        before = proxy.rss()
        with proxy.connect() as sock:
            sock.sendall(b'POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n' % BIG)
            block, sent = b'x' * (1 << 20), 0
            sock.settimeout(0.5)
            with contextlib.suppress(socket.timeout):
                while sent < BIG:
                    sent += sock.send(block[:BIG - sent])
            check(sent < BIG // 4, f'nobody stops the client: {sent}')
            server.hold.set()
            sock.settimeout(LIMIT)
            while sent < BIG:
                sent += sock.send(block[:BIG - sent])
            check(read_answer(sock)[0] == 200, 'status')
            grown = proxy.rss() - before
            check(grown < 16 << 20, f'grew by {grown}')


def case_a_client_that_takes_nothing_is_cut_off():
    with setup(flood, write_ms=400) as (proxy, server):
        for i, path in enumerate((b'/length', b'/upper')):
            with proxy.connect(rcvbuf=4096) as sock:
                sock.sendall(GET % path)
                wait_for(lambda n=i: proxy.text().count('done') > n, 'the cut')
        wait_for(lambda: server.gone >= 2, 'the cancellations')


def case_a_client_that_takes_its_time_is_served():
    with setup(flood, write_ms=500) as (proxy, _):
        with proxy.connect(rcvbuf=1 << 16) as sock:
            sock.sendall(b'GET /length HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n')
            end, total = time.monotonic() + 2, 0
            while time.monotonic() < end:
                total += len(sock.recv(1 << 14))
                time.sleep(0.01)
            while (more := sock.recv(1 << 20)):
                total += len(more)
            check(total > BIG, f'{total}')


def case_filters_change_bodies_of_any_framing():
    def serve(server, conn):
        head = server.request(conn)
        if b'/upper_chunked' in head:
            conn.sendall(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n')
        elif b'/upper_br' in head:
            conn.sendall(b'HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 3\r\n\r\nabc')
        elif b'/upper_twice' in head:
            conn.sendall(b'HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Encoding: gzip\r\n'
                         b'Content-Length: 3\r\n\r\nabc')
        elif b'/upper_garbage' in head:
            conn.sendall(b'HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc')
        elif b'/upper_gzip' in head:
            packed = gzip.compress(b'abc')
            conn.sendall(b'HTTP/1.1 200 OK\r\nContent-Encoding: GZIP\r\nContent-Length: %d\r\n\r\n' % len(packed) + packed)
        elif b'/upper_deflate' in head:
            packed = zlib.compress(b'abc')
            conn.sendall(b'HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\nTransfer-Encoding: chunked\r\n\r\n')
            for byte in packed:
                conn.sendall(b'1\r\n%c\r\n' % byte)
            conn.sendall(b'0\r\n\r\n')
        elif b'/upper_short' in head:
            packed = gzip.compress(b'abc')[:-1]
            conn.sendall(b'HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n' % len(packed) + packed)
        elif b'/upper_bad' in head:
            conn.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na!c')
        elif b'/upper_head' in head:
            conn.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n')
        else:
            conn.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc')
    with setup(serve) as (proxy, server):
        with proxy.connect() as sock:
            for path, want in ((b'/upper', b'ABCEND'), (b'/upper_chunked', b'ABCEND'),
                               (b'/upper_br', b'Bad Gateway\n'), (b'/upper_twice', b'Bad Gateway\n'),
                               (b'/upper_gzip', b'ABCEND'), (b'/upper_deflate', b'ABCEND'), (b'/upper', b'ABCEND')):
                sock.sendall(GET % path)
                _, head, body = read_answer(sock)
                check(body == want and b'Content-Encoding' not in head, f'{path}: {head!r} {body!r}')
        for path in (b'/upper_garbage', b'/upper_short'):
            data = proxy.ask(b'GET %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n' % path)
            check(data.startswith(b'HTTP/1.1 502') or (b'ABC' in data and data.endswith(b'RESET')), f'{path}: {data!r}')
        check(all(b'Accept-Encoding: identity' in h for h in server.heads), 'identity')
        data = proxy.ask(b'GET /upper_bad HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n')
        check(data.startswith(b'HTTP/1.1 502'), f'{data!r}')
        with proxy.connect() as sock:
            sock.sendall(b'HEAD /upper_head HTTP/1.1\r\nHost: h\r\n\r\n' + GET % b'/answer')
            check(read_answer(sock, head_only=True)[0] == 200 and
                  b'/answer' in read_answer(sock)[2], 'HEAD')


def case_coded_answers_that_grow_wait_for_the_client():
    """A filter reads what is packed, of any size unpacked, in flat memory."""
    size = BIG // 3
    packed = gzip.compress(b'a' * size, 9)

    def serve(server, conn):
        server.request(conn)
        conn.sendall(b'HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n' % len(packed) + packed)
        server.hold.wait(LIMIT)
    for setting in (setup, tls_setup):
        with setting(serve) as (proxy, server, *_):
            before = proxy.rss()
            with proxy.connect(rcvbuf=65536) as sock:
                sock.sendall(b'GET /upper HTTP/1.0\r\n\r\n')
                total = sock.recv(1)
                wait_for(lambda: server.heads, 'the request')
                check(proxy.rss() - before < 24 << 20, f'grew by {proxy.rss() - before}')
                total = len(total)
                while (more := sock.recv(1 << 20)):
                    total += len(more)
                check(total > size and more == b'', f'{total}')
                check(proxy.rss() - before < 24 << 20, f'grew by {proxy.rss() - before}')


# ---- stopping, TLS, passwords ------------------------------------------------------------------

def case_running_requests_end_before_the_proxy_does():
    def serve(server, conn):
        server.request(conn)
        server.hold.wait(LIMIT)
        conn.sendall(OK)
    with setup(serve) as (proxy, server):
        idle = proxy.connect()
        idle.sendall(GET % b'/answer')
        read_answer(idle)
        busy = proxy.connect()
        busy.sendall(GET % b'/x')
        wait_for(lambda: server.heads, 'the request')
        proxy.process.send_signal(signal.SIGTERM)
        check(idle.recv(1) == b'', 'the idle connection')
        server.hold.set()
        data = read_all(busy)
        check(data.startswith(b'HTTP/1.1 200') and data.endswith(b'ok'), f'{data!r}')


def case_what_runs_too_long_is_cut_at_the_end():
    with setup(hung, grace=200) as (proxy, server):
        busy = proxy.connect()
        busy.sendall(GET % b'/x')
        wait_for(lambda: server.heads, 'the request')
        proxy.process.send_signal(signal.SIGTERM)
        data = read_all(busy)
        check(data == b'RESET', f'{data!r}')


HASH = '$2b$04$EHcU1.937vdjQ55qTMFf8.CYZjpz5IYZUyfLQITtvooxHMo3F/CXq'


def make_certs(folder):
    def openssl(*args):
        subprocess.run(['openssl', *args], check=True, cwd=folder, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
    for name in ('server', 'client'):
        openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
                '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost',
                '-keyout', f'{name}.key', '-out', f'{name}.crt')


def case_tls_and_client_certificates():
    with tempfile.TemporaryDirectory() as folder:
        make_certs(folder)
        with open(f'{folder}/web.yml', 'w') as f:
            f.write('tls_server_config: {cert_file: server.crt, key_file: server.key,'
                    ' client_ca_file: client.crt, client_auth_type: VerifyClientCertIfGiven}\n'
                    'http_server_config: {headers: {X-Frame-Options: deny}}\n')
        with setup(good, web_config=f'{folder}/web.yml') as (proxy, server):
            with proxy.connect() as sock:
                for part in (b'G', b'ET', GET[3:] % b'/x'):
                    sock.sendall(part)
                data = read_all(sock)
            check(data.startswith(b'HTTP/1.1 400') and
                  data.endswith(b'Client sent an HTTP request to an HTTPS server.\n'), f'{data!r}')
            data = proxy.ask(b'neither the one nor the other')
            check(b'HTTP' not in data, f'{data!r}')
            for with_cert in (False, True):
                context = ssl.create_default_context(cafile=f'{folder}/server.crt')
                if with_cert:
                    context.load_cert_chain(f'{folder}/client.crt', f'{folder}/client.key')
                with context.wrap_socket(proxy.connect(), server_hostname='localhost') as sock:
                    sock.sendall(GET % b'/answer')
                    _, head, body = read_answer(sock)
                    check(body.endswith(b'cert=%d\n' % with_cert), f'{body!r}')
                    check(b'X-Frame-Options: deny' in head, f'{head!r}')
                    for path in (b'/x', b'/big', b'/work'):
                        sock.sendall(GET % path)
                        status, head, body = read_answer(sock)
                        check(status == 200 and b'X-Frame-Options: deny' in head, f'{head!r}')
                    text = b'y' * 3000000
                    sock.sendall(b'POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3000000\r\n\r\n' + text)
                    check(read_answer(sock)[2].endswith(text), 'a large body')


def case_passwords_are_checked_beside_the_loop():
    with tempfile.TemporaryDirectory() as folder:
        with open(f'{folder}/web.yml', 'w') as f:
            f.write(f"basic_auth_users: {{ada: '{HASH}'}}\n")
        with setup(good, web_config=f'{folder}/web.yml') as (proxy, server):
            with proxy.connect() as sock:
                for login, want in ((b'YWRhOnNlY3JldA==', 200), (b'YWRhOndyb25n', 401),
                                    (b'YWRhOnNlY3JldA==', 200), (b'', 401)):
                    auth = b'Authorization: Basic ' + login + b'\r\n' if login else b''
                    sock.sendall(b'GET /answer HTTP/1.1\r\nHost: h\r\n' + auth + b'\r\n')
                    status, head, body = read_answer(sock)
                    check(status == want, f'{login}: {status}')
                    if want == 401:
                        check(body == b'Unauthorized\n' and b'WWW-Authenticate: Basic\r\n' in head,
                              f'{head!r} {body!r}')
                    else:
                        check(b' ada ' in body, f'{body!r}')
                sock.sendall(b'GET /x HTTP/1.1\r\nHost: h\r\nAuthorization: Basic YWRhOnNlY3JldA==\r\n\r\n')
                check(read_answer(sock)[0] == 200, 'forwarded')
                check(b'uthorization' not in server.heads[0], f'{server.heads}')
            data = proxy.ask(b'GET /answer HTTP/1.1\r\nHost: h\r\nConnection: close\r\n'
                             b'Authorization: Basic YWRhOnNlY3JldA==\r\n'
                             b'Authorization: Basic YWRhOnNlY3JldA==\r\n\r\n')
            check(data.startswith(b'HTTP/1.1 401'), f'{data!r}')
            # A password that is being checked when its client leaves.
            for i in range(10):
                with proxy.connect() as sock:
                    sock.sendall(b'GET /answer HTTP/1.1\r\nHost: h\r\n'
                                 b'Authorization: Basic YWRhOmE%d\r\n\r\n' % i)
            # The file is looked at again.
            with open(f'{folder}/web.yml', 'w') as f:
                f.write('basic_auth_users: {}\n')
            check(proxy.ask(b'GET /answer HTTP/1.0\r\n\r\n').startswith(b'HTTP/1.1 200'), 'reload')


# ---- servers behind libcurl ---------------------------------------------------------------------

@contextlib.contextmanager
def tls_setup(*serves, client='', **options):
    """Servers with TLS; client: more settings, in YAML, %s the folder."""
    with tempfile.TemporaryDirectory() as folder:
        make_certs(folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f'{folder}/server.crt', f'{folder}/server.key')
        with open(f'{folder}/client.yml', 'w') as f:
            f.write(f'tls_config: {{ca_file: {folder}/server.crt}}\n' + client.replace('%s', folder))
        servers = [Server(s, context) if callable(s) else s for s in serves]
        with setup(*servers, client=f'{folder}/client.yml', **options) as all_of_it:
            yield (*all_of_it, folder)


def case_tls_servers_get_and_give_bodies_of_any_framing():
    def serve(server, conn):
        while True:
            head = server.request(conn)
            if not head:
                return
            if b'/chunked' in head:
                conn.sendall(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;e=f\r\none\r\n4\r\n')
                conn.sendall(b'-two\r\n0\r\nTrailer: x\r\n\r\n')
            elif b'/close' in head:
                conn.sendall(b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\none-two')
                # Without this it would be an end that anybody could have made.
                conn.unwrap()
                return
            elif b'/empty' in head or head.startswith(b'HEAD'):
                conn.sendall(b'HTTP/1.1 200 OK\r\nX-Empty:\r\nContent-Length: 0\r\n\r\n')
            else:
                text = head + b'\n' + server.bodies[-1]
                conn.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n' % len(text) + text)
    with tls_setup(serve) as (proxy, server, _):
        with proxy.connect() as sock:
            for path, want in ((b'/chunked', b'one-two'), (b'/close', b'one-two'), (b'/empty', b''),
                               (b'/chunked', b'one-two')):
                sock.sendall(GET % path)
                status, head, body = read_answer(sock)
                check(status == 200 and body == want, f'{path}: {status} {body!r}')
            sock.sendall(b'HEAD /x HTTP/1.1\r\nHost: h\r\n\r\n')
            check(read_answer(sock, head_only=True)[0] == 200, 'HEAD')
            sock.sendall(b'GET /a//../%2e/b?q={"x"}&y=%20 HTTP/1.1\r\nHost: site:1\r\nX-Empty:\r\n\r\n')
            _, _, body = read_answer(sock)
            lines = set(body.strip().split(b'\r\n'))
            check(lines == {b'GET /a//../%2e/b?q={"x"}&y=%20 HTTP/1.1', b'Host: site:1', b'X-Empty:',
                            b'User-Agent: proxy_peer', b'X-Forwarded-For: 127.0.0.1'}, f'{lines}')
            for size in (0, 5, 3000000):
                text = b'z' * size
                sock.sendall(b'POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n' % size + text)
                status, _, body = read_answer(sock)
                check(status == 200 and body.endswith(b'\n' + text), f'{size}: {status} {body[:300]!r}')
                check(b'ontent-Length: %d' % size in body and b'Expect' not in body and
                      b'Content-Type' not in body, f'{body[:300]!r}')
            for path in (b'/x', b'/read'):
                sock.sendall(b'POST %s HTTP/1.1\r\nHost: h\r\nContent-Type: a/b\r\n'
                             b'Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n4\r\n-two\r\n0\r\n\r\n' % path)
                status, _, body = read_answer(sock)
                check(status == 200 and b'Content-Type: a/b' in body, f'{status} {body!r}')
            sock.sendall(b'GET /upper HTTP/1.1\r\nHost: h\r\n\r\n')
            check(read_answer(sock)[2].endswith(b'END'), 'filter')
        check(server.connections == 2, f'{server.connections} connections')


def case_faults_of_tls_servers():
    def serve(server, conn):
        head = server.request(conn)
        if b'/cut' in head:
            conn.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome')
            server.hold.wait(1)
        elif b'/hang' in head:
            conn.settimeout(LIMIT)
            if conn.recv(1) == b'':
                server.gone += 1
        elif b'/garbage' in head:
            conn.sendall(b'garbage\r\n\r\n')
        elif b'/both' in head:
            conn.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc')
        elif b'/line' in head:  # longer than the library takes; it says that there is no memory
            conn.sendall(b'HTTP/1.1 200 OK\r\nX: ' + b'x' * 400000)
            server.hold.wait(1)
    with tls_setup(serve, good, timeout_ms=800) as (proxy, first, second, _):
        data = proxy.ask(GET % b'/cut')
        check(data.endswith(b'someRESET') or b' 502 ' in data, f'{data!r}')
        for path in (b'/garbage', b'/both'):
            data = proxy.ask(b'GET %s HTTP/1.0\r\n\r\n' % path)
            check(data.startswith(b'HTTP/1.1 200'), f'{path} {data!r}')
        check(proxy.ask(b'GET /hang HTTP/1.0\r\n\r\n').startswith(b'HTTP/1.1 504'), 'time limit')
        before = first.gone
        with proxy.connect() as sock:
            sock.sendall(GET % b'/hang')
            wait_for(lambda: sum(b'/hang' in h for h in first.heads) == 2, 'the request')
        wait_for(lambda: first.gone > before, 'the cancellation')
        check(len(second.heads) == 2, f'{second.heads}')
        data = proxy.ask(b'POST /line HTTP/1.0\r\nContent-Length: 2\r\n\r\nab')
        check(data.startswith(b'HTTP/1.1 503') and len(second.heads) == 2, f'sent twice: {data!r}')
        check('result=broken why=Out of memory' in proxy.text(), proxy.text())
        check(proxy.ask(b'GET /line HTTP/1.0\r\n\r\n').startswith(b'HTTP/1.1 200'), 'what is safe')
    # A name that its certificate doesn't have, and nobody at all: the next one is asked.
    with tls_setup(closed_port(), good) as (proxy, _, _, _):
        check(proxy.ask(b'POST /x HTTP/1.0\r\nContent-Length: 2\r\n\r\nab').startswith(b'HTTP/1.1 200'),
              'the next one')


def case_large_bodies_wait_behind_tls_too():
    with tls_setup(flood) as (proxy, server, _):
        before = proxy.rss()
        with proxy.connect(rcvbuf=65536) as sock:
            sock.sendall(b'GET /chunked HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n')
            last = -1
            while last != server.sent or not server.sent:
                last = server.sent
                time.sleep(0.2)
            check(server.sent < BIG // 4, f'nobody stops the server: {server.sent}')
            total = 0
            while (more := sock.recv(1 << 20)):
                total += len(more)
            check(total >= BIG, f'{total}')
            grown = proxy.rss() - before
            check(grown < 32 << 20, f'grew by {grown}')


def case_credentials_are_read_for_each_request():
    with tempfile.TemporaryDirectory() as folder:
        def write(name, text):
            with open(f'{folder}/{name}', 'w') as f:
                f.write(text)
        def auth_of(client, *asks, method=b'GET'):
            write('client.yml', client)
            with setup(good, client=f'{folder}/client.yml') as (proxy, server):
                for ask in asks or (lambda: None,):
                    ask()
                    data = proxy.ask(method + b' /x HTTP/1.0\r\nAuthorization: Basic eDp5\r\nX-One: mine\r\n\r\n')
                return data, [re.findall(rb'(?m)^(?:Authorization|X-One): (.*)\r$', h + b'\r\n') for h in server.heads]
        write('password', ' secret \n')
        data, got = auth_of('basic_auth: {username: ada, password: secret}')
        check(got == [[b'Basic YWRhOnNlY3JldA==']] or got == [[b'mine', b'Basic YWRhOnNlY3JldA==']], f'{got}')
        data, got = auth_of('basic_auth: {username: ada, password: secret}', method=b'TRACE')
        check(got == [[b'mine']], f'what TRACE would show: {got}')
        data, got = auth_of(f'authorization: {{credentials_file: {folder}/password}}', lambda: None,
                            lambda: write('password', 'other'))
        check([g[-1] for g in got] == [b'Bearer secret', b'Bearer other'], f'{got}')
        data, got = auth_of(f'http_headers: {{X-One: {{values: [a], files: [{folder}/password]}}}}')
        check(got == [[b'a', b'other']], f'{got}')
        data, got = auth_of(f'bearer_token_file: {folder}/missing')
        check(data.startswith(b'HTTP/1.1 503') and not got, f'{data!r} {got}')

        def tokens(server, conn):
            while server.request(conn):
                conn.sendall(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 44\r\n\r\n'
                             b'{"access_token":"tok","token_type":"bearer"}')
        issuer = Server(tokens)
        data, got = auth_of(f'oauth2: {{client_id: me, client_secret: s, token_url: "{issuer.url}/t"}}',
                            lambda: None, lambda: None)
        issuer.close()
        check([g[-1] for g in got] == [b'Bearer tok', b'Bearer tok'] and len(issuer.heads) == 1, f'{got}')


def case_a_body_that_is_late_while_a_worker_has_its_request():
    """The time limit comes while the second server's token is being had."""
    def tokens(server, conn):
        while server.request(conn):
            if len(server.heads) > 1:
                server.hold.wait(LIMIT)
            conn.sendall(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 44\r\n\r\n'
                         b'{"access_token":"tok","token_type":"bearer"}')

    def broken(server, conn):
        server.request(conn, body=False)
    issuer = Server(tokens)
    with tempfile.TemporaryDirectory() as folder:
        with open(f'{folder}/client.yml', 'w') as f:
            f.write(f'oauth2: {{client_id: me, client_secret: s, token_url: "{issuer.url}/t"}}')
        with setup(broken, good, client=f'{folder}/client.yml', body_ms=300) as (proxy, _, second):
            with proxy.connect() as sock:
                sock.sendall(b'GET /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n')
                data = read_all(sock)
                check(b' 200 ' not in data and len(issuer.heads) == 2, f'{data!r} {issuer.heads}')
            issuer.hold.set()
            wait_for(lambda: 'done path=/x ' in proxy.text(), 'the end')
            check(proxy.text().count('done path=/x ') == 1, proxy.text())
            for _ in range(3):
                check(proxy.ask(b'GET /answer HTTP/1.0\r\n\r\n').startswith(b'HTTP/1.1 200'), 'afterwards')
            check(not second.heads, f'{second.heads}')
    issuer.close()


def case_proxies_are_used():
    def http_proxy(server, conn):
        head = server.request(conn)
        if head.startswith(b'CONNECT'):
            port = int(head.split(b' ')[1].split(b':')[1])
            conn.sendall(b'HTTP/1.1 200 Fine\r\n\r\n')
            with socket.create_connection(('127.0.0.1', port)) as other:
                def pump(a, b):
                    with contextlib.suppress(OSError):
                        while (data := a.recv(1 << 16)):
                            b.sendall(data)
                    with contextlib.suppress(OSError):
                        b.shutdown(socket.SHUT_WR)
                thread = threading.Thread(target=pump, args=(other, conn), daemon=True)
                thread.start()
                pump(conn, other)
                thread.join()
        else:
            conn.sendall(OK)
    middle = Server(http_proxy)
    with tls_setup(good, client=f'proxy_url: {middle.url}\n') as (proxy, server, _):
        data = proxy.ask(b'GET /x HTTP/1.0\r\n\r\n')
        check(data.startswith(b'HTTP/1.1 200') and b'GET /x HTTP' in data, f'{data!r}')
        check(middle.heads[0].startswith(b'CONNECT localhost:'), f'{middle.heads}')
    with tempfile.TemporaryDirectory() as folder:
        with open(f'{folder}/c.yml', 'w') as f:
            f.write(f'proxy_url: {middle.url}\n')
        with setup(good, client=f'{folder}/c.yml') as (proxy, server):
            data = proxy.ask(b'GET /x?q={"a"} HTTP/1.0\r\n\r\n')
            want = b'GET http://127.0.0.1:%d/x?q={"a"} HTTP/1.1\r\n' % server.port
            check(middle.heads[-1].startswith(want) and not server.heads, f'{middle.heads} {data!r}')
    middle.close()


def case_what_the_library_refuses_says_nothing_about_a_server():
    odd = closed_port()
    odd.url = 'https://' + 'ö' * 70 + '.example'  # no name for a certificate
    with setup(odd, good) as (proxy, _, server):
        for method in (b'GET', b'POST'):
            data = proxy.ask(method + b' /x HTTP/1.0\r\nContent-Length: 2\r\n\r\nab')
            check(data.startswith(b'HTTP/1.1 200'), f'{data!r}')
        log = proxy.text()
        check(log.count('result=client gone') == 2 and 'unreachable' not in log, log)


@contextlib.contextmanager
def nginx_with_http_2(**options):
    """nginx behind the proxy: /say tells what it was asked, /large is a file."""
    with tempfile.TemporaryDirectory() as folder:
        make_certs(folder)
        with socket.create_server(('127.0.0.1', 0)) as s:
            port = s.getsockname()[1]
        with open(f'{folder}/nginx.conf', 'w') as f:
            f.write(f'''daemon off; pid {folder}/pid; error_log {folder}/log; worker_processes 1;
                events {{}} http {{ access_log off; client_body_temp_path {folder}/a; proxy_temp_path {folder}/b;
                fastcgi_temp_path {folder}/c; uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
                server {{ listen 127.0.0.1:{port} ssl http2; ssl_certificate {folder}/server.crt;
                ssl_certificate_key {folder}/server.key; root {folder};
                location /say {{ return 200 "$server_protocol $request_method $content_length $arg_q\\n"; }} }} }}''')
        with open(f'{folder}/large', 'wb') as f:
            f.write(b'y' * 5000000)
        with open(f'{folder}/endless', 'wb') as f:
            f.truncate(1 << 30)
        os.chmod(folder, 0o755)
        with open(f'{folder}/client.yml', 'w') as f:
            f.write(f'tls_config: {{ca_file: {folder}/server.crt}}\n')
        nginx = subprocess.Popen(['/usr/sbin/nginx', '-p', folder, '-c', f'{folder}/nginx.conf'],
                                 stderr=subprocess.DEVNULL)

        def listens():
            with contextlib.suppress(OSError), socket.create_connection(('127.0.0.1', port)):
                return True

        class Nginx:
            url = f'https://localhost:{port}'
            hold = threading.Event()

            def close(self):
                nginx.terminate()
                nginx.wait()
        wait_for(listens, 'nginx')
        with setup(Nginx(), client=f'{folder}/client.yml', **options) as (proxy, _):
            yield proxy


def has_nginx():
    return any(os.access(f'{d}/nginx', os.X_OK) for d in ('/usr/sbin', '/usr/bin'))


def case_servers_with_http_2():
    if not has_nginx():
        return 'SKIP nginx is not installed'
    with nginx_with_http_2() as proxy:
        socks = [proxy.connect() for _ in range(20)]
        for round in range(3):
            for i, sock in enumerate(socks):
                sock.sendall(GET % (b'/large' if i % 2 else b'/say?q=%d' % i))
            for i, sock in enumerate(socks):
                status, _, body = read_answer(sock)
                want = b'y' * 5000000 if i % 2 else b'HTTP/2.0 GET  %d\n' % i
                check(status == 200 and body == want, f'{i}: {status} {body[:100]!r}')
        for body in (b'', b'x' * 10, b'x' * 100000):
            socks[0].sendall(b'POST /say HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n' % len(body) + body)
            got = read_answer(socks[0])[2]
            check(got == b'HTTP/2.0 POST %d \n' % len(body), f'{got!r}')
        for sock in socks:
            sock.close()
    return None


def case_clients_that_read_nothing_cost_little_and_nobody_else_behind_http_2():
    if not has_nginx():
        return 'SKIP nginx is not installed'
    with nginx_with_http_2() as proxy:
        with proxy.connect() as sock:
            sock.sendall(GET % b'/say')
            check(read_answer(sock)[0] == 200, 'before')
        before = proxy.rss()

        def others():
            for i in range(10):
                answer = proxy.ask(b'GET /say?q=%d HTTP/1.0\r\n\r\n' % i)
                check(answer.endswith(b'HTTP/2.0 GET  %d\n' % i), f'{answer!r}')
        with contextlib.ExitStack() as slow:
            for _ in range(3):
                sock = slow.enter_context(proxy.connect(rcvbuf=4096))
                sock.sendall(GET % b'/endless')
                wait_for(lambda s=sock: queue_of(s, proxy, True) > 4096, 'more than it takes')
            others()
            grown = proxy.rss() - before
            check(grown < 16 << 20, f'grew by {grown}')
        others()
    return None


def main():
    global PROGRAM
    PROGRAM = sys.argv[1]
    names = [n for n in globals() if n.startswith('case_')]
    wanted = [n for n in names if not sys.argv[2:] or any(w in n for w in sys.argv[2:])]
    failed = 0
    for i, name in enumerate(wanted, 1):
        try:
            skipped = globals()[name]()
            print(f'ok {i} - {name[5:]}' + (f' # {skipped}' if skipped else ''), flush=True)
        except (Failed, OSError, AssertionError) as error:
            failed += 1
            print(f'not ok {i} - {name[5:]}')
            print('# ' + f'{type(error).__name__}: {error}'.replace('\n', '\n# '), flush=True)
    print(f'1..{len(wanted)}')
    os._exit(failed > 0)


main()
