// SPDX-License-Identifier: MIT
#pragma once

#include "store/check/rule.hpp"
#include "store/check/snapshot.hpp"
#include "store/engine.hpp"

#include <unordered_map>

namespace tap::store::check {

/// The last rev that the journal has for a repo, of those with commits that are not folded.
using UnfoldedRevs = std::unordered_map<RepoId, atproto::Tid>;

/// What holds of the journal, seen row by row in the order of ids.
class JournalRules {
 public:
  explicit JournalRules(const Counters& counters) : counters_(counters) {}
  void see(const Row& row);
  /// A row of the table of acks.
  void see_acks(const Row& row);

  [[nodiscard]] const UnfoldedRevs& unfolded() const { return unfolded_; }
  void report(std::vector<Check>& out) const;

 private:
  void see_extent(const Row& row);
  void see_events(const Row& row);
  void see_changes(const Row& row);
  void see_change(const std::string& row_name, bool is_folded, const AdvanceHead& change);
  void see_marks(const Row& row);

  Counters counters_;
  std::uint64_t end_ = 1;  // of the rows so far: the next one may begin here
  UnfoldedRevs unfolded_;
  Rule journal_{"journal",
                "rows have ids of their own below the next free one, and the mark of the fold lies between rows"};
  Rule events_{"events", "a row holds as many events as it says, each well-formed and in its lane"};
  Rule changes_{"changes", "commits can be read, name repos that were added, and no rev goes back"};
  Rule acks_{"acks", "marks lie within their row and are counted right; a row without an event left is gone"};
};

}  // namespace tap::store::check
