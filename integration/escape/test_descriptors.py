"""CVE-2024-21626 and its kin: descriptors of the host that reach a container."""

import os
import subprocess

from escape.attack_case import AttackCase
from lib.runtime import new_id


class Descriptors(AttackCase):
    def leaked(self):
        """Directory descriptors of the host as a careless caller leaves them open, inheritable."""
        fds = [os.open("/", os.O_RDONLY | os.O_DIRECTORY) for _ in range(8)]
        for fd in fds:
            os.set_inheritable(fd, True)
            self.addCleanup(os.close, fd)
        return fds

    def test_nothing_above_standard_error_is_inherited(self):
        bundle = self.attacker("descriptors")
        result = self.runtime.run_container(bundle, pass_fds=self.leaked())
        self.assert_ok(result)
        self.assertEqual(result.stdout, "")

    def test_only_preserved_descriptors_are_inherited_by_exec(self):
        bundle = self.attacker("status", "Pid")
        bundle.process["args"] = ["sleep", "60"]
        bundle.write()
        container = new_id()
        self.assert_ok(self.runtime.create(bundle, container))
        self.runtime.ok("start", container)
        result = self.runtime.call("exec", container, "/attacks", "descriptors",
                                   pass_fds=self.leaked())
        self.assert_ok(result)
        self.assertEqual(result.stdout, "")

    def test_a_working_directory_through_a_descriptor_is_refused(self):
        fds = self.leaked()
        for fd in range(3, max(fds) + 8):
            for cwd in (f"/proc/self/fd/{fd}", f"/proc/1/fd/{fd}", f"/link{fd}"):
                bundle = self.bundle("sh", "-c", "pwd; ls")
                os.symlink(f"/proc/self/fd/{fd}", bundle.rootfs / f"link{fd}")
                bundle.process["cwd"] = cwd
                bundle.write()
                result = self.runtime.run_container(bundle, pass_fds=fds)
                self.assert_refused(result, "working directory")
                self.assertEqual(result.stdout, "")
                bundle.remove()

    def test_exec_does_not_enter_a_descriptor_either(self):
        bundle = self.bundle("sleep", "60")
        container = new_id()
        self.assert_ok(self.runtime.create(bundle, container))
        self.runtime.ok("start", container)
        fds = self.leaked()
        for fd in range(3, max(fds) + 8):
            result = self.runtime.call("exec", "--cwd", f"/proc/self/fd/{fd}", container, "ls",
                                       pass_fds=fds)
            self.assertNotEqual(result.returncode, 0)
            self.assertEqual(result.stdout, "")

    def test_standard_streams_only_are_what_the_caller_gave(self):
        bundle = self.bundle("sh", "-c", "echo out; echo err >&2")
        result = self.runtime.run_container(bundle)
        self.assertEqual((result.stdout, result.stderr), ("out\n", "err\n"))
        self.assertIsInstance(result, subprocess.CompletedProcess)
