// SPDX-License-Identifier: MIT
#include "tap/app/config.hpp"
#include "tap/base/result.hpp"

#include "app/values.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <list>
#include <optional>

namespace tap::app {
namespace {

constexpr int kUsageError = 255;
constexpr int kUnknownCommand = 3;
constexpr std::string_view kCheckFlag = "db-url";  ///< the only one of `tap check`

/// What stands above some of the options.
struct Heading {
  std::string_view first;  ///< the flag of the first of them
  std::string_view text;
};
constexpr std::array<Heading, 6> kHeadings = {{{"relay-url", "Where everything is"},
                                               {"collection-filters", "What is followed and told"},
                                               {"webhook-url", "How it is delivered"},
                                               {"no-replay", "Special starts"},
                                               {"outbox-capacity", "How much at once"},
                                               {"metrics-listen", "How it is watched"}}};

/// How one option stands on the command line.
struct Given {
  const Option* option;
  std::vector<std::string> values;
};

std::string bad_value(const Option& option, std::string_view value, std::string_view source) {
  std::string type(option.type());
  std::ranges::transform(type, type.begin(), [](char c) { return static_cast<char>(c | 0x20); });
  return fmt::format("could not parse \"{}\" as {} value{} for flag {}", value, type, source, option.flag);
}

/// Sets a setting from its text; false when the text is no value of its type.
struct Assign {
  Config& config;
  std::string_view text;

  template <class T>
  bool put(T Config::* member, std::optional<T> value) const {
    if (value) config.*member = *value;
    return value.has_value();
  }
  bool operator()(std::string Config::* member) const { return put(member, std::optional(std::string(text))); }
  bool operator()(std::int64_t Config::* member) const { return put(member, parse_int(text)); }
  bool operator()(std::chrono::nanoseconds Config::* member) const { return put(member, parse_duration(text)); }
  bool operator()(bool Config::* member) const { return put(member, parse_bool(text)); }
  bool operator()(std::vector<std::string> Config::* member) const {
    for (std::string& element : split_list(text)) (config.*member).push_back(std::move(element));
    return true;
  }
};

std::string set_from_flag(Config& config, const Given& given) {
  const bool is_list = std::holds_alternative<std::vector<std::string> Config::*>(given.option->target);
  for (const std::string& value : given.values) {
    const bool last = &value == &given.values.back();
    if ((is_list || last) && !std::visit(Assign{config, value}, given.option->target)) {
      return bad_value(*given.option, value, "");
    }
  }
  return {};
}

std::string set_from_environment(Config& config, const Option& option, const Environment& environment) {
  for (const std::string_view name : option.environment) {
    const auto found = environment.find(std::string(name));
    if (found == environment.end()) continue;
    const std::string& value = found->second;
    // An empty variable empties a text and switches off; what has no empty value keeps its default.
    if (value.empty() && option.is_switch()) return set_from_flag(config, {&option, {"false"}});
    if (value.empty() && !std::holds_alternative<std::string Config::*>(option.target)) return {};
    if (std::visit(Assign{config, value}, option.target)) return {};
    return bad_value(option, value, fmt::format(" from environment variable \"{}\"", name));
  }
  return {};
}

/// The original takes -flag for --flag.
void double_dashes(std::vector<std::string>& arguments) {
  for (std::string& argument : arguments) {
    const bool single = argument.size() > 2 && argument[0] == '-' && argument[1] >= 'a' && argument[1] <= 'z';
    if (single) argument.insert(0, "-");
  }
}

/// `--flag=` says nothing; only a switch may stand like that.
std::string find_empty_value(const std::vector<std::string>& arguments) {
  for (const std::string& argument : arguments) {
    if (!argument.starts_with("--") || !argument.ends_with('=')) continue;
    const std::string_view name = std::string_view(argument).substr(2, argument.size() - 3);
    const auto option = std::ranges::find(options(), name, &Option::flag);
    if (option != options().end() && !option->is_switch()) return fmt::format("flag needs a value: --{}", name);
  }
  return {};
}

std::string general_help() {
  return "tap: follows the AT Protocol's firehose, verifies it, and delivers the repos you name as JSON events\n\n"
         "Usage:\n"
         "  tap run [flags]     run the service\n"
         "  tap run --help      list its flags\n"
         "  tap check           hold the database against its invariants\n"
         "  tap check --help    say how\n"
         "  tap --version       print the version\n";
}

/// In lines of at most 100 columns where words allow it, each behind six spaces.
std::string indented(std::string_view text) {
  constexpr std::size_t kColumns = 94;
  std::string out;
  for (std::size_t end = 0; text.size() > kColumns; text.remove_prefix(end + 1)) {
    end = text.rfind(' ', kColumns);
    if (end == std::string_view::npos) break;
    out += fmt::format("      {}\n", text.substr(0, end));
  }
  return out + fmt::format("      {}\n", text);
}

std::string help_on(const Option& option) {
  const std::string flag =
      option.is_switch() ? fmt::format("--{}", option.flag) : fmt::format("--{} {}", option.flag, option.type());
  std::string origin = fmt::format("{}", fmt::join(option.environment, ", "));
  if (const std::string fallback = option.fallback(); !fallback.empty()) origin += ", default " + fallback;
  if (const std::string range = option.range(); !range.empty()) origin += "; " + range;
  return fmt::format("  {}\n{}{}", flag, indented(option.help), indented(origin));
}

std::string run_help() {
  std::string text =
      "Usage: tap run [flags]\n\n"
      "Each flag can be given by its environment variable, too, also in a file .env. For example:\n\n"
      "  tap run --collection-filters 'app.bsky.feed.post,app.bsky.graph.*'\n"
      "  tap run --signal-collection app.example.profile --webhook-url https://app.example/hook\n"
      "  TAP_DATABASE_URL=postgres://tap@localhost/tap tap run --metrics-listen :2481\n";
  for (const Option& option : options()) {
    const auto heading = std::ranges::find(kHeadings, option.flag, &Heading::first);
    if (heading != kHeadings.end()) text += fmt::format("\n{}:\n", heading->text);
    text += help_on(option);
  }
  return text;
}

std::string check_help() {
  std::string text =
      "Usage: tap check [--db-url TEXT]\n\nHolds the database against its invariants and says what it found. Reads "
      "only, "
      "also while a Tap runs on it.\nExit status: 0 sound, 1 not sound, 2 could not be checked.\n\n";
  for (const Option& option : options()) {
    if (option.flag == kCheckFlag) text += help_on(option);
  }
  return text;
}

Invocation usage_error(const std::string& text) {
  return {.status = kUsageError,
          .error = fmt::format("Incorrect Usage: {}\nsee tap run --help\nERROR exiting process: {}\n", text, text)};
}

Invocation configure(Invocation invocation, const std::list<Given>& given, const Environment& environment) {
  for (const Given& entry : given) {
    const std::string error = entry.values.empty() ? set_from_environment(invocation.config, *entry.option, environment)
                                                   : set_from_flag(invocation.config, entry);
    if (!error.empty()) return usage_error(error);
  }
  return invocation;
}

void add_option(CLI::App& command, const Option& option, std::list<Given>& given) {
  Given& entry = given.emplace_back(&option);
  const std::string name = "--" + std::string(option.flag);
  if (option.is_switch()) {
    command.add_flag(name, entry.values);
  } else {
    command.add_option(name, entry.values)
        ->allow_extra_args(false)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  }
}

}  // namespace

Invocation read_command_line(std::vector<std::string> arguments, const Environment& environment) {
  double_dashes(arguments);
  if (const std::string error = find_empty_value(arguments); !error.empty()) return usage_error(error);

  CLI::App app;
  app.set_help_flag("-h,--help");
  bool version = false;
  app.add_flag("-v,--version", version);
  CLI::App* run = app.add_subcommand("run");
  run->set_help_flag("-h,--help");
  bool ignored_version = false;  // as the original does
  run->add_flag("-v,--version", ignored_version);
  std::list<Given> given;  // its elements stay where they are: CLI11 keeps references
  CLI::App* check = app.add_subcommand("check");
  check->set_help_flag("-h,--help");
  std::list<Given> given_to_check;
  for (const Option& option : options()) {
    add_option(*run, option, given);
    if (option.flag == kCheckFlag) add_option(*check, option, given_to_check);
  }
  app.require_subcommand(0, 1);

  const bool names_command = !arguments.empty() && !arguments.front().starts_with('-');
  if (names_command && arguments.front() != "run" && arguments.front() != "check") {
    if (arguments.front() == "help") return {.out = general_help()};
    return {.status = kUnknownCommand, .error = fmt::format("No help topic for '{}'\n", arguments.front())};
  }
  std::ranges::reverse(arguments);  // CLI11 takes them from the back
  try {
    app.parse(arguments);
  } catch (const CLI::CallForHelp&) {
    return {.out = run->parsed() ? run_help() : check->parsed() ? check_help() : general_help()};
  } catch (const CLI::ParseError& error) {
    return usage_error(error.what());
  }
  if (version) return {.out = fmt::format("tap version {}\n", TAP_VERSION)};
  if (check->parsed()) return configure({.check = true}, given_to_check, environment);
  if (!run->parsed()) return {.out = general_help()};
  return configure({.run = true}, given, environment);
}

}  // namespace tap::app
