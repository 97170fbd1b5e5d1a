// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>

namespace tap::store::postgres {

/// Whose turn it is with the writer's connection: the writer's own, or that of the reader who has no other. One thread
/// each. When both want it they alternate, so that neither keeps the other off.
class Turns {
 public:
  struct End {
    void operator()(Turns* turns) const { turns->end(); }
  };
  /// Lasts as long as it lives.
  using Turn = std::unique_ptr<Turns, End>;

  /// Waits for the reader, whose turns are short.
  [[nodiscard]] Turn writer();
  /// Null when the writer's turn has not ended by then, or when it turns the reader away.
  [[nodiscard]] Turn reader(std::chrono::steady_clock::time_point deadline);
  /// In the writer's turn, and until its end: nobody is to wait for that.
  void turn_away();
  /// Whether the end of a turn is waited for.
  [[nodiscard]] bool is_wanted() const;

 private:
  [[nodiscard]] Turn take(bool is_reader);
  void end();

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool is_taken_ = false;
  bool was_readers_ = false;  // the last turn
  bool writer_waits_ = false;
  bool reader_waits_ = false;
  bool turns_away_ = false;
};

}  // namespace tap::store::postgres
