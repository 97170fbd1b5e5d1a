// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

namespace tap::firehose {

/// The cursor that may be saved: below it everything is done (protocol 7.4, 8.4 item 24). Pure; loop thread only.
/// Seqs grow from call to call; begin() and pass() are O(1), done() O(log n).
class LowWater {
 public:
  explicit LowWater(std::int64_t start = 0) : seen_(start) {}

  /// Work on it begins; it holds the mark back until done().
  void begin(std::int64_t seq);
  /// Nothing to do for it.
  void pass(std::int64_t seq);
  void done(std::int64_t seq);

  /// The highest seq with everything up to it done. Never goes back.
  [[nodiscard]] std::int64_t value() const;
  /// The highest seq seen.
  [[nodiscard]] std::int64_t seen() const { return seen_; }
  [[nodiscard]] std::size_t unfinished() const { return unfinished_; }

 private:
  struct Entry {
    std::int64_t seq;
    bool done;
  };
  std::deque<Entry> entries_;  // from the oldest unfinished one on
  std::int64_t seen_;
  std::size_t unfinished_ = 0;
};

}  // namespace tap::firehose
