"""holdfastctl verify: what it says of a container as planned, and of one that somebody tampered with."""

import json
import pathlib
import subprocess

from ctl.test_holdfastctl import ctl
from lib.bundle import Bundle
from lib.case import RuntimeCase
from lib.node import Node
from lib.runtime import Runtime, new_id


class Verify(RuntimeCase):
    def started(self, bundle, start=True):
        container = new_id()
        self.assert_ok(self.runtime.create(bundle, container))
        if start:
            self.runtime.ok("start", container)
        return container

    def sleeper(self, **changes):
        bundle = Bundle(["sleep", "600"])
        self.addCleanup(bundle.remove)
        bundle.process.update(changes)
        return bundle.write()

    def verify(self, container, status=0):
        result = ctl("verify", "--root", self.runtime.root, "--format", "json", container)
        self.assertEqual(result.returncode, status, result.stdout + result.stderr)
        answer = json.loads(result.stdout)
        self.assertEqual(answer["holds"], status == 0)
        return answer, {each["item"]: each for each in answer["items"]}

    def assert_differs(self, container, item, detail):
        _, items = self.verify(container, status=2)
        self.assertEqual([name for name, each in items.items() if each["result"] == "differs"], [item])
        self.assertIn(detail, items[item]["detail"])

    def inside(self, container, *command):
        """As the host's root, in the mount and pid namespaces of the container."""
        pid = self.runtime.state(container)["pid"]
        # Its own programs: a busybox.
        subprocess.run(["nsenter", f"--mount=/proc/{pid}/ns/mnt", f"--pid=/proc/{pid}/ns/pid", "--", *command], check=True,
                       stdout=subprocess.DEVNULL)
        return pid

    def state_file(self, container):
        return json.loads((pathlib.Path(self.runtime.root) / container / "state.json").read_text())

    def edit(self, container, name, change):
        path = pathlib.Path(self.runtime.root) / container / name
        path.write_bytes(change(path.read_bytes()))

    def test_what_was_made_as_planned_holds_created_running_and_stopped(self):
        container = self.started(self.sleeper(
            oomScoreAdj=100, rlimits=[{"type": "RLIMIT_NOFILE", "soft": 64, "hard": 128}]), start=False)
        answer, created = self.verify(container)
        self.assertEqual(answer["status"], "created")
        self.assertLessEqual({"attestation", "plan", "filters", "user", "capabilities", "seccomp", "rlimits",
                              "oomScoreAdj", "namespaces", "cgroups", "mounts", "maskedPaths",
                              "readonlyPaths"}, set(created))
        self.runtime.ok("start", container)
        answer, running = self.verify(container)
        self.assertEqual(answer["status"], "running")
        self.assertEqual(set(created) - set(running), {"user"})
        attested = answer["attestation"]
        self.assertEqual(attested["unseen"], [])
        self.assertEqual(attested["planDigest"], self.state_file(container)["planDigest"])
        self.assertEqual(set(attested["verified"]) | set(attested["reported"]),
                         set(created) - {"attestation", "plan", "filters"})
        self.runtime.ok("kill", container, "KILL")
        self.runtime.wait_status(container, "stopped")
        answer, stopped = self.verify(container)
        self.assertEqual(set(stopped), {"attestation", "plan", "filters"})

    def test_the_table_names_every_item(self):
        container = self.started(self.sleeper())
        result = self.assert_ok(ctl("verify", "--root", self.runtime.root, container))
        for word in ("capabilities", "maskedPaths", "holds", "plan sha256:"):
            self.assertIn(word, result.stdout)

    def test_what_cannot_be_seen_from_outside_is_attested(self):
        with Node({"profile": "restricted"}) as node:
            self.runtime = Runtime(root=self.runtime.root, prefix=node.prefix)
            container = self.started(self.sleeper())
            _, items = self.verify(container)
            self.assertEqual(items["landlock"]["result"], "attested")

    def test_a_mask_that_was_taken_away(self):
        bundle = self.sleeper()
        bundle.linux["maskedPaths"].append("/proc/uptime")
        container = self.started(bundle.write())
        self.inside(container, "umount", "/proc/uptime")
        self.assert_differs(container, "maskedPaths", "/proc/uptime is not hidden")

    def test_a_read_only_path_that_was_opened(self):
        container = self.started(self.sleeper())
        self.inside(container, "mount", "-o", "remount,bind,rw", "/proc/sys")
        self.assert_differs(container, "readonlyPaths", "/proc/sys is not read-only")

    def test_a_mount_that_lost_its_flags(self):
        container = self.started(self.sleeper())
        self.inside(container, "mount", "-o", "remount,bind,exec", "/dev/shm")
        self.assert_differs(container, "mounts", "/dev/shm is not noexec")

    def test_a_limit_that_was_raised(self):
        container = self.started(self.sleeper(
            rlimits=[{"type": "RLIMIT_CORE", "soft": 0, "hard": 4096}]))
        pid = self.runtime.state(container)["pid"]
        subprocess.run(["prlimit", f"--pid={pid}", "--core=0:2048"], check=True)
        self.verify(container)  # lowered: its own business

    def test_a_process_that_was_moved_to_another_cgroup(self):
        container = self.started(self.sleeper())
        pid = self.runtime.state(container)["pid"]
        v1 = pathlib.Path("/sys/fs/cgroup/pids/cgroup.procs")
        (v1 if v1.exists() else pathlib.Path("/sys/fs/cgroup/cgroup.procs")).write_text(str(pid))
        self.assert_differs(container, "cgroups", "instead of /holdfast-test/")

    def test_a_plan_that_was_changed(self):
        container = self.started(self.sleeper())
        self.edit(container, "plan.json", lambda text: text.replace(b'"hostname":"test"', b'"hostname":"tesu"'))
        self.assert_differs(container, "plan", "plan.json is not what was applied")

    def test_filters_that_were_changed(self):
        container = self.started(self.sleeper())
        self.edit(container, "filters", lambda filters: filters[:-1] + bytes([filters[-1] ^ 1]))
        _, items = self.verify(container, status=2)
        self.assertEqual(items["filters"]["result"], "differs")

    def test_an_attestation_that_is_missing(self):
        container = self.started(self.sleeper())

        def without(text):
            state = json.loads(text)
            del state["attestation"]
            return json.dumps(state).encode()

        self.edit(container, "state.json", without)
        self.assert_differs(container, "attestation", "there is none")

    def test_a_container_that_is_not_there_is_an_error(self):
        result = ctl("verify", "--root", self.runtime.root, "nothing")
        self.assertEqual(result.returncode, 1)
        self.assertIn("nothing", result.stderr)
