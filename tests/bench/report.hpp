// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace tap::bench {

/// What a figure has to be.
struct Bar {
  enum class Side : std::uint8_t { at_most, at_least } side{};
  double value = 0;
  [[nodiscard]] bool holds(double figure) const { return side == Side::at_most ? figure <= value : figure >= value; }
};
inline Bar at_most(double value) { return {Bar::Side::at_most, value}; }
inline Bar at_least(double value) { return {Bar::Side::at_least, value}; }

struct Measure {
  std::string name;
  double value = 0;
  std::string unit = {};
  std::optional<Bar> bar = {};
  std::string original = {};  ///< the same figure of the original program on two cores
};

/// The outcome of each scenario: figures beside their bars, or why there are none.
class Report {
 public:
  /// Prints the head of the table. `judging` is false when the figures mean nothing: bars are left out.
  void open(double verification, bool judging);
  void begin(const std::string& scenario);
  /// Prints the line.
  void add(Measure measure);
  void note(const std::string& text);
  /// The scenario did not complete, or did not deliver exactly what it should.
  void fail(const std::string& why);

  /// No scenario failed. A missed bar is no failure: a machine may be busy.
  [[nodiscard]] bool complete() const;
  void write_json(const std::filesystem::path& file) const;

 private:
  struct Outcome {
    std::string scenario;
    std::vector<Measure> measures = {};
    std::string failure = {};
  };
  double verification_ = 0;
  bool judging_ = true;
  std::vector<Outcome> outcomes_;
};

}  // namespace tap::bench
