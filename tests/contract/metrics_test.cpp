// SPDX-License-Identifier: MIT
// Every metric: its name, its type, its labels, and its value after traffic that moves it (protocol 11.11). What is
// exposed has a row, and a line in docs/operations.md.
#include "contract/contract.hpp"
#include "integration/receiver.hpp"
#include "support/atproto/shared_dir.hpp"
#include "support/net/ws_wire.hpp"

#include <algorithm>
#include <atomic>
#include <fstream>
#include <iostream>
#include <iterator>
#include <limits>
#include <map>
#include <set>

namespace tap::test {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::Le;

constexpr double kAny = std::numeric_limits<double>::max();

/// A series and what its value is after the traffic below: between `least` and `most`.
struct Metric {
  std::string row;  ///< the series
  std::string type;
  double least;
  double most;
};
Metric exactly(std::string series, std::string type, double value) {
  return {std::move(series), std::move(type), value, value};
}
Metric at_least(std::string series, std::string type, double value) {
  return {std::move(series), std::move(type), value, kAny};
}
Metric queue(const std::string& name, double depth = 0) {
  return exactly("tap_queue_depth{queue=\"" + name + "\"}", "gauge", depth);
}
Metric capacity(const std::string& name, double of) {
  return exactly("tap_queue_capacity{queue=\"" + name + "\"}", "gauge", of);
}
Metric timing(const std::string& operation, double count) {
  return at_least("tap_store_seconds_count{operation=\"" + operation + "\"}", "histogram", count);
}
std::string name_of(const std::string& series) {
  std::string name = series.substr(0, series.find('{'));
  for (const std::string suffix : {"_bucket", "_count", "_sum"}) {
    if (name.ends_with(suffix)) name.resize(name.size() - suffix.size());
  }
  return name;
}

std::string operations_document() {
  std::ifstream file(TAP_SOURCE_DIR "/docs/operations.md");
  return {std::istreambuf_iterator<char>(file), {}};
}

const std::vector<Metric> kMetrics = {
    // The original's.
    exactly("tap_firehose_events_received_total", "counter", 4),
    exactly("tap_firehose_events_processed_total", "counter", 2),
    exactly("tap_firehose_events_skipped_total", "counter", 1), exactly("tap_firehose_last_seq", "gauge", 3),
    exactly("tap_event_cache_size", "gauge", 0), exactly("tap_resyncs_started_total", "counter", 5),
    exactly("tap_resyncs_completed_total", "counter", 3), exactly("tap_resyncs_failed_total", "counter", 1),
    exactly("tap_resync_duration_seconds_count", "histogram", 4), exactly("tap_events_delivered_total", "counter", 16),
    exactly("tap_events_acked_total", "counter", 16), exactly("tap_crawler_repos_discovered_total", "counter", 1),
    // Its libraries'.
    exactly("indigo_repo_stream_events_received_total{remote_addr=\"$relay\"}", "counter", 4),
    at_least("indigo_repo_stream_bytes_total{remote_addr=\"$relay\"}", "counter", 500),
    at_least("atproto_directory_identity_cache_hits", "counter", 1),
    at_least("atproto_directory_identity_cache_misses", "counter", 1),
    exactly("atproto_directory_identity_requests_coalesced", "counter", 0),
    at_least("atproto_identity_resolve_did{directory=\"tap\",status=\"success\"}", "counter", 3),
    at_least("atproto_identity_resolve_did_duration_count{directory=\"tap\",status=\"success\"}", "histogram", 3),
    at_least("atproto_identity_resolve_handle{directory=\"tap\",status=\"notfound\"}", "counter", 3),
    at_least("atproto_identity_resolve_handle_duration_count{directory=\"tap\",status=\"notfound\"}", "histogram", 3),
    // Every queue.
    queue("lanes"), capacity("lanes", 4'096), queue("lane_bytes"), capacity("lane_bytes", 128U << 20),
    queue("discovery"), at_least("tap_queue_capacity{queue=\"discovery\"}", "gauge", 1), queue("cpu"),
    queue("store_writes"), capacity("store_writes", 10'000), queue("store_acks"), capacity("store_acks", 1'000'000),
    queue("store_reads"), queue("outbox"), capacity("outbox", 5'000), queue("consumers"), capacity("consumers", 10'000),
    queue("handles"), capacity("handles", 100'000), queue("handle_retries"), queue("resync_fetches"),
    at_least("tap_queue_capacity{queue=\"resync_fetches\"}", "gauge", 1), queue("resync_parked", 1),
    capacity("resync_parked", 10'000), queue("resync_workers"), capacity("resync_workers", 5),
    queue("resync_file_bytes"), capacity("resync_file_bytes", std::uint64_t{8} << 30), queue("resync_index_bytes"),
    capacity("resync_index_bytes", 512U << 20), queue("http_asking"), capacity("http_asking", 100), queue("http_bytes"),
    capacity("http_bytes", 64U << 20), queue("names_operators"), capacity("names_operators", 8 + 4'096),
    queue("names_pds"), capacity("names_pds", 64 + 4'096), queue("names_did_web"),
    capacity("names_did_web", 16 + 4'096), queue("names_handles"), capacity("names_handles", 8 + 4'096),
    queue("names_txt"), capacity("names_txt", 8 + 4'096), exactly("tap_resync_queue{line=\"pending\"}", "gauge", 0),
    exactly("tap_resync_queue{line=\"desynchronized\"}", "gauge", 0),
    exactly("tap_resync_queue{line=\"error\"}", "gauge", 0), exactly("tap_resync_waiting", "gauge", 1),
    // Where the firehose stands; the events of the fakes are years old.
    at_least("tap_firehose_lag_seconds", "gauge", 3e7), exactly("tap_firehose_saved_seq", "gauge", 3),
    exactly("tap_firehose_reconnects_total", "counter", 0), exactly("tap_firehose_out_of_order_total", "counter", 0),
    exactly("tap_firehose_outdated_cursor_total", "counter", 0),
    exactly("tap_firehose_cursor_resets_total", "counter", 0),
    exactly("tap_firehose_events_malformed_total", "counter", 1),
    exactly("tap_firehose_events_invalid_total", "counter", 0),
    exactly("tap_firehose_events_retried_total", "counter", 0), exactly("tap_firehose_future_revs_total", "counter", 0),
    exactly("tap_repos_desynchronized_total", "counter", 1), exactly("tap_discovery_repos_total", "counter", 0),
    exactly("tap_discovery_refused_total", "counter", 0), exactly("tap_discovery_missed_total", "counter", 0),
    exactly("tap_recheck_rounds_total", "counter", 0), exactly("tap_recheck_repos_total", "counter", 0),
    exactly("tap_recheck_accounts_total", "counter", 0), exactly("tap_recheck_left", "gauge", 0),
    // Hosts of repos, by state, and what is to be told of one.
    exactly("tap_resync_hosts{state=\"known\"}", "gauge", 2),
    exactly("tap_resync_hosts{state=\"fetching\"}", "gauge", 0),
    exactly("tap_resync_hosts{state=\"crowded\"}", "gauge", 1),
    exactly("tap_resync_hosts{state=\"paused\"}", "gauge", 1),
    exactly("tap_resync_host_waiting{host=\"$limiting\"}", "gauge", 1),
    exactly("tap_resync_host_fetching{host=\"$limiting\"}", "gauge", 0),
    Metric{"tap_resync_host_paused_seconds{host=\"$limiting\"}", "gauge", 3'000, 3'600},
    exactly("tap_resync_host_hung{host=\"$limiting\"}", "gauge", 0),
    at_least("tap_resync_fetched_bytes_total", "counter", 1'000),
    exactly("tap_resync_records_unreadable_total", "counter", 0), exactly("tap_resync_odd_keys_total", "counter", 0),
    exactly("tap_resync_replays_failed_total", "counter", 0), exactly("tap_resync_behind_total", "counter", 0),
    exactly("tap_resync_paced_total", "counter", 0), exactly("tap_resync_buffer_overflows_total", "counter", 0),
    exactly("tap_handles_put_off_total", "counter", 0),
    // The database.
    timing("transaction", 5), timing("fold", 1), timing("sweep", 1), timing("vacuum", 0), timing("checkpoint", 0),
    timing("read_events", 0), timing("read_lane", 0), timing("read_details", 1), timing("read_collections", 1),
    timing("read_records", 1), timing("read_buffered", 0), timing("count_buffered", 0), timing("read_cursor", 1),
    timing("read_dead_letters", 0), at_least("tap_store_batch_size_count", "histogram", 5),
    exactly("tap_store_failures_total{what=\"transaction\"}", "counter", 0),
    exactly("tap_store_failures_total{what=\"fold\"}", "counter", 0),
    exactly("tap_store_failures_total{what=\"sweep\"}", "counter", 0),
    exactly("tap_store_failures_total{what=\"checkpoint\"}", "counter", 0),
    at_least("tap_store_unfolded_commits", "gauge", 0), at_least("tap_store_log_bytes", "gauge", 1),
    // Delivery.
    exactly("tap_consumers", "gauge", 1), at_least("tap_consumer_bytes_sent_total", "counter", 1'000),
    at_least("tap_consumer_writes_total", "counter", 1), exactly("tap_consumer_messages_total", "counter", 16),
    exactly("tap_consumer_bad_messages_total", "counter", 0),
    exactly("tap_consumer_handshakes_refused_total", "counter", 0), exactly("tap_events_requeued_total", "counter", 0),
    exactly("tap_events_set_aside_total", "counter", 0), exactly("tap_event_cache_bytes", "gauge", 0),
    exactly("tap_outbox_events", "gauge", 0), exactly("tap_dead_letters", "gauge", 0),
    // The rest.
    exactly("tap_crawler_repos_added_total", "counter", 1),
    exactly("tap_crawler_entries_malformed_total", "counter", 0), exactly("tap_crawler_failures_total", "counter", 0),
    exactly("tap_crawler_passes_total", "counter", 1), at_least("tap_identity_cache_size", "gauge", 3),
    exactly("tap_identity_cache_capacity", "gauge", 2'000'000), exactly("tap_http_connections", "gauge", 0),
    at_least("tap_http_requests_total", "counter", 3), exactly("tap_http_request_failures_total", "counter", 0),
    at_least("process_cpu_seconds_total", "counter", 0.001),
    at_least("process_resident_memory_bytes", "gauge", 1U << 20),
    at_least("process_virtual_memory_bytes", "gauge", 1U << 20), at_least("process_open_fds", "gauge", 5),
    at_least("process_max_fds", "gauge", 5), at_least("process_start_time_seconds", "gauge", 1.7e9)};

/// Repos were fetched there, all of them.
const std::string kOfAHostThatIsWell = "tap_resync_host_fetching{host=\"$pds\"}";

/// One program between all the fakes: Alice is followed and writes, Bob's repo is missing, Carol is found in the
/// relay's list, a stranger shows up, Dave is looked up, Erin's PDS wants to be left alone. The consumer acks
/// everything.
class MetricOf : public ::testing::TestWithParam<Metric> {
 protected:
  static void SetUpTestSuite() {
    SharedTap tap;
    Account alice(1);
    Account bob(2);
    Account carol(3);
    for (Account* account : {&alice, &bob, &carol}) {
      account->fill(5);
      tap.publish(*account);
    }
    const Account dave(4);
    tap.publish_document(dave);
    Account erin(5);
    erin.fill(1);
    PdsServer limiting;
    tap.publish(erin, limiting);
    Reply leave_me_alone = xrpc_error(429, "RateLimitExceeded");
    leave_me_alone.headers = {{"retry-after", "3600"}};
    limiting.set_answer(erin.did().str(), leave_me_alone);
    tap.pds_.answer(bob.did().str(), xrpc_error(400, "RepoNotFound"), 1'000);
    tap.relay_.set_repos({{.did = carol.did().str()}});
    tap.start({"--full-network", "--metrics-listen", "127.0.0.1:0", "--outbox-capacity", "5000"});
    tap.consume();
    tap.await_records(carol);
    tap.onboard(alice);
    tap.track(bob);
    tap.await_state(bob, "error");
    tap.track(erin);
    (void)tap.tap().wait_for_line("a host wants to be left alone");
    tap.send(alice.post());
    tap.send(Account(9).identity());
    tap.relay_.send_raw(server_frame(2, as_bytes("x")));
    (void)tap.tap().wait_for_line("skipped a malformed frame");
    tap.await_records(alice);
    // What nobody told is fetched, on top of what is in the journal: that is folded first.
    (void)alice.post();
    tap.publish(alice);
    tap.send(alice.sync());
    tap.await_records(alice);
    tap.await_state(alice, "active");
    tap.await_undelivered(0);
    (void)http_call(tap.port(), {.target = "/resolve/" + dave.did().str()});
    port_ = tap.tap().wait_for_line("serving metrics").at("port").get<std::uint16_t>();
    names_ = {{"$relay", tap.relay_.url().substr(7)}, {"$limiting", limiting.url()}, {"$pds", tap.pds_.url()}};
    // Some is done in the background, and a connection lingers. A row that never comes to hold tells of it itself.
    try {
      wait_for("every row", [] {
        text_ = scrape(port_);
        return std::ranges::all_of(kMetrics, holds) && !value_of(text_, filled(kOfAHostThatIsWell));
      });
    } catch (const std::runtime_error&) {
      std::cerr << text_;
    }
  }
  static std::optional<double> seen(const Metric& metric) { return value_of(text_, filled(metric.row)); }
  static bool holds(const Metric& metric) {
    const auto value = seen(metric);
    return value && *value >= metric.least && *value <= metric.most;
  }
  static std::string filled(std::string series) {
    for (const auto& [variable, name] : names_) {
      const std::size_t at = series.find(variable);
      if (at != std::string::npos) series.replace(at, variable.size(), name);
    }
    return series;
  }
  static std::set<std::string> exposed_names() {
    std::set<std::string> names;
    const std::string begin = "\n# TYPE ";
    for (std::size_t at = text_.find(begin); at != std::string::npos; at = text_.find(begin, at + 1)) {
      const std::size_t name = at + begin.size();
      names.insert(text_.substr(name, text_.find(' ', name) - name));
    }
    return names;
  }
  static inline std::uint16_t port_ = 0;
  static inline std::string text_;
  static inline std::map<std::string, std::string> names_;  // what stands for the variables of a series
};

TEST_P(MetricOf, HasItsTypeAndItsValue) {
  const Metric& row = GetParam();
  EXPECT_THAT(text_, HasSubstr("\n# TYPE " + name_of(row.row) + " " + row.type + "\n"));
  const auto value = seen(row);
  ASSERT_TRUE(value) << filled(row.row);
  EXPECT_THAT(*value, AllOf(Ge(row.least), Le(row.most)));
}
INSTANTIATE_TEST_SUITE_P(Named, MetricOf, ::testing::ValuesIn(kMetrics), RowName());

TEST_F(MetricOf, AHostOfWhichThereIsNothingToTellHasNoSeries) {
  EXPECT_THAT(value_of(text_, filled(kOfAHostThatIsWell)), std::nullopt);
}
TEST_F(MetricOf, ResyncDurationHasTheBucketsOfTheOriginal) {
  for (const char* bound :
       {"0.1", "0.2", "0.4", "0.8", "1.6", "3.2", "6.4", "12.8", "25.6", "51.2", "102.4", "204.8", "+Inf"}) {
    EXPECT_TRUE(value_of(text_, "tap_resync_duration_seconds_bucket{le=\"" + std::string(bound) + "\"}")) << bound;
  }
}
TEST_F(MetricOf, NothingIsExposedWithoutARowAndALineInTheDocument) {
  const std::string document = operations_document();
  for (const std::string& name : exposed_names()) {
    if (name.starts_with("exposer_")) continue;  // the server's own
    EXPECT_TRUE(std::ranges::any_of(kMetrics, [&](const Metric& row) { return name_of(row.row) == name; })) << name;
    EXPECT_THAT(document, HasSubstr(name));
  }
}
TEST_F(MetricOf, NoneOfTheProtocolIsMissing) {
  TAP_SHARED_OR_SKIP(protocol, "spec/protocol.md");
  std::size_t found = 0;
  for (const std::string& row : documented_rows(protocol, "11.11")) {
    std::size_t begin = 0;
    for (std::size_t end = 0; row != "name" && end != std::string::npos; begin = end + 2) {
      end = row.find(", ", begin);
      const std::string name = row.substr(begin, end - begin);
      ++found;
      if (name != "tap_webhook_requests_total") EXPECT_THAT(exposed_names(), Contains(name));
    }
  }
  EXPECT_EQ(found, 13U);
}
/// Of the names of the original's libraries, those that mean nothing here; the document says why.
TEST(MetricsNotKept, HaveTheirReasonInTheDocument) {
  const std::string document = operations_document();
  for (const char* name :
       {"indigo_scheduler_", "atproto_directory_handle_cache_hits", "atproto_directory_handle_cache_misses",
        "atproto_directory_handle_requests_coalesced", "go_"}) {
    EXPECT_THAT(document, HasSubstr("`" + std::string(name)));
  }
}

class MetricOfWebhook : public TapTest {};
TEST_F(MetricOfWebhook, RequestsAreCountedByStatusOnceThereIsOne) {
  Receiver receiver(log_);
  std::atomic<int> requests{0};
  receiver.answer([&](const HttpRequest&) -> Reply {
    const int number = requests++;
    return number == 0 ? Reply{.status = 500} : number == 1 ? Reply{.fault = Fault::cut} : Reply{};
  });
  start({"--webhook-url", receiver.url(), "--metrics-listen", "127.0.0.1:0"});
  const auto port = tap().wait_for_line("serving metrics").at("port").get<std::uint16_t>();
  EXPECT_THAT(scrape(port), ::testing::Not(HasSubstr("tap_webhook_requests_total")));
  Account alice(1);
  alice.fill(1);
  publish(alice);
  track(alice);
  log_.wait_for_count(2);
  await_undelivered(0);
  const std::string text = scrape(port);
  EXPECT_THAT(text, HasSubstr("# TYPE tap_webhook_requests_total counter\n"));
  EXPECT_EQ(value_of(text, "tap_webhook_requests_total{status=\"non_2xx\"}"), 1);
  EXPECT_EQ(value_of(text, "tap_webhook_requests_total{status=\"error\"}"), 1);
  EXPECT_EQ(value_of(text, "tap_webhook_requests_total{status=\"success\"}"), 2);
  EXPECT_EQ(value_of(text, "tap_events_delivered_total"), 4) << "repeats count";
  EXPECT_EQ(value_of(text, "tap_queue_depth{queue=\"webhook\"}"), 0);
  EXPECT_EQ(value_of(text, "tap_queue_capacity{queue=\"webhook\"}"), 32);
  EXPECT_EQ(value_of(text, "tap_queue_depth{queue=\"webhook_retries\"}"), 0);
  EXPECT_EQ(value_of(text, "tap_queue_capacity{queue=\"webhook_retries\"}"), 1'000);
  EXPECT_THAT(operations_document(), HasSubstr("tap_webhook_requests_total"));
  tap().kill();
}

}  // namespace
}  // namespace tap::test
