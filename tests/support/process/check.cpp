// SPDX-License-Identifier: MIT
#include "support/process/check.hpp"

#include <array>
#include <cstdio>
#include <stdexcept>

namespace tap::test {

void check_database(const std::string& tap, const std::string& database_url) {
  const std::string command = "'" + tap + "' check --db-url '" + database_url + "' 2>&1";
  FILE* pipe = ::popen(command.c_str(), "re");
  if (pipe == nullptr) throw std::runtime_error("popen");
  std::string text;
  std::array<char, 4'096> piece;
  for (std::size_t size = 0; (size = std::fread(piece.data(), 1, piece.size(), pipe)) > 0;)
    text.append(piece.data(), size);
  const int status = ::pclose(pipe);
  // Hints, too: nobody changes the filters here.
  const bool is_sound = status == 0 && text.find("\nhint ") == std::string::npos;
  if (!is_sound) throw std::runtime_error("tap check:\n" + text);
}

}  // namespace tap::test
