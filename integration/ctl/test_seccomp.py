"""holdfastctl seccomp: what filters say to a call, of profiles, files, bundles and containers."""

import json
import pathlib
import subprocess
import tempfile

from lib.bundle import Bundle
from lib.case import RuntimeCase
from lib.runtime import HOLDFAST, new_id

HOLDFASTCTL = pathlib.Path(HOLDFAST).with_name("holdfastctl")


def ctl(*words):
    return subprocess.run([HOLDFASTCTL, "seccomp", *map(str, words)], text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, check=False)


class Seccomp(RuntimeCase):
    def ask(self, profile, *calls, options=()):
        """The answers by call, and the exit status."""
        result = ctl("test", *options, "--format", "json", profile, *calls)
        self.assertIn(result.returncode, (0, 1), result.stderr)
        answers = json.loads(result.stdout)["calls"]
        self.assertEqual([each["call"] for each in answers], list(calls))
        self.assertEqual(result.returncode, int(any(not each["allowed"] for each in answers)))
        return [each["answer"] for each in answers]

    def test_the_exit_status_tells_allowed_denied_and_a_wrong_question_apart(self):
        self.assertEqual(ctl("test", "baseline", "read").returncode, 0)
        self.assertEqual(ctl("test", "baseline", "read", "socket(AF_VSOCK)").returncode, 1)
        for wrong in (("test", "baseline"), ("test", "baseline", "nothing"), ("test", "nobody", "read"),
                      ("test", "baseline", "socket(AF_NOWHERE)"), ("test", "/nope.json", "read"),
                      ("test", "--arch", "pdp11", "baseline", "read"), ("test", "--nope", "baseline", "read"),
                      ("disasm", "nobody")):
            result = ctl(*wrong)
            self.assertEqual(result.returncode, 2, wrong)
            self.assertTrue(result.stderr.startswith("holdfastctl: "), result.stderr)
            self.assertEqual(result.stdout, "")

    def test_the_shipped_profiles(self):
        calls = ("socket(AF_INET, SOCK_STREAM)", "socket(AF_VSOCK)", "socket(AF_ALG)", "mount",
                 "clone(CLONE_NEWUSER|SIGCHLD)", "clone(CLONE_VM|CLONE_FS)", "clone3", "ptrace")
        common = ["allowed", "EPERM", "EPERM", "EPERM", "EPERM", "allowed", "ENOSYS"]
        for profile in ("baseline", "baseline-denylist", "baseline-allowlist"):
            self.assertEqual(self.ask(profile, *calls), common + ["allowed"], profile)
        for profile in ("restricted", "restricted-denylist", "restricted-allowlist"):
            self.assertEqual(self.ask(profile, *calls), common + ["EPERM"], profile)

    def test_other_architectures(self):
        for arch in ("x86_64", "i386", "aarch64", "arm"):
            self.assertEqual(self.ask("baseline", "read", "mount", "socket(AF_VSOCK)", options=("--arch", arch)),
                             ["allowed", "EPERM", "EPERM"], arch)
        self.assertEqual(self.ask("baseline", "read", options=("--arch", "x32")), ["ENOSYS"])
        self.assertEqual(self.ask("restricted", "socketcall(1)", "socketcall(8)", options=("--arch", "i386")),
                         ["EPERM", "EPERM"])
        self.assertEqual(self.ask("baseline", "socketcall(1)", options=("--arch", "i386")), ["allowed"])

    def test_a_set_asks_for_each_of_its_calls(self):
        sets = {each["name"]: each["calls"] for each in json.loads(ctl("sets", "--format", "json").stdout)["sets"]}
        self.assertIn("pivot_root", sets["@mount"])
        result = ctl("test", "baseline", "@mount", "--format", "json")
        answers = {each["call"]: each["answer"] for each in json.loads(result.stdout)["calls"]}
        self.assertEqual(result.returncode, 1)
        self.assertEqual(set(answers), set(sets["@mount"]) - {"umount"})  # umount is i386's
        self.assertEqual(set(answers.values()), {"EPERM"})
        self.assertEqual(ctl("test", "restricted", "@socket", "@file").returncode, 0)
        self.assertEqual(ctl("test", "baseline", "@nothing").returncode, 2)
        self.assertEqual(ctl("sets", "@nothing").returncode, 2)
        self.assertEqual(len(json.loads(ctl("sets", "@bpf", "--format", "json").stdout)["sets"]), 1)

    def test_the_set_is_named(self):
        answer = json.loads(ctl("test", "baseline", "mount", "--format", "json").stdout)["calls"][0]
        self.assertIn("@mount", answer["filters"][0]["why"])
        self.assertIn("nestedContainers", answer["remedy"])

    def test_a_profile_file_of_an_engine_s_with_conditions(self):
        profile = {"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1,
                   "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}],
                   "syscalls": [{"names": ["read", "statx"], "action": "SCMP_ACT_ALLOW"},
                                {"names": ["mount"], "action": "SCMP_ACT_ALLOW",
                                 "includes": {"caps": ["CAP_SYS_ADMIN"]}},
                                {"names": ["personality"], "action": "SCMP_ACT_ALLOW",
                                 "args": [{"index": 0, "value": 8, "op": "SCMP_CMP_EQ"}]}]}
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(profile, file)
            file.flush()
            self.assertEqual(self.ask(file.name, "read", "mount", "personality(PER_LINUX32)", "personality(0)"),
                             ["allowed", "EPERM", "allowed", "EPERM"])
            self.assertEqual(self.ask(file.name, "openat2"), ["ENOSYS"])  # newer than statx
            self.assertEqual(self.ask(file.name, "mount", options=("--cap", "SYS_ADMIN")), ["allowed"])
            whys = [call["filters"][0]["why"] for call in json.loads(
                ctl("test", file.name, "read", "personality(8)", "mount", "--format", "json").stdout)["calls"]]
            self.assertEqual(whys, ["syscalls[0]", "syscalls[2] by the arguments", "no rule matches: defaultAction"])
            file.seek(0)
            file.truncate()
            file.write('{"defaultAction": \n  nonsense}')
            file.flush()
            broken = ctl("test", file.name, "read")
        self.assertEqual(broken.returncode, 2)
        self.assertRegex(broken.stderr, r"line 2|:2:")

    def test_a_bundle_has_all_filters_and_its_container_has_the_same(self):
        with Bundle(["sleep", "100"]) as bundle:
            bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW",
                                       "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "errnoRet": 13},
                                                    {"names": ["mount"], "action": "SCMP_ACT_ERRNO", "errnoRet": 13}]}
            bundle.write()
            calls = ("mkdir", "mount", "read", "io_uring_setup", "unshare(CLONE_NEWUSER)")
            planned = self.ask(bundle.path, *calls)
            self.assertEqual(planned, self.ask(f"{bundle.path}/config.json", *calls))
            container = new_id()
            created = self.runtime.create(bundle, container)
            self.assertEqual(created.returncode, 0, created.stderr)
            self.runtime.ok("start", container)
            options = ("--root", self.runtime.root)
            self.assertEqual(planned, self.ask(container, *calls, options=options))
            # of two errors the kernel answers that of the filter loaded last: the engine's
            self.assertEqual(planned, ["EACCES", "EACCES", "allowed", "EPERM", "EPERM"])
            made = self.runtime.call("exec", container, "mkdir", "/tmp/made")
            self.assertIn("Permission denied", made.stderr)
            shown = ctl("disasm", *options, container).stdout
        self.assertRegex(shown, r"filter 1 of 2.*baseline denylist")
        self.assertIn("filter 2 of 2", shown)

    def test_disasm_lists_every_instruction_with_names(self):
        listing = ctl("disasm", "baseline-denylist").stdout.splitlines()
        answer = json.loads(ctl("disasm", "baseline-denylist", "--format", "json").stdout)
        instructions = answer["filters"][0]["instructions"]
        self.assertEqual(len(listing) - 2, len(instructions))
        self.assertIn("mount", {each.get("comment") for each in instructions})
        self.assertIn("kexec_load", {each.get("comment") for each in instructions})
