// SPDX-License-Identifier: MIT
#include "app/settings_table.hpp"

#include "tap/app/config.hpp"

#include "app/values.hpp"

#include <fmt/format.h>

namespace tap::app {
namespace {

std::string quoted(std::string_view text) { return text.empty() ? std::string() : fmt::format("`{}`", text); }

/// What the type does not say yet about the values that are taken.
std::string range_of(const Option& option) {
  if (option.type() == "INT") {
    if (option.most != Option{}.most) return fmt::format(", {} to {}", option.least, option.most);
    return fmt::format(", {} or more", option.least);
  }
  if (option.type() == "DURATION") {
    return fmt::format(", {} or more", print_duration(std::chrono::nanoseconds(option.least)));
  }
  return {};
}

}  // namespace

std::string settings_table() {
  std::string table =
      "| flag | variable | value | default | meaning |\n"
      "| --- | --- | --- | --- | --- |\n";
  for (const Option& option : options()) {
    std::string variables;
    for (const std::string_view name : option.environment) variables += (variables.empty() ? "" : ", ") + quoted(name);
    table += fmt::format("| `--{}` | {} | {}{} | {} | {} |\n", option.flag, variables, option.type(), range_of(option),
                         quoted(option.fallback()), option.help);
  }
  return table;
}

}  // namespace tap::app
