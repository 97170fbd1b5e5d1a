#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Looks for data races: builds everything with ThreadSanitizer and runs all tests, but those that measure or need a
# network, which are not built then. Fails when a test does, or when any process reports a race, also one that its test
# killed, or whose output nobody reads. Takes an hour on two cores. Arguments go to ctest.
set -euo pipefail
cd "$(dirname "$0")/.."

reports=build/tsan/races # the preset has them written there
cmake --preset tsan
cmake --build --preset tsan
rm -f "$reports"/*
status=0
ctest --preset tsan --no-tests=error -j "$(nproc)" "$@" || status=$?
if compgen -G "$reports/*" > /dev/null; then
  cat "$reports"/*
  printf '\n%s processes reported races\n' "$(compgen -G "$reports/*" | wc -l)"
  exit 1
fi
exit "$status"
