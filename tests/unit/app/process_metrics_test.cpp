// SPDX-License-Identifier: MIT
#include "app/process_metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <stdexcept>
#include <string>
#include <unistd.h>

namespace tap::app {
namespace {

/// The value of a metric without labels.
double value_of(const metrics::Registry& registry, const std::string& name) {
  const std::string text = registry.text();
  const std::size_t at = text.find("\n" + name + " ");
  if (at == std::string::npos) throw std::runtime_error("no " + name);
  return std::stod(text.substr(at + name.size() + 2));
}

TEST(ProcessMetrics, TellWhatTheProcessUses) {
  metrics::Registry registry;
  add_process_metrics(registry);
  EXPECT_GT(value_of(registry, "process_cpu_seconds_total"), 0);
  EXPECT_GT(value_of(registry, "process_resident_memory_bytes"), 1 << 20);
  EXPECT_GE(value_of(registry, "process_virtual_memory_bytes"), value_of(registry, "process_resident_memory_bytes"));
  EXPECT_GT(value_of(registry, "process_max_fds"), value_of(registry, "process_open_fds"));
  EXPECT_GT(value_of(registry, "process_start_time_seconds"), 1.7e9);
}

TEST(ProcessMetrics, CountDescriptors) {
  metrics::Registry registry;
  add_process_metrics(registry);
  const double before = value_of(registry, "process_open_fds");
  const int descriptor = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  EXPECT_EQ(value_of(registry, "process_open_fds"), before + 1);
  ::close(descriptor);
  EXPECT_EQ(value_of(registry, "process_open_fds"), before);
}

}  // namespace
}  // namespace tap::app
