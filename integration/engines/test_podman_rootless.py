"""podman of a user without privileges over the runtime under test."""

import unittest

from engines import contract, policy
from engines.podman_rootless import UID, RootlessPodman

PODMAN = None


def setUpModule():
    global PODMAN
    PODMAN = RootlessPodman()
    unittest.addModuleCleanup(PODMAN.close)


class RootlessPodmanTest(contract.Contract, unittest.TestCase):
    @property
    def engine(self):
        return PODMAN

    def test_root_inside_is_the_user_outside(self):
        name = self.start()
        status = self.engine.place.read(f"/proc/{self.engine.pid(name)}/status")
        uids = next(line for line in status.splitlines() if line.startswith("Uid:")).split()[1:]
        self.assertEqual(uids, [str(UID)] * 4)
        self.assertEqual(self.engine.check("exec", name, "id", "-u"), "0")

    def test_other_users_inside_are_subordinate_outside(self):
        name = self.start("-u", "1000")
        status = self.engine.place.read(f"/proc/{self.engine.pid(name)}/status")
        uids = next(line for line in status.splitlines() if line.startswith("Uid:")).split()[1:]
        self.assertEqual(uids, [str(500000 + 999)] * 4)

    def test_keeping_the_user_s_id(self):
        self.assertEqual(self.sh("id -u", "--userns", "keep-id"), str(UID))

    def test_the_network(self):
        self.assertIn("tap0", self.sh("ls /sys/class/net", "--network", "slirp4netns").split())
        self.assertEqual(self.sh("ls /sys/class/net", "--network", "none"), "lo")

    def test_the_cgroups_of_the_host_are_not_writable(self):
        shown = self.sh("for d in $(awk '$3 ~ /^cgroup/ { print $2 }' /proc/mounts); do mkdir $d/x 2>/dev/null && echo $d; done; true")
        self.assertEqual(shown, "")


class RootlessPodmanPolicyTest(policy.Policy, contract.Containers, unittest.TestCase):
    refused = 126  # podman's for whatever a runtime says

    @property
    def engine(self):
        return PODMAN
