// SPDX-License-Identifier: MIT
#pragma once

#include "tap/repos/state.hpp"

#include "store/stored.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

namespace tap::store::original {

using repos::RepoId;

/// Rows of a database that the original Tap made (protocol 11.12), as they stand there. Views are valid while the row
/// is visited; nothing in them is to be believed.
struct RepoRow {
  std::string_view did, state, status, handle, rev, prev_data, error;
  std::int64_t retries = 0;
  std::int64_t retry_after = 0;  ///< Unix seconds
};
struct RecordRow {
  std::string_view did, collection, rkey, cid;
  std::optional<RepoId> repo = {};  ///< ours, when the DID was taken over
  std::optional<repos::Head> head = {};
};
/// A commit that waits for the end of a resync; only those of repos that we hold for active.
struct HeldCommit {
  RepoId repo{};
  std::optional<atproto::Tid> head = {};  ///< of the repo
  std::string_view beginning;             ///< of its JSON, kHeldBytes at most: DID and rev stand there
};
struct EventRow {
  std::int64_t id = 0;
  bool live = false;
  std::string_view did, data;
};

/// How far the original's event ids went.
struct EventIds {
  std::int64_t left = 0;                   ///< the highest that is still there; 0: none
  std::optional<std::int64_t> given = {};  ///< the highest ever given, where the engine knows it
};

/// So much of a commit is read.
constexpr int kHeldBytes = 500;

// From a row of either engine's answer; our own columns were written in the same transaction.

/// Of the columns DID, state, status, handle, rev, prev_data, error_msg, retry_count, retry_after.
template <class Row>
[[nodiscard]] RepoRow read_repo(const Row& row) {
  return {.did = row.text(0),
          .state = row.text(1),
          .status = row.text(2),
          .handle = row.text(3),
          .rev = row.text(4),
          .prev_data = row.text(5),
          .error = row.text(6),
          .retries = row.integer(7),
          .retry_after = row.integer(8)};
}
/// Of the columns DID, collection, rkey, CID, and our id, rev and data, or NULL.
template <class Row>
[[nodiscard]] RecordRow read_record(const Row& row) {
  RecordRow out{.did = row.text(0), .collection = row.text(1), .rkey = row.text(2), .cid = row.text(3)};
  if (!row.is_null(4)) out.repo = RepoId{row.number(4)};
  if (row.is_null(5)) return out;
  if (const auto data = StoredCid::read(row.blob(6))) out.head = repos::Head{atproto::Tid(row.number(5)), *data, 0};
  return out;
}
/// Of the columns id and rev of ours, and the commit.
template <class Row>
[[nodiscard]] HeldCommit read_held_commit(const Row& row) {
  HeldCommit out{.repo = RepoId{row.number(0)}, .beginning = row.text(2)};
  if (!row.is_null(1)) out.head = atproto::Tid(row.number(1));
  return out;
}

/// Of the columns id, DID, live, data.
template <class Row>
[[nodiscard]] EventRow read_event(const Row& row) {
  return {.id = row.integer(0), .live = row.integer(2) != 0, .did = row.text(1), .data = row.text(3)};
}

/// What is needed to read it: the original adds what is missing when it starts, so a database without is an older
/// one's.
constexpr std::array<std::pair<std::string_view, std::string_view>, 27> kColumns = {{
    {"repos", "did"},
    {"repos", "state"},
    {"repos", "status"},
    {"repos", "handle"},
    {"repos", "rev"},
    {"repos", "prev_data"},
    {"repos", "error_msg"},
    {"repos", "retry_count"},
    {"repos", "retry_after"},
    {"outbox_buffers", "id"},
    {"outbox_buffers", "did"},
    {"outbox_buffers", "live"},
    {"outbox_buffers", "data"},
    {"resync_buffers", "id"},
    {"resync_buffers", "did"},
    {"resync_buffers", "data"},
    {"repo_records", "did"},
    {"repo_records", "collection"},
    {"repo_records", "rkey"},
    {"repo_records", "cid"},
    {"firehose_cursors", "url"},
    {"firehose_cursors", "cursor"},
    {"list_repos_cursors", "url"},
    {"list_repos_cursors", "cursor"},
    {"collection_cursors", "url"},
    {"collection_cursors", "collection"},
    {"collection_cursors", "cursor"},
}};

constexpr const char* kSetAside =
    "ALTER TABLE repos RENAME TO original_repos;"
    "ALTER TABLE repo_records RENAME TO original_repo_records;"
    "ALTER TABLE outbox_buffers RENAME TO original_outbox_buffers;"
    "ALTER TABLE resync_buffers RENAME TO original_resync_buffers;"
    "ALTER TABLE firehose_cursors RENAME TO original_firehose_cursors;"
    "ALTER TABLE list_repos_cursors RENAME TO original_list_repos_cursors;"
    "ALTER TABLE collection_cursors RENAME TO original_collection_cursors;";
/// At its start the original changes the types of what it finds under the name repos. It cannot do that to a table that
/// a view needs, and gives up before it has changed anything.
constexpr const char* kGuard = "CREATE VIEW original_guard AS SELECT did, state FROM repos";

}  // namespace tap::store::original
