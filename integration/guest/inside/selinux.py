"""In a guest with SELinux enforcing, and the project's own policy module for containers."""

import json
import os
import pathlib
import subprocess
import tempfile

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

    def unlabelled(self, *args):
        """What an engine gives that knows nothing of SELinux, on a root that containers may use."""
        bundle = Bundle(args)
        subprocess.run(["/usr/bin/chcon", "-R", "system_u:object_r:container_file_t:s0", bundle.rootfs], check=True)
        return bundle

    def started(self, bundle):
        name = new_id()
        self.assert_ok(self.runtime.create(bundle.write(), name))
        self.runtime.ok("start", name)
        return name

    def label(self, name):
        pid = self.runtime.state(name)["pid"]
        return pathlib.Path(f"/proc/{pid}/attr/current").read_text(encoding="ascii").strip("\0\n")

    def test_without_a_label_each_container_gets_categories_of_its_own(self):
        with tempfile.TemporaryDirectory() as shared, self.unlabelled("sleep", "1000") as one, self.unlabelled("sleep", "1000") as two:
            subprocess.run(["/usr/bin/chcon", "system_u:object_r:container_file_t:s0", shared], check=True)
            for each in (one, two):
                each.mount("/shared", shared, "rbind")
            names = [self.started(each) for each in (one, two)]
            labels = [self.label(name) for name in names]
            for label in labels:
                self.assertRegex(label, r"^system_u:system_r:container_t:s0:c\d+,c\d+$")
            self.assertNotEqual(*labels)
            # what the first makes is its own, even where both may write
            self.runtime.ok("exec", names[0], "sh", "-c", "umask 0; echo secret >/shared/file; echo mine >/tmp/mine")
            self.assertEqual(self.runtime.ok("exec", names[0], "cat", "/shared/file", "/tmp/mine").stdout, "secret\nmine\n")
            result = self.runtime.call("exec", names[1], "cat", "/shared/file")
            self.assertNotEqual(result.returncode, 0)
            self.assertIn("Permission denied", result.stderr)
            # a further process has the container's label, and so have the mounts
            self.assertEqual(self.runtime.ok("exec", names[0], "cat", "/proc/self/attr/current").stdout.strip("\0\n"), labels[0])
            mounts = self.runtime.ok("exec", names[0], "grep", " /dev/shm ", "/proc/mounts").stdout
            self.assertIn("container_file_t:" + labels[0].split(":", 3)[3], mounts)

    def test_members_of_a_pod_share_a_label(self):
        with self.unlabelled("sleep", "1000") as pod, self.unlabelled("sleep", "1000") as member:
            first = self.started(pod)
            for each in member.linux["namespaces"]:
                if each["type"] == "ipc":
                    each["path"] = f"/proc/{self.runtime.state(first)['pid']}/ns/ipc"
            self.assertEqual(self.label(self.started(member)), self.label(first))

    def test_a_root_with_a_label_of_the_host_s_is_told(self):
        with Bundle(["sleep", "1000"]) as bundle:
            name = self.started(bundle)
            self.assertNotIn("container_t", self.label(name))
            plan = json.loads((pathlib.Path(self.runtime.root) / name / "plan.json").read_text())
            told = [each for each in plan["decisions"] if each["control"] == "seLinux" and each["outcome"] == "not possible"]
            self.assertIn("the root is labelled", told[0]["why"])

    def test_ordinary_work_is_not_denied(self):
        script = ("ls -lR /bin /etc /tmp /home >/dev/null; cat /etc/passwd /proc/meminfo /proc/self/status >/dev/null; ps >/dev/null;"
                  "mount >/dev/null; df / >/dev/null; mkdir /tmp/d && echo x >/tmp/d/f && mv /tmp/d/f /tmp/d/g && rm -r /tmp/d;"
                  "ln -s x /tmp/l; mkfifo /tmp/p; chown 1000:1000 /tmp/p; sleep 0.1 & wait; sleep 9 & kill $!;"
                  "echo x >/dev/shm/x; head -c9 /dev/urandom | md5sum >/dev/null; id; hostname; (ulimit -n 100; true)")
        def denials():
            log = subprocess.run(["/usr/bin/dmesg"], capture_output=True, text=True, check=True).stdout
            return [line for line in log.split("\n") if "avc:" in line and "denied" in line and "container_t" in line]
        before = denials()
        with self.unlabelled("sh", "-ec", script) as bundle:
            self.assert_ok(self.runtime.run_container(bundle.write()))
        self.assertEqual(denials()[len(before):], [])

    def test_the_sandbox_under_this_kernel(self):
        kernel.run(self, ["SeLinux.*"])

    def test_the_tests_themselves_are_not_confined(self):
        with open("/proc/self/attr/current", encoding="ascii") as current:
            self.assertIn("unconfined_t", current.read())
        self.assertEqual(os.geteuid(), 0)
