# SPDX-License-Identifier: MIT
# Runs all rows, those of the settings beside the others, and keeps what they say. Fails only when they did not come to
# their end: each row speaks for itself.
"$1" --gtest_filter='*Setting*' > "$2.settings" 2>&1 &
"$1" --gtest_filter='-*Setting*' > "$2" 2>&1
wait
cat "$2.settings" >> "$2"
grep '^\[==========\] .* ran\.' "$2"
test "$(grep -c '^\[==========\] .* ran\.' "$2")" -eq 2
