// SPDX-License-Identifier: MIT
#include "resync/failure.hpp"

#include "tap/atproto/error.hpp"
#include "tap/identity/directory.hpp"
#include "tap/resync/error.hpp"
#include "tap/store/types.hpp"

namespace tap::resync {

Blame blame_of(const Error& error, const atproto::Did& did) {
  if (error == Errc::removed) return Blame::nobody;
  const bool database = error.code().category() == store::make_error_code(store::Errc::failed).category();
  if (database || error == Errc::temporary_file) return Blame::ours;
  if (error == identity::Errc::unavailable && did.method() == "plc") return Blame::directory;
  const bool lasting = error == Errc::refused || error == Errc::no_pds || error == Errc::no_key ||
                       error == identity::Errc::unsupported_method || error == identity::Errc::not_found ||
                       error == identity::Errc::tombstoned || error == identity::Errc::bad_document ||
                       error == atproto::Errc::car_too_large;
  return lasting ? Blame::lasting : Blame::passing;
}

bool is_signature_error(const Error& error) {
  return error == atproto::Errc::signature_mismatch || error == atproto::Errc::signature_length ||
         error == atproto::Errc::signature_high_s;
}

}  // namespace tap::resync
