// SPDX-License-Identifier: MIT
#pragma once

#include "tap/app/config.hpp"

namespace tap::app {

/// Runs Tap until SIGINT or SIGTERM, or until a part of it fails for good. Gives the exit status: 0 after a signal,
/// else not (protocol 11.7, 8.4 item 67). A second signal exits at once, and so does one within the start.
/// Once in a process. `config` is validated. `ca_file` is SSL_CERT_FILE, empty for the system's certificates.
[[nodiscard]] int run(const Config& config, const std::string& ca_file);

}  // namespace tap::app
