// SPDX-License-Identifier: MIT
#include "net/dns_answer.hpp"

#include "tap/net/error.hpp"

#include <arpa/nameser.h>

namespace tap::net {
namespace {

Result<std::string> read_text(const ns_rr& record) {
  const auto bytes = ByteView(ns_rr_rdata(record), ns_rr_rdlen(record));
  std::string text;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t length = bytes[at++];
    if (length > bytes.size() - at) return fail(Errc::resolve_failed, "malformed TXT record");
    text += as_text(bytes.subspan(at, length));
    at += length;
  }
  return text;
}

}  // namespace

Result<std::vector<std::string>> read_texts(ByteView message) {
  ns_msg parsed;
  if (::ns_initparse(message.data(), static_cast<int>(message.size()), &parsed) != 0) {
    return fail(Errc::resolve_failed, "malformed DNS answer");
  }
  if (ns_msg_getflag(parsed, ns_f_tc) != 0) return fail(Errc::resolve_failed, "DNS answer that is cut off");
  std::vector<std::string> texts;
  for (int i = 0; i < ns_msg_count(parsed, ns_s_an); ++i) {
    ns_rr record;
    if (::ns_parserr(&parsed, ns_s_an, i, &record) != 0) return fail(Errc::resolve_failed, "malformed DNS answer");
    if (ns_rr_type(record) != ns_t_txt) continue;
    auto text = read_text(record);
    if (!text) return std::unexpected(text.error());
    texts.push_back(std::move(*text));
  }
  return texts;
}

}  // namespace tap::net
