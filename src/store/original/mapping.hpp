// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/clock.hpp"
#include "tap/store/types.hpp"

#include "store/original/rows.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace tap::store::original {

/// What the original's rows are with us. Pure. A flaw is what was wrong with a row, as a literal for a person; empty
/// when nothing was.

struct Repo {
  atproto::Did did;
  repos::State state = repos::State::pending;
  repos::Account account = repos::Account::active;
  std::optional<repos::Head> head = {};  ///< without its count of records
  std::string handle = {};
  bool handle_due = true;
  std::string error = {};
  std::uint32_t retries = 0;
  std::int64_t retry_after = 0;
  std::string_view flaw = {};  ///< then it is to be fetched
};
/// Empty when its DID is none: then there is nothing to fetch.
[[nodiscard]] std::optional<Repo> map_repo(const RepoRow& row, WallTime now);

struct Record {
  RecordChange change;
  std::string_view flaw = {};  ///< then its content is unknown_content()
};
/// Empty when it names no path.
[[nodiscard]] std::optional<Record> map_record(const RecordRow& row);

/// Stands for the content of a record that consumers may not have been told of: no record has it, so a fetch tells of
/// it again, as an update or a delete.
[[nodiscard]] const atproto::Cid& unknown_content();

/// Whether it may hold something that its repo lacks.
[[nodiscard]] bool is_news(const HeldCommit& commit);

struct Event {
  outbox::EventId id{};
  outbox::Draft draft = {};
  std::string_view flaw = {};  ///< then it cannot be delivered; id and draft mean nothing
};
[[nodiscard]] Event map_event(const EventRow& row);

/// The first id for events of ours. Where it is not known how far the original got it lies far above what is left: a
/// consumer may still hold acks for ids that no row shows any more.
[[nodiscard]] outbox::EventId first_free(const EventIds& ids);

/// Which record an event that cannot be delivered told of, as far as that can be read.
[[nodiscard]] std::optional<RecordChange> record_of(const EventRow& row);

}  // namespace tap::store::original
