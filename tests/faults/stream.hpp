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
  /// Only the liars go on: in turn, so that each shows what it is soon.
  void let_the_next_lie();
  [[nodiscard]] bool is_connected() { return relay_.subscribers() > 0; }
  /// Something happens to the connection, of each kind in turn; what takes its time ends in a later act().
  void disturb();
  /// Each kind has come.
  [[nodiscard]] bool has_done_all() const { return disturbances_ >= kDisturbances; }
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
  static constexpr std::size_t kDisturbances = 11;

  template <class Message>
  void send(Message message);
  void send_bytes(ByteView frame);
  void send_truth(test::CommitMessage message);
  void act_honestly(Member& member);
  void lie(Member& liar);
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
  const std::uint64_t seed_;
  test::Dice dice_{0};  // of the act, the disturbance or the calm that it is at
  std::uint64_t acts_ = 0, lies_in_calm_ = 0, disturbances_ = 0, calms_ = 0;
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
