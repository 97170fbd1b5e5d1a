// SPDX-License-Identifier: MIT
#include "tap/atproto/cbor.hpp"
#include "tap/atproto/error.hpp"
#include "tap/base/json.hpp"
#include "tap/base/text.hpp"

#include <algorithm>
#include <charconv>
#include <vector>

namespace tap::atproto::cbor {
namespace {

constexpr std::size_t kMaxRecord = 1 << 20;
constexpr std::size_t kMaxJson = 2 << 20;

void append_integer(std::string& out, std::int64_t value) {
  char digits[20];
  const auto end = std::to_chars(std::begin(digits), std::end(digits), value).ptr;
  out.append(digits, end);
}

bool is_unpadded_base64(std::string_view text) {
  return text.size() % 4 != 1 && std::ranges::all_of(text, [](char c) {
           return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
         });
}

/// What a rendered value was, as far as the rules on its parent map ask.
enum class Shape : std::uint8_t { plain, text, integer, link, bytes, blob };

struct Field {
  std::string_view key;
  std::size_t begin, end;  // `"key":value` in the output
  Shape shape;
  std::string_view text;     // of Shape::text
  std::int64_t integer = 0;  // of Shape::integer
};

/// Renders in the order of the input, and puts the fields of each map into byte order once the map is complete.
class Renderer {
 public:
  Renderer(Reader& reader, std::string& out) : reader_(reader), out_(out) {}

  Result<Shape> value(std::size_t depth);

 private:
  Result<void> array(std::size_t depth);
  Result<Shape> map(std::size_t depth);
  Result<void> field(MapReader& map, std::size_t depth);
  Result<Shape> shape_of(std::size_t first) const;
  Result<void> check_type(const Field& type) const;
  [[nodiscard]] const Field* find(std::size_t first, std::string_view key) const;
  void order(std::size_t first, std::size_t begin, Shape shape);

  Reader& reader_;
  std::string& out_;
  std::string scratch_;
  std::vector<Field> fields_;  // of all open maps
  std::string_view text_;      // the last text, integer
  std::int64_t integer_ = 0;
};

Result<Shape> Renderer::value(std::size_t depth) {
  auto kind = reader_.peek();
  if (!kind) return std::unexpected(kind.error());
  switch (*kind) {
    case Kind::unsigned_int:
    case Kind::negative_int: {
      auto integer = reader_.read_int();
      if (!integer) return std::unexpected(integer.error());
      append_integer(out_, integer_ = *integer);
      return Shape::integer;
    }
    case Kind::bytes: {
      auto bytes = reader_.read_bytes();
      if (!bytes) return std::unexpected(bytes.error());
      out_ += "{\"$bytes\":\"";
      append_unpadded_base64(out_, *bytes);
      out_ += "\"}";
      return Shape::bytes;
    }
    case Kind::text: {
      auto text = reader_.read_text();
      if (!text) return std::unexpected(text.error());
      append_json_string(out_, text_ = *text);
      return Shape::text;
    }
    case Kind::link: {
      auto cid = reader_.read_cid();
      if (!cid) return std::unexpected(cid.error());
      out_ += "{\"$link\":\"";
      cid->append_to(out_);
      out_ += "\"}";
      return Shape::link;
    }
    case Kind::boolean: {
      auto boolean = reader_.read_bool();
      if (!boolean) return std::unexpected(boolean.error());
      out_ += *boolean ? "true" : "false";
      return Shape::plain;
    }
    case Kind::null: {
      auto null = reader_.read_null();
      if (!null) return std::unexpected(null.error());
      out_ += "null";
      return Shape::plain;
    }
    case Kind::array:
    case Kind::map:
      break;
  }
  if (depth >= reader_.limits().depth) return fail(Errc::cbor_limit, "nested too deeply");
  if (*kind == Kind::map) return map(depth);
  if (auto rendered = array(depth); !rendered) return std::unexpected(rendered.error());
  return Shape::plain;
}

Result<void> Renderer::array(std::size_t depth) {
  auto count = reader_.read_array();
  if (!count) return std::unexpected(count.error());
  out_ += '[';
  for (std::size_t i = 0; i < *count; ++i) {
    if (i > 0) out_ += ',';
    if (auto item = value(depth + 1); !item) return std::unexpected(item.error());
  }
  out_ += ']';
  return {};
}

Result<Shape> Renderer::map(std::size_t depth) {
  auto map = MapReader::open(reader_);
  if (!map) return std::unexpected(map.error());
  const std::size_t first = fields_.size();
  out_ += '{';
  const std::size_t begin = out_.size();
  while (map->more()) {
    if (auto rendered = field(*map, depth); !rendered) return std::unexpected(rendered.error());
  }
  auto shape = shape_of(first);
  if (!shape) return shape;
  order(first, begin, *shape);
  out_ += '}';
  fields_.resize(first);
  return shape;
}

Result<void> Renderer::field(MapReader& map, std::size_t depth) {
  auto key = map.next();
  if (!key) return std::unexpected(key.error());
  const std::size_t begin = out_.size();
  append_json_string(out_, *key);
  out_ += ':';
  auto shape = value(depth + 1);
  if (!shape) return std::unexpected(shape.error());
  fields_.push_back({*key, begin, out_.size(), *shape, *shape == Shape::text ? text_ : std::string_view(),
                     *shape == Shape::integer ? integer_ : 0});
  return {};
}

const Field* Renderer::find(std::size_t first, std::string_view key) const {
  for (std::size_t i = first; i < fields_.size(); ++i) {
    if (fields_[i].key == key) return &fields_[i];
  }
  return nullptr;
}

/// What the finished map is in the data model (protocol 2.2), or what is wrong with it.
Result<Shape> Renderer::shape_of(std::size_t first) const {
  const std::size_t count = fields_.size() - first;
  if (const Field* link = find(first, "$link"); link != nullptr) {
    if (count != 1 || link->shape != Shape::text || !Cid::parse(link->text)) return fail(Errc::data_model, "$link");
    return Shape::link;
  }
  if (const Field* bytes = find(first, "$bytes"); bytes != nullptr) {
    if (count != 1 || bytes->shape != Shape::text || !is_unpadded_base64(bytes->text)) {
      return fail(Errc::data_model, "$bytes");
    }
    return Shape::bytes;
  }
  if (const Field* type = find(first, "$type"); type != nullptr) {
    if (type->shape != Shape::text || type->text.empty()) return fail(Errc::data_model, "$type");
    if (type->text != "blob") return Shape::plain;
    const Field* ref = find(first, "ref");
    const Field* mime = find(first, "mimeType");
    const Field* size = find(first, "size");
    if (count != 4 || ref == nullptr || mime == nullptr || size == nullptr || ref->shape != Shape::link ||
        mime->shape != Shape::text || size->shape != Shape::integer || size->integer < 0) {
      return fail(Errc::data_model, "blob");
    }
    return Shape::blob;
  }
  const Field* cid = find(first, "cid");
  const Field* mime = find(first, "mimeType");
  if (count != 2 || cid == nullptr || mime == nullptr) return Shape::plain;
  if (cid->shape != Shape::text || mime->shape != Shape::text || !Cid::parse(cid->text)) {
    return fail(Errc::data_model, "legacy blob");
  }
  return Shape::blob;
}

/// Puts the fields, which stand behind one another since `begin`, into their order, with commas between.
void Renderer::order(std::size_t first, std::size_t begin, Shape shape) {
  const auto fields = std::span(fields_).subspan(first);
  std::ranges::sort(fields, {}, &Field::key);
  // Of the four fields of a blob, `ref` comes before `mimeType`.
  if (shape == Shape::blob && fields.size() == 4) std::swap(fields[1], fields[2]);
  scratch_.assign(out_, begin);
  out_.resize(begin);
  for (const Field& field : fields) {
    if (out_.size() > begin) out_ += ',';
    out_.append(scratch_, field.begin - begin, field.end - field.begin);
  }
}

Result<void> render(ByteView cbor, std::string& out) {
  if (cbor.size() > kMaxRecord) return fail(Errc::cbor_limit, "record above 1 MiB");
  Reader reader(cbor);
  auto kind = reader.peek();
  if (!kind) return std::unexpected(kind.error());
  if (*kind != Kind::map) return fail(Errc::cbor_type, "a record is a map");
  auto shape = Renderer(reader, out).value(0);
  if (!shape) return std::unexpected(shape.error());
  if (*shape != Shape::plain) return fail(Errc::data_model, "the record is no object");
  return reader.expect_end();
}

}  // namespace

Result<void> append_record_json(ByteView cbor, std::string& out) {
  const std::size_t before = out.size();
  auto rendered = render(cbor, out);
  // Not in between: what is rendered is at most six times as long as the record.
  if (rendered && out.size() - before > kMaxJson) rendered = fail(Errc::cbor_limit, "JSON above 2 MiB");
  if (!rendered) out.resize(before);
  return rendered;
}

}  // namespace tap::atproto::cbor
