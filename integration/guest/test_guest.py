"""The runtime under other kernels' security: a boot of the guest for each of four modules in inside/.

The modules are unittests that run inside; their own names are in the output.
"""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
GUEST = HERE / "guest"
PROGRAMS = ("holdfast", "holdfast-network", "holdfast-supervisor", "holdfast-systemd", "kernel_tests",
            "notify_send")
# Emulated, everything takes ten to twenty times as long.
TIMEOUT = 900


def setUpModule():
    # Only what is missing is made: minutes once for the image, nothing after that.
    subprocess.run([GUEST, "setup"], check=True, stdout=subprocess.DEVNULL, timeout=1800)


class GuestTest(unittest.TestCase):
    def boot(self, module, *options):
        """Runs inside/MODULE.py in a guest of its own, and fails with its whole output."""
        with tempfile.TemporaryDirectory(prefix="holdfast-guest-") as share:
            runtime = self.share(pathlib.Path(share))
            done = subprocess.run(
                [GUEST, "run", "--timeout", str(TIMEOUT), *options, "--share", f"{share}:/t", "--workdir", "/t/integration",
                 "--env", f"HOLDFAST={runtime}", "--", "/usr/bin/python3", "-m", "unittest", "-v", f"guest.inside.{module}"],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
        # Each boot is made for its tests: one that finds it cannot run here is as good as failed.
        if done.returncode != 0 or "skipped" in done.stdout:
            self.fail(done.stdout)
        print(done.stdout, end="")

    @staticmethod
    def share(directory):
        """Fills the directory that the guest sees as /t, and gives the runtime's path in there."""
        shutil.copytree(HERE.parent, directory / "integration", ignore=shutil.ignore_patterns("__pycache__"))
        asked = os.environ.get("HOLDFAST")
        binary = pathlib.Path(asked) if asked else REPOSITORY / "build/release/bin/holdfast"
        (directory / "bin").mkdir()
        for program in PROGRAMS:
            shutil.copy(binary.parent / program, directory / "bin")
        return f"/t/bin/{binary.name}"

    def test_cgroup_v2_and_apparmor(self):
        self.boot("unified", "--lsm", "apparmor,bpf")

    def test_cgroup_v1(self):
        self.boot("legacy", "--cgroup", "v1")

    def test_selinux(self):
        self.boot("selinux", "--lsm", "selinux,bpf")

    def test_systemd_docker_and_podman(self):
        self.boot("systemd", "--systemd", "--memory", "3072")
