// SPDX-License-Identifier: MIT
#include "store/postgres/settings.hpp"

#include "tap/store/types.hpp"

#include <array>
#include <libpq-fe.h>
#include <memory>
#include <utility>

namespace tap::store::postgres {
namespace {

/// What the system finds out about a peer that is gone comes on top of our own patience, which knows of a server that
/// hangs.
constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kDefaults = {{{"connect_timeout", "10"},
                                                                                     {"keepalives_idle", "20"},
                                                                                     {"keepalives_interval", "5"},
                                                                                     {"keepalives_count", "4"},
                                                                                     {"tcp_user_timeout", "40000"}}};

/// libpq's messages repeat what they complain of, which may be the password: only a setting's name is let through.
std::string harmless(std::string_view message) {
  const bool names_setting = message.starts_with("invalid URI query parameter");
  return std::string(message.substr(0, message.find(names_setting ? "\n" : ": \"")));
}

/// A slash in a password ends the host for libpq, which then takes the rest for port and database, and tells them.
bool has_stray_slash(std::string_view url) {
  const std::size_t host = url.find("://");
  if (host == std::string_view::npos) return false;
  std::string_view path = url.substr(host + 3);
  path = path.substr(0, path.find('?'));
  const std::size_t slash = path.find('/');
  return slash != std::string_view::npos && path.find_first_of("/@", slash + 1) != std::string_view::npos;
}

}  // namespace

Result<Settings> Settings::of(const std::string& url, std::string_view application_name) {
  if (has_stray_slash(url)) {
    return fail(Errc::open_failed,
                "the name of the database holds / or @: one that is in the password is written as %2F, %40");
  }
  char* text = nullptr;
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(PQconninfoParse(url.c_str(), &text),
                                                                             &PQconninfoFree);
  const std::unique_ptr<char, decltype(&PQfreemem)> message(text, &PQfreemem);
  if (!options) return fail(Errc::open_failed, harmless(message ? message.get() : "out of memory"));

  Settings settings;
  for (const auto& [key, value] : kDefaults) settings.add(key, value);
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    if (option->val == nullptr) continue;
    settings.add(option->keyword, option->val);
    const std::string_view key = option->keyword;
    if (key != "dbname" && key != "user") continue;
    settings.place_ += settings.place_.empty() ? "" : ", ";
    settings.place_ += key == "user" ? "role " : "database ";
    settings.place_ += option->val;
  }
  settings.add("application_name", application_name);
  settings.add("client_encoding", "UTF8");
  return settings;
}

void Settings::add(std::string_view key, std::string_view value) {
  text_ += key;
  text_ += "='";
  for (const char character : value) {
    if (character == '\'' || character == '\\') text_ += '\\';
    text_ += character;
  }
  text_ += "' ";
}

}  // namespace tap::store::postgres
