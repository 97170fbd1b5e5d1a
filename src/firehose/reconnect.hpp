// SPDX-License-Identifier: MIT
#pragma once

#include "tap/firehose/session.hpp"

#include <chrono>
#include <optional>
#include <string_view>

namespace tap::firehose {

/// How a connection to the relay ended.
struct Ending {
  /// False: try again soon. True: the same attempt would only be refused again; wait for the relay to catch up or cool
  /// down, or for the operator.
  bool patience = false;
  std::optional<std::chrono::milliseconds> retry_after;  ///< the relay's own wish
};
/// What an HTTP answer in place of the upgrade asks for (protocol 7.1); `retry_after` is the header, in seconds.
[[nodiscard]] Ending ending_of_refusal(int status, std::string_view retry_after);

/// How long to wait before the next connection (8.4 items 28, 29). Pure.
class Reconnect {
 public:
  explicit Reconnect(ReconnectOptions options) : options_(options) {}
  /// `lived`: from the attempt to connect to the end. Jitter comes on top.
  [[nodiscard]] std::chrono::milliseconds pause(const Ending& ending, std::chrono::milliseconds lived);

 private:
  ReconnectOptions options_;
  unsigned attempt_ = 0;
};

}  // namespace tap::firehose
