// SPDX-License-Identifier: MIT
#include "tap/base/metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

namespace tap::metrics {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Metrics, TextIsThePrometheusExposition) {
  Registry registry;
  registry.counter("tap_events_total", "Events seen").add(3);
  registry.gauge("tap_depth", "Depth of a queue").set(-2);
  const std::string text = registry.text();
  EXPECT_THAT(text,
              HasSubstr("# HELP tap_events_total Events seen\n# TYPE tap_events_total counter\ntap_events_total 3"));
  EXPECT_THAT(text, HasSubstr("# HELP tap_depth Depth of a queue\n# TYPE tap_depth gauge\ntap_depth -2"));
}

TEST(Metrics, TheSameNameAndLabelsAreTheSameMetric) {
  Registry registry;
  Counter& one = registry.counter("c", "help", {{"status", "success"}});
  EXPECT_EQ(&registry.counter("c", "help", {{"status", "success"}}), &one);
  EXPECT_NE(&registry.counter("c", "help", {{"status", "error"}}), &one);
  EXPECT_EQ(&registry.gauge("g", "help"), &registry.gauge("g", "help"));
  Histogram& histogram = registry.histogram("h", "help", {1, 2});
  EXPECT_EQ(&registry.histogram("h", "help", {1, 2}), &histogram);
}

TEST(Metrics, EachLabelHasItsLine) {
  Registry registry;
  EXPECT_THAT(registry.text(), Not(HasSubstr("c{")));  // absent until it is asked for
  registry.counter("c", "help", {{"status", "success"}}).add();
  registry.counter("c", "help", {{"status", "a \"b\""}}).add(2);
  EXPECT_THAT(registry.text(), HasSubstr("c{status=\"success\"} 1"));
  EXPECT_THAT(registry.text(), HasSubstr("c{status=\"a \\\"b\\\"\"} 2"));
}

TEST(Metrics, HistogramsCountIntoTheirBuckets) {
  Registry registry;
  Histogram& histogram = registry.histogram("d", "help", {0.1, 0.2});
  for (const double value : {0.05, 0.1, 0.15, 5.0}) histogram.observe(value);
  const std::string text = registry.text();
  EXPECT_THAT(text, HasSubstr("d_bucket{le=\"0.1\"} 2"));
  EXPECT_THAT(text, HasSubstr("d_bucket{le=\"0.2\"} 3"));
  EXPECT_THAT(text, HasSubstr("d_bucket{le=\"+Inf\"} 4"));
  EXPECT_THAT(text, HasSubstr("d_count 4"));
}

TEST(Metrics, LargeCountsKeepTheirDigits) {
  Registry registry;
  registry.counter("c", "help").add(9'007'199'254'740'991U);
  EXPECT_THAT(registry.text(), HasSubstr("c 9007199254740991\n"));
}

TEST(Metrics, QueuesShowTheirDepthBesideTheirCapacity) {
  Registry registry;
  registry.queue("lanes", 100).set(3);
  registry.queue("cpu", 0).set(2);
  const std::string text = registry.text();
  EXPECT_THAT(text, HasSubstr("tap_queue_depth{queue=\"lanes\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("tap_queue_depth{queue=\"cpu\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("tap_queue_capacity{queue=\"lanes\"} 100\n"));
  EXPECT_THAT(text, Not(HasSubstr("tap_queue_capacity{queue=\"cpu\"}")));
}

TEST(Metrics, ComputedValuesAreThoseOfTheScrape) {
  Registry registry;
  double value = 1.5;
  registry.compute(Registry::Kind::gauge, "tap_age", "Age", [&value] { return value; });
  registry.compute(Registry::Kind::counter, "tap_work_total", "Work", [&value] { return 2 * value; });
  EXPECT_THAT(registry.text(), HasSubstr("# TYPE tap_age gauge\ntap_age 1.5\n"));
  value = 4;
  EXPECT_THAT(registry.text(), HasSubstr("tap_age 4\n"));
  EXPECT_THAT(registry.text(), HasSubstr("# TYPE tap_work_total counter\ntap_work_total 8\n"));
}

TEST(Metrics, OfASetOnlyTheLastValuesAreExposed) {
  Registry registry;
  GaugeSet& set = registry.gauge_set("tap_of_hosts", "Of hosts", "host");
  EXPECT_EQ(&registry.gauge_set("tap_of_hosts", "Of hosts", "host"), &set);
  EXPECT_THAT(registry.text(), Not(HasSubstr("tap_of_hosts"))) << "of nothing there is nothing to say";
  set.replace({{"a", 1}, {"b", 2}});
  EXPECT_THAT(registry.text(), HasSubstr("# HELP tap_of_hosts Of hosts\n# TYPE tap_of_hosts gauge\n"
                                         "tap_of_hosts{host=\"a\"} 1\ntap_of_hosts{host=\"b\"} 2\n"));
  set.replace({{"b", 3}});
  EXPECT_THAT(registry.text(), HasSubstr("tap_of_hosts{host=\"b\"} 3\n"));
  EXPECT_THAT(registry.text(), Not(HasSubstr("host=\"a\"")));
  set.replace({});
  EXPECT_THAT(registry.text(), Not(HasSubstr("tap_of_hosts")));
}

TEST(Metrics, NoNameEndsItsLine) {
  Registry registry;
  registry.gauge_set("s", "help", "host").replace({{"a\"} 7\nother{b=\"\\", 1}});
  EXPECT_THAT(registry.text(), HasSubstr("\ns{host=\"a\\\"} 7\\nother{b=\\\"\\\\\"} 1\n"));
}

TEST(Metrics, AnyThreadMayCountAndRead) {
  Registry registry;
  Counter& counter = registry.counter("c", "help");
  GaugeSet& set = registry.gauge_set("s", "help", "host");
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 1'000; ++n) counter.add();
      set.replace({{std::to_string(counter.value() % 3), 1}});
      EXPECT_THAT(registry.text(), HasSubstr("c "));
      registry.gauge("g" + std::to_string(counter.value() % 3), "help").add(1);
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(counter.value(), 4'000U);
}

}  // namespace
}  // namespace tap::metrics
