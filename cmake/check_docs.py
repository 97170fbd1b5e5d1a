#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds the documents to the code: their links lead somewhere; the metrics, log messages and tests that they
name exist; each kind of fault, each fault of the original, and each bound has a test."""
import pathlib
import re
import sys

LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)")
METRIC = re.compile(r"`(tap_(?!bench)[a-z_]+)`")  # tap_bench is a program
TEST = re.compile(r"`([A-Z]\w+)\.([A-Z]\w+)`")
TEST_IN_CODE = re.compile(r"\bTEST(?:_[FP])?\(\s*(\w+),\s*(\w+)\s*\)")
MESSAGE_TABLE = "| it says |"
FAULT = re.compile(r"^\| (\d+) \|.*\|([^|]*)\|$", re.MULTILINE)
FAULTS = range(1, 81)
FAULT_SECTION = re.compile(r"^## Faults, one by one$(.*?)^## ", re.MULTILINE | re.DOTALL)
ROW = re.compile(r"^\| (?!fault |---)(.*?) \|.*\|([^|]*)\|$", re.MULTILINE)
BOUND = re.compile(r"^\| (?!what |---)(.*?) \|.*\|([^|]*)\|$", re.MULTILINE)
QUEUE_IN_CODE = re.compile(r'metrics(?:\.queue\("(\w+)"|, "((?:names|resync)_\w+)")')


def code_of(root: pathlib.Path) -> str:
    files = sorted(p for top in ("src", "include") for p in (root / top).rglob("*.[hc]pp"))
    text = "\n".join(p.read_text() for p in files)
    return re.sub(r'"\s*\n\s*"', "", text)  # literals in pieces


def messages_of(lines: list[str]):
    """What stands in backticks in the first column of the table of messages."""
    inside = False
    for line in lines:
        inside = line.startswith(MESSAGE_TABLE) or (inside and line.startswith("|"))
        if inside:
            yield from re.findall(r"`([^`]+)`", line.split("|")[1])


def unproved(text: str):
    """Faults without a row of their own, or without a test in its last column."""
    rows = FAULT.findall(text)
    if [int(number) for number, _ in rows] != [*FAULTS]:
        yield f"the faults are not {FAULTS[0]} to {FAULTS[-1]}, each once and in order"
    yield from (f"no test for fault {number}" for number, proof in rows if not TEST.search(proof))
    kinds = [row for section in FAULT_SECTION.findall(text) for row in ROW.findall(section)]
    if not kinds:
        yield "no faults, one by one"
    yield from (f"no test for the fault: {kind}" for kind, proof in kinds if not TEST.search(proof))


def unbounded(text: str, code: str):
    """Bounds without a test, and queues that no bound names."""
    yield from (f"no test for the bound: {what}" for what, proof in BOUND.findall(text) if not TEST.search(proof))
    queues = {one or other for one, other in QUEUE_IN_CODE.findall(code)}
    yield from (f"no bound for the queue: {name}" for name in sorted(queues) if f"`{name}`" not in text)


def violations(root: pathlib.Path):
    code = code_of(root)
    tests = {pair for p in (root / "tests").rglob("*.[hc]pp") for pair in TEST_IN_CODE.findall(p.read_text())}
    pages = [root / "README.md", *sorted((root / "docs").glob("*.md")), *sorted((root / "src").glob("*/README.md"))]
    for page in pages:
        name, text = page.relative_to(root), page.read_text()
        for target in LINK.findall(text):
            if not (page.parent / target).exists():
                yield f"{name}: no such file: {target}"
        for metric in METRIC.findall(text):
            if f'"{metric}"' not in code:
                yield f"{name}: no such metric: {metric}"
        for pair in TEST.findall(text):
            if pair not in tests:
                yield f"{name}: no such test: {'.'.join(pair)}"
        for message in messages_of(text.splitlines()):
            if message not in code:
                yield f"{name}: nothing says: {message}"
        if page.name == "bounds.md":
            yield from (f"{name}: {what}" for what in unbounded(text, code))
        if page.name == "robustness.md":
            yield from (f"{name}: {what}" for what in unproved(text))


def main() -> int:
    found = list(violations(pathlib.Path(sys.argv[1])))
    print("\n".join(found) if found else "documents follow the code")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
