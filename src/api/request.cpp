// SPDX-License-Identifier: MIT
#include "tap/base/text.hpp"

#include "api/http.hpp"

#include <algorithm>

namespace tap::api {

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
    if (key == name) return percent_decode(parameter.substr(std::min(key.size() + 1, parameter.size())));
    if (parameter.size() == rest.size()) return std::nullopt;
    rest.remove_prefix(parameter.size() + 1);
  }
}

}  // namespace tap::api
