"""What the network refuses is recorded and answered: the record, isolation and its end, a freeze."""

import subprocess

from lib.world import World
from supervise.supervised_case import SupervisedCase

CONNECT = "nc -w 1 {} {} 2>&1 < /dev/null"


class Network(SupervisedCase):
    def setUp(self):
        super().setUp()
        self.world = World()
        self.enterContext(self.world)

    def in_world(self):
        bundle = self.bundle()
        bundle.linux["namespaces"] = self.world.joined_by(bundle)
        return self.running(bundle=bundle.write())[1]

    def sh(self, container, command):
        return self.runtime.call("exec", container, "sh", "-c", command)

    def test_a_refused_connection_is_recorded_with_who_and_where(self):
        self.node(network={"egress": []})
        container = self.in_world()
        self.sh(container, CONNECT.format("169.254.169.254", 80))
        event = self.wait_event("network-egress")[0]
        self.assertEqual(event["dst_endpoint"]["ip"], "169.254.169.254")
        self.assertEqual(event["dst_endpoint"]["port"], 80)
        self.assertEqual(event["severity_id"], 4)
        self.assertEqual(self.world.seen(), set())

    def test_retries_are_one_event(self):
        self.node(network={"egress": []})
        container = self.in_world()
        self.sh(container, "for i in 1 2 3 4 5 6; do nc -w 1 10.8.0.1 4444 < /dev/null; done")
        self.wait_event("network-egress")
        self.assertEqual(len(self.events(rule="network-egress")), 1)

    def test_isolation_cuts_off_until_it_is_released(self):
        self.node(network={"egress": [{"to": "10.9.0.0/24"}], "onViolation": "isolate"})
        container = self.in_world()
        allowed = CONNECT.format("10.9.0.1", 5432)
        self.assertIn("secret", self.sh(container, allowed).stdout)
        self.sh(container, CONNECT.format("169.254.169.254", 80))
        self.wait_event("isolate")
        self.world.seen()
        self.assertNotIn("secret", self.sh(container, allowed).stdout)
        self.assertEqual(self.world.seen(), set())
        result = self.ctl_on("release", container)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("secret", self.sh(container, allowed).stdout)

    def test_the_allowed_are_recorded_once_where_asked(self):
        self.node(network={"egress": [{"to": "10.9.0.0/24"}], "record": "all"})
        container = self.in_world()
        for _ in range(3):
            self.sh(container, CONNECT.format("10.9.0.1", 5432))
        self.wait_event("network-egress")
        self.assertEqual(len(self.events(rule="network-egress")), 1)

    def test_a_grave_refusal_freezes_where_the_profile_says_so(self):
        self.node(network={"egress": []}, respond=[{"at": "high", "do": "freeze"}])
        container = self.in_world()
        # Not into pipes of ours: whoever is frozen keeps them open.
        self.runtime.call("exec", "--detach", container, "sh", "-c",
                          CONNECT.format("169.254.169.254", 80),
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.runtime.wait_status(container, "paused")
        self.assertEqual(self.ctl_on("release", container).returncode, 0)
        self.runtime.wait_status(container, "running")
