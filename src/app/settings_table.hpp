// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace tap::app {

/// All settings as a table in Markdown, for docs/configuration.md: options() as a reader wants to see it.
[[nodiscard]] std::string settings_table();

}  // namespace tap::app
