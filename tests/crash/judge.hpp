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

namespace tap::crash {

/// Sees every event that a consumer gets, over all crashes, and keeps what a consumer knows by them: a map a repo, not
/// a list of events. Whatever breaks a promise is kept as the violation. Safe to call from any thread.
///
///   - An id means one event for ever. A repeat is the very same text.
///   - At their first arrival the ids and the revs of a repo grow.
///   - A create is of a record that was not there, an update or delete of one that was.
class Judge final : public test::EventSink {
 public:
  void add(test::Event event) override;

  /// The repo is removed and added again: until settle() everything of it may be told once more, and what is deleted
  /// meanwhile may not be told at all.
  void expect_everything_again(const std::string& did);

  /// What a repo should hold by now.
  struct Truth {
    test::RecordCids records;
    std::set<std::string> deleted;  ///< paths deleted since it was settled
    bool is_active = true;
  };
  /// How what was told of it differs from that; empty when it does not.
  [[nodiscard]] std::string difference(const std::string& did, const Truth& truth) const;
  /// There was no difference: the strict rules hold again.
  void settle(const std::string& did, const Truth& truth);

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
    std::string last_rev;
    test::RecordCids records;
    bool anew = false;
    bool is_active = true;
  };
  void take(Repo& repo, const test::Event& event);
  void take_record(Repo& repo, const test::Event& event);
  void blame(const std::string& what, const test::Event& event);

  mutable std::mutex mutex_;
  std::unordered_map<std::uint64_t, std::size_t> seen_;  // a hash of each event's text
  std::map<std::string, Repo> repos_;
  Count count_;
  std::string violation_;
};

}  // namespace tap::crash
