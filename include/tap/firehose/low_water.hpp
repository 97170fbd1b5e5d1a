// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>

namespace tap::firehose {

/// The cursor that may be saved: below it everything is done (protocol 7.4, 8.4 item 24). Pure; loop thread only.
/// Seqs grow from call to call. Its memory is that of the unfinished ones, however long the oldest takes. pass() costs
/// nothing, begin() an insertion at the end, done() O(log n).
class LowWater {
 public:
  explicit LowWater(std::int64_t start = 0) : seen_(start) {}

  /// Work on it begins; it holds the mark back until done().
  void begin(std::int64_t seq);
  /// Nothing to do for it.
  void pass(std::int64_t seq) { seen_ = seq; }
  /// Harmless for what was not begun, or is done.
  void done(std::int64_t seq) { unfinished_.erase(seq); }

  /// The highest seq with everything up to it done. Never goes back.
  [[nodiscard]] std::int64_t value() const { return unfinished_.empty() ? seen_ : *unfinished_.begin() - 1; }
  /// The highest seq seen.
  [[nodiscard]] std::int64_t seen() const { return seen_; }
  [[nodiscard]] std::size_t unfinished() const { return unfinished_.size(); }

 private:
  std::set<std::int64_t> unfinished_;
  std::int64_t seen_;
};

}  // namespace tap::firehose
