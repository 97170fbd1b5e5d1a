#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Everything that must hold, from a bare Debian 12: installs what is missing, builds with warnings as errors, and runs
# every check and test, the quickest first. Stops at the first that fails; prints a summary.
set -euo pipefail
cd "$(dirname "$0")/.."

summary=()
step() {
  local name=$1 start=$SECONDS
  shift
  printf '\n=== %s\n' "$name"
  if "$@"; then
    summary+=("$(printf 'ok     %5d s  %s' $((SECONDS - start)) "$name")")
  else
    summary+=("$(printf 'FAILED %5d s  %s' $((SECONDS - start)) "$name")")
    summarise
    exit 1
  fi
}
summarise() {
  printf '\n=== summary\n'
  printf '%s\n' "${summary[@]}"
}

format() { git ls-files -z -- '*.cpp' '*.hpp' | xargs -0 clang-format-19 --dry-run -Werror; }
build() { cmake --preset "$1" && cmake --build --preset "$1"; }
tests() { ctest --preset "$1" --no-tests=error "${@:2}"; }

step 'packages' cmake/deps.sh install test
# The points of a crash that are tried are others at each commit; see docs/robustness.md.
TAP_CRASH_SEED=${TAP_CRASH_SEED:-$((16#$(git rev-parse --short=6 HEAD | head -c 6)))}
export TAP_CRASH_SEED
step 'format' format
step 'layout' python3 cmake/check_includes.py .
step 'documents' python3 cmake/check_docs.py .
step 'build, warnings as errors' build test
step 'unit, property and integration tests' tests test -LE 'e2e|bench' -j "$(nproc)"
step 'build of the fuzz targets' build fuzz
step 'fuzz targets, each for a short while' tests fuzz -L fuzz -j "$(nproc)"
step 'build with address and undefined-behaviour sanitizers' build asan
step 'unit tests with sanitizers' tests asan -LE 'e2e|bench|layout' -j "$(nproc)"
step 'end-to-end tests on a real network' tests test -L e2e --verbose -j "$(nproc)"
summarise
