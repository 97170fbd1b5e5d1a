// SPDX-License-Identifier: MIT
#pragma once

#include "tap/store/store.hpp"

#include "store/sqlite/database.hpp"

namespace tap::store::sqlite {

[[nodiscard]] std::unique_ptr<Queries> make_queries(Database database);

}  // namespace tap::store::sqlite
