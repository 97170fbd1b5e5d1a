// SPDX-License-Identifier: MIT
#include "tap/base/log.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <limits>
#include <regex>

namespace tap::log {
namespace {

constexpr Logger kLog("tests");

/// What `write` puts on stdout.
template <class F>
std::string captured(F&& write) {
  ::testing::internal::CaptureStdout();
  write();
  flush();
  return ::testing::internal::GetCapturedStdout();
}

class Log : public ::testing::Test {
 protected:
  void TearDown() override { set_level(Level::info); }
};

TEST_F(Log, LineIsOneJsonObjectWithFixedKeysInOrder) {
  const std::string line = captured([] {
    kLog.warn("it \"happened\"", {{"did", "did:plc:x"},
                                  {"seq", std::int64_t{-5}},
                                  {"count", std::uint64_t{18'446'744'073'709'551'615U}},
                                  {"ratio", 0.5},
                                  {"live", true}});
  });
  ASSERT_TRUE(line.ends_with("}\n"));
  EXPECT_EQ(std::ranges::count(line, '\n'), 1);
  const auto json = nlohmann::ordered_json::parse(line);
  std::vector<std::string> keys;
  for (const auto& [key, value] : json.items()) keys.push_back(key);
  EXPECT_EQ(keys, (std::vector<std::string>{"time", "level", "msg", "system", "component", "did", "seq", "count",
                                            "ratio", "live"}));
  EXPECT_EQ(json["level"], "WARN");
  EXPECT_EQ(json["msg"], "it \"happened\"");
  EXPECT_EQ(json["system"], "tap");
  EXPECT_EQ(json["component"], "tests");
  EXPECT_EQ(json["seq"], -5);
  EXPECT_EQ(json["count"], 18'446'744'073'709'551'615U);
  EXPECT_EQ(json["ratio"], 0.5);
  EXPECT_EQ(json["live"], true);
}

TEST_F(Log, LinesOfMainHaveNoComponent) {
  const auto json = nlohmann::json::parse(captured([] { Logger("").info("starting"); }));
  EXPECT_FALSE(json.contains("system"));
  EXPECT_FALSE(json.contains("component"));
}

TEST_F(Log, WhateverIsLoggedTheLineStaysJson) {
  const std::string line = captured([] {
    kLog.error("\xff\n\x01", {{"error", std::string("a\0b", 3)},
                              {"nan", std::numeric_limits<double>::quiet_NaN()},
                              {"inf", -std::numeric_limits<double>::infinity()}});
  });
  ASSERT_TRUE(nlohmann::json::accept(line)) << line;
  EXPECT_TRUE(nlohmann::json::parse(line)["nan"].is_null());
}

TEST_F(Log, LinesBelowTheLevelAreNotWritten) {
  const auto all = [] {
    kLog.debug("d");
    kLog.info("i");
    kLog.warn("w");
    kLog.error("e");
  };
  const auto lines = [&](Level level) {
    set_level(level);
    return std::ranges::count(captured(all), '\n');
  };
  EXPECT_EQ(std::ranges::count(captured(all), '\n'), 3);  // info, before anybody sets it
  EXPECT_EQ(lines(Level::debug), 4);
  EXPECT_EQ(lines(Level::warn), 2);
  EXPECT_EQ(lines(Level::error), 1);
}

TEST_F(Log, UnknownLevelsAreInfo) {
  EXPECT_EQ(parse_level("debug"), Level::debug);
  EXPECT_EQ(parse_level("warn"), Level::warn);
  EXPECT_EQ(parse_level("error"), Level::error);
  for (const char* name : {"info", "", "DEBUG", "verbose"}) EXPECT_EQ(parse_level(name), Level::info) << name;
}

TEST_F(Log, TimesHaveNanosecondsAndAZone) {
  EXPECT_TRUE(std::regex_match(now_rfc3339(), std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z)")));
}

}  // namespace
}  // namespace tap::log
