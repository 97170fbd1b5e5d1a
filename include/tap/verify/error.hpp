// SPDX-License-Identifier: MIT
#pragma once

#include <system_error>

namespace tap::verify {

/// Why an event or a snapshot is not believed. Errors of its parts (CAR, tree, signature) are atproto's.
enum class Errc {
  too_large = 1,       ///< blocks or ops above the protocol's limits (protocol 7.5), or records that come to far more
  data_missing,        ///< tooBig or rebase: what changed is not in the message (8.4 item 9)
  malformed,           ///< DID, rev, since or time of a wrong form
  mismatch,            ///< event and commit, or commit and repo, name different things (8.1 steps 3, 4)
  bad_op,              ///< an operation of an inconsistent form, or twice the same path (8.1 step 7)
  legacy,              ///< no prevData, or an operation without prev: cannot be inverted (8.4 item 7)
  inversion_mismatch,  ///< the operations undone do not give prevData (8.1 step 8)
  discontinuity,       ///< prevData or since are not our head (8.1 step 9)
  content_differs,     ///< a #sync of other content than ours
  future_rev,          ///< dated more than five minutes ahead (8.4 item 15)
  older_rev,           ///< a snapshot from before our head (8.4 item 14)
};
[[nodiscard]] std::error_code make_error_code(Errc code);

}  // namespace tap::verify

template <>
struct std::is_error_code_enum<tap::verify::Errc> : std::true_type {};
