"""The supervisor itself: what its end does to the container, what it costs, and that it leaves nothing."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

from cli import test_killed_everywhere as everywhere
from cli.test_killed_everywhere import TracedCase
from lib.runtime import HOLDFAST, new_id
from supervise.supervised_case import DRIFT, SupervisedCase, add_program, alive

DROP = "cp /opt/tool/busybox /tmp/busybox; /tmp/busybox touch /effect"


class SupervisorCase(SupervisedCase):
    def watched(self, *command):
        bundle = self.bundle(*(command or ("sh", "-c", "while :; do sleep 0.01; echo >>/tmp/beat; done")))
        add_program(bundle, "/opt/tool/busybox")
        return self.running(bundle=bundle)

    def beats(self, bundle):
        path = bundle.rootfs / "tmp/beat"
        return path.stat().st_size if path.exists() else 0

    def assert_still(self, bundle, container):
        self.wait(lambda: self.runtime.state(container)["status"] == "paused", "freeze")
        before = self.beats(bundle)
        time.sleep(0.2)
        self.assertEqual(self.beats(bundle), before)

    def assert_moves(self, bundle):
        before = self.beats(bundle)
        self.wait(lambda: self.beats(bundle) > before, "sign of life")

    def assert_watched(self, bundle, container):
        result = self.runtime.call("exec", container, "sh", "-c", DROP)
        self.assertIn("Operation not permitted", result.stderr)
        self.assertFalse((bundle.rootfs / "effect").exists())


class Loss(SupervisorCase):
    def test_without_its_supervisor_a_container_freezes_until_it_is_adopted(self):
        self.node(**DRIFT)
        bundle, container = self.watched()
        keeper, supervisor = self.supervisors(container)
        self.assert_moves(bundle)
        os.kill(supervisor, signal.SIGKILL)
        self.assert_still(bundle, container)
        self.assertTrue(self.wait_event("supervisor-lost"))
        result = self.ctl_on("adopt", container)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assert_moves(bundle)
        self.assert_watched(bundle, container)
        self.assertEqual(self.supervisors(container)[0], keeper)
        self.assertNotEqual(self.supervisors(container)[1], supervisor)
        self.assertTrue(self.events(rule="adopted"))

    def test_again_and_again(self):
        self.node(**DRIFT)
        bundle, container = self.watched()
        for _ in range(3):
            os.kill(self.supervisors(container)[1], signal.SIGKILL)
            self.assert_still(bundle, container)
            self.assertEqual(self.ctl_on("adopt", container).returncode, 0)
            self.assert_moves(bundle)
        self.assert_watched(bundle, container)

    def test_without_its_keeper_it_freezes_until_it_is_adopted(self):
        self.node(**DRIFT)
        bundle, container = self.watched()
        keeper, supervisor = self.supervisors(container)
        os.kill(keeper, signal.SIGKILL)
        self.assert_still(bundle, container)
        self.assertTrue(self.wait_event("keeper-lost"))
        self.assertEqual(self.ctl_on("adopt", container).returncode, 0)
        self.assert_moves(bundle)
        self.assert_watched(bundle, container)
        new, same = self.supervisors(container)
        self.assertEqual(same, supervisor)
        self.assertNotEqual(new, keeper)
        # And the new keeper keeps.
        os.kill(supervisor, signal.SIGKILL)
        self.assert_still(bundle, container)
        self.assertEqual(self.ctl_on("adopt", container).returncode, 0)
        self.assert_watched(bundle, container)

    def test_or_the_container_is_killed_where_the_profile_says_so(self):
        self.node(**DRIFT, onSupervisorLoss="killContainer")
        for which in (0, 1):
            _, container = self.watched()
            os.kill(self.supervisors(container)[which], signal.SIGKILL)
            self.runtime.wait_status(container, "stopped")

    def test_a_program_that_waits_for_an_answer_is_denied(self):
        self.node(**DRIFT)
        bundle, container = self.watched()
        keeper, supervisor = self.supervisors(container)
        os.kill(supervisor, signal.SIGSTOP)
        waiting = subprocess.Popen(
            self.runtime.argv("exec", container, "sh", "-c", "/opt/tool/busybox touch /effect; echo $?"),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(waiting.kill)
        time.sleep(0.5)
        self.assertFalse((bundle.rootfs / "effect").exists())
        os.kill(supervisor, signal.SIGKILL)
        self.assert_still(bundle, container)
        self.assertEqual(self.ctl_on("adopt", container).returncode, 0)
        waiting.communicate(timeout=30)
        self.assertFalse((bundle.rootfs / "effect").exists())

    def test_a_container_that_ends_in_mid_decision_leaves_nothing(self):
        self.node(**DRIFT)
        bundle, container = self.watched()
        keeper, supervisor = self.supervisors(container)
        os.kill(supervisor, signal.SIGSTOP)
        waiting = subprocess.Popen(self.runtime.argv("exec", container, "/opt/tool/busybox", "touch", "/effect"),
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        time.sleep(0.3)
        self.runtime.ok("delete", "--force", container)
        waiting.wait(timeout=30)
        self.assertFalse((bundle.rootfs / "effect").exists())
        self.assertFalse(alive(keeper) or alive(supervisor))


class Responses(SupervisorCase):
    def violate(self, container):
        return self.runtime.call("exec", container, "sh", "-c", DROP, timeout=30)

    def violate_aside(self, container):
        """What freezes does not answer."""
        process = subprocess.Popen(
            self.runtime.argv("exec", container, "sh", "-c", DROP), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)

    def test_freeze_and_release(self):
        self.node(exec={"drift": "freeze"})
        bundle, container = self.watched()
        self.violate_aside(container)
        self.assert_still(bundle, container)
        self.assertTrue(self.wait_event("freeze"))
        result = self.ctl_on("release", container)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assert_moves(bundle)
        self.assertFalse((bundle.rootfs / "effect").exists())
        self.assertNotEqual(self.ctl_on("release", container).returncode, 0)

    def test_a_freeze_ends_in_its_time(self):
        self.node(**DRIFT, respond=[{"at": "high", "do": "freeze", "for": "1s"}])
        bundle, container = self.watched()
        self.violate_aside(container)
        self.assert_still(bundle, container)
        self.assert_moves(bundle)
        self.assertTrue(self.wait_event("release"))

    def test_what_a_violation_froze_stays_so_over_a_loss(self):
        self.node(exec={"drift": "freeze"})
        bundle, container = self.watched()
        self.violate_aside(container)
        self.assert_still(bundle, container)
        os.kill(self.supervisors(container)[1], signal.SIGKILL)
        self.wait_event("supervisor-lost")
        self.assertNotEqual(self.ctl_on("release", container).returncode, 0)
        self.assertEqual(self.ctl_on("adopt", container).returncode, 0)
        self.assert_still(bundle, container)
        self.assertEqual(self.ctl_on("release", container).returncode, 0)
        self.assert_moves(bundle)

    def test_the_process_is_killed(self):
        self.node(exec={"drift": "killProcess"})
        bundle, container = self.watched()
        result = self.runtime.call("exec", container, "sh", "-c", DROP + "; touch /after")
        # The shell's child is what would have been executed.
        self.assertTrue(self.wait_event("kill-process"))
        self.assertFalse((bundle.rootfs / "effect").exists(), result.stderr)
        self.assert_moves(bundle)

    def test_the_container_is_killed(self):
        self.node(exec={"drift": "killContainer"})
        bundle, container = self.watched()
        self.violate(container)
        self.runtime.wait_status(container, "stopped")
        self.assertFalse((bundle.rootfs / "effect").exists())
        self.assertTrue(self.wait_event("kill-container"))

    def test_nobody_but_root_is_listened_to(self):
        self.node(exec={"drift": "freeze"})
        _, container = self.watched()
        socket = pathlib.Path(self.runtime.root) / container / "supervisor.sock"
        self.assertTrue(socket.is_socket())
        self.assertEqual(os.stat(socket.parent).st_mode & 0o077, 0)


class Cost(SupervisorCase):
    def test_without_anything_to_watch_there_is_no_process(self):
        self.node()
        _, container = self.running()
        self.assertNotIn("supervisors", self.state(container))
        self.assertFalse((pathlib.Path(self.runtime.root) / container / "supervisor.sock").exists())
        self.assertIn("watches nothing", self.ctl_on("adopt", container).stderr)

    def test_memory_and_wakeups(self):
        self.node(**DRIFT)
        _, container = self.running()
        time.sleep(0.5)
        pids = self.supervisors(container)

        def private(pid):
            text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
            return sum(map(int, re.findall(r"^Private_\w+:\s+(\d+) kB", text, re.MULTILINE)))

        def switches():
            found = []
            for pid in pids:
                for task in os.listdir(f"/proc/{pid}/task"):
                    text = pathlib.Path(f"/proc/{pid}/task/{task}/status").read_text()
                    found.append(re.findall(r"^\w*voluntary_ctxt_switches:\t(\d+)", text, re.MULTILINE))
            return found

        self.assertLessEqual(sum(map(private, pids)), 1536)
        before = switches()
        time.sleep(4)
        self.assertEqual(switches(), before)

    def test_they_are_confined(self):
        self.node(**DRIFT)
        _, container = self.running()
        for pid in self.supervisors(container):
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
            self.assertIn("NoNewPrivs:\t1", status)
            self.assertIn("Seccomp:\t2", status)
            # CAP_DAC_READ_SEARCH, CAP_KILL, CAP_SYS_PTRACE
            self.assertRegex(status, r"CapPrm:\t0000000000080024")
            self.assertEqual(os.listdir(f"/proc/{pid}/root"), [])
            for stdio in range(3):
                self.assertEqual(os.readlink(f"/proc/{pid}/fd/{stdio}"), "/dev/null")
            self.assertNotIn(container, pathlib.Path(f"/proc/{pid}/cgroup").read_text())

    def test_two_hundred_at_a_time(self):
        self.node(**DRIFT)
        bundle = self.bundle("sleep", "1000")
        add_program(bundle, "/opt/tool/busybox")
        os.chmod(bundle.rootfs, 0o777)
        containers = []
        parent = bundle.linux["cgroupsPath"]
        for number in range(200):
            bundle.linux["cgroupsPath"] = f"{parent}-{number}"
            bundle.write()
            containers.append(self.running(bundle=bundle)[1])
        for container in (containers[0], containers[127], containers[199]):
            self.assert_watched(bundle, container)
        pids = [pid for container in containers for pid in self.supervisors(container)]
        self.assertTrue(all(map(alive, pids)))
        for container in containers:
            self.runtime.ok("delete", "--force", container)
        self.wait(lambda: not any(map(alive, pids)), "end of all supervisors")


class Failing(SupervisorCase):
    def test_without_the_supervisors_program_no_container_starts(self):
        scratch = tempfile.mkdtemp(prefix="holdfast-alone-")
        self.addCleanup(shutil.rmtree, scratch)
        shutil.copy(HOLDFAST, scratch)
        self.node(**DRIFT)
        self.runtime.binary = os.path.join(scratch, "holdfast")
        result = self.runtime.run_container(self.bundle("true"))
        self.assert_refused(result, "holdfast-supervisor")
        self.assertEqual(os.listdir(self.runtime.root), [])

    def test_the_program_is_of_no_use_by_hand(self):
        program = os.path.join(os.path.dirname(os.path.realpath(HOLDFAST)), "holdfast-supervisor")
        result = subprocess.run([program], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                check=False)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("started by holdfast", result.stderr)

    def test_the_end_of_the_container_is_theirs(self):
        self.node(**DRIFT)
        _, container = self.watched()
        pids = self.supervisors(container)
        self.runtime.ok("kill", container, "KILL")
        self.wait(lambda: not any(map(alive, pids)), "end of the supervisor")
        self.runtime.ok("delete", container)


def running_supervisors():
    found = set()
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            command = pathlib.Path(f"/proc/{entry}/cmdline").read_bytes()
        except OSError:
            continue
        if command.startswith(b"holdfast-supervisor") and alive(int(entry)):
            found.add(int(entry))
    return found


class KilledRuntime(TracedCase, SupervisedCase):
    # Of the calls every third is hit, or every HOLDFAST_KILL_STEP-th.
    STEP = max(3, everywhere.STEP)

    def test_create_killed_at_its_calls_leaves_no_supervisor(self):
        node = self.node(**DRIFT)
        bundle, before, container = self.bundle(), running_supervisors(), new_id()
        # strace and what it traces run on the node.
        self.runtime.prefix, strace = [], everywhere.STRACE
        directory = pathlib.Path(tempfile.mkdtemp(prefix="holdfast-strace-"))
        self.addCleanup(shutil.rmtree, directory)
        wrapper = directory / "strace"
        wrapper.write_text(f'#!/bin/sh\nexec {" ".join(node.prefix)} {strace} "$@"\n')
        wrapper.chmod(0o755)
        everywhere.STRACE = str(wrapper)
        self.addCleanup(setattr, everywhere, "STRACE", strace)
        counted = self.calls("create", "-b", bundle.path, container)[0]
        self.assertEqual(len(self.supervisors(container)), 2)
        self.assert_gone(bundle, container, "a first run")
        for name, number in everywhere.each_call(counted)[::self.STEP]:
            container, where = new_id(), f"killed at {name} {number}"
            self.traced(f"{name}:signal=SIGKILL:when={number}", "create", "-b", bundle.path, container)
            self.assert_gone(bundle, container, where)
            self.wait(lambda: not running_supervisors() - before, f"end of supervisors, {where}", 5)
