#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Series of made-up jobs, as OpenMetrics: tsdb_history.py NOW [prometheus]

One sample every 15 s in the hour before NOW for jobs given on stdin as UUID START END (Unix seconds):
100 W, 40 % of their CPUs, 1000 bytes/s written; and series without a uuid. 'prometheus' writes the
text that VictoriaMetrics imports, with milliseconds and without '# EOF'.
"""
import sys

NOW = int(sys.argv[1])
MILLI = len(sys.argv) > 2
STEP = 15
SERIES = [("uuid:ceems_host_power_watts:pue", "gauge", lambda t: 100),
          ("uuid:ceems_cpu_usage:ratio_irate", "gauge", lambda t: 40),
          ("ceems_ebpf_write_bytes_total", "counter", lambda t: 1000 * t)]


def stamp(t):
    return t * 1000 if MILLI else t


jobs = [line.split() for line in sys.stdin if line.strip()]
for name, kind, value in SERIES:
    print(f"# TYPE {name.removesuffix('_total')} {kind}")
    for uuid, start, end in jobs:
        begin = int(start) // STEP * STEP + STEP
        for t in range(begin, min(int(end), NOW) + 1, STEP):
            print(f'{name}{{uuid="{uuid}",instance="n1"}} {value(t - begin)} {stamp(t)}')
print("# TYPE node_load1 gauge")
for t in range(NOW - 3600, NOW, STEP):
    print(f'node_load1{{instance="n1"}} 1 {stamp(t)}')
if not MILLI:
    print("# EOF")
