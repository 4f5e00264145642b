"""holdfastctl install and uninstall on files alone: what is refused, and what others changed meanwhile."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from lib.runtime import HOLDFAST

HOLDFASTCTL = pathlib.Path(HOLDFAST).with_name("holdfastctl")


class Install(unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="holdfast-root-"))
        self.addCleanup(shutil.rmtree, self.root)
        os.chmod(self.root, 0o755)

    def ctl(self, verb, engine, *options):
        return subprocess.run([HOLDFASTCTL, verb, engine, "--root", self.root, *options], text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30,
                              check=False)

    def ok(self, *words):
        result = self.ctl(*words)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def refused(self, text, *words):
        before = self.tree()
        result = self.ctl(*words)
        self.assertEqual(result.returncode, 1, result.stdout)
        self.assertIn(text, result.stderr)
        self.assertEqual(self.tree(), before)

    def write(self, path, text, mode=0o644):
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        target.chmod(mode)
        return target

    def tree(self):
        return sorted((str(path.relative_to(self.root)), path.lstat().st_mode, path.lstat().st_uid,
                       path.read_bytes() if path.is_file() else b"") for path in self.root.rglob("*"))

    def test_the_order_of_installs_and_uninstalls_does_not_matter(self):
        engines = ("docker", "docker-build", "containerd", "podman", "crio")
        empty = self.tree()
        for first in range(len(engines)):
            for engine in engines:
                self.ok("install", engine)
            for engine in engines[first:] + engines[:first]:
                self.ok("uninstall", engine)
            self.assertEqual(self.tree(), empty)

    def test_nothing_is_written_on_a_dry_run(self):
        before = self.tree()
        shown = self.ok("install", "docker", "--dry-run")
        self.assertIn("+++ /etc/docker/daemon.json", shown)
        self.assertEqual(self.tree(), before)

    def test_an_install_with_other_options_replaces_the_one_before(self):
        target = self.write("etc/docker/daemon.json", '{\n  "default-runtime": "crun"\n}\n')
        before = self.tree()
        self.ok("install", "docker", "--default")
        self.assertEqual(json.loads(target.read_text())["default-runtime"], "holdfast")
        self.ok("install", "docker", "--runtime-path", "/opt/holdfast")
        self.assertEqual(json.loads(target.read_text()),
                         {"default-runtime": "crun", "runtimes": {"holdfast": {"path": "/opt/holdfast"}}})
        self.ok("uninstall", "docker")
        self.assertEqual([each for each in self.tree() if "var" not in each[0]], [e for e in before if "var" not in e[0]])

    def test_what_others_changed_meanwhile_is_kept(self):
        target = self.write("etc/docker/daemon.json", '{\n  "debug": true\n}\n')
        self.ok("install", "docker", "--default")
        changed = json.loads(target.read_text())
        changed["log-level"] = "warn"
        target.write_text(json.dumps(changed), encoding="utf-8")
        shown = self.ok("uninstall", "docker")
        self.assertIn("changed since the install", shown)
        self.assertEqual(json.loads(target.read_text()), {"debug": True, "log-level": "warn"})
        self.assertFalse((self.root / "var").exists())

    def test_docker_tells_what_it_leaves_out_until_that_is_installed(self):
        self.assertIn("holdfastctl install docker-build", self.ok("install", "docker"))
        shown = json.loads(self.ok("install", "docker-build", "--format", "json"))
        self.assertEqual(shown["path"], "/etc/systemd/system/docker.service.d/50-holdfast.conf")
        self.assertEqual(shown["notes"], [])
        self.assertNotIn("docker-build", self.ok("install", "docker", "--default"))

    def test_a_broken_file_is_refused_with_its_place(self):
        for text, place in (('{\n  "debug": true // no comments\n}', "daemon.json:2:"), ("[]", "daemon.json:1:1: "),
                            ('{"runtimes": []}', "daemon.json:1:14: "), ('{"a": 1', "daemon.json:1:"),
                            ('{"a": 1, "a": 2}', "duplicate key")):
            self.write("etc/docker/daemon.json", text)
            self.refused(place, "install", "docker")
            before = self.tree()
            self.ctl("uninstall", "docker")
            self.assertEqual(self.tree(), before)
        for text, place in (("root = 1\n", "config.toml:1:1: no \"version = 2\""), ("version = 2\n[plugins\n", "config.toml:2:9: ")):
            self.write("etc/containerd/config.toml", text)
            self.refused(place, "install", "containerd")

    def test_what_others_could_change_is_refused(self):
        target = self.write("etc/docker/daemon.json", "{}")
        os.chown(target, 4242, 4242)
        self.refused("belongs to uid 4242", "install", "docker")
        os.chown(target, 0, 0)
        target.chmod(0o666)
        self.refused("others can write to it", "install", "docker")
        target.chmod(0o644)
        target.parent.chmod(0o777)
        self.refused("others can write to it", "install", "docker")
        target.parent.chmod(0o755)
        target.rename(self.root / "real.json")
        target.symlink_to("../../real.json")
        self.refused("symbolic link", "install", "docker")

    def test_a_file_of_another_s_is_not_taken_over(self):
        self.write("etc/crio/crio.conf.d/50-holdfast.conf", "[crio.runtime]\n")
        self.refused("it is there already", "install", "crio")
        self.assertIn("nothing to change", self.ok("uninstall", "crio"))

    def test_a_symbolic_link_does_not_lead_out_of_the_root(self):
        outside = pathlib.Path(tempfile.mkdtemp(prefix="holdfast-outside-"))
        self.addCleanup(shutil.rmtree, outside)
        (self.root / "etc").mkdir(mode=0o755)
        (self.root / "etc/docker").symlink_to(outside)
        result = self.ctl("install", "docker")
        self.assertNotEqual(result.returncode, 0, result.stdout)
        self.assertEqual(list(outside.iterdir()), [])

    def test_json_says_the_same(self):
        answer = json.loads(self.ok("install", "crio", "--default", "--runtime-path", "/usr/bin/holdfast", "--format", "json"))
        self.assertEqual((answer["engine"], answer["path"], answer["action"], answer["changed"]),
                         ("crio", "/etc/crio/crio.conf.d/50-holdfast.conf", "create", True))
        self.assertIn('+default_runtime = "holdfast"', answer["diff"])
        self.assertEqual(answer["then"], "systemctl restart crio")
        self.assertFalse(json.loads(self.ok("install", "crio", "--default", "--runtime-path", "/usr/bin/holdfast",
                                            "--format", "json"))["changed"])

    def test_wrong_words(self):
        self.refused("unknown engine", "install", "lxc")
        self.refused("not absolute", "install", "docker", "--runtime-path", "holdfast")
        self.refused("no configuration takes", "install", "docker", "--runtime-path", '/a"b')
