// SPDX-License-Identifier: MIT
#pragma once

#include "tap/atproto/cid.hpp"
#include "tap/base/bytes.hpp"
#include "tap/base/result.hpp"

#include "resync/byte_pool.hpp"
#include "resync/unnamed_file.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace tap::resync {

struct BlockLimits {
  std::size_t memory = std::size_t{1} << 20;  ///< bytes of blocks that are not in the file
  std::size_t blocks = std::numeric_limits<std::size_t>::max();
  /// What the repos that are held at a time share, and outlives them; a repo alone may be without. Of indexes that of a
  /// small repo, some 24,000 blocks, is not counted: it finds room however large the others are.
  BytePool* index = nullptr;
  BytePool* file = nullptr;
};

/// The blocks of one fetched repo: in memory while they are few, in an unnamed temporary file beyond. The index takes
/// 11 to 21 bytes a block, and half as much again while it grows. One thread at a time.
class BlockFile {
 public:
  explicit BlockFile(std::string directory, BlockLimits limits = {}, OpenFile open = &open_file);
  ~BlockFile();
  BlockFile(const BlockFile&) = delete;
  BlockFile& operator=(const BlockFile&) = delete;

  /// Keeps a block whose hash was checked; a repeated one is ignored. temporary_file when the disk refuses, or what all
  /// repos share is used up; car_too_large when there are too many.
  [[nodiscard]] Result<void> put(const atproto::Cid& cid, ByteView data);
  /// The block, or incomplete. The view is valid until the next call.
  [[nodiscard]] Result<ByteView> get(const atproto::Cid& cid);
  /// temporary_file when the disk refuses.
  [[nodiscard]] Result<bool> contains(const atproto::Cid& cid);
  [[nodiscard]] std::size_t size() const { return blocks_; }
  /// Of all blocks and their headers.
  [[nodiscard]] std::uint64_t bytes() const { return in_file_ + tail_.size(); }
  /// Bytes in the temporary file.
  [[nodiscard]] std::uint64_t spilled() const { return in_file_; }

 private:
  // A slot holds 24 bits of a keyed hash and 40 bits of the position plus one; 0 is free. Where a block's slot begins
  // to be looked for follows from these 24 bits, so the table grows without reading the file.
  using Slot = std::uint64_t;
  [[nodiscard]] std::uint32_t hash_of(const atproto::Cid& cid) const;
  [[nodiscard]] std::size_t home_of(std::uint32_t hash) const;
  void place(Slot slot);
  [[nodiscard]] Result<void> grow();
  /// The block with its header, if it is there.
  [[nodiscard]] Result<std::optional<ByteView>> find(const atproto::Cid& cid);
  /// The header and all of the block behind it, valid until the next call.
  [[nodiscard]] Result<ByteView> section_at(std::uint64_t position);
  [[nodiscard]] bool in_window(std::uint64_t position, std::size_t size) const;
  /// Brings at least so much of the file into the window.
  [[nodiscard]] Result<void> read_file(std::uint64_t position, std::size_t least);
  [[nodiscard]] Result<void> spill();
  static int open_file(const char* path, int flags, mode_t mode) { return ::open(path, flags, mode); }

  std::string directory_;
  BlockLimits limits_;
  OpenFile open_;
  std::uint64_t key_;  // secret, so that nobody can make blocks that crowd one place of the index
  BytePool::Share index_share_, file_share_;
  std::vector<Slot> slots_;
  std::size_t blocks_ = 0;
  Bytes tail_;                 // what is not in the file yet
  std::uint64_t in_file_ = 0;  // bytes that are
  int file_ = -1;
  Bytes window_;  // what was read of the file last
  std::uint64_t window_at_ = 0;
};

}  // namespace tap::resync
