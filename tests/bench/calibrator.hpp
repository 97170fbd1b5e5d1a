// SPDX-License-Identifier: MIT
#pragma once

namespace tap::bench {

/// Seconds of CPU that one libsecp256k1 verification takes on this machine now: the unit S of the bars, which makes
/// them mean the same on a slow machine as on a fast one. Takes about a tenth of a second.
[[nodiscard]] double measure_verification();

/// CPU time of the calling thread.
[[nodiscard]] double thread_cpu_seconds();

}  // namespace tap::bench
