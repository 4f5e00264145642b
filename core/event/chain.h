// The chain of a log's lines: each one seals itself and all before it.
//
//   Link link;                                      // nothing written yet
//   std::string line = seal(encode_ocsf(e, link.sequence + 1), link, Place::kFirstOfFile);
//   Result<Sealed> sealed = open_seal(line);        // of a line that was read
//   bool ok = sealed->holds(link.chain);            // it is what follows `link`
//
// A line is one JSON object that ends in "unmapped":{..., "chain":"HEX"}}. Its chain is the SHA-256 of
// the former line's chain (64 digits) and all of the line before `,"chain":`. The first line of a file
// also has "previous", the former line's chain, so that a file can be judged by itself.
//
// A chain shows that lines were changed, taken out or put in by somebody who did not write all that
// follows anew. Against one who can (root), keep a copy of the last line elsewhere: the journal of
// another machine, for example.
#pragma once

#include <string>
#include <string_view>

#include "core/base/result.h"

namespace holdfast {

// What a line continues.
struct Link {
  uint64_t sequence = 0;
  std::string chain = std::string(64, '0');
};

enum class Place { kFirstOfFile, kFurther };

// Closes a line, an object whose last member is a non-empty object, and moves `link` on to it.
std::string seal(std::string line, Link& link, Place place);

struct Sealed {
  std::string_view body;  // what the chain covers; lives as long as the line
  uint64_t sequence = 0;
  std::string_view chain;
  std::string_view previous;  // of the first line of a file, else empty

  bool holds(std::string_view former_chain) const;
};
// An error tells what a line lacks to be one of a chain.
Result<Sealed> open_seal(std::string_view line);

}  // namespace holdfast
