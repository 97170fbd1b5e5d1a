// SPDX-License-Identifier: MIT
#include "repos/packed_did.hpp"

#include <gtest/gtest.h>

#include <random>

namespace tap::repos {
namespace {

TEST(PackedDid, PlcComesBackAsItWas) {
  std::mt19937 random(3);
  const std::string alphabet = "abcdefghijklmnopqrstuvwxyz234567";
  for (int round = 0; round < 1'000; ++round) {
    std::string did = "did:plc:";
    for (int i = 0; i < 24; ++i) did += alphabet[random() % 32];
    const auto packed = pack_plc(did);
    ASSERT_TRUE(packed) << did;
    EXPECT_EQ(unpack_plc(*packed), did);
  }
}

TEST(PackedDid, OthersAreNotPacked) {
  for (const char* did : {"", "did:plc:", "did:web:aaaaaaaaaaaaaaaaaaaaaaaa", "did:plc:aaaaaaaaaaaaaaaaaaaaaaa",
                          "did:plc:aaaaaaaaaaaaaaaaaaaaaaaaa", "did:plc:aaaaaaaaaaaaaaaaaaaaaaa1",
                          "did:plc:Aaaaaaaaaaaaaaaaaaaaaaaa", "DID:plc:aaaaaaaaaaaaaaaaaaaaaaaa"}) {
    EXPECT_EQ(pack_plc(did), std::nullopt) << did;
  }
}

}  // namespace
}  // namespace tap::repos
