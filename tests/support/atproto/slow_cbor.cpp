// SPDX-License-Identifier: MIT
#include "support/atproto/slow_cbor.hpp"

#include "tap/atproto/cid.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace tap::test::slow {
namespace {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};

class Decoder {
 public:
  explicit Decoder(ByteView bytes) : bytes_(bytes) {}
  [[nodiscard]] bool done() const { return at_ == bytes_.size(); }

  std::optional<Value> value(std::size_t depth) {
    const auto initial = take(1);
    if (!initial) return std::nullopt;
    const unsigned major = (*initial)[0] >> 5;
    const unsigned info = (*initial)[0] & 31;
    if (major == 7) return simple(info);
    const auto argument = this->argument(info);
    if (!argument) return std::nullopt;
    switch (major) {
      case 0:
      case 1:
        if (*argument > INT64_MAX) return std::nullopt;
        return Value{major == 0 ? static_cast<std::int64_t>(*argument) : -1 - static_cast<std::int64_t>(*argument)};
      case 2:
        return bytes(*argument);
      case 3:
        return text(*argument);
      case 4:
        return array(*argument, depth);
      case 5:
        return map(*argument, depth);
      default:
        return *argument == 42 ? link(depth) : std::nullopt;
    }
  }

 private:
  std::optional<Bytes> take(std::uint64_t size) {
    if (size > bytes_.size() - at_) return std::nullopt;
    const auto begin = bytes_.begin() + static_cast<std::ptrdiff_t>(at_);
    at_ += size;
    return Bytes(begin, begin + static_cast<std::ptrdiff_t>(size));
  }
  std::optional<std::uint64_t> argument(unsigned info) {
    if (info < 24) return info;
    if (info > 27) return std::nullopt;
    const auto bytes = take(1U << (info - 24));
    if (!bytes) return std::nullopt;
    std::uint64_t value = 0;
    for (const std::uint8_t byte : *bytes) value = value * 256 + byte;
    return value;
  }
  static std::optional<Value> simple(unsigned info) {
    if (info == 20 || info == 21) return Value{info == 21};
    if (info == 22) return Value{Null{}};
    return std::nullopt;
  }
  std::optional<Value> bytes(std::uint64_t size) {
    auto content = take(size);
    if (!content) return std::nullopt;
    return Value{std::move(*content)};
  }
  std::optional<Value> text(std::uint64_t size) {
    const auto content = take(size);
    if (!content) return std::nullopt;
    return Value{std::string(content->begin(), content->end())};
  }
  std::optional<Value> array(std::uint64_t count, std::size_t depth) {
    if (depth == 0 || count > 131'072) return std::nullopt;
    Array items;
    for (std::uint64_t i = 0; i < count; ++i) {
      auto item = value(depth - 1);
      if (!item) return std::nullopt;
      items.push_back(std::move(*item));
    }
    return Value{std::move(items)};
  }
  std::optional<Value> map(std::uint64_t count, std::size_t depth) {
    if (depth == 0 || count > 131'072) return std::nullopt;
    Map fields;
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto key = value(0);
      const auto* text = key ? std::get_if<std::string>(&key->data) : nullptr;
      if (text == nullptr || text->size() > 8'192) return std::nullopt;
      auto content = value(depth - 1);
      if (!content) return std::nullopt;
      fields.insert_or_assign(*text, std::move(*content));
    }
    return Value{std::move(fields)};
  }
  std::optional<Value> link(std::size_t depth) {
    const auto content = value(depth);
    const auto* bytes = content ? std::get_if<Bytes>(&content->data) : nullptr;
    if (bytes == nullptr || bytes->size() < 2 || bytes->size() > 101 || bytes->front() != 0) return std::nullopt;
    return Value{Link{Bytes(bytes->begin() + 1, bytes->end())}};
  }

  ByteView bytes_;
  std::size_t at_ = 0;
};

void head(Bytes& out, unsigned major, std::uint64_t argument) {
  const auto put = [&](unsigned info, int width) {
    out.push_back(static_cast<std::uint8_t>(major * 32 + info));
    for (int i = width - 1; i >= 0; --i) out.push_back(static_cast<std::uint8_t>(argument >> (8 * i)));
  };
  if (argument < 24) {
    put(static_cast<unsigned>(argument), 0);
  } else if (argument < 0x100) {
    put(24, 1);
  } else if (argument < 0x10000) {
    put(25, 2);
  } else if (argument < 0x1'0000'0000) {
    put(26, 4);
  } else {
    put(27, 8);
  }
}

template <class Content>
void string(Bytes& out, unsigned major, const Content& content) {
  head(out, major, content.size());
  out.insert(out.end(), content.begin(), content.end());
}

void encode_to(Bytes& out, const Value& value) {
  std::visit(Overloaded{[&](Null) { out.push_back(0xf6); }, [&](bool flag) { out.push_back(flag ? 0xf5 : 0xf4); },
                        [&](std::int64_t number) {
                          const bool negative = number < 0;
                          head(out, negative ? 1 : 0, static_cast<std::uint64_t>(negative ? -1 - number : number));
                        },
                        [&](const Bytes& bytes) { string(out, 2, bytes); },
                        [&](const std::string& text) { string(out, 3, text); },
                        [&](const Link& link) {
                          Bytes content{0};
                          content.insert(content.end(), link.bytes.begin(), link.bytes.end());
                          head(out, 6, 42);
                          string(out, 2, content);
                        },
                        [&](const Array& items) {
                          head(out, 4, items.size());
                          for (const Value& item : items) encode_to(out, item);
                        },
                        [&](const Map& fields) {
                          head(out, 5, fields.size());
                          for (const auto& [key, content] : fields) {
                            string(out, 3, key);
                            encode_to(out, content);
                          }
                        }},
             value.data);
}

bool is_utf8(const std::string& text) {
  try {
    return !nlohmann::json(text).dump().empty();
  } catch (const nlohmann::json::type_error&) {
    return false;
  }
}

bool all_texts_utf8(const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value.data)) return is_utf8(*text);
  if (const auto* items = std::get_if<Array>(&value.data)) return std::ranges::all_of(*items, all_texts_utf8);
  if (const auto* fields = std::get_if<Map>(&value.data)) {
    return std::ranges::all_of(*fields,
                               [](const auto& field) { return is_utf8(field.first) && all_texts_utf8(field.second); });
  }
  return true;
}

// ---- JSON ----

void replace(std::string& text, std::string_view what, std::string_view with) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
}

std::string quoted(const std::string& text) {
  std::string out = nlohmann::json(text).dump();
  for (const auto& [what, with] : std::initializer_list<std::pair<std::string_view, std::string_view>>{
           {"<", "\\u003c"}, {">", "\\u003e"}, {"&", "\\u0026"}, {"\u2028", "\\u2028"}, {"\u2029", "\\u2029"}}) {
    replace(out, what, with);
  }
  return out;
}

std::string base64(const Bytes& bytes) {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bits;
  for (const std::uint8_t byte : bytes) {
    for (int i = 7; i >= 0; --i) bits += ((byte >> i) & 1) != 0 ? '1' : '0';
  }
  while (bits.size() % 6 != 0) bits += '0';
  std::string out;
  for (std::size_t i = 0; i < bits.size(); i += 6) out += kAlphabet[std::stoul(bits.substr(i, 6), nullptr, 2)];
  return out;
}

template <class T>
const T* get(const Map& map, const std::string& key) {
  const auto it = map.find(key);
  return it == map.end() ? nullptr : std::get_if<T>(&it->second.data);
}

bool is_link(const Map& map) {
  const auto* text = get<std::string>(map, "$link");
  return map.size() == 1 && text != nullptr && atproto::Cid::parse(*text);
}

bool is_bytes(const Map& map) {
  const auto* text = get<std::string>(map, "$bytes");
  return map.size() == 1 && text != nullptr && text->size() % 4 != 1 &&
         text->find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") ==
             std::string::npos;
}

bool is_blob(const Map& map) {
  const auto* ref = get<Map>(map, "ref");
  const auto* size = get<std::int64_t>(map, "size");
  return map.size() == 4 && (get<Link>(map, "ref") != nullptr || (ref != nullptr && is_link(*ref))) &&
         get<std::string>(map, "mimeType") != nullptr && size != nullptr && *size >= 0;
}

bool is_legacy_blob(const Map& map) {
  const auto* cid = get<std::string>(map, "cid");
  return map.size() == 2 && cid != nullptr && atproto::Cid::parse(*cid) && get<std::string>(map, "mimeType") != nullptr;
}

std::optional<std::string> json(const Value& value);

std::optional<std::string> json_map(const Map& map) {
  if (map.contains("$link") && !is_link(map)) return std::nullopt;
  if (map.contains("$bytes") && !is_bytes(map)) return std::nullopt;
  const auto* type = get<std::string>(map, "$type");
  if (map.contains("$type") && (type == nullptr || type->empty())) return std::nullopt;
  const bool blob = type != nullptr && *type == "blob";
  if (blob && !is_blob(map)) return std::nullopt;
  if (map.size() == 2 && map.contains("cid") && map.contains("mimeType") && !is_legacy_blob(map)) return std::nullopt;

  std::vector<std::string> keys;
  for (const auto& [key, content] : map) keys.push_back(key);
  std::ranges::sort(keys);
  if (blob) keys = {"$type", "ref", "mimeType", "size"};
  std::string out;
  for (const std::string& key : keys) {
    const auto content = json(map.at(key));
    if (!content) return std::nullopt;
    out += (out.empty() ? "" : ",") + quoted(key) + ":" + *content;
  }
  return "{" + out + "}";
}

std::optional<std::string> json_array(const Array& items) {
  std::string out;
  for (const Value& item : items) {
    const auto content = json(item);
    if (!content) return std::nullopt;
    out += (out.empty() ? "" : ",") + *content;
  }
  return "[" + out + "]";
}

std::optional<std::string> json(const Value& value) {
  using Out = std::optional<std::string>;
  return std::visit(
      Overloaded{[](Null) -> Out { return "null"; }, [](bool flag) -> Out { return flag ? "true" : "false"; },
                 [](std::int64_t number) -> Out { return std::to_string(number); },
                 [](const Bytes& bytes) -> Out { return "{\"$bytes\":\"" + base64(bytes) + "\"}"; },
                 [](const std::string& text) -> Out { return quoted(text); },
                 [](const Link& link) -> Out {
                   const auto cid = atproto::Cid::from_bytes(link.bytes);
                   if (!cid) return std::nullopt;
                   return "{\"$link\":\"" + cid->str() + "\"}";
                 },
                 [](const Array& items) { return json_array(items); },
                 [](const Map& fields) { return json_map(fields); }},
      value.data);
}

}  // namespace

std::optional<Value> decode(ByteView bytes, std::size_t depth) {
  Decoder decoder(bytes);
  auto value = decoder.value(depth);
  return decoder.done() ? value : std::nullopt;
}

Bytes encode(const Value& value) {
  Bytes out;
  encode_to(out, value);
  return out;
}

bool is_canonical(ByteView bytes) {
  const auto value = decode(bytes);
  return value && all_texts_utf8(*value) && std::ranges::equal(encode(*value), bytes);
}

std::optional<std::string> record_json(ByteView bytes) {
  if (bytes.size() > (1U << 20) || !is_canonical(bytes)) return std::nullopt;
  const auto value = decode(bytes);
  const auto* map = std::get_if<Map>(&value->data);
  if (map == nullptr || map->contains("$link") || map->contains("$bytes") || is_legacy_blob(*map)) return std::nullopt;
  if (const auto* type = get<std::string>(*map, "$type"); type != nullptr && *type == "blob") return std::nullopt;
  auto json = json_map(*map);
  if (json && json->size() > (2U << 20)) return std::nullopt;
  return json;
}

}  // namespace tap::test::slow
