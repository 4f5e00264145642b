"""Completions and manuals are made from the programs' tables: held to what --help says, and to the shells."""

import pathlib
import re
import subprocess
import unittest

from lib.runtime import HOLDFAST

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
