// SPDX-License-Identifier: MIT
// SIGKILL at one point after another: a child works on a database and dies before the k-th thing that it asks of its
// engine, or before its k-th write to a file or to the server. What it leaves is what it was told is durable, or one
// step more, and sound. Where points cost more a run takes every n-th of them; TAP_CRASH_SEED says from which on, and
// with TAP_CRASH_STRIDE=1 it is every one.
#include "tap/base/text.hpp"
#include "tap/store/check.hpp"

#include "store/journaled_store.hpp"
#include "store/sqlite/schema.hpp"
#include "support/original_database.hpp"
#include "unit/store/backends.hpp"
#include "unit/store/deaths.hpp"
#include "unit/store/killing_engine.hpp"
#include "unit/store/store_story.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <unistd.h>

namespace tap::store {
namespace {

std::size_t number_in(const char* variable, std::size_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : parse_decimal<std::size_t>(text).value();
}

/// A story as it was told once without a crash: the answers, and what the database says behind each step.
struct Told {
  std::vector<Step> steps;
  std::vector<outbox::EventId> answers;
  std::vector<std::string> texts;  ///< one more than steps
};

class CrashPoints : public testing::TestWithParam<EngineCase> {
 protected:
  void SetUp() override {
    if (const std::string reason = GetParam().missing(); !reason.empty()) GTEST_SKIP() << "skipped: " << reason;
    backend_ = GetParam().make();
  }

  void tell(std::uint64_t seed, std::size_t length) {
    const auto store = backend_->open().value();
    StoreStory story(seed);
    told_.texts.push_back(text_of(story.model()));
    while (told_.steps.size() < length) {
      told_.steps.push_back(story.next());
      told_.answers.push_back(take(*store, told_.steps.back()).value());
      story.took(told_.steps.back(), told_.answers.back());
      told_.texts.push_back(text_of(story.model()));
    }
  }
  /// In a child: the same again.
  void tell_again(Store& store) const {
    for (std::size_t at = 0; at < told_.steps.size(); ++at) {
      const auto answer = take(store, told_.steps[at]);
      if (!answer || *answer != told_.answers[at]) ::_exit(1);
      ++deaths().steps;
    }
  }

  /// Lets children die at every `usual_stride`th point, each on a database of its own, and looks at what they leave.
  void kill_at_points(std::size_t usual_stride, const std::function<void()>& prepare, const std::function<void()>& work,
                      const std::function<void()>& judge) {
    const std::size_t stride = std::max<std::size_t>(number_in("TAP_CRASH_STRIDE", usual_stride), 1);
    const std::size_t first = 1 + number_in("TAP_CRASH_SEED", 0) % stride;
    std::size_t count = 0;
    for (std::size_t k = first;; k += stride, ++count) {
      SCOPED_TRACE("point " + std::to_string(k));
      backend_ = GetParam().make();
      prepare();
      if (!dies_at(k, work)) break;
      expect_sound();
      judge();
      if (HasFatalFailure()) return;
    }
    std::cout << count << " deaths, from point " << first << " on at each " << stride << ".\n";
    EXPECT_GT(count * stride, 60U);
  }

  void expect_sound() const {
    const auto report = check_database(backend_->url());
    // It was made, or to be imported, when the child died: the next start does it.
    if (!report && report.error() == Errc::older_schema) return;
    ASSERT_TRUE(report) << report.error().message();
    for (const Check& check : report->checks) ASSERT_TRUE(check.holds()) << report->text();
  }
  [[nodiscard]] std::string reopen_and_read() const {
    const auto store = backend_->open();
    return store ? read_back(**store) : store.error().message();
  }
  void expect_what_was_told() const {
    const std::string left = reopen_and_read();
    const std::size_t steps = deaths().steps;
    const bool is_next = steps + 1 < told_.texts.size() && left == told_.texts[steps + 1];
    if (!is_next) ASSERT_EQ(left, told_.texts[steps]) << "behind step " << steps;
    expect_sound();
  }

  void make_original() const {
    auto old = backend_->is_file() ? test::OriginalDatabase::in_sqlite(backend_->url().substr(9))
                                   : test::OriginalDatabase::in_postgres(backend_->url());
    for (std::uint64_t number = 1; number <= 30; ++number) {
      const std::string did = did_of(number).str();
      old.repo({.did = did, .rev = "3kb3fge5lm32w", .prev_data = cid_of(number).str()});
      for (std::uint64_t at = 1; at <= 20; ++at) {
        old.record(did, "app.bsky.feed.post", "r" + std::to_string(at), cid_of(at).str());
      }
      const auto id = static_cast<std::int64_t>(number);
      const test::OriginalEvent event{.id = id, .did = did, .rkey = "r1", .cid = cid_of(1).str()};
      old.event(id, did, true, event.data());
    }
    old.flush();
  }

  std::unique_ptr<Backend> backend_;
  Told told_;
};

TEST_P(CrashPoints, BetweenAnyTwoThingsThatAnEngineDoesNothingIsLost) {
  tell(4, 25);
  kill_at_points(
      backend_->is_file() ? 1 : 5, [] {},
      [this] {
        const auto reach = [](std::string_view) { deaths().reach(); };
        auto engine = std::make_unique<KillingEngine>(open_engine(backend_->url()).value(), reach);
        tell_again(*make_journaled_store(std::move(engine)).value());
      },
      [this] { expect_what_was_told(); });
}

TEST_P(CrashPoints, BetweenAnyTwoWritesNothingIsLost) {
  tell(9, 25);
  kill_at_points(
      backend_->is_file() ? 3 : 5, [] {},
      [this] {
        die_between_writes();
        tell_again(*backend_->open().value());
      },
      [this] { expect_what_was_told(); });
}

TEST_P(CrashPoints, AnImportIsWholeOrNotBegun) {
  make_original();
  const std::string imported = reopen_and_read();
  kill_at_points(
      backend_->is_file() ? 3 : 5, [this] { make_original(); },
      [this] {
        die_between_writes();
        std::ignore = backend_->open().value();
      },
      [&] { ASSERT_EQ(reopen_and_read(), imported); });
}

TEST(CrashPointsSqlite, AMigrationIsWholeOrNotBegun) {
  std::size_t count = 0;
  for (std::size_t k = 1;; ++k, ++count) {
    SCOPED_TRACE("point " + std::to_string(k));
    SqliteBackend backend;
    {
      auto database = sqlite::Database::open(backend.path(), sqlite::Mode::read_write).value();
      ASSERT_TRUE(sqlite::migrate(database, sqlite::migrations().first(1)));
    }
    backend.sql(
        "INSERT INTO repos (id, did, state, account) VALUES (1, 'did:web:a.example.com', 0, 0); "
        "UPDATE meta SET value = 1 WHERE key = 'last_repo'",
        "");
    const bool died = dies_at(k, [&] {
      die_between_writes();
      std::ignore = backend.open().value();
    });
    if (!died) break;
    const auto store = backend.open();
    ASSERT_TRUE(store) << store.error().message();
    EXPECT_EQ((*store)->last_repo().value(), RepoId{1});
    const auto report = check_database(backend.url());
    ASSERT_TRUE(report && report->is_sound());
  }
  EXPECT_GT(count, 5U);
}

INSTANTIATE_TEST_SUITE_P(Engines, CrashPoints, testing::ValuesIn(engines()), engine_name);

}  // namespace
}  // namespace tap::store
