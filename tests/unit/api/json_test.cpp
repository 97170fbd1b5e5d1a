// SPDX-License-Identifier: MIT
#include "api/json.hpp"

#include <gtest/gtest.h>

namespace tap::api {
namespace {

TEST(IndentJson, OneMemberAndElementALine) {
  EXPECT_EQ(indent_json(R"({"a":1,"b":["x",{"c":null}],"d":{},"e":[]})"),
            "{\n"
            "  \"a\": 1,\n"
            "  \"b\": [\n"
            "    \"x\",\n"
            "    {\n"
            "      \"c\": null\n"
            "    }\n"
            "  ],\n"
            "  \"d\": {},\n"
            "  \"e\": []\n"
            "}");
}

TEST(IndentJson, TextIsLeftAlone) {
  EXPECT_EQ(indent_json(R"({"a":"{[,:]}\"\\","b":"\\"})"), "{\n  \"a\": \"{[,:]}\\\"\\\\\",\n  \"b\": \"\\\\\"\n}");
}

}  // namespace
}  // namespace tap::api
