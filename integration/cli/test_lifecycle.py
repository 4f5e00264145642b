"""create, start, state, kill, delete, run, list, ps, pause, events: what engines call and parse."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

from lib.bundle import CGROUP_PARENT, Bundle
from lib.case import RuntimeCase
from lib.runtime import Runtime, new_id

RUNC = shutil.which("runc", path="/usr/sbin:/usr/bin:/sbin:/bin")


class LifecycleCase(RuntimeCase):
    def bundle(self, *args, **options):
        bundle = Bundle(args or ("sleep", "1000"), **options)
        self.addCleanup(bundle.remove)
        return bundle

    def created(self, *args):
        bundle, container = self.bundle(*args), new_id()
        result = self.runtime.create(bundle, container)
        self.assertEqual(result.returncode, 0, result.stderr)
        return bundle, container

    def running(self, *args):
        bundle, container = self.created(*args)
        self.runtime.ok("start", container)
        return bundle, container

    def stopped(self):
        bundle, container = self.running()
        self.runtime.ok("kill", container, "KILL")
        self.runtime.wait_status(container, "stopped")
        return bundle, container


class Lifecycle(LifecycleCase):
    def test_a_container_passes_through_its_states(self):
        bundle, container = self.created("sh", "-c", "echo out; sleep 1000")
        state = self.runtime.state(container)
        self.assertEqual(state["status"], "created")
        self.assertEqual((bundle.path / "stdout").read_text(), "")
        self.runtime.ok("start", container)
        self.assertEqual(self.runtime.state(container)["status"], "running")
        self.runtime.ok("pause", container)
        self.assertEqual(self.runtime.state(container)["status"], "paused")
        self.runtime.ok("resume", container)
        self.assertEqual(self.runtime.state(container)["status"], "running")
        self.runtime.ok("kill", container, "9")
        self.runtime.wait_status(container, "stopped")
        self.assertEqual(self.runtime.state(container)["pid"], 0)
        self.runtime.ok("delete", container)
        self.assert_refused(self.runtime.call("state", container), "container does not exist")
        self.assertEqual((bundle.path / "stdout").read_text(), "out\n")

    def test_the_words_for_each_state_that_does_not_fit(self):
        _, container = self.created()
        self.assert_refused(self.runtime.call("delete", container),
                            f"cannot delete container {container} that is not stopped: created")
        self.runtime.ok("start", container)
        for args, text in (
                (["start"], "cannot start an already running container"),
                (["delete"], f"cannot delete container {container} that is not stopped: running"),
                (["resume"], "container not paused"),
                (["create", "-b", "/nonexistent"], "bundle: open /nonexistent")):
            self.assert_refused(self.runtime.call(*args, container), text)
        self.assert_refused(self.runtime.call("kill", container, "FOO"), 'unknown signal \\"FOO\\"')
        self.runtime.ok("pause", container)
        self.assert_refused(self.runtime.call("pause", container), "container not running")
        result = self.runtime.call("exec", container, "true")
        self.assertEqual(result.returncode, 255)
        self.assertIn("cannot exec in a paused container (use --ignore-paused to override)",
                      result.stderr)
        self.runtime.ok("resume", container)
        self.runtime.ok("kill", container, "SIGKILL")
        self.runtime.wait_status(container, "stopped")
        for args, text in (
                (["kill"], "container not running"), (["pause"], "container not running"),
                (["start"], "cannot start a container that has stopped"),
                (["events", "--stats"], f"container with id {container} is not running"),
                (["update", "--memory", "64m"], "container not running")):
            self.assert_refused(self.runtime.call(*args, container), text)
        self.assertIn("cannot exec in a stopped container",
                      self.runtime.call("exec", container, "true").stderr)
        # What outlived the container could still be signalled: with nothing left that is no error.
        self.runtime.ok("kill", "--all", container, "9")

    def test_an_id_is_taken_once(self):
        bundle, container = self.created()
        for verb in ("create", "run"):
            self.assert_refused(self.runtime.call(verb, "-b", bundle.path, container),
                                "container with given ID already exists")
        self.assertEqual(self.runtime.state(container)["status"], "created")

    def test_force_deletes_whatever_state_it_is_in(self):
        for make in (self.created, self.running, self.stopped):
            _, container = make()
            self.runtime.ok("delete", "--force", container)
            self.assertNotIn(container, os.listdir(self.runtime.root))
        _, container = self.running()
        self.runtime.ok("pause", container)
        self.runtime.ok("delete", "-f", container)

    def test_the_pid_file_names_the_process_that_state_names(self):
        bundle, container = self.bundle(), new_id()
        pid_file = bundle.path / "pid"
        self.assertEqual(self.runtime.create(bundle, container, "--pid-file", pid_file).returncode, 0)
        pid = int(pid_file.read_text())
        self.assertEqual(self.runtime.state(container)["pid"], pid)
        self.assertTrue(os.path.exists(f"/proc/{pid}"))

    def test_run_returns_the_status_of_the_program(self):
        for command, status in (("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137),
                                ("kill -TERM $$; sleep 5", 143)):
            # In a pid namespace of its own the first process ignores its own signals.
            bundle = self.bundle("sh", "-c", command)
            bundle.linux["namespaces"] = [n for n in bundle.linux["namespaces"] if n["type"] != "pid"]
            result = self.runtime.run_container(bundle.write())
            self.assertEqual(result.returncode, status, command + result.stderr)
        self.assertEqual(os.listdir(self.runtime.root), [])

    def test_run_keeps_the_container_if_asked(self):
        container = new_id()
        bundle = self.bundle("true")
        self.assert_ok(self.runtime.run_container(bundle, "--keep", container=container))
        self.assertEqual(self.runtime.state(container)["status"], "stopped")
        self.runtime.ok("delete", container)

    def test_run_detached_leaves_a_running_container(self):
        bundle, container = self.bundle(), new_id()
        self.assert_ok(self.runtime.call("run", "--detach", "-b", bundle.path, container,
                                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        self.assertEqual(self.runtime.state(container)["status"], "running")

    def test_run_passes_signals_on(self):
        bundle = self.bundle("sh", "-c", "trap 'echo got; exit 5' TERM; echo up; "
                             "while :; do sleep 0.05; done")
        with subprocess.Popen(self.runtime.argv("run", "-b", bundle.path, new_id()), text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
            self.assertEqual(process.stdout.readline(), "up\n")
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.stdout.readline(), "got\n")
            self.assertEqual(process.wait(30), 5)

    def test_a_missing_program_is_told_in_the_words_that_docker_maps_to_127(self):
        for program, words in (
                ("/nope", 'exec: \\"/nope\\": stat /nope: no such file or directory'),
                ("nope", 'exec: \\"nope\\": executable file not found in $PATH')):
            result = self.runtime.run_container(self.bundle(program))
            self.assertEqual(result.returncode, 1)
            self.assertIn("holdfast run failed: unable to start container process: ", result.stderr)
            self.assertIn(words, result.stderr)
        bundle = self.bundle("/etc/passwd")
        os.chmod(bundle.rootfs / "etc/passwd", 0o644)
        self.assert_refused(self.runtime.run_container(bundle), "permission denied")

    def test_a_created_container_whose_bundle_vanished_can_be_deleted(self):
        bundle, container = self.created()
        bundle.remove()
        self.assertEqual(self.runtime.state(container)["status"], "created")
        self.runtime.ok("delete", "--force", container)

    def test_poststart_that_fails_stops_the_container(self):
        bundle = self.bundle()
        bundle.config["hooks"] = {"poststart": [{"path": "/bin/false"}]}
        container = new_id()
        self.assertEqual(self.runtime.create(bundle.write(), container).returncode, 0)
        self.assert_refused(self.runtime.call("start", container), "poststart")
        self.runtime.wait_status(container, "stopped")

    def test_poststop_runs_once_the_container_is_gone(self):
        bundle = self.bundle()
        out = bundle.path / "poststop"
        bundle.config["hooks"] = {"poststop": [
            {"path": "/bin/false"},
            {"path": "/bin/sh", "args": ["sh", "-c", f"cat > {out}"]}]}
        bundle.config["annotations"] = {"key": "value"}
        container = new_id()
        self.assertEqual(self.runtime.create(bundle.write(), container).returncode, 0)
        result = self.runtime.ok("delete", "--force", container)
        self.assertIn("poststop", result.stderr)
        state = json.loads(out.read_text())
        self.assertEqual((state["id"], state["status"]), (container, "stopped"))
        self.assertEqual(state["annotations"], {"key": "value"})

    def test_listen_fds_are_passed_on(self):
        read, write = os.pipe()
        self.addCleanup(os.close, read)
        bundle = self.bundle("sh", "-c", "echo $LISTEN_FDS $LISTEN_PID; echo through >&3")
        script = f'exec 3>&{write}; LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"'
        result = subprocess.run(
            ["/bin/bash", "-c", script, "sh", *self.runtime.argv("run", "-b", bundle.path, new_id())],
            text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            pass_fds=[write], timeout=60, check=False)
        os.close(write)
        self.assertEqual(result.stdout, "1 1\n", result.stderr)
        self.assertEqual(os.read(read, 100), b"through\n")

    def test_preserved_descriptors_must_exist(self):
        result = self.runtime.run_container(self.bundle("true"), "--preserve-fds", "40")
        self.assert_refused(result, "unable to stat preserved-fd")


class Exec(LifecycleCase):
    def exec(self, container, *args, **options):
        return self.runtime.call("exec", *args[:-1], container, *args[-1], **options)

    def test_it_runs_in_the_container_and_returns_the_status(self):
        _, container = self.running()
        result = self.exec(container, ("hostname",))
        self.assertEqual((result.returncode, result.stdout), (0, "test\n"), result.stderr)
        self.assertEqual(self.exec(container, ("sh", "-c", "exit 7")).returncode, 7)
        self.assertEqual(self.exec(container, ("sh", "-c", "kill -9 $$")).returncode, 137)
        self.assertEqual(self.exec(container, ("cat",), stdin="hi").stdout, "hi")

    def test_failures_are_told_in_the_words_that_docker_maps(self):
        _, container = self.running()
        for program, words in (
                ("/nope", 'exec: \\"/nope\\": stat /nope: no such file or directory'),
                ("nope", 'exec: \\"nope\\": executable file not found in $PATH')):
            result = self.exec(container, (program,))
            self.assertEqual(result.returncode, 255)
            self.assertIn("exec failed: unable to start container process: " + words, result.stderr)
        result = self.exec(container, ("/etc/passwd",))
        self.assertEqual(result.returncode, 255)
        self.assertIn("permission denied", result.stderr)
        result = self.runtime.call("exec", container)
        self.assertEqual(result.returncode, 255)
        self.assertIn("process args cannot be empty", result.stderr)

    def test_flags_shape_the_process(self):
        _, container = self.running()
        result = self.exec(container, "--user", "1000:1000", "-g", "5", "-g", "6",
                           ("sh", "-c", "id -u; id -g; id -G"))
        self.assertEqual(result.stdout, "1000\n1000\n1000 5 6\n", result.stderr)
        result = self.exec(container, "-e", "A=b c", "--env=X=", "--cwd", "/tmp",
                           ("sh", "-c", "echo $A; pwd; echo ${X-unset}"))
        self.assertEqual(result.stdout, "b c\n/tmp\n\n", result.stderr)
        result = self.exec(container, "--no-new-privs",
                           ("grep", "NoNewPrivs", "/proc/self/status"))
        self.assertEqual(result.stdout.split(), ["NoNewPrivs:", "1"])

    def test_a_user_is_a_number_and_nothing_else(self):
        _, container = self.running()
        for user in ("nobody", "1x", "-1", "4294967295", "4294967296", "1:", ":1", "1:2:3", ""):
            result = self.exec(container, "--user", user, ("id", "-u"))
            self.assertEqual(result.returncode, 255, user)
            self.assertEqual(result.stdout, "", user)

    def test_a_process_comes_from_a_file(self):
        bundle, container = self.running()
        path = bundle.path / "process.json"
        path.write_text(json.dumps({
            "user": {"uid": 1000, "gid": 1000}, "args": ["id", "-u"], "cwd": "/",
            "env": ["PATH=/bin"]}))
        result = self.runtime.call("exec", "--process", path, container)
        self.assertEqual((result.returncode, result.stdout), (0, "1000\n"), result.stderr)
        path.write_text("{}")
        result = self.runtime.call("exec", "-p", path, container)
        self.assertEqual(result.returncode, 255)
        self.assertIn("process.json: ", result.stderr)

    def test_detached_it_leaves_its_pid(self):
        bundle, container = self.running()
        pid_file = bundle.path / "exec.pid"
        result = self.runtime.call("exec", "--detach", "--pid-file", pid_file, container, "sleep",
                                   "1000", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.assert_ok(result)
        pid = int(pid_file.read_text())
        self.assertIn(pid, json.loads(self.runtime.ok("ps", "-f", "json", container).stdout))
        self.assertEqual(pathlib.Path(f"/proc/{pid}/comm").read_text(), "sleep\n")

    def test_it_cannot_have_more_than_the_container(self):
        _, container = self.running()
        before = self.exec(container, ("grep", "CapEff", "/proc/self/status")).stdout
        result = self.exec(container, "--cap", "CAP_SYS_ADMIN",
                           ("grep", "CapEff", "/proc/self/status"))
        if result.returncode == 0:
            self.assertEqual(result.stdout, before)
        else:
            self.assertIn("SYS_ADMIN", result.stderr)


class Output(LifecycleCase):
    """The same questions to runc, about a container of its own."""

    def setUp(self):
        super().setUp()
        if not RUNC:
            self.skipTest("runc is not installed")
        self.runc = Runtime(binary=RUNC)
        self.addCleanup(self.runc.close)

    def both(self, bundle):
        for runtime in (self.runtime, self.runc):
            container = new_id()
            bundle.linux["cgroupsPath"] = f"{CGROUP_PARENT}/{container}"
            result = runtime.create(bundle.write(), container)
            self.assertEqual(result.returncode, 0, result.stderr)
            runtime.ok("start", container)
            yield runtime, container

    def test_state_and_list_have_the_members_of_runc(self):
        bundle = self.bundle()
        bundle.config["annotations"] = {"a": "b"}
        (ours, theirs) = [(r.state(c), json.loads(r.ok("list", "-f", "json").stdout)[0])
                          for r, c in self.both(bundle)]
        for mine, his in zip(ours, theirs):
            self.assertEqual(list(mine), list(his))
            for member in ("status", "bundle", "rootfs", "annotations", "owner"):
                self.assertEqual(mine[member], his[member], member)
            self.assertEqual([type(v) for v in mine.values()], [type(v) for v in his.values()])

    def test_the_tables_have_the_columns_of_runc(self):
        ours, theirs = [(r.ok("list").stdout.splitlines(), r.ok("ps", c).stdout.splitlines())
                        for r, c in self.both(self.bundle())]
        self.assertEqual(ours[0][0].split(), theirs[0][0].split())
        self.assertEqual(len(ours[0][1].split()), len(theirs[0][1].split()))
        self.assertEqual(ours[1][0].split(), theirs[1][0].split())
        self.assertEqual(ours[1][1].split()[-2:], ["sleep", "1000"])
        self.assertEqual(len(ours[1]), len(theirs[1]))

    def shape(self, value, path=""):
        """The members and their types; of a list only the first element's."""
        if isinstance(value, dict):
            return {path}.union(*(self.shape(v, f"{path}.{k}") for k, v in value.items()))
        if isinstance(value, list):
            return {f"{path}[]"}.union(*(self.shape(v, f"{path}[]") for v in value[:1]))
        return {f"{path}: {type(value).__name__}"}

    def settled_statistics(self, runtime, container):
        """Once the program is alone: what started it may take a moment to be gone from its cgroup."""
        deadline = time.monotonic() + 10
        while True:
            stats = json.loads(runtime.ok("events", "--stats", container).stdout)
            if stats["data"]["pids"]["current"] == 1 or time.monotonic() > deadline:
                return stats
            time.sleep(0.05)

    def test_statistics_have_the_members_of_runc(self):
        bundle = self.bundle()
        bundle.linux["resources"].update(
            memory={"limit": 64 << 20, "swap": 128 << 20}, pids={"limit": 100},
            cpu={"shares": 512, "quota": 50000, "period": 100000})
        ours, theirs = [self.settled_statistics(r, c) for r, c in self.both(bundle)]
        for each in (ours, theirs):  # left out where nothing was throttled
            self.assertLessEqual(set(each["data"]["cpu"].pop("throttling")),
                                 {"periods", "throttledPeriods", "throttledTime"})
        self.assertEqual(self.shape(ours), self.shape(theirs))
        self.assertEqual(ours["type"], theirs["type"])
        for path in (("pids", "current"), ("pids", "limit"), ("memory", "usage", "limit"),
                     ("memory", "swap", "limit"), ("cpuset", "cpus")):
            mine, his = ours["data"], theirs["data"]
            for name in path:
                mine, his = mine[name], his[name]
            self.assertEqual(mine, his, path)
        self.assertGreater(ours["data"]["cpu"]["usage"]["total"], 0)
        self.assertGreater(ours["data"]["memory"]["usage"]["usage"], 0)


class Update(LifecycleCase):
    def limit(self, container, pattern):
        pid = self.runtime.state(container)["pid"]
        for line in pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if "memory" in controllers.split(","):
                return (pathlib.Path("/sys/fs/cgroup/memory" + path) / pattern).read_text().strip()
            if controllers == "" and os.path.exists(f"/sys/fs/cgroup{path}/memory.max"):
                return pathlib.Path(f"/sys/fs/cgroup{path}/memory.max").read_text().strip()
        raise AssertionError("no memory cgroup")

    def test_limits_change_by_flag_and_by_file_and_from_stdin(self):
        bundle, container = self.running()
        self.runtime.ok("update", "--memory", "64m", container)
        self.assertEqual(self.limit(container, "memory.limit_in_bytes"), str(64 << 20))
        path = bundle.path / "resources.json"
        path.write_text(json.dumps({"memory": {"limit": 128 << 20}}))
        self.runtime.ok("update", "-r", path, container)
        self.assertEqual(self.limit(container, "memory.limit_in_bytes"), str(128 << 20))
        self.runtime.ok("update", "--resources=-", container,
                        stdin=json.dumps({"memory": {"limit": 96 << 20}}))
        self.assertEqual(self.limit(container, "memory.limit_in_bytes"), str(96 << 20))

    def test_zeros_leave_limits_alone_as_docker_expects(self):
        _, container = self.running()
        self.runtime.ok("update", "--memory", "64m", container)
        self.runtime.ok("update", "-r", "-", container, stdin=json.dumps(
            {"memory": {"limit": 0, "reservation": 0, "swap": 0}, "cpu": {"shares": 512},
             "blockIO": {"weight": 0}}))
        self.assertEqual(self.limit(container, "memory.limit_in_bytes"), str(64 << 20))

    def test_malformed_resources_change_nothing(self):
        _, container = self.running()
        before = self.limit(container, "memory.limit_in_bytes")
        for text in ("", "{", '{"memory":{"limit":"64m"}}', "[]"):
            self.assert_refused(self.runtime.call("update", "-r", "-", container, stdin=text),
                                "resources")
        for flags in (["--memory", "64x"], ["--pids-limit", "many"], ["--cpu-shares", "-1"]):
            self.assert_refused(self.runtime.call("update", *flags, container), "invalid value")
        self.assertEqual(self.limit(container, "memory.limit_in_bytes"), before)
