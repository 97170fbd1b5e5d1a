#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks the image's recipe without an engine: check_image.py SOURCE_DIR BINARY.

The libraries that the binary names come from exactly the packages of `deps.sh list runtime` (what those need, apt
brings along); the Dockerfile installs nothing but by deps.sh, copies only what is there, and refers only to its own
stages; all recipes name settings that exist."""
import pathlib
import re
import subprocess
import sys


def output_of(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def package_of(library: str) -> str:
    """The Debian package that owns the file, which may be known under /lib or under /usr/lib."""
    resolved = str(pathlib.Path(library).resolve())
    for path in (resolved, library, library.removeprefix("/usr"), resolved.removeprefix("/usr")):
        found = subprocess.run(["dpkg-query", "-S", path], capture_output=True, text=True)
        if found.returncode == 0:
            return found.stdout.split(":")[0]
    return f"(no package owns {library})"


def package_violations(root: pathlib.Path, binary: str):
    listed = set(output_of(str(root / "cmake/deps.sh"), "list", "runtime").split()) - {"ca-certificates"}
    paths = dict(re.findall(r"(\S+) => (/\S+)", output_of("ldd", binary)))
    names = re.findall(r"\(NEEDED\).*\[(\S+)\]", output_of("readelf", "-d", binary))
    needed = {package_of(paths.get(name, name)) for name in names if not name.startswith("ld-linux")}
    for package in sorted(needed - listed):
        yield f"cmake/deps.sh: the binary needs {package}, which is not in runtime"
    for package in sorted(listed - needed):
        yield f"cmake/deps.sh: runtime has {package}, which the binary does not name"


def instructions_of(text: str):
    text = re.sub(r"^\s*#.*\n", "", text, flags=re.M).replace("\\\n", " ")
    for line in filter(str.strip, text.splitlines()):
        name, _, rest = line.strip().partition(" ")
        yield name, rest.strip()


def recipe_violations(root: pathlib.Path):
    stages, users, last = [], [], {}
    for name, rest in instructions_of((root / "docker/Dockerfile").read_text()):
        last[name] = rest
        if name == "FROM":
            image, _, stage = rest.partition(" AS ")
            if image != "debian:bookworm-slim":
                yield f"Dockerfile: stage {stage} is not of Debian 12: {image}"
            stages.append(stage)
        elif name == "COPY":
            source = re.match(r"--from=(\S+)", rest)
            if source and source.group(1) not in stages[:-1]:
                yield f"Dockerfile: no stage {source.group(1)} before this: COPY {rest}"
            if not source:
                for path in rest.split()[:-1]:
                    if not (root / path).exists():
                        yield f"Dockerfile: nothing to copy: {path}"
        elif name == "RUN":
            if re.search(r"\bapt(-get)?\b(?! *lists)(?!/)", rest):
                yield f"Dockerfile: packages come by deps.sh only: RUN {rest}"
        elif name == "USER":
            users.append(rest)
        if re.search(r"https?://", rest):
            yield f"Dockerfile: names a host: {name} {rest}"
    if not users or users[-1].split(":")[0] in ("0", "root"):
        yield "Dockerfile: the image runs as root"
    for name, wanted in (("VOLUME", "/data"), ("EXPOSE", "2480"), ("ENV", "TAP_DATABASE_URL=sqlite:///data/tap.db")):
        if last.get(name) != wanted:
            yield f"Dockerfile: {name} is {last.get(name)}, not {wanted}"


def setting_violations(root: pathlib.Path):
    settings = set(re.findall(r"`(TAP_[A-Z_]+)`", (root / "docs/configuration.md").read_text()))
    for path in sorted((root / "docker").iterdir()):
        if path.suffix == ".py":
            continue
        for name in sorted(set(re.findall(r"\bTAP_[A-Z_]+", path.read_text())) - settings):
            yield f"{path.name}: there is no setting {name}"


def main() -> int:
    root = pathlib.Path(sys.argv[1])
    found = [*package_violations(root, sys.argv[2]), *recipe_violations(root), *setting_violations(root)]
    print("\n".join(found) if found else "the image holds what the binary needs")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
