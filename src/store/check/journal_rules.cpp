// SPDX-License-Identifier: MIT
#include "store/check/journal_rules.hpp"

#include "store/check/event_rule.hpp"

#include <algorithm>

namespace tap::store::check {
namespace {

std::string name_of(const Row& row) { return "row " + std::to_string(row.integer(0)); }

std::string print(std::uint64_t number) { return std::to_string(number); }

}  // namespace

void JournalRules::see(const Row& row) {
  journal_.saw_row();
  if (row.integer(0) < 1 || row.integer(1) < 0) {
    journal_.broken(name_of(row) + " of " + std::to_string(row.integer(1)) + " events");
    return;
  }
  see_extent(row);
  see_events(row);
  see_changes(row);
  if (!row.is_null(4)) see_marks(row);
}

void JournalRules::see_extent(const Row& row) {
  const std::uint64_t first = row.number(0);
  const std::uint64_t end = first + std::max<std::uint64_t>(row.number(1), 1);
  const auto folded = static_cast<std::uint64_t>(counters_.folded);
  if (first < end_) journal_.broken(name_of(row) + " begins before " + print(end_) + ", where the one before it ends");
  if (end > static_cast<std::uint64_t>(counters_.next_event)) {
    journal_.broken(name_of(row) + " reaches to " + print(end - 1) + ", which is still to be given out");
  }
  if (first < folded && folded < end) {
    journal_.broken(name_of(row) + " is cut by the mark of the fold, " + print(folded));
  }
  if (row.blob(2).empty() && row.number(1) == 0) journal_.broken(name_of(row) + " holds nothing");
  end_ = std::max(end_, end);
}

void JournalRules::see_events(const Row& row) {
  EventReader reader(row.blob(3));
  for (std::uint64_t at = 0;; ++at) {
    const auto item = reader.next();
    if (!item) return events_.broken(name_of(row) + ": what follows " + print(at) + " events cannot be read");
    if (!*item) {
      if (at != row.number(1)) events_.broken(name_of(row) + " says " + print(row.number(1)) + " and has " + print(at));
      return;
    }
    events_.saw_row();
    const std::string_view fault = fault_of((*item)->lane, (*item)->order, (*item)->body);
    if (!fault.empty()) events_.broken("event " + print(row.number(0) + at) + " " + std::string(fault));
  }
}

void JournalRules::see_changes(const Row& row) {
  std::vector<AdvanceHead> changes;
  if (auto read = read_changes(row.blob(2), changes); !read) {
    changes_.broken(name_of(row) + " cannot be read");
    return;
  }
  const bool is_folded = row.number(0) < static_cast<std::uint64_t>(counters_.folded);
  for (const AdvanceHead& change : changes) see_change(name_of(row), is_folded, change);
}

void JournalRules::see_change(const std::string& row_name, bool is_folded, const AdvanceHead& change) {
  changes_.saw_row();
  const std::string repo = row_name + ", repo " + print(static_cast<std::uint64_t>(change.id));
  if (change.id == RepoId{} || change.id > counters_.last_repo) changes_.broken(repo + " was never added");
  for (const RecordChange& record : change.changes) {
    if (!atproto::is_nsid(record.collection) || !atproto::is_rkey(record.rkey)) {
      changes_.broken(repo + ": no name of a record: " + record.collection + "/" + record.rkey);
    }
  }
  if (is_folded) return;
  const auto [last, is_first] = unfolded_.try_emplace(change.id, change.head.rev);
  if (is_first) return;
  if (change.head.rev <= last->second) {
    changes_.broken(repo + ": rev " + change.head.rev.str() + " behind " + last->second.str());
  }
  last->second = change.head.rev;
}

void JournalRules::see_marks(const Row& row) {
  const std::uint64_t count = row.number(1);
  const Marks marks(row.blob(5));
  std::uint64_t within = 0;
  std::uint64_t beyond = 0;
  for (std::uint64_t at = 0; at < marks.bytes().size() * 8; ++at) {
    if (marks.has(at)) ++(at < count ? within : beyond);
  }
  if (beyond > 0) acks_.broken(name_of(row) + " has " + print(beyond) + " marks beyond its events");
  if (row.number(4) != within) {
    acks_.broken(name_of(row) + " says " + std::to_string(row.integer(4)) + " and has " + print(within));
  }
  if (within == count && row.blob(2).empty()) acks_.broken(name_of(row) + " has no event left and is there");
}

void JournalRules::see_acks(const Row& row) {
  acks_.saw_row();
  if (row.integer(1) == 0) acks_.broken(name_of(row) + " has acks and is not there");
}

void JournalRules::report(std::vector<Check>& out) const {
  for (const Rule* rule : {&journal_, &events_, &changes_, &acks_}) out.push_back(rule->check());
}

}  // namespace tap::store::check
