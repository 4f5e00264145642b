"""holdfastctl: what it says of containers, bundles, system calls and the host."""

import json
import pathlib
import re
import subprocess
import time

from lib.bundle import Bundle
from lib.case import RuntimeCase
from lib.node import Node
from lib.runtime import HOLDFAST, Runtime, new_id

HOLDFASTCTL = pathlib.Path(HOLDFAST).with_name("holdfastctl")


def ctl(*words):
    return subprocess.run([HOLDFASTCTL, *map(str, words)], text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, check=False)


class Holdfastctl(RuntimeCase):
    def answer(self, *words):
        return json.loads(self.assert_ok(ctl(*words, "--format", "json")).stdout)

    def start(self, bundle):
        container = new_id()
        created = self.runtime.create(bundle, container)
        self.assertEqual(created.returncode, 0, created.stderr)
        self.runtime.ok("start", container)
        return container

    def test_what_is_explained_of_a_bundle_is_what_its_container_gets(self):
        with Bundle(["sleep", "100"]) as bundle:
            before = self.answer("explain", bundle.path)
            container = self.start(bundle)
            after = self.answer("explain", "--root", self.runtime.root, container)
        self.assertFalse(before["refused"])
        self.assertEqual(before["decisions"], after["decisions"])
        self.assertEqual(len(after["planDigest"]), 64)

    def test_a_tightened_control_is_told_with_its_rule(self):
        with Bundle() as bundle:
            decisions = self.answer("explain", bundle.path)["decisions"]
        tightened = [d for d in decisions if d["outcome"] == "tightened"]
        self.assertIn("seccomp", {d["control"] for d in tightened})
        for decision in tightened:
            self.assertRegex(decision["rule"], r"^HF-C\d{3}$")
            self.assertTrue(decision["why"], decision)

    def test_a_bundle_that_would_be_refused_is_explained_and_told_by_the_exit_status(self):
        with Bundle() as bundle:
            bundle.capabilities("CAP_SYS_ADMIN", "CAP_SYS_MODULE")
            result = ctl("explain", bundle.path, "--format", "json")
            refused = self.runtime.run_container(bundle)
        self.assertEqual(result.returncode, 2, result.stderr)
        answer = json.loads(result.stdout)
        self.assertTrue(answer["refused"])
        self.assertIn("refused", {d["outcome"] for d in answer["decisions"]})
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn(answer["note"], refused.stderr.replace('\\"', '"'))

    def test_the_beginning_of_an_id_is_enough_unless_it_begins_two(self):
        with Bundle(["sleep", "100"]) as bundle:
            container = self.start(bundle)
        root = ("--root", self.runtime.root)
        self.assertEqual(self.answer("explain", *root, container[:8])["id"], container)
        with Bundle(["sleep", "100"]) as bundle:
            other = self.start(bundle)
        result = ctl("explain", *root, "t-")
        self.assertEqual(result.returncode, 1)
        self.assertIn(container, result.stderr)
        self.assertIn(other, result.stderr)
        self.assertIn("no container's id begins with", ctl("explain", *root, "zz").stderr)

    def test_control_characters_of_a_bundle_do_not_reach_the_terminal(self):
        with Bundle() as bundle:
            bundle.linux["sysctl"] = {"net.ipv4.ip_forward\x1b[31m": "1"}
            bundle.write()
            result = ctl("explain", bundle.path)
        self.assertNotIn("\x1b", result.stdout + result.stderr)

    def test_why_names_the_filter_and_the_exception(self):
        with Bundle(["sleep", "100"]) as bundle:
            container = self.start(bundle)
        root = ("--root", self.runtime.root)
        mount, = self.answer("why", *root, container, "mount")["findings"]
        self.assertEqual(mount["answer"], "EPERM")
        self.assertIn("baseline", mount["filter"])
        self.assertIn("nestedContainers", mount["remedy"])
        ring, = self.answer("why", *root, container, "io_uring_setup")["findings"]
        self.assertIn("ioUring", ring["remedy"])
        read, = self.answer("why", *root, container, "read")["findings"]
        self.assertEqual(read["answer"], "allowed")

    def test_why_takes_arguments_into_account(self):
        with Bundle(["sleep", "100"]) as bundle:
            container = self.start(bundle)
        root = ("--root", self.runtime.root)
        plain, = self.answer("why", *root, container, "unshare", "0x200")["findings"]
        user, = self.answer("why", *root, container, "unshare", "0x10000000")["findings"]
        self.assertEqual((plain["answer"], user["answer"]), ("allowed", "EPERM"))
        named, = self.answer("why", *root, container, "unshare(CLONE_NEWUSER|CLONE_FS)")["findings"]
        self.assertEqual(named["answer"], "EPERM")

    def test_what_why_says_is_what_happens(self):
        with Bundle(["sleep", "100"]) as bundle:
            container = self.start(bundle)
            result = self.runtime.call("exec", container, "unshare", "-U", "true")
        finding, = self.answer("why", "--root", self.runtime.root, container, "unshare",
                               "0x10000000")["findings"]
        self.assertEqual(finding["answer"], "EPERM")
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("Operation not permitted", result.stderr)

    def test_why_decodes_what_the_kernel_logged_in_mode_warn(self):
        if subprocess.run(["/usr/bin/dmesg"], stdout=subprocess.DEVNULL, check=False).returncode:
            self.skipTest("the kernel's log cannot be read here")
        with Node({"mode": "warn"}) as node, Bundle(
                ["sh", "-c", "mount -t tmpfs x /tmp; sleep 100"]) as bundle:
            self.runtime = Runtime(root=self.runtime.root, prefix=node.prefix)
            container = self.start(bundle)
            end = time.monotonic() + 20
            mounts = []
            while not mounts and time.monotonic() < end:
                findings = self.answer("why", "--root", self.runtime.root, container)["findings"]
                mounts = [each for each in findings if each["call"] == "mount"]
            self.runtime.ok("delete", "--force", container)
        self.assertTrue(mounts, "the kernel logged no mount")
        mount = mounts[0]
        self.assertEqual(mount["answer"], "allowed and logged")
        self.assertIn("baseline", mount["filter"])
        self.assertIn("nestedContainers", mount["remedy"])
        self.assertIn("/bin/busybox", mount["program"])

    def test_doctor_tells_what_the_host_can(self):
        answer = self.answer("doctor")
        names = {check["name"] for check in answer["checks"]}
        self.assertLessEqual({"kernel", "policy", "cgroups", "AppArmor", "SELinux"}, names)

    def test_every_command_has_an_example_in_its_help(self):
        overview = self.assert_ok(ctl("help")).stdout
        commands = re.findall(r"(?m)^  ([a-z]+(?: [a-z]+)?)  ", overview.split("Commands:")[1])
        self.assertGreater(len(commands), 2)
        for verb in commands:
            help_text = self.assert_ok(ctl(*verb.split(), "--help")).stdout
            self.assertIn(f"holdfastctl {verb}", help_text)
            self.assertIn("Example:", help_text)

    def test_the_version_names_the_commit(self):
        for program in (HOLDFAST, HOLDFASTCTL):
            shown = subprocess.run([program, "--version"], text=True, stdout=subprocess.PIPE, check=True).stdout
            self.assertRegex(shown, r"(?m)^commit: ([0-9a-f]{12}(-dirty)?|unknown)$", program)
