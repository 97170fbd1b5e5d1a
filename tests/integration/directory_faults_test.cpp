// SPDX-License-Identifier: MIT
// What the directory, or the host of a did:web, may say in place of a document.
#include "integration/tap_test.hpp"

namespace tap::test {
namespace {

using ::testing::HasSubstr;

std::string replaced(std::string text, std::string_view what, std::string_view by) {
  return text.replace(text.find(what), what.size(), by);
}

/// `answer` is given the true document.
struct BadAnswer {
  const char* row;
  const char* reason;  ///< a part of what /info says
  Reply (*answer)(const std::string& document);
};

const std::vector<BadAnswer> kBadAnswers = {
    {"NotFound", "DID not found", [](const std::string&) { return Reply{.status = 404}; }},
    {"Tombstone", "DID is tombstoned", [](const std::string&) { return Reply{.status = 410}; }},
    {"NoJson", "not a usable DID document", [](const std::string&) { return Reply{.body = "<html>"}; }},
    {"Cut", "not a usable DID document",
     [](const std::string& document) { return Reply{.body = document.substr(0, document.size() / 2)}; }},
    {"OfAnother", "not a usable DID document",
     [](const std::string& document) { return Reply{.body = replaced(document, R"("id":"did:)", R"("id":"did:x)")}; }},
    {"Huge", "not a usable DID document",
     [](const std::string& document) { return Reply{.body = document + std::string(2 << 20, ' ')}; }},
    {"NoKey", "no usable signing key",
     [](const std::string& document) { return Reply{.body = replaced(document, "#atproto\"", "#other\"")}; }},
    {"NoPds", "names no PDS",
     [](const std::string& document) {
       return Reply{.body = replaced(document, "AtprotoPersonalDataServer", "AtprotoLabeler")};
     }},
};

class DirectoryFaults : public TapTest {
 protected:
  [[nodiscard]] std::string error(const std::string& did) const { return get("/info/" + did).at("error"); }
  void await_error(const std::string& did) const {
    wait_for(did + " has failed", [&] { return get("/info/" + did).at("state") == "error"; });
  }
};

class BadDocument : public DirectoryFaults, public ::testing::WithParamInterface<BadAnswer> {};

TEST_P(BadDocument, OfTheDirectoryIsNamedByInfo) {
  Account alice(1);
  alice.fill(5);
  publish(alice);
  plc_.answer(alice.did().str(), GetParam().answer(document_of(alice, pds_.url())));
  start();
  consume();
  track(alice);
  await_state(alice, "error");
  EXPECT_THAT(error(alice.did().str()), HasSubstr(GetParam().reason));

  track(alice);  // it is tried at once
  await_records(alice);
  await_state(alice, "active");
  EXPECT_EQ(error(alice.did().str()), "");
}

TEST_P(BadDocument, OfADidWebIsNamedByInfo) {
  const Account alice(1);
  std::string document = document_of(alice, pds_.url());
  HttpServer host([&](const HttpRequest&) { return GetParam().answer(document); });
  const std::string did = "did:web:localhost%3A" + std::to_string(host.port());
  while (document.find(alice.did().str()) != std::string::npos) document = replaced(document, alice.did().str(), did);
  start();
  track(std::vector{did});
  await_error(did);
  EXPECT_THAT(error(did), HasSubstr(GetParam().reason));
}

INSTANTIATE_TEST_SUITE_P(Of, BadDocument, ::testing::ValuesIn(kBadAnswers),
                         [](const auto& info) { return std::string(info.param.row); });

TEST_F(DirectoryFaults, HostOfADidWebThatFailsIsNamedAndTriedAgain) {
  HttpServer host([&](const HttpRequest&) { return Reply{.status = 503}; });
  const std::string did = "did:web:localhost%3A" + std::to_string(host.port());
  start();
  track(std::vector{did});
  await_error(did);
  EXPECT_THAT(error(did), HasSubstr("HTTP 503"));
  wait_for("another try", [&] { return host.requests() >= 2; });
}

TEST_F(DirectoryFaults, DirectoryThatBreaksOffChargesNobody) {
  Account alice(1);
  alice.fill(5);
  publish(alice);
  start();
  consume();
  plc_.answer_all(Reply{.body = R"({"id":"did)", .fault = Fault::cut_in_body, .fault_at = 5});
  track(alice);
  wait_for("the directory is asked", [&] { return plc_.requests(alice.did().str()) >= 1; });
  EXPECT_EQ(state(alice), "pending");
  EXPECT_EQ(get("/info/" + alice.did().str()).at("retries"), 0);
  plc_.answer_all(std::nullopt);
  await_records(alice);
}

TEST_F(DirectoryFaults, KeyThatChangesBetweenTwoAnswersIsFollowed) {
  Account alice(1);
  Account before(1);
  alice.rotate(SigningKey(atproto::Curve::p256, 99));
  alice.fill(5);
  publish(alice);
  plc_.answer(alice.did().str(), Reply{.body = document_of(before, pds_.url())});
  start();
  consume();
  onboard(alice);
  EXPECT_EQ(pds_.requests(alice.did().str()), 1U);
  EXPECT_EQ(plc_.requests(alice.did().str()), 2U);
}

}  // namespace
}  // namespace tap::test
