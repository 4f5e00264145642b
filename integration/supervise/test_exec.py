"""Exec control: what is denied has no effect. Each test looks for what the program would have done."""

import hashlib
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from lib.runtime import HOLDFAST
from supervise.supervised_case import DRIFT, IMAGE, SupervisedCase, add_program, library_closure

ACTIONS = pathlib.Path(HOLDFAST).resolve().parent / "escape_actions"
# A copy of the image's own program, made now; /effect tells that it ran.
DROP = "cp /opt/tool/busybox {0} && {0} touch /effect; echo rc=$?"


class ExecCase(SupervisedCase):
    def dropper(self, place, **mounts):
        bundle = self.bundle()
        add_program(bundle, "/opt/tool/busybox")
        os.chmod(bundle.rootfs, 0o777)
        for destination, options in mounts.items():
            bundle.mount(f"/{destination}", "tmpfs", *options, kind="tmpfs")
        return bundle, DROP.format(place)

    def assert_no_effect(self, bundle, result):
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("Operation not permitted", result.stderr)
        self.assertFalse((bundle.rootfs / "effect").exists(), result.stdout)

    def overlay(self, bundle):
        """The bundle's root as an engine mounts it: layers beneath an upper directory."""
        scratch = pathlib.Path(tempfile.mkdtemp(prefix="holdfast-overlay-"))
        self.addCleanup(shutil.rmtree, scratch)
        for name in ("upper", "work", "memory"):
            (scratch / name).mkdir()
        merged = bundle.path / "merged"
        merged.mkdir()
        # Some hosts have an overlay at the root themselves, which cannot hold an upper directory.
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", scratch / "memory"], check=True)
        self.addCleanup(subprocess.run, ["umount", scratch / "memory"], check=True)
        for name in ("upper", "work"):
            (scratch / "memory" / name).mkdir()
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o",
                        f"lowerdir={bundle.rootfs},upperdir={scratch}/memory/upper,"
                        f"workdir={scratch}/memory/work", merged], check=True)
        self.addCleanup(subprocess.run, ["umount", merged], check=True)
        bundle.config["root"]["path"] = str(merged)
        bundle.write()
        return merged


class Drift(ExecCase):
    def test_without_a_rule_a_dropped_program_runs(self):
        bundle, script = self.dropper("/tmp/busybox")
        result = self.run_script(script, bundle)
        self.assertIn("rc=0", result.stdout)
        self.assertTrue((bundle.rootfs / "effect").exists())

    def test_in_the_root(self):
        self.node(**DRIFT)
        bundle, script = self.dropper("/tmp/busybox")
        self.assert_no_effect(bundle, self.run_script(script, bundle))
        event = self.events(rule="drift-exec")[0]
        text = str(event)
        self.assertIn("/tmp/busybox", text)
        self.assertIn("Blocked", text)
        self.assertIn(hashlib.sha256((bundle.rootfs / "opt/tool/busybox").read_bytes()).hexdigest(), text)

    def test_in_an_overlay(self):
        bundle, script = self.dropper("/tmp/busybox")
        merged = self.overlay(bundle)
        self.node(**DRIFT)
        result = self.run_script(script, bundle)
        self.assertIn("Operation not permitted", result.stderr)
        self.assertFalse((merged / "effect").exists())

    def test_a_changed_program_of_an_overlays_layer(self):
        bundle, _ = self.dropper("")
        merged = self.overlay(bundle)
        self.node(**DRIFT)
        result = self.run_script("/opt/tool/busybox touch /before; echo >>/opt/tool/busybox; /opt/tool/busybox touch /effect", bundle)
        self.assertIn("Operation not permitted", result.stderr)
        self.assertTrue((merged / "before").exists())
        self.assertFalse((merged / "effect").exists())

    def test_in_a_tmpfs(self):
        self.node(**DRIFT)
        bundle, script = self.dropper("/memory/busybox", memory=["mode=1777"])
        self.assert_no_effect(bundle, self.run_script(script, bundle))

    def test_in_a_volume(self):
        self.node(**DRIFT)
        bundle, script = self.dropper("/volume/busybox")
        volume = tempfile.mkdtemp(prefix="holdfast-volume-")
        self.addCleanup(shutil.rmtree, volume)
        bundle.mount("/volume", volume, "bind")
        self.assert_no_effect(bundle, self.run_script(script, bundle))

    def test_without_a_name(self):
        """Held open only: executed by its descriptor."""
        self.node(**DRIFT)
        bundle, _ = self.dropper("")
        result = self.run_script(
            "cp /opt/tool/busybox /tmp/busybox; exec 9</tmp/busybox; rm /tmp/busybox; /proc/self/fd/9 touch /effect; echo $?",
            bundle)
        self.assert_no_effect(bundle, result)

    def test_with_an_old_time_of_change(self):
        self.node(**DRIFT)
        bundle, _ = self.dropper("")
        result = self.run_script("cp /opt/tool/busybox /tmp/busybox; touch -d 2001-01-01 /tmp/busybox; "
                                 "/tmp/busybox touch /effect; echo", bundle)
        self.assert_no_effect(bundle, result)

    def test_a_second_name_of_a_program_of_the_image(self):
        """Its inode has changed: allowed are files as they were."""
        self.node(**DRIFT)
        bundle, _ = self.dropper("")
        result = self.run_script("ln /opt/tool/busybox /tmp/busybox; /tmp/busybox touch /effect; echo", bundle)
        self.assert_no_effect(bundle, result)

    def test_a_script(self):
        self.node(**DRIFT)
        result = self.run_script("printf '#!/bin/sh\\ntouch /effect\\n' >/tmp/s; chmod +x /tmp/s; "
                                 "/tmp/s; echo", bundle := self.bundle())
        self.assert_no_effect(bundle, result)

    def test_what_an_interpreter_reads_is_not_seen(self):
        """The kernel does not tell reading a script from reading any other file: documented."""
        self.node(**DRIFT)
        result = self.run_script("echo 'touch /effect' >/tmp/s; sh /tmp/s", bundle := self.bundle())
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertTrue((bundle.rootfs / "effect").exists())

    def test_programs_of_the_image_run(self):
        self.node(**DRIFT)
        result = self.run_script("ls / >/dev/null && busybox echo good", self.bundle())
        self.assertEqual((result.returncode, result.stdout), (0, "good\n"), result.stderr)
        self.assertEqual(self.events(rule="drift-exec"), [])

    def test_in_mode_alert_it_runs_and_is_told(self):
        self.node(exec={"drift": "alert"})
        bundle, script = self.dropper("/tmp/busybox")
        result = self.run_script(script, bundle)
        self.assertIn("rc=0", result.stdout)
        self.assertTrue((bundle.rootfs / "effect").exists())
        self.assertEqual(len(self.events(rule="drift-exec")), 1)

    @unittest.skipUnless(ACTIONS.exists(), "escape_actions is not built")
    def test_in_memory(self):
        def run():
            bundle = self.bundle("/actions", "exec-memfd")
            shutil.copy(ACTIONS, bundle.rootfs / "actions")
            return self.runtime.run_container(bundle).stdout
        self.assertIn("done", run())
        self.node(**DRIFT)
        self.assertIn("denied", run())

    def test_of_a_process_that_was_executed_into_it(self):
        self.node(**DRIFT)
        bundle, _ = self.dropper("")
        _, container = self.running(bundle=bundle)
        result = self.runtime.call("exec", container, "sh", "-c", DROP.format("/tmp/busybox"))
        self.assert_no_effect(bundle, result)
        event = self.wait_event("drift-exec")[0]
        self.assertIn("injected", str(event).lower())


class Loader(ExecCase):
    """ld.so FILE executes nothing as the kernel sees it: it opens the file and maps it."""

    def dynamic(self):
        bundle = self.bundle()
        os.chmod(bundle.rootfs, 0o777)
        for path in ["/usr/bin/touch", *library_closure("/usr/bin/touch")]:
            target = bundle.rootfs / path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists() or target.is_symlink():
                target.unlink(missing_ok=True)
                shutil.copy(path, target)
        loader = next(path for path in library_closure("/usr/bin/touch") if "/ld-" in path)
        return bundle, f"cp /usr/bin/touch /tmp/t; {loader} /tmp/t /effect; echo rc=$?"

    def test_without_libraries_it_goes_round(self):
        self.node(**IMAGE)
        bundle, script = self.dynamic()
        self.assertIn("rc=0", self.run_script(script, bundle).stdout)
        self.assertTrue((bundle.rootfs / "effect").exists(), "told in the plan")

    def test_with_libraries_the_file_is_not_opened(self):
        self.node(exec={"drift": "deny", "libraries": True})
        bundle, script = self.dynamic()
        result = self.run_script(script, bundle)
        self.assertNotIn("rc=0", result.stdout)
        self.assertFalse((bundle.rootfs / "effect").exists(), result.stderr)
        self.assertTrue(self.events(rule="drift-library"))

    def test_with_libraries_ordinary_files_are_opened(self):
        self.node(exec={"drift": "deny", "libraries": True})
        result = self.run_script("echo data >/tmp/d && cat /tmp/d && cp /bin/busybox /tmp/busybox; echo $?")
        self.assertEqual(result.stdout, "data\n0\n", result.stderr)

    def test_a_listed_program_gets_the_loader_that_it_names(self):
        self.node(exec={"programs": ["/bin/busybox", "/usr/bin/touch"]})
        bundle, _ = self.dynamic()
        loader = next(path for path in library_closure("/usr/bin/touch") if "/ld-" in path)
        result = self.run_script(f"/usr/bin/touch /effect; {loader} /usr/bin/touch /other; echo",
                                 bundle)
        self.assertTrue((bundle.rootfs / "effect").exists(), result.stderr)
        self.assertFalse((bundle.rootfs / "other").exists())
        self.assertIn("Operation not permitted", result.stderr)


class Allowlist(ExecCase):
    def image_with_tool(self):
        bundle, _ = self.dropper("")
        return bundle

    def test_a_program_of_the_image_that_is_not_named(self):
        self.node(exec={"programs": ["/bin/busybox"]})
        bundle = self.image_with_tool()
        self.assert_no_effect(bundle, self.run_script("/opt/tool/busybox touch /effect; echo", bundle))
        self.assertTrue(self.events(rule="unlisted-exec"))

    def test_a_pattern(self):
        self.node(exec={"programs": ["/bin/busybox", "/opt/tool/*"]})
        bundle = self.image_with_tool()
        add_program(bundle, "/opt/other/busybox")
        result = self.run_script("/opt/tool/busybox echo good; /opt/other/busybox touch /effect; echo",
                                 bundle)
        self.assertTrue(result.stdout.startswith("good\n"))
        self.assert_no_effect(bundle, result)

    def test_by_content(self):
        bundle = self.image_with_tool()
        digest = hashlib.sha256((bundle.rootfs / "opt/tool/busybox").read_bytes()).hexdigest()
        self.node(exec={"programs": ["/bin/busybox", {"sha256": digest}]})
        add_program(bundle, "/opt/other/busybox", extra=b"other")
        result = self.run_script("mkdir /tmp/same; cp /opt/tool/busybox /tmp/same; /tmp/same/busybox echo good; "
                                 "/opt/other/busybox touch /effect; echo", bundle)
        self.assertTrue(result.stdout.startswith("good\n"), result.stderr)
        self.assert_no_effect(bundle, result)

    def test_by_parent(self):
        self.node(exec={"programs": ["/bin/busybox", "/opt/parent/busybox",
                                     {"path": "/opt/tool/busybox", "parent": "/opt/parent/busybox"}]})
        bundle = self.image_with_tool()
        add_program(bundle, "/opt/parent/busybox", extra=b"parent")
        result = self.run_script("/opt/parent/busybox sh -c '/opt/parent/busybox echo; exec /opt/tool/busybox echo' ; "
                                 "/opt/parent/busybox env /opt/tool/busybox echo good; "
                                 "/opt/tool/busybox touch /effect; echo", bundle)
        self.assertIn("good\n", result.stdout)
        self.assert_no_effect(bundle, result)

    def test_the_image_alone_excludes_volumes(self):
        self.node(**IMAGE)
        bundle = self.image_with_tool()
        volume = pathlib.Path(tempfile.mkdtemp(prefix="holdfast-volume-"))
        self.addCleanup(shutil.rmtree, volume)
        shutil.copy(bundle.rootfs / "opt/tool/busybox", volume / "busybox")
        bundle.mount("/volume", volume, "bind")
        self.assert_no_effect(bundle, self.run_script("/volume/busybox touch /effect; echo", bundle))

    def test_nothing_may_be_executed_not_even_the_first_program(self):
        self.node(exec={"programs": []})
        result = self.runtime.run_container(self.bundle("true"))
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("operation not permitted", result.stderr)
