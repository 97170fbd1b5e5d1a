// SPDX-License-Identifier: MIT
#pragma once

#include "tap/atproto/cid.hpp"
#include "tap/atproto/event.hpp"
#include "tap/atproto/identifiers.hpp"
#include "tap/atproto/keys.hpp"
#include "tap/base/result.hpp"
#include "tap/verify/filter.hpp"

#include <optional>
#include <string>
#include <vector>

namespace tap::verify {

/// A record operation of a verified commit, ready to be emitted.
struct RecordOp {
  atproto::Action action{};
  std::string collection, rkey;
  std::optional<atproto::Cid> cid;  ///< absent for a removal
  std::string record_json;          ///< empty for a removal, or when the record is not of the data model (protocol 2.2)
};

/// What a #commit says once it is believed: authentic, complete, and consistent with the prevData that it names.
struct VerifiedCommit {
  atproto::Did did;
  atproto::Tid rev;
  std::optional<atproto::Tid> since;
  atproto::Cid data;
  /// The root before; of a first commit (no `since`), the empty tree.
  atproto::Cid prev_data;
  std::vector<RecordOp> ops;  ///< those whose collection passes the filter, in the order of the event
};

/// Steps 1 and 3 to 8 of protocol 8.1: limits, CAR, commit, signature, tree, operations, inversion. Strict: what cannot
/// be inverted is legacy. Pure; safe from any thread. Signature errors are atproto's and come before anything that
/// depends on the tree.
[[nodiscard]] Result<VerifiedCommit> check_commit(const atproto::CommitEvent& event, const atproto::PublicKey& key,
                                                  const Filter& filter);

}  // namespace tap::verify
