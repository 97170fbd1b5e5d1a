// SPDX-License-Identifier: MIT
#pragma once

#include "support/process/events.hpp"

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>

namespace tap::test {

/// Sees every event that consumers get, over crashes and all, and keeps what they know by them: a map a repo, not a
/// list of events. Whatever breaks a promise is kept as the violation. Safe to call from any thread.
///
///   - An id means one event for ever. A repeat is the very same text.
///   - Live and identity events go alone: while one is unacked nothing of its repo follows, and none comes while
///     something before it is unacked. Nor do historical events while those of an earlier fetch are unacked. What
///     nobody ever acked holds back the rest of its repo over crashes, too.
///   - What was told before an event that goes alone is not told again behind it, until Tap begins anew; where several
///     consumers share the events, a repeat of what is acked may have been on its way to another one.
///   - At their first arrival the ids and the revs of a repo grow. Where several consumers share the events, historical
///     ones between two live ones may overtake each other; the revs grow all the same.
///   - A create is of a record that was not there, an update or delete of one that was.
///
/// Not for runs in which events are set aside: these need no ack, and come again under other ids.
class Judge final : public EventSink {
 public:
  enum class Consumers : std::uint8_t { one, several };  ///< at a time
  explicit Judge(Consumers consumers = Consumers::one) : consumers_(consumers) {}

  void add(Event event) override;
  /// An id that was never told is no ack, and harmless.
  void acking(std::uint64_t id) override;
  /// Tap is started anew, and nobody is connected any more: acks of late may be lost.
  void begin_life();

  /// The repo is removed and added again: until settle() everything of it may be told once more, and what is deleted
  /// meanwhile may not be told at all.
  void expect_everything_again(const std::string& did);

  /// What a repo should hold by now. Of an account that is away only that counts: what it wrote last is told when it
  /// is back.
  struct Truth {
    RecordCids records;
    std::set<std::string> deleted;  ///< paths deleted since it was settled
    bool is_active = true;
  };
  /// How what was told of it differs from that; empty when it does not.
  [[nodiscard]] std::string difference(const std::string& did, const Truth& truth) const;
  /// There was no difference: the strict rules hold again, but for who is away.
  void settle(const std::string& did, const Truth& truth);
  /// It is followed no longer, and nothing of it is on the way.
  void forget(const std::string& did);
  /// Every event up to now is acked. What came before the last time cannot come again, and costs no memory any more.
  void all_acked();
  /// Every event up to now is acked, nobody is connected, and Tap ended in order: nothing of it comes again.
  void all_done();

  /// The first broken promise.
  [[nodiscard]] std::string violation() const;
  struct Count {
    std::uint64_t events = 0;   ///< by their ids
    std::uint64_t repeats = 0;  ///< further arrivals of one of these
  };
  [[nodiscard]] Count count() const;

 private:
  struct Unacked {
    bool goes_alone;
    std::string rev;
  };
  struct Repo {
    std::uint64_t last_id = 0;       // 0: nothing was told
    std::uint64_t last_barrier = 0;  // of the events that go alone
    std::uint64_t last_barrier_of_life = 0;
    std::map<std::uint64_t, Unacked> unacked;  // by id; also what was acked in an earlier life and came again
    std::string last_rev;
    RecordCids records;
    bool anew = false;
    bool is_active = true;
  };
  struct Seen {
    std::size_t text;  // a hash of it
    Repo* repo;
    std::uint64_t acked_in = 0;  // the last life in which it was
  };
  using SeenById = std::unordered_map<std::uint64_t, Seen>;
  [[nodiscard]] Seen* find(std::uint64_t id);
  void take(Repo& repo, const Event& event);
  void take_record(Repo& repo, const Event& event);
  void judge_order(const Seen& seen, const Event& event);
  void blame(const std::string& what, const Event& event);

  const Consumers consumers_;
  mutable std::mutex mutex_;
  std::uint64_t life_ = 1;
  SeenById seen_;
  SeenById seen_before_;               // until everything was acked the last time
  std::map<std::string, Repo> repos_;  // none ever goes
  Count count_;
  std::string violation_;
};

}  // namespace tap::test
