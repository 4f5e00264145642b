"""In a guest with cgroup v1 alone: no v2 hierarchy anywhere."""

import pathlib
import subprocess
import unittest

from cli.test_user_namespace import UserNamespaces  # a suite of its own elsewhere; run here, too
from guest.inside import kernel
from lib.bundle import Bundle
from lib.case import RuntimeCase
from lib.node import Node
from lib.runtime import Runtime, new_id

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


class LimitsTest(RuntimeCase):
    """What of a profile's limits the development machines' hierarchies have no files for."""

    LIMITS = {"require": True, "swap": {"default": "16Mi", "max": "32Mi"}, "ioWeight": {"default": 100, "max": 200},
              "hugepages": {"2MB": {"default": "4Mi", "max": "8Mi"}}}

    def test_swap_weights_and_huge_pages(self):
        subprocess.run(["modprobe", "bfq"], check=True)  # the weights of version 1 are its own
        asked = {"memory": {"limit": 64 << 20, "swap": 192 << 20}, "blockIO": {"weight": 1000},
                 "hugepageLimits": [{"pageSize": "2MB", "limit": 512 << 20}]}
        node = self.enterContext(Node({"profile": "few"}, profiles={"few": {"extends": "baseline", "limits": self.LIMITS}}))
        self.runtime = Runtime(root=self.runtime.root, prefix=node.prefix)
        for resources, swap, weight, pages in (({"memory": {"limit": 64 << 20}}, 16, 100, 4), (asked, 32, 200, 8)):
            with self.subTest(resources=resources), Bundle(["sleep", "1000"]) as bundle:
                bundle.linux["resources"].update(resources)
                name = new_id()
                self.assert_ok(self.runtime.create(bundle.write(), name))
                path = bundle.linux["cgroupsPath"].lstrip("/")
                for file, want in (("memory/{}/memory.memsw.limit_in_bytes", (64 + swap) << 20),
                                   ("blkio/{}/blkio.bfq.weight", weight), ("hugetlb/{}/hugetlb.2MB.limit_in_bytes", pages << 20)):
                    self.assertEqual((TOP / file.format(path)).read_text().split()[-1], str(want), file)
                self.runtime.ok("delete", "--force", name)


class KernelTest(unittest.TestCase):
    def test_the_sandbox_under_these_hierarchies(self):
        kernel.run(self, ["Cgroup*", "RootfsCgroup.*"], without=[
            # two are about version 2, one wants a controller that is missing, one a hybrid host
            "CgroupTest.ADelegatedCgroupGivesItsProcessesAndNotItsLimits",
            "CgroupTest.ALimitWithoutItsControllerNamesBothAndLeavesNothing",
            "CgroupLimitsTest.HugepagesAndUnifiedKeysAreVersionTwosInHybrid", "CgroupLimitsTest.TheDeviceProgramIsReadBack"])
