// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tap::verify {

/// Collection filters (protocol 11.9): none lets everything through; a pattern ending in `*` matches by prefix at any
/// byte, others exactly.
class Filter {
 public:
  Filter() = default;
  explicit Filter(std::vector<std::string> patterns) : patterns_(std::move(patterns)) {}
  [[nodiscard]] bool matches(std::string_view collection) const;

 private:
  std::vector<std::string> patterns_;
};

}  // namespace tap::verify
