// A policy source as text: its TUNABLEs, its evolve blocks, and the skeleton around them.
//
// These functions look at tokens only (comments, strings and raw strings are skipped as such),
// so they also serve sources that do not compile. What a policy may contain is the gate's
// business (src/gate).
//
// All offsets are bytes from the start of the source; lines count from 1. Errors name the line
// and carry kExitGate.
#ifndef OSEVOLVE_CORE_POLICY_SOURCE_H_
#define OSEVOLVE_CORE_POLICY_SOURCE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/candidate.h"

namespace ose {

// TUNABLE(name, default, min, max). The three numbers are integer literals that fit s64: decimal
// or 0x, with digit separators and unary minus, without suffix.
struct TunableDecl {
  std::string name;
  int64_t default_value = 0, min = 0, max = 0;  // min <= default_value <= max
  size_t default_begin = 0, default_end = 0;    // the text of the default, with its sign
  int line = 0;
};

// In the order of the source. An error for a malformed or repeated TUNABLE.
Result<std::vector<TunableDecl>> ParseTunables(std::string_view source);

// The source with new defaults for the tunables in `values`, all else untouched. A number is
// written with digit separators if the old one had any or is short (below 10'000). An error for
// a name that the source lacks (with a suggestion) or a value outside [min, max].
Result<std::string> SetTunables(std::string_view source, const Tunables& values);

// The source with every default replaced by its minimum: candidates that differ in tunables
// only have the same normalized source and so share one compilation.
Result<std::string> NormalizedSource(std::string_view source);

// The tokens of the source in one spelling: no comments, no layout, no digit separators. Sources with the same
// text here compile to the same code and tunables.
std::string CanonicalSource(std::string_view source);

// The defaults as a map, the form in which they travel to a worker.
Result<Tunables> DefaultTunables(std::string_view source);

// What lies between the lines
//   // EVOLVE-BLOCK-START name
//   // EVOLVE-BLOCK-END
// A name is [a-z][a-z0-9_]*; a block without one is called "block". [begin, end) runs from the
// start of the line after START to the start of the line of END, so a block is whole lines.
struct EvolveBlock {
  std::string name;
  size_t begin = 0, end = 0;
  int line = 0;  // of the START marker
};

// In the order of the source. An error for unbalanced, nested, repeated or misspelt markers, a
// marker that shares its line with code, and a block whose brackets do not balance.
Result<std::vector<EvolveBlock>> ParseEvolveBlocks(std::string_view source);

// The source with its blocks emptied and its tunables normalized. A child that changed only
// what it may change has the skeleton of its parent.
Result<std::string> Skeleton(std::string_view source);

// The source with the content of one block replaced; a missing last newline is added. An error
// when there is no such block (with a suggestion) or the result breaks the block structure.
Result<std::string> ReplaceBlock(std::string_view source, std::string_view name, std::string_view content);

// An integer in the spelling of a policy source: 20'000'000.
std::string FormatNumber(int64_t value, bool separators);

}  // namespace ose

#endif  // OSEVOLVE_CORE_POLICY_SOURCE_H_
