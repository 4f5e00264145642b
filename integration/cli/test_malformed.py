"""Configurations that must be refused, through the command line: one line, nothing left."""

import copy
import json
import os
import pathlib

from lib.bundle import Bundle
from lib.case import RuntimeCase
from lib.runtime import REPOSITORY, new_id

TABLE = REPOSITORY / "unit/data/malformed_configs.json"


def patched(base, path, value=None, remove=False):
    """A copy of `base` with the member at `path` (names and indices, joined by dots) set or removed."""
    document = copy.deepcopy(base)
    *way, last = path.split(".")
    place = document
    for step in way:
        place = place[int(step)] if isinstance(place, list) else place[step]
    if isinstance(place, list):
        last = int(last)
    if remove:
        del place[last]
    elif isinstance(place, list) and last == len(place):
        place.append(value)
    else:
        place[last] = value
    return document


def document_of(base, case):
    if "set" in case:
        return json.dumps(patched(base, case["set"], case.get("to"))).encode()
    if "remove" in case:
        return json.dumps(patched(base, case["remove"], remove=True)).encode()
    if "raw" in case:
        return case["raw"].encode()
    if "hex" in case:
        return bytes.fromhex(case["hex"])
    return (case.get("before", "") + case["repeat"] * case["times"] + case.get("after", "")).encode()


class Malformed(RuntimeCase):
    def test_each_is_refused_with_one_line_and_leaves_nothing(self):
        table = json.loads(TABLE.read_text())
        self.assertGreaterEqual(len(table["cases"]), 200)
        with Bundle(["true"]) as bundle:
            config = pathlib.Path(bundle.path / "config.json")
            for case in table["cases"]:
                with self.subTest(case=case["name"]):
                    config.write_bytes(document_of(table["base"], case))
                    result = self.runtime.call("create", "-b", bundle.path, new_id())
                    self.assertEqual(result.returncode, 1, result.stderr)
                    self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
                    self.assertIn("holdfast create failed: ", result.stderr)
                    self.assertIn("config.json: ", result.stderr)
                    self.assertEqual(os.listdir(self.runtime.root), [])
