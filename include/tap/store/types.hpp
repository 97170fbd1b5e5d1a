// SPDX-License-Identifier: MIT
#pragma once

#include "tap/atproto/cid.hpp"
#include "tap/atproto/identifiers.hpp"
#include "tap/base/bytes.hpp"
#include "tap/outbox/event.hpp"
#include "tap/repos/state.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace tap::store {

using repos::RepoId;

enum class Errc {
  open_failed = 1,  ///< the database cannot be opened or created
  newer_schema,     ///< written by a newer version of Tap
  older_schema,     ///< written by an older one, or empty; a start would bring it up to date
  foreign_schema,   ///< a database of something else
  busy,             ///< another process holds it
  full,             ///< no space on the device
  read_only,
  corrupt,
  failed,       ///< anything else the engine says: the detail tells
  closed,       ///< the writer has stopped
  unavailable,  ///< the server cannot be reached at the moment
  superseded,   ///< not as this process left it: nothing can be written any more, only a new start helps
};
[[nodiscard]] std::error_code make_error_code(Errc code);

/// A record's place and content; cid empty means deleted.
struct RecordChange {
  std::string collection, rkey;
  std::optional<atproto::Cid> cid;
};

// The closed set of changes. Each names a RepoId; a change for a removed repo does nothing.

struct AddRepo {  ///< insert-or-ignore by DID, state pending
  RepoId id{};
  atproto::Did did;
};
struct RemoveRepo {  ///< the repo, its records and buffered commits; its events stay
  RepoId id{};
};
/// One accepted live commit: journaled, folded into the tables later.
struct AdvanceHead {
  RepoId id{};
  repos::Head head;
  std::vector<RecordChange> changes;
};
struct SetState {
  RepoId id{};
  repos::State state{};  ///< never resyncing
  std::string error;
  std::uint32_t retries = 0;
  std::int64_t retry_after = 0;  ///< Unix seconds, 0: at once
};
struct SetAccount {
  RepoId id{};
  repos::Account account{};
};
/// The handle is to be verified, now or after a restart; so it is for a repo that is added.
struct ExpectHandle {
  RepoId id{};
};
struct SetHandle {  ///< verified: no longer expected
  RepoId id{};
  std::string handle;
};
/// A batch of a resync: into the record index directly. Unfolded commits, of this repo if any, are folded first in the
/// same transaction, which stalls it: ask Writer::fold before.
struct PutRecords {
  RepoId id{};
  std::vector<RecordChange> changes;
};
/// The end of a resync: head, written directly, like PutRecords.
struct SetHead {
  RepoId id{};
  repos::Head head;
};
/// A live commit that came while its repo was being fetched: bytes as ledger::pack_buffered makes them.
struct BufferCommit {
  RepoId id{};
  atproto::Tid rev;
  Bytes commit;
};
struct DropBuffered {  ///< all of the repo's with rev <= up_to
  RepoId id{};
  atproto::Tid up_to{~std::uint64_t{0}};
};
/// The letter's event leaves the journal. Set aside before: nothing happens.
struct SetAside {
  outbox::DeadLetter letter;
};
/// Unknown ids are harmless.
struct DropDeadLetters {
  std::vector<outbox::EventId> ids;
};
struct SaveCursor {
  std::string kind, key, value;  ///< kind: firehose, list_repos, collection
};

using Mutation = std::variant<AddRepo, RemoveRepo, AdvanceHead, SetState, SetAccount, ExpectHandle, SetHandle,
                              PutRecords, SetHead, BufferCommit, DropBuffered, SetAside, DropDeadLetters, SaveCursor>;

/// What must become durable together, with the events that tell of it. Mutations apply in order.
struct Write {
  std::vector<Mutation> mutations;
  std::vector<outbox::Draft> events;
};

struct RepoRow {
  RepoId id{};
  atproto::Did did;
  repos::Repo repo;
  bool handle_due = false;  ///< expected (ExpectHandle)
};
struct RepoDetails {
  std::string handle, error;
  std::uint32_t retries = 0;
  std::int64_t retry_after = 0;
  bool handle_due = false;  ///< expected (ExpectHandle)
};
struct Record {
  std::string rkey;
  atproto::Cid cid;
};
struct BufferedCommit {
  std::int64_t row = 0;
  atproto::Tid rev;
  Bytes commit;
};

}  // namespace tap::store

template <>
struct std::is_error_code_enum<tap::store::Errc> : std::true_type {};
