// SPDX-License-Identifier: MIT
#include "net/guard.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace tap::net {
namespace {

namespace ip = boost::asio::ip;

struct Range {
  std::uint32_t first;
  int bits;
};
/// The special-purpose registry of IANA, with 6to4's relays, multicast and what is reserved.
constexpr std::array<Range, 15> kSpecial = {{{0x0000'0000, 8},
                                             {0x0a00'0000, 8},
                                             {0x6440'0000, 10},
                                             {0x7f00'0000, 8},
                                             {0xa9fe'0000, 16},
                                             {0xac10'0000, 12},
                                             {0xc000'0000, 24},
                                             {0xc000'0200, 24},
                                             {0xc058'6300, 24},
                                             {0xc0a8'0000, 16},
                                             {0xc612'0000, 15},
                                             {0xc633'6400, 24},
                                             {0xcb00'7100, 24},
                                             {0xe000'0000, 4},
                                             {0xf000'0000, 4}}};

bool is_public(const ip::address_v4& address) {
  const std::uint32_t value = address.to_uint();
  return std::ranges::none_of(kSpecial,
                              [&](const Range& range) { return ((value ^ range.first) >> (32 - range.bits)) == 0; });
}

bool is_public(const ip::address_v6& address) {
  if (address.is_v4_mapped()) return is_public(ip::make_address_v4(ip::v4_mapped, address));
  const auto bytes = address.to_bytes();
  if ((bytes[0] & 0xe0) != 0x20) return false;                                                     // only 2000::/3
  if (bytes[0] == 0x20 && bytes[1] == 0x02) return false;                                          // 6to4
  if (bytes[0] == 0x20 && bytes[1] == 0x01 && (bytes[2] & 0xfe) == 0x00) return false;             // Teredo, ORCHID...
  if (bytes[0] == 0x20 && bytes[1] == 0x01 && bytes[2] == 0x0d && bytes[3] == 0xb8) return false;  // documentation
  if (bytes[0] == 0x3f && bytes[1] == 0xff && (bytes[2] & 0xf0) == 0x00) return false;             // likewise
  return true;
}

}  // namespace

bool is_public(const ip::address& address) {
  return address.is_v4() ? is_public(address.to_v4()) : is_public(address.to_v6());
}

}  // namespace tap::net
