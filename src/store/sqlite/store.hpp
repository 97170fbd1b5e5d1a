// SPDX-License-Identifier: MIT
#pragma once

#include "store/engine.hpp"

#include <memory>
#include <string>

namespace tap::store::sqlite {

/// Creates, migrates and locks the database at `path`, or imports the original's.
[[nodiscard]] Result<std::unique_ptr<Engine>> open(const std::string& path, const CursorNames& names);

}  // namespace tap::store::sqlite
