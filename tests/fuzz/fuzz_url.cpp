// SPDX-License-Identifier: MIT
// A URL means the same when it is written plainly; where it leads is a URL again; and nothing in it breaks out of its
// line of a request. The URL behind a byte for its length, then what a Location header says.
#include "tap/base/text.hpp"
#include "tap/net/url.hpp"

#include "fuzz/fuzz.hpp"
#include "net/request_head.hpp"

#include <algorithm>

using namespace tap;
using net::Url;

namespace {

bool same_place(const Url& a, const Url& b) {
  return a.scheme == b.scheme && a.host == b.host && a.port == b.port && a.target == b.target;
}

void check(const Url& url) {
  fuzz::require(url.target.starts_with('/') && url.port != 0 && !url.host.empty());
  const auto again = Url::parse(url.origin() + url.target);
  fuzz::require(again && same_place(*again, url) && again->userinfo.empty());
  fuzz::require(url.tls() == url.http().tls() && url.tls() == url.websocket().tls());
  fuzz::require(same_place(url.http().websocket(), url.websocket()));

  const auto head = net::request_head({.url = url}, "");
  fuzz::require(head && head->ends_with("\r\n\r\n"));
  const auto lines = std::ranges::count(*head, '\n');
  fuzz::require(lines == (url.userinfo.empty() ? 3 : 4) && std::ranges::count(*head, '\r') == lines);
  fuzz::require(head->starts_with("GET " + url.target + " HTTP/1.1\r\nHost: " + url.authority() + "\r\n"));
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input({data, size});
  const std::string_view text = input.text();
  const std::string_view location = as_text(input.rest());
  fuzz::require(percent_decode(net::encode_query(location)) == location);
  const auto url = Url::parse(text);
  if (!url) return 0;
  check(*url);
  const auto there = url->resolve(location);
  if (!there) return 0;
  check(*there);
  fuzz::require(same_place(there->resolve(there->origin() + there->target).value(), *there));
  return 0;
}
