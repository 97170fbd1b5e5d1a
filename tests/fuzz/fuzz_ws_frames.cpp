// SPDX-License-Identifier: MIT
// Frames of either end, in pieces of any size, give what a reader of one byte after the other gives.
#include "tap/net/ws_frames.hpp"

#include "fuzz/fuzz.hpp"

#include <algorithm>
#include <system_error>
#include <utility>
#include <vector>

namespace {

using tap::Bytes;
using tap::ByteView;
using tap::fuzz::require;
using tap::net::FrameReader;
using tap::net::Opcode;

constexpr std::size_t kReadBytes = 1024;

struct Outcome {
  int opcode = 0;
  Bytes payload = {};
  std::error_code error = {};
  bool operator==(const Outcome&) const = default;
  [[nodiscard]] bool is_control() const { return opcode >= 8; }
  /// What is too large is passed over; nothing follows a breach.
  [[nodiscard]] bool is_end() const { return error == tap::net::Errc::bad_frame; }
};

class SlowReader {
 public:
  SlowReader(bool masked, std::size_t max_message) : masked_(masked), max_message_(max_message) {}

  /// All that has come out so far.
  const std::vector<Outcome>& read(ByteView bytes) {
    rest_.insert(rest_.end(), bytes.begin(), bytes.end());
    while (read_frame()) {
    }
    return outcomes_;
  }

 private:
  bool refuse(tap::net::Errc error) {
    outcomes_.push_back({.error = make_error_code(error)});
    return false;
  }

  bool read_frame() {
    using enum tap::net::Errc;
    if (rest_.size() < 2) return false;
    const bool final = rest_[0] / 128 == 1;
    const int opcode = rest_[0] % 16;
    const int brief = rest_[1] % 128;
    const bool known = opcode == 0 || opcode == 1 || opcode == 2 || opcode == 8 || opcode == 9 || opcode == 10;
    if (!known || rest_[0] % 128 >= 16 || (rest_[1] >= 128) != masked_) return refuse(bad_frame);
    if (opcode >= 8 && (!final || brief > 125)) return refuse(bad_frame);

    const std::size_t key = brief < 126 ? 2 : brief == 126 ? 4 : 10;
    if (rest_.size() < key) return false;
    std::size_t length = brief < 126 ? static_cast<std::size_t>(brief) : 0;
    for (std::size_t i = 2; i < key; ++i) length = length * 256 + rest_[i];
    if (opcode < 8) {
      const bool padded = (key == 4 && length < 126) || (key == 10 && length < 65'536);
      if ((opcode == 0) != (kind_ != 0) || length >= std::size_t{1} << 63 || (padded && !masked_)) {
        return refuse(bad_frame);
      }
      if (size_ + length > FrameReader::kAbsurd * max_message_) return refuse(bad_frame);
    }
    if (opcode < 8 && size_ + length > max_message_ && !std::exchange(told_, true)) {
      outcomes_.push_back({.error = make_error_code(too_large)});
    }
    const std::size_t begin = key + (masked_ ? 4 : 0);
    if (rest_.size() < begin + length) return false;
    Bytes payload;
    for (std::size_t i = 0; i < length; ++i) {
      payload.push_back(rest_[begin + i] ^ (masked_ ? rest_[key + i % 4] : std::uint8_t{0}));
    }
    rest_.erase(rest_.begin(), rest_.begin() + static_cast<std::ptrdiff_t>(begin + length));
    take(opcode, final, std::move(payload));
    return true;
  }

  void take(int opcode, bool final, Bytes payload) {
    if (opcode >= 8) return outcomes_.push_back({.opcode = opcode, .payload = std::move(payload)});
    if (kind_ == 0) kind_ = opcode;
    size_ += payload.size();
    joined_.insert(joined_.end(), payload.begin(), payload.end());
    if (!final) return;
    if (!told_) outcomes_.push_back({.opcode = kind_, .payload = joined_});
    kind_ = 0;
    size_ = 0;
    told_ = false;
    joined_.clear();
  }

  Bytes rest_;
  bool masked_;
  std::size_t max_message_;
  int kind_ = 0;
  std::size_t size_ = 0;
  bool told_ = false;  // that it is too large
  Bytes joined_;
  std::vector<Outcome> outcomes_;
};

/// All that can be had, until more input is needed or an error.
void drain(FrameReader& reader, std::vector<Outcome>& outcomes) {
  for (;;) {
    const auto message = reader.next();
    if (!message) {
      outcomes.push_back({.error = message.error().code()});
      if (outcomes.back().is_end()) return;
      continue;
    }
    if (!*message) return;
    const ByteView payload = (*message)->payload;
    outcomes.push_back(
        {.opcode = static_cast<int>((*message)->opcode), .payload = Bytes(payload.begin(), payload.end())});
  }
}

void feed(FrameReader& reader, ByteView bytes, bool append) {
  if (append) return reader.append(bytes);
  const auto space = reader.space();
  require(space.size() >= bytes.size());
  std::ranges::copy(bytes, space.begin());
  reader.filled(bytes.size());
}

/// What was read can be sent, and read again.
void send_again(const std::vector<Outcome>& outcomes, bool masked) {
  std::string wire;
  std::vector<Outcome> sent;
  for (const Outcome& outcome : outcomes) {
    if (outcome.error) continue;
    sent.push_back(outcome);
    const auto opcode = static_cast<Opcode>(outcome.opcode);
    if (masked) {
      tap::net::append_masked_frame(wire, opcode, outcome.payload, 0x01020304U * static_cast<unsigned>(sent.size()));
    } else {
      tap::net::append_frame(wire, opcode, outcome.payload);
    }
  }
  require(SlowReader(masked, wire.size()).read(tap::as_bytes(wire)) == sent);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tap::fuzz::Input input(ByteView(data, size));
  const std::uint8_t way = input.byte();
  const bool masked = (way & 1) != 0;
  const bool append = (way & 2) != 0;
  const std::size_t max_message = (way & 4) != 0 ? 40 : 2 * kReadBytes;  // easily exceeded, or making the buffer grow
  const std::size_t piece = 1 + 4 * std::size_t{input.byte()};
  FrameReader reader({.peer = masked ? FrameReader::Peer::client : FrameReader::Peer::server,
                      .read_bytes = kReadBytes,
                      .max_message = max_message});
  SlowReader slow(masked, max_message);
  std::vector<Outcome> outcomes;
  while (!input.empty() && (outcomes.empty() || !outcomes.back().is_end())) {
    const ByteView bytes = input.take(append ? piece : std::min(piece, reader.space().size()));
    feed(reader, bytes, append);

    const auto& expected = slow.read(bytes);
    const auto news = expected.begin() + static_cast<std::ptrdiff_t>(outcomes.size());
    require(reader.has_message() ==
            std::any_of(news, expected.end(), [](const Outcome& o) { return !o.is_control(); }));
    drain(reader, outcomes);
    require(outcomes == expected);
    require((!outcomes.empty() && outcomes.back().is_end()) || !reader.space().empty());
  }
  for (const Outcome& outcome : outcomes) {
    const auto answer = tap::net::close_answer(outcome.payload);
    require(!answer || answer->size() == std::min<std::size_t>(outcome.payload.size(), 2));
  }
  send_again(outcomes, masked);
  return 0;
}
