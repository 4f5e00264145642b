"""docker over the runtime under test."""

import json
import unittest

from engines import contract, limits, policy, supervision, user_namespace
from engines.docker import Docker
from engines.instance import is_holdfast, wait_for

DOCKER = None


def setUpModule():
    global DOCKER
    DOCKER = Docker()
    unittest.addModuleCleanup(DOCKER.close)


def may_do_everything():
    """Whether this machine's root has every capability, as runc's --privileged asks for."""
    with open("/proc/self/status", encoding="ascii") as status:
        bounding = int(next(line for line in status if line.startswith("CapBnd")).split()[1], 16)
    with open("/proc/sys/kernel/cap_last_cap", encoding="ascii") as last:
        return bounding == (1 << (int(last.read()) + 1)) - 1


class DockerTest(contract.RootContract, unittest.TestCase):
    @property
    def engine(self):
        return DOCKER

    def test_running_out_of_memory_is_told(self):
        name = self.start("--memory", "24m", "--memory-swap", "24m", script="exec tail -c 90m /dev/zero")
        # the field in `inspect` is set only when the event comes before the exit
        show = ("events", "--since", "5m", "--until", "0s", "--filter", f"container={name}", "--filter", "event=oom",
                "--format", "{{.Status}}")
        wait_for(lambda: self.engine.check(*show) != "", 20, "the report that memory was short")

    def test_a_failed_create_gives_125_and_leaves_nothing(self):
        result = self.assert_status(125, "run", "--name", "failed", "--sysctl", "net.ipv4.ip_forward=x", self.engine.image, "true")
        self.addCleanup(self.engine, "rm", "-f", "failed")
        self.assertIn("ip_forward", result.err)
        ident = self.engine.inspect("failed", "{{.Id}}")
        self.assertEqual(self.traces(ident), "")

    def test_the_working_directory_is_made(self):
        self.assertEqual(self.sh("pwd", "-w", "/made/here"), "/made/here")

    def test_health_checks(self):
        name = self.start("--health-cmd", "test -e /tmp/well", "--health-interval", "0.2s", "--health-retries", "1")
        wait_for(lambda: self.state(name, "Health.Status") == "unhealthy", 15, "unhealthy")
        self.engine.check("exec", name, "touch", "/tmp/well")
        wait_for(lambda: self.state(name, "Health.Status") == "healthy", 15, "healthy")

    def test_removal_follows_the_exit(self):
        name = "gone"
        self.engine.check("run", "-d", "--rm", "--name", name, self.engine.image, "true")
        wait_for(lambda: self.engine("inspect", name).status != 0, 10, "the removal")

    def test_containers_outlive_the_daemon(self):
        name = self.start()
        pid = self.engine.pid(name)
        self.engine.stop_daemon()
        self.engine.start_daemon()
        self.assertEqual(self.engine.pid(name), pid)
        self.assertEqual(self.engine.check("exec", name, "echo", "back"), "back")
        self.engine.check("stop", "-t", "10", name)
        self.assertEqual(self.state(name, "ExitCode"), "0")

    def test_logs_and_attach(self):
        name = self.start(script="echo one; echo two >&2; sleep 1; echo three")
        self.engine.check("wait", name)
        result = self.assert_status(0, "logs", name)
        self.assertEqual((result.out, result.err), ("one\nthree", "two"))
        self.assertEqual(self.engine("logs", "--tail", "1", name).out, "three")

    def test_updating_every_limit(self):
        name = self.start("--memory", "64m", "--memory-swap", "64m", "--pids-limit", "50")
        self.engine.check("update", "--cpus", "0.25", "--pids-limit", "30", name)
        place, pid = self.engine.place, self.engine.pid(name)
        self.assertEqual(place.cgroup_value(pid, "cpu/cpu.cfs_quota_us", "cpu.max").split()[0], "25000")
        self.assertEqual(place.cgroup_value(pid, "pids/pids.max", "pids.max"), "30")
        # what was not named stays
        self.assertEqual(place.cgroup_value(pid, "memory/memory.limit_in_bytes", "memory.max"), str(64 << 20))

    def test_privileged(self):
        if not is_holdfast() and not may_do_everything():
            self.skipTest("runc asks for every capability, and this machine's root has not got them all")
        shown = self.sh("grep -E '^(CapEff|Seccomp:)' /proc/self/status; mount -t tmpfs t /tmp && echo mounted;"
                        "test -e /dev/kmsg && echo devices; echo x >/proc/sys/kernel/domainname && echo writable",
                        "--privileged")
        lines = shown.splitlines()
        self.assertNotEqual(int(lines[0].split()[1], 16) & 1 << 21, 0)  # CAP_SYS_ADMIN
        self.assertEqual(lines[-3:], ["mounted", "devices", "writable"])

    def test_a_privileged_exec(self):
        if not is_holdfast() and not may_do_everything():
            self.skipTest("runc asks for every capability, and this machine's root has not got them all")
        name = self.start("--cap-drop", "ALL")
        result = self.engine("exec", "--privileged", name, "grep", "CapEff", "/proc/self/status")
        if is_holdfast():
            # a container keeps to what it was created with: an exec cannot widen it
            self.assertEqual(int(result.out.split()[1], 16), 0)
        else:
            self.assertNotEqual(int(result.out.split()[1], 16), 0)

    def test_the_image_s_labels_and_the_engine_s_arguments_change_nothing(self):
        """Annotations and labels are the image's words: none of them loosens anything."""
        shown = self.sh("grep ^Seccomp: /proc/self/status", "--label", "io.holdfast.profile=none",
                        "--label", "run.oci.seccomp_bpf_data=", "--label", "io.holdfast.mode=off")
        self.assertEqual(shown, "Seccomp:\t2")

    def test_commit_keeps_what_was_written(self):
        name = self.start()
        self.engine.check("exec", name, "sh", "-c", "echo kept >/kept; chown 1000 /kept")
        self.engine.check("commit", name, "kept:1")
        self.addCleanup(self.engine, "rmi", "-f", "kept:1")
        self.assertEqual(self.engine.check("run", "--rm", "kept:1", "stat", "-c", "%u", "/kept"), "1000")

    def test_the_runtime_is_the_default(self):
        name = self.start()
        self.assertEqual(json.loads(self.engine.check("inspect", name))[0]["HostConfig"]["Runtime"], "holdfast")


class DockerPolicyTest(policy.Policy, contract.Containers, unittest.TestCase):
    engine_name = "docker"

    @property
    def engine(self):
        return DOCKER


class DockerLimits(limits.Limits, contract.Containers, unittest.TestCase):
    @property
    def engine(self):
        return DOCKER


class DockerSupervision(supervision.Supervision, contract.Containers, unittest.TestCase):
    @property
    def engine(self):
        return DOCKER


class DockerUserNamespace(user_namespace.UserNamespace, unittest.TestCase):
    @property
    def engine(self):
        return DOCKER

    def test_an_overlay_root_gets_the_reason_and_not_the_namespace(self):
        self.wanted("auto")
        name = "unmapped"
        self.addCleanup(self.engine, "rm", "-f", name)
        self.engine.check("run", "-d", "--name", name, "-v", "/srv:/data", self.engine.image, "sleep", "1000")
        shown = self.engine.check("exec", name, "cat", "/proc/self/uid_map")
        self.assertEqual(shown.split(), user_namespace.WHOLE)
        told = self.explained(self.engine.inspect(name, "{{.Id}}"))
        self.assertEqual(told["outcome"], "notPossible")
        self.assertRegex(told["why"], "its root: .*/merged: overlay.* cannot be id-mapped")
        self.assertIn("use dockerd userns-remap", told["why"])

    def test_where_it_is_required_an_overlay_root_is_refused(self):
        self.wanted("require")
        result = self.engine("run", "--rm", self.engine.image, "true")
        self.assertNotEqual(result.status, 0)
        self.assertRegex(result.err, "requires userNamespace, but its root: .*overlay.*cannot be id-mapped")
        self.assertIn("dockerd userns-remap", result.err)
