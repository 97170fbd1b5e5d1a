// SPDX-License-Identifier: MIT
#pragma once

#include "tap/atproto/cid.hpp"
#include "tap/base/bytes.hpp"
#include "tap/base/result.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace tap::resync {

/// The blocks of one fetched repo: in memory while they are few, in an unnamed temporary file beyond. The index takes
/// 16 bytes a block in a table that is at least half full. One thread at a time.
class BlockFile {
 public:
  explicit BlockFile(std::string directory, std::size_t memory = std::size_t{4} << 20);
  ~BlockFile();
  BlockFile(const BlockFile&) = delete;
  BlockFile& operator=(const BlockFile&) = delete;

  /// Keeps a block whose hash was checked; a repeated one is ignored. temporary_file when the disk refuses.
  [[nodiscard]] Result<void> put(const atproto::Cid& cid, ByteView data);
  /// The block, or incomplete. The view is valid until the next call.
  [[nodiscard]] Result<ByteView> get(const atproto::Cid& cid);
  [[nodiscard]] bool contains(const atproto::Cid& cid);
  [[nodiscard]] std::size_t size() const { return blocks_; }

 private:
  struct Slot {
    std::uint64_t tag = 0;       // first bytes of the digest
    std::uint64_t position = 0;  // of the block's header, plus one; 0: free
  };
  struct Header {
    atproto::Cid cid;
    std::uint32_t size;
  };
  [[nodiscard]] Result<const Slot*> find(const atproto::Cid& cid);
  [[nodiscard]] Result<ByteView> read(std::uint64_t position, std::size_t size);
  [[nodiscard]] Result<Header> header_at(std::uint64_t position);
  [[nodiscard]] Result<void> spill();
  void grow();

  std::string directory_;
  std::size_t memory_;
  std::vector<Slot> slots_;
  std::size_t blocks_ = 0;
  Bytes tail_;                 // what is not in the file yet
  std::uint64_t in_file_ = 0;  // bytes that are
  int file_ = -1;
  Bytes scratch_;
};

}  // namespace tap::resync
