// SPDX-License-Identifier: MIT
#include "resync/block_file.hpp"

#include "tap/resync/error.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace tap::resync {
namespace {

constexpr std::size_t kHeaderSize = atproto::Cid::kBinarySize + sizeof(std::uint32_t);

std::uint64_t tag_of(const atproto::Cid& cid) {
  std::uint64_t tag;
  std::memcpy(&tag, cid.digest().data(), sizeof tag);
  return tag;
}

Error disk_error(const char* what) { return {Errc::temporary_file, std::string(what) + ": " + std::strerror(errno)}; }

}  // namespace

BlockFile::BlockFile(std::string directory, std::size_t memory)
    : directory_(std::move(directory)), memory_(memory), slots_(64) {}

BlockFile::~BlockFile() {
  if (file_ >= 0) ::close(file_);
}

Result<void> BlockFile::put(const atproto::Cid& cid, ByteView data) {
  auto known = find(cid);
  if (!known) return std::unexpected(known.error());
  if (*known != nullptr) return {};
  if (2 * (blocks_ + 1) > slots_.size()) grow();

  const std::uint64_t position = in_file_ + tail_.size();
  const auto size = static_cast<std::uint32_t>(data.size());
  const auto cid_bytes = cid.bytes();
  std::array<std::uint8_t, kHeaderSize> header;
  std::memcpy(header.data(), cid_bytes.data(), cid_bytes.size());
  std::memcpy(header.data() + cid_bytes.size(), &size, sizeof size);
  tail_.insert(tail_.end(), header.begin(), header.end());
  tail_.insert(tail_.end(), data.begin(), data.end());

  std::size_t at = tag_of(cid) & (slots_.size() - 1);
  while (slots_[at].position != 0) at = (at + 1) & (slots_.size() - 1);
  slots_[at] = {tag_of(cid), position + 1};
  ++blocks_;
  return tail_.size() < memory_ ? Result<void>{} : spill();
}

Result<ByteView> BlockFile::get(const atproto::Cid& cid) {
  auto slot = find(cid);
  if (!slot) return std::unexpected(slot.error());
  if (*slot == nullptr) return fail(Errc::incomplete, "no block " + cid.str());
  const std::uint64_t position = (*slot)->position - 1;
  return header_at(position).and_then([&](const Header& header) { return read(position + kHeaderSize, header.size); });
}

bool BlockFile::contains(const atproto::Cid& cid) { return find(cid).value_or(nullptr) != nullptr; }

Result<const BlockFile::Slot*> BlockFile::find(const atproto::Cid& cid) {
  for (std::size_t at = tag_of(cid) & (slots_.size() - 1); slots_[at].position != 0;
       at = (at + 1) & (slots_.size() - 1)) {
    if (slots_[at].tag != tag_of(cid)) continue;
    auto header = header_at(slots_[at].position - 1);
    if (!header) return std::unexpected(header.error());
    if (header->cid == cid) return &slots_[at];
  }
  return nullptr;
}

Result<BlockFile::Header> BlockFile::header_at(std::uint64_t position) {
  auto bytes = read(position, kHeaderSize);
  if (!bytes) return std::unexpected(bytes.error());
  auto cid = atproto::Cid::from_bytes(bytes->first(atproto::Cid::kBinarySize));
  if (!cid) return std::unexpected(cid.error());
  Header header{*cid, 0};
  std::memcpy(&header.size, bytes->data() + atproto::Cid::kBinarySize, sizeof header.size);
  return header;
}

Result<ByteView> BlockFile::read(std::uint64_t position, std::size_t size) {
  // A block's header and data are appended together: a range lies wholly in the file or wholly behind it.
  if (position >= in_file_) return ByteView(tail_).subspan(position - in_file_, size);
  scratch_.resize(size);
  std::size_t done = 0;
  while (done < size) {
    const ssize_t got = ::pread(file_, scratch_.data() + done, size - done, static_cast<off_t>(position + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return std::unexpected(disk_error("read"));
    done += static_cast<std::size_t>(got);
  }
  return ByteView(scratch_);
}

Result<void> BlockFile::spill() {
  if (file_ < 0) file_ = ::open(directory_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (file_ < 0) return std::unexpected(disk_error("open"));
  std::size_t done = 0;
  while (done < tail_.size()) {
    const ssize_t put = ::write(file_, tail_.data() + done, tail_.size() - done);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return std::unexpected(disk_error("write"));
    done += static_cast<std::size_t>(put);
  }
  in_file_ += tail_.size();
  tail_.clear();
  return {};
}

void BlockFile::grow() {
  std::vector<Slot> old(slots_.size() * 2);
  old.swap(slots_);
  for (const Slot& slot : old) {
    if (slot.position == 0) continue;
    std::size_t at = slot.tag & (slots_.size() - 1);
    while (slots_[at].position != 0) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = slot;
  }
}

}  // namespace tap::resync
