// SPDX-License-Identifier: MIT
#pragma once

#include "tap/atproto/cbor.hpp"
#include "tap/atproto/mst.hpp"

#include "resync/block_file.hpp"

#include <filesystem>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>

namespace tap::test {

/// A small record whose content is the given text.
inline Bytes text_record(const std::string& text) {
  Bytes bytes;
  atproto::cbor::Writer writer(bytes);
  writer.map(1);
  writer.text("t");
  writer.text(text);
  return bytes;
}
inline atproto::Cid cid_of(ByteView record) { return atproto::Cid::of(atproto::Cid::Codec::dag_cbor, record); }

/// The blocks of a repo with these records, but for its commit.
struct TreeBlocks {
  atproto::Cid root;
  std::map<atproto::Cid, Bytes> blocks;

  explicit TreeBlocks(const std::map<std::string, Bytes>& records) {
    atproto::mst::Tree tree;
    for (const auto& [key, record] : records) {
      if (!tree.insert(key, cid_of(record))) throw std::logic_error("key " + key);
      blocks.emplace(cid_of(record), record);
    }
    root = tree.root();
    tree.each_node(
        [&](const atproto::Cid& cid, ByteView node) { blocks.emplace(cid, Bytes(node.begin(), node.end())); });
  }
  [[nodiscard]] std::unique_ptr<resync::BlockFile> file() const {
    auto file = std::make_unique<resync::BlockFile>(std::filesystem::temp_directory_path().string());
    for (const auto& [cid, block] : blocks) {
      if (auto put = file->put(cid, block); !put) throw std::runtime_error(put.error().message());
    }
    return file;
  }
};

}  // namespace tap::test
