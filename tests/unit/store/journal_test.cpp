// SPDX-License-Identifier: MIT
#include "store/journal.hpp"

#include "unit/store/backends.hpp"

#include <gtest/gtest.h>

namespace tap::store {
namespace {

AdvanceHead sample() {
  return {RepoId{300},
          {atproto::Tid(~std::uint64_t{0}), cid_of(7), 1'000},
          {put("a.b.c", "x", 1), erase("a.b.c", std::string(512, 'r')), put("", "", 7)}};
}

TEST(Journal, ChangesComeBackAsTheyWere) {
  JournalWriter writer;
  writer.add(sample());
  writer.add(AdvanceHead{RepoId{1}, head_of(2, 0), {}});
  const auto bodies = writer.take_changes();
  ASSERT_EQ(bodies.size(), 1U);
  std::vector<AdvanceHead> read;
  ASSERT_TRUE(read_changes(as_bytes(bodies[0]), read));
  ASSERT_EQ(read.size(), 2U);
  EXPECT_EQ(read[0].id, RepoId{300});
  EXPECT_EQ(read[0].head, sample().head);
  ASSERT_EQ(read[0].changes.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(read[0].changes[i].collection, sample().changes[i].collection);
    EXPECT_EQ(read[0].changes[i].rkey, sample().changes[i].rkey);
    EXPECT_EQ(read[0].changes[i].cid, sample().changes[i].cid);
  }
  EXPECT_EQ(read[1].head, head_of(2, 0));
  EXPECT_TRUE(writer.empty());
}

TEST(Journal, CutOrChangedChangesAreRefusedOrReadButNeverWorse) {
  JournalWriter writer;
  writer.add(sample());
  const std::string body = writer.take_changes()[0];
  for (std::size_t size = 1; size < body.size(); ++size) {
    std::vector<AdvanceHead> read;
    const auto result = read_changes(as_bytes(std::string_view(body).substr(0, size)), read);
    ASSERT_FALSE(result) << size;
    EXPECT_EQ(result.error(), Errc::corrupt);
  }
  for (std::size_t at = 0; at < body.size(); ++at) {
    std::string changed = body;
    changed[at] = '\xff';
    std::vector<AdvanceHead> read;
    std::ignore = read_changes(as_bytes(changed), read);
  }
}

/// Reads a change whose head's CID, a byte for its kind and a digest, begins with another kind and lacks the rest of
/// what was replaced.
Result<void> read_with_data(std::size_t replaced, char kind) {
  JournalWriter writer;
  writer.add(AdvanceHead{RepoId{1}, head_of(2, 0), {}});
  std::string body = writer.take_changes()[0];
  constexpr std::size_t kData = 1 + 8;  // behind id and rev
  body.replace(kData, replaced, 1, kind);
  std::vector<AdvanceHead> read;
  return read_changes(as_bytes(body), read);
}

TEST(Journal, AHeadWithoutDataIsCorrupt) {
  const auto result = read_with_data(1 + sizeof(atproto::Digest), '\0');
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error(), Errc::corrupt);
}

TEST(Journal, ACidOfAnUnknownKindIsCorrupt) {
  const auto result = read_with_data(1, '\x72');
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error(), Errc::corrupt);
}

TEST(Journal, AnOrderThatIsNoneIsCorrupt) {
  JournalWriter writer;
  writer.add(outbox::Draft{outbox::LaneKey{1}, outbox::Order::barrier, ","});
  std::string body = writer.take_events()[0].body;
  body[8] = 2;  // behind the lane
  EventReader reader(as_bytes(body));
  EXPECT_FALSE(reader.next());
}

TEST(Journal, EventsComeBackAsTheyWere) {
  JournalWriter writer;
  writer.add({outbox::LaneKey{~std::uint64_t{0}}, outbox::Order::historical, std::string("a\0b", 3)});
  writer.add({outbox::LaneKey{1}, outbox::Order::barrier, ""});
  const auto rows = writer.take_events();
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].count, 2U);
  EventReader reader(as_bytes(rows[0].body));
  auto item = reader.next().value().value();
  EXPECT_EQ(item.lane, outbox::LaneKey{~std::uint64_t{0}});
  EXPECT_EQ(item.order, outbox::Order::historical);
  EXPECT_EQ(item.body, std::string_view("a\0b", 3));
  item = reader.next().value().value();
  EXPECT_EQ(item.order, outbox::Order::barrier);
  EXPECT_EQ(item.body, "");
  EXPECT_EQ(reader.next().value(), std::nullopt);

  for (std::size_t size = 1; size < 10; ++size) {
    EventReader cut(as_bytes(std::string_view(rows[0].body).substr(0, size)));
    const auto result = cut.next();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error(), Errc::corrupt);
  }
}

TEST(Journal, RowsAreSplitBetweenEvents) {
  JournalWriter writer;
  for (int i = 0; i < 5; ++i) writer.add(draft(std::string(kJournalRowBytes / 2, 'x')));
  const auto rows = writer.take_events();
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0].count, 2U);
  EXPECT_EQ(rows[2].count, 1U);
}

TEST(Journal, MarksGrowAsTheyAreSet) {
  Marks marks;
  EXPECT_FALSE(marks.has(1'000));
  EXPECT_TRUE(marks.set(9));
  EXPECT_FALSE(marks.set(9));
  EXPECT_TRUE(marks.set(0));
  EXPECT_EQ(marks.bytes().size(), 2U);
  const Marks again(marks.bytes());
  EXPECT_TRUE(again.has(9));
  EXPECT_TRUE(again.has(0));
  EXPECT_FALSE(again.has(8));
}

}  // namespace
}  // namespace tap::store
