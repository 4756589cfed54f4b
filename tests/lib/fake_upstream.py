#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A server behind ceems_lb: fake_upstream.py DIR [PORT]

Writes its port to DIR/port and each request to DIR/requests as a JSON list: method, path, query, body (text),
headers. Answers with the file DIR/reply if there is one, else with the request itself. DIR/mode says how:
  ok       also when absent          cut      a head and half a body, then the end
  hang     nothing at all            refuse   the connection is closed
  garbage  no HTTP                   slow     after DIR/delay seconds
  error    status 500                huge     64 MiB
  late     the head, and the body DIR/delay seconds later
DIR/type is the reply's content type. DIR/release, if there, ends hanging and waiting. Requests that hold the text of DIR/hold wait for it, too.
"""
import json
import os
import socket
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DIR = sys.argv[1]
PORT = int(sys.argv[2]) if len(sys.argv) > 2 else 0


def read(name, fallback=None):
    try:
        with open(os.path.join(DIR, name), "rb") as f:
            return f.read()
    except FileNotFoundError:
        return fallback


def wait_for_release(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end and read("release") is None:
        time.sleep(0.02)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def body(self):
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        data = b""
        while True:
            size = int(self.rfile.readline().split(b";")[0], 16)
            data += self.rfile.read(size)
            self.rfile.readline()
            if size == 0:
                return data

    def reply(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", read("type", b"application/json").decode().strip())
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if read("mode", b"").strip() == b"late":
            self.wfile.flush()
            time.sleep(float(read("delay", b"0.3")))
        if self.command != "HEAD":
            self.wfile.write(body)

    def answer(self):
        path, _, query = self.path.partition("?")
        record = [self.command, path, query, self.body().decode("latin-1"), dict(self.headers)]
        with open(os.path.join(DIR, "requests"), "a", encoding="utf-8") as f:
            f.write(json.dumps(record) + "\n")
        mode = read("mode", b"ok").decode().strip()
        if path.startswith("/api/v1/status/"):
            mode = "ok"  # asked by the load balancer itself
        held = read("hold", b"").decode().strip()
        if held and held in query + record[3]:
            wait_for_release(120)
        if mode == "hang":
            wait_for_release(120)
        elif mode == "slow":
            wait_for_release(float(read("delay", b"1")))
        elif mode == "garbage":
            self.wfile.write(b"\x00\x01 this is no HTTP\r\n\r\n")
        elif mode == "cut":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
        if mode in ("garbage", "cut", "refuse", "hang"):
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        if mode == "huge":
            self.send_response(200)
            self.send_header("Content-Length", str(64 << 20))
            self.end_headers()
            for _ in range(64):
                self.wfile.write(b"x" * (1 << 20))
            return
        self.reply(500 if mode == "error" else 200, read("reply") or json.dumps(record).encode())

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except (ConnectionError, OSError):
            self.close_connection = True

    do_GET = do_POST = do_HEAD = do_PUT = do_DELETE = do_OPTIONS = answer


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


server = Server(("127.0.0.1", PORT), Handler)
with open(os.path.join(DIR, "port.new"), "w", encoding="utf-8") as f:
    f.write(f"{server.server_address[1]}\n")
os.rename(os.path.join(DIR, "port.new"), os.path.join(DIR, "port"))
server.serve_forever()
