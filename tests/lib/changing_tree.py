#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What an exporter shows that has run for long is what one shows that has just begun.

changing_tree.py EXPORTER FIXTURE TREE SEED STEPS FLAG...

Lays the fixture out at TREE, starts an exporter and changes the control groups again and again:
files get other numbers in place or by a rename, go, or become garbage; directories go, come, get
another name or are made anew, mounts too. After each round a second exporter starts, whose answer
has to be the same. Prints the differences, and the changes that led to them."""
import os
import random
import re
import shutil
import subprocess
import sys
import time
import urllib.request

START_S = 60
DIGITS = re.compile(rb"\d+")


class Exporter:
    """Runs until stop()."""

    def __init__(self, program, tree, flags):
        command = [program, "--web.listen-address=127.0.0.1:0", "--web.disable-exporter-metrics",
                   "--collector.disable-defaults", "--no-security.drop-privileges",
                   "--path.procfs=" + tree + "/proc", "--path.sysfs=" + tree + "/sys",
                   "--path.cgroupfs=" + tree + "/cgroup"] + flags
        self.log = open(tree + ".log", "w+", encoding="utf-8", errors="replace")
        self.process = subprocess.Popen(command, stderr=self.log, env=dict(os.environ, NODE_NAME="n1"))
        self.address = self.wait_for_address(tree + ".log")

    def wait_for_address(self, path):
        end = time.monotonic() + START_S
        while time.monotonic() < end and self.process.poll() is None:
            with open(path, encoding="utf-8", errors="replace") as log:
                found = re.search(r'msg="Listening on" address=(\S+)\n', log.read())
            if found:
                return found[1]
            time.sleep(0.01)
        sys.exit("the exporter does not start")

    def units(self):
        """The samples of units, sorted."""
        with urllib.request.urlopen("http://" + self.address + "/metrics", timeout=START_S) as reply:
            return [line for line in reply.read().split(b"\n") if line.startswith(b"ceems_compute_")]

    def stop(self):
        self.process.terminate()
        status = self.process.wait(START_S)
        self.log.close()
        if status:
            sys.exit("the exporter ended with %d" % status)


class Groups:
    """The control groups below a folder, and what may happen to them."""

    def __init__(self, top, chance):
        self.top = top
        self.chance = chance

    def files(self):
        return sorted(os.path.join(folder, name) for folder, _, names in os.walk(self.top) for name in names)

    def folders(self):
        return sorted(os.path.join(folder, name) for folder, names, _ in os.walk(self.top) for name in names)

    def other_numbers(self, text, share):
        return DIGITS.sub(lambda n: b"%d" % self.chance.randrange(1000) if self.chance.random() < share else n[0], text)

    def put(self, path, text):
        place = path if self.chance.random() < 0.5 else path + b".new"
        with open(place, "wb") as out:
            out.write(text)
        if place != path:
            os.replace(place, path)
        return path

    def count(self):
        path = self.chance.choice([f for f in self.files() if not f.endswith(b"cgroup.procs")])
        with open(path, "rb") as source:
            text = source.read()
        return self.put(path, self.other_numbers(text, 0.5))

    def garble(self):
        return self.put(self.chance.choice(self.files()), self.chance.choice([b"", b"x y z\n"]))

    def lose_file(self):
        path = self.chance.choice(self.files())
        os.unlink(path)
        return path

    def lose_folder(self):
        path = self.chance.choice(self.folders())
        shutil.rmtree(path)
        return path

    def another_name(self, path):
        """None if it is taken."""
        name = os.path.join(os.path.dirname(path), self.other_numbers(os.path.basename(path), 1))
        return None if os.path.exists(name) else name

    def copy(self):
        path = self.chance.choice(self.folders())
        name = self.another_name(path)
        if name:
            shutil.copytree(path, name)
        return path + b" " + (name or b"")

    def rename(self):
        path = self.chance.choice(self.folders())
        name = self.another_name(path)
        if name:
            os.rename(path, name)
        return path + b" " + (name or b"")

    def make_anew(self):
        path = self.chance.choice(self.folders() + [self.top])
        shutil.copytree(path, self.top + b".copy")
        shutil.rmtree(path)
        os.rename(self.top + b".copy", path)
        return path

    def change(self):
        """Returns what was done."""
        likely = [self.count] * 4
        does = self.chance.choice(likely + [self.garble, self.lose_file, self.lose_folder, self.copy, self.rename,
                                            self.make_anew])
        try:
            return does.__name__ + " " + os.fsdecode(does())
        except IndexError:  # nothing is left
            return does.__name__


def main():
    program, fixture, tree, seed, steps = sys.argv[1:6]
    here = os.path.dirname(os.path.abspath(__file__))
    subprocess.run([sys.executable, os.path.join(here, "unpack_tree.py"), fixture, tree], check=True)
    chance = random.Random(int(seed))
    groups = Groups(os.fsencode(tree) + b"/cgroup", chance)
    old = Exporter(program, tree, sys.argv[6:])
    old.units()
    for step in range(int(steps)):
        changes = [groups.change() for _ in range(chance.randint(1, 6))]
        shown = old.units()
        fresh = Exporter(program, tree, sys.argv[6:])
        expected = fresh.units()
        fresh.stop()
        if shown != expected:
            print("seed", seed, "step", step, *changes, sep="\n  ")
            for line in sorted(set(shown) ^ set(expected)):
                print("shown   " if line in shown else "expected", os.fsdecode(line))
            sys.exit(1)
    old.stop()


main()
