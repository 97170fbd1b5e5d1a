// SPDX-License-Identifier: MIT
#pragma once

#include "tap/async/error.hpp"
#include "tap/async/task.hpp"
#include "tap/base/result.hpp"

#include <chrono>

namespace tap::async {

/// Runs `task` until it ends or the time is over; then it is cancelled (terminal), awaited, and timed_out is the
/// answer. Loop thread only. The one place that uses Asio's parallel groups.
template <class T>
[[nodiscard]] Task<Result<T>> with_timeout(Task<Result<T>> task, std::chrono::milliseconds limit);

}  // namespace tap::async

#include "tap/async/timeout_impl.hpp"
