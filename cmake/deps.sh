#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The one list of Debian 12 packages, shared by the README, CI and the image.
#   deps.sh list [runtime|build|test]      print the packages
#   deps.sh install [runtime|build|test]   install what is missing (as root, or through sudo)
set -euo pipefail

# What the program is linked with (docker/check_image.py compares), and the certificates that it trusts.
runtime=(
  ca-certificates libc6 libfmt9 libgcc-s1 libpq5 libprometheus-cpp-core1.0 libprometheus-cpp-pull1.0
  libsimdjson14 libspdlog1.10 libssl3 libstdc++6 zlib1g
)
build=(
  ca-certificates clang-19 lld-19 cmake ninja-build ccache pkg-config git
  libboost1.81-dev libssl-dev libsimdjson-dev nlohmann-json3-dev libsqlite3-dev libpqxx-dev libpq-dev libsecp256k1-dev
  libjemalloc-dev libfmt-dev libspdlog-dev libcli11-dev prometheus-cpp-dev zlib1g-dev
)
test=(
  "${build[@]}"
  libgtest-dev libgmock-dev clang-format-19 clang-tidy-19 libclang-rt-19-dev llvm-19 python3 curl openssl
  make g++ iproute2 util-linux postgresql-15
)
# The end-to-end tests bring their own node; any npm fetches it, also one that does not come from Debian.
command -v npm >/dev/null || test+=(npm)

set_of() {
  case "${1:-test}" in
    runtime) printf '%s\n' "${runtime[@]}" ;;
    build) printf '%s\n' "${build[@]}" ;;
    test) printf '%s\n' "${test[@]}" ;;
    *) echo "deps.sh: unknown set '$1': runtime, build or test" >&2; exit 2 ;;
  esac
}

missing_of() {
  local package
  for package in $(set_of "$1"); do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || echo "$package"
  done
}

install() {
  local missing as_root=()
  missing=$(missing_of "$1")
  [ -n "$missing" ] || return 0
  [ "$(id -u)" -eq 0 ] || as_root=(sudo)
  "${as_root[@]}" apt-get update -qq
  # shellcheck disable=SC2086
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
}

case "${1:-}" in
  list) set_of "${2:-test}" ;;
  install) install "${2:-test}" ;;
  *) echo "usage: deps.sh list|install [runtime|build|test]" >&2; exit 2 ;;
esac
