// SPDX-License-Identifier: MIT
#include "api/access_log.hpp"

#include <gtest/gtest.h>

namespace tap::api {
namespace {

using namespace std::chrono_literals;

TEST(AccessLog, ALineHasTheKeysOfTheOriginal) {
  Request request;
  request.method = "POST";
  request.target = "/repos/add?a=<b>";
  request.host = "tap:2480";
  request.user_agent = "curl \"8\"";
  request.request_id = "abc";
  request.content_length = 12;
  const Response response = error_response(request, 404, "Not Found");
  EXPECT_EQ(access_line("2026-01-02T03:04:05.5Z", "127.0.0.1", request, response, 1'500us, 24),
            R"({"time":"2026-01-02T03:04:05.5Z","id":"abc","remote_ip":"127.0.0.1","host":"tap:2480","method":"POST",)"
            R"("uri":"/repos/add?a=\u003cb\u003e","user_agent":"curl \"8\"","status":404,)"
            R"("error":"code=404, message=Not Found","latency":1500000,"latency_human":"1.5ms","bytes_in":12,)"
            R"("bytes_out":24})");
}

TEST(AccessLog, DurationsReadAsTheOriginalWritesThem) {
  EXPECT_EQ(human_duration(0ns), "0s");
  EXPECT_EQ(human_duration(830ns), "830ns");
  EXPECT_EQ(human_duration(12'345ns), "12.345µs");
  EXPECT_EQ(human_duration(100us), "100µs");
  EXPECT_EQ(human_duration(1'000'001ns), "1.000001ms");
  EXPECT_EQ(human_duration(2'050ms), "2.05s");
  EXPECT_EQ(human_duration(61s), "1m1s");
  EXPECT_EQ(human_duration(1h + 500ms), "1h0m0.5s");
}

}  // namespace
}  // namespace tap::api
