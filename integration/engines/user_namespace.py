"""User namespaces of holdfast's giving, under an engine that asks for none.

    class DockerUserNamespace(UserNamespace, unittest.TestCase): ...     # engine: its Instance and calls
"""

import json
import os

from engines.instance import holdfastctl, is_holdfast
from lib.bundle import make_rootfs

POLICY = '{"apiVersion": "holdfast/v1", "default": {"profile": "mapped"}}'
WHOLE = ["0", "0", "4294967295"]


class UserNamespace:
    """What the tests of the engines share; `engine` is theirs."""

    def setUp(self):
        super().setUp()
        if not is_holdfast():
            self.skipTest("the policy is holdfast's: this runtime does as it is asked")

    def wanted(self, requirement):
        """From now on, until the end of the test."""
        place = self.engine.place
        self.addCleanup(place.run, "rm", "-rf", "/etc/holdfast")
        place.check("mkdir", "-p", "/etc/holdfast/policy.d", "/etc/holdfast/profiles")
        place.write("/etc/holdfast/profiles/mapped.json", json.dumps(
            {"name": "mapped", "extends": "baseline", "userNamespace": requirement}))
        place.write("/etc/holdfast/policy.d/10-test.json", POLICY)
        place.check("chmod", "-R", "u=rwX,go=rX", "/etc/holdfast")

    def explained(self, ident):
        """What holdfastctl says of it."""
        shown = self.engine.place.check(holdfastctl(), "explain", ident, "--format", "json")
        return next(each for each in json.loads(shown)["decisions"] if each["control"] == "userNamespace")

    def directory_root(self):
        """A root on a plain directory, and one to bind, both root's."""
        root = make_rootfs(os.path.join(self.engine.place.scratch, f"root-{self.id()}"))
        os.makedirs(root / "data")
        volume = os.path.join(self.engine.place.scratch, f"volume-{self.id()}")
        os.makedirs(volume)
        return root, volume

    def assert_mapped(self, shown, volume):
        """`cat /proc/self/uid_map; id -u; touch /data/f` in a container of such a root."""
        inside, first, count, user = map(int, shown.split())
        self.assertEqual((inside, count, user), (0, 65536, 0))
        self.assertGreaterEqual(first, 65536)
        self.assertEqual(os.stat(os.path.join(volume, "f")).st_uid, 0)
