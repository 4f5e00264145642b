"""What a kubelet asks of containerd's CRI, over the runtime under test."""

import itertools
import json
import os
import unittest

import grpc

from engines import limits, user_namespace
from engines.containerd import SOCKET, Containerd
from engines.cri import Cri
from engines.images import BUSYBOX
from engines.instance import holdfastctl, is_holdfast, wait_for

CONTAINERD = None
CRI = None
LOGS = "/var/log/pods"
READY, CREATED, RUNNING, EXITED = 0, 0, 1, 2
FOREVER = "trap 'exit 0' TERM; echo ready; while :; do sleep 0.1; done"
_number = itertools.count()


def setUpModule():
    global CONTAINERD, CRI
    CONTAINERD = Containerd(namespace="k8s.io", name="cri")
    unittest.addModuleCleanup(CONTAINERD.close)
    CRI = Cri(CONTAINERD.place.outside(SOCKET), CONTAINERD.place.scratch)
    unittest.addModuleCleanup(CRI.close)
    CONTAINERD.place.check("/bin/mkdir", "-p", LOGS)
    wait_for(lambda: all(each.status for each in CRI.Status().status.conditions), 30, "a ready runtime and network")


class Pod:
    """A pod's sandbox, and the containers in it."""

    def __init__(self, test, network="POD", pid="CONTAINER", **linux):
        number = next(_number)
        types = CRI.types
        self.namespaces = types.NamespaceOption(network=types.NamespaceMode.Value(network),
                                                pid=types.NamespaceMode.Value(pid))
        self.config = types.PodSandboxConfig(
            metadata=types.PodSandboxMetadata(name=f"pod{number}", uid=f"uid{number}", namespace="default"),
            hostname="" if network == "NODE" else f"pod{number}", log_directory=LOGS,
            annotations={"io.holdfast.profile": "none"},
            linux=types.LinuxPodSandboxConfig(
                cgroup_parent=f"/kubepods/pod{number}", **linux,
                security_context=types.LinuxSandboxSecurityContext(namespace_options=self.namespaces)))
        self.ident = CRI.RunPodSandbox(config=self.config).pod_sandbox_id
        test.addCleanup(self.remove)

    def remove(self):
        if self.ident:
            CRI.StopPodSandbox(pod_sandbox_id=self.ident)
            CRI.RemovePodSandbox(pod_sandbox_id=self.ident)
        self.ident = None

    def create(self, script=FOREVER, security=None, resources=None, **fields):
        types, name = CRI.types, f"c{next(_number)}"
        config = types.ContainerConfig(
            metadata=types.ContainerMetadata(name=name), image=types.ImageSpec(image=BUSYBOX),
            command=["/bin/sh", "-c", script], log_path=f"{name}.log",
            linux=types.LinuxContainerConfig(
                resources=resources,
                security_context=types.LinuxContainerSecurityContext(
                    namespace_options=self.namespaces, **(security or {}))), **fields)
        ident = CRI.CreateContainer(pod_sandbox_id=self.ident, config=config, sandbox_config=self.config).container_id
        return Container(ident, f"{LOGS}/{name}.log")

    def start(self, *args, **kwargs):
        container = self.create(*args, **kwargs)
        CRI.StartContainer(container_id=container.ident)
        return container


class Container:
    def __init__(self, ident, log):
        self.ident, self.log_path = ident, log

    def status(self):
        return CRI.ContainerStatus(container_id=self.ident).status

    def exec(self, script, timeout=20):
        return CRI.ExecSync(container_id=self.ident, cmd=["/bin/sh", "-c", script], timeout=timeout)

    def log(self):
        return [line.split(" ", 3) for line in CONTAINERD.place.read(self.log_path).splitlines()]

    def pid(self):
        info = CRI.ContainerStatus(container_id=self.ident, verbose=True).info["info"]
        return json.loads(info)["pid"]


class CriTest(unittest.TestCase):
    def test_a_container_s_life(self):
        pod = Pod(self)
        container = pod.create()
        self.assertEqual(container.status().state, CREATED)
        CRI.StartContainer(container_id=container.ident)
        self.assertEqual(container.status().state, RUNNING)
        wait_for(container.log, 10, "its first words")  # the signal's handler is there then
        CRI.StopContainer(container_id=container.ident, timeout=10)
        self.assertEqual((container.status().state, container.status().exit_code), (EXITED, 0))
        CRI.RemoveContainer(container_id=container.ident)
        with self.assertRaises(grpc.RpcError):
            container.status()

    def test_a_container_that_does_not_stop_is_killed(self):
        container = Pod(self).start("trap '' TERM; echo ready; while :; do sleep 0.1; done")
        wait_for(container.log, 10, "its first words")
        CRI.StopContainer(container_id=container.ident, timeout=1)
        self.assertEqual(container.status().exit_code, 137)

    def test_the_exit_status_and_the_log(self):
        container = Pod(self).start("echo out; echo err >&2; exit 9")
        wait_for(lambda: container.status().state == EXITED, 20, "the end")
        self.assertEqual((container.status().exit_code, container.status().reason), (9, "Error"))
        self.assertEqual(sorted(line[1:] for line in container.log()), [["stderr", "F", "err"], ["stdout", "F", "out"]])

    def test_a_missing_command_is_told(self):
        pod = Pod(self)
        types = CRI.types
        config = types.ContainerConfig(metadata=types.ContainerMetadata(name="missing"),
                                       image=types.ImageSpec(image=BUSYBOX), command=["/nope"], log_path="missing.log")
        ident = CRI.CreateContainer(pod_sandbox_id=pod.ident, config=config, sandbox_config=pod.config).container_id
        with self.assertRaises(grpc.RpcError) as failure:
            CRI.StartContainer(container_id=ident)
        self.assertIn("no such file or directory", failure.exception.details())
        self.assertEqual(Container(ident, "").status().reason, "StartError")

    def test_containers_of_a_pod_share_its_namespaces(self):
        pod = Pod(self)
        first, second = pod.start(), pod.start()
        show = "for n in net ipc uts pid mnt; do readlink /proc/self/ns/$n; done; hostname"
        one, two = (c.exec(show).stdout.decode().split() for c in (first, second))
        self.assertEqual(one[:3] + one[5:], two[:3] + two[5:])
        self.assertNotEqual(one[3], two[3])
        self.assertNotEqual(one[4], two[4])
        self.assertEqual(one[5], pod.config.hostname)

    def test_a_pod_may_share_its_processes(self):
        pod = Pod(self, pid="POD")
        first, second = pod.start("exec sleep 1234"), pod.start()
        wait_for(lambda: b"sleep 1234" in second.exec("ps").stdout, 10, "the other container's process")
        self.assertEqual(first.exec("readlink /proc/self/ns/pid").stdout, second.exec("readlink /proc/self/ns/pid").stdout)

    def test_pods_reach_each_other(self):
        server, client = Pod(self), Pod(self)
        server.start("while :; do echo pod | nc -l -p 7000; done")
        address = CRI.PodSandboxStatus(pod_sandbox_id=server.ident).status.network.ip
        self.assertRegex(address, r"^10\.77\.0\.\d+$")
        result = client.start().exec(f"for i in 1 2 3 4 5 6; do nc -w 2 {address} 7000 && break; sleep 0.3; done")
        self.assertEqual(result.stdout, b"pod\n")

    def test_the_host_s_network(self):
        result = Pod(self, network="NODE").start().exec("ls /sys/class/net")
        self.assertIn(b"up0", result.stdout.split())

    def test_exec(self):
        result = Pod(self).start().exec("echo out; echo err >&2; exit 3")
        self.assertEqual((result.stdout, result.stderr, result.exit_code), (b"out\n", b"err\n", 3))

    def test_an_exec_that_takes_too_long_is_ended(self):
        container = Pod(self).start()
        with self.assertRaises(grpc.RpcError) as failure:
            container.exec("exec sleep 777", timeout=1)
        self.assertEqual(failure.exception.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
        wait_for(lambda: b"sleep 777" not in container.exec("ps").stdout, 10, "the end of the exec")

    def test_limits_and_their_update(self):
        types = CRI.types
        container = Pod(self).start(resources=types.LinuxContainerResources(
            cpu_period=100000, cpu_quota=50000, memory_limit_in_bytes=64 << 20, oom_score_adj=900))
        place, pid = CONTAINERD.place, container.pid()
        self.assertEqual(place.cgroup_value(pid, "memory/memory.limit_in_bytes", "memory.max"), str(64 << 20))
        self.assertEqual(place.cgroup_value(pid, "cpu/cpu.cfs_quota_us", "cpu.max").split()[0], "50000")
        self.assertEqual(place.read(f"/proc/{pid}/oom_score_adj"), "900")
        CRI.UpdateContainerResources(container_id=container.ident, linux=types.LinuxContainerResources(
            cpu_period=100000, cpu_quota=20000, memory_limit_in_bytes=96 << 20))
        self.assertEqual(place.cgroup_value(pid, "memory/memory.limit_in_bytes", "memory.max"), str(96 << 20))
        self.assertEqual(place.cgroup_value(pid, "cpu/cpu.cfs_quota_us", "cpu.max").split()[0], "20000")

    def test_running_out_of_memory_is_told(self):
        container = Pod(self).start("exec tail -c 90m /dev/zero",
                                    resources=CRI.types.LinuxContainerResources(memory_limit_in_bytes=24 << 20))
        wait_for(lambda: container.status().state == EXITED, 30, "the end")
        self.assertEqual(container.status().exit_code, 137)
        wait_for(lambda: container.status().reason == "OOMKilled", 10, "the reason")

    def test_stats(self):
        container = Pod(self).start()
        stats = CRI.ContainerStats(container_id=container.ident).stats
        self.assertEqual(stats.attributes.id, container.ident)
        self.assertGreater(stats.memory.working_set_bytes.value, 0)
        self.assertGreater(stats.cpu.usage_core_nano_seconds.value, 0)

    def test_the_security_context(self):
        types = CRI.types
        container = Pod(self).start(security={
            "run_as_user": types.Int64Value(value=1000), "run_as_group": types.Int64Value(value=2000),
            "no_new_privs": True, "readonly_rootfs": True, "masked_paths": ["/proc/uptime"], "readonly_paths": ["/proc/sys"],
            "capabilities": types.Capability(drop_capabilities=["ALL"]),
            "seccomp": types.SecurityProfile(profile_type=types.SecurityProfile.RuntimeDefault)})
        shown = container.exec("id -u; id -g; grep -E '^(CapBnd|NoNewPrivs|Seccomp:)' /proc/self/status;"
                               "cat /proc/uptime; touch /x 2>&1 || true").stdout.decode().splitlines()
        self.assertEqual(shown, ["1000", "2000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2",
                                 "touch: /x: Read-only file system"])

    def test_a_mount(self):
        CONTAINERD.place.write("/var/given/file", "given")
        container = Pod(self).start(mounts=[CRI.types.Mount(container_path="/given", host_path="/var/given", readonly=True)])
        shown = container.exec("cat /given/file; touch /given/x 2>&1 || true").stdout
        self.assertEqual(shown, b"giventouch: /given/x: Read-only file system\n")

    def test_a_pod_s_sysctl(self):
        pod = Pod(self, sysctls={"net.ipv4.ip_unprivileged_port_start": "81"})
        self.assertEqual(pod.start().exec("cat /proc/sys/net/ipv4/ip_unprivileged_port_start").stdout, b"81\n")

    def test_removal_leaves_nothing(self):
        pod = Pod(self)
        idents = (pod.ident, pod.start().ident)
        pod.remove()
        for ident in idents:
            left = CONTAINERD.place.run("/bin/sh", "-c", f"find /sys/fs/cgroup /run/containerd/runc -name '{ident}'; grep {ident} /proc/mounts")
            self.assertEqual(left.out, "")

    def test_a_pod_s_own_words_loosen_nothing(self):
        """Annotations come from the pod's author."""
        if not is_holdfast():
            self.skipTest("the policy is holdfast's: this runtime does as it is asked")
        shown = Pod(self).start().exec("grep -E '^(CapBnd|Seccomp:)' /proc/self/status; unshare -U true 2>&1 || true").stdout.decode()
        self.assertIn("Seccomp:\t2", shown)
        self.assertEqual(int(shown.split()[1], 16) & 1 << 13, 0)
        self.assertIn("Operation not permitted", shown)

    def test_a_container_is_found_by_its_pod_s_and_its_own_name(self):
        if not is_holdfast():
            self.skipTest("holdfastctl knows holdfast's containers")
        pod = Pod(self)
        container = pod.start()
        name = os.path.basename(container.log_path).removesuffix(".log")
        for asked in (container.ident[:14], f"{pod.config.metadata.name}/{name}", f"default/{pod.config.metadata.name}/{name}",
                      name):
            answer = json.loads(CONTAINERD.place.check(holdfastctl(), "explain", asked, "--format", "json"))
            self.assertEqual(answer["id"], container.ident)
            self.assertEqual((answer["engine"], answer["name"]), ("containerd k8s.io", f"{pod.config.metadata.name}/{name}"))


class CriUserNamespace(user_namespace.UserNamespace, unittest.TestCase):
    """containerd's pods under `restricted`: their network is CNI's making, their roots are overlays."""

    @property
    def engine(self):
        return CONTAINERD

    def test_a_pod_is_told_why_it_has_none(self):
        self.policy("restricted")
        pod = Pod(self)
        container = pod.start()
        self.assertEqual(container.exec("cat /proc/self/uid_map").stdout.split(), [b"0", b"0", b"4294967295"])
        for ident in (pod.ident, container.ident):
            told = self.explained(ident)
            self.assertEqual(told["outcome"], "notPossible")
            self.assertIn("its network namespace was made for it outside of any user namespace", told["why"])
            self.assertRegex(told["why"], "its root: .*overlay.* cannot be id-mapped")
            self.assertIn("hostUsers", told["why"])
        self.assertEqual(self.claims(), set())

    def test_where_it_is_required_a_pod_is_refused_with_the_reasons(self):
        self.wanted("require")
        with self.assertRaisesRegex(grpc.RpcError, "requires userNamespace, but its network namespace.*hostUsers"):
            Pod(self)


class CriLimits(unittest.TestCase):
    """A profile's limits over pods: what a kubelet sets none for, and what it sets too high."""

    def setUp(self):
        if not is_holdfast():
            self.skipTest("the policy is holdfast's: this runtime does as it is asked")
        self.addCleanup(CONTAINERD.place.run, "rm", "-rf", "/etc/holdfast")
        limits.set_small_policy(CONTAINERD.place)

    @staticmethod
    def held(container):
        """Memory in bytes, CPU in microseconds of each 100 ms, processes."""
        pid = container.pid()
        memory, cpu, tasks = (CONTAINERD.place.cgroup_value(pid, *files) for files in (limits.MEMORY, limits.CPU, limits.TASKS))
        return int(memory) // limits.MIB, cpu.split()[0], tasks

    def start(self, **resources):
        return Pod(self).start(resources=CRI.types.LinuxContainerResources(**resources) if resources else None)

    def told(self, ident):
        shown = json.loads(CONTAINERD.place.check(holdfastctl(), "explain", ident, "--format", "json"))
        return {each["control"]: each["applied"] for each in shown["decisions"] if each["outcome"] == "tightened"}

    def test_what_sets_none_gets_the_defaults_and_so_does_the_sandbox(self):
        pod = Pod(self)
        container = pod.start()
        self.assertEqual(self.held(container), (64, "50000", "100"))
        for ident in (container.ident, pod.ident):
            told = self.told(ident)
            self.assertEqual((told["memoryLimit"], told["pidsLimit"]), ("64Mi", "100"))

    def test_what_asks_for_less_gets_that(self):
        self.assertEqual(self.held(self.start(memory_limit_in_bytes=32 * limits.MIB, cpu_period=100000, cpu_quota=25000)),
                         (32, "25000", "100"))

    def test_what_asks_for_more_gets_the_most_and_is_told(self):
        container = self.start(memory_limit_in_bytes=1024 * limits.MIB, cpu_period=100000, cpu_quota=150000)
        self.assertEqual(self.held(container), (128, "100000", "100"))
        told = self.told(container.ident)
        self.assertEqual((told["memoryLimit"], told["cpuLimit"]), ("128Mi", "1"))

    def test_an_update_does_not_pass_the_most(self):
        container = self.start(memory_limit_in_bytes=32 * limits.MIB)
        for asked, held in ((1024, 128), (96, 96)):
            CRI.UpdateContainerResources(container_id=container.ident, linux=CRI.types.LinuxContainerResources(
                memory_limit_in_bytes=asked * limits.MIB, cpu_period=100000, cpu_quota=150000))
            self.assertEqual(self.held(container), (held, "100000", "100"))

    def test_a_limit_that_is_passed_ends_the_container(self):
        container = Pod(self).start("exec tail -c 90m /dev/zero")
        wait_for(lambda: container.status().state == EXITED, 30, "the end")
        self.assertEqual(container.status().exit_code, 137)
