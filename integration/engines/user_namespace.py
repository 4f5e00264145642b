"""User namespaces of holdfast's giving, under an engine that asks for none.

    class DockerUserNamespace(UserNamespace, unittest.TestCase): ...     # engine: its Instance and calls
"""

import json
import os

from engines.instance import holdfastctl, is_holdfast
from lib.bundle import make_rootfs

WHOLE = ["0", "0", "4294967295"]
MAP = "cat /proc/self/uid_map"


def set_policy(place, profile, **fields):
    """The node's policy from now on: `profile`, made here of `fields` where there are any."""
    place.check("mkdir", "-p", "/etc/holdfast/policy.d", "/etc/holdfast/profiles")
    if fields:
        place.write(f"/etc/holdfast/profiles/{profile}.json", json.dumps({"name": profile, **fields}))
    place.write("/etc/holdfast/policy.d/10-test.json",
                json.dumps({"apiVersion": "holdfast/v1", "default": {"profile": profile}}))
    place.check("chmod", "-R", "u=rwX,go=rX", "/etc/holdfast")


class UserNamespace:
    """What the tests of the engines share; `engine` is theirs."""

    def setUp(self):
        super().setUp()
        if not is_holdfast():
            self.skipTest("the policy is holdfast's: this runtime does as it is asked")

    def wanted(self, requirement):
        """From now on, until the end of the test."""
        self.policy("mapped", extends="baseline", userNamespace=requirement)

    def policy(self, profile, **fields):
        self.addCleanup(self.engine.place.run, "rm", "-rf", "/etc/holdfast")
        set_policy(self.engine.place, profile, **fields)

    def explained(self, ident):
        """What holdfastctl says of it."""
        shown = self.engine.place.check(holdfastctl(), "explain", ident, "--format", "json")
        return next(each for each in json.loads(shown)["decisions"] if each["control"] == "userNamespace")

    def directory_root(self):
        """A root on a plain directory, and one to bind, both root's."""
        root = make_rootfs(os.path.join(self.engine.place.scratch, f"root-{self.id()}"))
        os.makedirs(root / "data")
        return root, self.volume()

    def volume(self):
        volume = os.path.join(self.engine.place.scratch, f"volume-{self.id()}")
        os.makedirs(volume)
        return volume

    def first_id(self, shown):
        """Of `cat /proc/self/uid_map` in a container with a range of its own."""
        inside, first, count = map(int, shown.split()[:3])
        self.assertEqual((inside, count), (0, 65536))
        self.assertGreaterEqual(first, 65536)
        return first

    def assert_mapped(self, shown, volume):
        """`cat /proc/self/uid_map; id -u; touch /data/f` in a container of such a root."""
        self.first_id(shown)
        self.assertEqual(shown.split()[3], "0")
        self.assertEqual(os.stat(os.path.join(volume, "f")).st_uid, 0)

    def claims(self):
        """The ids that are held in the engine's place."""
        return set(self.engine.place.run("/bin/ls", "/run/holdfast/.ids").out.split())
