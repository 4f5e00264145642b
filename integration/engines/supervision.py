"""Exec control under an engine: what is dropped into its containers has no effect, and nothing stays behind.

    class DockerSupervision(Supervision, contract.Containers, unittest.TestCase): ...
"""

from engines.instance import is_holdfast, wait_for
from engines.user_namespace import set_policy

DROP = "cp /bin/busybox /tmp/x && /tmp/x touch /effect; ls /effect; true"


class Supervision:
    """Beside contract.Containers in a TestCase."""

    def setUp(self):
        super().setUp()
        if not is_holdfast():
            self.skipTest("the policy is holdfast's: this runtime does as it is asked")
        self.addCleanup(self.engine.place.run, "rm", "-rf", "/etc/holdfast")
        set_policy(self.engine.place, "watched", extends="baseline",
                   exec={"programs": ["image"], "drift": "deny"})

    def supervisors(self):
        # As long as the kernel keeps names.
        found = self.engine.place.run("/bin/sh", "-c", "grep -lx holdfast-superv /proc/[0-9]*/comm; true")
        return set(found.out.split())

    def test_what_is_dropped_has_no_effect(self):
        result = self.engine("run", "--rm", self.engine.image, "sh", "-c", DROP)
        self.assertIn("Operation not permitted", result.err)
        self.assertNotIn("\n/effect", "\n" + result.out)

    def test_nor_by_exec(self):
        name = self.start()
        result = self.engine("exec", name, "sh", "-c", DROP)
        self.assertIn("Operation not permitted", result.err)
        self.assertNotIn("\n/effect", "\n" + result.out)
        self.assertEqual(self.engine.check("exec", name, "echo", "good"), "good")

    def test_a_container_that_stops_leaves_no_supervisor(self):
        before = self.supervisors()
        name = self.start()
        self.assertEqual(len(self.supervisors() - before), 2)
        self.engine.check("stop", "-t", "1", name)
        wait_for(lambda: self.supervisors() <= before, 10, "the end of the supervisor")
