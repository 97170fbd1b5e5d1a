// SPDX-License-Identifier: MIT
// The published interoperability vectors; each test says what they must do.
#include "tap/atproto/car.hpp"
#include "tap/atproto/cbor.hpp"
#include "tap/atproto/commit.hpp"
#include "tap/atproto/error.hpp"
#include "tap/atproto/mst.hpp"
#include "tap/atproto/mst_walker.hpp"

#include "support/atproto/dice.hpp"
#include "support/atproto/files.hpp"
#include "support/atproto/shared_dir.hpp"
#include "support/atproto/signing_key.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>

namespace tap::atproto {
namespace {

using nlohmann::json;
using test::read_file;
using test::read_json;

constexpr const char* kInterop = "vectors/atproto-interop-tests";
constexpr const char* kIndigo = "vectors/indigo";

struct SyntaxCase {
  const char* name;
  bool (*check)(std::string_view);
  bool has_parse_invalid = false;
};

TEST(Vectors, SyntaxFilesAreAcceptedAndRefused) {
  TAP_SHARED_OR_SKIP(root, kInterop);
  const SyntaxCase cases[] = {{"did", is_did},
                              {"handle", is_handle},
                              {"nsid", is_nsid},
                              {"recordkey", is_rkey},
                              {"tid", [](std::string_view text) { return Tid::parse(text).has_value(); }},
                              {"datetime", is_datetime}};
  for (const SyntaxCase& c : cases) {
    const auto file = [&](const char* kind) { return root / "syntax" / (std::string(c.name) + "_" + kind + ".txt"); };
    const auto valid = test::read_cases(file("syntax_valid"));
    const auto invalid = test::read_cases(file("syntax_invalid"));
    EXPECT_GE(valid.size(), 4U) << c.name;
    EXPECT_GE(invalid.size(), 9U) << c.name;
    for (const std::string& text : valid) EXPECT_TRUE(c.check(text)) << c.name << " " << text;
    for (const std::string& text : invalid) EXPECT_FALSE(c.check(text)) << c.name << " " << text;
  }
  for (const std::string& text : test::read_cases(root / "syntax/datetime_parse_invalid.txt")) {
    EXPECT_FALSE(is_datetime(text)) << text;
  }
}

TEST(Vectors, SignatureFixturesVerifyOrNot) {
  TAP_SHARED_OR_SKIP(root, kInterop);
  int valid = 0;
  for (const json& item : read_json(root / "crypto/signature-fixtures.json")) {
    const auto key = PublicKey::parse_did_key(item["publicKeyDid"].get<std::string>()).value();
    const auto point = decode_base58(item["publicKeyMultibase"].get<std::string>().substr(1)).value();
    EXPECT_EQ(PublicKey::from_point(key.curve(), point).value(), key);
    EXPECT_EQ(key.curve(), item["algorithm"] == "ES256K" ? Curve::k256 : Curve::p256);
    const auto verdict =
        key.verify(sha256(test::from_base64(item["messageBase64"])), test::from_base64(item["signatureBase64"]));
    EXPECT_EQ(verdict.has_value(), item["validSignature"].get<bool>()) << item.dump();
    valid += verdict ? 1 : 0;
  }
  EXPECT_EQ(valid, 2);
}

TEST(Vectors, DidKeysFollowFromTheirPrivateKeys) {
  TAP_SHARED_OR_SKIP(root, kInterop);
  const auto expect = [](Curve curve, const Bytes& secret, const std::string& did_key) {
    Digest digest;
    ASSERT_EQ(secret.size(), digest.size());
    std::ranges::copy(secret, digest.begin());
    EXPECT_EQ(test::SigningKey(curve, digest).did_key(), did_key);
    EXPECT_EQ("did:key:" + PublicKey::parse_did_key(did_key).value().multikey(), did_key);
  };
  for (const json& item : read_json(root / "crypto/w3c_didkey_K256.json")) {
    expect(Curve::k256, test::hex(item["privateKeyBytesHex"].get<std::string>()), item["publicDidKey"]);
  }
  for (const json& item : read_json(root / "crypto/w3c_didkey_P256.json")) {
    expect(Curve::p256, decode_base58(item["privateKeyBytesBase58"].get<std::string>()).value(), item["publicDidKey"]);
  }
}

TEST(Vectors, DataModelFixturesRenderAsTheirJson) {
  TAP_SHARED_OR_SKIP(root, kInterop);
  for (const json& item : read_json(root / "data-model/data-model-fixtures.json")) {
    const Bytes cbor = test::from_base64(item["cbor_base64"]);
    EXPECT_TRUE(cbor::validate(cbor));
    EXPECT_EQ(Cid::of(Cid::Codec::dag_cbor, cbor).str(), item["cid"].get<std::string>());
    std::string out;
    ASSERT_TRUE(cbor::append_record_json(cbor, out));
    EXPECT_EQ(json::parse(out), item["json"]);
  }
}

TEST(Vectors, RealRecordsHaveTheirCids) {
  TAP_SHARED_OR_SKIP(root, kIndigo);
  const std::pair<const char*, const char*> files[] = {
      {"testing/testdata/feedpost_record.cbor", "bafyreigopc2xg7ayxvsvwg3vobbraqfxe4c2bhil4ow6fkv74tzrr66qcq"},
      {"testing/testdata/post_richtext_link.cbor", "bafyreigxouugvadvd2noqcqqycqatqziucpyngh6kulds5czd2752icwvi"}};
  for (const auto& [file, cid] : files) {
    const Bytes record = read_file(root / file);
    EXPECT_EQ(Cid::of(Cid::Codec::dag_cbor, record).str(), cid);
    std::string out;
    EXPECT_TRUE(cbor::append_record_json(record, out)) << file;
    EXPECT_TRUE(json::accept(out));
  }
}

TEST(Vectors, MstKeysHaveTheirHeights) {
  TAP_SHARED_OR_SKIP(root, kInterop);
  for (const json& item : read_json(root / "mst/key_heights.json")) {
    EXPECT_EQ(mst::layer_of(item["key"].get<std::string>()), item["height"].get<int>());
  }
  const auto keys = test::read_cases(root / "mst/example_keys.txt");
  EXPECT_EQ(keys.size(), 156U);
  for (const std::string& key : keys) EXPECT_EQ(mst::layer_of(key), key[1] - '0') << key;
}

/// One case of the commit proofs: builds the tree, changes it, keeps only the named blocks, and undoes the changes.
void expect_proof(const json& item) {
  const auto value = Cid::parse(item["leafValue"].get<std::string>()).value();
  mst::Tree tree;
  for (const std::string key : item["keys"]) ASSERT_TRUE(tree.insert(key, value));
  EXPECT_EQ(tree.root().str(), item["rootBeforeCommit"].get<std::string>());
  for (const std::string key : item["adds"]) ASSERT_TRUE(tree.insert(key, value));
  for (const std::string key : item["dels"]) ASSERT_TRUE(tree.remove(key));
  EXPECT_EQ(tree.root().str(), item["rootAfterCommit"].get<std::string>());

  std::unordered_map<Cid, Bytes> nodes;
  tree.each_node([&](const Cid& cid, ByteView bytes) { nodes.emplace(cid, Bytes(bytes.begin(), bytes.end())); });
  car::Blocks proof;
  for (const std::string text : item["blocksInProof"]) {
    const auto block = nodes.find(Cid::parse(text).value());
    if (block != nodes.end()) proof.emplace(block->first, block->second);
  }
  for (const bool dels_first : {true, false}) {
    auto partial = mst::Tree::load(tree.root(), proof);
    ASSERT_TRUE(partial);
    const auto restore = [&] {
      for (const std::string key : item["dels"]) ASSERT_TRUE(partial->insert(key, value)) << item["comment"];
    };
    if (dels_first) restore();
    for (const std::string key : item["adds"]) ASSERT_TRUE(partial->remove(key)) << item["comment"];
    if (!dels_first) restore();
    EXPECT_EQ(partial->root().str(), item["rootBeforeCommit"].get<std::string>()) << item["comment"];
  }
}

TEST(Vectors, CommitProofsInvert) {
  TAP_SHARED_OR_SKIP(root, kInterop);
  const json cases = read_json(root / "firehose/commit-proof-fixtures.json");
  EXPECT_EQ(cases.size(), 6U);
  for (const json& item : cases) expect_proof(item);
}

TEST(Vectors, CarFixtureReadsAndWritesAlike) {
  TAP_SHARED_OR_SKIP(root, "vectors/atproto-ts/packages/repo/tests/car-file-fixtures.json");
  for (const json& item : read_json(root)) {
    const Bytes car = test::from_base64(item["car"]);
    std::vector<std::pair<std::string, Bytes>> expected;
    Bytes written;
    car::Writer writer(written, Cid::parse(item["root"].get<std::string>()).value());
    for (const json& block : item["blocks"]) {
      expected.emplace_back(block["cid"], test::from_base64(block["bytes"]));
      writer.block(Cid::parse(expected.back().first).value(), expected.back().second);
    }
    EXPECT_EQ(written, car);
    std::vector<std::pair<std::string, Bytes>> read;
    car::Parser parser({}, [&](const Cid& cid, ByteView data) -> Result<void> {
      read.emplace_back(cid.str(), Bytes(data.begin(), data.end()));
      return {};
    });
    ASSERT_TRUE(parser.feed(car));
    ASSERT_TRUE(parser.finish());
    EXPECT_EQ(parser.root()->str(), item["root"].get<std::string>());
    EXPECT_EQ(read, expected);
  }
}

/// The `data` of a commit of whatever version.
Cid data_of(ByteView block) {
  cbor::Reader reader(block);
  auto map = cbor::MapReader::open(reader).value();
  while (map.more()) {
    if (map.next().value() == "data") return reader.read_cid().value();
    EXPECT_TRUE(reader.skip());
  }
  return {};
}

struct RepoFile {
  const char* name;
  std::size_t records;
  bool is_version_3;
};

TEST(Vectors, OlderReposHaveSoundTrees) {
  TAP_SHARED_OR_SKIP(root, kIndigo);
  const RepoFile files[] = {{"greenground.repo.car", 2, true},
                            {"paul_staging.repo.car", 185, false},
                            {"fakermaker.repo.car", 142, false},
                            {"bafyreieovfuizojpw3zresz7sx3nk4trm2by23pt5rxbey3jme4uo5ogiu.car", 6, false},
                            {"divy.repo", 6, false}};
  for (const RepoFile& file : files) {
    const Bytes bytes = read_file(root / "testing/testdata" / file.name);
    const auto car = car::parse(bytes);
    ASSERT_TRUE(car) << file.name << car.error().message();
    const ByteView commit = car->blocks.at(car->root);
    EXPECT_EQ(Commit::decode(commit).has_value(), file.is_version_3) << file.name;
    const Cid data = data_of(commit);
    EXPECT_EQ(test::walk_records(data, car->blocks).value().size(), file.records) << file.name;
    EXPECT_EQ(mst::Tree::load(data, car->blocks).value().root(), data);
  }
}

TEST(Vectors, RepoWithASharedKeyIsSignedButOfAnotherDid) {  // 8.4 item 13
  TAP_SHARED_OR_SKIP(root, kIndigo);
  const Bytes bytes = read_file(root / "testing/testdata/greenground.repo.car");
  const auto car = car::parse(bytes).value();
  const Commit commit = Commit::decode(car.blocks.at(car.root)).value();
  const json document = read_json(root / "testing/testdata/greenground.didDoc.json");
  const json& method = document["verificationMethod"][0];
  const auto key =
      PublicKey::parse_method(method["type"].get<std::string>(), method["publicKeyMultibase"].get<std::string>());
  ASSERT_TRUE(key) << key.error().message();
  EXPECT_TRUE(commit.verify(*key));
  EXPECT_NE(commit.did.str(), document["id"].get<std::string>());
}

TEST(Vectors, SliceLoadsAsPartialAndIsNoWholeRepo) {
  TAP_SHARED_OR_SKIP(root, kIndigo);
  const Bytes bytes = read_file(root / "testing/testdata/repo_slice.car");
  const auto car = car::parse(bytes).value();
  const Cid data = data_of(car.blocks.at(car.root));
  EXPECT_TRUE(mst::Tree::load(data, car.blocks));
  const auto walked = test::walk_records(data, car.blocks);
  // Its tree may be whole; the records are not.
  const auto missing = [&](const auto& record) { return !car.blocks.contains(record.second); };
  EXPECT_TRUE(!walked || std::ranges::any_of(*walked, missing));
}

TEST(Vectors, LegacyAndMultikeyDocumentsHoldTheSameKey) {
  TAP_SHARED_OR_SKIP(root, kIndigo);
  const auto key_of = [&](const char* file) {
    const json method = read_json(root / "atproto/identity/testdata" / file)["verificationMethod"][0];
    return PublicKey::parse_method(method["type"].get<std::string>(), method["publicKeyMultibase"].get<std::string>());
  };
  EXPECT_EQ(key_of("did_plc_doc.json").value(), key_of("did_plc_doc_legacy.json").value());
}

}  // namespace
}  // namespace tap::atproto
