// SPDX-License-Identifier: MIT
#pragma once

#include <nlohmann/json.hpp>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace tap::fuzz {

/// Of a name that stands twice in an object one JSON parser takes the first, the other the last: no two opinions.
[[nodiscard]] inline bool has_a_name_twice(std::string_view text) {
  using nlohmann::json;
  std::vector<std::vector<std::string>> names;
  bool twice = false;
  const auto look = [&](int, json::parse_event_t event, json& value) {
    if (event == json::parse_event_t::object_start) names.emplace_back();
    if (event == json::parse_event_t::object_end) names.pop_back();
    if (event == json::parse_event_t::key) {
      const auto name = value.get<std::string>();
      twice = twice || std::ranges::find(names.back(), name) != names.back().end();
      names.back().push_back(name);
    }
    return true;
  };
  (void)json::parse(text, look, false);
  return twice;
}

}  // namespace tap::fuzz
