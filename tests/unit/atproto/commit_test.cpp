// SPDX-License-Identifier: MIT
#include "tap/atproto/commit.hpp"

#include "tap/atproto/error.hpp"

#include "support/atproto/account.hpp"
#include "support/atproto/dice.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace tap::atproto {
namespace {

using test::Dice;
using test::SigningKey;
namespace slow = test::slow;

Commit example(std::optional<Cid> prev = {}) {
  Commit commit{Did::parse("did:plc:aaaaaaaaaaaaaaaaaaaaaaaa").value(),
                Tid(1'728'652'679'052'295'174),
                Cid::of(Cid::Codec::dag_cbor, as_bytes("data")),
                prev,
                {}};
  commit.sig = SigningKey(Curve::k256, 1).sign(sha256(commit.unsigned_bytes()));
  return commit;
}

/// The fields of an encoded commit, to be changed and encoded again.
slow::Map fields_of(const Commit& commit) { return std::get<slow::Map>(slow::decode(commit.encode())->data); }

std::optional<Errc> refused(const slow::Map& fields) {
  const auto commit = Commit::decode(slow::encode({fields}));
  if (commit) return std::nullopt;
  return static_cast<Errc>(commit.error().code().value());
}

TEST(Commit, EncodesCanonicallyAndRoundTrips) {
  for (const auto& commit : {example(), example(Cid::of(Cid::Codec::dag_cbor, {}))}) {
    const Bytes bytes = commit.encode();
    EXPECT_TRUE(slow::is_canonical(bytes));
    const auto back = Commit::decode(bytes);
    ASSERT_TRUE(back) << back.error().message();
    EXPECT_EQ(back->did, commit.did);
    EXPECT_EQ(back->rev, commit.rev);
    EXPECT_EQ(back->data, commit.data);
    EXPECT_EQ(back->prev, commit.prev);
    EXPECT_EQ(back->sig, commit.sig);
    slow::Map unsigned_fields = fields_of(commit);
    unsigned_fields.erase("sig");
    EXPECT_EQ(commit.unsigned_bytes(), slow::encode({unsigned_fields}));
  }
}

TEST(Commit, VerifiesWithItsKeyOnly) {
  const Commit commit = example();
  EXPECT_TRUE(commit.verify(SigningKey(Curve::k256, 1).public_key()));
  EXPECT_EQ(commit.verify(SigningKey(Curve::k256, 2).public_key()).error(), Errc::signature_mismatch);
  EXPECT_EQ(commit.verify(SigningKey(Curve::p256, 1).public_key()).error(), Errc::signature_mismatch);
}

TEST(Commit, EveryFieldIsSigned) {
  const auto key = SigningKey(Curve::k256, 1).public_key();
  Commit did = example(), rev = example(), data = example(), prev = example();
  did.did = Did::parse("did:plc:bbbbbbbbbbbbbbbbbbbbbbbb").value();
  rev.rev = Tid(1);
  data.data = Cid::of(Cid::Codec::dag_cbor, {});
  prev.prev = data.data;
  for (const Commit& lie : {did, rev, data, prev}) {
    EXPECT_EQ(lie.verify(key).error(), Errc::signature_mismatch);
  }
}

TEST(Commit, NeedsExactlyItsSixFields) {
  const slow::Map good = fields_of(example());
  EXPECT_EQ(refused(good), std::nullopt);
  for (const auto& [key, value] : good) {
    slow::Map fewer = good;
    fewer.erase(key);
    EXPECT_EQ(refused(fewer), Errc::commit_malformed) << "without " << key;
    slow::Map wrong = good;
    wrong[key] = {slow::Array{}};
    EXPECT_EQ(refused(wrong), Errc::commit_malformed) << key << " of another type";
    if (key == "prev") continue;
    wrong[key] = {slow::Null{}};
    EXPECT_EQ(refused(wrong), Errc::commit_malformed) << key << " null";
  }
  slow::Map more = good;
  more["extra"] = {true};
  EXPECT_EQ(refused(more), Errc::commit_malformed);
}

TEST(Commit, RefusesFieldsOfAWrongForm) {
  const auto with = [](const char* key, slow::Value value) {
    slow::Map fields = fields_of(example());
    fields[key] = std::move(value);
    return refused(fields);
  };
  const auto raw = Cid::of(Cid::Codec::raw, {}).bytes();
  for (const std::int64_t version : {0, 1, 2, 4, -3}) EXPECT_EQ(with("version", {version}), Errc::commit_malformed);
  EXPECT_EQ(with("did", {std::string("did:plc")}), Errc::commit_malformed);
  EXPECT_EQ(with("rev", {std::string("222222222222")}), Errc::commit_malformed);
  EXPECT_EQ(with("data", {slow::Link{Bytes(raw.begin(), raw.end())}}), Errc::commit_malformed);
  EXPECT_EQ(with("prev", {slow::Link{Bytes(raw.begin(), raw.end())}}), Errc::commit_malformed);
  EXPECT_EQ(with("data", {slow::Link{test::hex("01711200")}}), Errc::commit_malformed);
  for (const std::size_t size : {0U, 63U, 65U, 70U}) EXPECT_EQ(with("sig", {Bytes(size, 1)}), Errc::signature_length);
}

TEST(Commit, RefusesLooseEncodings) {
  Bytes trailing = example().encode();
  trailing.push_back(0);
  EXPECT_EQ(Commit::decode(trailing).error(), Errc::commit_malformed);
  EXPECT_EQ(Commit::decode({}).error(), Errc::commit_malformed);
  EXPECT_EQ(Commit::decode(test::hex("80")).error(), Errc::commit_malformed);
}

bool is_dag_cbor_link(const slow::Value& value) {
  const auto* link = std::get_if<slow::Link>(&value.data);
  const auto form = test::hex("01711220");
  return link != nullptr && link->bytes.size() == 36 && std::ranges::equal(ByteView(link->bytes).first(4), form);
}

/// Whether the bytes are a commit, judged by their tree.
bool is_commit(ByteView bytes) {
  const auto tree = slow::decode(bytes);
  if (!tree || !slow::is_canonical(bytes)) return false;
  const auto* fields = std::get_if<slow::Map>(&tree->data);
  if (fields == nullptr || fields->size() != 6) return false;
  for (const char* name : {"did", "rev", "sig", "data", "prev", "version"}) {
    if (!fields->contains(name)) return false;
  }
  const auto* did = std::get_if<std::string>(&fields->at("did").data);
  const auto* rev = std::get_if<std::string>(&fields->at("rev").data);
  const auto* sig = std::get_if<Bytes>(&fields->at("sig").data);
  const auto* version = std::get_if<std::int64_t>(&fields->at("version").data);
  const slow::Value& prev = fields->at("prev");
  return did != nullptr && is_did(*did) && rev != nullptr && Tid::parse(*rev) && sig != nullptr && sig->size() == 64 &&
         version != nullptr && *version == 3 && is_dag_cbor_link(fields->at("data")) &&
         (std::holds_alternative<slow::Null>(prev.data) || is_dag_cbor_link(prev));
}

TEST(Commit, WhatItAcceptsItEncodesAlike) {
  Dice dice(1);
  int accepted = 0;
  for (int i = 0; i < 20'000; ++i) {
    const Bytes bytes = test::mutate(dice, example().encode());
    const auto commit = Commit::decode(bytes);
    ASSERT_EQ(commit.has_value(), is_commit(bytes)) << i;
    if (!commit) continue;
    ++accepted;
    ASSERT_EQ(commit->encode(), bytes);
  }
  EXPECT_GT(accepted, 100);
}

}  // namespace
}  // namespace tap::atproto
