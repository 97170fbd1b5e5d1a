// SPDX-License-Identifier: MIT
#include "api/json.hpp"

#include <fmt/format.h>

#include <cstddef>

namespace tap::api {

std::string syntax_error(const JsonScanner& scanner) {
  if (scanner.blank()) return "EOF";
  if (scanner.truncated()) return "unexpected EOF";
  return fmt::format("Syntax error: offset={}, error={}", scanner.offset(), scanner.error());
}

std::string indent_json(std::string_view compact) {
  std::string out;
  std::size_t depth = 0;
  bool in_string = false;
  const auto new_line = [&] {
    out += '\n';
    out.append(depth * 2, ' ');
  };
  for (std::size_t i = 0; i < compact.size(); ++i) {
    const char c = compact[i];
    if (in_string) {
      out += c;
      if (c == '\\' && i + 1 < compact.size()) out += compact[++i];
      in_string = c != '"';
      continue;
    }
    const char next = i + 1 < compact.size() ? compact[i + 1] : '\0';
    switch (c) {
      case '{':
      case '[':
        out += c;
        ++depth;
        if (next == '}' || next == ']') {
          --depth;
          out += next;
          ++i;
        } else {
          new_line();
        }
        break;
      case '}':
      case ']':
        --depth;
        new_line();
        out += c;
        break;
      case ',':
        out += c;
        new_line();
        break;
      case ':':
        out += ": ";
        break;
      default:
        in_string = c == '"';
        out += c;
    }
  }
  return out;
}

}  // namespace tap::api
