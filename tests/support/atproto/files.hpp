// SPDX-License-Identifier: MIT
#pragma once

#include "tap/atproto/car.hpp"
#include "tap/base/bytes.hpp"
#include "tap/base/result.hpp"

#include "support/atproto/slow_mst.hpp"

#include <nlohmann/json.hpp>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

/// Readers for test data. Whatever cannot be read throws.
namespace tap::test {

[[nodiscard]] Bytes read_file(const std::filesystem::path& path);
[[nodiscard]] nlohmann::json read_json(const std::filesystem::path& path);
/// One case a line, not trimmed; neither empty lines nor comments are cases.
[[nodiscard]] std::vector<std::string> read_cases(const std::filesystem::path& path);
/// Messages behind their lengths of four bytes, big-endian.
[[nodiscard]] std::vector<Bytes> read_frames(const std::filesystem::path& path);

/// With or without padding.
[[nodiscard]] Bytes from_base64(const std::string& text);

/// The records of a complete tree, by the walker.
[[nodiscard]] Result<slow::Records> walk_records(const atproto::Cid& root, const atproto::car::Blocks& blocks);

}  // namespace tap::test
