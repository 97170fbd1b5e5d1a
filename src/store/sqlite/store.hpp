// SPDX-License-Identifier: MIT
#pragma once

#include "tap/store/store.hpp"

#include <memory>
#include <string>

namespace tap::store::sqlite {

/// Creates, migrates and locks the database at `path`.
[[nodiscard]] Result<std::unique_ptr<Store>> open(const std::string& path);

}  // namespace tap::store::sqlite
