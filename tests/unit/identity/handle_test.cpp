// SPDX-License-Identifier: MIT
#include "identity/handle.hpp"

#include "support/net_fakes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace tap::identity {
namespace {

using Kind = HandleAnswer::Kind;
using testing::ElementsAre;
using testing::IsEmpty;

const std::string kDid = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa";
const std::string kOther = "did:plc:bbbbbbbbbbbbbbbbbbbbbbbb";

TEST(HandleTxt, TakesTheOneValidDid) {
  EXPECT_EQ(read_txt({"v=spf1 -all", "did=" + kDid})->did, kDid);
  EXPECT_EQ(read_txt({"did=" + kDid, "did=" + kDid})->did, kDid);
  EXPECT_EQ(read_txt({"did=nonsense", "did=" + kDid})->did, kDid);
}

TEST(HandleTxt, SaysNothingWithoutADid) {
  EXPECT_FALSE(read_txt({}));
  EXPECT_FALSE(read_txt({"did", kDid, " did=" + kDid, "DID=" + kDid, "did=" + kDid + " "}));
}

TEST(HandleTxt, FailsForSeveralDids) { EXPECT_EQ(read_txt({"did=" + kDid, "did=" + kOther})->kind, Kind::none); }

net::Response response(int status, std::string body) { return {status, {}, std::move(body)}; }

TEST(HandleWellKnown, TakesATrimmedDid) {
  EXPECT_EQ(read_well_known(response(200, " \r\n" + kDid + "\n")).did, kDid);
  EXPECT_EQ(read_well_known(response(203, kDid)).kind, Kind::did);
}

TEST(HandleWellKnown, KnowsWhatIsSure) {
  for (const auto& sure :
       {response(200, "<html>"), response(200, ""), response(404, kDid), response(410, ""), response(403, "")}) {
    EXPECT_EQ(read_well_known(sure).kind, Kind::none) << sure.status;
  }
  for (const auto error : {net::Errc::not_found, net::Errc::refused_address, net::Errc::too_large}) {
    EXPECT_EQ(read_well_known(fail(error)).kind, Kind::none);
  }
}

TEST(HandleWellKnown, KnowsWhatMayPass) {
  for (const int status : {500, 502, 503, 429, 408}) {
    EXPECT_EQ(read_well_known(response(status, kDid)).kind, Kind::unknown) << status;
  }
  for (const auto error : {net::Errc::timed_out, net::Errc::connect_failed, net::Errc::resolve_failed,
                           net::Errc::tls_failed, net::Errc::cut}) {
    EXPECT_EQ(read_well_known(fail(error)).kind, Kind::unknown);
  }
}

class HandleResolverTest : public testing::Test {
 protected:
  HandleAnswer resolve(const std::string& handle) {
    HandleResolver handles(loop.executor(), http, names, options);
    return loop.run(handles.resolve(handle));
  }
  static std::string well_known(const std::string& handle) { return "https://" + handle + "/.well-known/atproto-did"; }

  test::Loop loop;
  test::FakeHttp http{loop.executor()};
  test::FakeResolver names{loop.executor()};
  DirectoryOptions options;
};

TEST_F(HandleResolverTest, LetsDnsWin) {
  names.texts["_atproto.a.test"] = std::vector<std::string>{"did=" + kDid};
  http.answer(well_known("a.test"), 200, kOther);
  EXPECT_EQ(resolve("a.test").did, kDid);
  EXPECT_THAT(http.requests, IsEmpty());
}

TEST_F(HandleResolverTest, DoesNotAskFurtherWhenDnsNamesSeveral) {
  names.texts["_atproto.a.test"] = std::vector<std::string>{"did=" + kDid, "did=" + kOther};
  http.answer(well_known("a.test"), 200, kDid);
  EXPECT_EQ(resolve("a.test").kind, Kind::none);
  EXPECT_THAT(http.requests, IsEmpty());
}

TEST_F(HandleResolverTest, AsksOverHttpsWhenDnsHasNothing) {
  http.answer(well_known("a.test"), 200, kDid);
  EXPECT_EQ(resolve("a.test").did, kDid);
  ASSERT_EQ(http.requests.size(), 1U);
  EXPECT_EQ(http.requests[0].trust, net::Trust::untrusted);
  EXPECT_EQ(http.requests[0].names, net::Names::handles);
  EXPECT_EQ(http.requests[0].max_body, 2'048U);

  names.texts["_atproto.a.test"] = std::vector<std::string>{"unrelated"};
  EXPECT_EQ(resolve("a.test").did, kDid);
}

TEST_F(HandleResolverTest, IsNotSureWhenDnsIsInTrouble) {
  names.texts["_atproto.a.test"] = fail(net::Errc::resolve_failed);
  http.answer(well_known("a.test"), 404);
  EXPECT_EQ(resolve("a.test").kind, Kind::unknown);
  http.answer(well_known("a.test"), 200, kDid);
  EXPECT_EQ(resolve("a.test").did, kDid);
}

TEST_F(HandleResolverTest, IsNotSureWhenHttpsIsInTrouble) {
  http.fail_with(well_known("a.test"), net::Errc::timed_out);
  EXPECT_EQ(resolve("a.test").kind, Kind::unknown);
  // DNS is not asked there, so this says all (8.4 item 70).
  http.fail_with(well_known("a.bsky.social"), net::Errc::timed_out);
  EXPECT_EQ(resolve("a.bsky.social").kind, Kind::unknown);
}

TEST_F(HandleResolverTest, SkipsDnsWhereItHasNoPlace) {
  resolve("alice.bsky.social");
  EXPECT_THAT(names.asked, IsEmpty());

  const std::string label(60, 'a');
  const std::string longest = label + "." + label + "." + label + "." + label.substr(0, 56) + ".test";
  ASSERT_EQ(longest.size(), 244U);
  resolve(longest);
  EXPECT_THAT(names.asked, ElementsAre("_atproto." + longest));
  resolve("a" + longest);
  EXPECT_EQ(names.asked.size(), 1U);
  EXPECT_EQ(http.asked(well_known("a" + longest)), 1);
}

TEST_F(HandleResolverTest, NeverAsksForReservedNames) {
  for (const auto* handle : {"handle.invalid", "a.local", "a.localhost", "a.onion", "a.example", "a.internal"}) {
    EXPECT_EQ(resolve(handle).kind, Kind::none) << handle;
  }
  EXPECT_THAT(names.asked, IsEmpty());
  EXPECT_THAT(http.requests, IsEmpty());
}

TEST_F(HandleResolverTest, ResolvesABoundedNumberAtOnce) {
  options.handle_lookups = 2;
  HandleResolver handles(loop.executor(), http, names, options);
  names.gate.close();
  auto first = loop.start(handles.resolve("a.test"));
  auto second = loop.start(handles.resolve("b.test"));
  auto third = loop.start(handles.resolve("c.test"));
  EXPECT_EQ(names.gate.waiting(), 2U);
  names.gate.open();
  loop.run_until([&] { return first.done() && second.done() && third.done(); });
  EXPECT_THAT(names.asked, ElementsAre("_atproto.a.test", "_atproto.b.test", "_atproto.c.test"));
}

TEST_F(HandleResolverTest, DoesNotWaitForEverForAPlace) {
  options.handle_lookups = 1;
  options.timeout = std::chrono::milliseconds(1);
  HandleResolver handles(loop.executor(), http, names, options);
  http.gate.close();
  auto first = loop.start(handles.resolve("a.test"));
  EXPECT_EQ(loop.run(handles.resolve("b.test")).kind, Kind::unknown);
  http.gate.open();
  loop.run_until([&] { return first.done(); });
}

TEST_F(HandleResolverTest, DoesNotWaitForEverForDns) {
  options.timeout = std::chrono::milliseconds(1);
  names.gate.close();
  http.answer(well_known("a.test"), 404);
  EXPECT_EQ(resolve("a.test").kind, Kind::unknown) << "DNS has not said no";
  http.answer(well_known("b.test"), 200, kDid);
  EXPECT_EQ(resolve("b.test").did, kDid);
}

}  // namespace
}  // namespace tap::identity
