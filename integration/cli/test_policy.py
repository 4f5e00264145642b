"""The node's policy, through every door of the command line."""

import json
import pathlib

from lib.bundle import Bundle
from lib.case import RuntimeCase
from lib.node import Node
from lib.runtime import Runtime, new_id

STATUS = "grep -E '^(Cap(Bnd|Prm|Eff)|NoNewPrivs|Seccomp):' /proc/self/status"
NET_BIND_SERVICE = 1 << 10
NET_RAW = 1 << 13
SYS_ADMIN = 1 << 21


class Policy(RuntimeCase):
    def node(self, policy, **options):
        node = Node(policy, **options)
        self.enterContext(node)
        self.runtime = Runtime(root=self.runtime.root, prefix=node.prefix)
        return node

    @staticmethod
    def status(text):
        """CapBnd and so on, as numbers."""
        return {line.split(":")[0]: int(line.split()[1], 16) for line in text.splitlines()}

    def seen(self, bundle):
        return self.status(self.assert_ok(self.runtime.run_container(bundle)).stdout)

    def test_without_a_file_baseline_applies(self):
        with Bundle(["sh", "-c", STATUS]) as bundle:
            seen = self.seen(bundle)
        self.assertEqual(seen["CapBnd"] & NET_RAW, 0)
        self.assertEqual((seen["NoNewPrivs"], seen["Seccomp"]), (0, 2))

    def test_restricted_takes_more(self):
        self.node({"profile": "restricted"})
        with Bundle(["sh", "-c", STATUS]) as bundle:
            seen = self.seen(bundle)
        self.assertEqual(seen["CapBnd"], NET_BIND_SERVICE)
        self.assertEqual((seen["NoNewPrivs"], seen["Seccomp"]), (1, 2))

    def test_off_is_a_plain_runtime(self):
        self.node({"mode": "off"})
        with Bundle(["sh", "-c", STATUS]) as bundle:
            seen = self.seen(bundle)
        self.assertEqual(seen["CapBnd"] & NET_RAW, NET_RAW)
        self.assertEqual(seen["Seccomp"], 0)

    def test_warn_applies_as_asked_and_logs(self):
        self.node({"profile": "restricted", "mode": "warn"})
        with Bundle(["sh", "-c", STATUS + "; unshare -U true && echo Unshared: 1"]) as bundle:
            bundle.capabilities("CAP_SYS_ADMIN", "CAP_NET_RAW")
            seen = self.seen(bundle)
        self.assertEqual(seen["CapBnd"], SYS_ADMIN | NET_RAW)
        self.assertEqual((seen["NoNewPrivs"], seen["Seccomp"], seen["Unshared"]), (0, 2, 1))

    def test_an_exception_opens_what_it_names_and_nothing_else(self):
        self.node({"exceptions": [{"name": "capabilities:NET_RAW", "reason": "a test"}]})
        with Bundle(["sh", "-c", STATUS]) as bundle:
            bundle.capabilities("CAP_NET_RAW", "CAP_CHOWN")
            self.assertEqual(self.seen(bundle)["CapBnd"], NET_RAW | 1)
            bundle.capabilities("CAP_SYS_ADMIN")
            self.assert_refused(self.runtime.run_container(bundle), "HF-C003")

    def test_every_violation_is_told_at_once_in_words_that_no_engine_misreads(self):
        self.node({"profile": "restricted"})
        with Bundle(["true"]) as bundle:
            bundle.capabilities("CAP_SYS_ADMIN", "CAP_SYS_MODULE")
            bundle.linux["namespaces"] = [
                each for each in bundle.linux["namespaces"] if each["type"] != "network"]
            result = self.runtime.run_container(bundle.write())
        self.assert_refused(result, "refused by policy")
        for word in ("SYS_ADMIN", "SYS_MODULE", "HF-C002", "HF-C003"):
            self.assertIn(word, result.stderr)
        for word in ("permission denied", "no such file", "executable file not found"):
            self.assertNotIn(word, result.stderr)
        self.assertEqual(result.stderr.count("\n"), 1)

    def test_exec_is_held_to_the_policy_of_its_day(self):
        """A container that an exception let have more than today's policy gives its execs today's."""
        container = new_id()
        with Bundle(["sleep", "600"]) as bundle:
            bundle.capabilities("CAP_NET_RAW", "CAP_CHOWN")
            with Node({"exceptions": [{"name": "capabilities:NET_RAW", "reason": "old"}]}) as old:
                then = Runtime(root=self.runtime.root, prefix=old.prefix)
                self.assert_ok(then.create(bundle, container))
                then.ok("start", container)
                seen = self.status(then.ok("exec", container, "sh", "-c", STATUS).stdout)
                self.assertEqual(seen["CapEff"], NET_RAW | 1)
            seen = self.status(self.runtime.ok("exec", container, "sh", "-c", STATUS).stdout)
            self.assertEqual(seen["CapEff"], 1)
            self.runtime.ok("delete", "--force", container)

    def test_a_bad_policy_starts_nothing_and_says_where(self):
        cases = {
            '{"profile": "lax"}': "profile",
            '{"profile": 7}': "profile",
            '{"mode": "Enforce"}': "mode",
            '{"extra": 1}': "extra",
            '{"exceptions": [{"name": "privileged"}]}': "exceptions[0].reason",
            '{"exceptions": [{"name": "all", "reason": "x"}]}': "exceptions[0].name",
            '{"profile": "restricted"': "line",
            '{"profile": "restricted", "profile": "baseline"}': "profile",
            "[]": "expected object",
            "": "policy.json",
        }
        with Bundle(["true"]) as bundle:
            for text, word in cases.items():
                with self.subTest(text=text), Node(text) as node:
                    runtime = Runtime(root=self.runtime.root, prefix=node.prefix)
                    result = runtime.run_container(bundle)
                    self.assert_refused(result, "/etc/holdfast/policy.json")
                    self.assertIn(word, result.stderr)
                    self.assertEqual(result.stderr.count("\n"), 1, result.stderr)

    def test_a_policy_that_others_can_write_is_refused(self):
        with Bundle(["true"]) as bundle:
            for options in ({"mode": "666"}, {"mode": "664"}, {"owner": "1000:0"}):
                with self.subTest(options=options), Node({}, **options) as node:
                    runtime = Runtime(root=self.runtime.root, prefix=node.prefix)
                    self.assert_refused(runtime.run_container(bundle), "policy.json")

    def test_hooks_and_update_go_through_the_plan(self):
        self.node({"profile": "restricted"})
        with Bundle(["sleep", "600"]) as bundle:
            (bundle.rootfs / "hook").write_text("#!/bin/sh\n")
            (bundle.rootfs / "hook").chmod(0o755)
            bundle.config["hooks"] = {"createRuntime": [{"path": str(bundle.rootfs / "hook")}]}
            self.assert_refused(self.runtime.run_container(bundle.write()), "refused by policy")
            del bundle.config["hooks"]
            container = new_id()
            self.assert_ok(self.runtime.create(bundle.write(), container))
            root = pathlib.Path("/sys/fs/cgroup")
            if (root / "pids").is_dir():
                root = root / "pids"
            limit = root / bundle.linux["cgroupsPath"].strip("/") / "pids.max"
            before = limit.read_text()
            self.runtime.ok("update", "--resources", "-", container,
                            stdin=json.dumps({"pids": {"limit": -1}}))
            self.assertEqual((before, limit.read_text()), ("4096\n", "4096\n"))
            self.runtime.ok("update", "--pids-limit", "100", container)
            self.assertEqual(limit.read_text(), "100\n")
