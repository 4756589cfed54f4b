#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Sums of ceems_api_server after violence: api_losses.py SERVER DIR SEED STEPS

Collects the same made-up history of jobs twice, one window a step: undisturbed, and while the
server, both stand-ins for Prometheus and sacct are killed at random (SIGKILL). The two databases
must then hold the same. DIR is a folder that anybody may enter; it is left as it is.
"""
import collections
import os
import random
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request

SERVER, DIR, SEED, STEPS = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
HERE = os.path.dirname(os.path.abspath(__file__))
WINDOW_S = 60
TIMEOUT_S = 600
# The jobs end well before now, so that what is stored of them doesn't depend on when a run ends.
END = int(time.time()) // WINDOW_S * WINDOW_S - 20 * WINDOW_S
BEGIN = END - STEPS * WINDOW_S
USERS = ["mira", "otto", "zoe"]
CONFIG = """
ceems_api_server:
  data:
    path: {dir}/data
    update_interval: 100ms
    max_update_interval: {window}s
    catch_up_pause: 0s
    late_metrics: 0s
    settle_delay: 1s
    retention_period: 10y
    time_zone: UTC
    update_from: "{begin}"
clusters:
  - {{id: hpc, manager: slurm, updaters: [hosts, gpus], cli: {{path: {bin}}}}}
updaters:
  - id: hosts
    updater: tsdb
    web: {{url: "http://127.0.0.1:{ports[0]}"}}
    extra_config:
      queries:
        avg_cpu_usage: {{global: 'cpu_usage{{uuid=~"{{{{.UUIDs}}}}"}}'}}
        total_cpu_energy_usage_kwh: {{total: 'energy{{uuid=~"{{{{.UUIDs}}}}"}}'}}
  - id: gpus
    updater: tsdb
    web: {{url: "http://127.0.0.1:{ports[1]}"}}
    extra_config:
      queries:
        avg_gpu_usage: {{global: 'gpu_usage{{uuid=~"{{{{.UUIDs}}}}"}}'}}
"""
# Lists the jobs that the window touches: START END LINE, sorted by start.
SACCT = """#!/bin/sh
[ "$1" = --version ] && exit 0
echo $$ >>{dir}/sacct-pids
while [ $# -gt 0 ]; do
	case $1 in --starttime) a=$2 ;; --endtime) b=$2 ;; esac
	shift
done
exec awk -F'#' -v a="$a" -v b="$b" '$1 < b && $2 >= a {{ print $3 }}' {jobs}
"""
SACCTMGR = "#!/bin/sh\nprintf '%s\\n' 'astro|mira' 'astro|otto' 'bio|zoe'\n"


def ldt(t):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(t))


def make_jobs(path):
    chance = random.Random(SEED)
    with open(path, "w", encoding="utf-8") as f:
        for n in range(max(STEPS // 2, 10)):
            start = chance.randrange(BEGIN - 600, END - 700)
            end = start + chance.choice([5, 61, 130, 650, 3600]) + chance.randrange(60)
            end = min(end, END - 1)
            user = USERS[n % 3]
            cpus, gpus = chance.choice([1, 4, 16]), chance.choice([0, 0, 2])
            line = "|".join([
                str(1000 + n), "batch", "normal", "bio" if user == "zoe" else "astro", "staff",
                "50", user, "120", ldt(start) + "+0000", ldt(start) + "+0000", ldt(end) + "+0000",
                "00:01:00", "60", "0:0", "COMPLETED",
                f"billing={cpus},cpu={cpus},gres/gpu={gpus},mem=2G,node=1", "n1", "sim", "/home"])
            f.write(f"{ldt(start)}#{ldt(end)}#{line}\n")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Run:
    """A server with its surroundings in a folder of its own."""

    def __init__(self, name, jobs):
        self.dir = os.path.join(DIR, name)
        self.bin = os.path.join(self.dir, "bin")
        os.makedirs(self.bin)
        self.ports = [free_port(), free_port()]
        self.port = free_port()
        self.peers = [None, None]
        self.server = None
        self.killed = collections.Counter()
        for program, text in ("sacct", SACCT.format(dir=self.dir, jobs=jobs)), \
                ("sacctmgr", SACCTMGR):
            with open(os.path.join(self.bin, program), "w", encoding="utf-8") as f:
                f.write(text)
            os.chmod(os.path.join(self.bin, program), 0o755)
        for path in "sacct-pids", "log":
            with open(os.path.join(self.dir, path), "w", encoding="utf-8"):
                pass
            os.chmod(os.path.join(self.dir, path), 0o666)
        for i in range(2):
            os.mkdir(self.peer_dir(i))
            with open(os.path.join(self.peer_dir(i), "values"), "w", encoding="utf-8") as f:
                f.write('{"cpu_usage": "made up", "gpu_usage": "made up", "energy": "made up"}')
            with open(os.path.join(self.peer_dir(i), "intervals"), "w", encoding="utf-8") as f:
                f.write("1s 1s")
        self.config = os.path.join(self.dir, "config.yml")
        with open(self.config, "w", encoding="utf-8") as f:
            f.write(CONFIG.format(dir=self.dir, window=WINDOW_S, begin=ldt(BEGIN), bin=self.bin,
                                  ports=self.ports))
        os.chmod(self.config, 0o644)

    def peer_dir(self, i):
        return os.path.join(self.dir, f"prom{i}")

    def start_peer(self, i):
        self.peers[i] = subprocess.Popen(
            ["/usr/bin/python3", os.path.join(HERE, "fake_prometheus.py"), self.peer_dir(i),
             str(self.ports[i])], stderr=subprocess.DEVNULL)

    def wait_for_peers(self):
        for port in self.ports:
            self.wait(lambda p=port: urllib.request.urlopen(
                f"http://127.0.0.1:{p}/api/v1/status/config", timeout=5).status == 200)

    def start_server(self):
        with open(os.path.join(self.dir, "log"), "a", encoding="utf-8") as log:
            self.server = subprocess.Popen(
                [SERVER, f"--config.file={self.config}",
                 f"--web.listen-address=127.0.0.1:{self.port}"], stderr=log)

    def wait(self, condition):
        end = time.monotonic() + TIMEOUT_S
        while True:
            try:
                if condition():
                    return
            except OSError:
                pass
            if time.monotonic() > end:
                raise SystemExit(f"{self.dir}: timed out, collected until {self.reached()}")
            if self.server and self.server.poll() is not None:
                raise SystemExit(f"{self.dir}: the server ended with {self.server.returncode}")
            time.sleep(0.05)

    def log(self):
        with open(os.path.join(self.dir, "log"), encoding="utf-8", errors="replace") as f:
            return f.read()

    def reached(self):
        ends = re.findall(r'msg="units stored".* window_end=(\d+)', self.log())
        return max(map(int, ends), default=0)

    def is_complete(self):
        if self.reached() <= END:
            return False
        uri = f"file:{self.dir}/data/ceems.db?mode=ro"
        with sqlite3.connect(uri, uri=True, timeout=5) as db:
            try:
                return db.execute("SELECT count(*) FROM ceems_windows WHERE start_ms < ?",
                                  (END * 1000,)).fetchone()[0] == 0
            except sqlite3.OperationalError:
                return False

    def kill_sacct(self):
        """The next one to start, while it runs."""
        path = os.path.join(self.dir, "sacct-pids")
        size, end = os.stat(path).st_size, time.monotonic() + 1
        while os.stat(path).st_size == size and time.monotonic() < end:
            pass
        with open(path, encoding="utf-8") as f:
            pid = (f.read().split() or ["0"])[-1]
        try:
            with open(f"/proc/{pid}/cmdline", encoding="utf-8") as f:
                mine = DIR in f.read()
            if mine:
                os.kill(int(pid), signal.SIGKILL)
                self.killed["sacct"] += 1
        except OSError:
            pass  # it was faster

    def kill_something(self, chance):
        what = chance.choice(["server", "server", "peer0", "peer1", "sacct", "sacct", "sacct"])
        if what == "server":
            self.server.kill()
            self.server.wait()
            self.killed[what] += 1
            self.start_server()
        elif what == "sacct":
            self.kill_sacct()
        else:
            i = int(what[-1])
            if self.peers[i].poll() is None:
                self.peers[i].kill()
                self.peers[i].wait()
                self.killed[what] += 1
            else:
                self.start_peer(i)

    def stop(self):
        self.server.terminate()
        status = self.server.wait(30)
        for peer in self.peers:
            peer.kill()
            peer.wait()
        if status:
            raise SystemExit(f"{self.dir}: the server ended with {status}")

    def collect(self, chance):
        try:
            for i in range(2):
                self.start_peer(i)
            self.wait_for_peers()
            self.start_server()
            while chance and self.reached() < END - 10 * WINDOW_S:
                time.sleep(chance.uniform(0, 0.6))
                self.kill_something(chance)
            for i in range(2):
                if self.peers[i].poll() is not None:
                    self.start_peer(i)
            self.wait(self.is_complete)
            self.stop()
        finally:
            for p in self.peers + [self.server]:
                if p and p.poll() is None:
                    p.kill()
                    p.wait()


# Columns whose text doesn't depend on how windows were come by.
SAME = """
SELECT 'units', uuid, username, project, state, started_at, ended_at, num_updates,
	last_updated_at, total_time_seconds, total_cpu_energy_usage_kwh FROM units ORDER BY uuid;
SELECT 'usage', username, project, num_units, num_updates, total_time_seconds,
	total_cpu_energy_usage_kwh FROM usage ORDER BY username;
SELECT 'daily_usage', username, project, last_updated_at, num_units, num_updates,
	total_time_seconds, total_cpu_energy_usage_kwh FROM daily_usage
	ORDER BY username, last_updated_at;
SELECT 'days', a.username, start_s, num_new, num_earlier, total_cpu_energy_usage_kwh,
	d.total_time_seconds FROM ceems_usage_days d JOIN ceems_accounts a ON a.id = d.account
	ORDER BY 1, 2, 3;
"""
# Averages are rounded with every window, so that their order may show in the last digits.
CLOSE = """
SELECT uuid, json_extract(avg_cpu_usage, '$.global') FROM units ORDER BY uuid;
SELECT uuid, json_extract(avg_gpu_usage, '$.global') FROM units ORDER BY uuid;
SELECT username, json_extract(avg_cpu_usage, '$.global') FROM usage ORDER BY username;
SELECT username, json_extract(avg_gpu_usage, '$.global') FROM usage ORDER BY username;
SELECT username || last_updated_at, json_extract(avg_cpu_usage, '$.global') FROM daily_usage
	ORDER BY username, last_updated_at;
SELECT username || last_updated_at, json_extract(avg_gpu_usage, '$.global') FROM daily_usage
	ORDER BY username, last_updated_at;
"""


def rows(run, sql):
    with sqlite3.connect(f"file:{run.dir}/data/ceems.db?mode=ro", uri=True) as db:
        return [row for q in sql.split(";") if q.strip() for row in db.execute(q).fetchall()]


def compare(calm, stormy):
    wrong = 0
    expected, found = rows(calm, SAME), rows(stormy, SAME)
    if len(expected) < STEPS // 2:
        raise SystemExit(f"only {len(expected)} rows were stored")
    for a, b in zip(expected, found):
        if a != b:
            wrong += 1
            print("expected", a, "found", b, sep="\n  ")
    for a, b in zip(rows(calm, CLOSE), rows(stormy, CLOSE)):
        if a[0] != b[0] or abs((a[1] or 0) - (b[1] or 0)) > 1e-5:
            wrong += 1
            print("expected", a, "found", b, sep="\n  ")
    return wrong or len(expected) != len(found)


def main():
    jobs = os.path.join(DIR, "jobs")
    make_jobs(jobs)
    os.chmod(jobs, 0o644)
    calm, stormy = Run("calm", jobs), Run("stormy", jobs)
    begin = time.monotonic()
    calm.collect(None)
    middle = time.monotonic()
    stormy.collect(random.Random(SEED))
    print(f"seed {SEED}: {STEPS} steps, calm {middle - begin:.0f} s, stormy "
          f"{time.monotonic() - middle:.0f} s, killed {dict(stormy.killed)}, late windows "
          f"{stormy.log().count('metrics added to stored units')}")
    wrong = compare(calm, stormy)
    for run in calm, stormy:
        shutil.rmtree(os.path.join(run.dir, "data"))
    sys.exit(bool(wrong))


main()
