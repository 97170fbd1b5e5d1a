#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Builds the tests with one bug of the catalogue after the other, and runs those that should see it."""
import argparse
import collections
import concurrent.futures
import dataclasses
import json
import os
import pathlib
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
import catalogue  # noqa: E402

FAILED = re.compile(r"^\[  FAILED  \] ([\w./]+)", re.MULTILINE)
BEGUN = re.compile(r"^\[ RUN      \] ([\w./]+)", re.MULTILINE)
OBJECT = re.compile(r"^(\S+\.o): #deps")
# Quick to build. The library's own checks stand for the builds with sanitizers.
FLAGS = ["-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_CXX_FLAGS_DEBUG=-O0 -g0 -D_GLIBCXX_ASSERTIONS",
         "-DCMAKE_CXX_COMPILER=clang++-19", "-DCMAKE_C_COMPILER=clang-19"]
MEMORY = 6 << 30  # address space of a test program: a bug may make it grow without bound
LEAST_PATIENCE = 60.0  # seconds


@dataclasses.dataclass
class Verdict:
    outcome: str  # killed, survived or unbuildable
    by: str = ""


class Unbuildable(Exception):
    pass


class Build:
    """A copy of the tree, built without a bug, and what its build system knows."""

    def __init__(self, root: pathlib.Path, scratch: pathlib.Path):
        self.root, self.source, self.folder = root, scratch / "src", scratch / "build"

    def make(self, programs: list[str], jobs: int) -> None:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=self.root, check=True, capture_output=True, text=True)
        for name in filter(None, listed.stdout.split("\0")):
            here, there = self.root / name, self.source / name
            if here.is_file() and not (there.exists() and there.read_bytes() == here.read_bytes()):
                there.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(here, there)
        subprocess.run(["cmake", "-S", self.source, "-B", self.folder, "-G", "Ninja", *FLAGS], check=True,
                       stdout=subprocess.DEVNULL)
        subprocess.run(["ninja", "-C", self.folder, f"-j{jobs}", *programs], check=True, stdout=subprocess.DEVNULL)
        self.compilations = {}  # arguments by object
        for entry in json.loads((self.folder / "compile_commands.json").read_text()):
            words = shlex.split(entry["command"])
            compiler = next(i for i, word in enumerate(words) if "clang++" in word and "=" not in word)
            self.compilations[words[words.index("-o") + 1]] = words[compiler:]
        self.users = collections.defaultdict(set)  # objects by the file that they are made of
        for line in self.ask("deps").splitlines():
            if found := OBJECT.match(line):
                at_hand = found[1]
            elif line.startswith(f"    {self.source}/"):
                self.users[line.strip()].add(at_hand)

    def ask(self, tool: str, *arguments: str) -> str:
        command = ["ninja", "-C", self.folder, "-t", tool, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def path_of(self, program: str) -> pathlib.Path:
        if program == "tap":
            return self.folder / "tap"
        return next(path for path in (self.folder / "tests").rglob(program) if path.is_file())

    def build_with(self, bug: catalogue.Bug, program: str, folder: pathlib.Path) -> pathlib.Path:
        """The program with the bug in it: the objects that change are linked before the libraries that have them."""
        target = str(self.path_of(program).relative_to(self.folder))
        link = self.ask("commands", "-s", target)
        inputs = set(self.ask("inputs", target).splitlines())
        further = []
        for made in sorted(self.users[str(self.source / bug.file)] & inputs):
            changed = self.compile_with(bug, made, folder)
            if f" {made} " in link:
                link = link.replace(f" {made} ", f" {changed} ")
            else:
                further.append(str(changed))
        out = folder / program
        link = link.replace(f" -o {target} ", f" {' '.join(further)} -o {out} ")
        self.run_tool(link, shell=True)
        return out

    def compile_with(self, bug: catalogue.Bug, made: str, folder: pathlib.Path) -> pathlib.Path:
        out = folder / made.replace("/", "_")
        if out.exists():
            return out
        sound = (self.source / bug.file).read_text()
        if sound.count(bug.text) != 1:
            raise Unbuildable("its text does not stand once in the file")
        overlay = folder / "overlay"
        changed = overlay / bug.file.partition("/")[2]  # as it is included: from src/ or include/
        changed.parent.mkdir(parents=True, exist_ok=True)
        changed.write_text(sound.replace(bug.text, bug.replacement))
        words = list(self.compilations[made])
        words[words.index("-o") + 1] = str(out)
        if bug.file.endswith(".hpp"):
            words.insert(1, f"-I{overlay}")
        else:
            words[words.index(str(self.source / bug.file))] = str(changed)
        self.run_tool(words)
        return out

    def run_tool(self, command, shell: bool = False) -> None:
        done = subprocess.run(command, shell=shell, cwd=self.folder, capture_output=True, text=True)
        if done.returncode:
            raise Unbuildable((done.stdout + done.stderr)[:2000])


class Judge:
    def __init__(self, build: Build, scratch: pathlib.Path):
        self.build, self.scratch = build, scratch
        self.usual = {}  # seconds that a suite takes without a bug
        self.tap = threading.Lock()  # whoever holds it has put another program in tap's place
        self.environment = dict(os.environ)
        self.environment.setdefault("TAP_SHARED", str(build.root.parent / "shared"))

    def run_sound(self, suite: str) -> None:
        began = time.monotonic()
        verdict = self.run(suite, self.build.path_of(suite.partition(":")[0]), 600)
        if verdict.outcome == "killed":
            sys.exit(f"{suite} fails without a bug: {verdict.by}")
        self.usual[suite] = time.monotonic() - began

    def run(self, suite: str, path: pathlib.Path, patience: float) -> Verdict:
        program, _, pattern = suite.partition(":")
        command = [path, "--gtest_fail_fast", *([f"--gtest_filter={pattern}"] if pattern else [])]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                   errors="replace", env=self.environment, start_new_session=True,
                                   preexec_fn=bound_memory)
        try:
            output, _ = process.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
            return Verdict("killed", f"{last_of(BEGUN, output)} (hangs)")
        if process.returncode == 0:
            return Verdict("survived")
        failed = FAILED.search(output)
        return Verdict("killed", failed[1] if failed else f"{last_of(BEGUN, output)} (dies)")

    def judge(self, bug: catalogue.Bug) -> Verdict:
        folder = self.scratch / "bugs" / bug.id
        folder.mkdir(parents=True, exist_ok=True)
        try:
            for suite in bug.suites:
                program = suite.partition(":")[0]
                if program.startswith("integration_"):
                    verdict = self.run_integration(bug, suite, folder)
                else:
                    verdict = self.run(suite, self.build.build_with(bug, program, folder), self.patience(suite))
                if verdict.outcome == "killed":
                    return verdict
            return Verdict("survived")
        except Unbuildable as error:
            return Verdict("unbuildable", str(error))
        finally:
            shutil.rmtree(folder)

    def patience(self, suite: str) -> float:
        return max(LEAST_PATIENCE, 8 * self.usual[suite])

    def run_integration(self, bug: catalogue.Bug, suite: str, folder: pathlib.Path) -> Verdict:
        """Those know where tap is; the bug is in it."""
        faulty = self.build.build_with(bug, "tap", folder)
        sound, place = folder / "sound", self.build.path_of("tap")
        with self.tap:
            place.rename(sound)
            faulty.rename(place)
            try:
                return self.run(suite, self.build.path_of(suite.partition(":")[0]), self.patience(suite))
            finally:
                sound.rename(place)


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


def judge_all(bugs: list[catalogue.Bug], options: argparse.Namespace, results: pathlib.Path) -> None:
    scratch = options.scratch.resolve()
    suites = sorted({suite for bug in bugs for suite in bug.suites})
    build = Build(options.root.resolve(), scratch)
    build.make(sorted({suite.partition(":")[0] for suite in suites}), options.jobs)
    judge = Judge(build, scratch)
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        list(pool.map(judge.run_sound, suites))
        verdicts = {pool.submit(judge.judge, bug): bug for bug in bugs}
        for number, future in enumerate(concurrent.futures.as_completed(verdicts), 1):
            bug, verdict = verdicts[future], future.result()
            with results.open("a") as out:
                out.write(json.dumps({"id": bug.id, "digest": bug.digest, **dataclasses.asdict(verdict)}) + "\n")
            print(f"{number}/{len(bugs)} {verdict.outcome:11} {bug.id}: {verdict.by}", flush=True)


def main() -> int:
    options = arguments()
    options.scratch.mkdir(parents=True, exist_ok=True)
    results = options.scratch / "results.jsonl"
    known = read_results(results)
    wanted = [bug for bug in catalogue.load(options.root)
              if not options.only or {bug.id, bug.part} & {*options.only}]
    bugs = [bug for bug in wanted if options.again or (bug.id, bug.digest) not in known]
    if bugs:
        judge_all(bugs, options, results)
    known = read_results(results)
    verdicts = {bug.id: known[(bug.id, bug.digest)] for bug in wanted if (bug.id, bug.digest) in known}
    if options.report:
        options.report.write_text(report(wanted, verdicts))
    count = collections.Counter(verdict.outcome for verdict in verdicts.values())
    print(", ".join(f"{outcome} {number}" for outcome, number in sorted(count.items())))
    unseen = [bug.id for bug in wanted
              if bug.id in verdicts and verdicts[bug.id].outcome != "killed" and not bug.survives]
    return 1 if unseen else 0


if __name__ == "__main__":
    sys.exit(main())
