// SPDX-License-Identifier: MIT
#pragma once

#include "faults/population.hpp"
#include "faults/tally.hpp"
#include "support/atproto/dice.hpp"
#include "support/net/relay_server.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <set>
#include <string>

namespace tap::faults {

/// What the relay sends: what the accounts do, true or not, and what the way to us makes of it. One thread acts.
class Stream {
 public:
  Stream(std::uint64_t seed, Population& population, Tally& faults);

  [[nodiscard]] std::string relay_url() const { return relay_.url(); }
  /// One frame, mostly: somebody writes, or lies, or the relay loses it, or sends what is none.
  void act();
  /// Only the liars go on.
  void lie();
  /// Something happens to the connection; what takes its time ends in a later act().
  void disturb();
  /// The relay says that our cursor is ahead of it, and has to be left alone for a minute.
  void send_away();
  /// The connection is in order again. A third of the accounts is away; the others are there, and write, so that
  /// nothing is left that only the next commit would show.
  void calm_down();
  /// Once more, to those who cannot know it.
  void say_who_is_away();
  /// Tap has come so far: the relay may forget what lies well below.
  void forget_below(std::int64_t seq);

  [[nodiscard]] std::int64_t seq() const { return seq_; }
  [[nodiscard]] std::uint64_t frames() const { return frames_; }

 private:
  template <class Message>
  void send(Message message);
  void send_bytes(ByteView frame);
  void send_truth(test::CommitMessage message);
  void act_honestly(Member& member);
  void catch_up(const Member& member);
  void make_way();
  void trouble(Member& member);
  void lie_about(Member& member, test::CommitMessage truth);
  void send_junk();
  void lose_everything();
  void go_or_come_back(Member& member);
  void tell_status(const Member& member);
  [[nodiscard]] test::CommitMessage write(Member& member) {
    return member.author.account.commit(member.author.some_writes(dice_));
  }

  Population& population_;
  Tally& faults_;
  test::Dice dice_;
  std::deque<test::CommitMessage> sent_;                          // of late, true ones
  std::deque<test::CommitMessage> late_;                          // on their way still; at most one of a repo
  std::optional<std::chrono::steady_clock::time_point> free_at_;  // the connection is slow until then
  std::int64_t seq_ = 0;
  std::uint64_t frames_ = 0;
  std::int64_t forgotten_ = 0;
  bool has_lost_ = false;  // events of everybody, since the last calm
  std::mutex away_mutex_;
  std::set<std::string> away_;  // DIDs; the relay's thread reads them
  test::RelayServer relay_;
};

}  // namespace tap::faults
