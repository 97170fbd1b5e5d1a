// SPDX-License-Identifier: MIT
#pragma once

#include "tap/atproto/mst_walker.hpp"
#include "tap/base/result.hpp"
#include "tap/verify/filter.hpp"

#include "resync/block_file.hpp"

#include <cstddef>
#include <cstdint>

namespace tap::resync {

/// Walks the whole tree of a fetched repo before anything of it is believed: every node there and well formed, every
/// record of the wanted collections there (protocol 8.4 items 4-6). In slices, so that one repo does not keep a thread
/// of the pool for long. One thread at a time.
class TreeCheck {
 public:
  TreeCheck(BlockFile& blocks, const atproto::Cid& root, const verify::Filter& filter);

  /// Looks at the next so many records; true when all have been seen. Fails with incomplete or mst_malformed.
  [[nodiscard]] Result<bool> advance(std::size_t records);
  /// Records of wanted collections so far.
  [[nodiscard]] std::uint64_t wanted() const { return wanted_; }
  /// Keys so far that are no path of a record: they cannot be told of, and are passed over.
  [[nodiscard]] std::uint64_t odd_keys() const { return odd_keys_; }

 private:
  [[nodiscard]] Result<void> look_at(const atproto::mst::Leaf& leaf);
  BlockFile& blocks_;
  const verify::Filter& filter_;
  atproto::mst::Walker walker_;
  std::uint64_t wanted_ = 0;
  std::uint64_t odd_keys_ = 0;
};

}  // namespace tap::resync
