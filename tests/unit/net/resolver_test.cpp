// SPDX-License-Identifier: MIT
#include "tap/net/resolver.hpp"

#include "tap/async/timeout.hpp"

#include "support/loop.hpp"
#include "support/net/dns_server.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tap::net {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

class Txt : public testing::Test {
 protected:
  std::unique_ptr<Resolver> make(ResolverOptions options = {.attempts = 1}) {
    options.port = dns_.port();
    options.attempt_timeout = 1s;
    return make_resolver(loop_.executor(), options, &metrics_);
  }
  Result<std::vector<std::string>> ask(const std::string& name, int attempts = 1) {
    const auto resolver = make({.attempts = attempts});
    return loop_.run(resolver->txt(name));
  }
  test::Loop loop_;
  test::DnsServer dns_;
  metrics::Registry metrics_;
};

TEST_F(Txt, JoinsTheStringsOfARecord) {
  dns_.set_txt("_atproto.a.test", {{"did=did:plc:", "abc", ""}});
  const auto texts = ask("_atproto.a.test");
  ASSERT_TRUE(texts);
  EXPECT_THAT(*texts, ElementsAre("did=did:plc:abc"));
}

TEST_F(Txt, KeepsRecordsApart) {
  dns_.set_txt("a.test", {{"v=spf1 -all"}, {"did=did:plc:abc"}});
  const auto texts = ask("a.test");
  ASSERT_TRUE(texts);
  EXPECT_THAT(*texts, ElementsAre("v=spf1 -all", "did=did:plc:abc"));
}

TEST_F(Txt, ANameThatDoesNotExistIsNotFound) {
  const auto texts = ask("nobody.test");
  ASSERT_FALSE(texts);
  EXPECT_EQ(texts.error(), Errc::not_found);
}

TEST_F(Txt, ANameThatCannotExistIsNotFound) {
  const std::string label(60, 'a');
  const auto texts = ask("_atproto." + label + "." + label + "." + label + "." + label + ".test");
  ASSERT_FALSE(texts);
  EXPECT_EQ(texts.error(), Errc::not_found);
}

TEST_F(Txt, ANameWithoutTxtIsNotFound) {
  dns_.set_code("a.test", 0);
  const auto texts = ask("a.test");
  ASSERT_FALSE(texts);
  EXPECT_EQ(texts.error(), Errc::not_found);
}

TEST_F(Txt, AFailingServerIsNoAnswerAboutTheName) {
  dns_.set_code("a.test", 2);
  const auto texts = ask("a.test");
  ASSERT_FALSE(texts);
  EXPECT_EQ(texts.error(), Errc::resolve_failed);
}

TEST_F(Txt, ASilentServerIsNoAnswerAboutTheName) {
  dns_.set_silent("a.test");
  const auto texts = ask("a.test");
  ASSERT_FALSE(texts);
  EXPECT_EQ(texts.error(), Errc::resolve_failed);
}

TEST_F(Txt, AMalformedRecordIsNoAnswerAboutTheName) {
  dns_.set_malformed("a.test");
  const auto texts = ask("a.test");
  ASSERT_FALSE(texts);
  EXPECT_EQ(texts.error(), Errc::resolve_failed);
}

TEST_F(Txt, AnswersOfMoreThan512BytesFitADatagram) {
  const std::vector<test::DnsServer::Strings> records(4, {std::string(250, 'x')});
  dns_.set_txt("a.test", records);
  const auto texts = ask("a.test");
  ASSERT_TRUE(texts);
  EXPECT_EQ(texts->size(), records.size());
}

/// The server is silent over TCP, where there is no end to the waiting.
TEST_F(Txt, WhatDoesNotFitADatagramIsNoAnswerAboutTheName) {
  std::vector<test::DnsServer::Strings> records(5, {std::string(250, 'x')});
  dns_.set_txt("a.test", records);
  EXPECT_EQ(ask("a.test").error(), Errc::resolve_failed) << "some of them came";
  dns_.set_txt("b.test", {test::DnsServer::Strings(5, std::string(250, 'x'))});
  EXPECT_EQ(ask("b.test").error(), Errc::resolve_failed) << "nothing came";
}

TEST_F(Txt, ServersThatDoNotKnowEdnsAreAskedWithoutIt) {
  dns_.set_txt("a.test", {{"x"}});
  constexpr int kFormatError = 1;
  constexpr int kNotImplemented = 4;
  for (const std::optional<int> refusal : {std::optional(kFormatError), std::optional(kNotImplemented), {}}) {
    dns_.refuse_edns(refusal);
    const auto texts = ask("a.test", 2);
    ASSERT_TRUE(texts) << refusal.value_or(0);
    EXPECT_THAT(*texts, ElementsAre("x"));
  }
}

TEST_F(Txt, ACallerMayLeaveALookUpThatHangs) {
  dns_.set_silent("slow.test");
  const auto resolver = make();
  const auto texts = loop_.run(async::with_timeout(resolver->txt("slow.test"), 20ms));
  ASSERT_FALSE(texts);
  EXPECT_EQ(texts.error(), async::Errc::timed_out);  // not resolve_failed: the look-up itself takes a second
}

TEST_F(Txt, AQueueThatIsFullRefuses) {
  dns_.set_silent("slow.test");
  const auto resolver = make({.attempts = 1, .txt_threads = 1, .max_queued = 1});
  auto first = loop_.start(resolver->txt("slow.test"));
  auto second = loop_.start(resolver->txt("slow.test"));
  const auto third = loop_.run(resolver->txt("slow.test"));
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error(), Errc::resolve_failed);
  EXPECT_FALSE(first.done());
  EXPECT_EQ(metrics_.queue("names_txt", 0).value(), 2) << "of a capacity of 2";
  loop_.run_until([&] { return first.done() && second.done(); });
  dns_.set_txt("a.test", {{"x"}});
  EXPECT_TRUE(loop_.run(resolver->txt("a.test"))) << "there is room again";
  EXPECT_EQ(metrics_.queue("names_txt", 0).value(), 0);
}

TEST_F(Txt, QueuedLookUpsThatNobodyWaitsForAreNotMade) {
  dns_.set_silent("slow.test");
  dns_.set_txt("a.test", {{"x"}});
  dns_.set_txt("given-up.test", {{"x"}});
  const auto resolver = make({.attempts = 1, .txt_threads = 1});
  auto slow = loop_.start(resolver->txt("slow.test"));
  EXPECT_FALSE(loop_.run(async::with_timeout(resolver->txt("given-up.test"), 1ms)));
  EXPECT_TRUE(loop_.run(resolver->txt("a.test")));
  EXPECT_EQ(dns_.queries("given-up.test"), 0u);
  EXPECT_TRUE(slow.done());
}

class LookUps : public Txt {};

/// Anybody may have names that hang, and more of them than there are threads.
TEST_F(LookUps, ThatHangHoldUpNobodyButTheirOwnKind) {
  dns_.set_silent("slow.test");
  const auto resolver =
      make({.attempts = 1, .operator_threads = 1, .pds_threads = 1, .did_web_threads = 1, .handle_threads = 1});
  std::vector<test::Loop::Started<Result<std::vector<boost::asio::ip::address>>>> slow;
  std::vector<test::Loop::Started<Result<std::vector<std::string>>>> texts;
  for (int number = 0; number < 10; ++number) texts.push_back(loop_.start(resolver->txt("slow.test")));
  for (const auto kind : {Names::handles, Names::did_web, Names::pds, Names::operators}) {
    EXPECT_TRUE(loop_.run(resolver->addresses("localhost", kind)));
    for (int number = 0; number < 2; ++number) slow.push_back(loop_.start(resolver->addresses("slow.test", kind)));
  }
  for (const auto& look_up : slow) EXPECT_FALSE(look_up.done());
  for (const auto& look_up : texts) EXPECT_FALSE(look_up.done());
}

TEST_F(LookUps, ThatHangDelayTheirOwnKind) {
  dns_.set_silent("slow.test");
  const auto resolver = make({.attempts = 1, .pds_threads = 1});
  auto slow = loop_.start(resolver->addresses("slow.test", Names::pds));
  EXPECT_TRUE(loop_.run(resolver->addresses("localhost", Names::pds)));
  ASSERT_TRUE(slow.done());
  EXPECT_EQ(slow.take().error(), Errc::resolve_failed);
}

/// The process ends with its resolver, whatever strangers' servers do.
TEST_F(LookUps, ThatHangAreLeftBehindAtTheEnd) {
  dns_.set_silent("slow.test");
  auto resolver = make_resolver(loop_.executor(), {.attempt_timeout = 1min, .port = dns_.port()});
  auto text = loop_.start(resolver->txt("slow.test"));
  auto address = loop_.start(resolver->addresses("slow.test", Names::pds));
  loop_.run_until([&] { return dns_.queries("slow.test") >= 2; });
  const auto begin = std::chrono::steady_clock::now();
  resolver.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, test::kPatience);
  EXPECT_FALSE(text.done());
  EXPECT_FALSE(address.done());
}

TEST(Addresses, ALiteralIsItself) {
  test::Loop loop;
  const auto resolver = make_resolver(loop.executor());
  for (const std::string text : {"127.0.0.1", "2001:db8::1"}) {
    const auto addresses = loop.run(resolver->addresses(text, Names::pds));
    ASSERT_TRUE(addresses);
    EXPECT_THAT(*addresses, ElementsAre(boost::asio::ip::make_address(text)));
  }
}

TEST(Addresses, LocalhostIsLoopback) {
  test::Loop loop;
  const auto resolver = make_resolver(loop.executor());
  const auto addresses = loop.run(resolver->addresses("localhost", Names::operators));
  ASSERT_TRUE(addresses);
  for (const auto& address : *addresses) EXPECT_TRUE(address.is_loopback());
}

}  // namespace
}  // namespace tap::net
