#include "validate/theory.h"

namespace ose {

Result<ValidationTable> ValidateTheory(const TheoryOptions&) {
  ValidationTable table{.name = "theory", .title = "The simulator against queueing theory", .rows = {}};
  Judge(table);
  return table;
}

}  // namespace ose
