// SPDX-License-Identifier: MIT
#include "tap/net/retry_after.hpp"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>

namespace tap::net {
namespace {

using namespace std::chrono_literals;

Response answer(std::map<std::string, std::string> headers) { return {.status = 429, .headers = std::move(headers)}; }

TEST(PauseOf, ReadsEveryFormThatAHostMayUse) {
  // 1 June 2026, noon.
  const WallTime now{std::chrono::seconds(1'780'315'200)};
  const struct {
    std::map<std::string, std::string> headers;
    std::optional<std::chrono::seconds> pause;
  } rows[] = {
      {{}, std::nullopt},
      {{{"retry-after", "7"}}, 7s},
      {{{"retry-after", "0"}}, 1s},
      {{{"retry-after", "3600"}}, 3600s},
      {{{"retry-after", "86400"}}, 3600s},
      {{{"retry-after", "99999999999999999999"}}, std::nullopt},
      {{{"retry-after", "-5"}}, std::nullopt},
      {{{"retry-after", "soon"}}, std::nullopt},
      {{{"retry-after", ""}}, std::nullopt},
      {{{"retry-after", "Mon, 01 Jun 2026 12:00:42 GMT"}}, 42s},
      {{{"retry-after", "Mon, 01 Jun 2026 11:00:00 GMT"}}, 1s},
      {{{"retry-after", "Mon, 01 Jun 2026 12:00:42 CET"}}, std::nullopt},
      {{{"ratelimit-reset", "1780315290"}}, 90s},
      {{{"ratelimit-reset", "1780315100"}}, 1s},
      {{{"ratelimit-reset", "9223372036854775807"}}, 3600s},
      {{{"retry-after", "7"}, {"ratelimit-reset", "1780315290"}}, 7s},
      {{{"retry-after", "soon"}, {"ratelimit-reset", "1780315290"}}, 90s},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(pause_of(answer(row.headers), now), row.pause) << testing::PrintToString(row.headers);
  }
}

}  // namespace
}  // namespace tap::net
