// SPDX-License-Identifier: MIT
#pragma once

#include "store/engine.hpp"

#include <memory>

namespace tap::store {

/// The store on an engine: what goes to the journal and what to the tables, and the fold from one to the other. Reads
/// where the database stands.
[[nodiscard]] Result<std::unique_ptr<Store>> make_journaled_store(std::unique_ptr<Engine> engine);

}  // namespace tap::store
