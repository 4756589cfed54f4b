# SPDX-License-Identifier: Apache-2.0
"""Clients that take their answers slowly: URL USER SHORT LONG. Both ask for more than the kernel keeps
for them and read a little now and then. The one that asks for SHORT has to be cut off; LONG, which was
asked for before, is then read to its end and has to be whole."""
import http.client
import select
import sys
import time
import urllib.parse

LIMIT_S = 60
PIECE = 1 << 14


def ask(url, user, target):
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=LIMIT_S)
    connection.request("GET", target, headers={"X-Grafana-User": user})
    answer = connection.getresponse()
    if answer.status != 200:
        sys.exit(f"{target}: {answer.status} {answer.read(500)}")
    return connection, answer


def main():
    url = urllib.parse.urlsplit(sys.argv[1])
    user, short, long = sys.argv[2:5]
    long_connection, long_answer = ask(url, user, long)
    _, short_answer = ask(url, user, short)
    begin = time.monotonic()
    long_bytes = short_bytes = 0
    try:
        # Both get on all the time.
        while time.monotonic() - begin < LIMIT_S:
            select.select([], [], [], 0.1)
            long_bytes += len(long_answer.read(PIECE))
            piece = short_answer.read(PIECE)
            short_bytes += len(piece)
            if not piece:
                sys.exit(f"{short}: {short_bytes} bytes are all of it, which is too little for this test")
        sys.exit(f"{short}: not cut off after {LIMIT_S} s and {short_bytes} bytes")
    except (http.client.IncompleteRead, ConnectionError) as e:
        print(f"{short}: cut off after {time.monotonic() - begin:.1f} s: {e!r}")
    long_connection.sock.settimeout(LIMIT_S)
    rest = long_answer.read()
    if not rest.endswith(b"]}\n"):
        sys.exit(f"{long}: ends with {rest[-20:]}")
    print(f"{long}: whole, {long_bytes + len(rest)} bytes")


main()
