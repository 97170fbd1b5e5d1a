// SPDX-License-Identifier: MIT
#include "store/postgres/parameters.hpp"

#include <algorithm>

namespace tap::store::postgres {
namespace {

enum class Type : std::uint32_t { bytea = 17, bigint = 20, text = 25 };

/// Bytes of a value, or of all elements of an array, that are short.
constexpr std::size_t kShort = 8'192;

/// The protocol's binary format of an array of one dimension, without NULLs.
class BinaryArray {
 public:
  /// `bytes` of the elements together.
  BinaryArray(Type element, std::size_t size, std::size_t bytes) {
    bytes_.reserve(20 + 4 * size + bytes);
    put(1, 4);  // dimensions
    put(0, 4);  // no NULLs
    put(static_cast<std::uint32_t>(element), 4);
    put(size, 4);
    put(1, 4);  // the lower bound
  }
  void add(std::int64_t value) {
    put(8, 4);
    put(static_cast<std::uint64_t>(value), 8);
  }
  void add(std::string_view value) {
    put(value.size(), 4);
    bytes_ += value;
  }
  [[nodiscard]] pqxx::binarystring value() const { return parameter(std::string_view(bytes_)); }

 private:
  void put(std::uint64_t value, int bytes) {
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) bytes_ += static_cast<char>(value >> shift);
  }

  std::string bytes_;
};

template <class T>
std::size_t bytes_of(const std::vector<T>& values) {
  std::size_t sum = 0;
  for (const T& value : values) sum += value.size();
  return sum;
}

/// An array's text format, each element of which is written by `element`.
template <class T, class Element>
std::string text_array(pqxx::connection_base& connection, const std::vector<T>& values, Element element) {
  std::string out = "{";
  for (const T& value : values) {
    if (out.size() > 1) out += ',';
    element(out, value);
  }
  out += '}';
  return connection.quote(out);
}

}  // namespace

pqxx::binarystring parameter(const Integers& values) {
  BinaryArray array(Type::bigint, values.size(), 8 * values.size());
  for (const std::int64_t value : values) array.add(value);
  return array.value();
}

pqxx::binarystring parameter(const Texts& values) {
  BinaryArray array(Type::text, values.size(), bytes_of(values));
  for (const std::string_view value : values) array.add(value);
  return array.value();
}

pqxx::binarystring parameter(const Blobs& values) {
  BinaryArray array(Type::bytea, values.size(), bytes_of(values));
  for (const ByteView value : values) array.add(as_text(value));
  return array.value();
}

// A literal would end at a NUL; the server is to refuse it.
bool is_short(std::string_view value) { return value.size() <= kShort && !value.contains('\0'); }
bool is_short(ByteView value) { return value.size() <= kShort; }
bool is_short(const Integers& values) { return 8 * values.size() <= kShort; }
bool is_short(const Texts& values) {
  return bytes_of(values) <= kShort &&
         std::ranges::all_of(values, [](std::string_view value) { return is_short(value); });
}
bool is_short(const Blobs& values) { return bytes_of(values) <= kShort; }

std::string literal(pqxx::connection_base& connection, std::string_view value) {
  return connection.quote(std::string(value));
}

std::string literal(pqxx::connection_base& connection, ByteView value) { return connection.quote(parameter(value)); }

std::string literal(pqxx::connection_base& connection, const Integers& values) {
  return text_array(connection, values, [](std::string& out, std::int64_t value) { out += std::to_string(value); });
}

std::string literal(pqxx::connection_base& connection, const Texts& values) {
  return text_array(connection, values, [](std::string& out, std::string_view value) {
    out += '"';
    for (const char character : value) {
      if (character == '"' || character == '\\') out += '\\';
      out += character;
    }
    out += '"';
  });
}

std::string literal(pqxx::connection_base& connection, const Blobs& values) {
  return text_array(connection, values, [](std::string& out, ByteView value) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    out += R"("\\x)";
    for (const std::uint8_t byte : value) {
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    }
    out += '"';
  });
}

}  // namespace tap::store::postgres
