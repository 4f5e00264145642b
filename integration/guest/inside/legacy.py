"""In a guest with cgroup v1 alone: no v2 hierarchy anywhere."""

import pathlib
import unittest

from cli.test_user_namespace import UserNamespaces  # a suite of its own elsewhere; run here, too
from guest.inside import kernel
from lib.bundle import Bundle
from lib.case import RuntimeCase
from lib.runtime import new_id

TOP = pathlib.Path("/sys/fs/cgroup")


class CgroupV1Test(RuntimeCase):
    def test_limits_exec_pause_and_removal(self):
        self.assertNotIn("cgroup2", pathlib.Path("/proc/self/mounts").read_text(encoding="ascii"))
        with Bundle(["sleep", "1000"]) as bundle:
            bundle.linux["resources"].update({
                "memory": {"limit": 64 << 20}, "pids": {"limit": 33}, "cpu": {"quota": 50000, "period": 100000, "shares": 512}})
            name = new_id()
            self.assert_ok(self.runtime.create(bundle.write(), name))
            self.runtime.ok("start", name)
            path = bundle.linux["cgroupsPath"].lstrip("/")
            for file, want in (("memory/{}/memory.limit_in_bytes", str(64 << 20)), ("pids/{}/pids.max", "33"),
                               ("cpu/{}/cpu.cfs_quota_us", "50000"), ("cpu/{}/cpu.shares", "512")):
                self.assertEqual((TOP / file.format(path)).read_text().strip(), want, file)
            shown = self.runtime.ok("exec", name, "cat", "/sys/fs/cgroup/pids/pids.max", "/proc/self/cgroup").stdout
            limit, *cgroups = shown.splitlines()
            self.assertEqual(limit, "33")
            self.assertEqual({line.split(":", 2)[2] for line in cgroups}, {f"/{path}"}, shown)
            script = "mknod /tmp/kmsg c 1 11 && cat </tmp/kmsg"
            self.assertIn("Operation not permitted", self.runtime.call("exec", name, "sh", "-c", script).stderr)
            self.runtime.ok("pause", name)
            self.assertEqual((TOP / f"freezer/{path}/freezer.state").read_text(), "FROZEN\n")
            self.runtime.ok("resume", name)
            self.runtime.ok("kill", name, "KILL")
            self.runtime.wait_status(name, "stopped")
            self.runtime.ok("delete", name)
            self.assertEqual([str(left) for left in TOP.glob(f"*/{path}")], [])


class KernelTest(unittest.TestCase):
    def test_the_sandbox_under_these_hierarchies(self):
        kernel.run(self, ["Cgroup*", "RootfsCgroup.*"], without=[
            # one delegates a cgroup of version 2, one wants a controller that is missing, one a hybrid host
            "CgroupTest.ADelegatedCgroupGivesItsProcessesAndNotItsLimits",
            "CgroupTest.ALimitWithoutItsControllerNamesBothAndLeavesNothing",
            "CgroupLimitsTest.HugepagesAndUnifiedKeysAreVersionTwosInHybrid"])
