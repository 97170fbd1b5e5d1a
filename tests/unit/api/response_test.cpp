// SPDX-License-Identifier: MIT
#include "api/http.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>

namespace tap::api {
namespace {

constexpr std::string_view kDate = "Sun, 06 Nov 1994 08:49:37 GMT";

Request request_of(std::string method, bool is_old = false) {
  Request request;
  request.method = std::move(method);
  request.is_old = is_old;
  return request;
}

std::string head(std::string_view first, std::string_view rest) {
  return std::string(first) + "\r\nContent-Type: application/json; charset=UTF-8\r\nDate: " + std::string(kDate) +
         "\r\n" + std::string(rest) + "\r\n";
}

TEST(Serialize, SaysHowLongABodyIs) {
  const Request request = request_of("GET");
  EXPECT_EQ(serialize(request, json_response(request, "{}"), true, kDate),
            head("HTTP/1.1 200 OK", "Content-Length: 3\r\n") + "{}\n");
}

TEST(Serialize, TellsHeadOfABodyAndDoesNotSendIt) {
  const Response response = json_response({}, "{}");
  EXPECT_EQ(serialize(request_of("HEAD"), response, true, kDate), head("HTTP/1.1 200 OK", "Content-Length: 3\r\n"));
}

TEST(Serialize, SaysWhetherTheConnectionStaysWhereThatIsNotTakenForGranted) {
  const Request request = request_of("GET");
  const Request old = request_of("GET", true);
  const Response response = json_response(request, "{}");
  EXPECT_EQ(serialize(request, response, false, kDate),
            head("HTTP/1.1 200 OK", "Content-Length: 3\r\nConnection: close\r\n") + "{}\n");
  EXPECT_EQ(serialize(old, response, true, kDate),
            head("HTTP/1.0 200 OK", "Content-Length: 3\r\nConnection: keep-alive\r\n") + "{}\n");
  EXPECT_EQ(serialize(old, response, false, kDate), head("HTTP/1.0 200 OK", "Content-Length: 3\r\n") + "{}\n");
}

}  // namespace
}  // namespace tap::api
