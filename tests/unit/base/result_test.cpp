// SPDX-License-Identifier: MIT
#include "tap/base/result.hpp"

#include <gtest/gtest.h>

namespace tap {
namespace {

Result<int> broken() { return fail(std::make_error_code(std::errc::timed_out), "reading"); }

TEST(Error, SaysWhatAndWhere) {
  const Error error = broken().error();
  EXPECT_EQ(error.code(), std::errc::timed_out);
  EXPECT_EQ(error.detail(), "reading");
  EXPECT_EQ(error.message(), std::make_error_code(std::errc::timed_out).message() + ": reading");
  EXPECT_EQ(Error(std::make_error_code(std::errc::timed_out)).message(),
            std::make_error_code(std::errc::timed_out).message());
  EXPECT_FALSE(Error().code());
}

}  // namespace
}  // namespace tap
