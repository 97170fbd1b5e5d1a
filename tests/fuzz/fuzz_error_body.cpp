// SPDX-License-Identifier: MIT
// What a peer says beside a status that is no success is kept short and readable: it goes to the log, to /info and into
// the database. The first byte chooses the status.
#include "tap/base/utf8.hpp"
#include "tap/crawl/error.hpp"
#include "tap/resync/error.hpp"

#include "crawl/page.hpp"
#include "fuzz/fuzz.hpp"
#include "resync/fetch.hpp"

#include <array>

using namespace tap;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::array kStatuses = {400, 401, 403, 404, 429, 500, 502};
  constexpr std::size_t kLongest = 1'100;
  fuzz::Input input({data, size});
  const int status = kStatuses[input.byte() % kStatuses.size()];
  const net::Response response{.status = status, .body = std::string(as_text(input.rest()))};
  const Error error = resync::api_error(response);
  const std::string message = error.message();
  fuzz::require(message.size() <= kLongest && is_utf8(message));
  fuzz::require((error == resync::Errc::rate_limited) == (status == 429));
  if (status == 403 || status == 404) fuzz::require(error == resync::Errc::refused);

  const Error refusal = crawl::refusal(response);
  fuzz::require(refusal.message().size() <= kLongest && is_utf8(refusal.message()));
  fuzz::require((refusal == crawl::Errc::unsupported) == (status == 404));
  return 0;
}
