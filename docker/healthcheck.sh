#!/bin/bash
# SPDX-License-Identifier: MIT
# Whether Tap answers on its port; with a password set, 401 is an answer as well. bash alone: the image has no curl.
set -euo pipefail
bind=${TAP_BIND:-:2480}
exec 3<>"/dev/tcp/127.0.0.1/${bind##*:}"
printf 'GET /health HTTP/1.0\r\n\r\n' >&3
read -r _ status _ <&3
[[ $status == 200 || $status == 401 ]]
