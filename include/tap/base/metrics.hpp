// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
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
