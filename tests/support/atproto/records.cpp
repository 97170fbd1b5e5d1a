// SPDX-License-Identifier: MIT
#include "support/atproto/records.hpp"

#include "tap/atproto/cbor.hpp"

#include <fmt/chrono.h>

#include <chrono>

namespace tap::test {
namespace {

constexpr std::uint64_t kMicrosApart = 1000;
constexpr std::string_view kCreatedAt = "2024-01-01T00:00:00.000Z";

}  // namespace

atproto::Tid TidSource::next() {
  micros_ += kMicrosApart;
  return atproto::Tid((micros_ << 10) | clock_id_);
}

std::string datetime_of(atproto::Tid tid) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}Z", fmt::gmtime(static_cast<std::time_t>(tid.micros() / 1'000'000)));
}

Bytes post_record(std::uint64_t number, std::string_view text) {
  Bytes out;
  atproto::cbor::Writer writer(out);
  writer.map(4);
  writer.text("text");
  writer.text(std::string(text) + " " + std::to_string(number));
  writer.text("$type");
  writer.text("app.bsky.feed.post");
  writer.text("langs");
  writer.array(1);
  writer.text("en");
  writer.text("createdAt");
  writer.text(kCreatedAt);
  return out;
}

Bytes like_record(std::uint64_t number, const atproto::Cid& subject) {
  Bytes out;
  atproto::cbor::Writer writer(out);
  writer.map(3);
  writer.text("$type");
  writer.text("app.bsky.feed.like");
  writer.text("subject");
  writer.map(2);
  writer.text("cid");
  writer.text(subject.str());
  writer.text("uri");
  writer.text("at://did:plc:aaaaaaaaaaaaaaaaaaaaaaaa/app.bsky.feed.post/" + std::to_string(number));
  writer.text("createdAt");
  writer.text(kCreatedAt);
  return out;
}

std::string post_path(atproto::Tid tid) { return "app.bsky.feed.post/" + tid.str(); }

}  // namespace tap::test
