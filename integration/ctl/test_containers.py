"""holdfastctl list, and how it finds containers in state roots that are not its own."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile

from lib.bundle import Bundle
from lib.case import RuntimeCase
from lib.runtime import HOLDFAST, new_id

HOLDFASTCTL = pathlib.Path(HOLDFAST).with_name("holdfastctl")
USER = 4242


def ctl(*words):
    return subprocess.run([HOLDFASTCTL, *map(str, words)], text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30, check=False)


class Containers(RuntimeCase):
    def start(self):
        with Bundle(["sleep", "100"]) as bundle:
            container = new_id()
            created = self.runtime.create(bundle, container)
            self.assertEqual(created.returncode, 0, created.stderr)
            self.runtime.ok("start", container)
        return container

    def root_of_a_user(self):
        root = tempfile.mkdtemp(prefix="holdfast-root-")
        self.addCleanup(shutil.rmtree, root)
        os.chmod(root, 0o700)
        os.mkdir(f"{root}/c1", 0o700)
        return root

    def give(self, root):
        for directory, names, files in os.walk(root):
            os.chown(directory, USER, USER)
            for name in names + files:
                os.lchown(f"{directory}/{name}", USER, USER)

    def test_list_tells_what_there_is(self):
        first, second = self.start(), self.start()
        self.runtime.ok("kill", second, "KILL")
        rows = json.loads(self.assert_ok(ctl("list", "--root", self.runtime.root, "--format", "json")).stdout)["containers"]
        self.assertEqual({row["id"] for row in rows}, {first, second})
        row = next(row for row in rows if row["id"] == first)
        self.assertEqual((row["status"], row["profile"], row["root"]), ("running", "baseline", str(self.runtime.root)))
        quiet = self.assert_ok(ctl("list", "-q", "--root", self.runtime.root)).stdout.split()
        self.assertEqual(set(quiet), {first, second})

    def test_a_root_that_does_not_exist_is_not_made(self):
        root = pathlib.Path(tempfile.gettempdir()) / f"holdfast-none-{os.getpid()}"
        self.assertIn("there is none", ctl("explain", "--root", root, "c1").stderr)
        self.assertFalse(root.exists())

    def test_another_runtime_s_container_is_told_so(self):
        root = self.root_of_a_user()
        pathlib.Path(root, "c1", "state.json").write_text('{"id": "c1", "init_process_pid": 1}', encoding="ascii")
        result = ctl("explain", "--root", root, "c1")
        self.assertEqual(result.returncode, 1)
        self.assertIn("was not made by holdfast", result.stderr)
        listed = self.assert_ok(ctl("list", "--root", root)).stdout
        self.assertIn("1 of other runtimes are not shown", listed)
        pathlib.Path(root, "c1", "state.json").write_text('{"version":1,"id":', encoding="ascii")
        self.assertIn("not read: state of c1", self.assert_ok(ctl("list", "--root", root)).stdout)

    def test_root_reads_a_user_s_containers_with_the_user_s_rights(self):
        root = self.root_of_a_user()
        secret = tempfile.NamedTemporaryFile("w", prefix="holdfast-secret-")
        self.addCleanup(secret.close)
        secret.write('{"version": 1, "id": "stolen"}')
        secret.flush()
        os.chmod(secret.name, 0o600)
        os.symlink(secret.name, f"{root}/c1/state.json")
        self.give(root)
        result = ctl("explain", "--root", root, "c1")
        self.assertEqual(result.returncode, 1)
        self.assertNotIn("stolen", result.stdout + result.stderr)

    def test_a_fifo_in_a_user_s_root_does_not_hang_root(self):
        root = self.root_of_a_user()
        os.mkfifo(f"{root}/c1/state.json")
        self.give(root)
        result = ctl("explain", "--root", root, "c1")  # TimeoutExpired if it hangs
        self.assertEqual(result.returncode, 1)
        self.assertIn("is no file", result.stderr)
