// SPDX-License-Identifier: MIT
#include "tap/net/ws_frames.hpp"

#include "tap/base/utf8.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace tap::net {
namespace {

constexpr std::size_t kMinRead = 1024;
constexpr std::size_t kMaxControl = 125;
constexpr std::size_t kMask = 4;
constexpr std::uint8_t kFinalBit = 0x80;
constexpr std::uint8_t kReservedBits = 0x70;
constexpr std::uint8_t kMaskBit = 0x80;

std::uint64_t big_endian(ByteView bytes) {
  std::uint64_t value = 0;
  for (const std::uint8_t byte : bytes) value = value << 8 | byte;
  return value;
}

void append_big_endian(std::string& out, std::uint64_t value, int bytes) {
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xff);
}

/// The same masks and unmasks. Eight bytes at a time.
void mask(std::uint8_t* data, std::size_t size, const std::uint8_t* key) {
  std::uint32_t half = 0;
  std::memcpy(&half, key, kMask);
  const std::uint64_t wide = std::uint64_t{half} << 32 | half;
  std::size_t i = 0;
  for (; i + sizeof wide <= size; i += sizeof wide) {
    std::uint64_t word = 0;
    std::memcpy(&word, data + i, sizeof word);
    word ^= wide;
    std::memcpy(data + i, &word, sizeof word);
  }
  for (; i < size; ++i) data[i] = static_cast<std::uint8_t>(data[i] ^ key[i % kMask]);
}

constexpr bool is_control(Opcode opcode) { return opcode >= Opcode::close; }

constexpr bool is_known(unsigned opcode) { return opcode <= 2 || (opcode >= 8 && opcode <= 10); }

/// Codes that may stand in a close frame.
constexpr bool is_close_code(std::uint64_t code) {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1013) || (code >= 3000 && code <= 4999);
}

void append_head(std::string& out, Opcode opcode, std::size_t payload, std::uint8_t mask_bit) {
  const auto append = [&](std::size_t byte) { out += static_cast<char>(byte); };
  append(kFinalBit | static_cast<std::uint8_t>(opcode));
  if (payload <= kMaxControl) {
    append(mask_bit | payload);
  } else if (payload < 0x1'0000) {
    append(mask_bit | 126U);
    append_big_endian(out, payload, 2);
  } else {
    append(mask_bit | 127U);
    append_big_endian(out, payload, 8);
  }
}

}  // namespace

FrameReader::FrameReader(const Options& options)
    : masked_(options.peer == Peer::client),
      read_bytes_(std::max(options.read_bytes, kMinRead)),
      max_message_(options.max_message),
      capacity_(read_bytes_),
      buffer_(std::make_unique_for_overwrite<std::uint8_t[]>(capacity_)) {}

Result<std::optional<FrameReader::Message>> FrameReader::next() {
  while (drop()) {
    const auto head = this->head(begin_, fragments_);
    if (!head) return std::unexpected(head.error());
    wanted_ = 0;
    if (!*head) return std::nullopt;
    if (is_too_large(**head, fragments_)) {
      const bool news = fragments_.bytes <= max_message_;
      dropping_ = (*head)->whole();
      fragments_ = after(**head, fragments_);
      joined_ = {};
      if (news) return fail(Errc::too_large, "a message of more than " + std::to_string(max_message_) + " bytes");
      continue;
    }
    wanted_ = (*head)->whole();
    if (end_ - begin_ < wanted_) return std::nullopt;
    std::uint8_t* const payload = buffer_.get() + begin_ + (*head)->size;
    if (masked_) mask(payload, (*head)->payload, payload - kMask);
    begin_ += std::exchange(wanted_, 0);
    if (auto message = join(**head, {payload, (*head)->payload})) return message;
  }
  return std::nullopt;
}

bool FrameReader::has_message() const {
  if (end_ - begin_ < dropping_) return false;
  Fragments before = fragments_;
  for (std::size_t at = begin_ + dropping_;;) {
    const auto head = this->head(at, before);
    if (!head) return true;
    if (!*head) return false;
    const bool too_large = is_too_large(**head, before);
    if (too_large && before.bytes <= max_message_) return true;
    if (end_ - at < (*head)->whole()) return false;
    if (!is_control((*head)->opcode)) {
      if ((*head)->final && !too_large) return true;
      before = after(**head, before);
    }
    at += (*head)->whole();
  }
}

/// Drops what it can; true when nothing is left to be dropped.
bool FrameReader::drop() {
  const std::size_t size = std::min(dropping_, end_ - begin_);
  begin_ += size;
  dropping_ -= size;
  return dropping_ == 0;
}

/// What has come of the message after this data frame.
FrameReader::Fragments FrameReader::after(const Head& head, const Fragments& before) {
  if (head.final) return {};
  return {before.kind ? before.kind : head.opcode, before.bytes + head.payload};
}

bool FrameReader::is_too_large(const Head& head, const Fragments& before) const {
  return !is_control(head.opcode) && before.bytes + head.payload > max_message_;
}

/// Of the frame that begins there, when enough of it has come.
Result<std::optional<FrameReader::Head>> FrameReader::head(std::size_t at, const Fragments& before) const {
  const ByteView bytes(buffer_.get() + at, end_ - at);
  if (bytes.size() < 2) return std::nullopt;
  if (const auto what = breach(bytes[0], bytes[1]); !what.empty()) return fail(Errc::bad_frame, std::string(what));

  const unsigned brief = bytes[1] & 0x7fU;
  const std::size_t digits = brief == 126 ? 2 : brief == 127 ? 8 : 0;
  if (bytes.size() < 2 + digits) return std::nullopt;
  const Head head{.final = (bytes[0] & kFinalBit) != 0,
                  .opcode = static_cast<Opcode>(bytes[0] & 15),
                  .size = 2 + digits + (masked_ ? kMask : 0),
                  .payload = digits == 0 ? brief : big_endian(bytes.subspan(2, digits))};
  if (is_control(head.opcode)) return head;
  if (const auto what = breach(head, before); !what.empty()) return fail(Errc::bad_frame, std::string(what));
  return head;
}

/// What the first two bytes of a frame do wrong; empty when nothing.
std::string_view FrameReader::breach(std::uint8_t first, std::uint8_t second) const {
  const unsigned opcode = first & 15U;
  if ((first & kReservedBits) != 0) return "reserved bits are set";
  if (!is_known(opcode)) return "unknown opcode";
  if (((second & kMaskBit) != 0) != masked_) return masked_ ? "a frame is not masked" : "a frame is masked";
  if (!is_control(static_cast<Opcode>(opcode))) return {};
  if ((first & kFinalBit) == 0) return "a control frame is fragmented";
  if ((second & 0x7fU) > kMaxControl) return "a control frame is too long";
  return {};
}

/// The same of a data frame's length, and of its place among others.
std::string_view FrameReader::breach(const Head& head, const Fragments& before) const {
  if ((head.opcode == Opcode::continuation) != before.kind.has_value()) return "fragments are out of order";
  if (head.payload >> 63 != 0) return "a length has its highest bit set";
  if (before.bytes + head.payload > kAbsurd * max_message_) return "a message is absurdly long";
  const std::size_t shortest = head.payload <= kMaxControl ? 2 : head.payload < 0x1'0000 ? 4 : 10;
  if (!masked_ && head.size != shortest) return "a length is padded";
  return {};
}

std::optional<FrameReader::Message> FrameReader::join(const Head& head, ByteView payload) {
  if (is_control(head.opcode) || (head.final && !fragments_.kind)) return Message{head.opcode, payload};
  if (!fragments_.kind) joined_.clear();
  joined_.insert(joined_.end(), payload.begin(), payload.end());
  const Opcode kind = fragments_.kind.value_or(head.opcode);
  fragments_ = after(head, fragments_);
  if (!head.final) return std::nullopt;
  return Message{kind, joined_};
}

std::span<std::uint8_t> FrameReader::space() {
  if (!fragments_.kind && joined_.capacity() > read_bytes_) joined_ = {};
  // What remains is less than a frame: cheaper to move than to read in small pieces.
  const std::size_t capacity = std::max(read_bytes_, wanted_);
  if (capacity > capacity_ || (begin_ == end_ && capacity_ != capacity)) {
    move_to(capacity);
  } else if (begin_ > 0) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
    end_ -= std::exchange(begin_, 0);
  }
  return {buffer_.get() + end_, capacity_ - end_};
}

void FrameReader::append(ByteView bytes) {
  if (bytes.size() > capacity_ - end_) move_to(std::max(read_bytes_, end_ - begin_ + bytes.size()));
  std::ranges::copy(bytes, buffer_.get() + end_);
  end_ += bytes.size();
}

/// Moves what has come into a buffer of this size.
void FrameReader::move_to(std::size_t capacity) {
  auto buffer = std::make_unique_for_overwrite<std::uint8_t[]>(capacity);
  std::copy(buffer_.get() + begin_, buffer_.get() + end_, buffer.get());
  buffer_ = std::move(buffer);
  capacity_ = capacity;
  end_ -= std::exchange(begin_, 0);
}

Result<std::string> close_answer(ByteView payload) {
  if (payload.empty()) return std::string();
  if (payload.size() < 2) return fail(Errc::bad_frame, "a close frame of one byte");
  if (!is_close_code(big_endian(payload.first(2)))) return fail(Errc::bad_frame, "bad close code");
  if (!is_utf8(as_text(payload.subspan(2)))) return fail(Errc::bad_frame, "a close reason is not UTF-8");
  return std::string(as_text(payload.first(2)));
}

void append_frame_head(std::string& out, Opcode opcode, std::size_t payload) { append_head(out, opcode, payload, 0); }

void append_frame(std::string& out, Opcode opcode, ByteView payload) {
  append_frame_head(out, opcode, payload.size());
  out += as_text(payload);
}

void append_masked_frame(std::string& out, Opcode opcode, ByteView payload, std::uint32_t mask_key) {
  append_head(out, opcode, payload.size(), kMaskBit);
  std::array<std::uint8_t, kMask> key;
  std::memcpy(key.data(), &mask_key, sizeof key);
  out += as_text(key);
  const std::size_t begin = out.size();
  out += as_text(payload);
  mask(reinterpret_cast<std::uint8_t*>(out.data()) + begin, payload.size(), key.data());
}

}  // namespace tap::net
