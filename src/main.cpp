// SPDX-License-Identifier: MIT
#include "tap/app/app.hpp"
#include "tap/app/config.hpp"
#include "tap/base/log.hpp"
#include "tap/store/check.hpp"

#include <csignal>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <unistd.h>
#include <vector>

namespace {

constexpr tap::log::Logger kLog("");
constexpr int kFailed = 255;

tap::app::Environment read_environment() {
  tap::app::Environment environment;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::size_t equals = text.find('=');
    if (equals != std::string_view::npos) environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return environment;
}

/// A file .env in the working directory, if there is one. What else has that name is no reason to stop.
void read_dotenv(tap::app::Environment& environment) {
  std::error_code unseen;
  if (!std::filesystem::exists(".env", unseen)) return;
  std::ifstream file(".env", std::ios::binary);
  if (std::filesystem::is_directory(".env", unseen) || !file) {
    kLog.warn(".env cannot be read");
    return;
  }
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  for (const std::size_t line : tap::app::add_dotenv(text, environment)) {
    kLog.warn("skipped a line of .env that is no variable", {{"line", line}});
  }
}

/// Gives 0 when the database is sound, 1 when not, 2 when it cannot be checked.
int check(const std::string& database_url) {
  const auto report = tap::store::check_database(database_url);
  if (!report) {
    std::cerr << "could not be checked: " << report.error().message() << '\n';
    return 2;
  }
  std::cout << report->text() << std::flush;
  return report->is_sound() ? 0 : 1;
}

int run(std::vector<std::string> arguments) {
  auto environment = read_environment();
  read_dotenv(environment);
  const auto invocation = tap::app::read_command_line(std::move(arguments), environment);
  std::cout << invocation.out << std::flush;
  std::cerr << invocation.error << std::flush;
  if (invocation.check) return check(invocation.config.db_url);
  if (!invocation.run) return invocation.status;

  tap::log::set_level(tap::log::parse_level(invocation.config.log_level));
  if (const std::string error = tap::app::validate(invocation.config); !error.empty()) {
    kLog.error("exiting process", {{"error", error}});
    return kFailed;
  }
  return tap::app::run(invocation.config, environment["SSL_CERT_FILE"]);
}

}  // namespace

int main(int argc, char** argv) {
  // A file that reaches the limit of `ulimit -f` or LimitFSIZE fails that write, as a full disk does, and no more.
  std::signal(SIGXFSZ, SIG_IGN);
  int status = kFailed;
  try {
    status = run({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    kLog.error("exiting process", {{"error", error.what()}});
  }
  tap::log::flush();
  return status;
}
