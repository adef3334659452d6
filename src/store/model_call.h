// ModelCall: one call of a language model, as a run database keeps it (docs/schema.md). Replies are not
// reproducible, so these rows are inputs of a run, not results. Nothing of the environment is stored.
#ifndef OSEVOLVE_STORE_MODEL_CALL_H_
#define OSEVOLVE_STORE_MODEL_CALL_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace ose {

class Db;

struct ModelCall {
  int64_t id = 0;
  std::string purpose = "propose";  // "propose", "repair", "notes"
  std::optional<int64_t> proposal;  // the candidate that it became
  std::string arm, request, provider, model;
  std::string system, user, reply;
  bool finished = false;            // false: it was in flight when the process ended
  std::string failure, reason;      // of the call; why there is no candidate
  std::string patch_kind, patch_outcome;
  int64_t input = 0, cached_input = 0, cache_write = 0, output = 0, reasoning = 0;  // tokens
  bool estimated = false;           // the provider reported no usage
  double usd = 0;
  int attempts = 0;
  Nanos took{0};
};

struct ModelTotals {
  double usd = 0;
  int64_t calls = 0, tokens = 0;
};

struct RunNote {
  int64_t sequence = 0;
  std::string text;
  int64_t after_proposal = 0;
  int64_t call = 0;
};

// For RunDb, which documents and serialises them.
Status InsertModelCall(Db& db, const ModelCall& call);
Status UpdateModelCall(Db& db, const ModelCall& call);
Status SetModelCallProposal(Db& db, int64_t call, int64_t proposal);
Result<std::vector<ModelCall>> SelectModelCalls(Db& db, bool with_texts);
Result<ModelTotals> SumModelCalls(Db& db);
Status InsertNote(Db& db, const RunNote& note);
Result<std::vector<RunNote>> SelectNotes(Db& db);

}  // namespace ose

#endif  // OSEVOLVE_STORE_MODEL_CALL_H_
