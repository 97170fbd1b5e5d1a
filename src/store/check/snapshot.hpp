// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/bytes.hpp"
#include "tap/base/result.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace tap::store::check {

/// What an engine gives to be checked: columns in this order, rows by their first column.
enum class Table : std::uint8_t {
  counters,      ///< next event, folded, last repo; NULL where one is missing
  journal,       ///< id, count, changes, events, acked, marks; the last two NULL without acks
  acks,          ///< id, whether the journal has the row
  repos,         ///< as read_repo() wants them, then: handle, retries, retry after, number of its records
  collections,   ///< id, NSID
  records,       ///< repo, collection, record key (see record_key), CID, whether there is such a repo, and collection
  buffered,      ///< id, repo, rev, size of the body, state of the repo, NULL when there is none
  cursors,       ///< kind, key, value
  dead_letters,  ///< as read_letter() wants them, then: the journal's row around its id, its count and marks, or NULL
  sequences,     ///< name, last number given out, highest number in use; NULL for none
};

/// A row of either engine's answer. Views are valid until the next row.
class Row {
 public:
  virtual ~Row() = default;
  [[nodiscard]] virtual bool is_null(int column) const = 0;
  [[nodiscard]] virtual std::int64_t integer(int column) const = 0;
  [[nodiscard]] virtual ByteView blob(int column) const = 0;
  /// The record key that stands there; none when the engine does not store one like that.
  [[nodiscard]] virtual std::optional<std::string> record_key(int column) const = 0;

  [[nodiscard]] std::uint64_t number(int column) const { return static_cast<std::uint64_t>(integer(column)); }
  [[nodiscard]] std::string_view text(int column) const { return as_text(blob(column)); }
};

/// One state of a database, however long it is looked at, and whatever others write meanwhile.
class Snapshot {
 public:
  using Visitor = std::function<void(const Row&)>;
  virtual ~Snapshot() = default;
  /// Row by row, whatever the size of the table.
  [[nodiscard]] virtual Result<void> each(Table table, const Visitor& visit) = 0;
  /// What the engine itself finds wrong with its pages and indexes, a line each. False where it does not look.
  [[nodiscard]] virtual Result<bool> each_damage(const std::function<void(std::string_view)>& visit) = 0;
};

/// Of a schema that is only read, so not migrated: older_schema or newer_schema, unless it is the newest.
[[nodiscard]] Result<void> require_newest(std::int64_t version, std::size_t newest);

}  // namespace tap::store::check
