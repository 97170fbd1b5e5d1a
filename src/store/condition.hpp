// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/log.hpp"
#include "tap/base/metrics.hpp"
#include "tap/base/result.hpp"

#include <string_view>

namespace tap::store {

/// Whether something works, said once per change: a full disk fails thousands of writes, but it is one piece of news.
class Condition {
 public:
  /// `what` is a literal, such as "writing to the database".
  Condition(log::Logger logger, std::string_view what, metrics::Counter& failures)
      : log_(logger), what_(what), failures_(failures) {}
  void succeeded();
  void failed(const Error& error);

 private:
  log::Logger log_;
  std::string_view what_;
  metrics::Counter& failures_;
  std::error_code now_;
};

}  // namespace tap::store
