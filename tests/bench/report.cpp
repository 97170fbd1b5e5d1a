// SPDX-License-Identifier: MIT
#include "bench/report.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>

namespace tap::bench {
namespace {

/// Three digits that matter, without an exponent; large ones whole.
std::string number(double value) {
  const int digits = value == 0 ? 0 : 2 - static_cast<int>(std::floor(std::log10(std::abs(value))));
  return fmt::format("{:.{}f}", value, std::clamp(digits, 0, 4));
}

std::string bar_of(const Measure& measure) {
  if (!measure.bar) return {};
  return (measure.bar->side == Bar::Side::at_most ? "<= " : ">= ") + number(measure.bar->value);
}

std::string verdict_of(const Measure& measure) {
  if (!measure.bar) return {};
  return measure.bar->holds(measure.value) ? "ok" : "MISSED";
}

void print_row(const std::string& name, const std::string& value, const std::string& unit, const std::string& bar,
               const std::string& verdict, const std::string& original) {
  fmt::print("  {:<34} {:>12} {:<10} {:>12}  {:<6}  {}\n", name, value, unit, bar, verdict, original);
  std::fflush(stdout);
}

}  // namespace

void Report::open(double verification, bool judging) {
  verification_ = verification;
  judging_ = judging;
  fmt::print("S, one libsecp256k1 verification: {:.1f} us of CPU\n", verification * 1e6);
  print_row("", "measured", "", "bar", "", "original");
}

void Report::begin(const std::string& scenario) {
  outcomes_.push_back({scenario});
  fmt::print("{}\n", scenario);
  std::fflush(stdout);
}

void Report::add(Measure measure) {
  if (!judging_) measure.bar.reset();
  print_row(measure.name, number(measure.value), measure.unit, bar_of(measure), verdict_of(measure), measure.original);
  outcomes_.back().measures.push_back(std::move(measure));
}

void Report::note(const std::string& text) { fmt::print("  {}\n", text); }

void Report::fail(const std::string& why) {
  fmt::print("  FAILED: {}\n", why);
  std::fflush(stdout);
  outcomes_.back().failure = why;
}

bool Report::complete() const {
  return std::ranges::all_of(outcomes_, [](const Outcome& outcome) { return outcome.failure.empty(); });
}

void Report::write_json(const std::filesystem::path& file) const {
  nlohmann::ordered_json scenarios = nlohmann::ordered_json::array();
  for (const Outcome& outcome : outcomes_) {
    nlohmann::ordered_json measures = nlohmann::ordered_json::array();
    for (const Measure& measure : outcome.measures) {
      nlohmann::ordered_json entry = {{"name", measure.name}, {"value", measure.value}, {"unit", measure.unit}};
      if (measure.bar) {
        entry["bar"] = bar_of(measure);
        entry["holds"] = measure.bar->holds(measure.value);
      }
      if (!measure.original.empty()) entry["original"] = measure.original;
      measures.push_back(std::move(entry));
    }
    nlohmann::ordered_json entry = {{"scenario", outcome.scenario}, {"measures", std::move(measures)}};
    if (!outcome.failure.empty()) entry["failure"] = outcome.failure;
    scenarios.push_back(std::move(entry));
  }
  const nlohmann::ordered_json report = {{"verification_us", verification_ * 1e6}, {"scenarios", std::move(scenarios)}};
  std::ofstream(file) << report.dump(2) << '\n';
}

}  // namespace tap::bench
