#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Plays a node into a synthetic tree, in real time: RAPL zones that wrap, every meter of the whole node (HPE
Cray's counter, an ACPI power meter, a BMC for Redfish and for IPMI), a GPU, CPU time, and units of Slurm, libvirt
and Kubernetes that live for a while.

    play_node.py TREE SECONDS CURVE [MANAGER:ID:START:END:CPU[:gpu]]...

CURVE is a file of loads between 0 and 1, one a line for each 100 ms, played again and again; '-' is a steady 1.
A unit takes CPU of one of the node's four CPUs, times that load, and the whole GPU with the word gpu. It waits for
TREE/go before its clock starts. Lines 'METER FAULT' in TREE/faults are played while they stand there: METER is
cray, hwmon, bmc, gpu or rapl, FAULT gone, frozen, zero, negative, much (60 kW), huge (a gigawatt) or back (a counter
that begins anew).
SIGTERM ends it early.

It prints what flowed, in microjoules ('flowed cpu N', 'flowed node N'), and each unit's true share
('unit ID cpu N gpu N rest N') when all is written. What stands for a file of the kernel is written in place, and
numbers keep their width, so that one system call changes it: a reader sees the old value or the new one. What stands
for a program's answer (the BMC's, the GPU's) is replaced."""
import json
import os
import shutil
import signal
import sys
import time

RANGE_UJ = 262143328850
CPUS = 4
CPU_IDLE_W, CPU_W = 40, 30  # of the processors; of each CPU that is busy
REST_IDLE_W, REST_W = 60, 6  # of the rest of the node: fans go with the load
GPU_IDLE_W, GPU_W = 20, 180
SYSTEM_CPU = 0.05
ZONES = (0.4, 0.6)
STEP_S, CURVE_S, CRAY_S, BMC_S, GPU_S = 0.01, 0.1, 0.1, 1.0, 0.1
GPU_UUID = "GPU-1"
# CPUs that a unit of each holds; a weight of 39 is what the kubelet writes for one.
HELD = {"slurm": 1, "libvirt": 1, "k8s": 998 / 1024}
ROOTS = {"slurm": "system.slice/slurmstepd.scope", "libvirt": "machine.slice", "k8s": "kubepods.slice"}


class Value:
    """A file that stays the same, as those of the kernel do. Only what is shorter than before takes two calls."""

    def __init__(self, path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        self.fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        self.size = 0

    def put(self, text):
        if text:
            os.pwrite(self.fd, text.encode(), 0)
        if len(text) < self.size:
            os.ftruncate(self.fd, len(text))
        self.size = len(text)


def replace(path, text):
    with open(path + ".new", "w", encoding="utf-8") as f:
        f.write(text)
    os.rename(path + ".new", path)


def cpu_stat(us):
    return f"usage_usec {us:015d}\nuser_usec {us:015d}\nsystem_usec 0\n"


class Unit:
    def __init__(self, spec, number):
        words = spec.split(":")
        self.manager, self.id = words[:2]
        self.start, self.end, self.cpu = map(float, words[2:5])
        self.gpu = "gpu" in words[5:]
        self.pid = 700 + number
        self.joules = {"cpu": 0.0, "gpu": 0.0, "rest": 0.0}
        self.used = 0.0
        self.file = None

    def directory(self, tree):
        name = {"slurm": f"job_{self.id}",
                "libvirt": f"machine-qemu\\x2d{self.pid}\\x2d{self.id}.scope".replace("instance-", "instance\\x2d"),
                "k8s": f"kubepods-pod{self.id.replace('-', '_')}.slice"}[self.manager]
        return f"{tree}/cgroup/{ROOTS[self.manager]}/{name}"

    def begin(self, tree):
        path, new = self.directory(tree), f"{tree}/new"
        os.makedirs(new)
        for name, text in (("cpu.stat", cpu_stat(0)), ("memory.current", "50000000\n"),
                           ("memory.max", "100000000\n"), ("memory.events", "oom 0\n"),
                           ("memory.stat", "anon 40000000\nfile 10000000\ninactive_file 5000000\n"),
                           ("cpuset.cpus.effective", "0\n"), ("cpu.weight", "39\n"),
                           ("cgroup.events", "populated 1\nfrozen 0\n"),
                           ("cgroup.procs", f"{self.pid}\n")):
            with open(f"{new}/{name}", "w", encoding="utf-8") as f:
                f.write(text)
        if self.manager == "libvirt":
            os.makedirs(new + "/libvirt/vcpu0")
        os.rename(new, path)
        self.file = Value(path + "/cpu.stat")

    def finish(self, tree):
        os.close(self.file.fd)
        shutil.rmtree(self.directory(tree))
        self.file = None

    def prepare(self, tree):
        os.makedirs(f"{tree}/proc/{self.pid}", exist_ok=True)
        with open(f"{tree}/proc/{self.pid}/environ", "w", encoding="utf-8") as f:
            f.write(f"SLURM_JOB_ID={self.id}\0" + ("SLURM_JOB_GPUS=0\0" if self.gpu else ""))
        if self.manager == "libvirt":
            os.makedirs(f"{tree}/xml", exist_ok=True)
            with open(f"{tree}/xml/{self.id}.xml", "w", encoding="utf-8") as f:
                f.write(f"<domstatus><domain type='kvm' id='{self.pid}'><name>{self.id}</name>"
                        f"<uuid>00000000-0000-4000-8000-{self.pid:012d}</uuid></domain></domstatus>")


class Meter:
    """A sensor whose faults are played."""

    def __init__(self, tree, name):
        self.tree, self.name, self.fault = tree, name, None
        self.offset_uj = 0

    def look(self, faults):
        fault = faults.get(self.name)
        if fault != self.fault and fault == "back":
            self.offset_uj = None  # of the next value on
        self.fault = fault

    def shown(self, uj, uw):
        """What it tells of (microjoules so far, microwatts); None: nothing."""
        if self.offset_uj is None:
            self.offset_uj = uj - 5000000
        uj -= self.offset_uj
        return {"gone": None, "frozen": None, "zero": (0, 0), "negative": (-5000000, -5000000),
                "much": (uj + 10**12, 60 * 10**9), "huge": (uj + 10**15, 10**15)}.get(self.fault, (uj, uw))


class Cray(Meter):
    def __init__(self, tree):
        super().__init__(tree, "cray")
        self.files = None

    def show(self, uj, uw, us):
        told = self.shown(uj, uw)
        if self.fault == "gone":
            for file in self.files or ():
                file.put("")
        if told is None:
            return
        if self.files is None:
            self.files = [Value(f"{self.tree}/sys/cray/pm_counters/{name}") for name in ("energy", "power")]
        for file, value, unit in zip(self.files, told, "JW"):
            file.put(f"{value // 1000000:015d} {unit} {us:015d} us\n")


class Hwmon(Meter):
    def __init__(self, tree):
        super().__init__(tree, "hwmon")
        chip = f"{tree}/sys/class/hwmon/hwmon0"
        os.makedirs(chip, exist_ok=True)
        replace(f"{chip}/name", "power_meter\n")
        replace(f"{chip}/power1_average_interval", "1000\n")
        self.file = Value(f"{chip}/power1_average")
        self.file.put(f"{1:018d}\n")

    def show(self, uj, uw):
        told = self.shown(uj, uw)
        if self.fault == "gone":
            self.file.put("")
        if told is not None:
            self.file.put(f"{told[1]:018d}\n")


class Bmc(Meter):
    """Redfish's documents (for fake_redfish.py) and the text of ipmi-dcmi."""

    def __init__(self, tree):
        super().__init__(tree, "bmc")
        self.dir = f"{tree}/bmc/tree/redfish/v1"
        chassis = "/redfish/v1/Chassis"
        for name, body in (("", {"@odata.id": "/redfish/v1", "Chassis": {"@odata.id": chassis}}),
                           ("/Chassis", {"Members": [{"@odata.id": chassis + "/1"}]}),
                           ("/Chassis/1", {"@odata.id": chassis + "/1", "Id": "1",
                                           "Power": {"@odata.id": chassis + "/1/Power"}})):
            os.makedirs(os.path.dirname(self.dir + name), exist_ok=True)
            replace(f"{self.dir}{name}.json", json.dumps(body))
        os.makedirs(f"{self.dir}/Chassis/1", exist_ok=True)
        replace(f"{tree}/bmc/fault", "")

    def show(self, uj, uw):
        told = self.shown(uj, uw)
        replace(f"{self.tree}/bmc/fault", "Power 500\n" if self.fault == "gone" else "")
        if self.fault == "gone":
            replace(f"{self.tree}/bmc/dcmi", "")
        if told is None:
            return
        watts = told[1] / 1e6
        body = {"PowerControl": [{"MemberId": "0", "PowerConsumedWatts": watts,
                                  "PowerMetrics": {"IntervalInMin": 1, "AverageConsumedWatts": watts}}]}
        replace(f"{self.dir}/Chassis/1/Power.json", json.dumps(body))
        replace(f"{self.tree}/bmc/dcmi",
                f"Current Power                        : {watts:.0f} Watts\n"
                "Statistics reporting time period     : 1000 milliseconds\n"
                "Power Measurement                    : Active\n")


class Gpu(Meter):
    def __init__(self, tree):
        super().__init__(tree, "gpu")
        self.file = f"{tree}/gpu.csv"

    def show(self, uj, uw, use):
        told = self.shown(uj, uw)
        if self.fault == "gone":
            replace(self.file, "")
        if told is not None:
            replace(self.file, f"{GPU_UUID}, {told[1] / 1e6:.2f}, {use * 100:.0f}\n")


class Rapl(Meter):
    def __init__(self, tree):
        super().__init__(tree, "rapl")
        self.zones, self.starts = [], []
        for i, start in enumerate((RANGE_UJ - 100000000, 5)):  # the first one wraps soon
            path = f"{tree}/sys/class/powercap/intel-rapl:{i}"
            os.makedirs(path, exist_ok=True)
            replace(path + "/name", f"package-{i}\n")
            replace(path + "/max_energy_range_uj", f"{RANGE_UJ}\n")
            self.zones.append(Value(path + "/energy_uj"))
            self.starts.append(start)
        self.show(0)

    def parts(self, joules):
        return [int(joules * part * 1e6) for part in ZONES]

    def show(self, joules):
        for zone, start, uj in zip(self.zones, self.starts, self.parts(joules)):
            if self.fault is None:
                zone.put(f"{(start + uj) % (RANGE_UJ + 1):012d}\n")


class Every:
    """Energy since the last time, once a period."""

    def __init__(self, period):
        self.period, self.next, self.last, self.joules = period, 0.0, 0.0, 0.0

    def power_uw(self, now, joules):
        if now < self.next:
            return None
        self.next = (now // self.period + 1) * self.period
        uw = int((joules - self.joules) / (now - self.last) * 1e6) if now > self.last else 0
        self.last, self.joules = now, joules
        return uw


class Node:
    def __init__(self, tree, curve, units):
        self.tree, self.curve, self.units = tree, curve, units
        self.cray, self.hwmon, self.bmc, self.gpu = Cray(tree), Hwmon(tree), Bmc(tree), Gpu(tree)
        self.rapl = Rapl(tree)
        self.cpu_j = self.node_j = self.gpu_j = self.busy = 0.0
        self.managers = dict.fromkeys(ROOTS, 0.0)
        self.stat = Value(f"{tree}/proc/stat")
        self.roots = {m: Value(f"{tree}/cgroup/{path}/cpu.stat") for m, path in ROOTS.items()}
        self.every = {n: Every(s) for n, s in (("cray", CRAY_S), ("hwmon", BMC_S), ("bmc", BMC_S), ("gpu", GPU_S))}
        for name, text in (("meminfo", "MemTotal: 8000 kB\nMemAvailable: 4000 kB\nSwapTotal: 0 kB\n"),
                           ("cpuinfo", "")):
            replace(f"{tree}/proc/{name}", text)
        device = f"{tree}/sys/bus/pci/devices/0000:20:00.0"
        os.makedirs(device, exist_ok=True)
        replace(device + "/class", "0x030200\n")
        replace(device + "/vendor", "0x10de\n")
        for unit in units:
            unit.prepare(tree)
        self.look_for_faults()
        self.show(0)

    def begin_and_end(self, now):
        for unit in self.units:
            if unit.file is None and unit.start <= now < unit.end:
                unit.begin(self.tree)

    def flow(self, now, span):
        load = self.curve[int(now / CURVE_S) % len(self.curve)]
        busy, gpu_use = SYSTEM_CPU, 0
        for unit in self.units:
            if unit.file is None:
                continue
            cpu = unit.cpu * load
            busy += cpu
            gpu_use = max(gpu_use, load if unit.gpu else 0)
            unit.used += cpu * span
            self.managers[unit.manager] += cpu * span
            unit.joules["cpu"] += (CPU_IDLE_W * HELD[unit.manager] / CPUS + CPU_W * cpu) * span
            unit.joules["rest"] += (REST_IDLE_W * HELD[unit.manager] / CPUS + REST_W * cpu) * span
            unit.joules["gpu"] += (GPU_IDLE_W + GPU_W * load) * span if unit.gpu else 0
        cpu_w, gpu_w = CPU_IDLE_W + CPU_W * busy, GPU_IDLE_W + GPU_W * gpu_use
        self.cpu_j += cpu_w * span
        self.gpu_j += gpu_w * span
        self.node_j += (cpu_w + gpu_w + REST_IDLE_W + REST_W * busy) * span
        self.busy += busy * span
        return gpu_use

    def end_units(self, now):
        for unit in self.units:
            if unit.file is not None and now >= unit.end:
                unit.finish(self.tree)

    def show(self, now, gpu_use=0):
        us, uj = int(time.monotonic() * 1e6), int(self.node_j * 1e6)
        self.rapl.show(self.cpu_j)
        ticks = int(self.busy * 100)
        self.stat.put(f"cpu  {ticks:012d} 0 0 1000000 0 0 0 0 0 0\n" +
                      "".join(f"cpu{i} 0 0 0 0\n" for i in range(CPUS)))
        for unit in self.units:
            if unit.file is not None:
                unit.file.put(cpu_stat(int(unit.used * 1e6)))
        for manager, file in self.roots.items():
            file.put(cpu_stat(int(self.managers[manager] * 1e6)))
        power = {n: e.power_uw(now, self.gpu_j if n == "gpu" else self.node_j) for n, e in self.every.items()}
        if power["cray"] is not None:
            self.cray.show(uj, power["cray"], us)
        if power["hwmon"] is not None:
            self.hwmon.show(uj, power["hwmon"])
        if power["bmc"] is not None:
            self.bmc.show(uj, power["bmc"])
        if power["gpu"] is not None:
            self.gpu.show(int(self.gpu_j * 1e6), power["gpu"], gpu_use)

    def look_for_faults(self):
        try:
            with open(f"{self.tree}/faults", encoding="utf-8") as f:
                faults = dict(line.split() for line in f if line.strip())
        except FileNotFoundError:
            faults = {}
        for meter in (self.cray, self.hwmon, self.bmc, self.gpu, self.rapl):
            meter.look(faults)


def read_curve(name):
    if name == "-":
        return [1.0]
    with open(name, encoding="utf-8") as f:
        return [float(line) for line in f if line.strip() and not line.startswith("#")]


def main():
    tree, seconds = sys.argv[1], float(sys.argv[2])
    units = [Unit(spec, i) for i, spec in enumerate(sys.argv[4:])]
    for name in ("proc", "cgroup", "sys"):
        os.makedirs(f"{tree}/{name}", exist_ok=True)
    node = Node(tree, read_curve(sys.argv[3]), units)
    stopped = []
    signal.signal(signal.SIGTERM, lambda *args: stopped.append(True))
    replace(f"{tree}/ready", "")
    while not os.path.exists(f"{tree}/go") and not stopped:
        time.sleep(STEP_S)
    start = last = time.monotonic()
    while last - start < seconds and not stopped:
        time.sleep(STEP_S)
        now = time.monotonic()
        node.look_for_faults()
        gpu_use = node.flow(last - start, now - last)
        last = now
        node.show(now - start, gpu_use)
        node.end_units(now - start)
        node.begin_and_end(now - start)
    print("flowed cpu", sum(node.rapl.parts(node.cpu_j)))
    print("flowed node", int(node.node_j * 1e6))
    for unit in units:
        print("unit", unit.id, *(f"{d} {int(j * 1e6)}" for d, j in unit.joules.items()), flush=True)


main()
