// SPDX-License-Identifier: MIT
#include "api/auth.hpp"

#include <gtest/gtest.h>

namespace tap::api {
namespace {

TEST(Auth, WithoutAPasswordEverybodyIsAdmitted) {
  EXPECT_TRUE(Auth("").admits(""));
  EXPECT_TRUE(Auth("").admits("Bearer x"));
}

TEST(Auth, OnlyTheAdminWithThePasswordIsAdmitted) {
  const Auth auth("s3cret:with:colons");
  EXPECT_TRUE(auth.admits("Basic YWRtaW46czNjcmV0OndpdGg6Y29sb25z"));
  EXPECT_TRUE(auth.admits("basic YWRtaW46czNjcmV0OndpdGg6Y29sb25z"));
  for (const char* wrong : {"", "Basic", "Basic ", "Basic YWRtaW46", "Basic YWRtaW46czNjcmV0",
                            "Basic cm9vdDpzM2NyZXQ6d2l0aDpjb2xvbnM=", "Bearer YWRtaW46czNjcmV0OndpdGg6Y29sb25z",
                            "YWRtaW46czNjcmV0OndpdGg6Y29sb25z", "Basic YWRtaW46czNjcmV0OndpdGg6Y29sb25zIQ=="}) {
    EXPECT_FALSE(auth.admits(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace tap::api
