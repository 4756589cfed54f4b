#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""One user's slow queries and another's quick ones: lb_fairness.py PORT RELEASE SLOW LIMIT

SLOW requests of ines, which servers hold until the file RELEASE is there, wait in ceems_lb beyond LIMIT at
a time. Meanwhile omar's are answered. Half of hers leave: their places in the queue are free. The rest is answered.
"""
import asyncio
import re
import sys
import time

PORT, RELEASE, SLOW, LIMIT = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
QUICK, QUICK_CONNECTIONS = 100, 4
PATIENCE_S = 120


def request(user, path, body=""):
    head = f"GET {path} HTTP/1.1\r\nHost: h\r\nX-Grafana-User: {user}\r\nX-Ceems-Cluster-Id: alpha\r\n"
    if body:
        head = head.replace("GET", "POST", 1)
        head += f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n"
    return f"{head}\r\n{body}".encode()


async def answer(reader):
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    length = int(re.search(r"(?i)content-length: (\d+)", head)[1])
    return int(head.split()[1]), await reader.readexactly(length)


async def metric(name):
    reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n")
    _, body = await answer(reader)
    writer.close()
    return int(re.search(rf"(?m)^{name} (\d+)$", body.decode())[1])


async def until(name, value):
    end = time.monotonic() + PATIENCE_S
    while (now := await metric(name)) != value:
        if time.monotonic() > end:
            sys.exit(f"{name} is {now}, not {value}")
        await asyncio.sleep(0.02)


async def quick(times):
    reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
    for _ in range(QUICK // QUICK_CONNECTIONS):
        start = time.monotonic()
        writer.write(request("omar", "/api/v1/query?query=m%7Buuid%3D%227002%22%7D"))
        status, _ = await answer(reader)
        times.append(time.monotonic() - start)
        if status != 200:
            sys.exit(f"a quick query was answered {status}")
    writer.close()


async def main():
    slow = []
    for i in range(SLOW):
        reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
        # Bodies of those that wait are not read yet.
        if i % 2:
            writer.write(request("ines", "/api/v1/query", "query=held%7Buuid%3D%227001%22%7D"))
        else:
            writer.write(request("ines", "/api/v1/query?query=held%7Buuid%3D%227001%22%7D"))
        slow.append((reader, writer))
    await until("ceems_lb_queued_requests", SLOW - LIMIT)
    times = []
    await asyncio.gather(*(quick(times) for _ in range(QUICK_CONNECTIONS)))
    times.sort()
    print(f"# {SLOW} slow queries of another: {len(times)} quick ones, median {times[len(times) // 2] * 1000:.1f} ms,"
          f" p99 {times[len(times) * 99 // 100] * 1000:.1f} ms")
    for _, writer in slow[SLOW // 2:]:
        writer.close()
    await until("ceems_lb_queued_requests", SLOW // 2 - LIMIT)
    open(RELEASE, "w").close()
    for reader, _ in slow[:SLOW // 2]:
        status, _ = await answer(reader)
        if status != 200:
            sys.exit(f"a slow query was answered {status}")
    await until("ceems_lb_queued_requests", 0)
    await until('ceems_lb_active_requests{backend_type="tsdb"}', 1)


asyncio.run(asyncio.wait_for(main(), PATIENCE_S * 2))
