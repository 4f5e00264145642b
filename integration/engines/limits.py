"""Limits of a profile under an engine: what it sets none for gets the default, what it sets too high the most.

    class DockerLimits(Limits, contract.Containers, unittest.TestCase): ...     # engine: its Instance and calls
"""

import json

from engines.instance import holdfastctl, is_holdfast
from engines.user_namespace import set_policy

MEMORY = ("memory/memory.limit_in_bytes", "memory.max")
TASKS = ("pids/pids.max", "pids.max")
CPU = ("cpu/cpu.cfs_quota_us", "cpu.max")
MIB = 1 << 20


def set_small_policy(place):
    set_policy(place, "small", extends="baseline",
               limits={"memory": {"default": "64Mi", "max": "128Mi"}, "cpu": {"default": "500m", "max": 1},
                       "pids": {"default": 100, "max": 200}, "tmpfs": {"max": "8Mi"}})


class Limits:
    """Beside contract.Containers in a TestCase."""

    def setUp(self):
        super().setUp()
        if not is_holdfast():
            self.skipTest("the policy is holdfast's: this runtime does as it is asked")
        self.addCleanup(self.engine.place.run, "rm", "-rf", "/etc/holdfast")
        set_small_policy(self.engine.place)

    def quota(self, name):
        """In microseconds of each 100 ms."""
        return self.limit(name, *CPU).split()[0]

    def test_what_sets_none_gets_the_defaults(self):
        name = self.start()
        self.assertEqual(self.limit(name, *MEMORY), str(64 * MIB))
        self.assertEqual(self.quota(name), "50000")
        self.assertLessEqual(int(self.limit(name, *TASKS)), 200)

    def test_what_asks_for_less_gets_that(self):
        name = self.start("--memory", "32m", "--cpus", "0.25", "--pids-limit", "20")
        self.assertEqual((self.limit(name, *MEMORY), self.quota(name), self.limit(name, *TASKS)),
                         (str(32 * MIB), "25000", "20"))

    def test_what_asks_for_more_gets_the_most_and_is_told(self):
        name = self.start("--memory", "1g", "--cpus", "1.5", "--pids-limit", "5000")
        self.assertEqual((self.limit(name, *MEMORY), self.quota(name), self.limit(name, *TASKS)),
                         (str(128 * MIB), "100000", "200"))
        shown = self.engine.place.check(holdfastctl(), "explain", self.engine.inspect(name, "{{.Id}}"), "--format", "json")
        tightened = {each["control"] for each in json.loads(shown)["decisions"] if each["outcome"] == "tightened"}
        self.assertLessEqual({"memoryLimit", "cpuLimit", "pidsLimit"}, tightened)

    def test_an_update_does_not_pass_the_most(self):
        name = self.start("--memory", "32m", "--memory-swap", "32m")
        self.engine("update", "--memory", "1g", "--memory-swap", "1g", name)
        self.assertLessEqual(int(self.limit(name, *MEMORY)), 128 * MIB)
        self.engine.check("update", "--memory", "96m", "--memory-swap", "96m", name)
        self.assertEqual(self.limit(name, *MEMORY), str(96 * MIB))

    def test_a_tmpfs_is_no_larger(self):
        shown = self.sh("df -m /big | tail -n 1", "--tmpfs", "/big:size=64m")
        self.assertEqual(shown.split()[1], "8")
