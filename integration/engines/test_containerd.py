"""containerd's own client over the runtime under test."""

import concurrent.futures
import itertools
import json
import unittest

from engines import user_namespace
from engines.containerd import Containerd
from engines.instance import holdfastctl, is_holdfast, wait_for

CONTAINERD = None
_number = itertools.count()
FOREVER = "trap 'exit 0' TERM; while :; do sleep 0.1; done"


def setUpModule():
    global CONTAINERD
    CONTAINERD = Containerd()
    unittest.addModuleCleanup(CONTAINERD.close)


class ContainerdTest(unittest.TestCase):
    def run_in(self, script, *options):
        return CONTAINERD("run", "--rm", *CONTAINERD.runtime_options, *options, CONTAINERD.image, f"r{next(_number)}",
                          "/bin/sh", "-c", script)

    def sh(self, script, *options):
        result = self.run_in(script, *options)
        self.assertEqual(result.status, 0, str(result))
        return result.out

    def start(self, *options, script=FOREVER):
        name = f"c{next(_number)}"
        self.addCleanup(CONTAINERD, "containers", "rm", name)
        self.addCleanup(CONTAINERD, "tasks", "rm", "-f", name)
        CONTAINERD.check("run", "-d", *CONTAINERD.runtime_options, *options, CONTAINERD.image, name, "/bin/sh", "-c", script)
        return name

    def status(self, name):
        rows = [row.split() for row in CONTAINERD.check("tasks", "ls").splitlines()]
        return next((row[2] for row in rows if row[0] == name), None)

    def pid(self, name):
        rows = [row.split() for row in CONTAINERD.check("tasks", "ls").splitlines()]
        return next(int(row[1]) for row in rows if row[0] == name)

    def test_run_and_its_status(self):
        result = self.run_in("echo out; echo err >&2; exit 7")
        self.assertEqual((result.status, result.out), (7, "out"))
        self.assertIn("err", result.err)

    def test_environment_and_directory(self):
        self.assertEqual(self.sh('echo "$A|$PWD"', "--env", "A=1", "--cwd", "/tmp"), "1|/tmp")

    def test_a_terminal(self):
        status, shown = CONTAINERD.terminal(
            "run", "--rm", "-t", *CONTAINERD.runtime_options, CONTAINERD.image, "tty", "/bin/sh", "-c",
            "tty; until stty size 2>/dev/null | grep 30; do sleep 0.05; done; read x; echo got:$x", keys=b"hi\n", until=b"30 100")
        self.assertEqual(status, 0, shown)
        self.assertIn("/dev/pts/0", shown)
        self.assertIn("got:hi", shown)

    def test_limits(self):
        name = self.start("--memory-limit", str(64 << 20), "--cpu-quota", "50000", "--cpu-period", "100000")
        pid = self.pid(name)
        place = CONTAINERD.place
        self.assertEqual(place.cgroup_value(pid, "memory/memory.limit_in_bytes", "memory.max"), str(64 << 20))
        self.assertEqual(place.cgroup_value(pid, "cpu/cpu.cfs_quota_us", "cpu.max").split()[0], "50000")

    def test_exec(self):
        name = self.start()
        result = CONTAINERD("tasks", "exec", "--exec-id", "e1", name, "/bin/sh", "-c", "echo in; exit 5")
        self.assertEqual((result.status, result.out), (5, "in"), str(result))
        # the id is free again
        self.assertEqual(CONTAINERD("tasks", "exec", "--exec-id", "e1", name, "/bin/true").status, 0)

    def test_exec_of_what_is_missing(self):
        result = CONTAINERD("tasks", "exec", "--exec-id", "e2", self.start(), "/nope")
        self.assertNotEqual(result.status, 0)
        self.assertIn("no such file or directory", result.err)

    def test_a_missing_command_leaves_nothing(self):
        result = CONTAINERD("run", "--rm", *CONTAINERD.runtime_options, CONTAINERD.image, "missing", "/nope")
        self.assertNotEqual(result.status, 0)
        self.assertIn("no such file or directory", result.err)
        left = CONTAINERD.place.run("/usr/bin/find", "/sys/fs/cgroup", "/run/containerd/runc", "-name", "missing").out
        self.assertEqual(left, "")

    def test_pause_and_resume(self):
        name = self.start()
        CONTAINERD.check("tasks", "pause", name)
        self.assertEqual(self.status(name), "PAUSED")
        CONTAINERD.check("tasks", "resume", name)
        self.assertEqual(self.status(name), "RUNNING")

    def test_kill_and_remove(self):
        name = self.start()
        CONTAINERD.check("tasks", "kill", "-s", "SIGTERM", name)
        wait_for(lambda: self.status(name) == "STOPPED", 10, "the end")
        CONTAINERD.check("tasks", "rm", name)
        self.assertIsNone(self.status(name))

    def test_kill_all(self):
        name = self.start(script="sleep 1000 & sleep 1000 & wait")
        wait_for(lambda: len(CONTAINERD.check("tasks", "ps", name).splitlines()) == 4, 10, "three processes")
        CONTAINERD.check("tasks", "kill", "-a", "-s", "SIGKILL", name)
        wait_for(lambda: self.status(name) == "STOPPED", 10, "the end")

    def test_metrics(self):
        shown = CONTAINERD.check("tasks", "metrics", self.start())
        self.assertRegex(shown, r"memory.usage")
        self.assertRegex(shown, r"pids.current\s+[1-9]")

    def test_a_process_list(self):
        name = self.start()
        pids = [row.split()[0] for row in CONTAINERD.check("tasks", "ps", name).splitlines()[1:]]
        self.assertIn(str(self.pid(name)), pids)

    def test_mounts_and_a_read_only_root(self):
        CONTAINERD.place.write("/var/given", "given")
        shown = self.sh("cat /given; touch /x 2>&1 || true", "--read-only", "--mount",
                        "type=bind,src=/var/given,dst=/given,options=rbind:ro")
        self.assertEqual(shown, "giventouch: /x: Read-only file system")

    def test_the_host_s_network(self):
        self.assertIn("up0", self.sh("ls /sys/class/net", "--net-host").split())

    def test_a_root_without_a_snapshot(self):
        CONTAINERD.place.check("/bin/sh", "-c", "mkdir -p /var/plain/bin && cp /bin/busybox /var/plain/bin/sh")
        result = CONTAINERD("run", "--rm", *CONTAINERD.runtime_options, "--rootfs", "/var/plain", "plain", "/bin/sh", "-c", "echo plain")
        self.assertEqual(result.out, "plain", str(result))

    def test_seccomp_and_capabilities(self):
        shown = self.sh("grep -E '^(Seccomp|CapEff)' /proc/self/status", "--seccomp")
        self.assertIn("Seccomp:\t2", shown)
        if is_holdfast():
            self.assertIn("Seccomp:\t2", self.sh("grep ^Seccomp: /proc/self/status"))

    def test_many_at_once(self):
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            runs = list(pool.map(lambda n: self.run_in(f"echo {n}; exit {n}"), range(8)))
        self.assertEqual([(run.out, run.status) for run in runs], [(str(n), n) for n in range(8)], str(runs[0]))

    def test_a_container_is_found_in_its_namespace(self):
        if not is_holdfast():
            self.skipTest("holdfastctl knows holdfast's containers")
        name = self.start()
        answer = json.loads(CONTAINERD.place.check(holdfastctl(), "explain", name, "--format", "json"))
        self.assertEqual((answer["id"], answer["engine"]), (name, "containerd default"))


class ContainerdUserNamespace(user_namespace.UserNamespace, unittest.TestCase):
    @property
    def engine(self):
        return CONTAINERD

    def test_a_directory_as_root_gets_one(self):
        self.wanted("require")
        root, volume = self.directory_root()
        name = f"u{next(_number)}"
        shown = CONTAINERD.check(
            "run", "--rm", *CONTAINERD.runtime_options,
            "--mount", f"type=bind,src={volume},dst=/data,options=rbind:rw", "--rootfs", str(root), name,
            "/bin/sh", "-c", "cat /proc/self/uid_map; id -u; touch /data/f")
        self.assert_mapped(shown, volume)
