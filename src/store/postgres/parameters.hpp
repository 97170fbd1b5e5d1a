// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/bytes.hpp"

#include <cstdint>
#include <pqxx/binarystring>
#include <pqxx/connection_base>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace tap::store::postgres {

/// A statement's arguments: integers and enums, text, bytea, and arrays of them. What an array is of stands in the
/// statement, unless a column says it: `$1::bigint[]`, `::text[]`, `::bytea[]`.
template <class T>
concept Integer = std::is_integral_v<T> || std::is_enum_v<T>;
using Integers = std::vector<std::int64_t>;
using Texts = std::vector<std::string_view>;
using Blobs = std::vector<ByteView>;

// As libpqxx passes them on. Integers go as text, so that the server gives them the width it wants; all else goes as
// the protocol's binary format has it, which costs the server half of what text does.
[[nodiscard]] std::string parameter(Integer auto value) { return std::to_string(static_cast<std::int64_t>(value)); }
[[nodiscard]] inline pqxx::binarystring parameter(std::string_view value) { return {value.data(), value.size()}; }
[[nodiscard]] inline pqxx::binarystring parameter(ByteView value) { return parameter(as_text(value)); }
[[nodiscard]] pqxx::binarystring parameter(const Integers& values);
[[nodiscard]] pqxx::binarystring parameter(const Texts& values);
[[nodiscard]] pqxx::binarystring parameter(const Blobs& values);

/// Whether it costs less in the text of a statement than in a message of its own.
[[nodiscard]] bool is_short(Integer auto) { return true; }
[[nodiscard]] bool is_short(std::string_view value);
[[nodiscard]] bool is_short(ByteView value);
[[nodiscard]] bool is_short(const Integers& values);
[[nodiscard]] bool is_short(const Texts& values);
[[nodiscard]] bool is_short(const Blobs& values);

// What is short as a literal of SQL.
[[nodiscard]] std::string literal(pqxx::connection_base&, Integer auto value) { return parameter(value); }
[[nodiscard]] std::string literal(pqxx::connection_base& connection, std::string_view value);
[[nodiscard]] std::string literal(pqxx::connection_base& connection, ByteView value);
[[nodiscard]] std::string literal(pqxx::connection_base& connection, const Integers& values);
[[nodiscard]] std::string literal(pqxx::connection_base& connection, const Texts& values);
[[nodiscard]] std::string literal(pqxx::connection_base& connection, const Blobs& values);

}  // namespace tap::store::postgres
