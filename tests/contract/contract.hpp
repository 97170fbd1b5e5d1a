// SPDX-License-Identifier: MIT
#pragma once

#include "integration/tap_test.hpp"
#include "support/process/metrics.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tap::test {

/// The program and its network, outside of a single test: for rows that share one.
class SharedTap : public TapTest {
 public:
  using TapTest::await_records;
  using TapTest::await_state;
  using TapTest::await_undelivered;
  using TapTest::consume;
  using TapTest::consumer;
  using TapTest::get;
  using TapTest::onboard;
  using TapTest::port;
  using TapTest::publish;
  void publish_document(const Account& account) { TapTest::publish_document(account, pds_); }
  using TapTest::send;
  using TapTest::start;
  using TapTest::tap;
  using TapTest::track;

  using TapTest::database;
  using TapTest::log_;
  using TapTest::pds_;
  using TapTest::plc_;
  using TapTest::relay_;

 private:
  void TestBody() override {}
};

/// What a row may be named in a test's name: its letters and digits, all else an underscore.
[[nodiscard]] std::string name_of_row(std::string_view text);

/// For parameters with a `row`.
struct RowName {
  template <class Info>
  std::string operator()(const Info& info) const {
    return name_of_row(info.param.row);
  }
};

/// What came of a run of the program that ended by itself.
struct Outcome {
  ExitStatus status;
  std::string out, error;
  /// The reason in the log line "exiting process"; empty without one.
  [[nodiscard]] std::string reason() const;
};
/// Its `.env` has this text, unless it is empty.
[[nodiscard]] Outcome run_tap(const std::vector<std::string>& arguments,
                              const std::map<std::string, std::string>& environment = {},
                              const std::string& dotenv = {});

/// The first cells of the rows of the tables in a section of the protocol ("11.8"), as they stand there.
[[nodiscard]] std::vector<std::string> documented_rows(const std::string& protocol, const std::string& section);

}  // namespace tap::test
