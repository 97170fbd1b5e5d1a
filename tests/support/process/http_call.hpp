// SPDX-License-Identifier: MIT
#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>

namespace tap::test {

struct HttpCall {
  std::string method = "GET";
  std::string target = "/";
  std::string body = {};
  std::string headers = {};  ///< further lines, each with its end
};
struct HttpAnswer {
  int status = 0;
  std::string head;
  std::string body;
  [[nodiscard]] nlohmann::json json() const { return nlohmann::json::parse(body); }
};

/// One request on a connection of its own to this port of 127.0.0.1. A body is sent as JSON. Throws when there is no
/// answer in time.
[[nodiscard]] HttpAnswer http_call(std::uint16_t port, const HttpCall& call);

/// The header line of Basic authentication.
[[nodiscard]] std::string basic_authorization(const std::string& user, const std::string& password);

}  // namespace tap::test
