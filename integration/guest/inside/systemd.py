"""In a guest with systemd as PID 1: the systemd cgroup driver, alone and beneath docker and podman."""

import json
import os
import pathlib
import shutil
import subprocess
import unittest

from engines.images import BUSYBOX, archive
from guest.inside import kernel
from lib.bundle import Bundle
from lib.case import RuntimeCase
from lib.node import Node
from lib.runtime import HOLDFAST, Runtime, new_id

DOCKER_IMAGE = "holdfast-test/busybox:1"
SHOW = "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max /sys/fs/cgroup/cpu.max; cat /proc/self/attr/current; exit 7"


def output(*argv, status=0, timeout=300):
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout, check=False)
    if done.returncode != status:
        raise AssertionError(f"{argv}: {done.returncode}, not {status}\n{done.stdout}")
    return done.stdout.replace("\0", "")


def label(pid):
    return pathlib.Path(f"/proc/{pid.strip()}/attr/apparmor/current").read_text(encoding="ascii").strip()


def properties(unit, *names):
    shown = output("systemctl", "show", unit, *(f"-p{name}" for name in names))
    return dict(line.split("=", 1) for line in shown.splitlines())


class SystemdDriverTest(RuntimeCase):
    def setUp(self):
        super().setUp()
        self.runtime = Runtime(root=self.runtime.root, global_args=["--systemd-cgroup"])

    def test_a_scope_with_its_limits(self):
        name = new_id()
        with Bundle(["sh", "-c", "while :; do sleep 1; done"]) as bundle:
            bundle.linux["cgroupsPath"] = f"system.slice:holdfast-test:{name}"
            bundle.linux["namespaces"].append({"type": "cgroup"})
            bundle.linux["resources"].update({
                "memory": {"limit": 64 << 20}, "pids": {"limit": 33}, "cpu": {"quota": 50000, "period": 100000}})
            bundle.write()
            self.assert_ok(self.runtime.create(bundle, name))
            self.runtime.ok("start", name)
            unit = f"holdfast-test-{name}.scope"
            self.assertEqual(
                properties(unit, "ActiveState", "Slice", "MemoryMax", "TasksMax", "CPUQuotaPerSecUSec", "Delegate"),
                {"ActiveState": "active", "Slice": "system.slice", "MemoryMax": str(64 << 20), "TasksMax": "33",
                 "CPUQuotaPerSecUSec": "500ms", "Delegate": "yes"})
            cgroup = pathlib.Path(f"/sys/fs/cgroup/system.slice/{unit}")
            self.assertEqual((cgroup / "memory.max").read_text(), f"{64 << 20}\n")
            self.runtime.ok("update", "--memory", str(96 << 20), name)
            self.assertEqual(properties(unit, "MemoryMax"), {"MemoryMax": str(96 << 20)})
            # an engine's exec does not say --systemd-cgroup again: the state knows
            exec_runtime = Runtime(root=self.runtime.root)
            self.assertEqual(exec_runtime.ok("exec", name, "cat", "/sys/fs/cgroup/memory.max").stdout, f"{96 << 20}\n")
            # systemd keeps the limits when it reloads
            output("systemctl", "daemon-reload")
            self.assertEqual((cgroup / "memory.max").read_text(), f"{96 << 20}\n")
            self.runtime.ok("delete", "--force", name)
            self.assertFalse(cgroup.exists())
            self.assertEqual(properties(unit, "ActiveState"), {"ActiveState": "inactive"})

    def test_the_policy_limits_what_nobody_limited(self):
        name = new_id()
        with Bundle(["sleep", "1000"]) as bundle, Node(
                {"profile": "few"}, profiles={"few": {"extends": "baseline", "limits": {"pids": {"default": 77}}}}) as node:
            bundle.linux["cgroupsPath"] = f"system.slice:holdfast-test:{name}"
            bundle.write()
            runtime = Runtime(root=self.runtime.root, global_args=["--systemd-cgroup"], prefix=node.prefix)
            self.assert_ok(runtime.create(bundle, name))
            unit = f"holdfast-test-{name}.scope"
            self.assertEqual(properties(unit, "TasksMax"), {"TasksMax": "77"})
            self.assertEqual(pathlib.Path(f"/sys/fs/cgroup/system.slice/{unit}/pids.max").read_text(), "77\n")


class KernelTest(unittest.TestCase):
    def test_the_sandbox_under_this_manager(self):
        kernel.run(self, ["SystemdCgroupTest.*"])


class EnginesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.images = archive("/scratch")

    def test_docker(self):
        os.makedirs("/etc/docker", exist_ok=True)
        pathlib.Path("/etc/docker/daemon.json").write_text(json.dumps({
            "runtimes": {"under-test": {"path": HOLDFAST}}, "default-runtime": "under-test",
            "exec-opts": ["native.cgroupdriver=systemd"]}), encoding="ascii")
        output("systemctl", "start", "docker")
        self.addCleanup(subprocess.run, ["systemctl", "stop", "docker", "docker.socket", "containerd"], check=False)
        output("docker", "load", "-q", "-i", self.images)
        common = ("--network", "none", "-m", "64m", "--pids-limit", "33", "--cpus", "0.5")
        shown = output("docker", "run", "--rm", *common, DOCKER_IMAGE, "sh", "-c", SHOW, status=7).splitlines()
        self.assertEqual(shown[:3], [str(64 << 20), "33", "50000 100000"])
        self.assertRegex(shown[3], r"^holdfast-[0-9a-f]{32} \(enforce\)$")  # the engine's is seen from outside only
        name = output("docker", "run", "-d", *common, DOCKER_IMAGE, "sleep", "1000").strip()
        self.assertEqual(properties(f"docker-{name}.scope", "MemoryMax", "Slice"),
                         {"MemoryMax": str(64 << 20), "Slice": "system.slice"})
        stacked = label(output("docker", "inspect", "-f", "{{.State.Pid}}", name))
        self.assertRegex(stacked, r"^docker-default//&:holdfast:holdfast-[0-9a-f]{32} \(enforce\)$")
        # docker-default would show the empty directory that hides the firmware, and lets signal only its own
        shown = output("docker", "exec", name, "sh", "-c", "sleep 99 & kill $! && echo killed; ls /sys/firmware", status=1)
        self.assertRegex(shown, r"^killed\n.*Permission denied")
        output("docker", "update", "-m", "96m", "--memory-swap", "96m", name)
        self.assertEqual(properties(f"docker-{name}.scope", "MemoryMax"), {"MemoryMax": str(96 << 20)})
        output("docker", "rm", "-f", name)
        self.assertEqual(properties(f"docker-{name}.scope", "ActiveState"), {"ActiveState": "inactive"})

    def test_podman(self):
        output("podman", "load", "-q", "-i", self.images)
        podman = ("podman", "--runtime", HOLDFAST, "run", "--network", "none", "-m", "64m", "--pids-limit", "33", "--cpus", "0.5")
        shown = output(*podman, "--rm", BUSYBOX, "sh", "-c", SHOW, status=7).splitlines()
        self.assertEqual(shown[:3], [str(64 << 20), "33", "50000 100000"])
        self.assertRegex(shown[3], r"^holdfast-[0-9a-f]{32} \(enforce\)$")
        name = output(*podman, "-d", BUSYBOX, "sleep", "1000").strip()
        self.assertEqual(properties(f"libpod-{name}.scope", "MemoryMax", "Slice"),
                         {"MemoryMax": str(64 << 20), "Slice": "machine.slice"})
        stacked = label(output("podman", "inspect", "-f", "{{.State.Pid}}", name))
        self.assertRegex(stacked, r"^containers-default-[0-9.]+//&:holdfast:holdfast-[0-9a-f]{32} \(enforce\)$")
        self.assertEqual(output("podman", "exec", name, "sh", "-c", "sleep 99 & kill $! && echo in"), "in\n")
        output("podman", "rm", "-f", "-t", "0", name)
        self.assertEqual(properties(f"libpod-{name}.scope", "ActiveState"), {"ActiveState": "inactive"})

UNIT = """[Service]
Type=notify
NotifyAccess=all
TimeoutStartSec=120
"""


class NotifyTest(RuntimeCase):
    """Units of Type=notify: `systemctl start` comes back when the container is ready."""

    SCRIPT = "sleep 1; echo ready >/ready; notify_send READY=1 MAINPID=1; exec sleep 1000"

    def unit(self, *lines):
        name = f"holdfast-notify-{new_id()}.service"
        path = pathlib.Path(f"/run/systemd/system/{name}")
        path.parent.mkdir(exist_ok=True)
        path.write_text(UNIT + "\n".join(lines) + "\n", encoding="utf-8")
        self.addCleanup(path.unlink)
        output("systemctl", "daemon-reload")
        self.addCleanup(subprocess.run, ["systemctl", "stop", name], check=False)
        return name

    def bundle(self):
        bundle = Bundle(["sh", "-c", self.SCRIPT])
        self.addCleanup(bundle.remove)
        shutil.copy(pathlib.Path(HOLDFAST).with_name("notify_send"), bundle.rootfs / "bin")
        return bundle

    def started(self, unit, bundle):
        output("systemctl", "start", unit)
        self.assertTrue((bundle.rootfs / "ready").exists())
        shown = properties(unit, "ActiveState", "MainPID")
        self.assertEqual(shown["ActiveState"], "active")
        return int(shown["MainPID"])

    def test_run_stays_the_main_process(self):
        bundle, name = self.bundle(), new_id()
        command = " ".join(self.runtime.argv("run", "--bundle", bundle.path, name))
        pid = self.started(self.unit(f"ExecStart={command}"), bundle)
        self.assertEqual(os.readlink(f"/proc/{pid}/exe"), HOLDFAST)

    def test_start_hands_over_to_the_container(self):
        bundle, name = self.bundle(), new_id()
        create, start = (" ".join(self.runtime.argv(*words)) for words in (
            ("create", "--bundle", bundle.path, name), ("start", name)))
        unit = self.unit(f"ExecStartPre={create}", f"ExecStart={start}")
        self.assertEqual(self.started(unit, bundle), self.runtime.state(name)["pid"])
        self.runtime.ok("kill", name, "KILL")
        self.runtime.wait_status(name, "stopped")
