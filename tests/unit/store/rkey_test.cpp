// SPDX-License-Identifier: MIT
#include "store/sqlite/rkey.hpp"

#include "tap/atproto/identifiers.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace tap::store::sqlite {
namespace {

std::string text_of(std::int64_t number) { return atproto::Tid(static_cast<std::uint64_t>(number)).str(); }

TEST(Rkey, TidsOf63BitsAreNumbers) {
  EXPECT_EQ(rkey_number("2222222222222"), 0);
  EXPECT_EQ(rkey_number("bzzzzzzzzzzzz"), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(rkey_number("c222222222222"), std::nullopt) << "the 64th bit would be a sign";
  EXPECT_EQ(rkey_number("zzzzzzzzzzzzz"), std::nullopt);
  EXPECT_EQ(rkey_number("222222222222"), std::nullopt);
  EXPECT_EQ(rkey_number("22222222222222"), std::nullopt);
  EXPECT_EQ(rkey_number("2222222222A22"), std::nullopt);
  EXPECT_EQ(rkey_number(""), std::nullopt);
}

TEST(Rkey, FirstNumberAfterIsTheLeastThatIsGreater) {
  EXPECT_EQ(first_number_after(""), 0);
  EXPECT_EQ(first_number_after("2222222222222"), 1);
  EXPECT_EQ(first_number_after("bzzzzzzzzzzzz"), std::nullopt);
  EXPECT_EQ(first_number_after("bzzzzzzzzzzzy"), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(first_number_after("b~"), std::nullopt);
  EXPECT_EQ(first_number_after("~"), std::nullopt);

  // Texts near TIDs, cut, grown, and with bytes from all over.
  std::mt19937_64 random(7);
  const std::string alphabet = "-.019234567ABZ_abcijkyz~\xff";
  for (int round = 0; round < 200'000; ++round) {
    std::string text = text_of(static_cast<std::int64_t>(random() >> (1 + random() % 40)));
    for (auto edits = random() % 3; edits > 0; --edits)
      text[random() % text.size()] = alphabet[random() % alphabet.size()];
    if (random() % 2 == 0) text.resize(random() % 15, 'z');
    const auto number = first_number_after(text);
    if (number) {
      ASSERT_GE(*number, 0);
      ASSERT_GT(text_of(*number), text);
      if (*number > 0) ASSERT_LE(text_of(*number - 1), text) << text;
    } else {
      ASSERT_GE(text, "bzzzzzzzzzzzz");
    }
  }
}

}  // namespace
}  // namespace tap::store::sqlite
