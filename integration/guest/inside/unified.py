"""In a guest with AppArmor and every controller on cgroup v2, driven through the file system.

Its kernel, Linux 6.1, has no statmount, listmount, open_tree_attr nor lowerdir+.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest
from unittest import mock

from cli.test_user_namespace import UserNamespaces  # a suite of its own elsewhere; run here, too
from guest.inside import kernel
from lib.bundle import Bundle
from lib.case import RuntimeCase
from lib.node import Node
from lib.runtime import Runtime, new_id

PROFILE = """
profile holdfast-test flags=(attach_disconnected,mediate_deleted) {
  file,
  capability,
  signal,
  deny /tmp/denied w,
}
"""


def sole_line(case, result, *words):
    """A failed call says all of `words` in one line."""
    case.assertNotEqual(result.returncode, 0)
    case.assertEqual(result.stderr.count("\n"), 1, result.stderr)
    for each in words:
        case.assertIn(each, result.stderr)


class AppArmorTest(RuntimeCase):
    @classmethod
    def setUpClass(cls):
        subprocess.run(["/sbin/apparmor_parser", "-r", "-K"], input=PROFILE, text=True, check=True)

    def test_a_profile_confines_the_container_and_its_execs(self):
        show = "cat /proc/self/attr/current; touch /tmp/ok && echo made; touch /tmp/denied 2>&1 || true"
        with Bundle(["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1; done"]) as bundle:
            bundle.process["apparmorProfile"] = "holdfast-test"
            bundle.write()
            name = new_id()
            self.assert_ok(self.runtime.create(bundle, name))
            self.runtime.ok("start", name)
            shown = self.runtime.ok("exec", name, "sh", "-c", show).stdout.split("\n")
        # from inside, the part in the policy namespace of the profile that is stacked on the asked one
        self.assertRegex(shown[0], r"^holdfast-[0-9a-f]{32} \(enforce\)$")
        self.assertEqual(shown[1], "made")
        self.assertIn("Permission denied", shown[2])

    def test_a_profile_is_in_force_before_the_first_instruction(self):
        with Bundle(["cat", "/proc/self/attr/current"]) as bundle:
            bundle.process["apparmorProfile"] = "holdfast-test"
            bundle.process["noNewPrivileges"] = True
            bundle.write()
            result = self.assert_ok(self.runtime.run_container(bundle))
        self.assertRegex(result.stdout.strip("\0\n"), r"^holdfast-[0-9a-f]{32} \(enforce\)$")

    def started(self, bundle):
        name = new_id()
        self.assert_ok(self.runtime.create(bundle, name))
        self.runtime.ok("start", name)
        return name

    def label(self, pid):
        return pathlib.Path(f"/proc/{pid}/attr/apparmor/current").read_text(encoding="ascii").strip()

    @staticmethod
    def loaded():
        profiles = pathlib.Path("/sys/kernel/security/apparmor/profiles").read_text(encoding="ascii")
        return {line for line in profiles.split("\n") if re.match(r"(:holdfast:)?holdfast-[0-9a-f]{32} ", line)}

    def test_a_profile_of_the_plan_is_stacked_on_the_asked_one(self):
        with Bundle(["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1; done"]) as bundle:
            bundle.process["apparmorProfile"] = "holdfast-test"
            bundle.write()
            name = self.started(bundle)
            label = self.label(self.runtime.state(name)["pid"])
            self.assertRegex(label, r"^holdfast-test//&:holdfast:holdfast-[0-9a-f]{32} \(enforce\)$")
            plan = json.loads((pathlib.Path(self.runtime.root) / name / "plan.json").read_text())
            self.assertEqual(plan["process"]["apparmorProfile"], label.removesuffix(" (enforce)"))
            before = self.loaded()
            # a further process gets the same, whatever its engine asks for, and may signal its siblings
            pid_file = bundle.path / "exec.pid"
            self.runtime.ok("exec", "--detach", "--apparmor", "unconfined", "--pid-file", pid_file, name, "sleep", "1000",
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.assertEqual(self.label(pid_file.read_text()), label)
            # holdfast-test lets look at the empty directory that hides the firmware; the plan's profile does not
            shown = self.runtime.ok("exec", name, "sh", "-c", "(killall sleep && echo killed; ls /sys/firmware) 2>&1 || true").stdout
            self.assertEqual(shown.split("\n")[0], "killed")
            self.assertIn("Permission denied", shown)
        # one that is alike needs no profile of its own
        with Bundle(["sleep", "1000"]) as bundle:
            bundle.process["apparmorProfile"] = "holdfast-test"
            self.assertEqual(self.label(self.runtime.state(self.started(bundle.write()))["pid"]), label)
        self.assertEqual(self.loaded(), before)

    def test_without_an_asked_profile_the_plan_s_stands_alone(self):
        for asked in (None, "unconfined"):
            with Bundle(["sleep", "1000"]) as bundle:
                if asked:
                    bundle.process["apparmorProfile"] = asked
                bundle.write()
                self.assertRegex(self.label(self.runtime.state(self.started(bundle))["pid"]),
                                 r"^holdfast-[0-9a-f]{32} \(enforce\)$")

    def test_without_a_compiler_the_plan_tells(self):
        parser = pathlib.Path("/sbin/apparmor_parser")
        parser.chmod(0o644)
        self.addCleanup(parser.chmod, 0o755)
        with Bundle(["sleep", "1000"]) as bundle:
            bundle.process["apparmorProfile"] = "holdfast-test"
            bundle.write()
            name = self.started(bundle)
            self.assertEqual(self.label(self.runtime.state(name)["pid"]), "holdfast-test (enforce)")
            plan = json.loads((pathlib.Path(self.runtime.root) / name / "plan.json").read_text())
            told = [each for each in plan["decisions"] if each["control"] == "appArmor" and each["outcome"] == "not possible"]
            self.assertIn("apparmor_parser", told[0]["why"])
            with Node({"profile": "hard"}, profiles={"hard": {"extends": "baseline", "appArmor": "require"}}) as node:
                self.assert_refused(Runtime(root=self.runtime.root, prefix=node.prefix).run_container(bundle),
                                    "requires appArmor, but apparmor_parser, which compiles profiles, is not installed")

    def test_restricted_has_it_beneath_everything_else(self):
        with Node({"profile": "restricted"}) as node, Bundle(["sh", "-c", "grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status;"
                                                              "cat /proc/self/attr/current; ls /sys/firmware 2>&1"]) as bundle:
            bundle.process["apparmorProfile"] = "holdfast-test"
            bundle.write()
            result = Runtime(root=self.runtime.root, prefix=node.prefix).run_container(bundle)
        shown = result.stdout.split("\n")
        self.assertEqual(shown[:2], ["NoNewPrivs:\t1", "Seccomp:\t2"], result.stderr)
        self.assertRegex(shown[2], r"^holdfast-[0-9a-f]{32} \(enforce\)$")
        self.assertIn("Permission denied", shown[3])

    def test_a_profile_that_is_not_loaded_is_an_error(self):
        with Bundle() as bundle:
            bundle.process["apparmorProfile"] = "not-loaded"
            bundle.write()
            sole_line(self, self.runtime.run_container(bundle), "apparmor profile not-loaded", "no such file or directory")


class CgroupV2Test(RuntimeCase):
    def limited(self, *args):
        bundle = Bundle(args)
        bundle.linux["namespaces"].append({"type": "cgroup"})
        bundle.linux["resources"].update({
            "memory": {"limit": 64 << 20}, "pids": {"limit": 33}, "cpu": {"quota": 50000, "period": 100000, "shares": 512}})
        return bundle.write()

    def test_limits(self):
        with self.limited("sh", "-c", "cd /sys/fs/cgroup; cat memory.max pids.max cpu.max cpu.weight; cat /proc/self/cgroup") as bundle:
            shown = self.assert_ok(self.runtime.run_container(bundle)).stdout.split("\n")
        self.assertEqual(shown[:3], [str(64 << 20), "33", "50000 100000"])
        self.assertIn(shown[3], ("20", "59"))  # two formulas are in use for a weight out of shares
        self.assertEqual(shown[4], "0::/")

    def test_the_policy_limits_what_nobody_limited(self):
        with Node({"profile": "few"}, profiles={"few": {"extends": "baseline", "limits": {"pids": {"default": 77}}}}) as node:
            runtime = Runtime(root=self.runtime.root, prefix=node.prefix)
            with self.limited("cat", "/sys/fs/cgroup/pids.max", "/sys/fs/cgroup/memory.max") as bundle:
                self.assertEqual(self.assert_ok(runtime.run_container(bundle)).stdout, f"33\n{64 << 20}\n")
                del bundle.linux["resources"]["pids"]
                self.assertEqual(self.assert_ok(runtime.run_container(bundle.write())).stdout, f"77\n{64 << 20}\n")

    def test_the_policy_limits_swap_weights_and_huge_pages(self):
        self.assertEqual(self.limits_held("io.weight", (910, 1920, 405)), [])
        # bfq's weights go before iocost's, where it is there
        subprocess.run(["modprobe", "bfq"], check=True)
        self.assertEqual(self.limits_held("io.bfq.weight", (100, 200, 50)), [])

    def limits_held(self, file, weights):
        """What differs, of a container that asks for none, for more, for less, and of an update for more."""
        asked = lambda swap, weight, pages: {
            "memory": {"limit": 64 << 20, "swap": 64 << 20 | swap << 20}, "blockIO": {"weight": weight},
            "hugepageLimits": [{"pageSize": "2MB", "limit": pages << 20}]}
        few, most, less = weights
        cases = (({"memory": {"limit": 64 << 20}}, (16, few, 4)), (asked(128, 1000, 512), (32, most, 8)), (asked(8, 50, 2), (8, less, 2)))
        differs = []
        profile = {"extends": "baseline", "limits": {
            "require": True, "swap": {"default": "16Mi", "max": "32Mi"}, "ioWeight": {"default": 100, "max": 200},
            "hugepages": {"2MB": {"default": "4Mi", "max": "8Mi"}}}}
        with Node({"profile": "few"}, profiles={"few": profile}) as node:
            self.runtime = Runtime(root=self.runtime.root, prefix=node.prefix)
            for resources, expected in cases:
                with Bundle(["sleep", "1000"]) as bundle:
                    bundle.linux["resources"].update(resources)
                    name, cgroup = self.running(bundle.write())
                    held = lambda: (int((cgroup / "memory.swap.max").read_text()) >> 20,
                                    int((cgroup / file).read_text().splitlines()[0].split()[-1]),
                                    int((cgroup / "hugetlb.2MB.max").read_text()) >> 20)
                    differs += [(file, "create", held(), expected)] if held() != expected else []
                    self.runtime.ok("update", "--resources", "-", name, stdin=json.dumps(asked(999, 1000, 999)))
                    differs += [(file, "update", held(), (32, most, 8))] if held() != (32, most, 8) else []
                    self.runtime.ok("delete", "--force", name)
        return differs

    def test_the_memory_limit_kills(self):
        with self.limited("sh", "-c", "exec tail -c 90m /dev/zero") as bundle:
            self.assertEqual(self.runtime.run_container(bundle).returncode, 137)

    def test_devices_are_filtered(self):
        script = ("cat /dev/null && echo null; mknod /tmp/kmsg c 1 11 && (cat </tmp/kmsg) 2>&1;"
                  "mknod /tmp/full c 1 7 && head -c1 /tmp/full | wc -c")
        with self.limited("sh", "-c", script) as bundle:
            shown = self.assert_ok(self.runtime.run_container(bundle)).stdout.split("\n")
        self.assertEqual(shown[0], "null")
        self.assertIn("Operation not permitted", shown[1])
        self.assertEqual(shown[2], "1")

    def running(self, bundle):
        """The container's id, and the directory of its cgroup."""
        name = new_id()
        self.assert_ok(self.runtime.create(bundle, name))
        self.runtime.ok("start", name)
        cgroup = pathlib.Path(f"/sys/fs/cgroup{bundle.linux['cgroupsPath']}")
        self.assertEqual((cgroup / "cgroup.procs").read_text().split()[0], str(self.runtime.state(name)["pid"]))
        return name, cgroup

    def test_pause_update_exec_and_removal(self):
        with self.limited("sh", "-c", "while :; do date +%s >/tmp/t; usleep 50000; done") as bundle:
            name, cgroup = self.running(bundle)
            self.runtime.ok("pause", name)
            self.assertEqual(self.runtime.state(name)["status"], "paused")
            self.assertIn("frozen 1", (cgroup / "cgroup.events").read_text())
            self.runtime.ok("resume", name)
            self.assertIn("frozen 0", (cgroup / "cgroup.events").read_text())
            self.runtime.ok("update", "--memory", str(96 << 20), "--pids-limit", "44", name)
            for file, want in (("memory.max", str(96 << 20)), ("pids.max", "44"), ("cpu.max", "50000 100000")):
                self.assertEqual((cgroup / file).read_text().strip(), want)
            shown = self.runtime.ok("exec", name, "cat", "/proc/self/cgroup", "/sys/fs/cgroup/pids.max").stdout
            self.assertEqual(shown, "0::/\n44\n")
            self.runtime.ok("kill", name, "KILL")
            self.runtime.wait_status(name, "stopped")
            self.runtime.ok("delete", name)
            self.assertFalse(cgroup.exists())

    def test_an_exec_lands_in_the_cgroup(self):
        with self.limited("sleep", "1000") as bundle:
            name, cgroup = self.running(bundle)
            pid_file = bundle.path / "exec.pid"
            self.runtime.ok("exec", "--detach", "--pid-file", pid_file, name, "sleep", "1000",
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.assertIn(pid_file.read_text(), (cgroup / "cgroup.procs").read_text().split())
            # cgroup.kill takes both
            self.runtime.ok("delete", "--force", name)
            self.assertFalse(cgroup.exists())

    def test_statistics(self):
        with self.limited("sh", "-c", "while :; do :; done") as bundle:
            name, cgroup = self.running(bundle)
            told = json.loads(self.runtime.ok("events", "--stats", name).stdout)
            self.assertEqual((told["type"], told["id"]), ("stats", name))
            data = told["data"]
            self.assertEqual((data["pids"]["current"], data["pids"]["limit"]), (1, 33))
            self.assertEqual(data["memory"]["usage"]["limit"], 64 << 20)
            self.assertGreater(data["memory"]["usage"]["usage"], 0)
            self.assertGreater(data["cpu"]["usage"]["total"], 0)
            self.assertLessEqual(data["cpu"]["usage"]["total"] // 1000, self.usage(cgroup))

    @staticmethod
    def usage(cgroup):
        """The microseconds that the cgroup has run."""
        return int((cgroup / "cpu.stat").read_text().split()[1])

    def test_an_out_of_memory_kill_is_an_event(self):
        # The container's first process lives on; its child is killed.
        script = "while [ ! -e /go ]; do usleep 50000; done; tail -c 90m /dev/zero; sleep 1000"
        with self.limited("sh", "-c", script) as bundle:
            bundle.linux["resources"]["memory"]["swap"] = 64 << 20
            name, cgroup = self.running(bundle.write())
            with subprocess.Popen(self.runtime.argv("events", "--interval", "200ms", name), text=True,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as events:
                self.assertEqual(json.loads(events.stdout.readline())["type"], "stats")
                (bundle.rootfs / "go").touch()
                for line in events.stdout:
                    if json.loads(line) == {"type": "oom", "id": name}:
                        break
                else:
                    self.fail("no oom event")
                self.assertRegex((cgroup / "memory.events").read_text(), "oom_kill 1")
                self.runtime.ok("kill", name, "KILL")
                self.assertEqual(events.wait(60), 0)


class MountsTest(RuntimeCase):
    """What this kernel lacks beside newer ones must not be missed."""

    def test_an_id_mapped_bind(self):
        source = pathlib.Path(tempfile.mkdtemp(dir="/scratch"))  # ext4: in Linux 6.1 tmpfs has no id mappings
        self.addCleanup(shutil.rmtree, source)
        source.chmod(0o755)
        (source / "file").write_text("x")
        os.chown(source / "file", 1000, 1000)
        with Bundle(["stat", "-c", "%u:%g", "/m/file"]) as bundle:
            bundle.mount("/m", source, "rbind")
            bundle.config["mounts"][-1].update(uidMappings=[{"containerID": 1000, "hostID": 2000, "size": 1}],
                                               gidMappings=[{"containerID": 1000, "hostID": 3000, "size": 1}])
            result = self.assert_ok(self.runtime.run_container(bundle.write()))
        self.assertEqual(result.stdout, "2000:3000\n")


class OwnIdsTest(RuntimeCase):
    """A user namespace of its own, where this kernel can map the root."""

    def shown(self, directory, *mounts):
        """The container's uid_map, and what was decided, with the bundle in `directory`."""
        with Node({"profile": "restricted"}) as node, mock.patch.object(tempfile, "tempdir", directory):
            runtime = Runtime(root=self.runtime.root, prefix=node.prefix)
            with Bundle(["sleep", "1000"]) as bundle:
                for source in mounts:
                    bundle.mount("/m", source, "rbind")
                name = new_id()
                self.assert_ok(runtime.create(bundle.write(), name))
                pid = runtime.state(name)["pid"]
                uids = pathlib.Path(f"/proc/{pid}/uid_map").read_text().split()
                plan = json.loads((pathlib.Path(runtime.root) / name / "plan.json").read_text())
                runtime.ok("delete", "--force", name)
        return uids, next(each["why"] for each in plan["decisions"] if each["control"] == "userNamespace")

    def test_a_root_on_ext4_gets_one(self):
        uids, why = self.shown("/scratch")
        self.assertEqual((uids[0], uids[2]), ("0", "65536"))
        self.assertGreaterEqual(int(uids[1]), 0x70000000)
        self.assertIn("ids of 1879048192..2147352575", why)

    def test_a_tmpfs_is_the_reason_why_there_is_none(self):
        volume = tempfile.mkdtemp()
        self.addCleanup(os.rmdir, volume)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "volume", volume], check=True)
        self.addCleanup(subprocess.run, ["umount", volume], check=True)
        uids, why = self.shown("/scratch", volume)
        self.assertEqual(uids, ["0", "0", "4294967295"])
        self.assertIn(f"{volume}: tmpfs, or what is mounted below it, cannot be id-mapped", why)


class KernelTest(unittest.TestCase):
    def test_the_sandbox_under_this_kernel(self):
        kernel.run(self, ["*"], without=[
            "SeLinux.*", "SystemdCgroupTest.*",  # in the other boots
            "Labels.AnLsmThatIsNotThereTakesNoLabel",  # AppArmor is there
            "CgroupLimitsTest.HugepagesAndUnifiedKeysAreVersionTwosInHybrid", "RootfsCgroup.JointControllersHaveLinks",
            # Linux 6.3, 6.7 and 6.10 brought what these are about
            # Linux 6.1 refuses the programs and the guest has no libnftables: docs/network.md says so
            "NetworkTest.*", "NftablesTest.*",
            "Mdwe.*", "LandlockKernel.OnlyTheNamedPortsAreBoundAndReached",
            "LandlockKernel.IoctlReachesTheContainersDevicesOnly",
            # on a tmpfs, which Linux 6.1 cannot map: MountsTest has it on ext4
            "RootfsUserns.AnIdMappedBindShowsTheMappedOwner", "RootfsUserns.IdMapWithoutMappingsTakesTheContainersOwn",
            "RootfsUserns.ARootThatBelongsToTheHostsRootIsMapped", "UserNamespaces.ATrialTellsWhatCanBeMappedAndWhy"])
