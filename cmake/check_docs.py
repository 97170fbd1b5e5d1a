#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds the documents to the code: their links lead somewhere, the metrics and log messages they name exist."""
import pathlib
import re
import sys

LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)")
METRIC = re.compile(r"`(tap_(?!bench)[a-z_]+)`")  # tap_bench is a program
MESSAGE_TABLE = "| it says |"


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


def violations(root: pathlib.Path):
    code = code_of(root)
    pages = [root / "README.md", *sorted((root / "docs").glob("*.md")), *sorted((root / "src").glob("*/README.md"))]
    for page in pages:
        name, text = page.relative_to(root), page.read_text()
        for target in LINK.findall(text):
            if not (page.parent / target).exists():
                yield f"{name}: no such file: {target}"
        for metric in METRIC.findall(text):
            if f'"{metric}"' not in code:
                yield f"{name}: no such metric: {metric}"
        for message in messages_of(text.splitlines()):
            if message not in code:
                yield f"{name}: nothing says: {message}"


def main() -> int:
    found = list(violations(pathlib.Path(sys.argv[1])))
    print("\n".join(found) if found else "documents follow the code")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
