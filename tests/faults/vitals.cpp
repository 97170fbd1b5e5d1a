// SPDX-License-Identifier: MIT
#include "faults/vitals.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <unistd.h>

namespace tap::faults {
namespace {

constexpr std::uint64_t kMegabyte = 1 << 20;
constexpr std::uint64_t kTolerance = 8 * kMegabyte;

std::uint64_t most(std::span<const std::uint64_t> samples) {
  return samples.empty() ? 0 : *std::ranges::max_element(samples);
}

}  // namespace

std::uint64_t resident_bytes(pid_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/statm");
  std::uint64_t total = 0, resident = 0;
  file >> total >> resident;
  return file ? resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) : 0;
}

MemoryCourse MemoryCourse::of(std::span<const std::uint64_t> samples) {
  if (samples.empty()) return {};
  const std::size_t quarter = samples.size() / 4;
  std::vector<std::uint64_t> sorted(samples.begin(), samples.end());
  std::ranges::sort(sorted);
  return {.start = samples.front(),
          .median = sorted[sorted.size() / 2],
          .max = sorted.back(),
          .second_quarter = most(samples.subspan(quarter, quarter)),
          .last_quarter = most(samples.last(quarter))};
}

bool MemoryCourse::is_flat() const { return last_quarter <= second_quarter + second_quarter / 10 + kTolerance; }

std::string MemoryCourse::str() const {
  return fmt::format("{} MB at the start, median {} MB, at most {} MB ({} in the second quarter, {} in the last)",
                     start / kMegabyte, median / kMegabyte, max / kMegabyte, second_quarter / kMegabyte,
                     last_quarter / kMegabyte);
}

}  // namespace tap::faults
