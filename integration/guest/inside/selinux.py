"""In a guest with SELinux enforcing, and the project's own policy module for containers."""

import json
import os
import subprocess

from guest.inside import kernel
from lib.bundle import Bundle
from lib.case import RuntimeCase
from lib.runtime import new_id

LABEL = "system_u:system_r:container_t:s0:c1,c2"
FILES = "system_u:object_r:container_file_t:s0:c1,c2"


class SelinuxTest(RuntimeCase):
    def labelled(self, *args):
        bundle = Bundle(args)
        subprocess.run(["/usr/bin/chcon", "-R", FILES, bundle.rootfs], check=True)
        bundle.process["selinuxLabel"] = LABEL
        bundle.linux["mountLabel"] = FILES
        return bundle.write()

    def test_the_policy_is_enforced(self):
        shown = subprocess.run(["/usr/sbin/getenforce"], capture_output=True, text=True, check=True).stdout
        self.assertEqual(shown, "Enforcing\n")

    def test_the_process_and_its_mounts_are_labelled(self):
        with self.labelled("sh", "-c", "cat /proc/self/attr/current; echo; mount | grep -E ' on /dev/shm | on /dev '") as bundle:
            shown = self.assert_ok(self.runtime.run_container(bundle)).stdout.replace("\0", "").split("\n")
        self.assertEqual(shown[0], LABEL)
        for line in shown[1:3]:
            self.assertIn("container_file_t:s0:c1,c2", line)

    def test_an_exec_gets_the_container_s_label(self):
        for privileges in (False, True):
            with self.labelled("sh", "-c", "while :; do sleep 1; done") as bundle:
                bundle.process["noNewPrivileges"] = privileges
                bundle.write()
                name = new_id()
                self.assert_ok(self.runtime.create(bundle, name))
                self.runtime.ok("start", name)
                shown = self.runtime.ok("exec", name, "cat", "/proc/self/attr/current").stdout
                self.runtime.ok("delete", "--force", name)
            self.assertEqual(shown.strip("\0\n"), LABEL)

    def test_another_container_s_files_stay_closed(self):
        with self.labelled("cat", "/given/file") as bundle:
            given = bundle.path / "given"
            given.mkdir()
            (given / "file").write_text("secret")
            subprocess.run(["/usr/bin/chcon", "-R", FILES.replace("c1,c2", "c3,c4"), given], check=True)
            bundle.mount("/given", given, "rbind", "ro")
            result = self.runtime.run_container(bundle)
            self.assertNotEqual(result.returncode, 0)
            self.assertNotIn("secret", result.stdout)
            self.assertIn("Permission denied", result.stderr)
            subprocess.run(["/usr/bin/chcon", "-R", FILES, given], check=True)
            result = self.assert_ok(self.runtime.run_container(bundle))
            self.assertEqual(result.stdout, "secret")

    def test_a_label_that_the_policy_does_not_know_is_an_error(self):
        with self.labelled("true") as bundle:
            bundle.process["selinuxLabel"] = "system_u:system_r:no_such_t:s0"
            bundle.write()
            result = self.runtime.run_container(bundle.write())
            self.assertNotEqual(result.returncode, 0)
            self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
            self.assertIn("selinux label system_u:system_r:no_such_t:s0", result.stderr)
            self.assertIn("invalid argument", result.stderr)

    def test_an_exec_cannot_have_another_label(self):
        with self.labelled("sleep", "1000") as bundle:
            name = new_id()
            self.assert_ok(self.runtime.create(bundle, name))
            self.runtime.ok("start", name)
            process = bundle.path / "process.json"
            for label in ("unconfined_u:unconfined_r:unconfined_t:s0", LABEL.replace("c1,c2", "c3,c4")):
                process.write_text(json.dumps(
                    {**bundle.process, "args": ["cat", "/proc/self/attr/current"], "selinuxLabel": label}))
                shown = self.runtime.ok("exec", "--process", process, name).stdout
                self.assertEqual(shown.strip("\0\n"), LABEL)

    def test_the_sandbox_under_this_kernel(self):
        kernel.run(self, ["SeLinux.*"])

    def test_the_tests_themselves_are_not_confined(self):
        with open("/proc/self/attr/current", encoding="ascii") as current:
            self.assertIn("unconfined_t", current.read())
        self.assertEqual(os.geteuid(), 0)
