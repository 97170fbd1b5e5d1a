// SPDX-License-Identifier: MIT
#include "tap/base/metrics.hpp"

#include <prometheus/collectable.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <mutex>

namespace tap::metrics {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

class HistogramHandle final : public Histogram {
 public:
  explicit HistogramHandle(prometheus::Histogram& histogram) : histogram_(histogram) {}
  void observe(double value) override { histogram_.Observe(value); }

 private:
  prometheus::Histogram& histogram_;
};

std::vector<ClientMetric::Label> labels_of(const Labels& labels) {
  std::vector<ClientMetric::Label> out;
  for (const auto& [name, value] : labels) out.push_back({name, value});
  return out;
}

/// The metrics of one name, by their labels. Node-based: handles keep their address.
template <class Metric>
struct Family {
  std::string help;
  std::map<Labels, Metric> metrics;
};

template <class Metric>
MetricFamily collect(const std::string& name, const Family<Metric>& family) {
  constexpr bool is_counter = std::is_same_v<Metric, Counter>;
  MetricFamily out{name, family.help, is_counter ? MetricType::Counter : MetricType::Gauge, {}};
  for (const auto& [labels, metric] : family.metrics) {
    ClientMetric value;
    value.label = labels_of(labels);
    (is_counter ? value.counter.value : value.gauge.value) = static_cast<double>(metric.value());
    out.metric.push_back(std::move(value));
  }
  return out;
}

struct SetFamily {
  std::string help;
  std::string label;
  GaugeSet set;
};

MetricFamily collect(const std::string& name, const SetFamily& family) {
  MetricFamily out{name, family.help, MetricType::Gauge, {}};
  for (const auto& [value_of_label, value] : family.set.values()) {
    ClientMetric metric;
    metric.label = {{family.label, value_of_label}};
    metric.gauge.value = static_cast<double>(value);
    out.metric.push_back(std::move(metric));
  }
  return out;
}

/// A value that exists when it is asked for.
struct Computed {
  std::string help;
  Registry::Kind kind;
  std::function<double()> value;
};

MetricFamily collect(const std::string& name, const Computed& computed) {
  const bool is_counter = computed.kind == Registry::Kind::counter;
  ClientMetric metric;
  (is_counter ? metric.counter.value : metric.gauge.value) = computed.value();
  return {name, computed.help, is_counter ? MetricType::Counter : MetricType::Gauge, {std::move(metric)}};
}

}  // namespace

struct Registry::State final : prometheus::Collectable {
  mutable std::mutex mutex;  // guards the maps, not the values: those guard themselves
  std::map<std::string, Family<Counter>> counters;
  std::map<std::string, Family<Gauge>> gauges;
  std::map<std::string, SetFamily> sets;
  std::map<std::pair<std::string, Labels>, HistogramHandle> histograms;
  std::map<std::string, Computed> computed;
  prometheus::Registry registry;  // histograms live here

  std::vector<MetricFamily> Collect() const override {
    std::vector<MetricFamily> families = registry.Collect();
    const std::lock_guard lock(mutex);
    for (const auto& [name, family] : counters) families.push_back(collect(name, family));
    for (const auto& [name, family] : gauges) families.push_back(collect(name, family));
    for (const auto& [name, family] : sets) {
      if (auto collected = collect(name, family); !collected.metric.empty()) families.push_back(std::move(collected));
    }
    for (const auto& [name, value] : computed) families.push_back(collect(name, value));
    return families;
  }
};

Registry::Registry() : state_(std::make_shared<State>()) {}
Registry::~Registry() = default;

Counter& Registry::counter(const std::string& name, const std::string& help, const Labels& labels) {
  const std::lock_guard lock(state_->mutex);
  auto& family = state_->counters[name];
  family.help = help;
  return family.metrics[labels];
}

Gauge& Registry::gauge(const std::string& name, const std::string& help, const Labels& labels) {
  const std::lock_guard lock(state_->mutex);
  auto& family = state_->gauges[name];
  family.help = help;
  return family.metrics[labels];
}

Histogram& Registry::histogram(const std::string& name, const std::string& help, const std::vector<double>& buckets,
                               const Labels& labels) {
  const std::lock_guard lock(state_->mutex);
  if (const auto it = state_->histograms.find({name, labels}); it != state_->histograms.end()) return it->second;
  auto& family = prometheus::BuildHistogram().Name(name).Help(help).Register(state_->registry);
  return state_->histograms.try_emplace({name, labels}, family.Add(labels, buckets)).first->second;
}

GaugeSet& Registry::gauge_set(const std::string& name, const std::string& help, const std::string& label) {
  const std::lock_guard lock(state_->mutex);
  auto& family = state_->sets[name];
  family.help = help;
  family.label = label;
  return family.set;
}

Gauge& Registry::queue(const std::string& name, std::size_t capacity) {
  const Labels labels = {{"queue", name}};
  if (capacity > 0) {
    gauge("tap_queue_capacity", "What the queue holds at most", labels).set(static_cast<std::int64_t>(capacity));
  }
  return gauge("tap_queue_depth", "What is in the queue", labels);
}

void Registry::compute(Kind kind, const std::string& name, const std::string& help, std::function<double()> value) {
  const std::lock_guard lock(state_->mutex);
  state_->computed.insert_or_assign(name, Computed{help, kind, std::move(value)});
}

std::string Registry::text() const { return prometheus::TextSerializer().Serialize(state_->Collect()); }

std::shared_ptr<prometheus::Collectable> Registry::collectable() const { return state_; }

}  // namespace tap::metrics
