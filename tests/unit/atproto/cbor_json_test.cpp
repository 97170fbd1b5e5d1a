// SPDX-License-Identifier: MIT
#include "tap/atproto/cbor.hpp"
#include "tap/atproto/error.hpp"

#include "support/atproto/dice.hpp"
#include "support/atproto/slow_cbor.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace tap::atproto::cbor {
namespace {

using test::Dice;
using test::hex;
namespace slow = test::slow;

std::string render(const slow::Value& value) {
  std::string out;
  const auto result = append_record_json(slow::encode(value), out);
  return result ? out : "error " + std::to_string(result.error().code().value()) + out;
}
std::string failure(Errc code) { return "error " + std::to_string(static_cast<int>(code)); }

const std::string kCid = Cid::of(Cid::Codec::raw, {}).str();
slow::Value link(Cid::Codec codec = Cid::Codec::raw) {
  const auto bytes = Cid::of(codec, {}).bytes();
  return {slow::Link{Bytes(bytes.begin(), bytes.end())}};
}
slow::Value text(std::string value) { return {std::move(value)}; }
slow::Value number(std::int64_t value) { return {value}; }

TEST(RecordJson, EqualsTheDomOnEverything) {
  Dice dice(1);
  int rendered = 0;
  for (int i = 0; i < 30'000; ++i) {
    Bytes bytes = slow::encode(test::random_record(dice));
    if (dice.chance(30)) bytes = test::mutate(dice, std::move(bytes));
    std::string out = "before";
    const auto result = append_record_json(bytes, out);
    const auto expected = slow::record_json(bytes);
    ASSERT_EQ(result.has_value(), expected.has_value()) << (result ? out : result.error().message());
    ASSERT_EQ(out, "before" + expected.value_or(""));
    if (!expected) continue;
    ++rendered;
    ASSERT_TRUE(nlohmann::json::accept(*expected));
  }
  EXPECT_GT(rendered, 5'000);
}

TEST(RecordJson, SortsKeysByBytesNotByLength) {
  EXPECT_EQ(render({slow::Map{{"b", number(1)}, {"aa", number(2)}, {"", number(3)}}}), R"({"":3,"aa":2,"b":1})");
}

TEST(RecordJson, EscapesAsGoDoes) {
  EXPECT_EQ(render({slow::Map{{"a", text("<&>\"\\/\n\r\t\b\f\x01\x7f\u2028\u2029ä")}}}),
            "{\"a\":\"\\u003c\\u0026\\u003e\\\"\\\\/\\n\\r\\t\\b\\f\\u0001\x7f\\u2028\\u2029ä\"}");
}

TEST(RecordJson, KeepsIntegersExact) {
  EXPECT_EQ(render({slow::Map{{"a", number(INT64_MAX)}, {"b", number(INT64_MIN)}}}),
            R"({"a":9223372036854775807,"b":-9223372036854775808})");
}

TEST(RecordJson, RendersLinksBytesAndBlobs) {
  EXPECT_EQ(render({slow::Map{{"l", link()}}}), R"({"l":{"$link":")" + kCid + R"("}})");
  EXPECT_EQ(render({slow::Map{{"b", {Bytes{}}}}}), R"({"b":{"$bytes":""}})");  // 8.4 item 78
  EXPECT_EQ(render({slow::Map{{"b", {Bytes{0xfb, 0xff}}}}}), R"({"b":{"$bytes":"+/8"}})");
  const slow::Map blob{{"$type", text("blob")}, {"ref", link()}, {"mimeType", text("a/b")}, {"size", number(7)}};
  EXPECT_EQ(render({slow::Map{{"x", {blob}}}}),
            R"({"x":{"$type":"blob","ref":{"$link":")" + kCid + R"("},"mimeType":"a/b","size":7}})");
  EXPECT_EQ(render({slow::Map{{"x", {slow::Map{{"cid", text(kCid)}, {"mimeType", text("a/b")}}}}}}),
            R"({"x":{"cid":")" + kCid + R"(","mimeType":"a/b"}})");
}

TEST(RecordJson, RefusesWhatBreaksTheDataModel) {
  const auto inside = [](slow::Map map) { return render({slow::Map{{"x", {std::move(map)}}}}); };
  const std::string refused = failure(Errc::data_model);
  EXPECT_EQ(inside({{"$link", text("no cid")}}), refused);
  EXPECT_EQ(inside({{"$link", text(kCid)}, {"more", number(1)}}), refused);
  EXPECT_EQ(inside({{"$link", number(1)}}), refused);
  EXPECT_EQ(inside({{"$bytes", text("aGk=")}}), refused);
  EXPECT_EQ(inside({{"$bytes", text("a")}}), refused);
  EXPECT_EQ(inside({{"$bytes", text("a b")}}), refused);
  EXPECT_EQ(inside({{"$bytes", text("aGk")}, {"more", number(1)}}), refused);
  EXPECT_EQ(inside({{"$type", text("")}}), refused);
  EXPECT_EQ(inside({{"$type", number(1)}}), refused);
  EXPECT_EQ(inside({{"$type", text("blob")}}), refused);
  EXPECT_EQ(inside({{"cid", text("no cid")}, {"mimeType", text("a/b")}}), refused);
  const slow::Map blob{{"$type", text("blob")}, {"ref", link()}, {"mimeType", text("a/b")}, {"size", number(7)}};
  for (const char* key : {"ref", "mimeType", "size"}) {
    slow::Map wrong = blob;
    wrong[key] = {slow::Null{}};
    EXPECT_EQ(inside(wrong), refused) << key;
    wrong.erase(key);
    EXPECT_EQ(inside(wrong), refused) << key;
  }
  slow::Map negative = blob;
  negative["size"] = number(-1);
  EXPECT_EQ(inside(negative), refused);
  // And as a whole record none of these forms is one.
  EXPECT_EQ(render({blob}), refused);
  EXPECT_EQ(render({slow::Map{{"$link", text(kCid)}}}), refused);
  EXPECT_EQ(render({slow::Map{{"$bytes", text("aGk")}}}), refused);
}

TEST(RecordJson, RefusesWhatIsNoMap) {
  for (const char* digits : {"", "80", "01", "f6", "6161"}) {
    std::string out;
    EXPECT_FALSE(append_record_json(hex(digits), out)) << digits;
    EXPECT_TRUE(out.empty());
  }
  std::string out;
  EXPECT_EQ(append_record_json(hex("a000"), out).error(), Errc::cbor_trailing);
  EXPECT_TRUE(append_record_json(hex("a0"), out));
  EXPECT_EQ(out, "{}");
}

TEST(RecordJson, RecordsEndAtOneMebibyte) {
  const auto sized = [](std::size_t total) {
    return slow::encode({slow::Map{{"a", {std::string(total - 8, 'x')}}}});  // map, key and a five-byte length
  };
  std::string out;
  ASSERT_EQ(sized(1 << 20).size(), std::size_t{1} << 20);
  EXPECT_TRUE(append_record_json(sized(1 << 20), out));
  EXPECT_EQ(append_record_json(sized((1 << 20) + 1), out).error(), Errc::cbor_limit);
}

TEST(RecordJson, JsonEndsAtTwoMebibytes) {
  // Six bytes of JSON for one of the record, and eight for the rest: {"a":""}.
  const auto sized = [](std::size_t json) {
    const std::size_t escaped = (json - 8) / 6, plain = (json - 8) % 6;
    return slow::encode({slow::Map{{"a", {std::string(escaped, '<') + std::string(plain, 'x')}}}});
  };
  std::string out = "before";
  EXPECT_TRUE(append_record_json(sized(2 << 20), out));
  EXPECT_EQ(out.size(), 6 + (std::size_t{2} << 20)) << "it is the record that is measured";
  out.resize(6);
  EXPECT_EQ(append_record_json(sized((2 << 20) + 1), out).error(), Errc::cbor_limit);
  EXPECT_EQ(out, "before");
}

TEST(RecordJson, NestingEndsAtTheLimit) {
  const auto nested = [](std::size_t arrays) {
    slow::Value value = number(1);
    for (std::size_t i = 0; i < arrays; ++i) value = {slow::Array{value}};
    return render({slow::Map{{"a", value}}});
  };
  EXPECT_EQ(nested(31).substr(0, 6), R"({"a":[)");
  EXPECT_EQ(nested(32), failure(Errc::cbor_limit));
}

}  // namespace
}  // namespace tap::atproto::cbor
