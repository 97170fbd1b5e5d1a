// SPDX-License-Identifier: MIT
#include "store/check/table_rules.hpp"

#include "tap/base/text.hpp"

#include "store/check/event_rule.hpp"
#include "store/stored.hpp"

#include <limits>

namespace tap::store::check {
namespace {

constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();

/// Looks at every row of a table; `judge` says with Rule::broken what is wrong with it.
template <class Judge>
Result<void> look_at(Snapshot& snapshot, Table table, Rule& rule, Judge judge) {
  return snapshot.each(table, [&](const Row& row) {
    rule.saw_row();
    judge(row);
  });
}

std::string number_in(const Row& row, int column) { return std::to_string(row.integer(column)); }

bool is_known(std::string_view kind) {
  return kind == "firehose" || kind == "recheck" || kind == "list_repos" || kind == "collection";
}

}  // namespace

Result<Counters> check_counters(Snapshot& snapshot, std::vector<Check>& out) {
  Rule rule("counters", "the next event, the mark of the fold and the last repo are there, and the mark is not ahead");
  // What is missing is taken for the highest, so that it is said once.
  Counters counters{.next_event = outbox::EventId{kMost}, .folded = outbox::EventId{kMost}, .last_repo = RepoId{kMost}};
  auto done = look_at(snapshot, Table::counters, rule, [&](const Row& row) {
    const auto take = [&](int column, std::string_view name, std::int64_t least, auto& counter) {
      if (row.is_null(column) || row.integer(column) < least) {
        rule.broken(std::string(name) + (row.is_null(column) ? " is missing" : " is " + number_in(row, column)));
      } else {
        counter = std::remove_reference_t<decltype(counter)>{row.number(column)};
      }
    };
    take(0, "the next event", 1, counters.next_event);
    take(1, "the mark of the fold", 1, counters.folded);
    take(2, "the last repo", 0, counters.last_repo);
    if (!row.is_null(0) && !row.is_null(1) && row.integer(1) > row.integer(0)) {
      rule.broken("the mark of the fold, " + number_in(row, 1) + ", is ahead of the next event, " + number_in(row, 0));
    }
  });
  if (!done) return std::unexpected(done.error());
  if (rule.check().rows == 0) rule.broken("all of them are missing");
  out.push_back(rule.check());
  return counters;
}

Result<void> check_repos(Snapshot& snapshot, const Counters& counters, const UnfoldedRevs& unfolded,
                         std::vector<Check>& out) {
  Rule rule("repos",
            "a repo can be read, its id was given out, it has a head if it is active, and none newer than its journal");
  Rule counts = Rule::hint(
      "counts", "an active repo counts the records that it has; where the collection filters were changed it may not");
  auto done = look_at(snapshot, Table::repos, rule, [&](const Row& row) {
    const std::string name = "repo " + number_in(row, 0);
    const auto read = read_repo(row);
    if (!read) return rule.broken(name + ": " + read.error().detail());
    const auto& [state, account, head] = read->repo;
    if (row.integer(0) < 1 || read->id > counters.last_repo) rule.broken(name + " has an id still to be given out");
    if (state == repos::State::resyncing) rule.broken(name + " is being fetched, which is not for the database to say");
    if (state == repos::State::active && !head) rule.broken(name + " is active and has no head");
    if (row.is_null(4) != row.is_null(5)) rule.broken(name + " has half a head");
    if (row.integer(6) < 0 || row.integer(9) < 0 || row.integer(10) < 0) rule.broken(name + " counts below 0");
    if (!row.text(8).empty() && !atproto::is_handle(row.text(8))) rule.broken(name + " has a handle that is none");
    const auto journaled = unfolded.find(read->id);
    if (journaled != unfolded.end()) {
      if (head && head->rev > journaled->second) rule.broken(name + " is ahead of the journal");
    } else if (state == repos::State::active && head) {
      counts.saw_row();
      if (row.integer(6) != row.integer(11)) {
        counts.broken(name + " counts " + number_in(row, 6) + " and has " + number_in(row, 11));
      }
    }
  });
  out.push_back(rule.check());
  out.push_back(counts.check());
  return done;
}

Result<void> check_collections(Snapshot& snapshot, std::vector<Check>& out) {
  Rule rule("collections", "each is an NSID");
  auto done = look_at(snapshot, Table::collections, rule, [&](const Row& row) {
    if (!atproto::is_nsid(row.text(1))) {
      rule.broken("collection " + number_in(row, 0) + ": " + std::string(row.text(1)));
    }
  });
  out.push_back(rule.check());
  return done;
}

Result<void> check_records(Snapshot& snapshot, std::vector<Check>& out) {
  Rule rule("records", "each is of a repo and a collection that are there, under a record key, with a CID");
  auto done = look_at(snapshot, Table::records, rule, [&](const Row& row) {
    const auto rkey = row.record_key(2);
    const auto name = [&] {
      return "repo " + number_in(row, 0) + ", collection " + number_in(row, 1) + ", record " + rkey.value_or("?");
    };
    if (!rkey || !atproto::is_rkey(*rkey)) rule.broken(name() + ": no record key");
    if (!StoredCid::read(row.blob(3))) rule.broken(name() + ": no CID");
    if (row.integer(4) == 0) rule.broken(name() + ": no such repo");
    if (row.integer(5) == 0) rule.broken(name() + ": no such collection");
  });
  out.push_back(rule.check());
  return done;
}

Result<void> check_buffered(Snapshot& snapshot, std::vector<Check>& out) {
  Rule rule("buffered", "a commit that waits for a fetch is of a repo that is to be fetched");
  auto done = look_at(snapshot, Table::buffered, rule, [&](const Row& row) {
    const std::string name = "commit " + number_in(row, 0) + " of repo " + number_in(row, 1);
    if (row.is_null(4)) return rule.broken(name + ": no such repo");
    if (row.integer(4) == static_cast<std::int64_t>(repos::State::active)) rule.broken(name + ", which is active");
    if (row.integer(3) == 0) rule.broken(name + " is empty");
  });
  out.push_back(rule.check());
  return done;
}

Result<void> check_cursors(Snapshot& snapshot, std::vector<Check>& out) {
  Rule rule("cursors", "each is of a known kind; that of a firehose is a number");
  auto done = look_at(snapshot, Table::cursors, rule, [&](const Row& row) {
    const std::string name = std::string(row.text(0)) + " " + std::string(row.text(1));
    if (!is_known(row.text(0))) rule.broken(name + ": no known kind");
    if (row.text(0) == "firehose" && parse_decimal<std::int64_t>(row.text(2)).value_or(-1) < 0) {
      rule.broken(name + ": no number: " + std::string(row.text(2)));
    }
  });
  out.push_back(rule.check());
  return done;
}

Result<void> check_dead_letters(Snapshot& snapshot, const Counters& counters, std::vector<Check>& out) {
  Rule rule("dead letters", "an event set aside had an id, is well-formed, and does not wait in the journal as well");
  auto done = look_at(snapshot, Table::dead_letters, rule, [&](const Row& row) {
    const outbox::DeadLetter letter = read_letter(row);
    const std::string name = "event " + number_in(row, 0);
    if (row.integer(0) < 1 || letter.event.id >= counters.next_event) rule.broken(name + " is still to be given out");
    const std::string_view fault = fault_of(letter.event.lane, letter.event.order, letter.event.body);
    if (!fault.empty()) rule.broken(name + " " + std::string(fault));
    if (outbox::subject_of(letter.event.body).did != letter.did) rule.broken(name + " is filed under another DID");
    if (row.integer(4) < 0) rule.broken(name + " was tried less than never");
    if (row.is_null(8)) return;
    const std::uint64_t place = row.number(0) - row.number(8);
    if (place < row.number(9) && !Marks(row.blob(10)).has(place)) rule.broken(name + " waits in the journal as well");
  });
  out.push_back(rule.check());
  return done;
}

Result<void> check_sequences(Snapshot& snapshot, std::vector<Check>& out) {
  Rule rule("sequences", "numbers that the engine gives out are above those in use");
  auto done = look_at(snapshot, Table::sequences, rule, [&](const Row& row) {
    if (row.is_null(2) || (!row.is_null(1) && row.integer(1) >= row.integer(2))) return;
    rule.broken(std::string(row.text(0)) + ": " + (row.is_null(1) ? "none" : number_in(row, 1)) + " was given out, " +
                number_in(row, 2) + " is in use");
  });
  out.push_back(rule.check());
  return done;
}

}  // namespace tap::store::check
