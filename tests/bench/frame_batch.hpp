// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/bytes.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tap::bench {

/// What a consumer should have got: how many record events, and the sum of their keys' hashes. The sum does not depend
/// on the order in which they come.
struct Expected {
  std::uint64_t events = 0;
  std::uint64_t digest = 0;

  void add(std::uint64_t key) {
    ++events;
    digest += key;
  }
  bool operator==(const Expected&) const = default;
};

/// The hash of what tells one record event from every other: the text of the message between `"live":` and the end of
/// the action.
[[nodiscard]] std::uint64_t key_of(std::string_view text);
/// The same, for an event as it should come.
[[nodiscard]] std::uint64_t key_of(bool live, std::string_view did, std::string_view rev, std::string_view path,
                                   std::string_view action);

/// The first seq of a batch's frames before they are stamped: of the size that the network's have, so that every later
/// one takes as many bytes.
inline constexpr std::int64_t kFirstSeq = 10'000'000'000;

/// Firehose messages as they go over the wire, one behind the other, encoded before the clock runs. Only their seqs
/// are written when they are sent.
class FrameBatch {
 public:
  /// A frame whose seq is at least kFirstSeq.
  void add(ByteView frame);
  void reserve(std::size_t frames, std::size_t bytes);

  /// Numbers the frames from `seq` on and gives the next seq.
  std::int64_t stamp(std::int64_t seq);

  [[nodiscard]] std::size_t size() const { return places_.size(); }
  [[nodiscard]] std::size_t bytes() const { return wire_.size(); }
  /// Whole frames from `first` on, as many as there are but at most about `bytes`; `next` is the frame behind them.
  struct Piece {
    std::string_view wire;
    std::size_t next;
  };
  [[nodiscard]] Piece piece(std::size_t first, std::size_t bytes) const;

 private:
  struct Place {
    std::size_t end;  // of the frame
    std::size_t seq;  // of its eight bytes
  };
  std::string wire_;
  std::vector<Place> places_;
};

}  // namespace tap::bench
