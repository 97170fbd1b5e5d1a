// SPDX-License-Identifier: MIT
#pragma once

#include "support/atproto/account.hpp"
#include "support/atproto/dice.hpp"
#include "support/net/http_server.hpp"

#include <span>
#include <string>

namespace tap::faults {

/// How a PDS may answer getRepo without ever giving a repo.
struct HostLie {
  const char* name;
  test::Reply (*tell)(test::Account& account);
  bool is_alone = false;  ///< what it does is held against the host: it has one of its own
};
[[nodiscard]] std::span<const HostLie> host_lies();

/// How a directory, or the host of a did:web, may answer without ever giving a document that can be used.
struct DocumentLie {
  const char* name;
  test::Reply (*tell)(const test::Account& account, const std::string& document, test::Dice& dice);
};
[[nodiscard]] std::span<const DocumentLie> document_lies();

/// Troubles that pass, of hosts that mean well. None in most cases.
struct PassingTrouble {
  const char* name = nullptr;
  test::Reply reply = {};
};
[[nodiscard]] PassingTrouble trouble_of_host(test::Dice& dice, const Bytes& car);
[[nodiscard]] PassingTrouble trouble_of_directory(test::Dice& dice);

}  // namespace tap::faults
