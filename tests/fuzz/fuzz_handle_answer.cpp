// SPDX-License-Identifier: MIT
// The input stands for TXT records, a line each, and for the file of a host. A handle leads to one DID that stands
// there as it is, or to none.
#include "fuzz/fuzz.hpp"
#include "identity/handle.hpp"

#include <algorithm>

using namespace tap;
using Kind = identity::HandleAnswer::Kind;

namespace {

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines{""};
  for (const char c : text) {
    if (c == '\n') {
      lines.emplace_back();
    } else {
      lines.back().push_back(c);
    }
  }
  return lines;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(as_text(ByteView(data, size)));
  const auto records = lines_of(text);
  std::vector<std::string> dids;
  for (const std::string& record : records) {
    if (record.starts_with("did=") && atproto::Did::parse(record.substr(4))) dids.push_back(record.substr(4));
  }
  const auto answer = identity::read_txt(records);
  fuzz::require(answer.has_value() == !dids.empty());
  if (answer) {
    const bool one = std::ranges::all_of(dids, [&](const std::string& did) { return did == dids.front(); });
    fuzz::require(answer->kind == (one ? Kind::did : Kind::none));
    fuzz::require(answer->did == (one ? dids.front() : ""));
  }

  const auto file = identity::read_well_known(net::Response{.status = 200, .headers = {}, .body = text});
  fuzz::require(file.kind != Kind::unknown);
  fuzz::require((file.kind == Kind::did) == atproto::Did::parse(file.did).has_value());
  if (file.kind == Kind::did) {
    const std::size_t at = text.find(file.did);
    fuzz::require(at != std::string::npos);
    const std::string around = text.substr(0, at) + text.substr(at + file.did.size());
    fuzz::require(around.find_first_not_of(" \t\r\n\v\f") == std::string::npos);
  }
  return 0;
}
