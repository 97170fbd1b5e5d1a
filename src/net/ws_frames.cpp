// SPDX-License-Identifier: MIT
#include "net/ws_frames.hpp"

#include "tap/net/error.hpp"

#include <algorithm>
#include <cstring>

namespace tap::net {
namespace {

constexpr std::size_t kMaxControl = 125;
constexpr std::uint8_t kFinal = 0x80;
constexpr std::uint8_t kReserved = 0x70;
constexpr std::uint8_t kMasked = 0x80;

std::uint64_t big_endian(ByteView bytes) {
  std::uint64_t value = 0;
  for (const std::uint8_t byte : bytes) value = value << 8 | byte;
  return value;
}

}  // namespace

FrameReader::FrameReader(std::size_t buffer_size, std::size_t max_message)
    : buffer_size_(std::max<std::size_t>(buffer_size, 1024)), max_message_(max_message), buffer_(buffer_size_) {}

Result<std::optional<FrameReader::Frame>> FrameReader::peek(std::size_t at) const {
  const ByteView bytes = ByteView(buffer_).subspan(at, end_ - at);
  if (bytes.size() < 2) return std::nullopt;
  if ((bytes[0] & kReserved) != 0) return fail(Errc::bad_response, "reserved bit in a frame");
  if ((bytes[1] & kMasked) != 0) return fail(Errc::bad_response, "masked frame from a server");
  const std::uint8_t opcode = bytes[0] & 0x0f;
  if ((opcode > 2 && opcode < 8) || opcode > 10) return fail(Errc::bad_response, "unknown opcode");
  Frame frame{(bytes[0] & kFinal) != 0, static_cast<Opcode>(opcode), 2, bytes[1]};
  if (frame.is_control() && (!frame.final || frame.payload > kMaxControl)) {
    return fail(Errc::bad_response, "fragmented or long control frame");
  }
  if (frame.payload > kMaxControl) {
    const std::size_t digits = frame.payload == 126 ? 2 : 8;
    if (bytes.size() < 2 + digits) return std::nullopt;
    const std::uint64_t length = big_endian(bytes.subspan(2, digits));
    if (length <= (digits == 2 ? kMaxControl : 0xffff)) return fail(Errc::bad_response, "padded frame length");
    if (length > max_message_) return fail(Errc::too_large, "message of " + std::to_string(length) + " bytes");
    frame.header += digits;
    frame.payload = length;
  }
  return frame;
}

Result<std::optional<FrameReader::Message>> FrameReader::next() {
  for (;;) {
    auto frame = peek(begin_);
    if (!frame) return std::unexpected(frame.error());
    wanted_ = *frame ? (*frame)->size() : 0;
    if (!*frame || end_ - begin_ < wanted_) return std::nullopt;
    const ByteView payload = ByteView(buffer_).subspan(begin_ + (*frame)->header, (*frame)->payload);
    begin_ += std::exchange(wanted_, 0);
    if ((*frame)->is_control()) return Message{(*frame)->opcode, payload};
    const bool whole = (*frame)->final && (*frame)->opcode != Opcode::continuation && !joining_;
    if (whole && payload.size() > max_message_) return fail(Errc::too_large, "message");
    if (whole) return Message{(*frame)->opcode, payload};
    auto joined = take_fragment(**frame, payload);
    if (!joined || *joined) return joined;
  }
}

Result<std::optional<FrameReader::Message>> FrameReader::take_fragment(const Frame& frame, ByteView payload) {
  const bool continues = frame.opcode == Opcode::continuation;
  if (continues != joining_.has_value()) return fail(Errc::bad_response, "fragment out of order");
  if (!continues) {
    joining_ = frame.opcode;
    joined_.clear();
  }
  if (payload.size() > max_message_ - joined_.size()) return fail(Errc::too_large, "fragmented message");
  joined_.insert(joined_.end(), payload.begin(), payload.end());
  if (!frame.final) return std::nullopt;
  return Message{*std::exchange(joining_, std::nullopt), joined_};
}

bool FrameReader::has_message() const {
  for (std::size_t at = begin_;;) {
    const auto frame = peek(at);
    if (!frame) return true;
    if (!*frame || end_ - at < (*frame)->size()) return false;
    if ((*frame)->final && !(*frame)->is_control()) return true;
    at += (*frame)->size();
  }
}

std::span<std::uint8_t> FrameReader::space() {
  // What remains is less than a frame: cheaper to move than to read in small pieces.
  if (begin_ > 0) std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
  end_ -= std::exchange(begin_, 0);
  const std::size_t size = std::max(buffer_size_, wanted_);
  if (size > buffer_.size() || end_ == 0) buffer_.resize(size);
  if (buffer_.capacity() > size && end_ == 0) buffer_.shrink_to_fit();
  return std::span(buffer_).subspan(end_);
}

std::string control_frame(Opcode opcode, ByteView payload, std::uint32_t mask) {
  payload = payload.first(std::min(payload.size(), kMaxControl));
  std::string frame;
  frame += static_cast<char>(kFinal | static_cast<std::uint8_t>(opcode));
  frame += static_cast<char>(kMasked | payload.size());
  char key[4];
  std::memcpy(key, &mask, sizeof key);
  frame.append(key, sizeof key);
  for (std::size_t i = 0; i < payload.size(); ++i) frame += static_cast<char>(payload[i] ^ key[i % sizeof key]);
  return frame;
}

}  // namespace tap::net
