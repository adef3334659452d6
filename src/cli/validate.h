// What the subcommands of `osevolve validate` share.
#ifndef OSEVOLVE_CLI_VALIDATE_H_
#define OSEVOLVE_CLI_VALIDATE_H_

#include <string>

#include "cli/commands.h"
#include "validate/validation.h"

namespace ose {

struct ValidateFlags {
  std::string markdown;  // "": none
  std::string only;      // "": all
  uint64_t seed = 1;
  int jobs = 0;
};

// --markdown, --json and --quiet.
void AddValidateFlags(CLI::App& sub, Command& command, ValidateFlags& flags);

// Checks --markdown before the work begins: the file exists and has the section.
Status CheckMarkdown(const ValidateFlags& flags, const std::string& section);

// Prints the table, writes the section of --markdown, and fails (having said why in the table) unless
// every row is ok.
Status ReportValidation(const ValidationTable& table, const ValidateFlags& flags, const CommonFlags& common);

// `validate real` and `validate kernel`.
void RegisterValidateHost(CLI::App& validate, Command& command);

}  // namespace ose

#endif  // OSEVOLVE_CLI_VALIDATE_H_
