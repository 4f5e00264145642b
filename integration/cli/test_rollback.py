"""A create that fails at any step leaves nothing, says why in one object, and frees the id."""

import json
import os
import pathlib

from cli.test_lifecycle import LifecycleCase
from lib.bundle import CGROUP_PARENT
from lib.runtime import new_id


class Rollback(LifecycleCase):
    def fails(self, change, text, verb="create", flags=()):
        bundle = self.bundle("true")
        change(bundle)
        bundle.write()
        container, log = new_id(), bundle.path / "log.json"
        self.runtime.global_args = ["--log", str(log), "--log-format", "json"]
        result = self.runtime.call(verb, "--bundle", bundle.path, *flags, container)
        self.runtime.global_args = []
        self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
        entry = json.loads(log.read_text())  # one object, or this fails
        self.assertIn(text, entry["msg"])
        self.assertTrue(entry["msg"].startswith(f"holdfast {verb} failed: "), entry["msg"])
        self.assertNotIn("warning", log.read_text())
        self.assertEqual(os.listdir(self.runtime.root), [])
        # Nothing stands in the way of the next one with this id.
        self.runtime.ok("delete", "--force", container)
        good = self.bundle("true")
        good.linux["cgroupsPath"] = bundle.config["linux"].get("cgroupsPath",
                                                                f"{CGROUP_PARENT}/again")
        self.assert_ok(self.runtime.run_container(good.write(), container=container))

    def test_config(self):
        self.fails(lambda b: b.config["process"].update(args=[]), "process.args")
        self.fails(lambda b: b.config.pop("root"), "root")

    def test_missing_config(self):
        bundle = self.bundle("true")
        os.unlink(bundle.path / "config.json")
        self.assert_refused(self.runtime.run_container(bundle),
                            "JSON specification file config.json not found")

    def test_mounts(self):
        self.fails(lambda b: b.mount("/data", "/nonexistent/source", "bind"), "/nonexistent/source")
        self.fails(lambda b: b.mount("/data", "x", kind="nofs"), "nofs")

    def test_rootfs(self):
        self.fails(lambda b: b.config["root"].update(path="missing"), "missing")

    def test_program(self):
        self.fails(lambda b: b.config["process"].update(args=["/nope"]),
                   'exec: "/nope": stat /nope: no such file or directory')

    def test_working_directory(self):
        self.fails(lambda b: b.config["process"].update(cwd="/etc/passwd"), "/etc/passwd")

    def test_rlimit(self):
        self.fails(lambda b: b.config["process"].update(
            rlimits=[{"type": "RLIMIT_NONE", "soft": 1, "hard": 1}]), "RLIMIT_NONE")

    def test_sysctl(self):
        self.fails(lambda b: b.linux.update(sysctl={"net.no.such": "1"}), "net.no.such")

    def test_namespace_path(self):
        self.fails(lambda b: b.linux["namespaces"][1].update(path="/nonexistent/net"),
                   "/nonexistent/net")

    def test_hooks(self):
        for point in ("prestart", "createRuntime", "createContainer"):
            with self.subTest(hook=point):
                self.fails(lambda b, p=point: b.config.update(hooks={p: [{"path": "/bin/false"}]}),
                           point)

    def test_a_hook_that_hangs_is_ended(self):
        self.fails(lambda b: b.config.update(hooks={"createRuntime": [
            {"path": "/bin/sleep", "args": ["sleep", "1000"], "timeout": 1}]}), "createRuntime")

    def test_poststop_follows_a_hook_that_failed(self):
        bundle = self.bundle("true")
        told = bundle.path / "told"
        bundle.config["hooks"] = {"createRuntime": [{"path": "/bin/false"}],
                                  "poststop": [{"path": "/bin/touch", "args": ["touch", str(told)]}]}
        self.assert_refused(self.runtime.run_container(bundle.write()), "createRuntime")
        self.assertTrue(told.exists())

    def test_pid_file(self):
        self.fails(lambda b: None, "pid file", flags=["--pid-file", "/nonexistent/pid"])

    def test_console_socket(self):
        self.fails(lambda b: b.config["process"].update(terminal=True), "console",
                   flags=["--console-socket", "/nonexistent/socket"])
        self.fails(lambda b: b.config["process"].update(terminal=True), "console socket")

    def test_pidfd_socket(self):
        self.fails(lambda b: None, "pidfd socket", flags=["--pidfd-socket", "/nonexistent/socket"])

    def test_cgroup_limit(self):
        self.fails(lambda b: b.linux["resources"].update(cpu={"cpus": "9999"}), "cpus")

    def test_a_cgroup_of_another_container_is_not_touched(self):
        first, container = self.running()
        pid = self.runtime.state(container)["pid"]
        second = self.bundle("true")
        second.linux["cgroupsPath"] = first.linux["cgroupsPath"]
        result = self.runtime.run_container(second.write())
        self.assertNotEqual(result.returncode, 0)
        self.assertTrue(pathlib.Path(f"/proc/{pid}").exists())
        self.assertEqual(self.runtime.state(container)["status"], "running")

    def test_a_damaged_seccomp_store_stops_exec(self):
        bundle = self.bundle()
        bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
            {"names": ["swapon"], "action": "SCMP_ACT_ERRNO"}]}
        container = new_id()
        self.assertEqual(self.runtime.create(bundle.write(), container).returncode, 0)
        self.runtime.ok("start", container)
        self.assertEqual(self.runtime.call("exec", container, "true").returncode, 0)
        filters = pathlib.Path(self.runtime.root) / container / "filters"
        data = bytearray(filters.read_bytes())
        data[-1] ^= 1
        filters.write_bytes(data)
        result = self.runtime.call("exec", container, "true")
        self.assertEqual(result.returncode, 255)
        self.assertIn("does not match its digest", result.stderr)
