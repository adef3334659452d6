// ProfileText: a machine profile with a comment for each key.
#ifndef OSEVOLVE_CALIBRATE_PROFILE_TEXT_H_
#define OSEVOLVE_CALIBRATE_PROFILE_TEXT_H_

#include <string>
#include <vector>

#include "calibrate/figures.h"
#include "workload/machine.h"

namespace ose {

struct ProfileEntry {
  std::string table, key;  // the key without the unit of a duration: "context_switch" of context_switch_ns
  std::string value;       // TOML, of the key as ParseMachine() takes it; "" keeps what `base` has
  std::string unit;        // of the value: "ns" for a duration
  std::string comment;
};

// The profile of a figure: whole nanoseconds, about three digits of the rest.
ProfileEntry EntryOf(const Figure& figure);

// `base` in the form of FormatMachine(), with the values and comments of the entries; `head` are comment lines
// before it. Entries of keys that are off unless given come at the end of their table, as comments when they have no
// value. Keys without an entry are said to be defaults.
std::string ProfileText(const Machine& base, const std::vector<ProfileEntry>& entries, const std::vector<std::string>& head);

}  // namespace ose

#endif  // OSEVOLVE_CALIBRATE_PROFILE_TEXT_H_
