#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The bugs of bugs/*.toml. Run as a program it checks that each can still be put in."""
import dataclasses
import fnmatch
import hashlib
import pathlib
import re
import sys
import tomllib

TESTS_OF_A_PROGRAM = re.compile(r"tap_test\((\w+)|foreach\(subject ([\w\s]+)\)")
TEST_IN_CODE = re.compile(r"\bTEST(?:_[FP])?\(\s*(\w+),\s*(\w+)\s*\)")
FIELDS = {"id", "file", "text", "with", "says", "suites", "found", "survives"}


@dataclasses.dataclass(frozen=True)
class Bug:
    part: str  # the catalogue's file
    id: str
    file: str  # of the source tree
    text: str  # stands once in the file
    replacement: str
    says: str  # what goes wrong in production
    suites: tuple[str, ...]  # programs that should see it; behind a colon a filter of gtest
    found: str  # the test that was written because nothing saw it
    survives: str  # why nothing can see it

    @property
    def digest(self) -> str:
        fields = (self.file, self.text, self.replacement, *self.suites)
        return hashlib.sha256("\0".join(fields).encode()).hexdigest()[:12]


def load(root: pathlib.Path) -> list[Bug]:
    bugs = []
    for page in sorted((root / "tests/mutation/bugs").glob("*.toml")):
        table = tomllib.loads(page.read_text())
        for entry in table["bug"]:
            if unknown := entry.keys() - FIELDS:
                raise ValueError(f"{page.name}: {entry.get('id')}: unknown fields {sorted(unknown)}")
            bugs.append(Bug(page.stem, entry["id"], entry["file"], entry["text"], entry["with"], entry["says"],
                            tuple(entry.get("suites", table["suites"])), entry.get("found", ""),
                            entry.get("survives", "")))
    return bugs


def programs_of(root: pathlib.Path) -> set[str]:
    programs = set()
    for page in (root / "tests").rglob("CMakeLists.txt"):
        for name, subjects in TESTS_OF_A_PROGRAM.findall(page.read_text()):
            programs |= {f"integration_{subject}" for subject in subjects.split()} if subjects else {name}
    return programs


def tests_of(root: pathlib.Path) -> set[str]:
    files = (root / "tests").rglob("*.[hc]pp")
    return {".".join(pair) for file in files for pair in TEST_IN_CODE.findall(file.read_text())}


def violations(root: pathlib.Path):
    programs, tests = programs_of(root), tests_of(root)
    seen = set()
    for bug in load(root):
        if bug.id in seen:
            yield f"{bug.id}: stands twice"
        seen.add(bug.id)
        source = root / bug.file
        times = source.read_text().count(bug.text) if source.exists() else 0
        if times != 1:
            yield f"{bug.id}: its text stands {times} times in {bug.file}"
        if bug.text == bug.replacement:
            yield f"{bug.id}: changes nothing"
        for suite in bug.suites:
            program, _, pattern = suite.partition(":")
            if program not in programs:
                yield f"{bug.id}: no such program: {program}"
            if pattern and not fnmatch.filter(tests, pattern):
                yield f"{bug.id}: no such test: {pattern}"
        if bug.found and bug.found not in tests:
            yield f"{bug.id}: no such test: {bug.found}"


def main() -> int:
    found = list(violations(pathlib.Path(sys.argv[1])))
    print("\n".join(found) if found else "every bug can be put in")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
