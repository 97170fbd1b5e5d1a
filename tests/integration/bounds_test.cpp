// SPDX-License-Identifier: MIT
// What waits is bounded: pressure goes back to where it comes from, memory stays as it is, and nothing is lost.
#include "integration/tap_test.hpp"
#include "support/process/metrics.hpp"
#include "support/process/socket.hpp"

namespace tap::test {
namespace {

// Sanitizers keep what was freed: 256 MB of it, the one for addresses.
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr double kSlack = 512 << 20;
#else
constexpr double kSlack = 8 << 20;
#endif

class Bounds : public TapTest {
 protected:
  void start_measured(std::vector<std::string> further) {
    further.insert(further.end(), {"--metrics-listen", "127.0.0.1:0"});
    start(further);
    metrics_port_ = tap().wait_for_line("serving metrics").at("port").get<std::uint16_t>();
  }
  [[nodiscard]] double metric(const std::string& series) const {
    return value_of(scrape(metrics_port_), series).value_or(-1);
  }
  /// So few of one repo that it is not fetched instead.
  void follow_live(std::vector<Account>& accounts) {
    std::int64_t last = 0;
    for (std::size_t i = 0; i < kCommits; ++i) last = send(accounts[i % accounts.size()].post());
    wait_for("the cursor", [&] { return metric("tap_firehose_saved_seq") == static_cast<double>(last); });
  }

  static constexpr std::size_t kCommits = 2'000;

 private:
  std::uint16_t metrics_port_ = 0;
};

TEST_F(Bounds, ConsumerThatNeverReadsHoldsUpFetchesButNotTheFirehoseAndCostsNoMemory) {
  start_measured({"--outbox-capacity", "1000"});
  std::string rest;
  std::optional<Socket> silent = Socket::connect(port());
  shake_hands(*silent, "/channel", rest);
  std::vector<Account> live;
  for (std::uint64_t number = 1; number <= 10; ++number) {
    live.emplace_back(number).fill(1);
    publish(live.back());
    track(live.back());
    await_state(live.back(), "active");
  }
  Account large(11);
  large.fill(5'000);
  publish(large);
  track(large);
  wait_for("a full outbox", [&] { return metric("tap_queue_depth{queue=\"outbox\"}") >= 1'000; });

  follow_live(live);
  const double before = metric("process_resident_memory_bytes");
  const double held = metric("tap_event_cache_bytes");
  follow_live(live);
  EXPECT_LT(metric("process_resident_memory_bytes") - before, kSlack);
  EXPECT_EQ(metric("tap_event_cache_bytes"), held);
  EXPECT_EQ(metric("tap_queue_depth{queue=\"outbox\"}"), metric("tap_queue_capacity{queue=\"outbox\"}"));
  EXPECT_EQ(metric("tap_queue_depth{queue=\"lanes\"}"), 0);
  EXPECT_EQ(metric("tap_queue_depth{queue=\"resync_workers\"}"), 1);
  EXPECT_EQ(state(large), "resyncing");
  EXPECT_LT(metric("tap_outbox_events"), 2 * kCommits + 3'000) << "of the large repo only what found room";

  silent.reset();
  consume();
  for (const Account& account : live) await_records(account);
  await_records(large);
  await_undelivered(0);
  stop();
}

}  // namespace
}  // namespace tap::test
