// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/clock.hpp"
#include "tap/base/result.hpp"

#include <chrono>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace tap::atproto {

/// A DID of valid syntax (protocol 1.1); its method may still be unsupported.
class Did {
 public:
  Did() = default;
  [[nodiscard]] static Result<Did> parse(std::string_view text);

  [[nodiscard]] const std::string& str() const { return text_; }
  [[nodiscard]] std::string_view method() const;
  /// Everything after the second colon.
  [[nodiscard]] std::string_view identifier() const;
  auto operator<=>(const Did&) const = default;

 private:
  explicit Did(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

/// Syntax checks on bytes; no allocation, no Unicode. (1.1 - 1.4)
[[nodiscard]] bool is_did(std::string_view text);
[[nodiscard]] bool is_handle(std::string_view text);
[[nodiscard]] bool is_nsid(std::string_view text);
[[nodiscard]] bool is_rkey(std::string_view text);
/// What stands for a handle that does not resolve to its account: of valid syntax, and nobody's (9.5).
inline constexpr std::string_view kInvalidHandle = "handle.invalid";
/// True when the handle's last label is reserved and must not be resolved (1.2).
[[nodiscard]] bool has_reserved_tld(std::string_view handle);
/// ASCII lower case.
[[nodiscard]] std::string normalize_handle(std::string_view handle);

/// The two halves of "collection/rkey"; views into the parsed text. (1.6)
struct RepoPath {
  std::string_view collection;
  std::string_view rkey;
};
[[nodiscard]] Result<RepoPath> parse_path(std::string_view path);

/// A revision or record key of 13 characters that sorts by time; 8 bytes here. (1.5)
/// The default value 0 prints as "2222222222222" and serves as "before every revision".
class Tid {
 public:
  constexpr Tid() = default;
  constexpr explicit Tid(std::uint64_t value) : value_(value) {}
  [[nodiscard]] static Result<Tid> parse(std::string_view text);

  [[nodiscard]] constexpr std::uint64_t value() const { return value_; }
  [[nodiscard]] std::string str() const;
  /// Microseconds since the Unix epoch.
  [[nodiscard]] constexpr std::uint64_t micros() const { return value_ >> 10; }
  constexpr auto operator<=>(const Tid&) const = default;

 private:
  std::uint64_t value_ = 0;
};

/// The full check of a datetime, calendar included (1.8).
[[nodiscard]] bool is_datetime(std::string_view text);
/// Its instant, to the microsecond; empty when it is none.
[[nodiscard]] std::optional<WallTime> parse_datetime(std::string_view text);

}  // namespace tap::atproto

template <>
struct std::hash<tap::atproto::Did> {
  std::size_t operator()(const tap::atproto::Did& did) const noexcept { return std::hash<std::string>{}(did.str()); }
};
