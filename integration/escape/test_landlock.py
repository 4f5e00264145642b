"""What a container of `restricted` cannot do for a second reason: its Landlock domain. Through create and exec."""

import ctypes
import json
import os
import time
import unittest

from escape.attack_case import AttackCase
from lib.node import Node
from lib.runtime import Runtime, new_id

SYS_LANDLOCK_CREATE_RULESET = 444
VERSION_FLAG = 1


def landlock_abi():
    libc = ctypes.CDLL(None, use_errno=True)
    return max(libc.syscall(SYS_LANDLOCK_CREATE_RULESET, None, 0, VERSION_FLAG), 0)


# Each prints a line if it is let through.
ATTEMPTS = """
cp /bin/busybox /dev/busybox && /dev/busybox true 2>/dev/null && echo executed from /dev
mkdir /later && cp /bin/busybox /later/ && /later/busybox true 2>/dev/null && echo executed from /later
mknod /tmp/whiteout c 0 0 2>/dev/null && echo made a whiteout
mount -t tmpfs none /tmp 2>/dev/null && echo mounted
rm -rf /dev/busybox /later /tmp/whiteout
"""
NEW_PRIVILEGES = {"name": "test", "match": {}, "allow": ["noNewPrivileges"], "reason": "a test"}
THROUGH = ["executed from /dev", "executed from /later", "made a whiteout"]


@unittest.skipIf(landlock_abi() < 2, "this kernel has no Landlock, or one before 5.19")
class Landlock(AttackCase):
    def on_node(self, policy):
        node = Node(policy)
        self.enterContext(node)
        self.runtime = Runtime(root=self.runtime.root, prefix=node.prefix)

    def attempts(self, **options):
        return self.bundle("sh", "-c", ATTEMPTS, **options)

    def started(self, bundle):
        container = new_id()
        self.assert_ok(self.runtime.create(bundle, container))
        self.runtime.ok("start", container)
        return container

    def test_baseline_lets_through_what_this_is_about(self):
        result = self.assert_ok(self.runtime.run_container(self.attempts()))
        self.assertEqual(result.stdout.splitlines(), THROUGH)

    def test_restricted_denies_it(self):
        self.on_node({"profile": "restricted"})
        result = self.assert_ok(self.runtime.run_container(self.attempts()))
        self.assertEqual(result.stdout, "")

    def test_without_no_new_privs_too(self):
        self.on_node({"profile": "restricted", "exceptions": [NEW_PRIVILEGES]})
        result = self.assert_ok(self.runtime.run_container(self.attempts()))
        self.assertEqual(result.stdout, "")

    def test_a_further_process_is_in_one_of_the_same_rules(self):
        for exceptions in ([], [NEW_PRIVILEGES]):
            with self.subTest(exceptions=exceptions):
                self.on_node({"profile": "restricted", "exceptions": exceptions})
                container = self.started(self.bundle("sleep", "600"))
                result = self.assert_ok(self.runtime.call("exec", container, "sh", "-c", ATTEMPTS))
                self.assertEqual(result.stdout, "")

    def test_what_the_container_made_is_no_place_for_a_further_process_either(self):
        self.on_node({"profile": "restricted"})
        bundle = self.bundle(
            "sh", "-c", "mkdir /later; cp /bin/busybox /later/; echo ready; sleep 600")
        container = self.started(bundle)
        while "ready" not in (bundle.path / "stdout").read_text():
            time.sleep(0.01)
        result = self.runtime.call("exec", container, "/later/busybox", "true")
        self.assertNotEqual(result.returncode, 0)

    def test_a_further_process_is_a_sibling(self):
        """Signals reach the container's processes; their memory and environment are out of reach."""
        self.on_node({"profile": "restricted"})
        container = self.started(self.bundle("sleep", "600"))
        result = self.runtime.call("exec", container, "sh", "-c",
                                   "kill -0 1 && echo signalled; cat /proc/1/environ; readlink /proc/1/cwd")
        self.assertEqual(result.stdout, "signalled\n")
        self.assertIn("ermission denied", result.stderr)

    def test_a_read_only_root_is_written_in_its_mounts_only(self):
        self.on_node({"profile": "restricted"})
        bundle = self.bundle("sh", "-c",
                             "echo x > /data/file && echo data; echo x > /dev/shm/file && echo shm;"
                             "echo x > /dev/null && echo null; echo x > /dev/stdout;"
                             "(echo x > /proc/self/comm) 2>/dev/null && echo comm; true")
        bundle.config["root"]["readonly"] = True
        bundle.mount("/data", "tmpfs", "nosuid", "nodev", kind="tmpfs")
        result = self.assert_ok(self.runtime.run_container(bundle))
        self.assertEqual(result.stdout.split(), ["data", "shm", "null", "x"])

    def test_nested_containers_go_without(self):
        self.on_node({"profile": "restricted",
                      "exceptions": [{"name": "nested", "match": {}, "allow": ["nestedContainers"], "reason": "a test"}]})
        result = self.assert_ok(self.runtime.run_container(self.attempts()))
        self.assertEqual(result.stdout.splitlines(), THROUGH)

    def test_the_plan_says_what_was_applied(self):
        self.on_node({"profile": "restricted"})
        container = self.started(self.bundle("sleep", "600"))
        with open(os.path.join(self.runtime.root, container, "plan.json"), encoding="utf-8") as file:
            plan = json.load(file)
        self.assertEqual(plan["landlock"]["abi"], landlock_abi())
        self.assertIn({"access": ["refer"], "paths": ["/"]}, plan["landlock"]["grants"])
        (decision,) = [each for each in plan["decisions"] if each["control"] == "landlock"]
        self.assertEqual(decision["outcome"], "tightened")
        self.assertRegex(decision["applied"], "execution from [0-9]+ places")
