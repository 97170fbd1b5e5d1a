// SPDX-License-Identifier: MIT
#include "tap/ledger/seen_revs.hpp"

#include <algorithm>

namespace tap::ledger {
namespace {
constexpr std::uint32_t kFetchesInVain = 3;
}

void SeenRevs::saw(repos::RepoId id, atproto::Tid rev) {
  if (const auto found = seen_.find(id); found != seen_.end()) {
    found->second.rev = std::max(found->second.rev, rev);
  } else if (seen_.size() < capacity_) {
    seen_.emplace(id, Seen{rev});
  }
}

SeenRevs::Verdict SeenRevs::fetched(repos::RepoId id, atproto::Tid rev) {
  const auto found = seen_.find(id);
  if (found == seen_.end() || rev >= found->second.rev) return Verdict::current;
  // Newer commits do not begin the count anew, or a PDS that never serves what it announces would be asked for ever.
  if (found->second.in_vain == kFetchesInVain) return Verdict::hopeless;
  ++found->second.in_vain;
  return Verdict::behind;
}

}  // namespace tap::ledger
