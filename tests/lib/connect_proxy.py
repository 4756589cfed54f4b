#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""An HTTP proxy for tunnels: connect_proxy.py DIR

Writes its port to DIR/port, and the head of each request to DIR/requests, a JSON list of lines each. Tunnels go
to this machine's port of the name that is asked for; DIR/refuse, if there, has all refused.
"""
import json
import os
import socket
import sys
import threading

DIR = sys.argv[1]


def pump(source, sink):
    try:
        while data := source.recv(1 << 16):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def read_head(conn):
    data = b""
    while b"\r\n\r\n" not in data:
        more = conn.recv(1 << 16)
        if not more:
            return None
        data += more
    return data.split(b"\r\n\r\n", 1)[0].decode("latin-1").split("\r\n")


def serve(conn):
    with conn:
        lines = read_head(conn)
        if not lines:
            return
        with open(os.path.join(DIR, "requests"), "a", encoding="utf-8") as f:
            f.write(json.dumps(lines) + "\n")
        method, target, _ = lines[0].split(" ", 2)
        if method != "CONNECT" or os.path.exists(os.path.join(DIR, "refuse")):
            conn.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            return
        with socket.create_connection(("127.0.0.1", int(target.rsplit(":", 1)[1]))) as other:
            conn.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            back = threading.Thread(target=pump, args=(other, conn), daemon=True)
            back.start()
            pump(conn, other)
            back.join()


def run(conn):
    try:
        serve(conn)
    except OSError:
        pass


listener = socket.create_server(("127.0.0.1", 0), backlog=128)
with open(os.path.join(DIR, "port.new"), "w", encoding="utf-8") as f:
    f.write(f"{listener.getsockname()[1]}\n")
os.rename(os.path.join(DIR, "port.new"), os.path.join(DIR, "port"))
while True:
    client, _ = listener.accept()
    threading.Thread(target=run, args=(client,), daemon=True).start()
