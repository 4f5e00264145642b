"""Rootful podman over the runtime under test."""

import os
import unittest

from engines import contract, limits, policy, user_namespace
from engines.instance import is_holdfast, runtime, wait_for
from engines.podman import Podman

PODMAN = None


def setUpModule():
    global PODMAN
    PODMAN = Podman()
    unittest.addModuleCleanup(PODMAN.close)


class PodmanTest(contract.RootContract, unittest.TestCase):
    @property
    def engine(self):
        return PODMAN

    def test_pods_share_namespaces(self):
        self.addCleanup(self.engine, "pod", "rm", "-f", "pod")
        self.engine.check("pod", "create", "--name", "pod", "--share", "net,ipc,uts,pid",
                          "--infra-image", "docker.io/holdfast-test/pause:1")
        name = self.start("--pod", "pod", script="while :; do echo pod | nc -l -p 7001; done")
        kinds = "for n in net ipc uts pid; do readlink /proc/self/ns/$n; done"
        shown = self.sh(f"{kinds}; nc -w 2 127.0.0.1 7001", "--pod", "pod")
        self.assertEqual(shown, self.engine.check("exec", name, "sh", "-c", kinds) + "\npod")
        self.engine.check("pod", "stop", "-t", "1", "pod")
        self.assertEqual(self.state(name, "Running"), "false")

    def test_health_checks(self):
        name = self.start("--health-cmd", "test -e /tmp/well", "--health-interval", "disable")
        self.assertNotEqual(self.engine("healthcheck", "run", name).status, 0)
        self.engine.check("exec", name, "touch", "/tmp/well")
        self.assertEqual(self.engine("healthcheck", "run", name).status, 0)

    def test_privileged(self):
        shown = self.sh("grep -E '^CapEff' /proc/self/status; mount -t tmpfs t /tmp && echo mounted;"
                        "test -e /dev/kmsg && echo devices", "--privileged", "--systemd=false")
        lines = shown.splitlines()
        self.assertNotEqual(int(lines[0].split()[1], 16) & 1 << 21, 0)  # CAP_SYS_ADMIN
        self.assertEqual(lines[-2:], ["mounted", "devices"])

    def test_a_user_namespace_of_its_own(self):
        shown = self.sh("cat /proc/self/uid_map; id -u; touch /x && stat -c %u /x", "--uidmap", "0:100000:65536",
                        "--gidmap", "0:100000:65536").splitlines()
        self.assertEqual(shown[0].split(), ["0", "100000", "65536"])
        self.assertEqual(shown[1:], ["0", "0"])

    def test_the_host_s_root_file_system_is_not_in_the_container(self):
        self.engine.place.write("/var/secret", "host")
        self.assertEqual(self.sh("test -e /var/secret && echo there || echo no"), "no")

    def test_a_root_file_system_without_an_image(self):
        self.engine.place.check("/bin/sh", "-c", "mkdir -p /var/plain/bin && cp /bin/busybox /var/plain/bin/sh")
        shown = self.engine.check("run", "--rm", "--network", "none", "--rootfs", "/var/plain", "/bin/sh", "-c", "echo plain")
        self.assertEqual(shown, "plain")

    def test_no_cgroups(self):
        if not is_holdfast():
            self.skipTest("runc has no --cgroup-manager, by which podman asks for no cgroups")
        shown = self.sh("echo free", "--cgroups", "disabled", "--network", "none")
        self.assertEqual(shown, "free")

    def test_exec_with_open_descriptors(self):
        name = self.start()
        shown = self.engine.place.check(
            "/bin/bash", "-c", f"exec 3<<<'through three'; podman exec --preserve-fds 1 {name} sh -c 'cat <&3'")
        self.assertEqual(shown, "through three")

    def test_the_notify_socket_is_served(self):
        """sd_notify from inside reaches the socket that podman was given."""
        shown = self.engine.place.run(
            "/usr/bin/python3", "-c",
            "import os, socket, subprocess, sys\n"
            "s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind('/run/notify'); s.settimeout(30)\n"
            "env = dict(os.environ, NOTIFY_SOCKET='/run/notify')\n"
            f"p = subprocess.Popen(['podman', 'run', '--rm', '--sdnotify=conmon', '{self.engine.image}', 'true'], env=env)\n"
            "got = s.recv(4096).decode()\n"
            "p.wait(); print('MAINPID=' in got or 'READY=1' in got)")
        self.assertEqual(shown.out, "True", str(shown))

    def test_a_container_reports_for_itself_that_it_is_ready(self):
        """--sdnotify=container: what it sends reaches the socket that podman was given."""
        send = os.path.join(os.path.dirname(runtime()), "notify_send")
        shown = self.engine.place.run(
            "/usr/bin/python3", "-c",
            "import os, socket, subprocess\n"
            "s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind('/run/ready')\n"
            "env = dict(os.environ, NOTIFY_SOCKET='/run/ready')\n"
            "def run(*args):\n"
            "    return subprocess.Popen(['podman', 'run', '--rm', '--sdnotify=container', '--network', 'none',\n"
            f"        '-v', '{send}:/bin/notify_send:ro', '{self.engine.image}', *args], env=env)\n"
            "def said():\n"
            "    s.setblocking(False); got = []\n"
            "    try:\n"
            "        while True: got += s.recv(4096).decode().split()\n"
            "    except BlockingIOError: return 'READY=1' in got\n"
            "print(run('true').wait(), said(), run('notify_send', 'READY=1').wait(), said())")
        self.assertEqual(shown.out, "0 False 0 True", str(shown))

    def test_checking_the_runtime_s_name(self):
        self.assertEqual(self.engine.check("info", "--format", "{{.Host.OCIRuntime.Name}}"), "holdfast")

    def test_kill_of_a_stopped_container_is_an_error(self):
        name = self.start(script="exit 0")
        wait_for(lambda: self.state(name, "Running") == "false", 10, "the end")
        self.assertNotEqual(self.engine("kill", name).status, 0)


class PodmanPolicyTest(policy.Policy, contract.Containers, unittest.TestCase):
    refused = 126  # podman's for whatever a runtime says

    @property
    def engine(self):
        return PODMAN


class PodmanLimits(limits.Limits, contract.Containers, unittest.TestCase):
    @property
    def engine(self):
        return PODMAN


class PodmanUserNamespace(user_namespace.UserNamespace, unittest.TestCase):
    @property
    def engine(self):
        return PODMAN

    def test_a_directory_as_root_gets_one(self):
        self.wanted("require")
        root, volume = self.directory_root()
        shown = self.engine.check(
            "run", "--rm", "--network", "none", "-v", f"{volume}:/data", "--rootfs", str(root),
            "sh", "-c", "cat /proc/self/uid_map; id -u; touch /data/f; echo x > /dev/stderr")
        self.assert_mapped(shown, volume)

    def test_a_network_of_podman_s_making_is_the_reason(self):
        self.wanted("require")
        root, _ = self.directory_root()
        result = self.engine("run", "--rm", "--rootfs", str(root), "true")
        self.assertNotEqual(result.status, 0)
        self.assertIn("its network namespace was made for it outside of any user namespace", result.err)
        self.assertIn("podman --userns=auto", result.err)
