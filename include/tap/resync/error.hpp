// SPDX-License-Identifier: MIT
#pragma once

#include <system_error>

namespace tap::resync {

enum class Errc {
  no_pds = 1,      ///< the DID document names none
  no_key,          ///< the DID document has no usable signing key
  unreachable,     ///< the PDS could not be reached, or hung: retried soon, and it is asked less
  request_failed,  ///< the PDS did not answer usably: retried soon
  refused,         ///< the PDS says that there is no such repo, or not for us: retried late
  rate_limited,    ///< 429: the host pauses, the repo is not charged
  host_paused,     ///< the repo waits for such a host: not charged either
  incomplete,      ///< the CAR lacks a block that the tree names
  buffer_full,     ///< more live commits came during the fetch than are kept
  behind,          ///< the PDS served an older repo than the firehose has shown: fetched again, a few times
  missed,          ///< the firehose has lost events, so that the fetch may be too old: fetched again
  removed,         ///< the repo was removed meanwhile
  temporary_file,  ///< no room or permission for the fetched blocks
};
[[nodiscard]] std::error_code make_error_code(Errc code);

}  // namespace tap::resync

template <>
struct std::is_error_code_enum<tap::resync::Errc> : std::true_type {};
