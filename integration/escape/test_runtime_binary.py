"""CVE-2019-5736: a container overwrites the runtime through /proc/PID/exe of whoever enters it."""

import hashlib
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
import unittest

from escape.attack_case import AttackCase
from lib.runtime import HOLDFAST, Runtime, new_id


def digest(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


class RuntimeBinary(AttackCase):
    """The runtime under attack is a copy: a success would destroy it."""

    def setUp(self):
        directory = tempfile.mkdtemp(prefix="holdfast-copy-")
        # Before the others: cleanups run backwards, and the last of them calls the runtime.
        self.addCleanup(shutil.rmtree, directory)
        super().setUp()
        self.binary = shutil.copy(HOLDFAST, directory)
        self.runtime = Runtime(binary=self.binary, root=self.runtime.root)
        self.digest = digest(self.binary)

    def assert_intact(self):
        self.assertEqual(digest(self.binary), self.digest, "the runtime's binary was changed")

    def test_exec_into_a_container_that_waits_for_the_runtime(self):
        bundle = self.attacker("overwrite-runtime", "60")
        # With CAP_SYS_PTRACE the attacker may look at every process in its pid namespace.
        bundle.capabilities("CAP_SYS_PTRACE", "CAP_DAC_OVERRIDE")
        container = new_id()
        output = open(bundle.path / "out", "w+")
        with output:
            init = subprocess.Popen(
                self.runtime.argv("run", "--bundle", bundle.path, container), stdout=output,
                stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
            end = time.monotonic() + 3
            while "ready" not in (bundle.path / "out").read_text() and time.monotonic() < end:
                time.sleep(0.01)
            entered = 0
            while init.poll() is None and entered < 20:
                entered += self.runtime.call("exec", container, "/attacks", "status",
                                             "Seccomp").returncode == 0
            (bundle.rootfs / "enough").touch()
            init.wait()
        report = (bundle.path / "out").read_text().splitlines()[-1].split()
        self.assertEqual(entered, 20)
        self.assertEqual(report[0], "held", report)
        self.assertEqual(report[5], "0", f"the attacker wrote to an executable: {report}")
        self.assert_intact()

    def test_entrypoint_that_is_the_runtime_itself(self):
        for program in ("/proc/self/exe", "/link", "/script"):
            with self.subTest(program=program):
                bundle = self.bundle(program, "--version")
                os.symlink("/proc/self/exe", bundle.rootfs / "link")
                (bundle.rootfs / "script").write_text("#!/proc/self/exe\n")
                (bundle.rootfs / "script").chmod(0o755)
                self.runtime.run_container(bundle)
                self.assert_intact()

    def test_what_enters_runs_from_a_mount_that_cannot_be_written(self):
        """init, parked after `create`, still runs the runtime's code: opening it for writing fails."""
        bundle = self.bundle("true")
        container = new_id()
        self.assert_ok(self.runtime.create(bundle, container))
        pid = self.runtime.state(container)["pid"]
        held = os.open(f"/proc/{pid}/exe", os.O_PATH)
        try:
            self.runtime.ok("start", container)
            self.runtime.wait_status(container, "stopped")
            with self.assertRaises(OSError) as refused:
                os.open(f"/proc/self/fd/{held}", os.O_WRONLY)
            # EROFS from the read-only mount, EPERM from a sealed copy; ETXTBSY would only be luck.
            self.assertIn(refused.exception.errno, (30, 1))
        finally:
            os.close(held)
        self.assert_intact()


if __name__ == "__main__":
    unittest.main()
