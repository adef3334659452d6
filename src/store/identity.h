// Ids of rows of the knowledge base: SHA-256 of what a row says, as canonical JSON, never of time or of where it came
// from. Private to src/store.
#ifndef OSEVOLVE_STORE_IDENTITY_H_
#define OSEVOLVE_STORE_IDENTITY_H_

#include <string>

#include "store/knowledge_base.h"

namespace ose {

std::string ClaimId(const VeteranClaim& claim);
// `imported` and the time are no part of it.
std::string EvaluationId(const EvaluationRecord& evaluation);

}  // namespace ose

#endif  // OSEVOLVE_STORE_IDENTITY_H_
