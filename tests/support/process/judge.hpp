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
///   - At their first arrival the ids and the revs of a repo grow. Where several consumers share the events, historical
///     ones between two live ones may overtake each other; the revs grow all the same.
///   - A create is of a record that was not there, an update or delete of one that was.
class Judge final : public EventSink {
 public:
  enum class Consumers : std::uint8_t { one, several };  ///< at a time
  explicit Judge(Consumers consumers = Consumers::one) : consumers_(consumers) {}

  void add(Event event) override;

  /// The repo is removed and added again: until settle() everything of it may be told once more, and what is deleted
  /// meanwhile may not be told at all.
  void expect_everything_again(const std::string& did);

  /// What a repo should hold by now.
  struct Truth {
    RecordCids records;
    std::set<std::string> deleted;  ///< paths deleted since it was settled
    bool is_active = true;
  };
  /// How what was told of it differs from that; empty when it does not.
  [[nodiscard]] std::string difference(const std::string& did, const Truth& truth) const;
  /// There was no difference: the strict rules hold again.
  void settle(const std::string& did, const Truth& truth);
  /// It is followed no longer, and nothing of it is on the way.
  void forget(const std::string& did);
  /// Every event up to now is acked. What came before the last time cannot come again, and costs no memory any more.
  void all_acked();

  /// The first broken promise.
  [[nodiscard]] std::string violation() const;
  struct Count {
    std::uint64_t events = 0;   ///< by their ids
    std::uint64_t repeats = 0;  ///< further arrivals of one of these
  };
  [[nodiscard]] Count count() const;

 private:
  struct Repo {
    std::uint64_t last_id = 0;
    std::uint64_t last_barrier = 0;  // of the events that go alone
    std::string last_rev;
    RecordCids records;
    bool anew = false;
    bool is_active = true;
  };
  void take(Repo& repo, const Event& event);
  void take_record(Repo& repo, const Event& event);
  void blame(const std::string& what, const Event& event);

  using Texts = std::unordered_map<std::uint64_t, std::size_t>;  // a hash of each event's, by its id
  [[nodiscard]] std::size_t* text_of(std::uint64_t id);

  const Consumers consumers_;
  mutable std::mutex mutex_;
  Texts seen_;
  Texts seen_before_;  // until everything was acked the last time
  std::map<std::string, Repo> repos_;
  Count count_;
  std::string violation_;
};

}  // namespace tap::test
