// SPDX-License-Identifier: MIT
#pragma once

#include "store/sqlite/database.hpp"

#include <cstdint>
#include <span>

namespace tap::store::sqlite {

/// The table dead_letters. Changes run inside the caller's transaction and say how many rows they were.
class DeadLetterTable {
 public:
  explicit DeadLetterTable(Database& database) : database_(database) {}

  [[nodiscard]] Result<std::uint64_t> add(const outbox::DeadLetter& letter);
  [[nodiscard]] Result<std::uint64_t> drop(std::span<const outbox::EventId> ids);
  [[nodiscard]] Result<std::uint64_t> count();

 private:
  Database& database_;
};

}  // namespace tap::store::sqlite
