// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>

namespace tap::test {

/// How long a test waits for what must come: far longer than it ever takes. Under ThreadSanitizer everything takes many
/// times as long.
#if __has_feature(thread_sanitizer)
inline constexpr std::chrono::seconds kPatience{180};
#else
inline constexpr std::chrono::seconds kPatience{30};
#endif

}  // namespace tap::test
