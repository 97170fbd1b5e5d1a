// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/bytes.hpp"

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace tap::store::postgres {

/// A statement's arguments as the protocol's binary format has them: integers are bigint, text and bytea stand as they
/// are, vectors are arrays. Views must live until the statement is handed over.
template <std::size_t N>
class Parameters {
 public:
  template <class... Args>
  explicit Parameters(const Args&... args) {
    (add(args), ...);
  }
  [[nodiscard]] std::span<const std::uint32_t> types() const { return types_; }
  [[nodiscard]] std::span<const char* const> values() const { return values_; }
  [[nodiscard]] std::span<const int> lengths() const { return lengths_; }

 private:
  enum Type : std::uint32_t {
    bytea = 17,
    bigint = 20,
    text = 25,
    bytea_array = 1001,
    text_array = 1009,
    bigint_array = 1016
  };

  template <class T>
    requires std::is_integral_v<T> || std::is_enum_v<T>
  void add(T value) {
    std::string& out = owned_[at_];
    put(out, static_cast<std::uint64_t>(static_cast<std::int64_t>(value)), 8);
    set(bigint, out);
  }
  void add(std::string_view value) { set(text, value); }
  void add(ByteView value) { set(bytea, as_text(value)); }
  void add(const std::vector<std::int64_t>& values) {
    begin_array(bigint, values.size());
    for (const std::int64_t value : values) {
      put(owned_[at_], 8, 4);
      put(owned_[at_], static_cast<std::uint64_t>(value), 8);
    }
    set(bigint_array, owned_[at_]);
  }
  void add(const std::vector<std::string_view>& values) {
    begin_array(text, values.size());
    for (const std::string_view value : values) put_element(value);
    set(text_array, owned_[at_]);
  }
  void add(const std::vector<ByteView>& values) {
    begin_array(bytea, values.size());
    for (const ByteView value : values) put_element(as_text(value));
    set(bytea_array, owned_[at_]);
  }

  /// Dimensions, no NULLs, type of the elements, size and lower bound of the only dimension.
  void begin_array(Type element, std::size_t size) {
    for (const std::uint64_t field :
         {std::uint64_t{1}, std::uint64_t{0}, std::uint64_t{element}, std::uint64_t{size}, std::uint64_t{1}}) {
      put(owned_[at_], field, 4);
    }
  }
  void put_element(std::string_view value) {
    put(owned_[at_], value.size(), 4);
    owned_[at_] += value;
  }
  static void put(std::string& out, std::uint64_t value, int bytes) {
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) out += static_cast<char>(value >> shift);
  }
  void set(Type type, std::string_view value) {
    types_[at_] = type;
    values_[at_] = value.empty() ? "" : value.data();  // a null pointer would be NULL
    lengths_[at_] = static_cast<int>(value.size());
    ++at_;
  }

  std::array<std::string, N> owned_;
  std::array<std::uint32_t, N> types_{};
  std::array<const char*, N> values_{};
  std::array<int, N> lengths_{};
  std::size_t at_ = 0;
};

}  // namespace tap::store::postgres
