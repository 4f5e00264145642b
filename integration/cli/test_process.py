"""What a program finds: the same as under runc, but for what the policy takes away."""

import json
import os
import shutil
import struct
import subprocess
import unittest

from lib.bundle import Bundle
from lib.case import RuntimeCase
from lib.runtime import Runtime, new_id

RUNC = "/usr/sbin/runc"
LOOK = r"""
id; umask; pwd; env | sort; ulimit -n; ulimit -u; hostname
cat /proc/self/oom_score_adj; cut -d' ' -f5-8 /proc/self/stat | cut -d' ' -f1
grep -E '^(Groups|Uid|Gid|SigIgn|SigBlk)' /proc/self/status
ls -l /proc/self/fd | grep -c .
ls -ln /dev | awk '{print $1, $3, $4, $NF}'; ip -o link | wc -l; cat /sys/class/net/lo/operstate
stat -c '%a %u %g' /proc /sys /dev /dev/pts /dev/shm /dev/mqueue /tmp
cat /proc/sys/kernel/shm_rmid_forced; ls /sys/fs/cgroup
"""


class Program(RuntimeCase):
    def look(self, bundle):
        """What the program sees under us and under runc."""
        seen = []
        for runtime in (self.runtime, Runtime(binary=RUNC, root=self.runtime.root)):
            result = runtime.run_container(bundle)
            self.assert_ok(result)
            # On a hybrid host we show the v2 side, too.
            seen.append([line for line in result.stdout.splitlines() if line != "unified"])
        return seen

    @unittest.skipUnless(os.path.exists(RUNC), "runc is not installed")
    def test_it_finds_what_runc_shows_it(self):
        for user in (0, 1000, 4711):
            with self.subTest(user=user), Bundle(["sh", "-c", LOOK], user=user) as bundle:
                bundle.process["user"]["additionalGids"] = [5, 44]
                bundle.process["user"]["umask"] = 0o027
                bundle.process["cwd"] = "/made/here"
                bundle.process["rlimits"] = [
                    {"type": "RLIMIT_NOFILE", "soft": 512, "hard": 1024}]
                bundle.process["oomScoreAdj"] = 100
                bundle.linux["sysctl"] = {"kernel.shm_rmid_forced": "1"}
                ours, theirs = self.look(bundle.write())
                self.assertEqual(ours, theirs)

    def test_a_user_that_is_not_root_can_open_its_standard_streams(self):
        script = "echo out > /dev/stdout && echo err > /dev/stderr"
        with Bundle(["sh", "-c", script], user=1000) as bundle:
            result = self.assert_ok(self.runtime.run_container(bundle))
            self.assertEqual((result.stdout, result.stderr), ("out\n", "err\n"))

    def test_capabilities_that_a_file_demands_in_vain_are_told(self):
        """execve says EPERM for it, which looks like anything."""
        with Bundle(["/true"]) as bundle:
            shutil.copy("/bin/busybox", bundle.rootfs / "true")
            # cap_net_raw+ep, revision 2: baseline does not grant it
            os.setxattr(bundle.rootfs / "true", "security.capability", struct.pack("<5I", 0x02000001, 1 << 13, 0, 0, 0))
            self.assert_refused(self.runtime.run_container(bundle),
                                "the file demands CAP_NET_RAW, which is not granted here: "
                                "operation not permitted")
            bundle.process["args"] = ["sleep", "60"]
            container = new_id()
            self.assert_ok(self.runtime.create(bundle.write(), container))
            self.runtime.ok("start", container)
            self.assert_refused(self.runtime.call("exec", container, "/true"), "demands CAP_NET_RAW")

    def test_files_behind_standard_streams_keep_their_owner(self):
        with Bundle(["true"], user=1000) as bundle:
            path = bundle.path / "log"
            with open(path, "w") as log:
                self.assert_ok(self.runtime.run_container(bundle, stdout=log))
            self.assertEqual(path.stat().st_uid, 0)

    def test_signals_that_the_caller_ignores_are_not_ignored_by_the_program(self):
        with Bundle(["grep", "-E", "^Sig(Ign|Blk)", "/proc/self/status"]) as bundle:
            result = subprocess.run(
                ["/bin/sh", "-c", 'trap "" INT QUIT HUP PIPE; exec "$@"', "sh",
                 *self.runtime.argv("run", "--bundle", bundle.path, new_id())],
                text=True, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, check=True)
            self.assertEqual([int(line.split()[1], 16) for line in result.stdout.splitlines()],
                             [0, 0])

    def test_home_comes_from_the_image(self):
        for user, home in ((0, "/root"), (1000, "/home/user"), (4711, "/")):
            with self.subTest(user=user), Bundle(["sh", "-c", "echo $HOME"], user=user) as bundle:
                self.assertEqual(self.runtime.run_container(bundle).stdout, home + "\n")

    def test_a_fifo_as_passwd_does_not_hang(self):
        with Bundle(["sh", "-c", "echo $HOME"]) as bundle:
            (bundle.rootfs / "etc/passwd").unlink()
            os.mkfifo(bundle.rootfs / "etc/passwd")
            self.assertEqual(self.runtime.run_container(bundle).stdout, "/\n")

    def test_a_shared_sandbox_is_joined_by_path(self):
        """As the containers of a pod do: network, ipc, uts and pid of another one."""
        sandbox = new_id("pod")
        with Bundle(["sleep", "600"]) as pause, Bundle(
                ["sh", "-c", "hostname; ps | grep -c 'sleep 600'"]) as member:
            self.assert_ok(self.runtime.create(pause, sandbox))
            self.runtime.ok("start", sandbox)
            pid = self.runtime.state(sandbox)["pid"]
            names = {"network": "net", "ipc": "ipc", "uts": "uts", "pid": "pid"}
            for namespace in member.linux["namespaces"]:
                if namespace["type"] in names:
                    namespace["path"] = f"/proc/{pid}/ns/{names[namespace['type']]}"
            del member.config["hostname"]
            result = self.assert_ok(self.runtime.run_container(member.write()))
            self.assertEqual(result.stdout.split("\n")[0], "test")
            self.assertGreaterEqual(int(result.stdout.split("\n")[1]), 1)

    def test_a_user_namespace_with_mappings(self):
        script = "id -u; cat /proc/self/uid_map; touch /tmp/made && stat -c %u /tmp/made"
        with Bundle(["sh", "-c", script]) as bundle:
            mapping = [{"containerID": 0, "hostID": 300000, "size": 65536}]
            bundle.linux["namespaces"].append({"type": "user"})
            bundle.linux["uidMappings"] = bundle.linux["gidMappings"] = mapping
            for path, directories, files in os.walk(bundle.rootfs):
                for name in [".", *directories, *files]:
                    os.lchown(os.path.join(path, name), 300000, 300000)
            result = self.assert_ok(self.runtime.run_container(bundle.write()))
            self.assertEqual(result.stdout.split(), ["0", "0", "300000", "65536", "0"])
            self.assertEqual((bundle.rootfs / "tmp/made").stat().st_uid, 300000)

    def test_time_offsets_are_applied(self):
        with Bundle(["cat", "/proc/self/timens_offsets"]) as bundle:
            bundle.linux["namespaces"].append({"type": "time"})
            bundle.linux["timeOffsets"] = {"boottime": {"secs": 1000, "nanosecs": 5},
                                           "monotonic": {"secs": 7, "nanosecs": 0}}
            words = self.assert_ok(self.runtime.run_container(bundle.write())).stdout.split()
            self.assertEqual(words, ["monotonic", "7", "0", "boottime", "1000", "5"])

    def test_an_exec_runs_on_the_processors_that_were_asked_for(self):
        with Bundle(["sleep", "600"]) as bundle:
            container = new_id()
            self.assert_ok(self.runtime.create(bundle, container))
            self.runtime.ok("start", container)
            for affinity, allowed in (({"initial": "0", "final": "1"}, "1"), ({"final": "0"}, "0")):
                process = {"user": {"uid": 0, "gid": 0}, "cwd": "/", "env": ["PATH=/bin"],
                           "args": ["grep", "Cpus_allowed_list", "/proc/self/status"],
                           "execCPUAffinity": affinity}
                (bundle.path / "process.json").write_text(json.dumps(process))
                result = self.runtime.ok("exec", "-p", bundle.path / "process.json", container)
                self.assertEqual(result.stdout.split()[1], allowed)

    def test_what_is_not_supported_yet_says_so(self):
        for field, value in (("intelRdt", {"closID": "x"}), ("memoryPolicy", {"mode": "MPOL_BIND",
                                                                             "nodes": "0"})):
            with self.subTest(field=field), Bundle(["true"]) as bundle:
                bundle.linux[field] = value
                self.assert_refused(self.runtime.run_container(bundle.write()),
                                    f"linux.{field}: not supported yet")

    def test_the_plan_is_stored_as_it_is_explained(self):
        with Bundle(["sleep", "600"]) as bundle:
            container = new_id()
            self.assert_ok(self.runtime.create(bundle, container))
            with open(os.path.join(self.runtime.root, container, "plan.json")) as stored:
                plan = json.load(stored)
            self.assertEqual(plan["profile"], "baseline")
            self.assertIn("capabilities", {each["control"] for each in plan["decisions"]})
