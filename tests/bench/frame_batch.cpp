// SPDX-License-Identifier: MIT
#include "bench/frame_batch.hpp"

#include "support/net/ws_wire.hpp"

#include <algorithm>
#include <functional>
#include <stdexcept>

namespace tap::bench {

std::uint64_t key_of(std::string_view text) { return std::hash<std::string_view>{}(text); }

std::uint64_t key_of(bool live, std::string_view did, std::string_view rev, std::string_view path,
                     std::string_view action) {
  const std::size_t slash = path.find('/');
  std::string text = live ? "true" : "false";
  const auto member = [&text](std::string_view name, std::string_view value) {
    text.append(",\"").append(name).append("\":\"").append(value).append("\"");
  };
  member("did", did);
  member("rev", rev);
  member("collection", path.substr(0, slash));
  member("rkey", path.substr(slash + 1));
  member("action", action);
  return key_of(text);
}

void FrameBatch::add(ByteView frame) {
  // The key "seq" and the head of an integer of eight bytes; a hash that looks like it is not to be expected.
  constexpr std::string_view kSeq = "\x63seq\x1b";
  wire_ += test::server_frame(2, frame);
  const std::size_t at = wire_.find(kSeq, wire_.size() - frame.size());
  if (at == std::string::npos) throw std::logic_error("a frame without a seq of eight bytes");
  places_.push_back({wire_.size(), at + kSeq.size()});
}

void FrameBatch::reserve(std::size_t frames, std::size_t bytes) {
  places_.reserve(frames);
  wire_.reserve(bytes);
}

std::int64_t FrameBatch::stamp(std::int64_t seq) {
  for (const Place& place : places_) {
    for (std::size_t i = 0; i < 8; ++i) wire_[place.seq + i] = static_cast<char>(seq >> (56 - 8 * i));
    ++seq;
  }
  return seq;
}

FrameBatch::Piece FrameBatch::piece(std::size_t first, std::size_t bytes) const {
  const std::size_t begin = first == 0 ? 0 : places_[first - 1].end;
  const auto last =
      std::upper_bound(places_.begin() + static_cast<std::ptrdiff_t>(first) + 1, places_.end(), begin + bytes,
                       [](std::size_t limit, const Place& place) { return limit < place.end; });
  const std::size_t next = static_cast<std::size_t>(last - places_.begin());
  return {std::string_view(wire_).substr(begin, places_[next - 1].end - begin), next};
}

}  // namespace tap::bench
