// SPDX-License-Identifier: MIT
#include "api/http.hpp"

#include <algorithm>

namespace tap::api {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string_view Request::path() const {
  std::string_view rest = target;
  if (const std::size_t scheme = rest.find("://"); scheme != std::string_view::npos && !rest.starts_with('/')) {
    rest.remove_prefix(scheme + 3);
    rest.remove_prefix(std::min(rest.find('/'), rest.size()));
  }
  return rest.substr(0, rest.find('?'));
}

std::optional<std::string> Request::parameter(std::string_view name) const {
  const std::size_t question = target.find('?');
  if (question == std::string::npos) return std::nullopt;
  for (std::string_view rest = std::string_view(target).substr(question + 1);;) {
    const std::string_view parameter = rest.substr(0, rest.find('&'));
    const std::string_view key = parameter.substr(0, parameter.find('='));
    if (key == name) return percent_decoded(parameter.substr(std::min(key.size() + 1, parameter.size())));
    if (parameter.size() == rest.size()) return std::nullopt;
    rest.remove_prefix(parameter.size() + 1);
  }
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int high = i + 2 < text.size() && text[i] == '%' ? hex_value(text[i + 1]) : -1;
    const int low = high >= 0 ? hex_value(text[i + 2]) : -1;
    if (low < 0) {
      out += text[i];
    } else {
      out += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return out;
}

}  // namespace tap::api
