// SPDX-License-Identifier: MIT
#pragma once

#include "support/atproto/account.hpp"

#include <string>
#include <string_view>

namespace tap::test {

enum class KeyForm : std::uint8_t { multikey, legacy };

/// The DID document of an account whose PDS is at this URL (protocol 9).
[[nodiscard]] std::string did_document(const Account& account, std::string_view pds_url,
                                       KeyForm form = KeyForm::multikey);
/// The same with the handle handle.invalid, which nobody looks up: nothing leaves this machine.
[[nodiscard]] std::string did_document_without_handle(const Account& account, std::string_view pds_url);

}  // namespace tap::test
