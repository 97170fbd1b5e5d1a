// SPDX-License-Identifier: MIT
#include "app/process_metrics.hpp"

#include <chrono>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <sys/resource.h>
#include <system_error>
#include <unistd.h>

namespace tap::app {
namespace {

double cpu_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

/// A field of /proc/self/statm: 0 is all that is mapped, 1 what of it is in memory.
double memory_bytes(int field) {
  std::ifstream file("/proc/self/statm");
  double pages = 0;
  for (int i = 0; i <= field; ++i) file >> pages;
  return pages * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

double open_descriptors() {
  std::error_code error;  // out of descriptors, even this cannot be counted
  double count = 0;
  for (std::filesystem::directory_iterator entry("/proc/self/fd", error), end; entry != end; entry.increment(error)) {
    if (error) break;
    ++count;
  }
  return count > 0 ? count - 1 : 0;  // one of them reads the folder
}

double most_descriptors() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return static_cast<double>(limit.rlim_cur);
}

}  // namespace

void add_process_metrics(metrics::Registry& metrics) {
  using Kind = metrics::Registry::Kind;
  const double started = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  metrics.compute(Kind::gauge, "process_start_time_seconds", "Unix time at which the process began",
                  [started] { return started; });
  metrics.compute(Kind::counter, "process_cpu_seconds_total", "Time on a CPU", cpu_seconds);
  metrics.compute(Kind::gauge, "process_resident_memory_bytes", "Memory that is resident",
                  [] { return memory_bytes(1); });
  metrics.compute(Kind::gauge, "process_virtual_memory_bytes", "Memory that is mapped", [] { return memory_bytes(0); });
  metrics.compute(Kind::gauge, "process_open_fds", "Open file descriptors", open_descriptors);
  metrics.compute(Kind::gauge, "process_max_fds", "File descriptors at most", most_descriptors);
}

}  // namespace tap::app
