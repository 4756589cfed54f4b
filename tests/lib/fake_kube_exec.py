#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A Kubernetes API server that finds one pod and runs commands in it: fake_kube_exec.py DIR

Writes its port to DIR/port and each request to DIR/requests. The pod "gpu/tools-n1" on node n1 has the
labels of NVIDIA's and AMD's pods; a command is DIR/bin/NAME (RFC 6455, protocol v4.channel.k8s.io).
DIR/fault, if there:
  403     commands may not be run
  plain   the answer is no WebSocket
  key     the answer's key is wrong
  cut     the connection ends in the middle of a frame
  hang    nothing follows the first frame
  mute    the end of the command is not told
"""
import base64
import hashlib
import json
import os
import struct
import subprocess
import sys
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DIR = sys.argv[1]
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, BINARY, CLOSE, PING = 1, 2, 8, 9


def fault():
    try:
        with open(os.path.join(DIR, "fault"), encoding="utf-8") as f:
            return f.read().strip()
    except FileNotFoundError:
        return ""


def frame(opcode, payload, last=True):
    n = len(payload)
    head = bytes([(0x80 if last else 0) | opcode])
    head += bytes([n]) if n < 126 else b"\x7e" + struct.pack(">H", n) if n < 65536 else b"\x7f" + struct.pack(">Q", n)
    return head + payload


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def reply(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def list(self, query):
        wanted = ("app=gpu-feature-discovery", "app.kubernetes.io/name=metrics-exporter")
        here = query.get("fieldSelector") == ["status.phase=Running,spec.nodeName=n1"]
        found = here and query.get("labelSelector", [""])[0] in wanted
        pods = [{"metadata": {"namespace": "gpu", "name": "tools-n1", "uid": "1"}}] if found else []
        self.reply(200, json.dumps({"kind": "PodList", "metadata": {}, "items": pods}).encode())

    def upgrade(self):
        key = self.headers["Sec-WebSocket-Key"]
        assert len(base64.b64decode(key)) == 16 and self.headers["Sec-WebSocket-Version"] == "13"
        assert self.headers["Sec-WebSocket-Protocol"] == "v4.channel.k8s.io"
        if fault() == "key":
            key = "x"
        accept = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", accept)
        self.send_header("Sec-WebSocket-Protocol", "v4.channel.k8s.io")
        self.end_headers()

    def run(self, query):
        command = query["command"]
        program = os.path.join(DIR, "bin", os.path.basename(command[0]))
        done = subprocess.run([program, *command[1:]], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        self.upgrade()
        send = self.wfile.write
        send(frame(BINARY, b"\x01"))
        send(frame(PING, b"well?"))
        if fault() == "hang":
            time.sleep(3600)
        half = len(done.stdout) // 2
        send(frame(BINARY, b"\x01" + done.stdout[:half], last=False))
        send(frame(PING, b""))
        if fault() == "cut":
            send(frame(0, done.stdout[half:])[:-1])
            return
        send(frame(0, done.stdout[half:]))
        send(frame(BINARY, b"\x02" + done.stderr))
        status = {"kind": "Status", "status": "Success"}
        if done.returncode:
            message = f"command terminated with exit code {done.returncode}"
            status = {"kind": "Status", "status": "Failure", "message": message}
        if fault() != "mute":
            send(frame(BINARY, b"\x03" + json.dumps(status).encode()))
        send(frame(CLOSE, b"\x03\xe8"))
        self.rfile.read()  # what the client still said: unread it would reset the connection

    def do_GET(self):
        with open(os.path.join(DIR, "requests"), "a", encoding="utf-8") as f:
            f.write(f"{self.path} {self.headers.get('Authorization')}\n")
        url = urllib.parse.urlsplit(self.path)
        query = urllib.parse.parse_qs(url.query)
        self.close_connection = True
        if url.path == "/api/v1/pods":
            self.list(query)
        elif url.path != "/api/v1/namespaces/gpu/pods/tools-n1/exec":
            self.reply(404, b"{}")
        elif fault() == "403":
            self.reply(403, b'{"kind":"Status","message":"pods \\"tools-n1\\" is forbidden"}')
        elif fault() == "plain":
            self.reply(200, b"{}")
        else:
            self.run(query)


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
with open(os.path.join(DIR, "port.new"), "w", encoding="utf-8") as port:
    port.write(str(server.server_port))
os.rename(os.path.join(DIR, "port.new"), os.path.join(DIR, "port"))
server.serve_forever()
