// SPDX-License-Identifier: MIT
#include "store/original/import.hpp"

#include "tap/base/log.hpp"
#include "tap/base/text.hpp"

#include "store/original/mapping.hpp"

#include <algorithm>
#include <map>
#include <unordered_set>

namespace tap::store::original {
namespace {

using namespace std::chrono_literals;
constexpr log::Logger kLog("store");
constexpr std::size_t kFlawsTold = 10;
constexpr auto kProgressEvery = 5s;
constexpr std::size_t kRowsBetweenLooks = 1'000;
/// Of records, and of bytes of events, that are written at once.
constexpr std::size_t kBatchRecords = 2'000;
constexpr std::size_t kBatchBytes = std::size_t{1} << 20;

class Import {
 public:
  Import(Port& port, const CursorNames& names, const Clock& clock)
      : port_(port), names_(names), clock_(clock), began_(clock.steady()), told_(began_) {}

  Result<void> run() {
    kLog.info("importing the database of the original Tap");
    auto done = take_repos();
    if (done) done = take_records();
    if (done) done = take_held_commits();
    if (done) done = take_events();
    if (done) done = take_cursors();
    if (done) done = port_.save(counters_);
    if (!done) return done;
    const auto took = std::chrono::duration<double>(clock_.steady() - began_);
    kLog.info("imported the database of the original Tap",
              {{"repos", static_cast<std::uint64_t>(counters_.last_repo)},
               {"records", records_},
               {"undelivered", events_},
               {"cursors", cursors_.size()},
               {"next_event", static_cast<std::uint64_t>(counters_.next_event)},
               {"flawed", flawed_},
               {"orphans", orphans_},
               {"to_fetch_again", doubted_.size()},
               {"seconds", took.count()}});
    return {};
  }

 private:
  // Repos: numbered in the order of their DIDs, which is that of their records.

  Result<void> take_repos() {
    return port_.each_repo([this](const RepoRow& row) -> Result<void> {
      count("repos");
      const auto repo = map_repo(row, clock_.wall());
      if (!repo) {
        tell_flaw("repos", row.did, "its DID is malformed");
        return {};
      }
      const RepoId id{static_cast<std::uint64_t>(counters_.last_repo) + 1};
      counters_.last_repo = id;
      if (!repo->flaw.empty()) {
        tell_flaw("repos", row.did, repo->flaw);
        doubted_.insert(id);
      }
      return add(id, *repo);
    });
  }

  Result<void> add(RepoId id, const Repo& repo) {
    auto done = port_.apply(AddRepo{id, repo.did});
    if (done) done = port_.apply(SetState{id, repo.state, repo.error, repo.retries, repo.retry_after});
    if (done && repo.account != repos::Account::active) done = port_.apply(SetAccount{id, repo.account});
    if (done && !repo.handle.empty()) done = port_.apply(SetHandle{id, repo.handle});
    if (done && repo.handle_due) done = port_.apply(ExpectHandle{id});
    if (done && repo.head) done = port_.apply(SetHead{id, *repo.head});
    return done;
  }

  // Records.

  Result<void> take_records() {
    auto done = port_.each_record([this](const RecordRow& row) {
      count("records");
      auto taken = take_record(row);
      return taken && in_batch_ >= kBatchRecords ? write_records() : taken;
    });
    return done ? write_records() : done;
  }

  Result<void> take_record(const RecordRow& row) {
    if (!row.repo) {
      ++orphans_;  // of repos that were removed while they were fetched (8.4 item 36)
      return {};
    }
    auto record = map_record(row);
    const std::string_view flaw = record ? record->flaw : "its path is malformed";
    if (!flaw.empty()) {
      tell_flaw("repo_records", row.did, flaw);
      if (auto marked = doubt(*row.repo, "a record could not be read"); !marked) return marked;
    }
    if (!record) return {};

    if (repo_at_hand_ != row.repo) {
      repo_at_hand_ = row.repo;
      records_of_repo_ = 0;
    }
    auto& batch = row.head ? with_head_ : without_head_;
    if (batch.empty() || batch.back().id != *row.repo) {
      batch.push_back({.id = *row.repo, .head = row.head.value_or(repos::Head{}), .changes = {}});
    }
    batch.back().head.records = ++records_of_repo_;
    batch.back().changes.push_back(std::move(record->change));
    ++in_batch_;
    ++records_;
    return {};
  }

  Result<void> write_records() {
    FoldPlan plan;
    plan.add(with_head_);
    plan.finish();
    auto done = port_.fold(plan.repos(), plan.collections());
    for (AdvanceHead& repo : without_head_) {
      if (done) done = port_.apply(PutRecords{repo.id, std::move(repo.changes)});
    }
    with_head_.clear();
    without_head_.clear();
    in_batch_ = 0;
    return done;
  }

  /// Their repos were being fetched: those that are active may have been left without them (8.4 items 37 and 38). All
  /// others are fetched anyway, and that brings what these hold.
  Result<void> take_held_commits() {
    return port_.each_held_commit([this](const HeldCommit& commit) {
      count("buffered commits");
      return is_news(commit) ? doubt(commit.repo, "a commit was held back and not applied") : Result<void>{};
    });
  }

  // Events keep their ids: an ack that is on its way still means the same event.

  Result<void> take_events() {
    auto done = port_.each_event([this](const EventRow& row) -> Result<void> {
      count("events");
      const Event event = map_event(row);
      if (!event.flaw.empty()) {
        tell_flaw("outbox_buffers", row.did, event.flaw);
        return tell_again(row);
      }
      if (event.id != after(first_, in_run_) || run_bytes_ >= kBatchBytes) {
        if (auto written = write_run(); !written) return written;
        first_ = event.id;
      }
      ++in_run_;
      ++events_;
      run_bytes_ += event.draft.body.size();
      run_.add(event.draft);
      return {};
    });
    if (done) done = write_run();
    if (!done) return done;
    auto ids = port_.event_ids();
    if (!ids) return std::unexpected(ids.error());
    counters_.next_event = std::max(counters_.next_event, first_free(*ids));
    counters_.folded = counters_.next_event;
    return {};
  }

  Result<void> write_run() {
    if (run_.empty()) return {};
    counters_.next_event = first_;
    in_run_ = 0;
    run_bytes_ = 0;
    return port_.append(run_, counters_);
  }

  /// What an event that cannot be delivered may have told of: a record, perhaps one that is deleted, or the identity.
  Result<void> tell_again(const EventRow& row) {
    auto id = port_.find(row.did);
    if (!id) return std::unexpected(id.error());
    if (!*id) return {};
    auto done = doubt(**id, "an undelivered event could not be read");
    if (auto record = record_of(row); done && record) return port_.apply(PutRecords{**id, {*std::move(record)}});
    if (!done || !overwritten_.insert(**id).second) return done;
    done = port_.overwrite_records(**id, unknown_content());
    if (done) done = port_.apply(SetHandle{**id, {}});
    return done ? port_.apply(ExpectHandle{**id}) : done;
  }

  // Cursors: several spellings of a URL may have one each.

  Result<void> take_cursors() {
    auto done = port_.each_cursor([this](const OriginalCursor& cursor) -> Result<void> {
      auto named = names_ ? names_(cursor) : std::nullopt;
      if (!named) {
        tell_flaw("cursors", cursor.url, "no relay has such a URL");
        return {};
      }
      const auto [at, is_new] = cursors_.try_emplace({named->kind, named->key}, named->value);
      if (!is_new) at->second = one_of(cursor.kind, at->second, named->value);
      return {};
    });
    for (const auto& [place, value] : cursors_) {
      if (done) done = port_.apply(SaveCursor{place.first, place.second, value});
    }
    return done;
  }

  /// A firehose only goes forward. Where a list stands cannot be compared: it begins anew, which costs nothing but
  /// time.
  static std::string one_of(std::string_view kind, const std::string& a, const std::string& b) {
    if (kind != "firehose") return a == b ? a : std::string();
    return parse_decimal<std::int64_t>(a).value_or(0) < parse_decimal<std::int64_t>(b).value_or(0) ? b : a;
  }

  /// Fetched again, at once.
  Result<void> doubt(RepoId id, std::string_view why) {
    if (!doubted_.insert(id).second) return {};
    return port_.apply(SetState{id, repos::State::desynchronized, "imported: " + std::string(why), 0, 0});
  }

  void tell_flaw(std::string_view table, std::string_view of, std::string_view what) {
    if (++flawed_ > kFlawsTold) return;
    kLog.warn("a row of the original makes no sense", {{"table", table}, {"of", of}, {"error", what}});
  }

  void count(std::string_view what) {
    if (what != counted_) {
      counted_ = what;
      rows_ = 0;
    }
    if (++rows_ % kRowsBetweenLooks != 0 || clock_.steady() < told_ + kProgressEvery) return;
    told_ = clock_.steady();
    kLog.info("importing", {{"what", what}, {"rows", rows_}});
  }

  Port& port_;
  const CursorNames& names_;
  const Clock& clock_;
  SteadyTime began_, told_;
  Counters counters_;

  std::optional<RepoId> repo_at_hand_;
  std::uint64_t records_of_repo_ = 0;
  std::vector<AdvanceHead> with_head_, without_head_;  // the next records to be written
  std::size_t in_batch_ = 0;

  JournalWriter run_;  // events whose ids follow each other, from first_ on
  outbox::EventId first_{};
  std::size_t in_run_ = 0, run_bytes_ = 0;

  std::map<std::pair<std::string, std::string>, std::string> cursors_;
  std::unordered_set<RepoId> doubted_, overwritten_;
  std::uint64_t records_ = 0, events_ = 0, flawed_ = 0, orphans_ = 0;
  std::string_view counted_;
  std::uint64_t rows_ = 0;
};

}  // namespace

Result<void> import_rows(Port& port, const CursorNames& names, const Clock& clock) {
  return Import(port, names, clock).run();
}

}  // namespace tap::store::original
