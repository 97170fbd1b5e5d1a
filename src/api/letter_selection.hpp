// SPDX-License-Identifier: MIT
#pragma once

#include "tap/outbox/event.hpp"

#include <algorithm>
#include <expected>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace tap::api {

/// Which dead letters a request is about.
struct LetterSelection {
  bool all = false;
  std::vector<std::string> dids;
  std::unordered_set<outbox::EventId> ids;

  [[nodiscard]] bool names(const outbox::DeadLetter& letter) const {
    return all || ids.contains(letter.event.id) || std::ranges::find(dids, letter.did) != dids.end();
  }
  [[nodiscard]] bool empty() const { return !all && dids.empty() && ids.empty(); }
};

/// Of a body {"ids":[7, ...], "dids":["did:...", ...], "all":true}: what any of them names is selected. The error is
/// the message of a 400; so is a body that selects nothing, since a misspelt key must not look like success.
[[nodiscard]] std::expected<LetterSelection, std::string> parse_letter_selection(std::string_view body);

}  // namespace tap::api
