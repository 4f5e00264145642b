"""Containers of docker and podman whose roots are directories (storage driver vfs) in user namespaces of
holdfast's giving: that they are in one, and that everything that the engines promise holds in there."""

import os
import unittest

from engines import contract, user_namespace
from engines.docker import Docker
from engines.instance import is_holdfast
from engines.podman import Podman

ENGINES = {}
PAUSE = "docker.io/holdfast-test/pause:1"


def setUpModule():
    if not is_holdfast():
        raise unittest.SkipTest("the policy is holdfast's: this runtime does as it is asked")
    for name, kind in (("docker", Docker), ("podman", Podman)):
        engine = kind(storage="vfs", name=f"{name}-vfs")
        unittest.addModuleCleanup(engine.close)
        ENGINES[name] = engine


class OwnIds(user_namespace.UserNamespace, contract.RootContract):
    """Docker's and podman's contract under the shipped baseline and `"userNamespace": "require"`."""

    # What asks for something that stands against it, and gets that, under "auto".
    AGAINST = ("test_devices_are_denied_unless_given", "test_the_host_s_network",
               "test_the_host_s_pid_and_ipc_namespaces")

    SHARED = "/var/lib/holdfast/shared"  # the rest of /var is an overlay

    def setUp(self):
        super().setUp()
        self.wanted("auto" if self._testMethodName in self.AGAINST else "require")

    def tearDown(self):
        super().tearDown()
        self.doCleanups()
        self.assertEqual(self.claims(), set())

    def test_ids_of_its_own(self):
        name = self.start()
        first = self.first_id(self.engine.check("exec", name, "cat", "/proc/self/uid_map"))
        self.assertEqual(self.first_id(self.engine.place.read(f"/proc/{self.engine.pid(name)}/uid_map")), first)
        self.assertEqual(self.claims(), {str(first)})
        told = self.explained(self.engine.inspect(name, "{{.Id}}"))
        self.assertEqual((told["outcome"], told["asked"], told["applied"]),
                         ("tightened", "host", f"0..65535 = {first}..{first + 65535}"))

    def test_the_image_s_owners_are_seen(self):
        self.assertEqual(self.sh("stat -c %u:%g / /etc/passwd /tmp; touch /new && stat -c %u /new").split(),
                         ["0:0", "0:0", "0:0", "0"])

    def test_two_containers_write_one_volume(self):
        self.addCleanup(self.engine, "volume", "rm", "-f", "shared")
        firsts = []
        for user, name in ((0, "root"), (1000, "user"), (0, "again")):
            container = self.start("-v", "shared:/v")
            firsts.append(self.first_id(self.engine.check("exec", container, "cat", "/proc/self/uid_map")))
            self.engine.check("exec", container, "sh", "-c",
                              f"mkdir /v/{name} && chown {user} /v/{name} && chmod 777 /v")
            self.engine.check("exec", "-u", str(user), container, "sh", "-c", f"echo {name} > /v/{name}/f")
        self.assertEqual(len(set(firsts)), 3)
        place = self.engine.check("volume", "inspect", "-f", "{{.Mountpoint}}", "shared")
        shown = self.engine.place.check("/bin/sh", "-c", f"cd {place}; stat -c %u root/f user/f again/f; cat */f")
        self.assertEqual(shown.split(), ["0", "1000", "0", "again", "root", "user"])
        self.assertEqual(self.sh("stat -c %u /v/user/f; rm -r /v/root && ls /v", "-v", "shared:/v").split(),
                         ["1000", "again", "user"])

    def test_devices_are_denied_unless_given(self):
        shown = self.sh("mknod /tmp/d c 10 237 2>&1 || true", "--cap-add", "MKNOD", "--network", "none").rsplit(": ", 1)[-1]
        self.assertEqual(shown, "Operation not permitted")
        # Given under another name than the host's: as it is asked for, and without ids of its own.
        shown = self.sh("cat /proc/self/uid_map; (: </dev/given) && echo opened",
                        "--device", "/dev/loop-control:/dev/given:r").split()
        self.assertEqual(shown, [*user_namespace.WHOLE, "opened"])

    # A procfs that is read-only by a mount of its own: who is nobody to the file is told that first.
    def test_sensitive_files_are_masked_or_read_only(self):
        shown = self.sh("head -c1 /proc/kcore | wc -c;"
                        "for f in /proc/sys/kernel/hostname /proc/irq/default_smp_affinity /sys/kernel/profiling;"
                        "do echo x 2>&1 >$f; done; true")
        lines = shown.splitlines()
        self.assertEqual(lines[0], "0")
        for line in lines[-3:]:
            self.assertRegex(line.rsplit(": ", 1)[1], "Read-only file system|Permission denied", shown)


class DockerOwnIds(OwnIds, unittest.TestCase):
    @property
    def engine(self):
        return ENGINES["docker"]

    def test_members_of_a_network_are_a_pod(self):
        first = self.start()
        member = self.start("--network", f"container:{first}", "-v", f"{self.volume()}:/data")
        owner = "readlink /proc/self/ns/user; cat /proc/self/uid_map"
        self.assertEqual(self.engine.check("exec", member, "sh", "-c", owner),
                         self.engine.check("exec", first, "sh", "-c", owner))
        self.engine.check("exec", member, "touch", "/data/f")
        self.assertEqual(os.stat(os.path.join(self.engine.place.scratch, f"volume-{self.id()}", "f")).st_uid, 0)
        self.assertEqual(len(self.claims()), 1)


class PodmanOwnIds(OwnIds, unittest.TestCase):
    """Without networks of podman's making, which stand against it."""

    AGAINST = (*OwnIds.AGAINST, "test_a_published_port", "test_containers_reach_each_other")

    @property
    def engine(self):
        return ENGINES["podman"]

    def setUp(self):
        super().setUp()
        self.engine.default_network(None if self._testMethodName in self.AGAINST else "none")

    def test_copying_files(self):
        """`podman cp` enters a running container's mounts as the host's root, who has no id in there."""
        name = self.start()
        self.engine.place.write("/var/copied", "content")
        refused = self.assert_status(125, "cp", "/var/copied", f"{name}:/tmp/there")
        self.assertIn("value too large for defined data type", refused.err)
        self.engine.check("exec", "-i", name, "sh", "-c", "cat > /tmp/reply", stdin="reply")
        self.engine.check("cp", f"{name}:/tmp/reply", "/var/tmp/reply")
        self.assertEqual(self.engine.place.read("/var/tmp/reply"), "reply")
        self.engine.check("stop", "-t", "5", name)
        self.engine.check("cp", "/var/copied", f"{name}:/tmp/there")
        self.engine.check("start", name)
        self.assertEqual(self.engine.check("exec", name, "stat", "-c", "%u", "/tmp/there"), "0")


# pylint: disable-next=too-few-public-methods
class Restricted(user_namespace.UserNamespace, contract.Containers):
    def setUp(self):
        super().setUp()
        self.policy("restricted")

    def test_it_runs_in_ids_of_its_own(self):
        volume = self.volume()
        script = ("cat /proc/self/uid_map; id -u; touch /data/f; grep -E '^(NoNewPrivs|CapBnd)' /proc/self/status")
        lines = self.sh(script, *self.options, "-v", f"{volume}:/data").splitlines()
        self.assert_mapped(" ".join(lines[:2]), volume)
        self.assertEqual([line.split()[1] for line in lines[2:]], ["0000000000000400", "1"])

    options = ()


class DockerRestricted(Restricted, unittest.TestCase):
    @property
    def engine(self):
        return ENGINES["docker"]


class PodmanRestricted(Restricted, unittest.TestCase):
    # Otherwise the network is podman's making, and told as the reason.
    options = ("--network", "none")

    def setUp(self):
        super().setUp()
        self.engine.default_network(None)

    @property
    def engine(self):
        return ENGINES["podman"]

    def test_a_network_of_podman_s_making_is_told(self):
        name = self.start()
        self.assertEqual(self.engine.check("exec", name, "cat", "/proc/self/uid_map").split(), user_namespace.WHOLE)
        told = self.explained(self.engine.inspect(name, "{{.Id}}"))
        self.assertEqual(told["outcome"], "notPossible")
        self.assertIn("its network namespace was made for it outside of any user namespace", told["why"])
        self.assertIn("podman --userns=auto", told["why"])

    def test_a_pod_is_one_user_namespace(self):
        self.addCleanup(self.engine, "pod", "rm", "-f", "pod")
        self.engine.check("pod", "create", "--name", "pod", "--network", "none", "--share", "net,ipc,uts",
                          "--infra-image", PAUSE)
        names = [self.start("--pod", "pod") for _ in range(2)]
        owner = "readlink /proc/self/ns/user; readlink /proc/self/ns/net; cat /proc/self/uid_map"
        shown = [self.engine.check("exec", name, "sh", "-c", owner) for name in names]
        self.assertEqual(shown[0], shown[1])
        first = self.first_id(shown[0].splitlines()[2])
        self.assertEqual(self.claims(), {str(first)})
        links = self.engine.place.check("/bin/ls", f"/run/holdfast/.ids/{first}").split()
        self.assertEqual(len(links), 3)
