// SPDX-License-Identifier: MIT
#include "unit/store/writer_world.hpp"

namespace tap::store {
namespace {

class ReaderTest : public testing::Test {
 protected:
  ~ReaderTest() override {
    writer_->stop();
    loop_.settle();
  }

  test::Loop loop_;
  ScratchFolder folder_;
  metrics::Registry metrics_;
  std::unique_ptr<Store> store_ = open_store(folder_.file("tap.db")).value();
  std::unique_ptr<Writer> writer_ = make_writer(loop_.executor(), *store_, metrics_);
  std::unique_ptr<Reader> reader_ = make_reader(loop_.executor(), *store_, *writer_, metrics_).value();
};

TEST_F(ReaderTest, AnswersEveryQuestion) {
  const auto done = loop_.run(
      writer_->commit(write_of({AddRepo{RepoId{1}, did_of(1)}, SetHandle{RepoId{1}, "a.example.com"},
                                PutRecords{RepoId{1}, {put("a.b.c", "x", 1)}},
                                BufferCommit{RepoId{1}, atproto::Tid(4), {1}}, SaveCursor{"firehose", "r", "12"}},
                               {draft("event")})));
  ASSERT_TRUE(done);
  EXPECT_EQ(loop_.run(reader_->details(RepoId{1})).value()->handle, "a.example.com");
  EXPECT_FALSE(loop_.run(reader_->details(RepoId{2})).value().has_value());
  EXPECT_EQ(loop_.run(reader_->collections(RepoId{1})).value(), std::vector<std::string>{"a.b.c"});
  EXPECT_EQ(loop_.run(reader_->records(RepoId{1}, "a.b.c", "", 9)).value().front().rkey, "x");
  EXPECT_EQ(loop_.run(reader_->buffered(RepoId{1}, 0, 9)).value().front().rev, atproto::Tid(4));
  EXPECT_EQ(loop_.run(reader_->buffered_count()).value(), 1U);
  EXPECT_EQ(loop_.run(reader_->cursor("firehose", "r")).value(), "12");
  EXPECT_EQ(loop_.run(reader_->read(EventId{}, 9)).value().front().body, "event");
  EXPECT_THAT(metrics_.text(), testing::HasSubstr("tap_store_seconds_count{operation=\"read_details\"} 2\n"));
}

TEST_F(ReaderTest, AcksGoToTheWriter) {
  ASSERT_TRUE(loop_.run(writer_->commit(write_of({}, {draft("event")}))));
  reader_->acked(std::vector{EventId{1}});
  ASSERT_TRUE(loop_.run(writer_->flush()));
  EXPECT_TRUE(loop_.run(reader_->read(EventId{}, 9)).value().empty());
}

TEST_F(ReaderTest, RefusesWhenStopped) {
  reader_->stop();
  EXPECT_EQ(loop_.run(reader_->cursor("firehose", "r")).error(), Errc::closed);
}

using ReaderOnAFullDisk = WriterTest;

TEST_F(ReaderOnAFullDisk, ReadsNoMoreEventsWhileTooManyAcksAreNotDurable) {
  options_.acks = 2;
  start();
  const auto reader = make_reader(loop_.executor(), *store_, *writer_, metrics_).value();
  const auto read = [&] { return loop_.run(reader->read(EventId{}, 9)); };
  const auto read_lane = [&] { return loop_.run(reader->read_lane(outbox::LaneKey{7}, EventId{1}, EventId{3}, 9)); };
  ASSERT_TRUE(loop_.run(writer_->commit(write_of({}, {draft("one"), draft("two"), draft("three")}))));
  store_->fail_with(Errc::full);
  reader->acked(std::vector{EventId{1}});
  EXPECT_TRUE(read());
  EXPECT_TRUE(read_lane());
  reader->acked(std::vector{EventId{2}});
  EXPECT_EQ(metrics_.queue("store_acks", 0).value(), 2);
  EXPECT_EQ(read().error(), Errc::busy);
  EXPECT_EQ(read_lane().error(), Errc::busy);
  EXPECT_EQ(loop_.run(reader->cursor("firehose", "r")), "") << "other questions are answered";
  store_->fail_with(std::nullopt);
  ASSERT_TRUE(loop_.run(writer_->flush()));
  EXPECT_EQ(read()->size(), 1U);
  EXPECT_EQ(read_lane()->events.size(), 1U);
}

}  // namespace
}  // namespace tap::store
