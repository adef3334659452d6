#include "store/model_call.h"

#include "base/hash.h"
#include "core/exit_code.h"
#include "store/db.h"

namespace ose {
namespace {

// Inside a transaction.
std::string PutText(Db& db, const std::string& text) {
  std::string hash = Sha256Hex(text);
  auto put = db.Prepare("INSERT INTO text VALUES (?, ?) ON CONFLICT DO NOTHING");
  put->bind(1, hash);
  put->bind(2, text);
  put->exec();
  return hash;
}

Error NoSuchCall(Db& db, int64_t id) {
  return {kExitInternal, "a bug in OS-Evolve: call " + std::to_string(id) + " was finished before it was begun in " + db.path()};
}

}  // namespace

Status InsertModelCall(Db& db, const ModelCall& c) {
  return db.Write([&]() -> Status {
    const std::string system = PutText(db, c.system), user = PutText(db, c.user);
    auto put = db.Prepare(
        "INSERT INTO model_call(id, purpose, arm, request, provider, model, system, user, finished, input, cached_input, cache_write, "
        "output, reasoning, estimated, usd, attempts, took_ns_wall, started_wall) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?, 0, 0, " OSE_NOW_WALL ")");
    put->bind(1, c.id);
    put->bind(2, c.purpose);
    put->bind(3, c.arm);
    put->bind(4, c.request);
    put->bind(5, c.provider);
    put->bind(6, c.model);
    put->bind(7, system);
    put->bind(8, user);
    put->bind(9, c.input);
    put->bind(10, c.cached_input);
    put->bind(11, c.cache_write);
    put->bind(12, c.output);
    put->bind(13, c.reasoning);
    put->bind(14, c.estimated ? 1 : 0);
    put->bind(15, c.usd);
    put->exec();
    return {};
  });
}

Status UpdateModelCall(Db& db, const ModelCall& c) {
  return db.Write([&]() -> Status {
    auto put = db.Prepare(
        "UPDATE model_call SET model = ?, reply = ?, finished = 1, failure = ?, reason = ?, patch_kind = ?, patch_outcome = ?, input = ?, "
        "cached_input = ?, cache_write = ?, output = ?, reasoning = ?, estimated = ?, usd = ?, attempts = ?, took_ns_wall = ? WHERE id = ?");
    put->bind(1, c.model);
    put->bind(2, c.reply);
    put->bind(3, c.failure);
    put->bind(4, c.reason);
    put->bind(5, c.patch_kind);
    put->bind(6, c.patch_outcome);
    put->bind(7, c.input);
    put->bind(8, c.cached_input);
    put->bind(9, c.cache_write);
    put->bind(10, c.output);
    put->bind(11, c.reasoning);
    put->bind(12, c.estimated ? 1 : 0);
    put->bind(13, c.usd);
    put->bind(14, c.attempts);
    put->bind(15, c.took.v);
    put->bind(16, c.id);
    if (put->exec() == 1) return {};
    return NoSuchCall(db, c.id);
  });
}

Status SetModelCallProposal(Db& db, int64_t call, int64_t proposal) {
  return db.Write([&]() -> Status {
    auto put = db.Prepare("UPDATE model_call SET proposal = ? WHERE id = ?");
    put->bind(1, proposal);
    put->bind(2, call);
    if (put->exec() == 1) return {};
    return NoSuchCall(db, call);
  });
}

Result<std::vector<ModelCall>> SelectModelCalls(Db& db, bool with_texts) {
  return db.Try([&]() -> Result<std::vector<ModelCall>> {
    std::vector<ModelCall> calls;
    const char* plain = "SELECT id, purpose, proposal, arm, request, provider, model, '', '', '', finished, failure, reason, patch_kind, "
                        "patch_outcome, input, cached_input, cache_write, output, reasoning, estimated, usd, attempts, took_ns_wall "
                        "FROM model_call ORDER BY id";
    const char* texts = "SELECT c.id, purpose, proposal, arm, request, provider, model, s.text, u.text, reply, finished, failure, reason, "
                        "patch_kind, patch_outcome, input, cached_input, cache_write, output, reasoning, estimated, usd, attempts, took_ns_wall "
                        "FROM model_call c JOIN text s ON s.hash = c.system JOIN text u ON u.hash = c.user ORDER BY c.id";
    auto row = db.Prepare(with_texts ? texts : plain);
    while (row->executeStep()) {
      int i = 0;
      auto text = [&] { return row->getColumn(i++).getString(); };
      auto number = [&] { return row->getColumn(i++).getInt64(); };
      ModelCall c;
      c.id = number();
      c.purpose = text();
      if (!row->getColumn(i).isNull()) c.proposal = row->getColumn(i).getInt64();
      ++i;
      c.arm = text();
      c.request = text();
      c.provider = text();
      c.model = text();
      c.system = text();
      c.user = text();
      c.reply = text();
      c.finished = number() != 0;
      c.failure = text();
      c.reason = text();
      c.patch_kind = text();
      c.patch_outcome = text();
      c.input = number();
      c.cached_input = number();
      c.cache_write = number();
      c.output = number();
      c.reasoning = number();
      c.estimated = number() != 0;
      c.usd = row->getColumn(i++).getDouble();
      c.attempts = static_cast<int>(number());
      c.took = Nanos{number()};
      calls.push_back(std::move(c));
    }
    return calls;
  });
}

Result<ModelTotals> SumModelCalls(Db& db) {
  return db.Try([&]() -> Result<ModelTotals> {
    ModelTotals t;
    // A call that was never sent costs nothing and does not count; one in flight counts in full.
    auto row = db.Prepare("SELECT total(usd), count(*), coalesce(sum(input + output), 0) FROM model_call WHERE finished = 0 OR attempts > 0");
    if (row->executeStep()) t = {row->getColumn(0).getDouble(), row->getColumn(1).getInt64(), row->getColumn(2).getInt64()};
    return t;
  });
}

Status InsertNote(Db& db, const RunNote& n) {
  return db.Write([&]() -> Status {
    auto put = db.Prepare("INSERT INTO note VALUES (?, ?, ?, ?)");
    put->bind(1, n.sequence);
    put->bind(2, n.text);
    put->bind(3, n.after_proposal);
    put->bind(4, n.call);
    put->exec();
    return {};
  });
}

Result<std::vector<RunNote>> SelectNotes(Db& db) {
  return db.Try([&]() -> Result<std::vector<RunNote>> {
    std::vector<RunNote> notes;
    auto row = db.Prepare("SELECT sequence, text, after_proposal, call FROM note ORDER BY sequence");
    while (row->executeStep())
      notes.push_back({row->getColumn(0).getInt64(), row->getColumn(1).getString(), row->getColumn(2).getInt64(), row->getColumn(3).getInt64()});
    return notes;
  });
}

}  // namespace ose
