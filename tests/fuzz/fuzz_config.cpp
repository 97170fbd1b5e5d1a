// SPDX-License-Identifier: MIT
// Settings: a file .env and a command line of any content give a run, a check, or something to print; and a
// configuration written as variables is read as the same. A byte for the number of arguments, each behind its length;
// the rest is the file.
#include "tap/app/config.hpp"

#include "app/values.hpp"
#include "fuzz/fuzz.hpp"

#include <algorithm>

using namespace tap;
using app::Config;
using app::Environment;

namespace {

/// A line of a file .env.
std::string assignment(const std::string& name, const std::string& value) {
  std::string line = name + "=\"";
  for (const char c : value) {
    if (c == '\n' || c == '\r') {
      line += c == '\n' ? "\\n" : "\\r";
    } else {
      if (c == '"' || c == '\\') line += '\\';
      line += c;
    }
  }
  return line + "\"\n";
}

Environment read_file(std::string_view text) {
  Environment environment = {{"TAP_BIND", "kept"}};
  const auto bad_lines = app::add_dotenv(text, environment);
  const auto lines = static_cast<std::size_t>(std::ranges::count(text, '\n')) + 1;
  fuzz::require(std::ranges::is_sorted(bad_lines) && (bad_lines.empty() || bad_lines.back() <= lines));
  fuzz::require(environment.at("TAP_BIND") == "kept");

  std::string plain;
  for (const auto& [name, value] : environment) plain += assignment(name, value);
  Environment again;
  fuzz::require(app::add_dotenv(plain, again).empty() && again == environment);
  return environment;
}

/// A setting as it would stand in a variable.
struct Print {
  const Config& config;
  std::string operator()(std::string Config::* member) const { return config.*member; }
  std::string operator()(std::int64_t Config::* member) const { return std::to_string(config.*member); }
  std::string operator()(std::chrono::nanoseconds Config::* member) const {
    return app::print_duration(config.*member);
  }
  std::string operator()(bool Config::* member) const { return config.*member ? "true" : "false"; }
  std::string operator()(std::vector<std::string> Config::* member) const {
    std::string joined;
    for (const std::string& element : config.*member) joined += (&element == &(config.*member)[0] ? "" : ",") + element;
    return joined;
  }
};

Environment print(const Config& config) {
  Environment environment;
  for (const app::Option& option : app::options()) {
    environment[std::string(option.environment.front())] = std::visit(Print{config}, option.target);
  }
  return environment;
}

void check_values(std::string_view text) {
  if (const auto number = app::parse_int(text)) fuzz::require(app::parse_int(std::to_string(*number)) == number);
  if (const auto time = app::parse_duration(text)) {
    fuzz::require(app::parse_duration(app::print_duration(*time)) == time);
  }
  const auto elements = app::split_list(text);
  fuzz::require(elements.size() == (text.empty() ? 0U : static_cast<std::size_t>(std::ranges::count(text, ',')) + 1));
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input({data, size});
  std::vector<std::string> arguments;
  for (int left = input.byte() % 16; left > 0; --left) {
    arguments.emplace_back(input.text());
    check_values(arguments.back());
  }
  const Environment environment = read_file(as_text(input.rest()));
  const app::Invocation invocation = app::read_command_line(arguments, environment);
  fuzz::require(!invocation.run || !invocation.check);
  const bool starts = invocation.run || invocation.check;
  fuzz::require(starts == (invocation.out.empty() && invocation.error.empty()));
  fuzz::require(invocation.error.empty() == (invocation.status == 0));
  if (!starts) return 0;
  (void)app::validate(invocation.config);
  const Environment printed = print(invocation.config);
  const app::Invocation again = app::read_command_line({"run"}, printed);
  fuzz::require(again.run && print(again.config) == printed);
  return 0;
}
