// SPDX-License-Identifier: MIT
#include "faults/vitals.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <unistd.h>

namespace tap::faults {
namespace {

constexpr std::uint64_t kMegabyte = 1 << 20;
constexpr std::uint64_t kMedianTolerance = 2 * kMegabyte;
constexpr std::uint64_t kMostTolerance = 8 * kMegabyte;

MemoryCourse::Quarter quarter_of(std::span<const std::uint64_t> samples) {
  if (samples.empty()) return {};
  std::vector<std::uint64_t> sorted(samples.begin(), samples.end());
  std::ranges::sort(sorted);
  return {.median = sorted[sorted.size() / 2], .most = sorted.back()};
}

bool is_little_more(std::uint64_t later, std::uint64_t before, std::uint64_t tolerance) {
  return later <= before + before / 10 + tolerance;
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
  return {.start = samples.front(),
          .most = std::ranges::max(samples),
          .second = quarter_of(samples.subspan(quarter, quarter)),
          .last = quarter_of(samples.last(quarter))};
}

bool MemoryCourse::is_flat() const {
  return is_little_more(last.median, second.median, kMedianTolerance) &&
         is_little_more(last.most, second.most, kMostTolerance);
}

std::string MemoryCourse::str() const {
  const auto in_megabytes = [](std::uint64_t bytes) { return static_cast<double>(bytes) / kMegabyte; };
  return fmt::format(
      "{:.0f} MB at the start, at most {:.0f} MB; median {:.1f} MB in the second quarter, {:.1f} in the last; most "
      "{:.0f} and {:.0f}",
      in_megabytes(start), in_megabytes(most), in_megabytes(second.median), in_megabytes(last.median),
      in_megabytes(second.most), in_megabytes(last.most));
}

}  // namespace tap::faults
