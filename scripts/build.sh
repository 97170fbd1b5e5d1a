#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# From a bare Debian 12 to build/release/tap: installs the packages that are missing (as root, or through sudo) and builds.
set -euo pipefail
cd "$(dirname "$0")/.."
cmake/deps.sh install build
cmake --preset release
cmake --build --preset release
echo "built $PWD/build/release/tap"
