// SPDX-License-Identifier: MIT
#include "resync/merge.hpp"

#include "unit/resync/trees.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <vector>

namespace tap::resync {
namespace {

using test::text_record;
using test::TreeBlocks;
using testing::ElementsAre;
using testing::IsEmpty;

using Records = std::map<std::string, Bytes>;  // by path
/// Action, path, text of the record.
using Told = std::tuple<std::string, std::string, std::string>;

struct Outcome {
  Records index;  // after all changes; contents looked up in the two sides
  std::vector<Told> told;
  std::size_t most_changes = 0;
  std::uint64_t unreadable = 0;
};

atproto::Did some_did() { return atproto::Did::parse("did:plc:ewvi7nxzyoun6zhxrhs64oiz").value(); }

Told told_of(const outbox::Draft& event) {
  const auto json = nlohmann::json::parse("{\"id\":1" + event.body);
  const auto& record = json.at("record");
  EXPECT_EQ(record.at("live"), false);
  EXPECT_EQ(record.at("did"), some_did().str());
  EXPECT_EQ(record.at("rev"), atproto::Tid(77 << 10).str());
  EXPECT_EQ(record.contains("cid"), record.at("action") != "delete");
  const std::string path = record.at("collection").get<std::string>() + "/" + record.at("rkey").get<std::string>();
  return {record.at("action"), path, record.contains("record") ? record.at("record").at("t") : ""};
}

std::pair<std::string, std::string> split(const std::string& path) {
  const std::size_t slash = path.find('/');
  return {path.substr(0, slash), path.substr(slash + 1)};
}

/// Runs a merge as the worker does, with the index in pages of this size.
Outcome difference(const Records& stored, const Records& fetched, const verify::Filter& filter, Merge::Limits limits,
                   std::size_t page_size) {
  const TreeBlocks tree(fetched);
  const auto file = tree.file();
  std::map<atproto::Cid, Bytes> contents;
  for (const auto* side : {&stored, &fetched}) {
    for (const auto& [path, record] : *side) contents.emplace(test::cid_of(record), record);
  }
  std::map<std::string, std::vector<store::Record>> collections;
  for (const auto& [path, record] : stored) {
    collections[split(path).first].push_back({split(path).second, test::cid_of(record)});
  }
  std::vector<std::string> names;
  for (const auto& [name, records] : collections) names.push_back(name);
  std::ranges::sort(names, collection_less);
  std::vector<std::pair<std::string, std::vector<store::Record>>> pages;
  for (const auto& name : names) {
    const auto& all = collections[name];
    for (std::size_t at = 0; at < all.size(); at += page_size) {
      const auto begin = all.begin() + static_cast<std::ptrdiff_t>(at);
      pages.emplace_back(name,
                         std::vector(begin, begin + static_cast<std::ptrdiff_t>(std::min(page_size, all.size() - at))));
    }
  }

  Outcome outcome{stored, {}, 0, 0};
  const bool told_before = !stored.empty();
  Merge merge(*file, tree.root, some_did(), atproto::Tid(77 << 10), filter, told_before, limits);
  std::size_t next_page = 0;
  for (bool done = false; !done;) {
    auto batch = merge.next();
    if (!batch) {
      ADD_FAILURE() << batch.error().message();
      break;
    }
    done = batch->done;
    outcome.most_changes = std::max(outcome.most_changes, batch->changes.size());
    for (const auto& change : batch->changes) {
      const std::string path = change.collection + "/" + change.rkey;
      if (change.cid) {
        outcome.index.insert_or_assign(path, contents.at(*change.cid));
      } else {
        EXPECT_EQ(outcome.index.erase(path), 1U) << "removed what was not there: " << path;
      }
    }
    for (const auto& event : batch->events) {
      // What was told before must be done with before the first event of this comparison.
      const bool first = outcome.told.empty();
      EXPECT_EQ(event.order, told_before && first ? outbox::Order::barrier : outbox::Order::historical);
      outcome.told.push_back(told_of(event));
    }
    if (!batch->wants_stored) continue;
    if (next_page == pages.size()) {
      merge.end_stored();
    } else {
      merge.add_stored(pages[next_page].first, pages[next_page].second);
      ++next_page;
    }
  }
  outcome.unreadable = merge.unreadable();
  return outcome;
}
Outcome difference(const Records& stored, const Records& fetched, const verify::Filter& filter = {}) {
  return difference(stored, fetched, filter, {}, 1'000);
}

std::string text_of(const Bytes& record) {
  std::string json;
  EXPECT_TRUE(atproto::cbor::append_record_json(record, json));
  return nlohmann::json::parse(json).at("t");
}

/// What the difference is, found the simple way.
std::vector<Told> slow_difference(const Records& stored, const Records& fetched, const verify::Filter& filter) {
  std::vector<Told> told;
  std::set<std::string> paths;
  for (const auto* side : {&stored, &fetched}) {
    for (const auto& [path, record] : *side) paths.insert(path);
  }
  for (const auto& path : paths) {
    if (!filter.matches(split(path).first)) continue;
    const auto before = stored.find(path);
    const auto after = fetched.find(path);
    if (after == fetched.end()) {
      told.emplace_back("delete", path, "");
    } else if (before == stored.end()) {
      told.emplace_back("create", path, text_of(after->second));
    } else if (before->second != after->second) {
      told.emplace_back("update", path, text_of(after->second));
    }
  }
  return told;
}

Records only(const Records& records, const verify::Filter& filter) {
  Records kept;
  for (const auto& [path, record] : records) {
    if (filter.matches(split(path).first)) kept.emplace(path, record);
  }
  return kept;
}

TEST(Merge, TellsOfCreatedUpdatedAndDeletedRecords) {
  const auto outcome =
      difference({{"a.b.c/1", text_record("old")}, {"a.b.c/2", text_record("same")}, {"a.b.c/3", text_record("gone")}},
                 {{"a.b.c/1", text_record("new")}, {"a.b.c/2", text_record("same")}, {"a.b.c/4", text_record("here")}});
  EXPECT_THAT(outcome.told, ElementsAre(Told{"update", "a.b.c/1", "new"}, Told{"delete", "a.b.c/3", ""},
                                        Told{"create", "a.b.c/4", "here"}));
}

TEST(Merge, FindsTheSlowDifferenceWhateverTheNamesAndPages) {
  // Names whose byte order changes once a slash stands behind them.
  const std::vector<std::string> names = {"a.b.c",  "a.b.c-d.e", "a.b.c.d", "a.b.cc", "a.b-c.d",
                                          "a.b.c0", "a.b.C",     "a.bb.c",  "a-b.c.d"};
  const std::vector<std::string> keys = {"1", "-", ".a", "a-b", "a", "A", "~", "self", ":", "10", "2"};
  std::mt19937 dice(5);
  const auto roll = [&](std::size_t below) { return dice() % below; };
  for (int round = 0; round < 400; ++round) {
    Records stored;
    Records fetched;
    const std::size_t size = roll(60);
    for (std::size_t i = 0; i < size; ++i) {
      const std::string path = names[roll(names.size())] + "/" + keys[roll(keys.size())];
      const Bytes record = text_record(std::to_string(roll(3)));
      if (roll(3) != 0) stored.insert_or_assign(path, record);
      if (roll(3) != 0) fetched.insert_or_assign(path, roll(2) == 0 ? record : text_record("changed"));
    }
    verify::Filter filter;
    if (roll(3) == 0) filter = verify::Filter({"a.b.c*", "a.bb.c"});
    const Merge::Limits limits{.records = 1 + roll(9), .bytes = 1 + roll(2'000), .steps = 1 + roll(20)};

    const auto outcome = difference(stored, fetched, filter, limits, 1 + roll(6));
    ASSERT_EQ(outcome.told, slow_difference(stored, fetched, filter)) << "round " << round;
    ASSERT_EQ(outcome.index, only(fetched, filter)) << "round " << round;
    ASSERT_LE(outcome.most_changes, limits.records);
  }
}

TEST(Merge, ForgetsUnwantedCollectionsWithoutAWord) {
  const verify::Filter narrow({"a.b.wanted"});
  const auto outcome = difference({{"a.b.other/1", text_record("x")}, {"a.b.wanted/1", text_record("y")}},
                                  {{"a.b.other/1", text_record("x")}, {"a.b.other/2", text_record("z")}}, narrow);
  EXPECT_THAT(outcome.told, ElementsAre(Told{"delete", "a.b.wanted/1", ""}));
  EXPECT_THAT(outcome.index, IsEmpty());
}

TEST(Merge, TellsOfARecordWithoutContentWhenItIsNotOfTheDataModel) {
  Bytes odd;
  atproto::cbor::Writer(odd).text("not a map");
  const auto outcome = difference({}, {{"a.b.c/1", odd}, {"a.b.c/2", text_record("fine")}});
  EXPECT_THAT(outcome.told, ElementsAre(Told{"create", "a.b.c/1", ""}, Told{"create", "a.b.c/2", "fine"}));
  EXPECT_EQ(outcome.unreadable, 1U);
}

TEST(Merge, KeepsABatchSmallWhenItsRecordsAreLarge) {
  Records fetched;
  for (int i = 0; i < 50; ++i) fetched.emplace("a.b.c/" + std::to_string(i), text_record(std::string(10'000, 'x')));
  const auto outcome = difference({}, fetched, {}, {.bytes = 35'000}, 10);
  EXPECT_EQ(outcome.told.size(), 50U);
  EXPECT_EQ(outcome.most_changes, 4U);
}

TEST(Merge, KeepsABatchSmallWhenItsRecordsAreLargeAndCannotBeTold) {
  Records fetched;
  for (int i = 0; i < 8; ++i) {
    fetched.emplace("a.b.c/" + std::to_string(i), text_record(std::string(400'000, '<') + std::to_string(i)));
  }
  const auto outcome = difference({}, fetched, {}, {.bytes = 1'000'000}, 10);
  EXPECT_EQ(outcome.unreadable, 8U);
  EXPECT_EQ(outcome.most_changes, 3U);
}

TEST(Merge, RefusesAnIndexThatIsNotInByteOrder) {
  const TreeBlocks tree({{"a.b.c/1", text_record("x")}});
  const auto file = tree.file();
  const verify::Filter all;
  const atproto::Cid cid = test::cid_of(text_record("x"));
  Merge merge(*file, tree.root, some_did(), atproto::Tid(1), all, true, {});
  merge.add_stored("a.b.c", {{"b", cid}, {"B", cid}});
  const auto batch = merge.next();
  ASSERT_FALSE(batch);
  EXPECT_TRUE(batch.error() == store::Errc::corrupt) << batch.error().message();
}

TEST(CollectionLess, OrdersAsKeysStandInATree) {
  const std::vector<std::string> names = {"a",     "a-",      "a.",      "a.b", "a-b", "a0",   "aa",
                                          "a.b.c", "a.b.c-d", "a.b.c.d", "A",   "b",   "a.b-", "a.b.cc"};
  for (const auto& a : names) {
    for (const auto& b : names) EXPECT_EQ(collection_less(a, b), a + "/" < b + "/") << a << " " << b;
  }
}

}  // namespace
}  // namespace tap::resync
