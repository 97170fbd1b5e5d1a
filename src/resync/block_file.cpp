// SPDX-License-Identifier: MIT
#include "resync/block_file.hpp"

#include "tap/resync/error.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <optional>
#include <random>
#include <unistd.h>

namespace tap::resync {
namespace {

constexpr std::size_t kHeader = atproto::Cid::kBinarySize + sizeof(std::uint32_t);
/// Read at once with a block's header: nearly every node and record fits.
constexpr std::size_t kLikelySection = 2048;
constexpr int kHashBits = 24;
constexpr int kPositionBits = 40;
constexpr std::uint64_t kPositionMask = (std::uint64_t{1} << kPositionBits) - 1;

Error disk_error(const char* what) { return {Errc::temporary_file, std::string(what) + ": " + std::strerror(errno)}; }

}  // namespace

BlockFile::BlockFile(std::string directory, std::size_t memory, OpenFile open)
    : directory_(std::move(directory)), memory_(memory), open_(open), slots_(64) {
  std::random_device device;
  key_ = (std::uint64_t{device()} << 32 | device()) | 1;
}

BlockFile::~BlockFile() {
  if (file_ >= 0) ::close(file_);
}

Result<void> BlockFile::put(const atproto::Cid& cid, ByteView data) {
  auto known = find(cid);
  if (!known) return std::unexpected(known.error());
  if (*known) return {};
  const std::uint64_t position = in_file_ + tail_.size() + 1;
  if (position > kPositionMask) return fail(Errc::temporary_file, "too many blocks");
  if (4 * (blocks_ + 1) > 3 * slots_.size()) grow();

  const auto size = static_cast<std::uint32_t>(data.size());
  const auto cid_bytes = cid.bytes();
  std::array<std::uint8_t, kHeader> header;
  std::memcpy(header.data(), cid_bytes.data(), cid_bytes.size());
  std::memcpy(header.data() + cid_bytes.size(), &size, sizeof size);
  tail_.insert(tail_.end(), header.begin(), header.end());
  tail_.insert(tail_.end(), data.begin(), data.end());

  place(Slot{hash_of(cid)} << kPositionBits | position);
  ++blocks_;
  return tail_.size() < memory_ ? Result<void>{} : spill();
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

void BlockFile::grow() {
  std::vector<Slot> old(slots_.size() * 2);
  old.swap(slots_);
  for (const Slot slot : old) {
    if (slot != 0) place(slot);
  }
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
  auto got = read_file(position, 0, std::min<std::uint64_t>(kLikelySection, in_file_ - position));
  if (!got) return std::unexpected(got.error());
  const std::size_t size = size_of(scratch_.data());
  if (size > *got) {
    if (auto rest = read_file(position + *got, *got, size - *got); !rest) return std::unexpected(rest.error());
  }
  return ByteView(scratch_).first(size);
}

Result<std::size_t> BlockFile::read_file(std::uint64_t position, std::size_t from, std::size_t size) {
  if (scratch_.size() < from + size) scratch_.resize(from + size);
  for (std::size_t done = 0; done < size;) {
    const auto at = static_cast<off_t>(position + done);
    const ssize_t got = ::pread(file_, scratch_.data() + from + done, size - done, at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::unexpected(disk_error("read"));
    if (got == 0) return fail(Errc::temporary_file, "the file was cut");
    done += static_cast<std::size_t>(got);
  }
  return size;
}

Result<void> BlockFile::spill() {
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
