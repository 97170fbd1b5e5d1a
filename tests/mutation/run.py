#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Puts each bug of the catalogue into a copy of the source tree, one at a time, and runs the tests that should see it."""
import argparse
import collections
import dataclasses
import json
import os
import pathlib
import re
import resource
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
import catalogue  # noqa: E402

FAILED = re.compile(r"^\[  FAILED  \] ([\w./]+)", re.MULTILINE)
BEGUN = re.compile(r"^\[ RUN      \] ([\w./]+)", re.MULTILINE)
# Quick to build. The library's own checks stand for the builds with sanitizers.
FLAGS = ["-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_CXX_FLAGS_DEBUG=-O0 -g0 -D_GLIBCXX_ASSERTIONS",
         "-DCMAKE_CXX_COMPILER=clang++-19", "-DCMAKE_C_COMPILER=clang-19"]
MEMORY = 6 << 30  # address space of a test program: a bug may make it grow without bound
LEAST_PATIENCE = 30.0  # seconds


@dataclasses.dataclass
class Verdict:
    outcome: str  # killed, survived or unbuildable
    by: str = ""


class Workshop:
    """The copy, its build folder, and the programs in it."""

    def __init__(self, root: pathlib.Path, scratch: pathlib.Path, jobs: int):
        self.root, self.copy, self.build, self.jobs = root, scratch / "src", scratch / "build", jobs
        self.usual = {}  # seconds that a suite takes without a bug
        self.environment = dict(os.environ)
        self.environment.setdefault("TAP_SHARED", str(root.parent / "shared"))

    def prepare(self, suites: list[str]) -> None:
        """Copies what differs, builds all programs, and runs every suite once: it has to pass."""
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=self.root, check=True, capture_output=True, text=True)
        for name in filter(None, listed.stdout.split("\0")):
            source, target = self.root / name, self.copy / name
            if not source.is_file() or (target.exists() and target.read_bytes() == source.read_bytes()):
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
        subprocess.run(["cmake", "-S", self.copy, "-B", self.build, "-G", "Ninja", *FLAGS], check=True,
                       stdout=subprocess.DEVNULL)
        programs = sorted({suite.partition(":")[0] for suite in suites})
        if log := self.make(programs):
            sys.exit(f"the tree does not build without a bug:\n{log}")
        for suite in suites:
            began = time.monotonic()
            verdict = self.run(suite, 600)
            if verdict.outcome == "killed":
                sys.exit(f"{suite} fails without a bug: {verdict.by}")
            self.usual[suite] = time.monotonic() - began

    def make(self, programs: list[str]) -> str:
        """The end of the log when it does not build."""
        done = subprocess.run(["ninja", "-C", self.build, f"-j{self.jobs}", *programs], capture_output=True, text=True)
        return done.stdout[-3000:] if done.returncode else ""

    def run(self, suite: str, patience: float) -> Verdict:
        program, _, pattern = suite.partition(":")
        path = next(path for path in (self.build / "tests").rglob(program) if path.is_file())
        command = [path, "--gtest_fail_fast", "--gtest_brief=0", *([f"--gtest_filter={pattern}"] if pattern else [])]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                                   env=self.environment, start_new_session=True, preexec_fn=bound_memory)
        try:
            output, _ = process.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
            return Verdict("killed", f"{program} {last_of(BEGUN, output)} (hangs)")
        if process.returncode == 0:
            return Verdict("survived")
        failed = FAILED.search(output)
        return Verdict("killed", f"{program} {failed[1] if failed else last_of(BEGUN, output) + ' (dies)'}")

    def judge(self, bug: catalogue.Bug) -> Verdict:
        target = self.copy / bug.file
        sound = target.read_text()
        if sound.count(bug.text) != 1:
            return Verdict("unbuildable", "its text does not stand once in the file")
        target.write_text(sound.replace(bug.text, bug.replacement))
        try:
            if log := self.make(sorted({suite.partition(":")[0] for suite in bug.suites})):
                return Verdict("unbuildable", log)
            for suite in bug.suites:
                verdict = self.run(suite, max(LEAST_PATIENCE, 8 * self.usual[suite]))
                if verdict.outcome == "killed":
                    return verdict
            return Verdict("survived")
        finally:
            target.write_text(sound)


def bound_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def last_of(pattern: re.Pattern, output: str) -> str:
    names = pattern.findall(output)
    return names[-1] if names else "before its first test"


def read_results(path: pathlib.Path) -> dict[tuple[str, str], Verdict]:
    """The last verdict on each bug, as it was then."""
    lines = path.read_text().splitlines() if path.exists() else []
    entries = [json.loads(line) for line in lines]
    return {(entry["id"], entry["digest"]): Verdict(entry["outcome"], entry["by"]) for entry in entries}


def percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %"


def report(bugs: list[catalogue.Bug], verdicts: dict[str, Verdict]) -> str:
    judged = [bug for bug in bugs if bug.id in verdicts]
    killed = collections.Counter(bug.part for bug in judged if verdicts[bug.id].outcome == "killed")
    at_first = collections.Counter(bug.part for bug in judged if not bug.found and not bug.survives)
    whole = collections.Counter(bug.part for bug in judged)
    lines = ["# What the tests saw", "", "Written by `run.py`; see the [README](README.md).", "",
             "| part | bugs | seen at first | seen now |", "| --- | --- | --- | --- |"]
    for part in [*sorted(whole), "all"]:
        count = whole.total() if part == "all" else whole[part]
        first = at_first.total() if part == "all" else at_first[part]
        now = killed.total() if part == "all" else killed[part]
        lines.append(f"| {part} | {count} | {first} ({percent(first, count)}) | {now} ({percent(now, count)}) |")
    for part in sorted(whole):
        lines += ["", f"## {part}", "", "| bug | what goes wrong | seen by |", "| --- | --- | --- |"]
        for bug in judged:
            if bug.part != part:
                continue
            verdict = verdicts[bug.id]
            seen = f"`{verdict.by}`" if verdict.outcome == "killed" else f"**{verdict.outcome}** {bug.survives}"
            lines.append(f"| {bug.id} | {bug.says} | {seen} |")
    return "\n".join(lines) + "\n"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parents[2])
    parser.add_argument("--scratch", type=pathlib.Path, required=True, help="folder for the copy and its build")
    parser.add_argument("--only", action="append", help="id of a bug, or a part; may be repeated")
    parser.add_argument("--again", action="store_true", help="also those that were judged already")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--report", type=pathlib.Path, help="where to write the table")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    options.scratch.mkdir(parents=True, exist_ok=True)
    results = options.scratch / "results.jsonl"
    all_bugs = catalogue.load(options.root)
    known = read_results(results)
    wanted = [bug for bug in all_bugs if not options.only or {bug.id, bug.part} & {*options.only}]
    bugs = [bug for bug in wanted if options.again or (bug.id, bug.digest) not in known]
    if bugs:
        workshop = Workshop(options.root, options.scratch.resolve(), options.jobs)
        workshop.prepare(sorted({suite for bug in bugs for suite in bug.suites}))
    # One file after the other: little is built anew in between.
    for number, bug in enumerate(sorted(bugs, key=lambda bug: bug.file), 1):
        began = time.monotonic()
        verdict = known[(bug.id, bug.digest)] = workshop.judge(bug)
        took = round(time.monotonic() - began, 1)
        with results.open("a") as out:
            entry = {"id": bug.id, "digest": bug.digest, "outcome": verdict.outcome, "by": verdict.by, "seconds": took}
            out.write(json.dumps(entry) + "\n")
        print(f"{number}/{len(bugs)} {verdict.outcome:11} {took:6} s  {bug.id}: {verdict.by}", flush=True)
    verdicts = {bug.id: known[(bug.id, bug.digest)] for bug in wanted if (bug.id, bug.digest) in known}
    if options.report:
        options.report.write_text(report(wanted, verdicts))
    count = collections.Counter(verdict.outcome for verdict in verdicts.values())
    print(", ".join(f"{outcome} {number}" for outcome, number in sorted(count.items())))
    unexpected = [bug.id for bug in wanted
                  if bug.id in verdicts and verdicts[bug.id].outcome != "killed" and not bug.survives]
    return 1 if unexpected else 0


if __name__ == "__main__":
    sys.exit(main())
