// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace tap::test {

/// Runs `tap check` on a database that nobody uses; throws with what it says unless all is sound and there is not even
/// a hint.
void check_database(const std::string& tap, const std::string& database_url);

}  // namespace tap::test
