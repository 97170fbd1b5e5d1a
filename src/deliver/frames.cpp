// SPDX-License-Identifier: MIT
#include "deliver/frames.hpp"

#include "deliver/error.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace tap::deliver {
namespace {

constexpr std::size_t kReadBytes = 64 << 10;  // an ack costs 0.1 us from a buffer of this size, 4.8 us from a small one
constexpr std::size_t kMaxHead = 14;
constexpr std::size_t kMaxControl = 125;
constexpr std::size_t kMask = 4;

std::uint64_t big_endian(const char* from, std::size_t bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes; ++i) value = value << 8 | static_cast<unsigned char>(from[i]);
  return value;
}

void append_big_endian(std::string& out, std::uint64_t value, int bytes) {
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xff);
}

void unmask(char* data, std::size_t size, const char* mask) {
  std::array<char, 8> twice;
  std::memcpy(twice.data(), mask, kMask);
  std::memcpy(twice.data() + kMask, mask, kMask);
  std::uint64_t wide = 0;
  std::memcpy(&wide, twice.data(), sizeof wide);
  std::size_t i = 0;
  for (; i + sizeof wide <= size; i += sizeof wide) {
    std::uint64_t word = 0;
    std::memcpy(&word, data + i, sizeof word);
    word ^= wide;
    std::memcpy(data + i, &word, sizeof word);
  }
  for (; i < size; ++i) data[i] = static_cast<char>(data[i] ^ mask[i % kMask]);
}

constexpr bool is_control(Opcode opcode) { return opcode >= Opcode::close; }

constexpr bool is_known(unsigned opcode) { return opcode <= 2 || (opcode >= 8 && opcode <= 10); }

/// Codes that may stand in a close frame.
constexpr bool is_close_code(std::uint64_t code) {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1013) || (code >= 3000 && code <= 4999);
}

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto at = [&](std::size_t k) { return static_cast<unsigned char>(text[k]); };
    const unsigned char lead = at(i);
    const std::size_t size = lead < 0x80 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if ((lead >= 0x80 && lead < 0xc2) || lead > 0xf4 || text.size() - i < size) return false;
    for (std::size_t k = 1; k < size; ++k) {
      if ((at(i + k) & 0xc0) != 0x80) return false;
    }
    const bool forbidden = (lead == 0xe0 && at(i + 1) < 0xa0) || (lead == 0xed && at(i + 1) >= 0xa0) ||
                           (lead == 0xf0 && at(i + 1) < 0x90) || (lead == 0xf4 && at(i + 1) >= 0x90);
    if (forbidden) return false;
    i += size;
  }
  return true;
}

}  // namespace

FrameReader::FrameReader(std::size_t max_message)
    : max_message_(std::max(max_message, kMaxControl)),
      capacity_(kReadBytes + kMaxHead + max_message_),
      buffer_(std::make_unique_for_overwrite<char[]>(capacity_)) {}

std::span<char> FrameReader::space() {
  if (begin_ == end_) {
    begin_ = end_ = 0;
  } else if (capacity_ - end_ < kReadBytes) {
    // An unfinished frame is smaller than the rest of the buffer, so this makes room for a whole read.
    std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  return {buffer_.get() + end_, capacity_ - end_};
}

Result<std::optional<Frame>> FrameReader::next() {
  if (!fragmented_) message_.clear();
  for (;;) {
    const auto head = this->head();
    if (!head) return std::unexpected(head.error());
    if (!*head) return std::nullopt;
    if (auto checked = check(**head); !checked) return std::unexpected(checked.error());
    const std::size_t payload = (*head)->payload;
    if (end_ - begin_ - (*head)->size < payload) return std::nullopt;

    char* const data = buffer_.get() + begin_ + (*head)->size;
    unmask(data, payload, data - kMask);
    begin_ += (*head)->size + payload;
    if (auto whole = join(**head, {data, payload})) return whole;
  }
}

/// Of the frame at the front, once its head has come.
Result<std::optional<FrameReader::Head>> FrameReader::head() const {
  const char* const data = buffer_.get() + begin_;
  const std::size_t size = end_ - begin_;
  if (size < 2) return std::nullopt;
  const auto first = static_cast<unsigned char>(data[0]);
  const auto second = static_cast<unsigned char>(data[1]);
  if ((first & 0x70) != 0) return fail(Errc::protocol_violation, "reserved bits are set");
  if (!is_known(first & 15)) return fail(Errc::protocol_violation, "unknown opcode");
  if ((second & 0x80) == 0) return fail(Errc::protocol_violation, "a frame is not masked");

  const std::uint64_t brief = second & 0x7f;
  const std::size_t extended = brief == 126 ? 2 : brief == 127 ? 8 : 0;
  Head head{.fin = (first & 0x80) != 0,
            .opcode = static_cast<Opcode>(first & 15),
            .size = 2 + extended + kMask,
            .payload = brief};
  if (size < head.size) return std::nullopt;
  if (extended != 0) head.payload = big_endian(data + 2, extended);
  return head;
}

Result<void> FrameReader::check(const Head& head) const {
  if (is_control(head.opcode)) {
    if (!head.fin) return fail(Errc::protocol_violation, "a control frame is fragmented");
    if (head.payload > kMaxControl) return fail(Errc::protocol_violation, "a control frame is too long");
    return {};
  }
  if ((head.opcode == Opcode::continuation) != fragmented_.has_value()) {
    return fail(Errc::protocol_violation, "fragments are out of order");
  }
  if (head.payload >> 63 != 0) return fail(Errc::protocol_violation, "a length has its highest bit set");
  if (head.payload > max_message_ - message_.size()) return fail(Errc::message_too_long);
  return {};
}

std::optional<Frame> FrameReader::join(const Head& head, std::string_view payload) {
  if (is_control(head.opcode)) return Frame{head.opcode, payload};
  if (head.fin && !fragmented_) return Frame{head.opcode, payload};
  message_ += payload;
  if (!fragmented_) fragmented_ = head.opcode;
  if (!head.fin) return std::nullopt;
  const Frame frame{*fragmented_, message_};
  fragmented_.reset();
  return frame;
}

Result<std::string> close_answer(std::string_view payload) {
  if (payload.empty()) return std::string();
  if (payload.size() < 2) return fail(Errc::protocol_violation, "a close frame of one byte");
  if (!is_close_code(big_endian(payload.data(), 2))) return fail(Errc::protocol_violation, "bad close code");
  if (!is_utf8(payload.substr(2))) return fail(Errc::protocol_violation, "a close reason is not UTF-8");
  return std::string(payload.substr(0, 2));
}

void append_frame_head(std::string& out, Opcode opcode, std::size_t payload) {
  out += static_cast<char>(0x80 | static_cast<unsigned>(opcode));
  if (payload < 126) {
    out += static_cast<char>(payload);
  } else if (payload < 0x1'0000) {
    out += '\x7e';
    append_big_endian(out, payload, 2);
  } else {
    out += '\x7f';
    append_big_endian(out, payload, 8);
  }
}

void append_frame(std::string& out, Opcode opcode, std::string_view payload) {
  append_frame_head(out, opcode, payload.size());
  out += payload;
}

}  // namespace tap::deliver
