// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace tap::store::sqlite {

/// Most record keys are TIDs: 13 characters that are an integer of 63 bits, stored as one. They sort like their text
/// among themselves, but before all other keys, so that a scan in text order merges two ranges.
[[nodiscard]] std::optional<std::int64_t> rkey_number(std::string_view rkey);

/// The number of the first TID whose text is greater than `text` (any bytes); empty when there is none.
[[nodiscard]] std::optional<std::int64_t> first_number_after(std::string_view text);

}  // namespace tap::store::sqlite
