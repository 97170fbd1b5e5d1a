// SPDX-License-Identifier: MIT
#pragma once

#include "tap/store/types.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tap::store {

/// Read-only queries, on a connection of its own or on the writer's between transactions; one thread at a time. They
/// see what is committed.
class Queries {
 public:
  virtual ~Queries() = default;
  /// Handle, error and retry state; empty when the repo is gone.
  [[nodiscard]] virtual Result<std::optional<RepoDetails>> details(RepoId id) = 0;
  /// The record index, folded part only (see Writer::fold): collections that have records, sorted.
  [[nodiscard]] virtual Result<std::vector<std::string>> collections(RepoId id) = 0;
  /// Records of a collection with rkey > after, in byte order of rkey, at most max.
  [[nodiscard]] virtual Result<std::vector<Record>> records(RepoId id, const std::string& collection,
                                                            const std::string& after, std::size_t max) = 0;
  /// Buffered commits in the order they came, row > after. A page ends early when it is large (8 MiB); an empty one is
  /// the end.
  [[nodiscard]] virtual Result<std::vector<BufferedCommit>> buffered(RepoId id, std::int64_t after,
                                                                     std::size_t max) = 0;
  [[nodiscard]] virtual Result<std::uint64_t> buffered_count() = 0;
  [[nodiscard]] virtual Result<std::string> cursor(const std::string& kind,
                                                   const std::string& key) = 0;  ///< "" when none
  /// Undelivered events with id > after, in id order. A page ends early when it is large (8 MiB); an empty one is the
  /// end.
  [[nodiscard]] virtual Result<std::vector<outbox::Event>> events(outbox::EventId after, std::size_t max) = 0;
  /// The same of one lane, first <= id <= last; a page ends, too, when much had to be looked at.
  [[nodiscard]] virtual Result<outbox::LanePage> lane_events(outbox::LaneKey lane, outbox::EventId first,
                                                             outbox::EventId last, std::size_t max) = 0;
  /// Dead letters with id > after, of one DID or, when it is empty, of all, in id order. Pages end as those of
  /// events().
  [[nodiscard]] virtual Result<std::vector<outbox::DeadLetter>> dead_letters(const std::string& did,
                                                                             outbox::EventId after,
                                                                             std::size_t max) = 0;
};

struct FoldOptions {
  std::size_t commits = 100'000;  ///< of repos: fold when so many have gathered
  std::chrono::milliseconds age{5'000};
};

/// One database: SQLite or PostgreSQL. Both engines pass one contract suite. The writing side is one thread's; what a
/// transaction dirties, not its bytes, is what it costs, so live commits are appended to a journal and folded into the
/// tables in the background, sorted and in bulk.
class Store {
 public:
  virtual ~Store() = default;

  /// Every repo, unfolded commits applied. Called once, before anything else.
  [[nodiscard]] virtual Result<void> load_repos(const std::function<void(const RepoRow&)>& sink) = 0;
  /// The highest id that was ever added, also when that repo is gone: ids above it are free.
  [[nodiscard]] virtual Result<RepoId> last_repo() = 0;
  /// Durable events that are not acked; a scan of the journal.
  [[nodiscard]] virtual Result<std::uint64_t> undelivered() = 0;

  /// All writes and acks in one transaction, or none of them. Events get consecutive ids in order, never used before;
  /// the first id is the answer (or the next free one when there are no events). Unknown and repeated acks are
  /// harmless.
  [[nodiscard]] virtual Result<outbox::EventId> apply(std::span<const Write> writes,
                                                      std::span<const outbox::EventId> acked) = 0;

  /// Applies journaled commits to the tables, and deletes journal rows that are folded and wholly acked. Everything
  /// that was journaled before the call, however long it takes.
  [[nodiscard]] virtual Result<void> fold() = 0;
  /// The same in steps of about `max` record changes, each a transaction, so that commits can go between. folded()
  /// moves at the end of a round.
  [[nodiscard]] virtual Result<void> fold_slice(std::size_t max) = 0;
  /// What was journaled before this event is folded; equal to next_event() when everything is.
  [[nodiscard]] virtual outbox::EventId folded() const = 0;
  [[nodiscard]] virtual outbox::EventId next_event() const = 0;
  /// Commits journaled and not folded.
  [[nodiscard]] virtual std::size_t unfolded() const = 0;
  /// Whether some of them may be this repo's.
  [[nodiscard]] virtual bool has_unfolded(RepoId id) const = 0;

  [[nodiscard]] virtual std::uint64_t dead_letters() const = 0;

  /// Deletes some of the journal rows that are folded and wholly acked, and shrinks such as nearly are; true when there
  /// may be more.
  [[nodiscard]] virtual Result<bool> sweep() = 0;
  /// Gives some free space back to the file system when there is much; true when it did and there may be more.
  [[nodiscard]] virtual Result<bool> vacuum() = 0;
  /// Size of the write-ahead log after the last transaction; 0 when the engine minds it itself.
  [[nodiscard]] virtual std::uint64_t log_bytes() const = 0;
  /// Copies the write-ahead log into the database, as far as it goes without waiting for anybody. On any thread, but
  /// only one at a time. A log that is wholly copied is written anew from its beginning.
  [[nodiscard]] virtual Result<void> checkpoint() = 0;

  [[nodiscard]] virtual Result<std::unique_ptr<Queries>> queries() = 0;

  /// On any thread: the process is about to end, so apply() no longer waits to learn what became of a transaction when
  /// the server was lost in the middle of it, nor longer than StoreOptions::server_silence for one that is silent; it
  /// fails. The next start reads how it ended.
  virtual void stop_waiting() {}
};

/// A cursor in a database that the original Tap made.
struct OriginalCursor {
  std::string_view kind;  ///< as SaveCursor has it
  std::string_view url;   ///< of the relay, as it was written in the settings
  std::string_view collection = {};
  std::string value;
};
/// Under which name we keep it; empty when the URL is none.
using CursorNames = std::function<std::optional<SaveCursor>(const OriginalCursor&)>;

struct StoreOptions {
  /// To a server, 1 at least: one writes, and also reads when there is no other; from 3 on one vacuums; others read.
  std::size_t max_connections = 32;
  CursorNames cursor_names = {};  ///< for a database of the original; without, cursors stay behind
  /// Of a server, in the middle of its work: then it is asked whether it is there at all, and given up if it is not.
  std::chrono::milliseconds server_silence{10'000};
};

/// By URL: sqlite://relative, sqlite:///absolute, or a bare path; postgres:// and postgresql:// as libpq understands
/// them. Creates and migrates; in PostgreSQL in the first schema of the search path. A database that the original Tap
/// made is imported, in one transaction; its tables stay under the prefix `original_`. Errc::busy when another process
/// has it. Queries must be gone before their store.
[[nodiscard]] Result<std::unique_ptr<Store>> open_store(const std::string& url, const StoreOptions& options = {});

/// Whether the URL names a database server, so that nothing of it is a path.
[[nodiscard]] bool is_server_url(std::string_view url);

}  // namespace tap::store
