"""Killed runtimes, damaged state and many callers at once: delete --force always leaves nothing."""

import concurrent.futures
import json
import os
import pathlib
import random
import signal
import subprocess
import tempfile
import time

from cli.test_lifecycle import LifecycleCase
from lib.runtime import new_id

KILLS = int(os.environ.get("HOLDFAST_KILLS", "60"))


class Killed(LifecycleCase):
    def kill_during(self, make_args, longest):
        """SIGKILLs the runtime at a random moment, deletes, and repeats."""
        chance = random.Random(4711)
        for _ in range(KILLS):
            container = new_id()
            process = subprocess.Popen(self.runtime.argv(*make_args(container)),
                                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
            time.sleep(chance.uniform(0, longest))
            process.kill()
            process.wait()
            self.runtime.ok("delete", "--force", container)
            self.assertEqual([n for n in os.listdir(self.runtime.root)], [])
        # Processes, mounts and cgroups are looked at when the test ends.

    def test_create_killed_at_any_moment_is_deleted_whole(self):
        bundle = self.bundle()
        self.kill_during(lambda c: ["create", "-b", bundle.path, c], 0.04)

    def test_run_killed_at_any_moment_is_deleted_whole(self):
        bundle = self.bundle()
        self.kill_during(lambda c: ["run", "-b", bundle.path, c], 0.06)

    def test_create_killed_in_a_hook_is_deleted_whole(self):
        bundle = self.bundle()
        bundle.config["hooks"] = {"createRuntime": [
            {"path": "/bin/sleep", "args": ["sleep", "5"]}]}
        bundle.write()
        container = new_id()
        process = subprocess.Popen(self.runtime.argv("create", "-b", bundle.path, container),
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        self.wait_for(lambda: self.runtime.call("state", container).returncode == 0)
        process.kill()
        process.wait()
        self.runtime.ok("delete", "--force", container)
        self.assertEqual(os.listdir(self.runtime.root), [])

    def wait_for(self, condition, seconds=20):
        end = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), end, "did not happen")
            time.sleep(0.01)

    def test_delete_force_does_not_wait_for_a_hung_hook(self):
        bundle = self.bundle()
        bundle.config["hooks"] = {"createRuntime": [
            {"path": "/bin/sleep", "args": ["sleep", "60"]}]}
        bundle.write()
        container = new_id()
        process = subprocess.Popen(self.runtime.argv("create", "-b", bundle.path, container),
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        self.wait_for(lambda: self.runtime.call("state", container).returncode == 0)
        self.wait_for(lambda: self.runtime.state(container)["pid"] != 0)
        self.assertEqual(self.runtime.state(container)["status"], "creating")
        self.assert_refused(self.runtime.call("delete", container), "not stopped: creating")
        started = time.monotonic()
        self.runtime.call("kill", container, "KILL")
        self.runtime.ok("delete", "--force", container)
        self.assertLess(time.monotonic() - started, 20)
        process.wait(20)
        self.assertEqual(os.listdir(self.runtime.root), [])


class Damaged(LifecycleCase):
    def directory(self, container):
        return pathlib.Path(self.runtime.root) / container

    def test_state_that_is_no_json(self):
        _, container = self.running()
        pid = self.runtime.state(container)["pid"]
        (self.directory(container) / "state.json").write_text('{"version":1,')
        self.assert_refused(self.runtime.call("state", container), f"state of {container}")
        self.runtime.ok("delete", "--force", container)
        self.assertEqual(os.listdir(self.runtime.root), [])
        # It may wait for whoever adopted it; but it has ended.
        stat = pathlib.Path(f"/proc/{pid}/stat")
        self.assertTrue(not stat.exists() or ") Z " in stat.read_text())

    def test_state_that_is_missing(self):
        _, container = self.stopped()
        (self.directory(container) / "state.json").unlink()
        self.assert_refused(self.runtime.call("state", container), "does not exist")
        self.runtime.ok("delete", "--force", container)
        self.assertEqual(os.listdir(self.runtime.root), [])

    def test_an_empty_directory(self):
        os.mkdir(self.directory("half"), 0o700)
        self.assert_refused(self.runtime.call("kill", "half", "9"), "does not exist")
        self.assertEqual(self.runtime.ok("list", "-q").stdout, "")
        self.runtime.ok("delete", "--force", "half")
        self.assertEqual(os.listdir(self.runtime.root), [])

    def test_one_damaged_container_does_not_hide_the_others(self):
        _, good = self.created()
        _, bad = self.created()
        state = self.directory(bad) / "state.json"
        kept = state.read_text()
        state.write_text("[]")
        result = self.runtime.ok("list", "-q")
        self.assertEqual(result.stdout.split(), [good])
        self.assertIn(bad, result.stderr)
        state.write_text(kept)

    def test_a_pid_that_is_another_process_now_is_left_alone(self):
        _, container = self.stopped()
        # Start times are told in ticks of 10 ms: the other one must not begin in the same tick.
        time.sleep(0.05)
        other = subprocess.Popen(["sleep", "1000"])
        self.addCleanup(other.wait)
        self.addCleanup(other.kill)
        path = self.directory(container) / "state.json"
        text = path.read_text()
        state = json.loads(text)
        state["init"]["pid"] = other.pid
        path.write_text(json.dumps(state))
        self.assertEqual(self.runtime.state(container)["status"], "stopped")
        self.assert_refused(self.runtime.call("kill", container, "9"), "container not running")
        self.runtime.ok("delete", "--force", container)
        self.assertIsNone(other.poll())


class Races(LifecycleCase):
    def at_once(self, *calls):
        with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
            return [f.result() for f in [pool.submit(self.one_call, c) for c in calls]]

    def one_call(self, words):
        # To a file: a container that runs on would keep a pipe open.
        with tempfile.TemporaryFile("w+") as errors:
            result = self.runtime.call(*words, stdout=subprocess.DEVNULL, stderr=errors)
            errors.seek(0)
            result.stderr = errors.read()
            return result

    def test_of_many_creators_exactly_one_wins(self):
        bundle = self.bundle()
        for _ in range(5):
            container = new_id()
            results = self.at_once(*[("create", "-b", bundle.path, container)] * 6)
            self.assertEqual([r.returncode for r in results].count(0), 1,
                             [r.stderr for r in results])
            for result in results:
                if result.returncode != 0:
                    self.assertRegex(result.stderr, "already exists|cgroup")
            self.runtime.ok("delete", "--force", container)

    def test_many_deleters_leave_nothing_and_agree(self):
        for _ in range(5):
            _, container = self.running()
            results = self.at_once(*[("delete", "--force", container)] * 6)
            self.assertEqual({r.returncode for r in results}, {0}, [r.stderr for r in results])
            self.assertEqual(os.listdir(self.runtime.root), [])

    def test_exactly_one_start_succeeds(self):
        for _ in range(5):
            _, container = self.created()
            results = self.at_once(*[("start", container)] * 5)
            self.assertEqual([r.returncode for r in results].count(0), 1,
                             [r.stderr for r in results])
            self.assertEqual(self.runtime.state(container)["status"], "running")
            self.runtime.ok("delete", "--force", container)

    def test_everything_at_once_on_one_id_ends_clean(self):
        bundle, container = self.bundle(), new_id()
        chance = random.Random(42)
        verbs = [("create", "-b", bundle.path, container), ("start", container),
                 ("kill", container, "KILL"), ("delete", container),
                 ("delete", "--force", container), ("state", container), ("list",)]
        for _ in range(12):
            for result in self.at_once(*[chance.choice(verbs) for _ in range(8)]):
                self.assertIn(result.returncode, (0, 1, -signal.SIGKILL), result.stderr)
        self.runtime.ok("delete", "--force", container)
        self.assertEqual(os.listdir(self.runtime.root), [])
