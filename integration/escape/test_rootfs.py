"""Images and volumes that lead the runtime's mounts and files out of the root."""

import os
import shutil
import stat
import threading

from escape.attack_case import AttackCase
from lib.runtime import new_id


class Targets(AttackCase):
    """CVE-2021-30465, CVE-2024-45310: destinations of mounts."""

    def test_a_symlinked_destination_stays_in_the_root(self):
        source = self.outside / "source"
        source.mkdir()
        self.seen_outside = self.tree(self.outside)
        for link in (str(self.outside), "/../../../../.." + str(self.outside)):
            with self.subTest(link=link):
                bundle = self.bundle("sh", "-c", "ls /data")
                os.symlink(link, bundle.rootfs / "data")
                bundle.mount("/data/new/dir", source, "bind")
                self.runtime.run_container(bundle)
                self.assert_outside_untouched()

    def test_dot_dot_does_not_climb_out(self):
        bundle = self.bundle("true")
        bundle.mount(f"/a/../../../../../..{self.outside}/made", "tmpfs", kind="tmpfs")
        self.runtime.run_container(bundle)
        self.assert_outside_untouched()

    def test_dev_that_is_a_symlink(self):
        bundle = self.bundle("sh", "-c", "echo x > /dev/null; ls -l /dev/")
        shutil.rmtree(bundle.rootfs / "dev")
        os.symlink(str(self.outside), bundle.rootfs / "dev")
        self.runtime.run_container(bundle)
        self.assert_outside_untouched()

    def test_proc_that_is_a_symlink_is_refused(self):
        for name in ("proc", "sys"):
            with self.subTest(name=name):
                bundle = self.bundle("true")
                shutil.rmtree(bundle.rootfs / name)
                os.symlink(str(self.outside), bundle.rootfs / name)
                self.assertNotEqual(self.runtime.run_container(bundle).returncode, 0)
                self.assert_outside_untouched()

    def test_a_symlink_race_is_lost_by_the_attacker(self):
        """Another container swaps a directory of a shared volume for a link while we mount."""
        bundle = self.bundle("true")
        volume = bundle.path / "volume"
        (volume / "real").mkdir(parents=True)
        os.symlink("/", volume / "link")
        bundle.mount("/v", volume, "rbind")
        bundle.mount(f"/v/real{self.outside}", "tmpfs", "size=64k", kind="tmpfs")
        stop = threading.Event()

        def swap():
            while not stop.is_set():
                # An atomic exchange would need renameat2; two renames leave both states visible.
                os.rename(volume / "real", volume / "other")
                os.rename(volume / "link", volume / "real")
                os.rename(volume / "real", volume / "link")
                os.rename(volume / "other", volume / "real")

        racer = threading.Thread(target=swap)
        racer.start()
        try:
            for _ in range(60):
                self.runtime.run_container(bundle)
                self.assertFalse(os.path.ismount(self.outside))
        finally:
            stop.set()
            racer.join()
        self.assert_outside_untouched()


class ProcMounts(AttackCase):
    """CVE-2019-16884, CVE-2019-19921, CVE-2023-27561, CVE-2025-52881: mounts inside /proc."""

    def test_nothing_but_known_files_is_mounted_into_proc(self):
        (self.outside / "dir").mkdir()
        for destination in ("/proc/self", "/proc/self/attr", "/proc/sys", "/proc/sys/kernel",
                            "/proc/1", "/proc/sysrq-trigger", "/proc/thread-self/attr/exec"):
            with self.subTest(destination=destination):
                bundle = self.bundle("true")
                bundle.mount(destination, self.outside / "dir", "bind")
                self.assertNotEqual(self.runtime.run_container(bundle).returncode, 0)

    def test_proc_covered_by_a_volume_is_refused(self):
        bundle = self.bundle("cat", "/proc/secret")
        bundle.mount("/proc", self.outside, "bind")
        result = self.runtime.run_container(bundle)
        self.assertNotEqual(result.returncode, 0)
        self.assertNotIn("secret\n", result.stdout)

    def test_a_link_into_proc_does_not_redirect_a_mount(self):
        for target in ("/proc/self/attr", "/proc/sys", "/proc/self/fd"):
            with self.subTest(target=target):
                bundle = self.bundle("sh", "-c", "grep -c ' /proc/' /proc/self/mountinfo; true")
                os.symlink(target, bundle.rootfs / "volume")
                bundle.mount("/volume", "tmpfs", kind="tmpfs")
                self.assertNotEqual(self.runtime.run_container(bundle).returncode, 0)


class Masks(AttackCase):
    """CVE-2025-31133: a masked path bound to a fake /dev/null."""

    def test_masks_use_the_real_null_device(self):
        for fake in ("link", "file"):
            with self.subTest(fake=fake):
                bundle = self.bundle("sh", "-c", "cat /proc/kcore | head -c 16; stat -c %t:%T /masked")
                bundle.config["mounts"] = [
                    m for m in bundle.config["mounts"] if not m["destination"].startswith("/dev")]
                bundle.linux["maskedPaths"] = ["/masked"]
                (bundle.rootfs / "masked").write_text("still here\n")
                null = bundle.rootfs / "dev/null"
                if fake == "link":
                    os.symlink("/etc/passwd", null)
                else:
                    null.write_text("fake")
                result = self.runtime.run_container(bundle.write())
                if result.returncode == 0:
                    self.assertEqual(result.stdout.strip(), "1:3")
                bundle.remove()

    def test_a_masked_file_reads_as_empty(self):
        bundle = self.bundle("sh", "-c", "cat /proc/kcore /proc/keys | wc -c; ls /sys/firmware | wc -l")
        result = self.assert_ok(self.runtime.run_container(bundle))
        self.assertEqual(result.stdout.split(), ["0", "0"])


class Console(AttackCase):
    """CVE-2025-52565: /dev/console led astray."""

    def test_the_console_is_bound_inside_the_root(self):
        target = self.outside / "secret"
        mode = stat.S_IMODE(target.stat().st_mode)
        bundle = self.bundle("sh", "-c", "tty; cat /dev/console < /dev/null; echo done")
        bundle.process["terminal"] = True
        bundle.config["mounts"] = [
            m for m in bundle.config["mounts"] if m["destination"] not in ("/dev",)]
        os.symlink(str(target), bundle.rootfs / "dev/console")
        self.runtime.run_container(bundle.write())
        self.assert_outside_untouched()
        self.assertEqual(stat.S_IMODE(target.stat().st_mode), mode)


class StateOnDisk(AttackCase):
    """CVE-2024-25621: state that others can read."""

    def test_the_state_directory_is_the_owners_alone(self):
        bundle = self.bundle("sleep", "60")
        container = new_id()
        self.assert_ok(self.runtime.create(bundle, container))
        for path, directories, files in os.walk(self.runtime.root):
            for name in [".", *directories, *files]:
                mode = stat.S_IMODE(os.lstat(os.path.join(path, name)).st_mode)
                self.assertEqual(mode & 0o077, 0, os.path.join(path, name))
