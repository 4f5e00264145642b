"""A host that fails the runtime: no room, no descriptors, no memory, no controllers, hooks that hang.

Each call works or fails with one error and undoes what it did; delete --force works in any case.
"""

import os
import pathlib
import resource
import shutil
import subprocess
import time

from cli.test_lifecycle import LifecycleCase
from lib.leaks import cgroups_at
from lib.runtime import new_id

CGROUPS = pathlib.Path("/sys/fs/cgroup")


class FaultCase(LifecycleCase):
    def cgroups_of(self, bundle):
        return [str(path) for path in cgroups_at(bundle.linux["cgroupsPath"]) if path.is_dir()]

    def assert_one_error(self, text, where):
        self.assertEqual(len([line for line in text.splitlines() if "level=error" in line]), 1,
                         f"{where}: {text}")

    def quietly(self, *args, **options):
        """A call whose stderr goes to a file: a container that stays keeps it open."""
        path = pathlib.Path(self.runtime.root + ".err")
        self.addCleanup(path.unlink, missing_ok=True)
        with open(path, "w") as errors:
            result = self.runtime.call(*args, stdout=subprocess.DEVNULL, stderr=errors, **options)
        result.stderr = path.read_text(errors="replace")
        return result


class FullDisk(FaultCase):
    # In a mount namespace of its own, and so gone with the shell.
    SCRIPT = """
        mount -t tmpfs -o mode=700,$1 none "$2" || exit 99
        holdfast="$3 --root $2" bundle=$4 id=$5
        $holdfast create -b $bundle $id >/dev/null 2>$bundle/error
        code=$?
        ls -A $2 >$bundle/left
        if [ $code = 0 ] && [ -n "$6" ]; then
            until ! mkdir $2/.fill$((i += 1)); do :; done 2>/dev/null
            cat /dev/zero >$2/$id/fill
            for call in state start "exec $id true;" "kill $id KILL;" ; do
                case $call in *";") ;; *) call="$call $id" ;; esac
                $holdfast ${call%;} >/dev/null || echo "$call failed"
            done >$bundle/calls 2>&1
        fi
        $holdfast delete --force $id 2>$bundle/delete || exit 98
        rm -rf $2/.fill*
        ls -A $2 >>$bundle/left
        exit $code
    """

    def attempt(self, bundle, options, fill=""):
        return subprocess.run(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", self.SCRIPT, "sh", options,
             self.runtime.root, self.runtime.binary, str(bundle.path), new_id(), fill],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            timeout=120, check=False).returncode

    def sweep(self, options, most):
        bundle = self.bundle()
        failures = 0
        for size in range(1, most):
            where = options.format(size)
            code = self.attempt(bundle, where)
            told = (bundle.path / "error").read_text()
            self.assertIn(code, (0, 1), where + told + (bundle.path / "delete").read_text())
            self.assertEqual(self.cgroups_of(bundle), [], where)
            if code == 0:
                self.assertGreater(failures, 0)
                return
            failures += 1
            self.assertEqual((bundle.path / "left").read_text(), "", where)
            self.assertIn("no space left on device", told, where)
            self.assert_one_error(told, where)
        self.fail("no size was enough")

    def test_create_at_each_size_of_the_disk(self):
        self.sweep("size={}k,nr_inodes=100", 400)

    def test_create_at_each_number_of_inodes(self):
        self.sweep("size=10m,nr_inodes={}", 40)

    def test_a_disk_that_is_full_later_keeps_nobody_from_using_and_deleting_the_container(self):
        bundle = self.bundle()
        code = self.attempt(bundle, "size=1m,nr_inodes=30", "fill")
        self.assertEqual(code, 0, (bundle.path / "delete").read_text())
        self.assertEqual((bundle.path / "calls").read_text(), "")
        self.assertEqual(self.cgroups_of(bundle), [])


class FewResources(FaultCase):
    def limited(self, number, value, *args):
        def limit():
            resource.setrlimit(number, (value, value))
        return self.quietly(*args, preexec_fn=limit)

    def sweep_descriptors(self, bundle, prepare, args, most=64):
        worked = 0
        for count in range(3, most):
            container, where = new_id(), f"{count} descriptors"
            prepare(container)
            result = self.limited(resource.RLIMIT_NOFILE, count, *args(container))
            if result.returncode != 0:
                self.assertIn(result.returncode, (1, 255), f"{where}: {result.stderr}")
                self.assert_one_error(result.stderr, where)
                self.assertIn("too many open files", result.stderr, where)
                if args("ID")[0] == "create":
                    self.assertEqual(os.listdir(self.runtime.root), [], where)
                    self.assertEqual(self.cgroups_of(bundle), [], where)
            worked += result.returncode == 0
            self.runtime.ok("delete", "--force", container)
            self.assertEqual(os.listdir(self.runtime.root), [], where)
            self.assertEqual(self.cgroups_of(bundle), [], where)
        self.assertGreater(worked, 20)

    def make(self, bundle, *verbs):
        def prepare(container):
            for verb in verbs:
                flags = ["-b", bundle.path] if verb == "create" else []
                self.runtime.ok(verb, *flags, container, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL)
        return prepare

    def test_create_with_any_number_of_descriptors(self):
        bundle = self.bundle()
        self.sweep_descriptors(bundle, lambda c: None, lambda c: ["create", "-b", bundle.path, c])

    def test_start_with_any_number_of_descriptors(self):
        bundle = self.bundle()
        self.sweep_descriptors(bundle, self.make(bundle, "create"), lambda c: ["start", c], 32)

    def test_exec_with_any_number_of_descriptors(self):
        bundle = self.bundle()
        self.sweep_descriptors(bundle, self.make(bundle, "create", "start"),
                               lambda c: ["exec", c, "true"], 48)

    def test_delete_with_any_number_of_descriptors(self):
        bundle = self.bundle()
        self.sweep_descriptors(bundle, self.make(bundle, "create", "start"),
                               lambda c: ["delete", "--force", c], 32)

    def test_without_memory_it_may_abort_and_is_deleted_whole(self):
        bundle = self.bundle()
        outcomes = set()
        for size in range(1 << 20, 24 << 20, 256 << 10):
            container = new_id()
            result = self.limited(resource.RLIMIT_AS, size, "create", "-b", bundle.path, container)
            outcomes.add(result.returncode)
            self.runtime.ok("delete", "--force", container)
            self.assertEqual(os.listdir(self.runtime.root), [], size)
            self.assertEqual(self.cgroups_of(bundle), [], size)
        self.assertIn(0, outcomes)
        self.assertGreater(len(outcomes), 1)


class MissingControllers(FaultCase):
    def without(self, hierarchies, bundle):
        script = 'for each in $1; do umount "$each" || exit 99; done; shift; exec "$@"'
        return subprocess.run(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh",
             " ".join(hierarchies), *self.runtime.argv("run", "-b", bundle.path, new_id())],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            timeout=120, check=False)

    def hierarchies(self):
        mounts = [line.split() for line in pathlib.Path("/proc/self/mounts").read_text().splitlines()]
        found = {m[1]: m[3] for m in mounts if m[2] == "cgroup"}
        if not found:
            self.skipTest("no cgroup hierarchy of version 1")
        return found

    def assert_works_or_says_why(self, result, bundle, where):
        if result.returncode != 0:
            self.assertEqual(result.returncode, 1, f"{where}: {result.stderr}")
            self.assert_one_error(result.stderr, where)
            self.assertRegex(result.stderr, "cgroup|controller|device", where)
        self.assertEqual(os.listdir(self.runtime.root), [], where)
        self.assertEqual(self.cgroups_of(bundle), [], where)

    def test_each_one_alone(self):
        bundle, worked = self.bundle("true"), 0
        for hierarchy in self.hierarchies():
            result = self.without([hierarchy], bundle)
            self.assert_works_or_says_why(result, bundle, hierarchy)
            worked += result.returncode == 0
        self.assertGreater(worked, 4)

    def test_a_limit_that_nothing_can_hold(self):
        asked = {"memory": {"memory": {"limit": 64 << 20}}, "pids": {"pids": {"limit": 100}},
                 "cpuset": {"cpu": {"cpus": "0"}}, "cpu": {"cpu": {"shares": 512}}}
        for hierarchy, options in self.hierarchies().items():
            for name in set(options.split(",")) & set(asked):
                bundle = self.bundle("true")
                bundle.linux["resources"].update(asked[name])
                result = self.without([hierarchy], bundle.write())
                self.assertEqual(result.returncode, 1, f"{name}: {result.stderr}")
                self.assertIn(name, result.stderr)
                self.assert_works_or_says_why(result, bundle, name)

    def test_none_at_all(self):
        bundle = self.bundle("true")
        every = [*self.hierarchies(), *[
            line.split()[1] for line in pathlib.Path("/proc/self/mounts").read_text().splitlines()
            if line.split()[2] == "cgroup2"]]
        self.assert_works_or_says_why(self.without(every, bundle), bundle, "none")


class UsedCgroup(FaultCase):
    def test_a_cgroup_with_a_process_is_refused_and_left_alone(self):
        bundle = self.bundle("true")
        stranger = subprocess.Popen(["sleep", "1000"])
        self.addCleanup(stranger.wait)
        self.addCleanup(stranger.kill)
        memory = next(h for h in (CGROUPS / "memory", CGROUPS) if (h / "cgroup.procs").exists())
        taken = memory / bundle.linux["cgroupsPath"].lstrip("/")
        taken.mkdir(parents=True)
        self.addCleanup(self.remove, stranger, taken, memory)
        (taken / "cgroup.procs").write_text(str(stranger.pid))
        for verb in ("create", "run"):
            container = new_id()
            result = self.quietly(verb, "-b", bundle.path, container)
            self.assertEqual(result.returncode, 1)
            self.assert_one_error(result.stderr, verb)
            self.assertIn("is not empty: 1 process(es) found", result.stderr)
            self.assertEqual(os.listdir(self.runtime.root), [])
            self.runtime.ok("delete", "--force", container)
        self.assertIsNone(stranger.poll())
        self.assertEqual(self.cgroups_of(bundle), [str(taken)])

    def remove(self, stranger, taken, hierarchy):
        stranger.kill()
        stranger.wait()
        end = time.monotonic() + 5
        while True:  # it leaves its cgroup some time after its end
            try:
                return taken.rmdir()
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.01)


class ReusedCgroup(FaultCase):
    """The cgroups of a stopped container are empty: another one may move in."""

    def tenants(self):
        first, stopped = self.stopped()
        second, live = self.bundle(), new_id()
        second.linux["cgroupsPath"] = first.linux["cgroupsPath"]
        self.assertEqual(self.quietly("create", "-b", second.write().path, live).returncode, 0)
        self.runtime.ok("start", live)
        return second, stopped, live

    def assert_lives(self, bundle, live, status="running"):
        time.sleep(0.2)
        self.assertEqual(self.runtime.state(live)["status"], status)
        self.assertGreater(len(self.cgroups_of(bundle)), 0)

    def test_deleting_the_stopped_one_leaves_the_other_alone(self):
        for flags in ([], ["--force"]):
            bundle, stopped, live = self.tenants()
            self.runtime.ok("delete", *flags, stopped)
            self.assert_lives(bundle, live)
            self.runtime.ok("delete", "--force", live)
            self.assertEqual(self.cgroups_of(bundle), [])

    def test_a_paused_one_stays_paused(self):
        bundle, stopped, live = self.tenants()
        self.runtime.ok("pause", live)
        self.runtime.ok("delete", "--force", stopped)
        self.assert_lives(bundle, live, "paused")

    def test_signals_to_all_of_the_stopped_one_do_not_reach_it(self):
        bundle, stopped, live = self.tenants()
        for name in ("TERM", "KILL"):
            self.assert_refused(self.runtime.call("kill", "--all", stopped, name),
                                "container not running")
        self.assert_lives(bundle, live)


class VanishedBundle(FaultCase):
    def test_a_running_container_does_not_need_it(self):
        bundle, container = self.created()
        shutil.rmtree(bundle.path)  # the root as well, with all that it could execute
        self.assertEqual(self.runtime.call("start", container).returncode, 1)
        self.runtime.wait_status(container, "stopped")
        self.runtime.ok("delete", container)

    def test_without_its_configuration_it_lives_on(self):
        bundle, container = self.running()
        hidden = bundle.path.with_name(bundle.path.name + "-hidden")
        os.rename(bundle.path, hidden)
        try:
            self.assertEqual(self.runtime.state(container)["status"], "running")
            self.runtime.ok("exec", container, "true")
            self.runtime.ok("pause", container)
            self.runtime.ok("resume", container)
            self.runtime.ok("kill", container, "KILL")
            self.runtime.wait_status(container, "stopped")
            self.runtime.ok("delete", container)
        finally:
            os.rename(hidden, bundle.path)


class HungHook(FaultCase):
    """A hook without a timeout that hangs is the engine's to end; others are not kept."""

    def hung(self, point, *verbs):
        bundle, container = self.bundle(), new_id()
        program = shutil.which("sleep") if point in ("prestart", "createRuntime", "createContainer",
                                                     "poststart", "poststop") else "/bin/sleep"
        mark = bundle.path.name[-8:]
        bundle.config["hooks"] = {point: [
            {"path": program, "args": [f"hung-{mark}", "1000"]} if program != "/bin/sleep" else
            {"path": program, "args": ["sleep", "1000"]}]}
        bundle.write()
        *before, last = verbs
        for verb in before:
            flags = ["-b", bundle.path] if verb == "create" else []
            self.assertEqual(self.quietly(verb, *flags, container).returncode, 0)
        flags = {"create": ["-b", bundle.path], "run": ["-b", bundle.path], "delete": ["--force"]}
        process = subprocess.Popen(self.runtime.argv(last, *flags.get(last, []), container),
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        name = b"hung-" + mark.encode() if program != "/bin/sleep" else None
        self.wait_for(lambda: self.find(name) if name else self.in_hook(container))
        return bundle, container, process, name

    def wait_for(self, condition, seconds=20):
        end = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), end, "did not happen")
            time.sleep(0.01)

    def find(self, name):
        for entry in filter(str.isdigit, os.listdir("/proc")):
            try:
                if pathlib.Path(f"/proc/{entry}/cmdline").read_bytes().startswith(name):
                    return int(entry)
            except OSError:
                pass
        return None

    def in_hook(self, container):
        pids = self.runtime.ok("ps", "-f", "json", container).stdout
        return len(pids.strip("[]\n").split(",")) > 1

    def each(self, point, *verbs):
        bundle, container, process, name = self.hung(point, *verbs)
        started = time.monotonic()
        self.quietly("kill", container, "KILL")
        self.runtime.ok("delete", "--force", container)
        self.assertLess(time.monotonic() - started, 15)
        self.assertEqual([n for n in os.listdir(self.runtime.root) if n[0] != "."], [])
        self.assertEqual(self.cgroups_of(bundle), [])
        if point in ("poststart", "poststop"):
            # Its caller is not the container's: it goes on waiting, and takes the hook along.
            process.kill()
        self.wait_for(lambda: process.poll() is not None)
        if name:
            self.wait_for(lambda: self.find(name) is None)

    def test_prestart(self):
        self.each("prestart", "create")

    def test_create_runtime(self):
        self.each("createRuntime", "run")

    def test_create_container(self):
        self.each("createContainer", "create")

    def test_start_container(self):
        self.each("startContainer", "create", "start")

    def test_poststart(self):
        self.each("poststart", "create", "start")

    def test_poststop(self):
        self.each("poststop", "create", "start", "delete")
