// SPDX-License-Identifier: MIT
// Which connections a request may use, and where a redirect may lead.
#include "http_fixture.hpp"

namespace tap::net {
namespace {

using namespace std::chrono_literals;
using test::Fault;
using test::Framing;
using test::Reply;

class KeepAlive : public HttpTest {};

TEST_F(KeepAlive, RequestsShareAConnection) {
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(get());
  EXPECT_EQ(server_.connections(), 1u);
  EXPECT_EQ(server_.requests(), 5u);
}

TEST_F(KeepAlive, RequestsAtTheSameTimeDoNot) {
  script({{.fault = Fault::hang}, {}});
  auto hanging = loop_.start(client().send({.url = url()}));
  loop_.run_until([&] { return server_.requests() == 1; });
  ASSERT_TRUE(get());
  EXPECT_EQ(server_.connections(), 2u);
  server_.drop_connections();
  loop_.run_until([&] { return hanging.done(); });
}

TEST_F(KeepAlive, OriginsDoNotShare) {
  ASSERT_TRUE(send({.url = url("/", "host.test")}));
  ASSERT_TRUE(send({.url = url("/", "other.test")}));
  EXPECT_EQ(server_.connections(), 2u);
}

TEST_F(KeepAlive, AnUntrustedRequestGetsNoConnectionMadeWithoutTheGuard) {
  client({.allow_private_hosts = false});
  ASSERT_TRUE(send({.url = url(), .trust = Trust::operator_set}));
  EXPECT_EQ(outcome({.url = url()}), text_of(Errc::refused_address));
}

TEST_F(KeepAlive, AConnectionThatTheServerEndsIsNotKept) {
  script({{.keep_alive = false}});
  ASSERT_TRUE(get());
  ASSERT_TRUE(get());
  EXPECT_EQ(server_.connections(), 2u);
}

TEST_F(KeepAlive, AnAnswerThatIsNotReadToItsEndCostsTheConnection) {
  script({{.body = std::string(100'000, 'x')}});
  EXPECT_EQ(outcome({.url = url(), .max_body = 10}), text_of(Errc::too_large));
  ASSERT_TRUE(get());
  EXPECT_EQ(server_.connections(), 2u);
}

TEST_F(KeepAlive, AnswersThatNobodyAskedForAreNotTakenForTheNext) {
  script({{.raw = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"},
          {.body = "right"}});
  EXPECT_EQ(outcome({.url = url()}), "200 ok");
  EXPECT_EQ(outcome({.url = url()}), "200 right");
  EXPECT_EQ(server_.connections(), 2u);
}

TEST_F(KeepAlive, AClosedIdleConnectionIsReplaced) {
  ASSERT_TRUE(get());
  server_.drop_connections();
  ASSERT_TRUE(server_.thread().wait_until([&] { return server_.open_connections() == 0; }));
  EXPECT_TRUE(send({.method = "POST", .url = url()}));
  EXPECT_EQ(server_.connections(), 2u);
}

TEST_F(KeepAlive, AGetThatDiesWithItsReusedConnectionIsSentAgain) {
  script({{}, {.fault = Fault::cut}, {.body = "second try"}});
  ASSERT_TRUE(get());
  EXPECT_EQ(outcome({.url = url()}), "200 second try");
  EXPECT_EQ(server_.requests(), 3u);
}

TEST_F(KeepAlive, APostIsNeverSentTwice) {
  script({{}, {.fault = Fault::cut}, {.body = "second try"}});
  ASSERT_TRUE(get());
  EXPECT_EQ(outcome({.method = "POST", .url = url()}), text_of(Errc::cut));
  EXPECT_EQ(server_.requests(), 2u);
}

TEST_F(KeepAlive, AGetThatDiesOnAFreshConnectionIsNotSentAgain) {
  script({{.fault = Fault::cut}});
  EXPECT_EQ(outcome({.url = url()}), text_of(Errc::cut));
  EXPECT_EQ(server_.requests(), 1u);
}

class Redirect : public HttpTest {
 protected:
  static Reply to(const std::string& location, int status = 302) {
    return {.status = status, .headers = {{"Location", location}}, .body = "moved"};
  }
};

TEST_F(Redirect, IsFollowed) {
  for (const int status : {301, 302, 303, 307, 308}) {
    script({to("/next?x=1", status), {.body = "here"}});
    EXPECT_EQ(outcome({.url = url("/first")}), "200 here");
    EXPECT_EQ(last_request().path, "/next");
  }
}

TEST_F(Redirect, IsAnAnswerWhenNoneMayBeFollowed) {
  script({to("/next")});
  EXPECT_EQ(outcome({.url = url(), .redirects = 0}), "302 moved");
  EXPECT_EQ(outcome({.method = "POST", .url = url()}), "302 moved") << "a delivery must not become a GET";
  script({{.status = 302, .body = "without a place"}});
  EXPECT_EQ(outcome({.url = url()}), "302 without a place");
}

TEST_F(Redirect, EndsAtTheLimit) {
  script({to("/1"), to("/2"), to("/3"), {.body = "here"}});
  EXPECT_EQ(outcome({.url = url(), .redirects = 3}), "200 here");
  script({to("/round")});
  EXPECT_EQ(outcome({.url = url(), .redirects = 3}), text_of(Errc::too_many_redirects));
  EXPECT_EQ(server_.requests(), 4u + 4u);
}

TEST_F(Redirect, ToAPrivateAddressIsRefusedWhoeverAsked) {
  // The operator's server may be on loopback; that it names a private address of another name is not for it to say.
  client({.allow_private_hosts = false});
  script({to(url("/", "other.test").origin() + "/secret"), {.body = "secret"}});
  EXPECT_EQ(outcome({.url = url(), .trust = Trust::operator_set}), text_of(Errc::refused_address));
  EXPECT_EQ(server_.requests(), 1u);
}

TEST_F(Redirect, WithinTheOperatorsHostKeepsItsTrust) {
  client({.allow_private_hosts = false});
  script({to("/next"), {.body = "here"}});
  EXPECT_EQ(outcome({.url = url(), .trust = Trust::operator_set}), "200 here");
}

TEST_F(Redirect, LeavesCredentialsBehind) {
  Url with_password = url();
  with_password.userinfo = "admin:secret";
  script({to("/same"), to(url("/elsewhere", "other.test").origin() + "/x"), {.body = "here"}});
  ASSERT_TRUE(send({.url = with_password, .redirects = 1}).error() == Errc::too_many_redirects);
  EXPECT_EQ(last_request().header("authorization").substr(0, 5), "Basic") << "the origin is the same";
  script({to("http://user:pw@other.test:" + std::to_string(server_.port()) + "/x"), {.body = "here"}});
  EXPECT_EQ(outcome({.url = with_password, .headers = {{"Authorization", "Bearer x"}, {"Accept", "a/b"}}}), "200 here");
  EXPECT_EQ(last_request().header("authorization"), "");
  EXPECT_EQ(last_request().header("accept"), "a/b");
}

TEST_F(Redirect, ToAnotherSchemeIsMalformed) {
  for (const std::string location : {"ftp://host.test/", "gopher://x", "http://", "/a b"}) {
    script({to(location)});
    EXPECT_EQ(outcome({.url = url()}), text_of(Errc::bad_response)) << location;
  }
}

class GuardedConnect : public HttpTest {
 protected:
  GuardedConnect() { client({.allow_private_hosts = false}); }
};

TEST_F(GuardedConnect, RefusesNamesOfPrivateAddresses) {
  EXPECT_EQ(outcome({.url = url("/", "host.test")}), text_of(Errc::refused_address));
  EXPECT_EQ(outcome({.url = url("/", "127.0.0.1")}), text_of(Errc::refused_address));
  resolve("mixed.test", {"2d00::1", "127.0.0.1"});  // the first is public, but nobody's: IANA has not given it out
  EXPECT_EQ(outcome({.url = url("/", "mixed.test")}), text_of(Errc::refused_address));
  EXPECT_EQ(server_.connections(), 0u);
}

TEST_F(GuardedConnect, AllowsTheOperatorsHosts) {
  EXPECT_TRUE(send({.url = url("/", "host.test"), .trust = Trust::operator_set}));
}

TEST_F(HttpTest, TakesTheFirstAddressThatAnswers) {
  resolve("many.test", {"127.0.0.2", "127.0.0.1"});  // the server listens on 127.0.0.1 only
  EXPECT_EQ(outcome({.url = url("/", "many.test")}), "200 ");
}

TEST_F(HttpTest, NamesWhyItCannotConnect) {
  resolve("closed.test", {"127.0.0.2"});
  const auto closed = send({.url = url("/", "closed.test")});
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error(), Errc::connect_failed);
  EXPECT_NE(closed.error().message().find("closed.test"), std::string::npos);
  EXPECT_EQ(outcome({.url = url("/", "nobody.test")}), text_of(Errc::not_found));
}

}  // namespace
}  // namespace tap::net
