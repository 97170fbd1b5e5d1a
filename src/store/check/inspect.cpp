// SPDX-License-Identifier: MIT
#include "store/check/inspect.hpp"

#include "tap/store/types.hpp"

#include "store/check/table_rules.hpp"

#include <algorithm>
#include <array>

namespace tap::store::check {
namespace {

Result<void> check_pages(Snapshot& snapshot, std::vector<Check>& out) {
  Rule rule("pages", "the engine finds its own pages and indexes in order");
  auto looked = snapshot.each_damage([&](std::string_view line) { rule.broken(std::string(line)); });
  if (!looked) return std::unexpected(looked.error());
  if (*looked) out.push_back(rule.check());
  return {};
}

Result<void> check_journal(Snapshot& snapshot, JournalRules& rules, std::vector<Check>& out) {
  auto done = snapshot.each(Table::journal, [&](const Row& row) { rules.see(row); });
  if (done) done = snapshot.each(Table::acks, [&](const Row& row) { rules.see_acks(row); });
  rules.report(out);
  return done;
}

std::string line_of(const Check& check) {
  const std::string_view verdict = check.holds() ? "ok      " : check.is_hint ? "hint    " : "BROKEN  ";
  std::string line = std::string(verdict) + std::string(check.name);
  line.resize(std::max<std::size_t>(line.size() + 1, 22), ' ');
  line += std::to_string(check.rows);
  line.resize(std::max<std::size_t>(line.size() + 1, 34), ' ');
  return line + std::string(check.rule) + "\n";
}

}  // namespace

Result<void> require_newest(std::int64_t version, std::size_t newest) {
  const std::string known = "schema version " + std::to_string(version) + ", known here: " + std::to_string(newest);
  if (version > static_cast<std::int64_t>(newest) || version < 0) return fail(Errc::newer_schema, known);
  if (version == 0) return fail(Errc::older_schema, "it is empty");
  if (version < static_cast<std::int64_t>(newest)) return fail(Errc::older_schema, known);
  return {};
}

Result<CheckReport> inspect(Snapshot& snapshot) {
  CheckReport report;
  auto& out = report.checks;
  if (auto done = check_pages(snapshot, out); !done) return std::unexpected(done.error());
  auto counters = check_counters(snapshot, out);
  if (!counters) return std::unexpected(counters.error());
  JournalRules journal(*counters);
  auto done = check_journal(snapshot, journal, out);
  if (done) done = check_repos(snapshot, *counters, journal.unfolded(), out);
  if (done) done = check_collections(snapshot, out);
  if (done) done = check_records(snapshot, out);
  if (done) done = check_buffered(snapshot, out);
  if (done) done = check_cursors(snapshot, out);
  if (done) done = check_dead_letters(snapshot, *counters, out);
  if (done) done = check_sequences(snapshot, out);
  if (!done) return std::unexpected(done.error());
  return report;
}

}  // namespace tap::store::check

namespace tap::store {

bool CheckReport::is_sound() const {
  return std::ranges::all_of(checks, [](const Check& check) { return check.holds() || check.is_hint; });
}

std::string CheckReport::text() const {
  std::string text;
  std::uint64_t broken = 0;
  for (const Check& check : checks) {
    text += check::line_of(check);
    for (const std::string& example : check.examples) text += "          " + example + "\n";
    if (check.broken > check.examples.size()) {
      text += "          and " + std::to_string(check.broken - check.examples.size()) + " more\n";
    }
    if (!check.is_hint) broken += check.broken;
  }
  return text + (is_sound() ? "sound\n" : "not sound: " + std::to_string(broken) + " findings\n");
}

}  // namespace tap::store
