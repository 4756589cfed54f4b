#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Plays a node into a synthetic tree, in real time: RAPL zones that wrap, CPU time, and a job that lives for
a while on one CPU of two.

    play_power.py TREE SECONDS_BEFORE SECONDS_OF_JOB SECONDS_AFTER

Prints 'flowed MICROJOULES' and 'job MICROJOULES', its true share, when all is written. Files are written in
place with one system call each, as the kernel's change: a reader sees the old value or the new one."""
import os
import shutil
import sys
import time

RANGE_UJ = 262143328850
IDLE_W, PER_CPU_W, CPUS, JOB_CPU, SYSTEM_CPU = 40, 60, 2, 0.9, 0.05
SHARES = (0.4, 0.6)  # of the zones
STEP_S = 0.01

tree = sys.argv[1]
before, life, after = map(float, sys.argv[2:])
job = f"{tree}/cgroup/system.slice/slurmstepd.scope/job_7"


class Value:
    """A file that stays open, of lines that keep their length."""

    def __init__(self, path):
        self.fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)

    def put(self, text):
        os.pwrite(self.fd, text.encode(), 0)


def cpu_stat(us):
    return f"usage_usec {us:015d}\nuser_usec {us:015d}\nsystem_usec 0\n"


def make_job():
    new = job + ".new"
    os.makedirs(new)
    for name, text in (("cpu.stat", cpu_stat(0)), ("memory.current", "50000000\n"), ("memory.max", "100000000\n"),
                       ("memory.stat", "anon 40000000\nfile 10000000\ninactive_file 5000000\n"),
                       ("cpuset.cpus.effective", "0\n"), ("cgroup.events", "populated 1\nfrozen 0\n"),
                       ("cgroup.procs", "700\n")):
        with open(f"{new}/{name}", "w") as f:
            f.write(text)
    os.rename(new, job)
    return Value(job + "/cpu.stat")


zones = [Value(f"{tree}/sys/class/powercap/intel-rapl:{i}/energy_uj") for i in range(2)]
starts = [int(open(f"{tree}/sys/class/powercap/intel-rapl:{i}/energy_uj").read()) for i in range(2)]
stat = Value(f"{tree}/proc/stat")
scope = Value(f"{tree}/cgroup/system.slice/slurmstepd.scope/cpu.stat")
joules = job_joules = busy = job_cpu = 0.0
job_file = None
start = last = time.monotonic()
while last - start < before + life + after:
    time.sleep(STEP_S)
    now = time.monotonic()
    running = job_file is not None
    if not running and before <= now - start < before + life:
        job_file = make_job()
    elif running and now - start >= before + life:
        shutil.rmtree(job)
        job_file, running = None, True  # it used its CPU until now
    span, last = now - last, now
    load = SYSTEM_CPU + (JOB_CPU if running else 0)
    joules += (IDLE_W + PER_CPU_W * load) * span
    busy += load * span
    if running:
        job_joules += (IDLE_W / CPUS + PER_CPU_W * JOB_CPU) * span
        job_cpu += JOB_CPU * span
    for zone, begin, share in zip(zones, starts, SHARES):
        zone.put(f"{(begin + int(joules * share * 1e6)) % (RANGE_UJ + 1):012d}\n")
    ticks = int(busy * 100)
    stat.put(f"cpu  {ticks:012d} 0 0 1000000 0 0 0 0 0 0\ncpu0 0 0 0 0\ncpu1 0 0 0 0\n")
    scope.put(cpu_stat(int(job_cpu * 1e6)))
    if job_file:
        job_file.put(cpu_stat(int(job_cpu * 1e6)))
print("flowed", sum(int(joules * share * 1e6) for share in SHARES))
print("job", int(job_joules * 1e6))
