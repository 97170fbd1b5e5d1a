# SPDX-License-Identifier: MIT
# From the list of tests to a ctest for each: it looks its row up in the report.
/^[^ ]/ { suite = $1 }
/^  / {
  row = suite $1
  print "add_test([[contract." row "]] awk -v [[row=" row "]] -f [[" folder "/row.awk]] [[" report "]])"
  print "set_tests_properties([[contract." row "]] PROPERTIES FIXTURES_REQUIRED contract LABELS contract" \
        " SKIP_REGULAR_EXPRESSION \"  SKIPPED \")"
}
