// SPDX-License-Identifier: MIT
#include "tap/crawl/crawler.hpp"

#include "support/clock_fakes.hpp"
#include "support/loop.hpp"
#include "support/net_fakes.hpp"
#include "support/store_fakes.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace tap::crawl {
namespace {

using namespace std::chrono_literals;

const std::string kNetwork = "http://relay.test/xrpc/com.atproto.sync.listRepos?limit=1000";
const std::string kPosts =
    "http://relay.test/xrpc/com.atproto.sync.listReposByCollection?collection=app.bsky.feed.post&limit=1000";

std::string did(int number) {
  std::string text = "did:web:account" + std::to_string(number) + ".test";
  return text;
}

std::string page(const std::vector<int>& numbers, const std::string& cursor = {}) {
  std::string text = R"({"repos":[)";
  for (const int number : numbers) {
    if (text.back() != '[') text += ',';
    text += R"({"did":")" + did(number) + "\"}";
  }
  text += "]";
  if (!cursor.empty()) text += R"(,"cursor":")" + cursor + "\"";
  return text + "}";
}

/// A crawler that waits but a moment after trouble, and whose relay speaks as the test has written.
class World {
 public:
  explicit World(CrawlOptions options = {}) : options_(std::move(options)) {
    options_.relay = net::Url::parse("ws://relay.test").value();
    options_.retry_unit = 1ms;
  }

  test::Loop loop;
  test::FakeClock clock;
  test::FixedJitter jitter;
  metrics::Registry metrics;
  repos::Table table;
  test::FakeDatabase database;
  test::FakeWriter writer{loop.executor(), database};
  test::FakeReader reader{loop.executor(), database};
  test::FakeHttp http{loop.executor()};
  ledger::Ledger ledger{loop.executor(), table, writer, reader, metrics};

  [[nodiscard]] CursorPlace place() const { return cursor_place(options_.relay, options_.collection); }
  [[nodiscard]] std::string cursor() const { return database.cursor(place().kind, place().key); }
  void save(const std::string& cursor) {
    store::Write write;
    write.mutations.emplace_back(store::SaveCursor{place().kind, place().key, cursor});
    ASSERT_TRUE(loop.run(writer.commit(std::move(write))));
  }
  /// Crawls as long as the result lives; once.
  [[nodiscard]] test::Background crawl() {
    crawler_ = make_crawler({.http = http,
                             .ledger = ledger,
                             .writer = writer,
                             .reader = reader,
                             .clock = clock,
                             .jitter = jitter,
                             .metrics = metrics},
                            options_);
    return {loop, crawler_->run()};
  }
  template <class Done>
  void crawl_until(Done done) {
    const test::Background crawling = crawl();
    loop.run_until(done);
  }
  void crawl_to_the_end() {
    crawl_until([this] { return passes() > 0; });
  }
  [[nodiscard]] std::uint64_t passes() { return count("passes"); }
  [[nodiscard]] std::uint64_t count(const std::string& what) {
    return static_cast<std::uint64_t>(metrics.counter("tap_crawler_" + what + "_total", "").value());
  }

 private:
  CrawlOptions options_;
  std::unique_ptr<Crawler> crawler_;
};

TEST(Crawler, TracksWhatIsListedPageByPage) {
  World world;
  world.http.answer(kNetwork, 200, page({1, 2}, "two"));
  world.http.answer(kNetwork + "&cursor=two", 200, page({2, 3}, "a/b"));
  world.http.answer(kNetwork + "&cursor=a%2Fb", 200, page({4}));
  world.crawl_to_the_end();
  for (const int number : {1, 2, 3, 4}) {
    const auto id = world.table.find(did(number));
    ASSERT_TRUE(id) << number;
    EXPECT_EQ(world.table.get(*id)->state, repos::State::pending);
  }
  EXPECT_EQ(world.database.repos(), 4U);
  EXPECT_EQ(world.count("repos_discovered"), 5U);
  EXPECT_EQ(world.count("repos_added"), 4U);
}

TEST(Crawler, AsksWithADeadlineAndABoundOfBytes) {
  World world;
  world.http.answer(kNetwork, 200, page({1}));
  world.crawl_to_the_end();
  EXPECT_EQ(world.http.requests.at(0).timeout, 30s);
  EXPECT_EQ(world.http.requests.at(0).max_body, 8U << 20);
}

TEST(Crawler, DoesNotWaitForWhatIsTrackedAlready) {
  World world;
  ASSERT_TRUE(world.loop.run(world.ledger.track({atproto::Did::parse(did(1)).value()})));
  const auto turn = world.ledger.turn_of(did(1));
  world.http.answer(kNetwork, 200, page({1, 2}));
  world.crawl_to_the_end();
  EXPECT_TRUE(world.table.find(did(2)));
  EXPECT_EQ(world.count("repos_discovered"), 2U);
  EXPECT_EQ(world.count("repos_added"), 1U);
}

TEST(Crawler, GoesOnBehindPagesWithoutActiveRepos) {
  World world;
  world.http.answer(kNetwork, 200, R"({"repos":[{"did":"did:web:gone.test","active":false}],"cursor":"2"})");
  world.http.answer(kNetwork + "&cursor=2", 200, page({}, "3"));
  world.http.answer(kNetwork + "&cursor=3", 200, page({5}));
  world.crawl_to_the_end();
  EXPECT_TRUE(world.table.find(did(5)));
  EXPECT_FALSE(world.table.find("did:web:gone.test"));
}

TEST(Crawler, BeginsEveryPassAtTheBeginning) {
  World world({.interval = 1ms});
  world.http.answer(kNetwork, 200, page({1}, "2"));
  world.http.answer(kNetwork + "&cursor=2", 200, page({2}));
  world.crawl_until([&] { return world.passes() >= 3; });
  EXPECT_GE(world.http.asked(kNetwork), 3);
}

TEST(Crawler, GoesOnWhereItWasStopped) {
  World world;
  world.save("2");
  world.http.answer(kNetwork + "&cursor=2", 200, page({2}));
  const test::Background crawling = world.crawl();
  world.loop.run_until([&] { return world.passes() > 0; });
  EXPECT_EQ(world.http.asked(kNetwork), 0);
  EXPECT_TRUE(world.table.find(did(2)));
  EXPECT_EQ(world.cursor(), "");
}

TEST(Crawler, KeepsTheCursorOfThePageThatComesNext) {
  World world;
  world.http.answer(kNetwork, 200, page({1}, "2"));  // and the next page cannot be got
  world.crawl_until([&] { return world.count("failures") > 3; });
  EXPECT_EQ(world.cursor(), "2");
  EXPECT_EQ(world.http.asked(kNetwork), 1);
}

TEST(Crawler, TracksAPageBeforeItsCursorPassesIt) {
  World world;
  world.http.answer(kNetwork, 200, page({1}, "2"));
  world.writer.gate.close();
  const test::Background crawling = world.crawl();
  world.loop.run_until([&] { return world.writer.gate.waiting() == 1; });
  world.writer.gate.let_one_pass();
  world.loop.settle();
  EXPECT_TRUE(world.database.find(did(1)));
  EXPECT_EQ(world.cursor(), "");
}

TEST(Crawler, AsksForEachCollectionUnderItsOwnCursor) {
  World world({.collection = "app.bsky.feed.post"});
  world.http.answer(kPosts, 200, page({1}, "2"));
  world.http.answer(kPosts + "&cursor=2", 200, page({2}));
  world.crawl_to_the_end();
  EXPECT_EQ(world.database.repos(), 2U);
  const auto relay = net::Url::parse("https://relay.test/").value();
  EXPECT_NE(cursor_place(relay, "app.bsky.feed.post").key, cursor_place(relay, "app.bsky.feed.like").key);
  EXPECT_EQ(cursor_place(relay, "").key, cursor_place(net::Url::parse("wss://RELAY.test").value(), "").key);
}

TEST(Crawler, TriesAgainAfterEveryKindOfTrouble) {
  for (const int status : {429, 500, 502, 200}) {
    World world;
    world.http.answer(kNetwork, status, "<html>");
    world.crawl_until([&] {
      if (world.count("failures") == 3) world.http.answer(kNetwork, 200, page({1}));
      return world.passes() > 0;
    });
    EXPECT_TRUE(world.table.find(did(1))) << status;
  }
}

TEST(Crawler, CountsTheTroubleOfEachPageAnew) {
  constexpr int kPages = 20;  // with one failure each: of one page, they would make it wait for minutes
  World world({.longest_retry = 1U << 30});
  const auto target = [](int number) {
    return number == 1 ? kNetwork : kNetwork + "&cursor=" + std::to_string(number);
  };
  for (int number = 1; number <= kPages; ++number) world.http.answer(target(number), 500, "");
  world.crawl_until([&] {
    if (const int number = static_cast<int>(world.count("failures")); number > 0) {
      world.http.answer(target(number), 200, page({number}, number < kPages ? std::to_string(number + 1) : ""));
    }
    return world.passes() > 0;
  });
  EXPECT_EQ(world.database.repos(), 20U);
  EXPECT_EQ(world.count("failures"), 20U);
}

TEST(Crawler, ReadsFromTheBeginningWhenTheRelayDoesNotKnowItsCursorAnyMore) {
  World world;
  world.save("old");
  world.http.answer(kNetwork + "&cursor=old", 400, R"({"error":"InvalidRequest"})");
  world.http.answer(kNetwork, 200, page({1}));
  world.crawl_to_the_end();
  EXPECT_TRUE(world.table.find(did(1)));
}

TEST(Crawler, EndsAPassWhoseCursorDoesNotMove) {
  World world;
  world.http.answer(kNetwork, 200, page({1}, "same"));
  world.http.answer(kNetwork + "&cursor=same", 200, page({2}, "same"));
  world.crawl_to_the_end();
  EXPECT_EQ(world.http.asked(kNetwork + "&cursor=same"), 1);
  EXPECT_EQ(world.database.repos(), 2U);
}

TEST(Crawler, RefusesAPageThatIsTooLarge) {
  World world({.max_page_bytes = 100});
  world.http.answer(kNetwork, 200, page({1, 2, 3, 4, 5, 6, 7, 8, 9}));
  world.crawl_until([&] { return world.count("failures") > 0; });
  EXPECT_EQ(world.database.repos(), 0U);
}

}  // namespace
}  // namespace tap::crawl
