"""ping without CAP_NET_RAW, whatever its file demands."""

import json
import os
import pathlib
import shutil
import struct

from lib.bundle import Bundle
from lib.case import RuntimeCase
from lib.node import Node
from lib.runtime import HOLDFAST, Runtime, new_id

NET_RAW = 1 << 13
# vfs_cap_data, revision 2, with the effective bit (linux/capability.h).
CAP_NET_RAW_EP = struct.pack("<5I", 0x02000001, NET_RAW, 0, 0, 0)
# Sends an echo request by an ICMP socket, then tries a raw one.
PROGRAM = pathlib.Path(HOLDFAST).parent / "escape_actions"
PING = "/usr/bin/ping ping raw-socket"
PINGED = "ping\tdone\nraw-socket\tdenied EPERM\n"
RANGE = "cat /proc/sys/net/ipv4/ping_group_range"


class Ping(RuntimeCase):
    def bundle(self, script, user=0, attribute=CAP_NET_RAW_EP):
        """A root with /usr/bin/ping, as Debian's package installs it."""
        bundle = Bundle(["sh", "-c", script], user=user)
        self.addCleanup(bundle.remove)
        ping = bundle.rootfs / "usr/bin/ping"
        shutil.copy(PROGRAM, ping)
        if attribute:
            os.setxattr(ping, "security.capability", attribute)
        return bundle

    def node(self, policy):
        node = Node(policy)
        self.enterContext(node)
        self.runtime = Runtime(root=self.runtime.root, prefix=node.prefix)

    def test_it_works_for_root_and_users_under_both_profiles(self):
        for profile in ("baseline", "restricted"):
            self.node({"profile": profile})
            for user in (0, 1000):
                with self.subTest(profile=profile, user=user):
                    result = self.assert_ok(self.runtime.run_container(self.bundle(PING, user)))
                    self.assertEqual(result.stdout, PINGED)

    def test_exec_pings_too(self):
        bundle, container = self.bundle("sleep 600"), new_id()
        self.assert_ok(self.runtime.create(bundle, container))
        self.runtime.ok("start", container)
        for user in ("0", "1000"):
            result = self.runtime.ok("exec", "--user", user, container, *PING.split())
            self.assertEqual(result.stdout, PINGED)

    def test_the_kernel_says_no_where_nothing_is_done_about_it(self):
        """Who drops NET_RAW himself gets what every runtime gives him."""
        bundle = self.bundle(PING)
        kept = [name for name in bundle.process["capabilities"]["bounding"] if name != "CAP_NET_RAW"]
        result = self.runtime.run_container(bundle.capabilities(*kept))
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("not permitted", result.stderr)

    def test_a_plain_ping_gets_echo_sockets_and_no_mount(self):
        bundle = self.bundle(f"{RANGE}; {PING}; grep -c ' /usr/bin/ping ' /proc/self/mountinfo", attribute=None)
        groups, rest = self.runtime.run_container(bundle).stdout.split("\n", 1)
        self.assertEqual(groups.split(), ["0", "2147483647"])
        self.assertEqual(rest, PINGED + "0\n")

    def test_without_a_ping_the_kernel_parameter_stays(self):
        with Bundle(["sh", "-c", RANGE]) as bundle:
            os.unlink(bundle.rootfs / "bin/ping")
            self.assertEqual(self.assert_ok(self.runtime.run_container(bundle)).stdout.split(), ["1", "0"])

    def test_the_engines_groups_stay(self):
        bundle = self.bundle(RANGE)
        bundle.linux["sysctl"] = {"net.ipv4.ping_group_range": "0 5"}
        result = self.assert_ok(self.runtime.run_container(bundle.write()))
        self.assertEqual(result.stdout.split(), ["0", "5"])

    def test_an_exception_gives_the_capability_and_leaves_the_file(self):
        self.node({"exceptions": [
            {"name": "raw", "match": {}, "allow": ["capabilities:NET_RAW"], "reason": "a test"}]})
        bundle = self.bundle(f"{PING}; grep -c ' /usr/bin/ping ' /proc/self/mountinfo; mv /usr/bin/ping /tmp && echo moved")
        result = self.assert_ok(self.runtime.run_container(bundle))
        self.assertEqual(result.stdout, "ping\tdenied EACCES\nraw-socket\tdone\n0\nmoved\n")

    def test_the_file_cannot_be_moved_or_changed_while_the_root_is_read_only(self):
        """What the documentation says of the price; and that a read-only root stays one."""
        bundle = self.bundle("mv /usr/bin/ping /tmp/ping; rm -f /usr/bin/ping; echo x >>/usr/bin/ping && echo written")
        result = self.runtime.run_container(bundle)
        self.assertEqual(result.stderr.count("busy"), 2, result.stderr)
        self.assertEqual(result.stdout, "written\n")
        bundle = self.bundle("echo x >>/usr/bin/ping && echo written")
        bundle.config["root"]["readonly"] = True
        result = self.runtime.run_container(bundle.write())
        self.assertIn("Read-only file system", result.stderr)

    def test_a_link_or_a_pipe_of_that_name_is_harmless(self):
        for make in (lambda path: os.symlink("/../../../../../../etc/shadow", path), os.mkfifo, os.mkdir):
            bundle = self.bundle("echo started")
            path = bundle.rootfs / "usr/bin/ping"
            os.unlink(path)
            make(path)
            self.assertEqual(self.assert_ok(self.runtime.run_container(bundle)).stdout, "started\n")

    def test_the_plan_tells_of_it(self):
        bundle, container = self.bundle("sleep 600"), new_id()
        self.assert_ok(self.runtime.create(bundle, container))
        plan = json.loads((pathlib.Path(self.runtime.root) / container / "plan.json").read_text())
        self.assertEqual(plan["nosuidPaths"], ["/usr/bin/ping"])
        told = [each for each in plan["decisions"] if each["control"] == "fileCapabilities"]
        self.assertEqual([each["asked"] for each in told], ["/usr/bin/ping: +NET_RAW"])
