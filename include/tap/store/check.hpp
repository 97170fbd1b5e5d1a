// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tap::store {

/// One rule that a database keeps to, and what of it is broken.
struct Check {
  std::string_view name;
  std::string_view rule;
  /// Broken after a change of the settings, too: then it is no damage.
  bool is_hint = false;
  std::uint64_t rows = 0;                  ///< that were looked at
  std::uint64_t broken = 0;                ///< how often the rule is
  std::vector<std::string> examples = {};  ///< the first few of them

  [[nodiscard]] bool holds() const { return broken == 0; }
};

struct CheckReport {
  std::vector<Check> checks;
  /// Every rule holds that is no hint.
  [[nodiscard]] bool is_sound() const;
  /// For a person: a line per rule, examples below it, and the sum at the end.
  [[nodiscard]] std::string text() const;
};

/// Holds a database against every rule that lives in it (docs/invariants.md), on one snapshot of it that is read once
/// from beginning to end; nothing is written, created or migrated, and a Tap may be running on it. The URL is that of
/// open_store(). Memory: one number for each repo with commits that are not folded yet. The errors are those of
/// open_store(), and older_schema.
[[nodiscard]] Result<CheckReport> check_database(const std::string& url);

}  // namespace tap::store
