"""The runtime killed at each of its system calls, its children failing at theirs: nothing is left.

strace injects. It counts the calls of each kind apart ("when=N"), for each process, so a first run
tells what there is to hit.
"""

import collections
import os
import pathlib
import re
import shutil
import subprocess

from cli.test_lifecycle import LifecycleCase
from lib.adopter import Adopter
from lib.leaks import cgroups_at
from lib.runtime import new_id

STRACE = shutil.which("strace", path="/usr/bin:/bin")
# Every call is hit; a higher number leaves some out.
STEP = int(os.environ.get("HOLDFAST_KILL_STEP", "1"))


def each_call(counted):
    return [(name, number + 1) for name, count in counted.items() for number in range(count)][::STEP]


class TracedCase(LifecycleCase):
    def setUp(self):
        super().setUp()
        if not STRACE:
            self.skipTest("strace is not installed")
        self.adopter = Adopter()
        self.addCleanup(self.close_adopter)

    def close_adopter(self):
        self.runtime.delete_all()
        self.adopter.close()

    def traced(self, rule, *args, follow=False):
        """One call under strace; its output goes to files, which no container keeps open for us."""
        out = pathlib.Path(self.runtime.root + ".out")
        self.addCleanup(out.unlink, missing_ok=True)
        with open(out, "w+") as errors:
            status = self.adopter.run(
                [STRACE, "-qq", "-o", "/dev/null", *(["-f"] if follow else []),
                 "-e", f"inject={rule}", *self.runtime.argv(*args)],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors, timeout=120)
        return subprocess.CompletedProcess(args, status, "", out.read_text(errors="replace"))

    def calls(self, *args, follow=False):
        """One run: {name: how often} of each process, the runtime's first."""
        log = pathlib.Path(self.runtime.root + ".calls")
        self.addCleanup(log.unlink, missing_ok=True)
        subprocess.run([STRACE, "-qq", *(["-f"] if follow else []), "-o", str(log),
                        *self.runtime.argv(*args)], stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=120, check=True)
        processes, programs = collections.defaultdict(collections.Counter), set()
        for line in log.read_text(errors="replace").splitlines():
            call = re.match(r"(\d*) *([a-z0-9_]+)\(", line)
            if call and call[1] not in programs:
                # What follows execve is the container's program, not ours.
                if call[2] == "execve" and processes:
                    programs.add(call[1])
                else:
                    processes[call[1]][call[2]] += 1
        return list(processes.values())

    def cgroups_of(self, bundle):
        return [str(path) for path in cgroups_at(bundle.linux["cgroupsPath"]) if path.is_dir()]

    def assert_gone(self, bundle, container, where):
        result = self.runtime.call("delete", "--force", container)
        self.assertEqual(result.returncode, 0, f"{where}: {result.stderr}")
        self.assertEqual(os.listdir(self.runtime.root), [], where)
        self.assertEqual(self.cgroups_of(bundle), [], where)


class KilledAtEachCall(TracedCase):
    def sweep(self, bundle, prepare, args):
        """Kills `args` at each of its calls."""
        container = new_id()
        prepare(container)
        each = each_call(self.calls(*args(container))[0])
        self.assert_gone(bundle, container, "a first run")
        self.assertGreater(len(each), 20)
        killed = 0
        for name, number in each:
            container = new_id()
            prepare(container)
            result = self.traced(f"{name}:signal=SIGKILL:when={number}", *args(container))
            where = f"{args('ID')[0]} killed at {name} {number}"
            killed += result.returncode == -9
            self.assertIn(result.returncode, (-9, 0), f"{where}: {result.stderr}")
            self.assert_gone(bundle, container, where)
        # How often it waits, reads and so calls differs from run to run.
        self.assertGreater(killed, len(each) * 0.7)

    def make(self, bundle, *verbs):
        def prepare(container):
            for verb in verbs:
                flags = ["-b", bundle.path] if verb == "create" else []
                self.runtime.ok(verb, *flags, container, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL)
        return prepare

    def test_create(self):
        bundle = self.bundle()
        self.sweep(bundle, lambda c: None, lambda c: ["create", "-b", bundle.path, c])

    def test_run(self):
        bundle = self.bundle("true")
        self.sweep(bundle, lambda c: None, lambda c: ["run", "-b", bundle.path, c])

    def test_start(self):
        bundle = self.bundle()
        self.sweep(bundle, self.make(bundle, "create"), lambda c: ["start", c])

    def test_exec(self):
        bundle = self.bundle()
        self.sweep(bundle, self.make(bundle, "create", "start"), lambda c: ["exec", c, "true"])

    def test_delete(self):
        bundle = self.bundle()
        self.sweep(bundle, self.make(bundle, "create", "start"), lambda c: ["delete", "--force", c])

    def test_one_that_planned_the_cgroups_of_a_live_container_does_not_touch_them(self):
        free, container = self.bundle(), new_id()
        calls = self.calls("create", "-b", free.path, container)[0]
        self.assert_gone(free, container, "a first run")
        first, live = self.running()
        pid = self.runtime.state(live)["pid"]
        second = self.bundle("true")
        second.linux["cgroupsPath"] = first.linux["cgroupsPath"]
        second.write()
        before, refused = self.cgroups_of(first), 0
        for name, number in each_call(calls):
            container, where = new_id(), f"{name} {number}"
            result = self.traced(f"{name}:signal=SIGKILL:when={number}", "create", "-b", second.path,
                                 container)
            self.runtime.ok("delete", "--force", container)
            state = self.runtime.state(live)
            self.assertEqual((state["status"], state["pid"]), ("running", pid), where)
            self.assertEqual(self.cgroups_of(first), before, where)
            if result.returncode != -9:  # what comes after the refusal is not reached
                self.assertIn("is not empty", result.stderr)
                refused += 1
        self.assertGreater(refused, 0)


class ChildrenThatFail(TracedCase):
    def fails(self, bundle, rule):
        """Whether it failed; then with one error, and everything undone."""
        container = new_id()
        result = self.traced(rule, "run", "-b", bundle.path, container, follow=True)
        self.assertEqual(os.listdir(self.runtime.root), [], rule)
        self.assertEqual(self.cgroups_of(bundle), [], rule)
        if result.returncode == 0:
            return False
        self.assertEqual(result.returncode, 1, f"{rule}: {result.stderr}")
        errors = [line for line in result.stderr.splitlines() if "level=error" in line]
        self.assertEqual(len(errors), 1, f"{rule}: {result.stderr}")
        self.assertIn("holdfast run failed: ", errors[0])
        return True

    def each_call(self, outcome):
        bundle = self.bundle("true")
        runtime, *children = self.calls("run", "-b", bundle.path, new_id(), follow=True)
        most = collections.Counter()
        for child in children[:2]:  # stage 1 and init
            most |= child
        # What the runtime calls as well would hit the runtime.
        calls = each_call({name: count for name, count in most.items() if name not in runtime})
        failed = sum(self.fails(bundle, f"{name}:{outcome}:when={number}") for name, number in calls)
        self.assertGreater(failed, 20 // STEP)

    def test_stage_1_or_init_killed_at_its_calls(self):
        self.each_call("signal=SIGKILL")

    def test_a_call_of_stage_1_or_init_that_fails(self):
        self.each_call("error=ENOMEM")
