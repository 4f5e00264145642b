"""A plain user without an engine: `spec --rootless`, then every verb; the state is his own."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile

from lib.bundle import make_rootfs
from lib.case import RuntimeCase
from lib.runtime import HOLDFAST

USER = 4242


class Rootless(RuntimeCase):
    def setUp(self):
        super().setUp()
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="holdfast-rootless-"))
        self.addCleanup(shutil.rmtree, self.home)
        # Where root builds, others may not look.
        self.binary = shutil.copy(HOLDFAST, self.home / "holdfast")
        self.bundle = self.home / "bundle"
        make_rootfs(self.bundle / "rootfs")
        self.run_dir = self.home / "run"
        self.run_dir.mkdir(0o700)
        for path in (self.home, self.bundle, self.run_dir):
            os.chown(path, USER, USER)
        self.ok("spec", "--rootless", "--bundle", self.bundle)
        self.addCleanup(self.call, "delete", "--force", "c1")

    def call(self, *args, out=subprocess.PIPE, **environment):
        command = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "env", "-i",
                   f"HOME={self.home}", f"XDG_RUNTIME_DIR={self.run_dir}", "PATH=/usr/bin:/bin",
                   *[f"{name}={value}" for name, value in environment.items()], self.binary]
        return subprocess.run([*map(str, (*command, *args))], stdin=subprocess.DEVNULL, stdout=out,
                              stderr=subprocess.PIPE if out == subprocess.PIPE else out, text=True,
                              timeout=60, check=False)

    def ok(self, *args, **options):
        result = self.call(*args, **options)
        self.assertEqual(result.returncode, 0, f"{args}: {result.stdout}{result.stderr}")
        return result.stdout

    def program(self, *args, change=None):
        path = self.bundle / "config.json"
        config = json.loads(path.read_text())
        config["process"].update(terminal=False, args=args)
        if change:
            change(config)
        path.write_text(json.dumps(config))

    def states(self):
        return [n for n in os.listdir(self.run_dir / "holdfast") if not n.startswith(".")]

    def test_a_container_runs_as_root_of_its_own_user_namespace(self):
        self.program("sh", "-c", "id -u; cat /proc/self/uid_map; exit 5")
        result = self.call("run", "--bundle", self.bundle, "c1")
        self.assertEqual(result.returncode, 5, result.stderr)
        self.assertEqual(result.stdout.split(), ["0", "0", str(USER), "1"])
        self.assertEqual(self.states(), [])

    def test_every_verb_finds_the_state_below_the_runtime_directory(self):
        self.program("sleep", "1000")
        self.ok("create", "--bundle", self.bundle, "c1", out=subprocess.DEVNULL)
        self.assertEqual(self.states(), ["c1"])
        self.assertEqual((self.run_dir / "holdfast").stat().st_uid, USER)
        self.ok("start", "c1")
        state = json.loads(self.ok("state", "c1"))
        self.assertEqual(state["status"], "running")
        status = pathlib.Path(f"/proc/{state['pid']}/status").read_text()
        self.assertIn(f"Uid:\t{USER}\t{USER}\t{USER}\t{USER}\n", status)
        self.assertEqual(self.ok("exec", "c1", "id", "-u"), "0\n")
        self.assertEqual(self.ok("list", "-q"), "c1\n")
        self.ok("kill", "c1", "KILL")
        self.ok("delete", "--force", "c1")
        self.assertEqual(self.states(), [])

    def test_what_it_may_not_do_is_one_error(self):
        def limit(config):
            config["linux"]["resources"] = {"memory": {"limit": 64 << 20}}

        def no_user_namespace(config):
            config["linux"]["namespaces"] = [
                n for n in config["linux"]["namespaces"] if n["type"] != "user"]
            config["linux"].pop("uidMappings"), config["linux"].pop("gidMappings")

        for change in (limit, no_user_namespace):
            with self.subTest(change=change.__name__):
                self.ok("spec", "--rootless", "--bundle", self.fresh())
                self.program("true", change=change)
                result = self.call("run", "--bundle", self.bundle, "c1")
                self.assertEqual(result.returncode, 1, result.stderr)
                self.assertEqual(result.stderr.count("level=error"), 1, result.stderr)
                self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
                if (self.run_dir / "holdfast").exists():
                    self.assertEqual(self.states(), [])

    def fresh(self):
        (self.bundle / "config.json").unlink()
        return self.bundle

    def test_without_a_runtime_directory_it_says_where_it_wanted_to_write(self):
        self.program("true")
        result = self.call("run", "--bundle", self.bundle, "c1", XDG_RUNTIME_DIR="")
        self.assertEqual(result.returncode, 1)
        self.assertIn("/run/holdfast", result.stderr)
