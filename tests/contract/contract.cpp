// SPDX-License-Identifier: MIT
#include "contract/contract.hpp"

#include <fstream>

namespace tap::test {

std::string name_of_row(std::string_view text) {
  std::string name;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (plain) {
      name += c;
    } else if (!name.empty() && name.back() != '_') {
      name += '_';
    }
  }
  while (name.ends_with('_')) name.pop_back();
  return name;
}

std::string Outcome::reason() const {
  const auto line = nlohmann::json::parse(out.substr(0, out.find('\n')), nullptr, false);
  return line.is_object() && line.value("msg", "") == "exiting process" ? line.value("error", "") : "";
}

Outcome run_tap(const std::vector<std::string>& arguments, const std::map<std::string, std::string>& environment,
                const std::string& dotenv) {
  const TemporaryFolder folder;
  if (!dotenv.empty()) std::ofstream(folder.path() / ".env", std::ios::binary) << dotenv;
  TapProcess process(
      {.binary = TAP_BINARY, .folder = folder.path(), .arguments = arguments, .environment = environment});
  Outcome run{.status = process.wait_for_exit(), .out = {}, .error = process.errors()};
  for (const std::string& line : process.all_lines()) run.out += line + '\n';
  return run;
}

std::vector<std::string> documented_rows(const std::string& protocol, const std::string& section) {
  std::ifstream file(protocol);
  std::vector<std::string> rows;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("## ") || line.starts_with("# ")) inside = line.starts_with("## " + section + " ");
    if (!inside || !line.starts_with("| ") || line.starts_with("| ---")) continue;
    rows.push_back(line.substr(2, line.find(" |", 2) - 2));
  }
  return rows;
}

}  // namespace tap::test
