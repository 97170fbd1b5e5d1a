# SPDX-License-Identifier: MIT
# Shows what the report says of `row`, and fails unless that went well.
$0 == "[ RUN      ] " row { inside = 1 }
inside { print }
inside && (index($0, "[       OK ] " row " (") == 1 || index($0, "[  SKIPPED ] " row " (") == 1) { passed = 1; exit }
inside && index($0, "[  FAILED  ] " row) == 1 { exit }
END { exit !passed }
