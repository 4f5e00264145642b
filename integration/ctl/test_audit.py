"""The audit log: what the runtime records, and holdfastctl audit verify, events and timeline."""

import json
import os
import pathlib
import subprocess
import tempfile
import time

from ctl.test_holdfastctl import HOLDFASTCTL
from lib.bundle import Bundle
from lib.case import RuntimeCase
from lib.node import Node
from lib.runtime import Runtime, new_id

PING = {"name": "ping", "match": {}, "allow": ["capabilities:SYS_ADMIN"], "reason": "monitoring, TICKET-7"}


class Audit(RuntimeCase):
    def setUp(self):
        super().setUp()
        self.scratch = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="holdfast-audit-")))
        self.log = self.scratch / "log"

    def node(self, audit=None, profiles=None, **policy):
        node = Node({"profile": "baseline", "audit": {"directory": str(self.log), **(audit or {})}, **policy},
                    profiles=profiles)
        self.enterContext(node)
        self.on_node = Runtime(root=self.runtime.root, prefix=node.prefix)
        self.prefix = node.prefix
        return self.on_node

    def ctl(self, *args, status=0, prefix=None):
        result = subprocess.run([*(self.prefix if prefix is None else prefix), HOLDFASTCTL, *map(str, args)],
                                capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        self.assertEqual(result.returncode, status, result.stdout + result.stderr)
        return result

    def recorded(self, *args):
        return [json.loads(line) for line in self.ctl("events", "--format", "json", *args).stdout.splitlines()]

    def rules(self, *args):
        return [each["metadata"]["event_code"] for each in self.recorded(*args)]

    def refused(self, runtime, *arguments):
        with Bundle(["true", *arguments]) as bundle:
            bundle.capabilities("CAP_SYS_ADMIN")
            result = runtime.run_container(bundle.write())
            self.assertIn("refused by policy", result.stderr)
            return result

    def life(self, runtime, container):
        with Bundle(["sleep", "600"]) as bundle:
            self.assert_ok(runtime.create(bundle, container))
            runtime.ok("start", container)
            runtime.ok("exec", container, "true", "--password=hunter2")
            runtime.ok("delete", "--force", container)

    def test_a_refusal_is_recorded_with_its_rule_and_nothing_else_is(self):
        runtime = self.node()
        with Bundle(["true"]) as bundle:
            self.assert_ok(runtime.run_container(bundle))
            self.assertFalse(self.log.exists())
        self.refused(runtime)
        [event] = self.recorded()
        self.assertEqual(event["metadata"]["event_code"], "create-refused")
        self.assertIn("HF-C003", event["message"])
        self.assertEqual((event["class_uid"], event["disposition"], event["severity"]), (6002, "Blocked", "Medium"))
        self.assertEqual(os.stat(self.log).st_mode & 0o777, 0o700)
        self.assertEqual(os.stat(self.log / "audit.jsonl").st_mode & 0o777, 0o600)

    def test_an_exception_that_loosens_is_recorded_with_its_reason(self):
        runtime = self.node(exceptions=[PING])
        with Bundle(["true"]) as bundle:
            bundle.capabilities("CAP_SYS_ADMIN")
            self.assert_ok(runtime.run_container(bundle.write()))
        events = self.recorded("--rule", "exception-used")
        self.assertTrue(any("TICKET-7" in each["message"] and "SYS_ADMIN" in each["message"] for each in events), events)

    def test_a_life_is_recorded_where_the_policy_asks_for_it_and_without_secrets(self):
        runtime = self.node({"record": "lifecycle"})
        container = new_id()
        self.life(runtime, container)
        self.assertEqual(self.rules(container),
                         ["container-created", "container-started", "container-exec", "container-deleted"])
        exec_ = self.recorded("--rule", "container-exec")[0]
        self.assertEqual(exec_["actor"]["process"]["cmd_line"], "true --password=***")
        self.assertTrue(exec_["unmapped"]["injected"])
        self.assertNotIn("hunter2", (self.log / "audit.jsonl").read_text())
        self.ctl("audit", "verify")

    def test_what_was_refused_in_exec_is_recorded(self):
        shut = {"extends": "baseline", "exec": {"access": "deny"}}
        runtime = self.node({"record": "refusals"}, profile="shut", profiles={"shut": shut})
        container = new_id()
        with Bundle(["sleep", "600"]) as bundle:
            self.assert_ok(runtime.create(bundle, container))
            self.addCleanup(runtime.call, "delete", "--force", container)
            runtime.ok("start", container)
            self.assertIn("refused by policy", runtime.call("exec", container, "true").stderr)
        self.assertEqual(self.rules(container), ["exec-refused"])

    def test_a_log_that_cannot_be_written_hinders_only_where_it_is_required(self):
        runtime = self.node({"record": "lifecycle"})
        self.log.write_text("no directory")
        with Bundle(["true"]) as bundle:
            result = runtime.run_container(bundle)
            self.assert_ok(result)
            self.assertIn("audit log", result.stderr)
        runtime = self.node({"record": "lifecycle", "require": True})
        with Bundle(["true"]) as bundle:
            container = new_id()
            result = runtime.run_container(bundle, container=container)
            self.assertEqual(result.returncode, 1)
            self.assertIn("audit log", result.stderr)
            self.assertNotIn(container, os.listdir(runtime.root))

    def test_without_privileges_the_log_stands_in_the_state_root(self):
        script = ('mkdir -m 700 "$1/state" && "$0" --root "$1/state" run --bundle "$2" "$3"; '
                  'cat "$1/state/.audit/audit.jsonl"')
        with Bundle(["true"]) as bundle:
            bundle.capabilities("CAP_SYS_ADMIN")
            bundle.config["linux"]["namespaces"].append({"type": "user"})
            bundle.config["linux"]["uidMappings"] = [{"containerID": 0, "hostID": 0, "size": 1}]
            bundle.config["linux"]["gidMappings"] = [{"containerID": 0, "hostID": 0, "size": 1}]
            bundle.config["linux"].pop("resources", None)
            bundle.config["linux"]["namespaces"] = [each for each in bundle.config["linux"]["namespaces"]
                                                    if each["type"] != "network"]
            os.chmod(self.scratch, 0o777)
            result = subprocess.run(["/usr/bin/setpriv", "--reuid", "1000", "--regid", "1000", "--clear-groups",
                                     "unshare", "--user", "--map-root-user", "/bin/sh", "-c", script,
                                     self.runtime.binary, self.scratch, bundle.write().path, new_id()],
                                    capture_output=True, text=True, check=False, env={"HOME": str(self.scratch)})
        if "refused by policy" not in result.stderr:
            self.fail("not refused: " + result.stdout + result.stderr)
        self.assertIn('"event_code":"create-refused"', result.stdout)

    def test_verify_names_what_was_changed_taken_out_and_cut_off(self):
        runtime = self.node()
        for _ in range(4):
            self.refused(runtime)
        path = self.log / "audit.jsonl"
        whole = path.read_text()
        lines = whole.splitlines(keepends=True)
        self.assertIn("sound: 4 lines", self.ctl("audit", "verify").stdout)

        def verdict(text):
            path.write_text(text)
            answer = json.loads(self.ctl("audit", "verify", "--format", "json", status=2).stdout)
            self.assertFalse(answer["sound"])
            return [f'{each["file"]}:{each["line"]}: {each["text"]}' for each in answer["broken"]]

        self.assertEqual(verdict(whole.replace(lines[1], lines[1].replace("SYS_ADMIN", "SYS_admin"))),
                         ["audit.jsonl:2: it was changed, or the line before it"])
        self.assertEqual(verdict(lines[0] + lines[2] + lines[3]),
                         ["audit.jsonl:2: lines are missing before it: 2 to 2"])
        self.assertEqual(verdict("".join(lines[:3])), ["audit.head:0: the end of the log is missing: lines 4 to 4"])
        self.assertEqual(verdict(lines[0] + lines[2] + lines[1] + lines[3])[0],
                         "audit.jsonl:2: lines are missing before it: 2 to 2")
        path.write_text(whole)
        self.ctl("audit", "verify")
        self.ctl("audit", "verify", path)

    def test_rotated_files_are_one_log_and_a_missing_one_is_named(self):
        runtime = self.node({"record": "lifecycle", "rotate": {"size": 4096, "keep": 20}})
        for _ in range(5):
            self.life(runtime, new_id())
        names = sorted(os.listdir(self.log))
        self.assertGreater(len(names), 4, names)
        self.assertIn("sound: 20 lines", self.ctl("audit", "verify").stdout)
        self.assertEqual(len(self.recorded()), 20)
        (self.log / "audit.jsonl.2").unlink()
        self.assertIn("a file is missing", self.ctl("audit", "verify", status=2).stdout)

    def test_events_are_shown_as_they_are_recorded_and_over_rotations(self):
        runtime = self.node({"rotate": {"size": 4096, "keep": 20}})
        self.refused(runtime)
        follower = subprocess.Popen([*self.prefix, HOLDFASTCTL, "events", "--follow"], stdout=subprocess.PIPE, text=True)
        self.addCleanup(follower.wait)
        self.addCleanup(follower.kill)
        self.addCleanup(follower.stdout.close)
        shown = []
        for _ in range(12):
            self.refused(runtime)
        end = time.monotonic() + 30
        while len(shown) < 13 and time.monotonic() < end:
            line = follower.stdout.readline()
            if "create-refused" in line:
                shown.append(line)
        self.assertEqual(len(shown), 13)
        self.assertIn("medium", shown[0])
        self.assertIn("blocked", shown[0])
        self.assertTrue((self.log / "audit.jsonl.1").exists())

    def test_events_are_chosen_by_container_time_and_severity(self):
        runtime = self.node({"record": "lifecycle"})
        one, two = new_id(), new_id()
        self.life(runtime, one)
        self.life(runtime, two)
        self.assertEqual(len(self.rules(two)), 4)
        self.assertEqual(self.rules("--level", "medium"), [])
        self.assertEqual(len(self.rules("--level", "low")), 2)
        self.assertEqual(self.rules("--since", "2100-01-01"), [])
        self.assertEqual(len(self.rules("--since", "1h")), 8)
        falco = [json.loads(line) for line in self.ctl("events", "--format", "falco").stdout.splitlines()]
        self.assertEqual({each["source"] for each in falco}, {"holdfast"})
        self.assertIn("is no time", self.ctl("events", "--since", "soon", status=1).stderr)
        table = self.ctl("events", one).stdout
        self.assertIn("container-exec", table)
        self.assertIn("T1609", table)

    def test_a_timeline_shows_what_was_executed_into_the_container(self):
        runtime = self.node({"record": "lifecycle"})
        container = new_id()
        self.life(runtime, container)
        answer = json.loads(self.ctl("timeline", "--format", "json", container).stdout)
        self.assertEqual(answer["container"], container)
        first, injected = answer["processes"]
        self.assertEqual(first["commandLine"], "sleep 600")
        self.assertEqual([each["rule"] for each in first["events"]],
                         ["container-created", "container-started", "container-deleted"])
        self.assertFalse(first["injected"])
        self.assertTrue(injected["injected"])
        shown = self.ctl("timeline", container).stdout
        self.assertIn("executed into the container", shown)
        self.assertIn("nothing is recorded of", self.ctl("timeline", "none", status=1).stderr)

    def test_text_of_containers_reaches_no_terminal_as_a_command(self):
        runtime = self.node({"record": "lifecycle"})
        container = new_id()
        with Bundle(["true", "\x1b[2J\x07"]) as bundle:
            self.assert_ok(runtime.run_container(bundle, container=container))
        for command in (["events"], ["timeline", container]):
            self.assertNotIn("\x1b", self.ctl(*command).stdout)

    def test_sinks_beside_the_log_get_the_events(self):
        falco, metrics = self.scratch / "falco.json", self.scratch / "holdfast.prom"
        runtime = self.node({"sinks": {"falco": str(falco), "prometheus": str(metrics)}})
        for _ in range(2):
            self.refused(runtime)
        lines = [json.loads(line) for line in falco.read_text().splitlines()]
        self.assertEqual([each["rule"] for each in lines], ["create-refused"] * 2)
        self.assertEqual(lines[0]["priority"], "Warning")
        self.assertIn('holdfast_events_total{rule="create-refused",severity="medium",disposition="blocked"} 2',
                      metrics.read_text())

    def test_on_a_full_disk_operations_go_on_and_what_was_lost_is_told_later(self):
        runtime = self.node({"record": "lifecycle"})
        self.log.mkdir(mode=0o700)
        subprocess.run([*self.prefix, "mount", "-t", "tmpfs", "-o", "size=16k,mode=700", "tmpfs", self.log], check=True)
        warned = 0
        with Bundle(["true"]) as bundle:
            for _ in range(8):
                result = runtime.run_container(bundle)
                self.assert_ok(result)
                warned += result.stderr.count("no space left")
        self.assertGreater(warned, 0)
        self.assertIn(f"{warned} events could not be written", self.ctl("audit", "verify").stdout)
        subprocess.run([*self.prefix, "mount", "-o", "remount,size=1m", self.log], check=True)
        with Bundle(["true"]) as bundle:
            self.assert_ok(runtime.run_container(bundle))
        events = self.recorded()
        lost = [each for each in events if each["metadata"]["event_code"] == "audit-lost"]
        self.assertEqual([each["count"] for each in lost], [warned])
        self.assertEqual(len(events) - 1 + warned, 9 * 3)
        self.ctl("audit", "verify")

    def test_runtimes_at_the_same_time_share_one_chain(self):
        runtime = self.node({"record": "lifecycle", "rotate": {"size": 8192, "keep": 100}})
        bundles = [self.enterContext(Bundle(["true"])) for _ in range(12)]
        calls = [subprocess.Popen(runtime.argv("run", "--bundle", each.path, new_id()), stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for each in bundles]
        self.assertEqual([call.wait() for call in calls], [0] * 12)
        self.assertIn("sound: 36 lines", self.ctl("audit", "verify").stdout)
