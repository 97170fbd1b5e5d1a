// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace prometheus {
class Collectable;
}

namespace tap::metrics {

using Labels = std::map<std::string, std::string>;

/// Handles are cheap to bump from any thread and live as long as their Registry.
class Counter {
 public:
  void add(std::uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

class Gauge {
 public:
  void set(std::int64_t v) { value_.store(v, std::memory_order_relaxed); }
  void add(std::int64_t n) { value_.fetch_add(n, std::memory_order_relaxed); }
  [[nodiscard]] std::int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_{0};
};

/// A gauge of each of what comes and goes, such as hosts: what the last replace() names has a series, nothing else has.
/// How many there are is for the caller to bound; what they are called may be anything. Thread-safe.
class GaugeSet {
 public:
  using Values = std::map<std::string, std::int64_t>;
  void replace(Values values) {
    const std::lock_guard lock(mutex_);
    values_.swap(values);
  }
  [[nodiscard]] Values values() const {
    const std::lock_guard lock(mutex_);
    return values_;
  }

 private:
  mutable std::mutex mutex_;
  Values values_;
};

class Histogram {
 public:
  virtual ~Histogram() = default;
  virtual void observe(double value) = 0;
};

/// Every metric of the process. Names and help texts follow protocol 11.11.
/// A name asked for twice with the same labels gives the same handle. Thread-safe.
class Registry {
 public:
  Registry();
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  Counter& counter(const std::string& name, const std::string& help, const Labels& labels = {});
  Gauge& gauge(const std::string& name, const std::string& help, const Labels& labels = {});
  Histogram& histogram(const std::string& name, const std::string& help, const std::vector<double>& buckets,
                       const Labels& labels = {});
  /// Its series differ in `label`. While it is empty, the name is not exposed. The name stands for nothing else.
  GaugeSet& gauge_set(const std::string& name, const std::string& help, const std::string& label);
  /// The depth of a queue, for its owner to keep: tap_queue_depth{queue=name}. With it stands tap_queue_capacity,
  /// unless the queue has no bound of its own (0).
  Gauge& queue(const std::string& name, std::size_t capacity);
  enum class Kind : std::uint8_t { counter, gauge };
  /// A value that is worked out at each scrape, on the scraper's thread: `value` may be called until nobody scrapes any
  /// more. The name stands for nothing else.
  void compute(Kind kind, const std::string& name, const std::string& help, std::function<double()> value);
  /// The Prometheus text exposition of everything.
  [[nodiscard]] std::string text() const;
  /// The same for an exposer, which scrapes on threads of its own; it may outlive the registry.
  [[nodiscard]] std::shared_ptr<prometheus::Collectable> collectable() const;

 private:
  struct State;
  std::shared_ptr<State> state_;  // shared with exposers
};

}  // namespace tap::metrics
