// SPDX-License-Identifier: MIT
#include "tap/identity/directory.hpp"

#include "support/atproto/did_document.hpp"
#include "support/clock_fakes.hpp"
#include "support/net_fakes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace tap::identity {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class DirectoryTest : public testing::Test {
 protected:
  DirectoryTest() {
    options.plc_url = net::Url::parse("https://plc.test").value();
    know(account);
  }
  Directory& directory() {
    if (!made) made = make_directory(loop.executor(), http, names, clock, metrics, options);
    return *made;
  }
  static std::string url_of(const test::Account& of) { return "https://plc.test/" + of.did().str(); }
  /// The directory knows the account as it is now.
  void know(const test::Account& of) { http.answer(url_of(of), 200, test::did_document(of, "https://pds.test")); }
  Result<IdentityPtr> lookup() { return loop.run(directory().lookup(account.did())); }
  Result<IdentityPtr> lookup(std::string_view did) {
    return loop.run(directory().lookup(atproto::Did::parse(did).value()));
  }
  Result<IdentityPtr> refresh() { return loop.run(directory().refresh(account.did())); }
  std::ptrdiff_t fetches() const { return http.asked(url_of(account)); }

  test::Account account{1};
  test::Loop loop;
  test::FakeHttp http{loop.executor()};
  test::FakeResolver names{loop.executor()};
  test::FakeClock clock;
  metrics::Registry metrics;
  DirectoryOptions options;
  std::unique_ptr<Directory> made;
};

TEST_F(DirectoryTest, FetchesOnceAndRemembersForADay) {
  EXPECT_EQ(directory().cached(account.did()), nullptr);
  EXPECT_EQ(lookup().value()->key, account.key().public_key());
  EXPECT_EQ(lookup().value()->pds, "https://pds.test");
  EXPECT_EQ(directory().cached(account.did()), lookup().value());
  EXPECT_EQ(fetches(), 1);
  EXPECT_EQ(http.requests[0].trust, net::Trust::operator_set);
  EXPECT_EQ(http.requests[0].timeout, 10s);

  clock.advance(24h);
  EXPECT_EQ(directory().cached(account.did()), nullptr);
  EXPECT_TRUE(lookup());
  EXPECT_EQ(fetches(), 2);
}

TEST_F(DirectoryTest, KeepsThePathOfTheDirectorysUrl) {
  options.plc_url = net::Url::parse("http://127.0.0.1:2582/prefix/").value();
  http.answer("http://127.0.0.1:2582/prefix/" + account.did().str(), 200,
              test::did_document(account, "https://a.test"));
  EXPECT_TRUE(lookup());
}

TEST_F(DirectoryTest, TellsFailuresApart) {
  const auto answer_with = [this](int status) {
    http.answer(url_of(account), status);
    directory().purge(account.did());
    return lookup().error();
  };
  EXPECT_EQ(answer_with(404), Errc::not_found);
  EXPECT_EQ(answer_with(410), Errc::tombstoned);
  EXPECT_EQ(answer_with(200), Errc::bad_document);
  for (const int status : {302, 400, 429, 500, 503}) EXPECT_EQ(answer_with(status), Errc::unavailable) << status;
  http.fail_with(url_of(account), net::Errc::timed_out);
  directory().purge(account.did());
  EXPECT_EQ(lookup().error(), Errc::unavailable);
  http.answer(url_of(account), 200, std::string((1 << 20) + 1, ' '));
  directory().purge(account.did());
  EXPECT_EQ(lookup().error(), Errc::bad_document);
}

TEST_F(DirectoryTest, AsksNobodyForWhatCannotBe) {
  EXPECT_EQ(lookup("did:key:zQ3sh").error(), Errc::unsupported_method);
  for (const auto* did : {"did:plc:short", "did:plc:AAAAAAAAAAAAAAAAAAAAAAAA", "did:plc:..%2F..%2Fadmin1234567890a",
                          "did:web:localhost", "did:web:127.0.0.1", "did:web:host.test%3A8080", "did:web:host.local",
                          "did:web:host.test:path", "did:web:single"}) {
    EXPECT_EQ(lookup(did).error(), Errc::not_found) << did;
  }
  EXPECT_TRUE(http.requests.empty());
}

TEST_F(DirectoryTest, FetchesWebDocumentsFromTheirHost) {
  http.answer("https://host.test/.well-known/did.json", 200, R"({"id":"did:web:host.test"})");
  EXPECT_EQ(lookup("did:web:host.test").value()->did.str(), "did:web:host.test");
  EXPECT_EQ(http.requests.back().trust, net::Trust::untrusted);
  EXPECT_EQ(http.requests.back().names, net::Names::did_web);
  EXPECT_EQ(http.requests.back().max_body, 1U << 20);

  http.fail_with("https://gone.test/.well-known/did.json", net::Errc::not_found);
  EXPECT_EQ(lookup("did:web:gone.test").error(), Errc::not_found);
  http.fail_with("https://inside.test/.well-known/did.json", net::Errc::refused_address);
  EXPECT_EQ(lookup("did:web:inside.test").error(), Errc::not_found);
}

TEST_F(DirectoryTest, AllowsLocalHostsForTests) {
  options.allow_private_hosts = true;
  http.answer("http://localhost:8080/.well-known/did.json", 200, R"({"id":"did:web:localhost%3A8080"})");
  EXPECT_TRUE(lookup("did:web:localhost%3A8080"));
  http.answer("https://host.test:8443/.well-known/did.json", 200, R"({"id":"did:web:host.test%3A8443"})");
  EXPECT_TRUE(lookup("did:web:host.test%3A8443"));
  EXPECT_EQ(lookup("did:web:a%3Ab%3Ac").error(), Errc::not_found);
}

TEST_F(DirectoryTest, TellsOfWhomItAsks) {
  EXPECT_TRUE(lookup());
  EXPECT_FALSE(directory().is_asking(account.did()));
  clock.advance(options.refresh_interval);
  http.gate.close();
  auto refresh = loop.start(directory().refresh(account.did()));
  EXPECT_NE(directory().cached(account.did()), nullptr);
  EXPECT_TRUE(directory().is_asking(account.did()));
  http.gate.open();
  loop.run_until([&] { return refresh.done(); });
  EXPECT_TRUE(refresh.take());
  EXPECT_FALSE(directory().is_asking(account.did()));
}

TEST_F(DirectoryTest, JoinsLookUpsOfOneDid) {
  http.gate.close();
  auto first = loop.start(directory().lookup(account.did()));
  auto second = loop.start(directory().lookup(account.did()));
  EXPECT_EQ(http.gate.waiting(), 1U);
  http.gate.open();
  loop.run_until([&] { return first.done() && second.done(); });
  EXPECT_EQ(first.take().value(), second.take().value());
  EXPECT_EQ(fetches(), 1);
  EXPECT_EQ(metrics.counter("atproto_directory_identity_requests_coalesced", "").value(), 1U);
}

TEST_F(DirectoryTest, SomebodyElseFetchesWhenTheFirstIsCancelled) {
  http.gate.close();
  std::optional<test::Background> first(std::in_place, loop, [](Directory& from, atproto::Did did) -> Task<void> {
    auto identity = co_await from.lookup(std::move(did));
    static_cast<void>(identity);
  }(directory(), account.did()));
  auto second = loop.start(directory().lookup(account.did()));
  auto third = loop.start(directory().lookup(account.did()));
  first.reset();
  loop.settle();
  EXPECT_EQ(http.gate.waiting(), 1U);
  http.gate.open();
  loop.run_until([&] { return second.done() && third.done(); });
  EXPECT_TRUE(second.take());
  EXPECT_TRUE(third.take());
  EXPECT_EQ(fetches(), 2);
}

TEST_F(DirectoryTest, DoesNotKeepWhatWasFetchedBeforeAPurge) {
  http.gate.close();
  auto old = loop.start(directory().lookup(account.did()));
  directory().purge(account.did());
  const test::SigningKey old_key = account.key();
  account.rotate(test::SigningKey(atproto::Curve::k256, 99));
  know(account);
  // In the worst order: the old document comes last.
  http.gate.let_newcomers_pass();
  auto fresh = loop.start(directory().lookup(account.did()));
  EXPECT_TRUE(fresh.done());
  EXPECT_FALSE(old.done());
  http.gate.open();
  loop.run_until([&] { return old.done(); });
  EXPECT_EQ(old.take().value()->key, old_key.public_key());
  EXPECT_EQ(fresh.take().value()->key, account.key().public_key());
  EXPECT_EQ(lookup().value()->key, account.key().public_key());
  EXPECT_EQ(fetches(), 2);
}

TEST_F(DirectoryTest, ForgetsAPurgedFetchEvenWhenNobodyAsksAgain) {
  http.gate.close();
  auto old = loop.start(directory().lookup(account.did()));
  directory().purge(account.did());
  http.gate.open();
  loop.run_until([&] { return old.done(); });
  EXPECT_EQ(directory().cached(account.did()), nullptr);
}

TEST_F(DirectoryTest, RefreshDoesNotJoinAnEarlierFetch) {
  http.gate.close();
  auto old = loop.start(directory().lookup(account.did()));
  account.rotate(test::SigningKey(atproto::Curve::k256, 99));
  know(account);
  auto fresh = loop.start(directory().refresh(account.did()));
  auto joined = loop.start(directory().lookup(account.did()));
  EXPECT_EQ(http.gate.waiting(), 2U);
  http.gate.let_one_pass();
  loop.run_until([&] { return old.done(); });
  auto late = loop.start(directory().lookup(account.did()));
  EXPECT_EQ(http.gate.waiting(), 1U) << "the end of the old one is not that of the fresh one";
  http.gate.open();
  loop.run_until([&] { return fresh.done() && joined.done() && late.done(); });
  EXPECT_EQ(fresh.take().value()->key, account.key().public_key());
  EXPECT_EQ(joined.take().value()->key, account.key().public_key());
  EXPECT_EQ(lookup().value()->key, account.key().public_key());
}

TEST_F(DirectoryTest, RefreshesADidOnlySoOften) {
  EXPECT_TRUE(lookup());
  EXPECT_TRUE(refresh());
  EXPECT_EQ(fetches(), 2);
  EXPECT_TRUE(refresh());
  EXPECT_EQ(fetches(), 2);
  clock.advance(5s);
  EXPECT_TRUE(refresh());
  EXPECT_EQ(fetches(), 3);
  // A purge says that there is something new.
  directory().purge(account.did());
  EXPECT_TRUE(refresh());
  EXPECT_EQ(fetches(), 4);
}

TEST_F(DirectoryTest, KeepsWhatItKnowsWhileTheDirectoryIsInTrouble) {
  EXPECT_TRUE(lookup());
  http.answer(url_of(account), 503);
  EXPECT_EQ(refresh().error(), Errc::unavailable);
  EXPECT_TRUE(lookup());
  clock.advance(25h);
  EXPECT_TRUE(lookup());
  EXPECT_EQ(lookup().value(), directory().cached(account.did()));
}

TEST_F(DirectoryTest, AsksAgainSoonAfterTrouble) {
  http.answer(url_of(account), 503);
  EXPECT_EQ(lookup().error(), Errc::unavailable);
  know(account);
  EXPECT_EQ(lookup().error(), Errc::unavailable);
  EXPECT_EQ(fetches(), 1);
  clock.advance(5s);
  EXPECT_TRUE(lookup());
}

TEST_F(DirectoryTest, RemembersASureNoForTwoMinutes) {
  http.answer(url_of(account), 404);
  EXPECT_EQ(lookup().error(), Errc::not_found);
  know(account);
  clock.advance(2min - 1s);
  EXPECT_EQ(lookup().error(), Errc::not_found);
  clock.advance(1s);
  EXPECT_TRUE(lookup());
}

TEST_F(DirectoryTest, FetchesABoundedNumberAtOnceAndHandlesApart) {
  options.plc_fetches = 2;
  options.web_fetches = 1;
  http.gate.close();
  std::vector<test::Account> accounts;
  for (std::uint64_t i = 10; i < 13; ++i) know(accounts.emplace_back(i));
  http.answer("https://host.test/.well-known/did.json", 200, R"({"id":"did:web:host.test"})");
  auto web = loop.start(directory().lookup(atproto::Did::parse("did:web:host.test").value()));
  std::vector<test::Loop::Started<Result<IdentityPtr>>> lookups;
  for (const auto& each : accounts) lookups.push_back(loop.start(directory().lookup(each.did())));
  EXPECT_EQ(http.gate.waiting(), 3U);
  http.gate.open();
  loop.run_until([&] { return std::ranges::all_of(lookups, [](const auto& each) { return each.done(); }); });
  for (auto& each : lookups) EXPECT_TRUE(each.take());
  EXPECT_TRUE(web.done());
}

TEST_F(DirectoryTest, HostsOfDidWebsThatHangDelayNoDidPlc) {
  options.plc_fetches = 1;
  options.web_fetches = 2;
  http.gate.close();
  std::vector<test::Loop::Started<Result<IdentityPtr>>> flood;
  for (int number = 0; number < 100; ++number) {
    const auto did = atproto::Did::parse("did:web:hangs" + std::to_string(number) + ".test").value();
    flood.push_back(loop.start(directory().lookup(did)));
  }
  EXPECT_EQ(http.gate.waiting(), 2U);
  http.gate.let_newcomers_pass();
  const auto honest = loop.start(directory().lookup(account.did()));
  EXPECT_TRUE(honest.done());
  http.gate.open();
  loop.run_until([&] { return std::ranges::all_of(flood, [](const auto& each) { return each.done(); }); });
}

TEST_F(DirectoryTest, DoesNotWaitForEverForAPlace) {
  options.plc_fetches = 1;
  options.timeout = 1ms;
  http.gate.close();
  const test::Account other(2);
  auto hanging = loop.start(directory().lookup(other.did()));
  EXPECT_EQ(lookup().error(), Errc::unavailable);
  http.gate.open();
  loop.run_until([&] { return hanging.done(); });
}

class VerifiedHandleTest : public DirectoryTest {
 protected:
  std::optional<std::string> verified(std::string declared) {
    Identity identity;
    identity.did = account.did();
    identity.declared_handle = std::move(declared);
    return loop.run(directory().verified_handle(std::make_shared<const Identity>(std::move(identity))));
  }
};

TEST_F(VerifiedHandleTest, MustLeadBackToTheDid) {
  names.texts["_atproto.alice.test"] = std::vector<std::string>{"did=" + account.did().str()};
  names.texts["_atproto.mallory.test"] = std::vector<std::string>{"did=did:plc:bbbbbbbbbbbbbbbbbbbbbbbb"};
  EXPECT_EQ(verified("alice.test"), "alice.test");
  EXPECT_EQ(verified("mallory.test"), "handle.invalid");
}

TEST_F(VerifiedHandleTest, IsInvalidWhenThereIsSurelyNone) {
  EXPECT_EQ(verified(""), "handle.invalid");
  EXPECT_EQ(verified("handle.invalid"), "handle.invalid");
  EXPECT_EQ(verified("alice.onion"), "handle.invalid");
  http.answer("https://alice.test/.well-known/atproto-did", 404);
  EXPECT_EQ(verified("alice.test"), "handle.invalid");
}

TEST_F(VerifiedHandleTest, IsUnknownOnTransientTrouble) {
  http.fail_with("https://alice.test/.well-known/atproto-did", net::Errc::timed_out);
  EXPECT_EQ(verified("alice.test"), std::nullopt);
  EXPECT_THAT(metrics.text(), HasSubstr("atproto_identity_resolve_handle{directory=\"tap\",status=\"error\"} 1"));
}

TEST_F(VerifiedHandleTest, NeverStandsInTheWayOfAKey) {
  options.handle_lookups = 1;
  names.gate.close();
  auto identity = std::make_shared<Identity>();
  identity->did = account.did();
  identity->declared_handle = "alice.test";
  auto handle = loop.start(directory().verified_handle(identity));
  EXPECT_TRUE(lookup());
  EXPECT_FALSE(handle.done());
  names.gate.open();
  loop.run_until([&] { return handle.done(); });
}

}  // namespace
}  // namespace tap::identity
