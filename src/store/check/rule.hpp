// SPDX-License-Identifier: MIT
#pragma once

#include "tap/store/check.hpp"

#include <string>
#include <utility>

namespace tap::store::check {

/// Gathers what breaks one rule.
class Rule {
 public:
  Rule(std::string_view name, std::string_view rule) : check_{.name = name, .rule = rule} {}
  /// See Check::is_hint.
  [[nodiscard]] static Rule hint(std::string_view name, std::string_view rule) {
    Rule made(name, rule);
    made.check_.is_hint = true;
    return made;
  }

  void saw_row() { ++check_.rows; }
  void broken(std::string how) {
    if (++check_.broken <= kExamples) check_.examples.push_back(std::move(how));
  }
  [[nodiscard]] const Check& check() const { return check_; }

 private:
  static constexpr std::uint64_t kExamples = 10;
  Check check_;
};

}  // namespace tap::store::check
