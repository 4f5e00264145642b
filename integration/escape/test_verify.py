"""What the kernel does not show as planned ends the container before its first instruction: a hook tampers."""

from escape.attack_case import AttackCase


class Tampered(AttackCase):
    """The hook runs when the namespaces stand; what it changes is read back when everything is applied."""

    def tampered(self, script):
        """A bundle whose program leaves a file outside, if it ever runs."""
        bundle = self.bundle("sh", "-c", "echo ran > /outside/ran")
        bundle.process["oomScoreAdj"] = 100
        bundle.mount("/outside", self.outside, "rbind")
        hook = bundle.path / "hook"
        hook.write_text("#!/bin/sh\nPATH=/usr/sbin:/usr/bin:/sbin:/bin\n"
                        "pid=$(sed 's/.*\"pid\":\\([0-9]*\\).*/\\1/')\n" + script)
        hook.chmod(0o755)
        bundle.config["hooks"] = {"createRuntime": [{"path": str(hook)}]}
        return bundle.write()

    def assert_ended(self, script, reason):
        result = self.runtime.run_container(self.tampered(script))
        self.assert_refused(result, "verify: the kernel does not show what was planned")
        self.assertIn(reason, result.stderr)
        self.assertFalse((self.outside / "ran").exists())

    def test_an_untampered_one_runs(self):
        self.assert_ok(self.runtime.run_container(self.tampered("true\n")))
        self.assertTrue((self.outside / "ran").exists())
        (self.outside / "ran").unlink()

    def test_a_changed_oom_score(self):
        self.assert_ended("echo 555 > /proc/$pid/oom_score_adj\n", "oom_score_adj 555 instead of 100")

    def test_a_process_that_was_moved_to_another_cgroup(self):
        self.assert_ended("for root in /sys/fs/cgroup/pids /sys/fs/cgroup; do\n"
                          "[ -w $root/cgroup.procs ] && echo $pid > $root/cgroup.procs && break; done\n"
                          "true\n", "cgroup ")

    def test_a_mount_that_lost_its_flags(self):
        self.assert_ended("root=$(sed -n 's/.* \\(\\/[^ ]*\\/rootfs\\) .*/\\1/p' /proc/$pid/mountinfo | head -1)\n"
                          "nsenter --mount=/proc/$pid/ns/mnt mount -o remount,bind,nosuid,exec,dev $root/dev/shm\n",
                          "/dev/shm is not nodev,noexec")

    def test_a_mount_that_was_laid_over_another(self):
        self.assert_ended("root=$(sed -n 's/.* \\(\\/[^ ]*\\/rootfs\\) .*/\\1/p' /proc/$pid/mountinfo | head -1)\n"
                          "nsenter --mount=/proc/$pid/ns/mnt mount -t tmpfs over $root/dev/shm\n",
                          "/dev/shm is not nosuid,nodev,noexec")
