"""In a guest with AppArmor and every controller on cgroup v2, driven through the file system."""

import subprocess
import time

from lib.bundle import Bundle
from lib.case import RuntimeCase
from lib.runtime import new_id

PROFILE = """
profile holdfast-test flags=(attach_disconnected,mediate_deleted) {
  file,
  capability,
  signal,
  deny /tmp/denied w,
}
"""


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
        self.assertEqual(shown[:2], ["holdfast-test (enforce)", "made"])
        self.assertIn("Permission denied", shown[2])

    def test_a_profile_is_in_force_before_the_first_instruction(self):
        with Bundle(["cat", "/proc/self/attr/current"]) as bundle:
            bundle.process["apparmorProfile"] = "holdfast-test"
            bundle.process["noNewPrivileges"] = True
            bundle.write()
            result = self.assert_ok(self.runtime.run_container(bundle))
        self.assertEqual(result.stdout.strip("\0\n"), "holdfast-test (enforce)")

    def test_a_profile_that_is_not_loaded_is_an_error(self):
        with Bundle() as bundle:
            bundle.process["apparmorProfile"] = "not-loaded"
            bundle.write()
            result = self.runtime.run_container(bundle)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("apparmor", result.stderr.lower())


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

    def test_pause_update_exec_and_removal(self):
        with self.limited("sh", "-c", "while :; do date +%s >/tmp/t; usleep 50000; done") as bundle:
            name = new_id()
            self.assert_ok(self.runtime.create(bundle, name))
            self.runtime.ok("start", name)
            pid = self.runtime.state(name)["pid"]
            with open(f"/proc/{pid}/cgroup", encoding="ascii") as row:
                cgroup = "/sys/fs/cgroup" + row.read().strip().split("::")[1]
            self.runtime.ok("pause", name)
            self.assertEqual(self.runtime.state(name)["status"], "paused")
            with open(f"{cgroup}/cgroup.events", encoding="ascii") as events:
                self.assertIn("frozen 1", events.read())
            self.runtime.ok("resume", name)
            self.runtime.ok("update", "--memory", str(96 << 20), "--pids-limit", "44", name)
            for file, want in (("memory.max", str(96 << 20)), ("pids.max", "44"), ("cpu.max", "50000 100000")):
                with open(f"{cgroup}/{file}", encoding="ascii") as value:
                    self.assertEqual(value.read().strip(), want)
            shown = self.runtime.ok("exec", name, "cat", "/proc/self/cgroup", "/sys/fs/cgroup/pids.max").stdout
            self.assertEqual(shown, "0::/\n44\n")
            self.runtime.ok("kill", name, "KILL")
            self.runtime.wait_status(name, "stopped")
            self.runtime.ok("delete", name)
            deadline = time.monotonic() + 5
            while time.monotonic() < deadline and subprocess.run(["test", "-e", cgroup], check=False).returncode == 0:
                time.sleep(0.05)
            self.assertNotEqual(subprocess.run(["test", "-e", cgroup], check=False).returncode, 0)
