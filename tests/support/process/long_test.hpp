// SPDX-License-Identifier: MIT
#pragma once

#include "support/postgres_server.hpp"

#include <exception>
#include <filesystem>
#include <iostream>

namespace tap::test {

/// The main part of a test that is a command: `Test(options).run()` throws what is wrong. Options have the `seed`, the
/// `tap` to run and a `database_url`, which becomes that of a PostgreSQL server of the test's own where that is wanted.
/// The exit status; 77 says that there can be no server here.
template <class Test, class Options>
int run_long_test(Options options, bool on_postgres) {
  constexpr int kSkipped = 77;
  options.tap = std::filesystem::absolute(options.tap);  // it works in a folder of its own
  try {
    if (on_postgres) {
      if (const std::string reason = PostgresServer::missing(); !reason.empty()) {
        std::cout << "skipped: " << reason << '\n';
        return kSkipped;
      }
      postgres_server().sql("CREATE SCHEMA tap");
      options.database_url = postgres_server().schema_url("tap");
    }
    std::cout << "seed " << options.seed << std::endl;
    Test(options).run();
  } catch (const std::exception& error) {
    std::cerr << "seed " << options.seed << ": " << error.what() << '\n';
    return 1;
  }
  return 0;
}

}  // namespace tap::test
