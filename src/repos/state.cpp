// SPDX-License-Identifier: MIT
#include "tap/repos/state.hpp"

#include <array>
#include <utility>

namespace tap::repos {
namespace {

constexpr std::array<std::pair<State, std::string_view>, 5> kStates = {{{State::pending, "pending"},
                                                                        {State::desynchronized, "desynchronized"},
                                                                        {State::resyncing, "resyncing"},
                                                                        {State::active, "active"},
                                                                        {State::error, "error"}}};
constexpr std::array<std::pair<Account, std::string_view>, 5> kAccounts = {{{Account::active, "active"},
                                                                            {Account::takendown, "takendown"},
                                                                            {Account::suspended, "suspended"},
                                                                            {Account::deactivated, "deactivated"},
                                                                            {Account::deleted, "deleted"}}};

template <class T, std::size_t N>
std::optional<T> parse(const std::array<std::pair<T, std::string_view>, N>& names, std::string_view text) {
  for (const auto& [value, name] : names) {
    if (name == text) return value;
  }
  return std::nullopt;
}

}  // namespace

std::string_view name(State state) {
  for (const auto& [value, text] : kStates) {
    if (value == state) return text;
  }
  return "pending";
}

std::optional<State> parse_state(std::string_view text) { return parse(kStates, text); }

std::string_view name(Account account) {
  for (const auto& [value, text] : kAccounts) {
    if (value == account) return text;
  }
  return "deactivated";  // inactive: the closest word that consumers know
}

std::optional<Account> parse_account(std::string_view text) { return parse(kAccounts, text); }

}  // namespace tap::repos
