// SPDX-License-Identifier: MIT
#include "app/settings_table.hpp"

#include "tap/app/config.hpp"

#include <fmt/format.h>

namespace tap::app {
namespace {

std::string quoted(std::string_view text) { return text.empty() ? std::string() : fmt::format("`{}`", text); }

}  // namespace

std::string settings_table() {
  std::string table =
      "| flag | variable | value | default | meaning |\n"
      "| --- | --- | --- | --- | --- |\n";
  for (const Option& option : options()) {
    std::string variables;
    for (const std::string_view name : option.environment) variables += (variables.empty() ? "" : ", ") + quoted(name);
    const std::string range = option.range();
    table += fmt::format("| `--{}` | {} | {}{}{} | {} | {} |\n", option.flag, variables, option.type(),
                         range.empty() ? "" : ", ", range, quoted(option.fallback()), option.help);
  }
  return table;
}

}  // namespace tap::app
