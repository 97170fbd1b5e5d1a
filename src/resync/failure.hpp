// SPDX-License-Identifier: MIT
#pragma once

#include "tap/atproto/identifiers.hpp"
#include "tap/base/result.hpp"

#include <cstdint>

namespace tap::resync {

/// Whose trouble a failed resync is, and so when it is tried again (protocol 8.4 item 43).
enum class Blame : std::uint8_t {
  ours,       ///< database or disk: the repo is not charged
  directory,  ///< the directory of did:plc does not answer: nor for that. The host of a did:web is its owner's trouble
  passing,    ///< may be better in a moment
  lasting,    ///< the PDS or the directory said no, or the document is unusable
  nobody,     ///< the repo was removed: nothing is left to be tried
};
[[nodiscard]] Blame blame_of(const Error& error, const atproto::Did& did);

/// A signature that the current key does not explain: the key may have been rotated.
[[nodiscard]] bool is_signature_error(const Error& error);

}  // namespace tap::resync
