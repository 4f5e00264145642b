"""Completions and manuals are made from the programs' tables: held to what --help says, and to the shells.

The manuals of the policy's and the profiles' formats are written by hand: held to the published schemas, to
the shipped profiles, and to what the programs take."""

import json
import pathlib
import re
import subprocess
import tempfile
import unittest

from lib.runtime import HOLDFAST, REPOSITORY

BIN = pathlib.Path(HOLDFAST).parent
SHARE = BIN.parent / "share"
BASH = """
source "$1"
COMP_WORDS=("${@:2}")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
"_${COMP_WORDS[0]}" && printf '%s\\n' "${COMPREPLY[@]}"
"""


def output(*argv):
    return subprocess.run([str(a) for a in argv], check=True, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE).stdout


def commands(program):
    listed = output(BIN / program, "--help").split("Commands:")[1]
    return [match.strip() for match in re.findall(r"(?m)^  ([a-z]+(?: [a-z]+)?)  ", listed)]


def flags(program, *command):
    """The spellings of the flags in a --help."""
    shown = output(BIN / program, *command, "--help")
    if not command and "Options:" not in shown:
        return {"--help", "--version"}
    return set(re.findall(r"(?m)^ +(?:-[a-zA-Z], )?(--[a-z0-9-]+)", shown.split("Options:")[1].split("Commands:")[0]))


def tree():
    """(program, command's words, flags), the top among them."""
    for program in ("holdfast", "holdfastctl"):
        yield program, (), flags(program)
        for command in commands(program):
            yield program, tuple(command.split()), flags(program, *command.split())


@unittest.skipUnless(SHARE.is_dir(), f"no {SHARE}: build the target \"documents\" first")
class Documents(unittest.TestCase):
    maxDiff = None

    def test_bash_offers_every_command_and_every_flag(self):
        for program, command, known in tree():
            file = SHARE / "bash-completion/completions" / program
            offered = set(output("/bin/bash", "-c", BASH, "bash", file, program, *command, "--").split())
            self.assertEqual({each for each in offered if each.startswith("--")}, known, (program, command))
            if command:
                first = output("/bin/bash", "-c", BASH, "bash", file, program, *command[:-1], command[-1][:2]).split()
                self.assertIn(command[-1], first)

    def test_bash_offers_the_values_of_flags_and_operands(self):
        def offered(*words):
            return output("/bin/bash", "-c", BASH, "bash", SHARE / "bash-completion/completions/holdfastctl", "holdfastctl",
                          *words).split()
        self.assertEqual(offered("explain", "--format", ""), ["table", "json"])
        self.assertEqual(offered("install", "po"), ["podman"])
        self.assertIn("/etc/passwd", offered("seccomp", "test", "/etc/passw"))
        self.assertIn("restricted", offered("seccomp", "disasm", "rest"))
        self.assertIn("disasm", offered("seccomp", ""))

    def test_fish_offers_every_command_and_every_flag(self):
        for program, command, known in tree():
            file = SHARE / f"fish/vendor_completions.d/{program}.fish"
            line = " ".join((program, *command, "--"))
            offered = output("/usr/bin/fish", "--no-config", "-c", f"source {file}; complete -C '{line}'")
            self.assertEqual({each.split("\t")[0] for each in offered.splitlines()}, known, (program, command))
            if command:
                line = " ".join((program, *command[:-1], command[-1][:2]))
                first = output("/usr/bin/fish", "--no-config", "-c", f"source {file}; complete -C '{line}'")
                self.assertIn(command[-1], [each.split("\t")[0] for each in first.splitlines()])

    def test_zsh_takes_the_file_and_it_has_every_command_and_every_flag(self):
        for program, command, known in tree():
            file = SHARE / "zsh/site-functions" / f"_{program}"
            output("/usr/bin/zsh", "--no-rcs", "-n", file)
            text = file.read_text(encoding="utf-8")
            part = text.split(f"\n    '{' '.join(command)}')\n")[1].split(";;\n")[0]
            self.assertEqual(set(re.findall(r"'\*(--[a-z0-9-]+)\[", part)), known, (program, command))
            if len(command) == 1:
                self.assertIn(f"'{command[0]}:", text)

    def test_the_manuals_have_every_command_and_every_flag(self):
        for program, command, known in tree():
            page = output("/usr/bin/mandoc", "-Tascii", "-O", "width=200", SHARE / f"man/man8/{program}.8")
            page = re.sub(".\b", "", page)
            part = page
            if command:
                self.assertIn(f"   {program} {' '.join(command)}\n", page)
                part = page.split(f"\n   {program} {' '.join(command)}\n")[1]
                part = re.split(rf"\n   {program} |\n[A-Z]", part)[0] + "--help"
            for flag in known:
                self.assertRegex(part, rf"(?<![a-z0-9-]){flag}(?![a-z0-9-])", (program, command))

    def test_the_manuals_are_without_fault(self):
        pages = sorted(SHARE.glob("man/man*/*"))
        self.assertGreaterEqual(len(pages), 3)
        for page in pages:
            lint = subprocess.run(["/usr/bin/mandoc", "-Tlint", "-Wwarning", page], text=True, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, check=False)
            self.assertEqual((lint.returncode, lint.stdout), (0, ""), page)


def schema(name):
    return json.loads((REPOSITORY / f"packaging/schema/{name}.schema.json").read_text(encoding="utf-8"))




def fields(node, path=""):
    """Every field of a schema by its path: "rules[].match", "limits.hugepages.*"."""
    for name, below in node.get("properties", {}).items():
        here = f"{path}.{name}" if path else name
        yield here, below
        # A limit is one entry, whether it has a name of its own or not.
        if set(below.get("properties", {})) != {"default", "max"}:
            yield from fields(below, here)
        if "properties" in below.get("items", {}):
            yield from fields(below["items"], f"{here}[]")
        if isinstance(below.get("additionalProperties"), dict):
            yield f"{here}.*", below["additionalProperties"]


def entries(page):
    """The entries of a manual's lists: name -> (type, text)."""
    source = (SHARE / "man/man5" / page).read_text(encoding="utf-8")
    found = {}
    for entry in re.split(r"(?m)^\.It ", source)[1:]:
        head, text = entry.split("\n", 1)
        match = re.fullmatch(r"Cm ([A-Za-z0-9.\[\]]+)(?: Ns Ar [A-Z_]+)?(?: Ar ([a-z]+))?", head)
        if match and match[2]:
            found[match[1] + ("*" if " Ns Ar" in head else "")] = (match[2], re.split(r"(?m)^\.El", text)[0])
    return found


def at(document, path):
    for name in path.split("."):
        document = document.get(name) if document is not None else None
    return document


@unittest.skipUnless(SHARE.is_dir(), f"no {SHARE}: build the target \"documents\" first")
class Formats(unittest.TestCase):
    maxDiff = None

    def kind(self, field):
        """What the manual calls the type of a field."""
        named = field.get("$ref", "").removeprefix("#/$defs/")
        if named:
            return {"mountFlags": "flags"}.get(named, named)
        if set(field.get("properties", {})) == {"default", "max"}:
            return "limit"
        if field.get("type") == "array":
            items = field["items"]
            if items.get("$ref") == "#/$defs/port":
                return "ports"
            return "paths" if items.get("pattern") == "^/" else "list"
        if "enum" in field and "enforce" in field["enum"]:
            return "mode"
        if field.get("format") == "date":
            return "date"
        return {"string": "text", None: "text"}.get(field.get("type"), field.get("type"))

    def held_to(self, page, wanted):
        found = entries(page)
        self.assertGreater(len(wanted), 15)
        self.assertEqual({name: kind for name, (kind, _) in found.items()}, wanted)
        return found

    def test_the_profile_s_manual_has_every_field_with_its_type(self):
        # Objects that only hold others, and a hook's members, have no entries.
        wanted = {name: self.kind(field) for name, field in fields(schema("profile"))
                  if "[]" not in name and (field.get("type") != "object" or self.kind(field) == "limit")}
        found = self.held_to("holdfast-profile.5", wanted)
        hook = schema("profile")["properties"]["hooks"]["properties"]["allow"]["items"]["properties"]
        for name in hook:
            self.assertIn(f".Cm {name}\n", found["hooks.allow"][1])

    def test_the_policy_s_manual_has_every_field_with_its_type(self):
        policy = schema("policy")
        wanted = {name: self.kind(field) for name, field in fields(policy)}
        for name, field in policy["$defs"]["match"]["properties"].items():
            wanted[f"match.{name}"] = self.kind(field)
        found = self.held_to("holdfast-policy.5", wanted)
        for name, (_, text) in found.items():
            if not name.startswith("match."):
                self.assertRegex(text, r"Required|[Dd]efault:|one file only", name)
        for each in policy["required"]:
            self.assertIn("Required", found[each][1])
        for each in policy["properties"]["exceptions"]["items"]["required"]:
            self.assertIn("Required.", found[f"exceptions[].{each}"][1])

    def test_every_word_that_a_schema_knows_is_in_its_manual(self):
        def words(node):
            if isinstance(node, dict):
                yield from (each for each in node.get("enum", []) if not each.isupper())
                for below in node.values():
                    yield from words(below)
            elif isinstance(node, list):
                for below in node:
                    yield from words(below)
        for name in ("policy", "profile"):
            text = (SHARE / f"man/man5/holdfast-{name}.5").read_text(encoding="utf-8")
            for word in set(words(schema(name))):
                self.assertRegex(text, rf"(?m)^\.(Cm|It Cm).*\b{word}\b", name)

    def test_what_is_said_of_the_shipped_profiles_is_what_they_say(self):
        shipped = [json.loads(output(BIN / "holdfastctl", "profile", "show", name, "--format", "json"))
                   for name in ("observe", "baseline", "restricted")]
        for name, (kind, text) in entries("holdfast-profile.5").items():
            if name in ("apiVersion", "name", "extends", "description"):
                continue
            said = re.search(r"(?m)^Shipped: (.*)\.$", text)
            self.assertIsNotNone(said, name)
            values = [at(each, name.rstrip(".*")) for each in shipped]
            if kind in ("access", "requirement", "boolean"):
                self.assertEqual(said[1].split(", "), [str(each).replace("F", "f").replace("T", "t") for each in values], name)
            elif said[1].startswith(("not set", "none")) and ";" not in said[1]:
                self.assertFalse(any(values), (name, values))
            else:
                self.assertTrue(any(values), (name, values))

    def test_the_policy_s_manual_has_everything_that_an_exception_can_allow(self):
        with tempfile.TemporaryDirectory() as directory:
            policy = pathlib.Path(directory, "policy.d")
            policy.mkdir()
            (policy / "10.json").write_text(json.dumps({"apiVersion": "holdfast/v1", "exceptions": [
                {"name": "x", "match": {}, "allow": ["nothing"], "reason": "x"}]}), encoding="utf-8")
            told = subprocess.run([BIN / "holdfastctl", "policy", "lint", directory], text=True, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, check=False).stdout
        known = re.findall(r"[a-zA-Z]+(?:(?=:(?:/?[A-Z_]+))|(?=,|$))", told[told.index("privileged"):])
        self.assertGreater(len(known), 20, told)
        page = (SHARE / "man/man5/holdfast-policy.5").read_text(encoding="utf-8")
        part = page.split(".Sh WHAT AN EXCEPTION ALLOWS")[1].split(".Sh ")[0]
        listed = " ".join(re.findall(r"(?m)^\.It (.*)$", part))
        for each in known:
            self.assertRegex(listed, rf"\b{each}\b", told)

    def test_the_examples_are_taken(self):
        with tempfile.TemporaryDirectory() as directory:
            for kind, file in (("policy", "policy.d/10-node.json"), ("profile", "profiles/web.json")):
                page = (SHARE / f"man/man5/holdfast-{kind}.5").read_text(encoding="utf-8")
                text = re.search(r"(?s)\.Bd -literal -offset indent\n(\{.*?\n\})\n\.Ed", page)[1]
                path = pathlib.Path(directory, file)
                path.parent.mkdir()
                path.write_text(text, encoding="utf-8")
            done = subprocess.run([BIN / "holdfastctl", "profile", "show", "web", "--policy", directory], text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
            self.assertEqual(done.returncode, 0, done.stdout)
            done = subprocess.run([BIN / "holdfastctl", "policy", "show", "--policy", directory], text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
            self.assertEqual(done.returncode, 0, done.stdout)
            self.assertIn("TICKET-12", done.stdout)
