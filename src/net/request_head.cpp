// SPDX-License-Identifier: MIT
#include "net/request_head.hpp"

#include "tap/base/text.hpp"

#include <algorithm>

namespace tap::net {
namespace {

bool is_one_line(std::string_view text) {
  return std::ranges::none_of(text, [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

}  // namespace

Result<std::string> request_head(const Request& request, const std::string& user_agent) {
  const Url& url = request.url;
  if (!is_one_line(url.target) || url.target.find(' ') != std::string::npos) return fail(Errc::bad_url, "target");
  Headers headers = {{"Host", url.authority()}};
  if (!user_agent.empty()) headers.emplace_back("User-Agent", user_agent);
  if (!url.userinfo.empty()) headers.emplace_back("Authorization", "Basic " + base64(as_bytes(url.userinfo)));
  if (!request.body.empty() || request.method == "POST" || request.method == "PUT") {
    headers.emplace_back("Content-Length", std::to_string(request.body.size()));
  }
  headers.insert(headers.end(), request.headers.begin(), request.headers.end());
  std::string head = request.method + " " + url.target + " HTTP/1.1\r\n";
  for (const auto& [name, value] : headers) {
    if (!is_one_line(name) || !is_one_line(value)) return fail(Errc::bad_url, "a header of several lines");
    head.append(name).append(": ").append(value).append("\r\n");
  }
  return head + "\r\n";
}

}  // namespace tap::net
