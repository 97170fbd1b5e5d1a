// SPDX-License-Identifier: MIT
// What LeakSanitizer reports and is not ours to mend. It stands in each program, whatever environment a test gives it.

extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() {
  // libpqxx 6.4 forgets the answer of a statement whose connection ends: 2 KB for each loss of a server.
  return "leak:pqxx::connection_base::\n";
}
