// SPDX-License-Identifier: MIT
#include "tap/verify/filter.hpp"

#include <algorithm>

namespace tap::verify {

bool Filter::matches(std::string_view collection) const {
  return patterns_.empty() || std::ranges::any_of(patterns_, [&](std::string_view pattern) {
           if (pattern.ends_with('*')) return collection.starts_with(pattern.substr(0, pattern.size() - 1));
           return collection == pattern;
         });
}

}  // namespace tap::verify
