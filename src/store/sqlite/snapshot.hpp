// SPDX-License-Identifier: MIT
#pragma once

#include "store/check/snapshot.hpp"

#include <memory>
#include <string>

namespace tap::store::sqlite {

/// Of the database at `path`, as it is when it is first looked at. While it lives the log cannot begin anew.
[[nodiscard]] Result<std::unique_ptr<check::Snapshot>> open_snapshot(const std::string& path);

}  // namespace tap::store::sqlite
