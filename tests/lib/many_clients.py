# SPDX-License-Identifier: Apache-2.0
"""Many clients at once: URL CLIENTS REQUESTS. Each keeps its connection and asks one after the other;
all connections are open before the first request. Fails if one answer is not 200 and whole."""
import asyncio
import sys
import urllib.parse

TARGETS = ["/api/v1/units?from=1933480800&to=1933484400&running", "/api/v1/usage/global", "/health",
           "/api/v1/usage/current?from=1933480800&to=1933484400", "/api/v1/projects"]
TIMEOUT_S = 120


async def ask(reader, writer, target):
    writer.write(("GET %s HTTP/1.1\r\nHost: x\r\nX-Grafana-User: mira\r\n\r\n" % target).encode())
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = {k.lower(): v for k, v in (l.split(": ", 1) for l in lines[1:] if ": " in l)}
    if headers.get("transfer-encoding") == "chunked":
        while True:
            size = int(await reader.readuntil(b"\r\n"), 16)
            await reader.readexactly(size + 2)
            if not size:
                break
    else:
        await reader.readexactly(int(headers["content-length"]))
    return int(lines[0].split()[1])


async def client(host, port, ready, go, n, bad):
    reader, writer = await asyncio.open_connection(host, port)
    ready.release()
    await go.wait()
    try:
        for i in range(n):
            status = await ask(reader, writer, TARGETS[i % len(TARGETS)])
            if status != 200:
                bad.append(status)
    except (OSError, asyncio.IncompleteReadError, ValueError, KeyError) as e:
        bad.append(repr(e))
    writer.close()


async def main():
    url = urllib.parse.urlsplit(sys.argv[1])
    clients, n = int(sys.argv[2]), int(sys.argv[3])
    ready, go, bad = asyncio.Semaphore(0), asyncio.Event(), []
    tasks = []
    for _ in range(clients):
        tasks.append(asyncio.create_task(client(url.hostname, url.port, ready, go, n, bad)))
        await ready.acquire()
    go.set()
    await asyncio.wait_for(asyncio.gather(*tasks), TIMEOUT_S)
    print(clients * n, "requests,", len(bad), "bad", bad[:5])
    return 1 if bad else 0


sys.exit(asyncio.run(main()))
