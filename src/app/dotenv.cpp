// SPDX-License-Identifier: MIT
#include "tap/app/config.hpp"
#include "tap/base/text.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace tap::app {
namespace {

bool is_name(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
  });
}

/// Behind a closing quote only a comment may stand.
bool ends_well(std::string_view rest) {
  rest = trim(rest);
  return rest.empty() || rest.starts_with('#');
}

std::optional<std::string> single_quoted(std::string_view text) {
  const std::size_t end = text.find('\'', 1);
  if (end == std::string_view::npos || !ends_well(text.substr(end + 1))) return std::nullopt;
  return std::string(text.substr(1, end - 1));
}

std::optional<std::string> double_quoted(std::string_view text) {
  std::string out;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') return ends_well(text.substr(i + 1)) ? std::optional(out) : std::nullopt;
    if (text[i] == '\\' && i + 1 < text.size()) {
      const char escaped = text[++i];
      out += escaped == 'n' ? '\n' : escaped == 'r' ? '\r' : escaped;
    } else {
      out += text[i];
    }
  }
  return std::nullopt;
}

std::string unquoted(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '#' && (i == 0 || text[i - 1] == ' ' || text[i - 1] == '\t'))
      return std::string(trim(text.substr(0, i)));
  }
  return std::string(text);
}

std::optional<std::pair<std::string, std::string>> parse_line(std::string_view line) {
  if (line.starts_with("export ") || line.starts_with("export\t")) line = trim(line.substr(7));
  const std::size_t equals = line.find('=');
  if (equals == std::string_view::npos) return std::nullopt;
  const std::string_view name = trim(line.substr(0, equals));
  const std::string_view text = trim(line.substr(equals + 1));
  if (!is_name(name)) return std::nullopt;
  const auto value = text.starts_with('\'')  ? single_quoted(text)
                     : text.starts_with('"') ? double_quoted(text)
                                             : std::optional(unquoted(text));
  if (!value) return std::nullopt;
  return std::pair(std::string(name), *value);
}

}  // namespace

std::vector<std::size_t> add_dotenv(std::string_view text, Environment& environment) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  Environment found;
  std::vector<std::size_t> bad_lines;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    const std::string_view line = trim(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (line.empty() || line.starts_with('#')) continue;
    if (auto variable = parse_line(line)) {
      found[variable->first] = std::move(variable->second);  // the last line of a name counts
    } else {
      bad_lines.push_back(number);
    }
  }
  environment.merge(found);  // what is set already stays, also when it is empty
  return bad_lines;
}

}  // namespace tap::app
