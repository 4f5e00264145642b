"""The command line itself: flags, help, wording, the log file, exit codes. No container is made."""

import json
import os
import re
import subprocess
import tempfile
import unittest

from lib.runtime import HOLDFAST

VERBS = ("checkpoint", "create", "delete", "events", "exec", "features", "kill", "list", "pause", "ps",
         "restore", "resume", "run", "spec", "start", "state", "update")
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"


class CommandLine(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="holdfast-cli-")
        self.addCleanup(directory.cleanup)
        self.directory = directory.name

    def call(self, *args, **options):
        return subprocess.run([HOLDFAST, "--root", self.directory + "/state", *args], text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=60, check=False, **options)

    def failure(self, *args):
        """The message of a failed call, which is all that it prints."""
        result = self.call(*args)
        self.assertEqual(result.returncode, 1, result)
        self.assertEqual(result.stdout, "")
        match = re.fullmatch(rf'time="{TIME}" level=error msg=("(?:[^"\\]|\\.)*")\n', result.stderr)
        self.assertTrue(match, result.stderr)
        return json.loads(match[1])

    def test_version_is_what_engines_parse(self):
        for flag in ("--version", "-v"):
            result = subprocess.run([HOLDFAST, flag], text=True, stdout=subprocess.PIPE, check=True)
            lines = result.stdout.splitlines()
            self.assertRegex(lines[0], r"^holdfast version \d+\.\d+\.\d+")
            self.assertRegex(lines[1], r"^commit: \S+$")
            self.assertEqual(lines[2], "spec: 1.3.0")

    def test_help_tells_every_verb_and_its_flags(self):
        text = self.call("--help").stdout
        for verb in VERBS:
            self.assertRegex(text, rf"(?m)^  {verb} +\S")
            own = self.call(verb, "--help")
            self.assertEqual(own.returncode, 0)
            self.assertIn(f"holdfast {verb} - ", own.stdout)
            self.assertEqual(own.stdout, self.call("help", verb).stdout)
        self.assertIn("--console-socket", self.call("create", "--help").stdout)

    def test_every_flag_of_the_contract_is_taken(self):
        common = ["--bundle", "--console-socket", "--pidfd-socket", "--pid-file", "--no-pivot",
                  "--no-new-keyring", "--preserve-fds", "--config"]
        contract = {
            "create": common,
            "run": common + ["--detach", "--keep", "--no-subreaper"],
            "delete": ["--force"], "kill": ["--all"], "list": ["--format", "--quiet"],
            "ps": ["--format"], "events": ["--stats", "--interval"], "spec": ["--rootless"],
            "exec": ["--process", "--detach", "--tty", "--user", "--additional-gids", "--env", "--cap",
                     "--cwd", "--pid-file", "--console-socket", "--pidfd-socket", "--process-label",
                     "--apparmor", "--no-new-privs", "--preserve-fds", "--cgroup",
                     "--ignore-paused"],
            "update": ["--resources", "--memory", "--cpu-quota", "--cpu-period", "--cpu-shares",
                       "--cpu-share", "--cpu-burst", "--cpu-idle", "--cpuset-cpus", "--pids-limit",
                       "--blkio-weight", "--memory-swap", "--memory-reservation"],
        }
        for verb, flags in contract.items():
            text = self.call(verb, "--help").stdout
            for flag in flags:
                self.assertRegex(text, rf"{flag}\b", verb)

    def test_what_is_unknown_is_one_clear_error(self):
        for args, message in (
                (["bogus"], "no such command: bogus"),
                (["--bogus", "list"], "flag provided but not defined: -bogus"),
                (["create", "--bogus", "x"],
                 "flag provided but not defined: -bogus"),
                (["--log-format", "xml", "list"], "invalid log-format: xml"),
                (["--cgroup-manager", "x", "list"],
                 'unknown cgroup manager "x": cgroupfs, systemd or disabled'),
                (["list", "--format", "xml"], "invalid format option"),
                (["state"], '"state" requires exactly 1 argument(s)'),
                (["state", "a", "b"], '"state" requires exactly 1 argument(s)'),
                (["kill"], '"kill" requires a minimum of 1 argument(s)'),
                (["checkpoint", "--image-path", "/x", "c1"], "checkpoint: not supported yet"),
                (["restore", "c1"], "restore: not supported yet")):
            with self.subTest(args=args):
                self.assertEqual(self.failure(*args), message)

    def test_what_does_not_exist_is_said_in_the_words_that_engines_match(self):
        for args in (["state"], ["start"], ["kill", "--all"], ["delete"], ["pause"], ["resume"],
                     ["ps"], ["update"], ["events"]):
            with self.subTest(args=args):
                self.assertIn("container does not exist", self.failure(*args, "nope"))
        self.assertEqual(self.call("delete", "--force", "nope").returncode, 0)
        result = self.call("exec", "nope", "true")
        self.assertEqual(result.returncode, 255)
        self.assertIn("exec failed: container does not exist", result.stderr)

    def test_an_id_is_a_name_and_no_path(self):
        for bad in ("../x", "a/b", "..", ".", "", "a b", ".cache", "x" * 256, "ä"):
            for verb in (["state"], ["delete", "--force"], ["kill"], ["create", "-b", "/"],
                         ["run", "-b", "/"], ["exec"]):
                with self.subTest(id=bad, verb=verb[0]):
                    result = self.call(*verb, "--", bad, *(["true"] if verb == ["exec"] else []))
                    self.assertNotEqual(result.returncode, 0)
                    self.assertIn("invalid container ID format", result.stderr)
        self.assertFalse(os.path.exists(self.directory + "/x"))

    def test_the_log_file_holds_exactly_one_object(self):
        log = self.directory + "/log.json"
        for verb, args in (("state", ["nope"]), ("create", ["-b", "/nonexistent", "c1"]),
                           ("bogus", []), ("state", ["--bogus"])):
            if os.path.exists(log):
                os.unlink(log)
            result = self.call("--log", log, "--log-format", "json", verb, *args)
            self.assertEqual(result.returncode, 1)
            with open(log, encoding="utf-8") as file:
                entry = json.loads(file.read())  # fails if there is more than one value
            self.assertEqual(sorted(entry), ["level", "msg", "time"])
            self.assertEqual(entry["level"], "error")
            self.assertRegex(entry["time"], rf"^{TIME}$")
            self.assertEqual(result.stderr, entry["msg"] + "\n")

    def test_a_success_writes_no_log(self):
        log = self.directory + "/log.json"
        self.assertEqual(self.call("--log", log, "--debug", "list").returncode, 0)
        self.assertFalse(os.path.exists(log))

    def test_no_containers_are_listed_as_runc_does(self):
        self.assertEqual(self.call("list").stdout.split(),
                         ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"])
        self.assertEqual(self.call("list", "-f", "json").stdout, "null\n")
        self.assertEqual(self.call("list", "-q").stdout, "")

    def test_features_offer_what_engines_look_for(self):
        features = json.loads(self.call("features").stdout)
        self.assertTrue(features["ociVersionMin"] and features["ociVersionMax"])
        self.assertIn("rro", features["mountOptions"])
        self.assertIs(features["linux"]["mountExtensions"]["idmap"]["enabled"], True)
        self.assertIn("user", features["linux"]["namespaces"])

    def test_spec_writes_a_config_once(self):
        self.assertEqual(self.call("spec", "--bundle", self.directory).returncode, 0)
        with open(self.directory + "/config.json", encoding="utf-8") as file:
            text = file.read()
        self.assertIn("process", json.loads(text))
        self.assertEqual(self.failure("spec", "--bundle", self.directory),
                         "File config.json exists. Remove it first")
        with open(self.directory + "/config.json", encoding="utf-8") as file:
            self.assertEqual(file.read(), text)

    def test_a_state_root_that_others_can_write_to_is_refused(self):
        os.mkdir(self.directory + "/state")
        os.chmod(self.directory + "/state", 0o777)
        self.assertIn("others can write to it", self.failure("list"))
