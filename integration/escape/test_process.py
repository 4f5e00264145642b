"""What a process gets: identity, capabilities, environment, and what annotations may say about it."""

import json
import os
import pathlib

from escape.attack_case import AttackCase
from lib.runtime import new_id


class ExecUser(AttackCase):
    """2026, crun: `exec -u 1` ran as uid 0."""

    def setUp(self):
        super().setUp()
        self.container = new_id()
        self.assert_ok(self.runtime.create(self.bundle("sleep", "600"), self.container))
        self.runtime.ok("start", self.container)

    def test_the_user_is_what_was_asked(self):
        for asked, uid, gid in (("1", "1", "0"), ("1:2", "1", "2"), ("1000:1000", "1000", "1000"),
                                ("4294967294", "4294967294", "0")):
            with self.subTest(asked=asked):
                result = self.runtime.ok("exec", "-u", asked, self.container, "sh", "-c",
                                         "echo $(id -u) $(id -g)")
                self.assertEqual(result.stdout.split(), [uid, gid])

    def test_what_is_not_a_user_is_refused(self):
        for asked in ("", " 1", "1 ", "+1", "-1", "1:", ":1", "1:2:3", "0x1", "1e3", "4294967296",
                      "18446744073709551617", "1\n", "root ", "１"):
            with self.subTest(asked=asked):
                result = self.runtime.call("exec", "-u", asked, self.container, "id", "-u")
                self.assertNotEqual(result.returncode, 0)
                self.assertEqual(result.stdout, "")


class Capabilities(AttackCase):
    """CVE-2022-27650, CVE-2022-29162: inheritable capabilities."""

    def test_inheritable_capabilities_are_never_set(self):
        bundle = self.attacker("status", "CapInh")
        bundle.process["capabilities"]["inheritable"] = ["CAP_CHOWN", "CAP_KILL", "CAP_SETUID"]
        result = self.assert_ok(self.runtime.run_container(bundle.write()))
        self.assertEqual(int(result.stdout.split()[1], 16), 0)

    def test_exec_sets_none_either(self):
        bundle = self.attacker("status", "CapInh")
        bundle.process["args"] = ["sleep", "60"]
        container = new_id()
        self.assert_ok(self.runtime.create(bundle.write(), container))
        self.runtime.ok("start", container)
        process = {"user": {"uid": 0, "gid": 0}, "cwd": "/", "args": ["/attacks", "status", "CapInh"],
                   "env": ["PATH=/bin"],
                   "capabilities": {kind: ["CAP_CHOWN", "CAP_KILL"] for kind in (
                       "bounding", "effective", "permitted", "inheritable")}}
        path = bundle.path / "process.json"
        path.write_text(json.dumps(process))
        result = self.assert_ok(self.runtime.call("exec", "--process", path, container))
        self.assertEqual(int(result.stdout.split()[1], 16), 0)


class Annotations(AttackCase):
    """CVE-2024-3154 and crun's run.oci.*: annotations are an attacker's input."""

    HOSTILE = {
        "run.oci.seccomp_bpf_data": "BgAAAAAA/38=",
        "run.oci.seccomp.receiver": "/tmp/receiver",
        "run.oci.keep_original_groups": "1",
        "run.oci.handler": "wasm",
        "run.oci.hooks.stdout": "/tmp/escape",
        "run.oci.mount_context_type": "context",
        "org.systemd.property.ExecStartPre": "'/bin/sh'",
        "io.kubernetes.cri-o.seccompNotifierAction": "stop",
        "holdfast.profile": "none",
    }

    def test_annotations_change_nothing_but_the_state_document(self):
        program = ("grep -E '^(Seccomp|NoNewPrivs|Cap)' /proc/self/status;"
                   "unshare -U true; echo unshare $?")
        plain = self.assert_ok(self.runtime.run_container(self.bundle("sh", "-c", program)))
        bundle = self.bundle("sh", "-c", program)
        bundle.config["annotations"] = dict(self.HOSTILE)
        hostile = self.assert_ok(self.runtime.run_container(bundle.write()))
        self.assertEqual(hostile.stdout, plain.stdout)
        self.assertNotIn("unshare 0", hostile.stdout)
        self.assertFalse(os.path.exists("/tmp/escape"))

    def test_annotations_are_passed_on_in_the_state(self):
        bundle = self.bundle("sleep", "60")
        bundle.config["annotations"] = dict(self.HOSTILE)
        container = new_id()
        self.assert_ok(self.runtime.create(bundle.write(), container))
        self.assertEqual(self.runtime.state(container)["annotations"], self.HOSTILE)


class Hooks(AttackCase):
    """CVE-2025-23266: a hook ran with the container's LD_PRELOAD."""

    def hooked(self, point, script, env=None):
        bundle = self.bundle("true")
        bundle.process["env"] += ["LD_PRELOAD=/evil.so", "LD_LIBRARY_PATH=/evil", "BASH_ENV=/evil"]
        hook = bundle.path / "hook"
        hook.write_text("#!/bin/sh\n" + script)
        hook.chmod(0o755)
        bundle.config["hooks"] = {point: [{"path": str(hook), "args": ["hook"],
                                           **({"env": env} if env else {})}]}
        return bundle.write()

    def test_hooks_see_neither_the_containers_environment_nor_the_callers(self):
        for point in ("prestart", "createRuntime", "createContainer", "poststart", "poststop"):
            with self.subTest(point=point):
                seen = self.outside / point
                bundle = self.hooked(point, f"/usr/bin/env > {seen}\n", env=["PATH=/usr/bin:/bin"])
                self.assert_ok(self.runtime.run_container(
                    bundle, env={**os.environ, "LD_DEBUG": "help", "CALLER": "1"}))
                names = {line.split("=")[0] for line in seen.read_text().splitlines()}
                # A shell adds these three by itself.
                self.assertLessEqual(names, {"PATH", "PWD", "SHLVL", "_"})

    def test_hooks_inherit_no_descriptors(self):
        fd = os.open("/", os.O_RDONLY)
        os.set_inheritable(fd, True)
        self.addCleanup(os.close, fd)
        seen = self.outside / "fds"
        bundle = self.hooked("createRuntime", f"ls /proc/$$/fd > {seen}\n", env=["PATH=/bin"])
        self.assert_ok(self.runtime.run_container(bundle, pass_fds=[fd]))
        # 10 and above: where dash keeps its script open.
        found = {int(name) for name in seen.read_text().split()}
        self.assertEqual({number for number in found if number < 10}, {0, 1, 2})

    def test_a_failing_hook_leaves_nothing(self):
        bundle = self.hooked("createRuntime", "echo the reason >&2; exit 3\n")
        result = self.runtime.run_container(bundle)
        self.assert_refused(result, "exit status 3")
        self.assertIn("the reason", result.stderr)


class CgroupTree(AttackCase):
    """CVE-2023-25809, CVE-2022-0492: a writable cgroup tree of the host."""

    def test_the_cgroup_tree_is_read_only(self):
        script = ("for d in /sys/fs/cgroup /sys/fs/cgroup/*; do mkdir $d/escape 2>/dev/null && "
                  "echo made $d; echo /x > $d/release_agent 2>/dev/null && echo agent $d; done; true")
        result = self.assert_ok(self.runtime.run_container(self.bundle("sh", "-c", script)))
        self.assertEqual(result.stdout, "")

    def test_a_user_namespace_changes_nothing_about_it(self):
        bundle = self.bundle("sh", "-c", "mkdir /sys/fs/cgroup/*/escape && echo made; true")
        bundle.linux["namespaces"].append({"type": "user"})
        bundle.linux["uidMappings"] = [{"containerID": 0, "hostID": 200000, "size": 65536}]
        bundle.linux["gidMappings"] = bundle.linux["uidMappings"]
        bundle.config["mounts"].append({"destination": "/sys/fs/cgroup", "type": "cgroup",
                                        "source": "cgroup", "options": ["rw"]})
        pathlib.Path(bundle.path).chmod(0o711)
        result = self.runtime.run_container(bundle.write())
        self.assertNotIn("made", result.stdout)
