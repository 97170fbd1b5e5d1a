#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs the end-to-end tests in a network namespace of their own: nothing leaves the machine, every port is free, and all
# processes end with this one. With --postgres, Tap keeps its state in a PostgreSQL server that is started for this run,
# outside the namespace and reached by its socket. See README.md for the other arguments.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

# Starts a server and sets $server to its URL. Where there can be none the tests are skipped, which is status 77.
start_postgres() {
  local bin=/usr/lib/postgresql/15/bin as_owner=() log
  [ -x $bin/postgres ] || { echo "skipped: no server at $bin/postgres"; exit 77; }
  if [ "$(id -u)" -eq 0 ]; then # which it refuses to be
    id postgres > /dev/null 2>&1 || { echo 'skipped: PostgreSQL refuses root, and no user postgres'; exit 77; }
    as_owner=(--reuid=postgres --regid=postgres --init-groups)
  fi
  folder=$(mktemp -d "${TMPDIR:-/tmp}/tap-e2e-pg.XXXXXX")
  trap 'kill -QUIT "${postgres:-}" 2> /dev/null && wait "$postgres" || true; rm -rf "$folder"' EXIT
  trap 'exit 130' INT TERM
  log=$folder/log
  [ "$(id -u)" -ne 0 ] || chown postgres "$folder"
  (cd / && setpriv --pdeathsig QUIT "${as_owner[@]}" $bin/initdb -D "$folder/data" -U postgres -A trust -E UTF8 --locale=C \
    --no-sync --no-instructions) > "$log" 2>&1 || { cat "$log" >&2; exit 1; }
  (cd / && exec setpriv --pdeathsig QUIT "${as_owner[@]}" $bin/postgres -D "$folder/data" -k "$folder" \
    -c listen_addresses= -F) >> "$log" 2>&1 &
  postgres=$!
  until $bin/pg_isready -q -h "$folder"; do
    kill -0 $postgres 2> /dev/null || { cat "$log" >&2; exit 1; }
    sleep 0.05 # it tells nobody when it is ready
  done
  server="postgresql:///postgres?host=$folder&user=postgres"
}

[ -n "${TAP_E2E_INSIDE:-}" ] || {
  "$here/install.sh"
  isolated=(unshare --net --pid --fork --kill-child)
  [ "$(id -u)" -eq 0 ] || isolated+=(--user --map-root-user)
  export TAP_E2E_INSIDE=1
  arguments=()
  for argument; do [ "$argument" = --postgres ] || arguments+=("$argument"); done
  [ $# -ne ${#arguments[@]} ] || exec "${isolated[@]}" "$0" "$@"
  start_postgres
  setpriv --pdeathsig KILL "${isolated[@]}" "$0" --db "$server" "${arguments[@]}" &
  wait $!
  exit
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
