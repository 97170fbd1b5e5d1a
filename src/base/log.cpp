// SPDX-License-Identifier: MIT
#include "tap/base/log.hpp"

#include "tap/base/json.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <memory>

namespace tap::log {
namespace {

std::atomic<Level> g_level{Level::info};  // the level of the process; the one global, set once at start

/// Lines are composed by us (their JSON has fixed keys); spdlog writes them whole and in order.
spdlog::logger& sink() {
  static const std::shared_ptr<spdlog::logger> logger = [] {
    auto made = std::make_shared<spdlog::logger>("tap", std::make_shared<spdlog::sinks::stdout_sink_mt>());
    made->set_pattern("%v");
    made->set_level(spdlog::level::trace);
    made->flush_on(spdlog::level::trace);
    return made;
  }();
  return *logger;
}

std::string_view level_name(Level level) {
  switch (level) {
    case Level::debug:
      return "DEBUG";
    case Level::info:
      return "INFO";
    case Level::warn:
      return "WARN";
    case Level::error:
      return "ERROR";
  }
  return "INFO";
}

void append_value(std::string& out, const Field& field) {
  std::visit(
      [&](const auto& value) {
        if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::string_view>) {
          append_json_string(out, value);
        } else if constexpr (std::is_same_v<std::decay_t<decltype(value)>, double>) {
          out += std::isfinite(value) ? fmt::format("{}", value) : "null";  // JSON has no other numbers
        } else {
          fmt::format_to(std::back_inserter(out), "{}", value);
        }
      },
      field.value);
}

}  // namespace

void Logger::write(Level level, std::string_view msg, std::initializer_list<Field> fields) const {
  if (level < g_level.load(std::memory_order_relaxed)) return;
  std::string line = "{\"time\":\"" + now_rfc3339() + "\",\"level\":\"";
  line += level_name(level);
  line += "\",\"msg\":";
  append_json_string(line, msg);
  if (!component_.empty()) {
    line += ",\"system\":\"tap\",\"component\":";
    append_json_string(line, component_);
  }
  for (const Field& field : fields) {
    line += ',';
    append_json_string(line, field.key);
    line += ':';
    append_value(line, field);
  }
  line += '}';
  write_line(line);
}

Level parse_level(std::string_view name) {
  if (name == "debug") return Level::debug;
  if (name == "warn") return Level::warn;
  if (name == "error") return Level::error;
  return Level::info;
}

void set_level(Level level) { g_level.store(level, std::memory_order_relaxed); }

void write_line(std::string_view json) {
  sink().log(spdlog::level::info, spdlog::string_view_t(json.data(), json.size()));
}

std::string now_rfc3339() {
  const auto now = std::chrono::system_clock::now();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now);
  const auto nanos = std::chrono::duration_cast<std::chrono::nanoseconds>(now - seconds).count();
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:09}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)), nanos);
}

void flush() { sink().flush(); }

}  // namespace tap::log
