// SPDX-License-Identifier: MIT
#include "resync/block_file.hpp"

#include "tap/atproto/error.hpp"
#include "tap/resync/error.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <optional>
#include <random>
#include <sys/random.h>
#include <system_error>
#include <unistd.h>

namespace tap::resync {
namespace {

constexpr std::size_t kHeader = atproto::Cid::kBinarySize + sizeof(std::uint32_t);
/// Read at once with a block's header: nearly every node and record fits.
constexpr std::size_t kLikelySection = 2'048;
/// Read at once when the last reads were a little before. Most hosts send a tree in the order in which it is walked; a
/// read of its own for each block was a fifth of a backfill's CPU time.
constexpr std::size_t kReadAhead = std::size_t{64} << 10;
constexpr int kHashBits = 24;
constexpr int kPositionBits = 40;
constexpr std::uint64_t kPositionMask = (std::uint64_t{1} << kPositionBits) - 1;
/// An index of so many slots is not counted against what all repos share.
constexpr std::size_t kSmallIndex = std::size_t{1} << 15;

Error disk_error(const char* what) {
  return {Errc::temporary_file, std::string(what) + ": " + std::generic_category().message(errno)};
}

}  // namespace

BlockFile::BlockFile(std::string directory, BlockLimits limits, OpenFile open)
    : directory_(std::move(directory)),
      limits_(limits),
      open_(open),
      index_share_(limits.index),
      file_share_(limits.file),
      slots_(64) {
  // Not std::random_device, which asks the processor what it can do each time: 20 us on a virtual machine.
  if (::getrandom(&key_, sizeof key_, 0) != sizeof key_) key_ = std::random_device{}();
  key_ |= 1;
}

BlockFile::~BlockFile() {
  if (file_ >= 0) ::close(file_);
}

Result<void> BlockFile::put(const atproto::Cid& cid, ByteView data) {
  auto known = find(cid);
  if (!known) return std::unexpected(known.error());
  if (*known) return {};
  if (blocks_ >= limits_.blocks) return fail(atproto::Errc::car_too_large, "too many blocks");
  const std::uint64_t position = in_file_ + tail_.size() + 1;
  if (position > kPositionMask) return fail(Errc::temporary_file, "too many blocks");
  if (4 * (blocks_ + 1) > 3 * slots_.size()) {
    if (auto grown = grow(); !grown) return grown;
  }

  const auto size = static_cast<std::uint32_t>(data.size());
  const auto cid_bytes = cid.bytes();
  std::array<std::uint8_t, kHeader> header;
  std::memcpy(header.data(), cid_bytes.data(), cid_bytes.size());
  std::memcpy(header.data() + cid_bytes.size(), &size, sizeof size);
  tail_.insert(tail_.end(), header.begin(), header.end());
  tail_.insert(tail_.end(), data.begin(), data.end());

  place(Slot{hash_of(cid)} << kPositionBits | position);
  ++blocks_;
  return tail_.size() < limits_.memory ? Result<void>{} : spill();
}

Result<ByteView> BlockFile::get(const atproto::Cid& cid) {
  auto section = find(cid);
  if (!section) return std::unexpected(section.error());
  if (!*section) return fail(Errc::incomplete, "no block " + cid.str());
  return (*section)->subspan(kHeader);
}

Result<bool> BlockFile::contains(const atproto::Cid& cid) {
  auto section = find(cid);
  if (!section) return std::unexpected(section.error());
  return section->has_value();
}

std::uint32_t BlockFile::hash_of(const atproto::Cid& cid) const {
  std::uint64_t digest;
  std::memcpy(&digest, cid.digest().data(), sizeof digest);
  return static_cast<std::uint32_t>((digest * key_) >> (64 - kHashBits));
}

std::size_t BlockFile::home_of(std::uint32_t hash) const {
  const int bits = std::countr_zero(slots_.size());
  return bits <= kHashBits ? std::size_t{hash} >> (kHashBits - bits) : std::size_t{hash} << (bits - kHashBits);
}

void BlockFile::place(Slot slot) {
  std::size_t at = home_of(static_cast<std::uint32_t>(slot >> kPositionBits));
  while (slots_[at] != 0) at = (at + 1) & (slots_.size() - 1);
  slots_[at] = slot;
}

Result<void> BlockFile::grow() {
  const auto counted = [](std::size_t slots) { return slots > kSmallIndex ? slots * sizeof(Slot) : 0; };
  const std::size_t before = slots_.size();
  if (!index_share_.take(counted(2 * before))) {
    return fail(Errc::temporary_file, "all fetched repos together have too many blocks");
  }
  std::vector<Slot> old(2 * before);
  old.swap(slots_);
  for (const Slot slot : old) {
    if (slot != 0) place(slot);
  }
  index_share_.give(counted(before));
  return {};
}

Result<std::optional<ByteView>> BlockFile::find(const atproto::Cid& cid) {
  const std::uint32_t hash = hash_of(cid);
  const auto wanted = cid.bytes();
  for (std::size_t at = home_of(hash); slots_[at] != 0; at = (at + 1) & (slots_.size() - 1)) {
    if (slots_[at] >> kPositionBits != hash) continue;
    auto section = section_at((slots_[at] & kPositionMask) - 1);
    if (!section) return std::unexpected(section.error());
    if (std::memcmp(section->data(), wanted.data(), wanted.size()) == 0) return *section;
  }
  return std::nullopt;
}

Result<ByteView> BlockFile::section_at(std::uint64_t position) {
  const auto size_of = [](const std::uint8_t* header) {
    std::uint32_t size;
    std::memcpy(&size, header + atproto::Cid::kBinarySize, sizeof size);
    return kHeader + size;
  };
  // A block's header and data are appended together: they lie wholly in the file or wholly behind it.
  if (position >= in_file_) {
    const ByteView rest = ByteView(tail_).subspan(position - in_file_);
    return rest.first(size_of(rest.data()));
  }
  if (!in_window(position, kHeader)) {
    if (auto read = read_file(position, kHeader); !read) return std::unexpected(read.error());
  }
  const std::size_t size = size_of(window_.data() + (position - window_at_));
  if (!in_window(position, size)) {
    if (auto read = read_file(position, size); !read) return std::unexpected(read.error());
  }
  return ByteView(window_).subspan(position - window_at_, size);
}

bool BlockFile::in_window(std::uint64_t position, std::size_t size) const {
  return position >= window_at_ && position + size <= window_at_ + window_.size();
}

Result<void> BlockFile::read_file(std::uint64_t position, std::size_t least) {
  const bool onward = position >= window_at_ && position <= window_at_ + window_.size() + kReadAhead;
  const std::size_t size = std::max(least, onward ? kReadAhead : kLikelySection);
  window_.resize(std::min<std::uint64_t>(size, in_file_ - position));
  window_at_ = position;
  for (std::size_t done = 0; done < window_.size();) {
    const ssize_t got =
        ::pread(file_, window_.data() + done, window_.size() - done, static_cast<off_t>(position + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      window_.clear();
      return got < 0 ? std::unexpected(disk_error("read")) : fail(Errc::temporary_file, "the file was cut");
    }
    done += static_cast<std::size_t>(got);
  }
  return {};
}

Result<void> BlockFile::spill() {
  if (!file_share_.take(tail_.size())) return fail(Errc::temporary_file, "all fetched repos together are too large");
  if (file_ < 0) file_ = open_unnamed(directory_, open_);
  if (file_ < 0) return std::unexpected(disk_error(directory_.c_str()));
  for (std::size_t done = 0; done < tail_.size();) {
    const ssize_t put = ::write(file_, tail_.data() + done, tail_.size() - done);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return std::unexpected(disk_error("write"));
    done += static_cast<std::size_t>(put);
  }
  in_file_ += tail_.size();
  tail_.clear();
  return {};
}

}  // namespace tap::resync
