#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds the include table: which part may include the contracts of which. Fails with all violations."""
import pathlib
import re
import sys

ALLOWED = {
    "base": "",
    "async": "base",
    "atproto": "base",
    "net": "base async",
    "repos": "base atproto",
    "verify": "base atproto repos",
    "identity": "base async atproto net",
    "outbox": "base async atproto",
    "store": "base async atproto repos outbox",
    "deliver": "base async net outbox",
    "ledger": "base async atproto repos verify outbox store",
    "crawl": "base async atproto net repos verify outbox store ledger",
    "firehose": "base async atproto net repos identity verify outbox store ledger",
    "resync": "base async atproto net repos identity verify outbox store ledger",
    "api": "base async atproto repos identity store outbox deliver ledger resync",
    "app": "base async atproto net repos verify identity outbox store deliver ledger crawl firehose resync api",
}
INCLUDE = re.compile(r'^\s*#include\s+[<"]([^>"]+)[>"]')


def violations(root: pathlib.Path):
    for top in ("include/tap", "src"):
        for path in sorted((root / top).rglob("*.[hc]pp")):
            relative = path.relative_to(root).as_posix()
            part = path.relative_to(root / top).parts[0]
            if part not in ALLOWED:
                continue  # main.cpp
            for number, line in enumerate(path.read_text().splitlines(), 1):
                found = INCLUDE.match(line)
                if not found:
                    continue
                target = found.group(1)
                if target.startswith("tap/"):
                    other = target.split("/")[1]
                    if other != part and other not in ALLOWED[part].split():
                        yield f"{relative}:{number}: {part} must not include {target}"
                elif target.split("/")[0] in ALLOWED and target.split("/")[0] != part:
                    yield f"{relative}:{number}: {target} is private to its part"
                elif target.startswith("boost/beast/websocket"):
                    # It costs half a minute a file; tests may use it, as a second opinion.
                    yield f"{relative}:{number}: frames are tap/net/ws_frames.hpp"
                elif top == "include/tap" and re.match(r"boost/beast|sqlite3|libpq|pqxx|spdlog", target):
                    yield f"{relative}:{number}: {target} must not show in a contract"


def main() -> int:
    found = list(violations(pathlib.Path(sys.argv[1])))
    print("\n".join(found) if found else "includes follow the table")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
