// SPDX-License-Identifier: MIT
#include "support/atproto/files.hpp"

#include "tap/atproto/error.hpp"
#include "tap/atproto/mst_walker.hpp"

#include <fstream>
#include <iterator>
#include <stdexcept>

namespace tap::test {

Bytes read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(in), {}};
}

nlohmann::json read_json(const std::filesystem::path& path) { return nlohmann::json::parse(read_file(path)); }

std::vector<std::string> read_cases(const std::filesystem::path& path) {
  std::vector<std::string> cases;
  std::string line;
  for (std::ifstream in(path, std::ios::binary); std::getline(in, line);) {
    if (!line.empty() && line.front() != '#') cases.push_back(line);
  }
  return cases;
}

std::vector<Bytes> read_frames(const std::filesystem::path& path) {
  const Bytes bytes = read_file(path);
  std::vector<Bytes> frames;
  for (std::size_t at = 0; at < bytes.size();) {
    std::size_t size = 0;
    for (int i = 0; i < 4; ++i) size = size * 256 + bytes.at(at++);
    if (size > bytes.size() - at) throw std::runtime_error("cut off: " + path.string());
    const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(at);
    frames.emplace_back(begin, begin + static_cast<std::ptrdiff_t>(size));
    at += size;
  }
  return frames;
}

Bytes from_base64(const std::string& text) {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  Bytes out;
  unsigned bits = 0;
  int held = 0;
  for (const char c : text) {
    if (c == '=') break;
    const auto value = kAlphabet.find(c);
    if (value == std::string_view::npos) throw std::invalid_argument("not base64");
    bits = (bits << 6 | static_cast<unsigned>(value)) & 0xfff;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    out.push_back(static_cast<std::uint8_t>(bits >> held));
  }
  return out;
}

Result<slow::Records> walk_records(const atproto::Cid& root, const atproto::car::Blocks& blocks) {
  atproto::mst::Walker walker(root, [&](const atproto::Cid& cid) -> Result<ByteView> {
    const auto block = blocks.find(cid);
    if (block == blocks.end()) return fail(atproto::Errc::block_missing);
    return block->second;
  });
  slow::Records records;
  for (;;) {
    auto leaf = walker.next();
    if (!leaf) return std::unexpected(leaf.error());
    if (!*leaf) return records;
    records.emplace((*leaf)->key, (*leaf)->value);
  }
}

}  // namespace tap::test
