// SPDX-License-Identifier: MIT
#include "resync/fetch.hpp"

#include "tap/atproto/car.hpp"
#include "tap/atproto/error.hpp"
#include "tap/resync/error.hpp"

#include "resync/failure.hpp"
#include "support/atproto/account.hpp"
#include "support/clock_fakes.hpp"
#include "support/loop.hpp"
#include "support/net_fakes.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

namespace tap::resync {
namespace {

using namespace std::chrono_literals;

net::Response answer(std::map<std::string, std::string> headers, std::string body = {}, int status = 429) {
  return {status, std::move(headers), std::move(body)};
}

const auto kDid = atproto::Did::parse("did:plc:abcdefghijklmnopqrstuvwx").value();

TEST(ApiError, SpeaksTheWordsOfInfoAndSortsByNameBeforeStatus) {
  const struct {
    int status;
    std::string body, message;
    Blame blame;
  } rows[] = {
      {400, R"({"error":"RepoNotFound","message":"Could not find repo"})",
       "failed to get repo: API request failed (HTTP 400): RepoNotFound: Could not find repo", Blame::lasting},
      {400, R"({"error":"RepoTakendown"})", "failed to get repo: API request failed (HTTP 400): RepoTakendown",
       Blame::lasting},
      {400, R"({"error":"RepoSuspended"})", "failed to get repo: API request failed (HTTP 400): RepoSuspended",
       Blame::lasting},
      {500, R"({"error":"RepoDeactivated"})", "failed to get repo: API request failed (HTTP 500): RepoDeactivated",
       Blame::lasting},
      {404, "<html>", "failed to get repo: API request failed (HTTP 404)", Blame::lasting},
      {403, "", "failed to get repo: API request failed (HTTP 403)", Blame::lasting},
      {400, R"({"error":"InvalidRequest","message":"no"})",
       "failed to get repo: API request failed (HTTP 400): InvalidRequest: no", Blame::passing},
      {502, "[1,2]", "failed to get repo: API request failed (HTTP 502)", Blame::passing},
      {503, R"({"error":7,"message":"busy"})", "failed to get repo: API request failed (HTTP 503): busy",
       Blame::passing},
  };
  for (const auto& row : rows) {
    const Error error = api_error(answer({}, row.body, row.status));
    EXPECT_EQ(error.message(), row.message);
    EXPECT_EQ(blame_of(error, kDid), row.blame) << row.message;
  }
  EXPECT_TRUE(api_error(answer({}, R"({"error":"RepoNotFound"})", 429)) == Errc::rate_limited);
}

TEST(ApiError, CutsWhatAHostSaysAtLength) {
  const Error error = api_error(answer({}, R"({"message":")" + std::string(50'000, 'x') + "\"}", 500));
  EXPECT_LT(error.message().size(), 1'200U);
}

TEST(NetworkError, TellsAHangingHostFromOneThatAnswers) {
  for (const auto code : {net::Errc::timed_out, net::Errc::idle, net::Errc::connect_failed, net::Errc::resolve_failed,
                          net::Errc::not_found, net::Errc::tls_failed}) {
    EXPECT_TRUE(network_error(code) == Errc::unreachable) << network_error(code).message();
    EXPECT_EQ(blame_of(network_error(code), kDid), Blame::passing);
  }
  for (const auto code : {net::Errc::cut, net::Errc::bad_response, net::Errc::too_many_redirects}) {
    EXPECT_TRUE(network_error(code) == Errc::request_failed) << network_error(code).message();
    EXPECT_EQ(blame_of(network_error(code), kDid), Blame::passing);
  }
  for (const auto code : {net::Errc::refused_address, net::Errc::too_large}) {
    EXPECT_TRUE(network_error(code) == Errc::refused) << network_error(code).message();
    EXPECT_EQ(blame_of(network_error(code), kDid), Blame::lasting);
  }
}

class Fetch : public testing::Test {
 protected:
  Fetcher fetcher(std::uint64_t max_bytes = 1 << 20) {
    return fetcher(
        FetchOptions{.max_bytes = max_bytes, .temporary_directory = std::filesystem::temp_directory_path().string()});
  }
  Fetcher fetcher(FetchOptions options) { return {http, cpu, clock, metrics, std::move(options)}; }
  std::string url() const { return "https://pds.test/xrpc/com.atproto.sync.getRepo?did=" + account.did().str(); }

  test::Loop loop;
  async::CpuPool cpu{loop.executor(), 1};
  test::FakeClock clock;
  metrics::Registry metrics;
  test::FakeHttp http{loop.executor()};
  test::Account account{1};
};

TEST_F(Fetch, KeepsEveryBlockOfTheCar) {
  account.fill(200);
  const Bytes car = account.full_car();
  http.answer(url(), 200, std::string(as_text(car)));
  http.piece = 777;  // pieces cut sections anywhere

  Fetcher fetcher = this->fetcher();
  auto answer = loop.run(fetcher.fetch("https://pds.test", account.did()));
  ASSERT_TRUE(answer.repo) << answer.repo.error().message();
  EXPECT_EQ(answer.repo->root, account.head()->commit);
  for (const auto& [path, record] : account.records()) {
    EXPECT_TRUE(answer.repo->blocks->contains(atproto::Cid::of(atproto::Cid::Codec::dag_cbor, record)).value());
  }
  EXPECT_EQ(metrics.counter("tap_resync_fetched_bytes_total", "").value(), car.size());
}

TEST_F(Fetch, TrustsNoHostThatADocumentNames) {
  (void)loop.run(fetcher().fetch("https://pds.test", account.did()));
  ASSERT_EQ(http.requests.size(), 1U);
  EXPECT_EQ(http.requests[0].trust, net::Trust::untrusted);
}

TEST_F(Fetch, HasDeadlinesForTheWholeAndForEachPiece) {
  (void)loop.run(fetcher().fetch("https://pds.test", account.did()));
  ASSERT_EQ(http.requests.size(), 1U);
  EXPECT_EQ(http.requests[0].timeout, std::chrono::seconds(300));
  EXPECT_EQ(http.requests[0].idle, std::chrono::seconds(30));
}

TEST_F(Fetch, RefusesACarThatWasCut) {
  account.fill(20);
  Bytes car = account.full_car();
  car.resize(car.size() - 3);
  http.answer(url(), 200, std::string(as_text(car)));
  auto answer = loop.run(fetcher().fetch("https://pds.test", account.did()));
  ASSERT_FALSE(answer.repo);
  EXPECT_TRUE(answer.repo.error() == atproto::Errc::car_truncated) << answer.repo.error().message();
}

TEST_F(Fetch, RefusesABlockThatIsNotWhatItsCidSays) {
  account.fill(20);
  Bytes car = account.full_car();
  car.back() ^= 1;
  http.answer(url(), 200, std::string(as_text(car)));
  auto answer = loop.run(fetcher().fetch("https://pds.test", account.did()));
  ASSERT_FALSE(answer.repo);
  EXPECT_TRUE(answer.repo.error() == atproto::Errc::car_hash_mismatch) << answer.repo.error().message();
}

TEST_F(Fetch, StopsAtItsByteBudget) {
  account.fill(100);
  http.answer(url(), 200, std::string(as_text(account.full_car())));
  auto answer = loop.run(fetcher(5'000).fetch("https://pds.test", account.did()));
  ASSERT_FALSE(answer.repo);
  EXPECT_EQ(blame_of(answer.repo.error(), kDid), Blame::lasting) << answer.repo.error().message();
}

TEST_F(Fetch, RefusesARepoOfMoreBlocksThanAnyTreeOfItsSizeHas) {
  account.fill(1);
  Bytes car;
  atproto::car::Writer writer(car, account.head()->commit);
  for (std::uint8_t high = 0; high < 5; ++high) {
    for (int low = 0; low < 256; ++low) {
      const Bytes block{high, static_cast<std::uint8_t>(low)};
      writer.block(atproto::Cid::of(atproto::Cid::Codec::raw, block), block);
    }
  }
  ASSERT_LT(car.size(), 64U << 10);
  http.answer(url(), 200, std::string(as_text(car)));
  Fetcher large = fetcher(128 << 10);
  EXPECT_TRUE(loop.run(large.fetch("https://pds.test", account.did())).repo);
  Fetcher small = fetcher(64 << 10);
  auto answer = loop.run(small.fetch("https://pds.test", account.did()));
  ASSERT_FALSE(answer.repo);
  EXPECT_EQ(blame_of(answer.repo.error(), kDid), Blame::lasting) << answer.repo.error().message();
}

TEST_F(Fetch, ReposThatAreHeldTogetherHaveABoundForWhichNoneIsCharged) {
  account.fill(10'000);
  const Bytes car = account.full_car();
  ASSERT_GT(car.size(), 2U << 20);
  http.answer(url(), 200, std::string(as_text(car)));
  Fetcher fetcher = this->fetcher(FetchOptions{.max_bytes = 2 * car.size(),
                                               .temporary_directory = std::filesystem::temp_directory_path().string(),
                                               .file_bytes = 3 * car.size() / 2});
  auto first = loop.run(fetcher.fetch("https://pds.test", account.did()));
  ASSERT_TRUE(first.repo) << first.repo.error().message();
  auto second = loop.run(fetcher.fetch("https://pds.test", account.did()));
  ASSERT_FALSE(second.repo);
  EXPECT_EQ(blame_of(second.repo.error(), kDid), Blame::ours) << second.repo.error().message();

  first.repo = fail(Errc::removed);
  EXPECT_TRUE(loop.run(fetcher.fetch("https://pds.test", account.did())).repo);
}

TEST_F(Fetch, TellsHowLongTheHostWantsToBeLeftAlone) {
  http.answer(url(), 429, "{}", {{"retry-after", "17"}});
  auto answer = loop.run(fetcher().fetch("https://pds.test", account.did()));
  ASSERT_FALSE(answer.repo);
  EXPECT_TRUE(answer.repo.error() == Errc::rate_limited);
  EXPECT_EQ(answer.pause, 17s);
}

}  // namespace
}  // namespace tap::resync
