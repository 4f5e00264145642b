"""Network control through the command line: what is decided, verified, told and left behind."""

import json
import os
import pathlib
import subprocess

from lib.bundle import Bundle
from lib.case import RuntimeCase
from lib.node import Node
from lib.runtime import HOLDFAST, Runtime, new_id

CTL = str(pathlib.Path(HOLDFAST).resolve().parent / "holdfastctl")
CONNECT = "nc -w 1 {} {} 2>&1 < /dev/null"
NET_RAW = 1 << 13


class NetworkControl(RuntimeCase):
    def node(self, section, base="baseline", **policy):
        node = Node({"profile": "web", **policy},
                    profiles={"web": {"extends": base, "network": section}})
        self.enterContext(node)
        node.run("mount", "-t", "tmpfs", "tmpfs", "/var/log")  # the machine's own log is none of ours
        self.runtime = Runtime(root=self.runtime.root, prefix=node.prefix)
        return node

    def output(self, command, **changes):
        with Bundle(["sh", "-c", command]) as bundle:
            bundle.linux.update(changes)
            return self.runtime.run_container(bundle.write())

    def started(self, bundle):
        container = new_id()
        self.assert_ok(self.runtime.create(bundle, container))
        self.runtime.ok("start", container)
        return container

    def ctl(self, *args):
        return subprocess.run([*self.runtime.prefix, CTL, *args, "--root", self.runtime.root],
                              capture_output=True, text=True, check=False)

    def test_it_holds_from_the_first_instruction(self):
        self.node({"egress": [], "require": True})
        result = self.assert_refused_inside(self.output(CONNECT.format("10.9.0.1", 80)))
        self.assertNotIn("unreachable", result.stdout)

    def assert_refused_inside(self, result):
        self.assertIn("not permitted", result.stdout, result.stderr)
        return result

    def test_its_own_loopback_stays_within_reach(self):
        self.node({"egress": []})
        result = self.output("nc -l -p 7777 > /tmp/x & sleep 0.2; "
                             "echo hello | nc -w 1 127.0.0.1 7777; sleep 0.1; cat /tmp/x")
        self.assertIn("hello", result.stdout, result.stderr)

    def test_explain_and_verify_tell_of_it(self):
        self.node({"egress": [{"to": "10.0.0.0/8", "ports": ["5432/tcp"]}], "require": True})
        with Bundle(["sleep", "1000"]) as bundle:
            container = self.started(bundle)
            explained = self.ctl("explain", container).stdout
            self.assertIn("10.0.0.0/8 5432/tcp", explained)
            self.assertIn("cgroup BPF", explained)
            verified = self.ctl("verify", container)
            self.assertEqual(verified.returncode, 0, verified.stdout)
            self.assertIn("network", verified.stdout)
            # A rule that is gone is told: the same programs with nothing to allow.
            state = json.loads((pathlib.Path(self.runtime.root) / container / "state.json").read_text())
            directory = state["cgroups"]["directories"][-1]["directory"]
            programs = json.loads(subprocess.run(
                ["bpftool", "-j", "cgroup", "show", directory], capture_output=True, text=True,
                check=True).stdout)
            one = next(each for each in programs if each["name"] == "hf_connect4")
            subprocess.run(["bpftool", "cgroup", "detach", directory, "connect4", "id",
                            str(one["id"])], check=True)
            verified = self.ctl("verify", container)
            self.assertEqual(verified.returncode, 2, verified.stdout)
            self.assertIn("not attached: hf_connect4", verified.stdout)

    def test_nothing_is_attached_where_nothing_is_asked(self):
        with Bundle(["sleep", "1000"]) as bundle:
            container = self.started(bundle)
            state = json.loads((pathlib.Path(self.runtime.root) / container / "state.json").read_text())
            directory = state["cgroups"]["directories"][-1]["directory"]
            shown = subprocess.run(["bpftool", "cgroup", "show", directory], capture_output=True,
                                   text=True, check=False).stdout
            self.assertNotIn("hf_", shown)

    def test_update_leaves_it_alone(self):
        self.node({"egress": []})
        with Bundle(["sleep", "1000"]) as bundle:
            container = self.started(bundle)
            self.runtime.ok("update", "--pids-limit", "50", container)
            result = self.runtime.call("exec", container, "sh", "-c", CONNECT.format("10.9.0.1", 80))
            self.assertIn("not permitted", result.stdout)

    def test_an_exec_gets_no_raw_sockets_either(self):
        self.node({"egress": []}, exceptions=[{
            "name": "ping", "match": {}, "allow": ["capabilities:NET_RAW"], "reason": "a test"}])
        with Bundle(["sleep", "1000"]) as bundle:
            bundle.capabilities("CAP_NET_RAW", "CAP_CHOWN")
            container = self.started(bundle)
            result = self.runtime.call("exec", "--cap", "CAP_NET_RAW", container, "grep", "CapBnd",
                                       "/proc/self/status")
            if result.returncode == 0:
                self.assertEqual(int(result.stdout.split()[1], 16) & NET_RAW, 0)
            else:
                self.assertIn("HF-C019", result.stderr)

    def test_alert_lets_go_on(self):
        self.node({"egress": [], "onViolation": "alert"})
        result = self.output(CONNECT.format("10.9.0.1", 80))
        self.assertNotIn("not permitted", result.stdout)

    def test_rootless_is_told_or_refused(self):
        # As a rootless engine would call it: a user namespace of the caller's.
        self.node({"egress": [], "require": True})
        self.runtime.prefix += ["unshare", "--user", "--map-root-user", "--mount", "--cgroup"]
        result = self.output("true")
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("network", result.stderr)
        self.assertIn("root of the host", result.stderr)

    def test_the_loader_that_is_missing_stops_the_container(self):
        """No helper, no programs, no container: never one without its rules."""
        node = self.node({"egress": [], "require": True})
        # Nothing that another container had loaded.
        for directory in ("/sys/fs/bpf", "/run/holdfast"):
            pathlib.Path(directory).mkdir(exist_ok=True)
            node.run("mount", "-t", "tmpfs", "tmpfs", directory)
        copy = pathlib.Path(self.runtime.root) / ".bin"
        copy.mkdir()
        for name in ("holdfast", "holdfast-supervisor"):
            original = pathlib.Path(HOLDFAST).resolve().parent / name
            if original.exists():
                (copy / name).write_bytes(original.read_bytes())
                os.chmod(copy / name, 0o755)
        self.runtime.binary = str(copy / "holdfast")
        result = self.output("true")
        self.assert_refused(result, "holdfast-network")
