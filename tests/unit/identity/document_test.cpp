// SPDX-License-Identifier: MIT
#include "tap/identity/directory.hpp"

#include "support/atproto/did_document.hpp"
#include "support/atproto/shared_dir.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <fstream>
#include <iterator>
#include <random>
#include <string>

namespace tap::identity {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr auto kDid = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";
constexpr auto kKey = "zQ3shXjHeiBuRCKmM36cuYnm7YEMzhGnCmCyW92sRJ9pribSF";
constexpr auto kOtherKey = "zQ3shqwJEJyMBsBXCWyCBpUBMqxcon9oHB7mCvx4sSpMdLJwc";

atproto::Did did_of(std::string_view text) { return atproto::Did::parse(text).value(); }

json method(std::string id, std::string multibase, std::string type = "Multikey", std::string controller = kDid) {
  return {{"id", id}, {"type", type}, {"controller", controller}, {"publicKeyMultibase", multibase}};
}
json service(std::string id, json endpoint, std::string type = "AtprotoPersonalDataServer") {
  return {{"id", id}, {"type", type}, {"serviceEndpoint", endpoint}};
}
/// A document like most of them.
json usual() {
  return {{"id", kDid},
          {"alsoKnownAs", {"at://atproto.com"}},
          {"verificationMethod", {method(std::string(kDid) + "#atproto", kKey)}},
          {"service", {service("#atproto_pds", "https://pds.example.com")}}};
}
Identity parsed(const json& document) { return parse_document(did_of(kDid), document.dump()).value(); }

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(Document, ReadsThePublishedExamples) {
  TAP_SHARED_OR_SKIP(folder, "vectors/indigo/atproto/identity/testdata");
  for (const auto* name : {"did_plc_doc.json", "did_plc_doc_legacy.json"}) {
    const auto identity = parse_document(did_of(kDid), read_file(folder / name));
    ASSERT_TRUE(identity) << name;
    EXPECT_EQ(identity->key.value().multikey(), kKey) << name;
    EXPECT_EQ(identity->pds, "https://bsky.social");
    EXPECT_EQ(identity->declared_handle, "atproto.com");
  }
  const auto web = parse_document(did_of("did:web:discover.bsky.social"), read_file(folder / "did_web_doc.json"));
  ASSERT_TRUE(web);
  EXPECT_FALSE(web->key);
  EXPECT_THAT(web->key_error, HasSubstr("no signing key"));
  EXPECT_THAT(web->pds, IsEmpty());
  EXPECT_THAT(web->declared_handle, IsEmpty());
  EXPECT_EQ(render_document(*web),
            R"({"id":"did:web:discover.bsky.social","service":[{"id":"#bsky_fg","type":"BskyFeedGenerator",)"
            R"("serviceEndpoint":"https://discover.bsky.social"}]})");
}

TEST(Document, ReadsBothFormsOfAKey) {
  for (const auto curve : {atproto::Curve::k256, atproto::Curve::p256}) {
    const test::Account account(1, curve);
    for (const auto form : {test::KeyForm::multikey, test::KeyForm::legacy}) {
      const auto identity = parse_document(account.did(), test::did_document(account, "https://pds.test", form));
      ASSERT_TRUE(identity);
      EXPECT_EQ(identity->key, account.key().public_key()) << identity->key_error;
    }
  }
}

TEST(Document, IsRefusedWhenItIsNoneOfThisDid) {
  json document = usual();
  document["id"] = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa";
  for (const std::string& text : {document.dump(), std::string(), std::string("[]"), std::string("null"),
                                  std::string("\"") + kDid + "\"", std::string("{\"id\":1}"), std::string("{}"),
                                  usual().dump().substr(0, 100), std::string("{\"id\":\"\xff\"}")}) {
    const auto identity = parse_document(did_of(kDid), text);
    ASSERT_FALSE(identity) << text;
    EXPECT_EQ(identity.error(), Errc::bad_document);
  }
}

TEST(Document, SurvivesDeepNesting) {
  EXPECT_FALSE(parse_document(did_of(kDid), std::string(1 << 20, '[')));
  EXPECT_FALSE(parse_document(did_of(kDid), "{\"id\":" + std::string(1 << 19, '{')));
}

TEST(Document, SurvivesDamageAndIsRenderedTheSameAgain) {
  json document = usual();
  document["alsoKnownAs"].push_back("at://second.example.com");
  document["service"].push_back(service("#labeler", "https://mod.example.com", "AtprotoLabeler"));
  const std::string whole = document.dump();
  std::mt19937 random(1);
  std::size_t understood = 0;
  for (int round = 0; round < 5'000; ++round) {
    std::string damaged = whole;
    for (unsigned i = 0; i <= random() % 3; ++i) {
      damaged[random() % damaged.size()] = static_cast<char>(random() % 2 == 0 ? random() % 256 : 0x20 + random() % 95);
    }
    if (random() % 4 == 0) damaged.erase(random() % damaged.size(), random() % 20);
    const auto identity = parse_document(did_of(kDid), damaged);
    if (!identity) continue;
    ++understood;
    const std::string rendered = render_document(*identity);
    const auto again = parse_document(did_of(kDid), rendered);
    ASSERT_TRUE(again) << rendered;
    EXPECT_EQ(render_document(*again), rendered);
    EXPECT_EQ(again->pds, identity->pds);
    EXPECT_EQ(again->declared_handle, identity->declared_handle);
    EXPECT_EQ(again->key, identity->key);
  }
  EXPECT_GT(understood, 500U);
}

TEST(Document, TakesTheFirstKeyThatIsUsable) {
  json document = usual();
  document["verificationMethod"] = {method("#atproto", "zNonsense"),
                                    method("#atproto_label", kKey),
                                    method("did:plc:other#atproto", kKey),
                                    method("#atproto", kKey, "Multikey", "did:plc:other"),
                                    method("atproto", kKey),
                                    method("#atproto", kOtherKey),
                                    method("#atproto", kKey)};
  const auto identity = parsed(document);
  EXPECT_EQ(identity.key.value().multikey(), kOtherKey);
  EXPECT_THAT(identity.key_error, IsEmpty());
}

TEST(Document, SaysWhyThereIsNoKey) {
  json document = usual();
  document["verificationMethod"] = {method("#atproto", "zNonsense"), method("#atproto", kKey, "Ed25519")};
  EXPECT_FALSE(parsed(document).key);
  EXPECT_THAT(parsed(document).key_error, Not(IsEmpty()));
  EXPECT_THAT(parsed(document).key_error, Not(HasSubstr("declared")));
}

TEST(Document, TakesAPdsOfTheRightTypeAndFormOnly) {
  json document = usual();
  document["service"] = {service("#atproto_pds", "https://a.example.com", "SomethingElse"),
                         service("#other", "https://b.example.com"),
                         service("did:plc:other#atproto_pds", "https://c.example.com"),
                         service("#atproto_pds", "https://user:pass@d.example.com"),
                         service("#atproto_pds", "https://e.example.com/path"),
                         service("#atproto_pds", "ftp://f.example.com"),
                         service("#atproto_pds", "wss://g.example.com"),
                         service("#atproto_pds", json{{"uri", "https://h.example.com"}}),
                         service("#atproto_pds", "http://PDS.example.com:2583/"),
                         service("#atproto_pds", "https://later.example.com")};
  EXPECT_EQ(parsed(document).pds, "http://pds.example.com:2583");
}

TEST(Document, TakesTheFirstNameThatIsAHandle) {
  json document = usual();
  document["alsoKnownAs"] = {"https://atproto.com", "at://not a handle", 7, "at://Alice.Example.COM", "at://b.test"};
  EXPECT_EQ(parsed(document).declared_handle, "alice.example.com");
  document["alsoKnownAs"] = {"at://handle.invalid", "at://b.test"};
  EXPECT_EQ(parsed(document).declared_handle, "handle.invalid");
}

TEST(Document, ToleratesOddParts) {
  json document = usual();
  document["authentication"] = nullptr;
  document["verificationMethod"].push_back(17);
  document["verificationMethod"].push_back(nullptr);
  document["service"].push_back(json::array());
  document["service"].push_back({{"id", 1}, {"type", {}}, {"serviceEndpoint", {1, 2}}});
  const auto identity = parsed(document);
  EXPECT_TRUE(identity.key);
  EXPECT_EQ(identity.pds, "https://pds.example.com");

  const json nulls{{"id", kDid}, {"alsoKnownAs", nullptr}, {"verificationMethod", nullptr}, {"service", nullptr}};
  EXPECT_EQ(render_document(parsed(nulls)), std::string("{\"id\":\"") + kDid + "\"}");
}

TEST(Document, IsRenderedFromItsFieldsInTheUsualCase) {
  const auto identity = parsed(usual());
  EXPECT_THAT(identity.unusual_document, IsEmpty());
  EXPECT_EQ(
      render_document(identity),
      R"({"id":"did:plc:ewvi7nxzyoun6zhxrhs64oiz","alsoKnownAs":["at://atproto.com"],"verificationMethod":[)"
      R"({"id":"did:plc:ewvi7nxzyoun6zhxrhs64oiz#atproto","type":"Multikey",)"
      R"("controller":"did:plc:ewvi7nxzyoun6zhxrhs64oiz",)"
      R"("publicKeyMultibase":"zQ3shXjHeiBuRCKmM36cuYnm7YEMzhGnCmCyW92sRJ9pribSF"}],"service":[)"
      R"({"id":"#atproto_pds","type":"AtprotoPersonalDataServer","serviceEndpoint":"https://pds.example.com"}]})");
}

TEST(Document, KeepsWhatItsFieldsDoNotSay) {
  json document = usual();
  document["alsoKnownAs"] = {"at://atproto.com", "at://second.example.com", "https://\"quoted\""};
  document["verificationMethod"].push_back(method("#atproto_label", kOtherKey));
  document["verificationMethod"].push_back(method("#foreign", kOtherKey, "Multikey", "did:plc:other"));
  document["service"].push_back(service(std::string(kDid) + "#labeler", "https://mod.example.com", "AtprotoLabeler"));
  const json rendered = json::parse(render_document(parsed(document)));
  EXPECT_EQ(rendered["alsoKnownAs"], document["alsoKnownAs"]);
  ASSERT_EQ(rendered["verificationMethod"].size(), 2U);
  EXPECT_EQ(rendered["verificationMethod"][1]["id"], std::string(kDid) + "#atproto_label");
  EXPECT_EQ(rendered["service"][1]["id"], "#labeler");
  EXPECT_FALSE(rendered.contains("@context"));
}

}  // namespace
}  // namespace tap::identity
