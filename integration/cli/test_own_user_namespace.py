"""User namespaces that the policy gives to containers whose engine asked for none."""

import concurrent.futures
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

from lib.bundle import Bundle
from lib.case import RuntimeCase
from lib.node import Node
from lib.runtime import Runtime, new_id

STRACE = shutil.which("strace", path="/usr/bin:/bin")
CLAIMS = pathlib.Path("/run/holdfast/.ids")
WHOLE = ["0", "0", "4294967295"]
FIRST, RANGE = 3_000_000_000, 65536
# Every Nth of the runtime's calls is one that it is killed at.
STEP = int(os.environ.get("HOLDFAST_KILL_STEP", "8"))


class OwnUserNamespaceCase(RuntimeCase):
    def setUp(self):
        self.addCleanup(self.assert_nothing_is_claimed)  # the last of all
        super().setUp()
        self.node({"profile": "restricted"})

    def node(self, policy, ranges=64, **options):
        """A node with such a policy and so many ranges, which no other test has."""
        node = Node(policy, **options)
        self.enterContext(node)
        entry = f"holdfast:{FIRST}:{ranges * RANGE}\\n"
        subprocess.run([*node.prefix, "/bin/sh", "-c",
                        f"printf '{entry}' > /etc/subuid; printf '{entry}' > /etc/subgid"],
                       check=True)
        self.runtime = Runtime(root=self.runtime.root, prefix=node.prefix)

    def bundle(self, *args, **options):
        bundle = Bundle(args, **options)
        self.addCleanup(bundle.remove)
        return bundle

    def shell(self, script, **options):
        return self.bundle("sh", "-c", script, **options)

    def seen(self, bundle):
        return self.assert_ok(self.runtime.run_container(bundle)).stdout

    def running(self, bundle):
        container = new_id()
        self.assert_ok(self.runtime.create(bundle, container))
        self.runtime.ok("start", container)
        return container

    def map_of(self, container):
        pid = self.runtime.state(container)["pid"]
        return pathlib.Path(f"/proc/{pid}/uid_map").read_text().split()

    def claims(self):
        """Of this test's state root: {first id: state directories}."""
        found = {}
        for link in CLAIMS.glob("*/*"):
            target = os.readlink(link)
            # One whose directory is gone stands for nothing.
            if target.startswith(self.runtime.root + "/") and os.path.lexists(target):
                found.setdefault(int(link.parent.name), []).append(target)
        return found

    def assert_nothing_is_claimed(self):
        self.assertEqual(self.claims(), {})

    def decision(self, container):
        plan = json.loads((pathlib.Path(self.runtime.root) / container / "plan.json").read_text())
        return next(each for each in plan["decisions"] if each["control"] == "userNamespace")

    def volume(self, kind="directory"):
        path = pathlib.Path(tempfile.mkdtemp(prefix="holdfast-volume-"))
        self.addCleanup(shutil.rmtree, path)
        os.chmod(path, 0o755)
        return path


class OwnUserNamespace(OwnUserNamespaceCase):
    def test_ids_are_of_a_range_of_the_pool(self):
        bundle = self.bundle("sleep", "1000")
        container = self.running(bundle)
        inside, first, count = map(int, self.map_of(container))
        self.assertEqual((inside, count), (0, RANGE))
        self.assertEqual((first - FIRST) % RANGE, 0)
        self.assertLess(first, FIRST + 64 * RANGE)
        self.assertEqual(list(self.claims()), [first])
        decision = self.decision(container)
        self.assertEqual((decision["asked"], decision["applied"]),
                         ("host", f"0..65535 = {first}..{first + RANGE - 1}"))
        self.assertEqual(self.runtime.ok("exec", container, "cat", "/proc/self/uid_map").stdout.split(),
                         ["0", str(first), str(RANGE)])
        self.runtime.ok("delete", "--force", container)
        self.assert_nothing_is_claimed()

    def test_the_root_keeps_its_owners_inside_and_on_disk(self):
        bundle = self.shell("stat -c '%u:%g' / /etc/passwd /home/user; id -u; echo x > /new; "
                            "stat -c '%u:%g' /new")
        os.chown(bundle.rootfs / "home/user", 1000, 1001)
        self.assertEqual(self.seen(bundle).split(), ["0:0", "0:0", "1000:1001", "0", "0:0"])
        new = os.stat(bundle.rootfs / "new")
        self.assertEqual((new.st_uid, new.st_gid), (0, 0))
        self.assertEqual(os.stat(bundle.rootfs).st_uid, 0)

    def test_files_on_a_volume_have_the_ids_that_they_have_without_a_namespace(self):
        for user in (0, 1000):
            volume = self.volume()
            os.chown(volume, user, user)
            bundle = self.shell("echo x > /data/f && mkdir /data/d && stat -c %u /data", user=user)
            bundle.mount("/data", volume, "rbind", "rw")
            self.assertEqual(self.seen(bundle).strip(), str(user))
            for name in ("f", "d"):
                self.assertEqual(os.stat(volume / name).st_uid, user)

    def test_what_containers_do_works_in_it(self):
        bundle = self.shell(
            "nc -l -p 80 </dev/null & sleep 0.3; netstat -ltn | grep -c ':80 ';"
            "echo x > /dev/null && head -c 3 /dev/urandom | wc -c;"
            "ls /sys/class/net; ls /sys/kernel | wc -l; cat /proc/sys/net/ipv4/ping_group_range;"
            "echo m > /dev/shm/m && cat /dev/shm/m; cat /proc/keys | wc -c; tty; ls /sys/fs/cgroup | wc -l;"
            "grep -c cgroup /proc/self/mountinfo; kill %1")
        bundle.linux["sysctl"] = {"net.ipv4.ping_group_range": "0 2147483647"}
        bundle.write()
        lines = self.seen(bundle).splitlines()
        self.assertEqual(lines[:3], ["1", "3", "lo"])
        self.assertGreater(int(lines[3]), 3)
        self.assertEqual(lines[4].split(), ["0", "65535"])
        self.assertEqual(lines[5:8], ["m", "0", "not a tty"])
        self.assertGreater(int(lines[8]), 0)

    def test_standard_streams_can_be_opened_again(self):
        for user in (0, 1000):
            bundle = self.shell("echo out > /dev/stdout; echo err > /dev/stderr", user=user)
            result = self.assert_ok(self.runtime.run_container(bundle))
            self.assertEqual((result.stdout, result.stderr), ("out\n", "err\n"))
            container = self.running(self.bundle("sleep", "1000"))
            result = self.runtime.ok("exec", "--user", str(user), container, "sh", "-c",
                                     "echo out > /dev/stdout")
            self.assertEqual(result.stdout, "out\n")

    def test_hooks_work_though_the_bundle_is_closed(self):
        bundle = self.bundle("true")
        bundle.config["hooks"] = {"createContainer": [
            {"path": "/bin/sh", "args": ["sh", "-c", "pwd -P > /dev/shm/hook"]}]}
        bundle.write()
        for mode, directory in ((0o755, bundle.path), (0o700, "/")):
            os.chmod(bundle.path, mode)
            self.seen(bundle)
            self.assertEqual(pathlib.Path("/dev/shm/hook").read_text().strip(), str(directory))
            os.unlink("/dev/shm/hook")

    def test_the_same_container_gets_the_same_range(self):
        container, ranges = new_id(), set()
        for _ in range(3):
            bundle = self.bundle("sleep", "1000")
            self.assert_ok(self.runtime.create(bundle, container))
            ranges.update(self.claims())
            self.runtime.ok("delete", "--force", container)
        self.assertEqual(len(ranges), 1)

    def test_concurrent_creates_get_different_ranges(self):
        bundles = [self.bundle("sleep", "1000") for _ in range(12)]
        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            containers = list(pool.map(self.running, bundles))
        firsts = {self.map_of(container)[1] for container in containers}
        self.assertEqual(len(firsts), 12)
        self.assertEqual({str(first) for first in self.claims()}, firsts)

    def test_when_all_ranges_are_taken_it_is_told(self):
        self.node({"profile": "restricted"}, ranges=2)
        containers = [self.running(self.bundle("sleep", "1000")) for _ in range(2)]
        third = self.bundle("true")
        result = self.runtime.run_container(third)
        self.assert_refused(result, "all 2 id ranges of 3000000000..3000131071 (/etc/subuid) are in use")
        self.runtime.ok("delete", "--force", containers[0])
        self.assert_ok(self.runtime.run_container(third))

    def test_a_failed_create_holds_nothing(self):
        bundle = self.bundle("/nonexistent")
        self.assertNotEqual(self.runtime.run_container(bundle).returncode, 0)
        self.assert_nothing_is_claimed()

    def test_baseline_gives_none(self):
        self.node({"profile": "baseline"})
        self.assertEqual(self.seen(self.bundle("cat", "/proc/self/uid_map")).split(), WHOLE)


class Pods(OwnUserNamespaceCase):
    def test_a_member_joins_the_user_namespace_of_its_sandbox(self):
        sandbox = self.running(self.bundle("sleep", "1000"))
        pid = self.runtime.state(sandbox)["pid"]
        bundle = self.bundle("sleep", "1000")
        for each in bundle.linux["namespaces"]:
            if each["type"] in ("network", "ipc", "uts"):
                kind = {"network": "net"}.get(each["type"], each["type"])
                each["path"] = f"/proc/{pid}/ns/{kind}"
        del bundle.config["hostname"]
        volume = self.volume()
        bundle.mount("/data", volume, "rbind")
        member = self.running(bundle)
        own = self.runtime.state(member)["pid"]
        for kind in ("user", "net", "ipc"):
            self.assertEqual(os.readlink(f"/proc/{own}/ns/{kind}"), os.readlink(f"/proc/{pid}/ns/{kind}"))
        script = ("echo x > /data/f; nc -l -p 81 </dev/null & sleep 0.3; netstat -ltn | grep -c ':81 ';"
                  "ls /sys/class/net; stat -c %u /data; echo out > /dev/stdout; kill %1")
        self.assertEqual(self.runtime.ok("exec", member, "sh", "-c", script).stdout.split(),
                         ["1", "lo", "0", "out"])
        self.assertEqual(os.stat(volume / "f").st_uid, 0)
        (first, holders), = self.claims().items()
        self.assertEqual(len(holders), 2)
        self.assertIn(f"/proc/{pid}/ns/", self.decision(member)["why"])
        # Its ids stay taken as long as any of the pod has them.
        self.runtime.ok("delete", "--force", sandbox)
        self.assertEqual(list(self.claims()), [first])
        self.runtime.ok("delete", "--force", member)

    def test_a_network_of_the_hosts_making_is_told(self):
        holder = subprocess.Popen(["/usr/bin/unshare", "--net", "sleep", "1000"])
        self.addCleanup(holder.wait)
        self.addCleanup(holder.kill)
        while os.readlink(f"/proc/{holder.pid}/ns/net") == os.readlink("/proc/self/ns/net"):
            pass
        bundle = self.bundle("sleep", "1000")
        for each in bundle.linux["namespaces"]:
            if each["type"] == "network":
                each["path"] = f"/proc/{holder.pid}/ns/net"
        container = self.running(bundle.write())
        self.assertEqual(self.map_of(container), WHOLE)
        self.assertIn("its network namespace was made for it outside of any user namespace",
                      self.decision(container)["why"])


class Ladder(OwnUserNamespaceCase):
    def overlay(self):
        """A directory on an overlay, mounted on the node."""
        top = self.volume()
        for name in ("lower", "upper", "work", "merged"):
            (top / name).mkdir()
        command = ("mount -t overlay -o lowerdir={0}/lower,upperdir={0}/upper,workdir={0}/work overlay"
                   " {0}/merged").format(top)
        subprocess.run([*self.runtime.prefix, "/bin/sh", "-c", f"mount -t tmpfs t {top} && mkdir "
                        f"{top}/lower {top}/upper {top}/work {top}/merged && {command}"], check=True)
        return top / "merged"

    def test_an_overlay_is_the_reason_why_there_is_none(self):
        merged = self.overlay()
        bundle = self.bundle("sleep", "1000").mount("/data", merged, "rbind")
        container = self.running(bundle)
        self.assertEqual(self.map_of(container), WHOLE)
        self.assert_nothing_is_claimed()
        decision = self.decision(container)
        self.assertEqual(decision["outcome"], "not possible")
        self.assertIn(f"{merged}: overlay", decision["why"])
        self.assertIn("podman --userns=auto", decision["why"])

    def test_a_device_of_roots_is_the_reason_why_there_is_none(self):
        bundle = self.bundle("sleep", "1000")
        volume = self.volume()
        os.mknod(volume / "d", 0o600 | 0o020000, os.makedev(1, 3))
        bundle.mount("/d", volume / "d", "bind")
        container = self.running(bundle)
        self.assertEqual(self.map_of(container), WHOLE)
        self.assertIn("is a device that only its owner on the host may use",
                      self.decision(container)["why"])


class Killed(OwnUserNamespaceCase):
    def calls(self, argv):
        """How often the runtime itself makes each call."""
        log = pathlib.Path(self.runtime.root + ".calls")
        self.addCleanup(log.unlink, missing_ok=True)
        subprocess.run([*self.runtime.prefix, STRACE, "-qq", "-o", log, *argv],
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, check=True)
        counted = {}
        for line in log.read_text(errors="replace").splitlines():
            name = line.partition("(")[0]
            if name.isidentifier():
                counted[name] = counted.get(name, 0) + 1
        return [(name, i + 1) for name, count in counted.items() for i in range(count)][::STEP]

    def test_a_runtime_that_is_killed_anywhere_gives_its_range_back(self):
        if not STRACE:
            self.skipTest("strace is not installed")
        self.node({"profile": "restricted"}, ranges=1)
        bundle, prefix = self.bundle("true"), self.runtime.prefix
        argv = Runtime(root=self.runtime.root).argv("create", "--bundle", bundle.path)
        self.assert_ok(self.runtime.run_container(bundle))  # the filters are compiled now
        points = self.calls([*argv, first := new_id()])
        self.runtime.ok("delete", "--force", first)
        claimed = killed = 0
        for name, number in points:
            container = new_id()
            result = subprocess.run(
                [*prefix, STRACE, "-qq", "-o", "/dev/null", "-e",
                 f"inject={name}:signal=SIGKILL:when={number}", *argv, container],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                check=False)
            killed += result.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL)
            claimed += bool(self.claims())
            self.runtime.ok("delete", "--force", container)
            # The one range there is; what has its ids may be dying still.
            again = self.runtime.run_container(bundle)
            for _ in range(100):
                if again.returncode == 0 or "in use" not in again.stderr:
                    break
                time.sleep(0.05)
                again = self.runtime.run_container(bundle)
            self.assertEqual(again.returncode, 0, f"{name} {number}: {again.stderr}")
        self.assertGreater(killed, len(points) / 2)
        self.assertGreater(claimed, 3)
        self.assert_nothing_is_claimed()
