// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

namespace tap::log {

enum class Level : std::uint8_t { debug, info, warn, error };

/// One attribute of a line. Keys are the fixed ones of protocol 11.10: did, rev, seq, host, error, ...
struct Field {
  std::string_view key;
  std::variant<std::string_view, std::int64_t, std::uint64_t, double, bool> value;

  Field(std::string_view k, std::string_view v) : key(k), value(v) {}
  Field(std::string_view k, const std::string& v) : key(k), value(std::string_view(v)) {}
  Field(std::string_view k, const char* v) : key(k), value(std::string_view(v)) {}
  Field(std::string_view k, bool v) : key(k), value(v) {}
  Field(std::string_view k, double v) : key(k), value(v) {}
  template <std::signed_integral I>
  Field(std::string_view k, I v) : key(k), value(static_cast<std::int64_t>(v)) {}
  template <std::unsigned_integral I>
    requires(!std::same_as<I, bool>)
  Field(std::string_view k, I v) : key(k), value(static_cast<std::uint64_t>(v)) {}
};

/// Writes JSON lines on stdout: time, level, msg, system:"tap", component, then the fields. Cheap below the level.
/// Thread-safe. The component is a string literal (or outlives the logger).
class Logger {
 public:
  constexpr explicit Logger(std::string_view component) : component_(component) {}

  void debug(std::string_view msg, std::initializer_list<Field> fields = {}) const { write(Level::debug, msg, fields); }
  void info(std::string_view msg, std::initializer_list<Field> fields = {}) const { write(Level::info, msg, fields); }
  void warn(std::string_view msg, std::initializer_list<Field> fields = {}) const { write(Level::warn, msg, fields); }
  void error(std::string_view msg, std::initializer_list<Field> fields = {}) const { write(Level::error, msg, fields); }

 private:
  void write(Level level, std::string_view msg, std::initializer_list<Field> fields) const;
  std::string_view component_;
};

/// debug, info, warn, error; anything else is info (protocol 11.8).
[[nodiscard]] Level parse_level(std::string_view name);
/// Sets the level of the whole process; before this, info.
void set_level(Level level);
/// Writes one line that is JSON already (the access log). Thread-safe.
void write_line(std::string_view json);
/// RFC 3339 in UTC with nanoseconds: 2026-01-02T03:04:05.123456789Z.
[[nodiscard]] std::string now_rfc3339();
/// Waits until everything is written.
void flush();

}  // namespace tap::log
