#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs the end-to-end tests in a network namespace of their own: nothing leaves the machine, every port is free, and all
# processes end with this one. See README.md for the arguments.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
[ -n "${TAP_E2E_INSIDE:-}" ] || {
  "$here/install.sh"
  as_root=()
  [ "$(id -u)" -eq 0 ] || as_root=(--user --map-root-user)
  TAP_E2E_INSIDE=1 exec unshare "${as_root[@]}" --net --pid --fork --kill-child "$0" "$@"
}

# The system's resolver keeps its settings; its name servers are here now, and answered by lib/handles.mjs.
ip link set lo up
for address in $(awk '$1 == "nameserver" { print $2 }' /etc/resolv.conf); do
  case $address in
    127.* | ::1) ;;
    *) ip address add "${address%%%*}" dev lo ;;
  esac
done
exec "$here/node_modules/.bin/pinned-node" "$here/main.mjs" "$@"
