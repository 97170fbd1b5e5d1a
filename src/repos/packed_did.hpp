// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tap::repos {

/// A did:plc in 15 bytes: its 24 characters are 5 bits each.
using PackedPlc = std::array<std::uint8_t, 15>;

/// Empty when it is not a did:plc of the real alphabet.
[[nodiscard]] std::optional<PackedPlc> pack_plc(std::string_view did);
[[nodiscard]] std::string unpack_plc(const PackedPlc& packed);

}  // namespace tap::repos
