"""Many containers, one after the other and side by side: nothing may grow.

HOLDFAST_SOAK_CYCLES (200) create/start/kill/delete cycles, HOLDFAST_SOAK_CONTAINERS (200) containers at once.
"""

import concurrent.futures
import os
import pathlib
import time

from lib.bundle import Bundle
from lib.case import RuntimeCase
from lib.runtime import new_id

CYCLES = int(os.environ.get("HOLDFAST_SOAK_CYCLES", "200"))
CONTAINERS = int(os.environ.get("HOLDFAST_SOAK_CONTAINERS", "200"))
# What the kernel gives back only after a while (RCU, lazily freed namespaces and cgroups) is waited for.
SETTLE_SECONDS = 60
# Kernel memory moves by itself; a leak of one page in each cycle of the long run would pass 40 MB.
MEMORY_SLACK_KB = 32 * 1024


def open_files():
    return int(pathlib.Path("/proc/sys/fs/file-nr").read_text().split()[0])


def processes():
    return sum(entry.isdigit() for entry in os.listdir("/proc"))


def mounts():
    return len(pathlib.Path("/proc/self/mountinfo").read_text().splitlines())


def keys():
    return sum(int(line.split()[1].split("/")[0])
               for line in pathlib.Path("/proc/key-users").read_text().splitlines())


def kernel_memory_kb():
    fields = dict(line.split(":") for line in pathlib.Path("/proc/meminfo").read_text().splitlines())
    return sum(int(fields[name].split()[0]) for name in ("SUnreclaim", "KernelStack", "Percpu"))


COUNTS = {"open files": (open_files, 256), "processes": (processes, 8), "mounts": (mounts, 0),
          "keys": (keys, 16), "kernel memory (kB)": (kernel_memory_kb, MEMORY_SLACK_KB)}


class Soak(RuntimeCase):
    def assert_settles(self, before):
        """Every count comes back to where it was, within its slack."""
        end = time.monotonic() + SETTLE_SECONDS
        while True:
            grown = {name: (before[name], now) for name, (count, slack) in COUNTS.items()
                     if (now := count()) > before[name] + slack}
            if not grown:
                return
            if time.monotonic() > end:
                self.fail(f"grew: {grown}")
            time.sleep(0.5)

    def cycle(self, bundle):
        container = new_id("soak")
        self.assert_ok(self.runtime.create(bundle, container))
        self.runtime.ok("start", container)
        self.runtime.ok("kill", container, "KILL")
        self.runtime.wait_status(container, "stopped")
        self.runtime.ok("delete", container)

    def test_cycles_leave_nothing(self):
        with Bundle(["sleep", "600"]) as bundle:
            for _ in range(20):  # caches warm
                self.cycle(bundle)
            before = {name: count() for name, (count, _) in COUNTS.items()}
            for _ in range(CYCLES):
                self.cycle(bundle)
            self.assert_settles(before)
            self.assertEqual([name for name in os.listdir(self.runtime.root) if name[0] != "."], [])

    def test_many_containers_at_once(self):
        before = {name: count() for name, (count, _) in COUNTS.items()}
        with Bundle(["sleep", "600"]) as bundle:
            bundle.linux["cgroupsPath"] = ""
            bundle.write()
            names = [new_id("many") for _ in range(CONTAINERS)]

            def start(container):
                self.assert_ok(self.runtime.call("run", "--detach", "--bundle", bundle.path, container,
                                                 stdout=None, stderr=None))

            def stop(container):
                self.runtime.ok("delete", "--force", container)

            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                list(pool.map(start, names))
                running = self.runtime.ok("list", "--quiet").stdout.split()
                self.assertEqual(sorted(running), sorted(names))
                for container in names:
                    self.assertEqual(self.runtime.state(container)["status"], "running")
                list(pool.map(stop, names))
        self.assert_settles(before)
