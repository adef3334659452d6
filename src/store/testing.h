// Helpers of this room's tests.
#ifndef OSEVOLVE_STORE_TESTING_H_
#define OSEVOLVE_STORE_TESTING_H_

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <string>

#include "base/file.h"
#include "store/run_db.h"

namespace ose {

// A folder per test, removed afterwards.
class StoreTest : public ::testing::Test {
 protected:
  StoreTest() : dir_(TempDir::Make("ose-store").value()) {}
  std::string Path(const std::string& name) const { return JoinPath(dir_.path(), name); }

 private:
  TempDir dir_;
};

inline void WriteBytes(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

// Runs SQL on a database file, as somebody with the sqlite3 shell would; false when it fails.
inline bool ExecSql(const std::string& path, const std::string& sql) {
  sqlite3* db = nullptr;
  bool ok = sqlite3_open(path.c_str(), &db) == SQLITE_OK && sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK;
  sqlite3_close(db);
  return ok;
}

// Starts a child that runs body() and exits with what it returns. Databases are opened inside.
inline pid_t StartChild(const std::function<int()>& body) {
  pid_t pid = fork();
  if (pid == 0) _exit(body());
  return pid;
}

// The exit code, or -signal.
inline int WaitFor(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

inline int InChild(const std::function<int()>& body) { return WaitFor(StartChild(body)); }

// A child process without root's right to write anywhere.
inline int InUnprivilegedChild(const std::function<int()>& body) {
  return InChild([&] {
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) return 125;
    return body();
  });
}

// The code of a failed Result or Status; 0 when it succeeded.
template <class R>
int CodeOf(const R& result) {
  return result.ok() ? 0 : result.error().code;
}

inline Proposal MakeProposal(int64_t id, size_t source_bytes = 200) {
  Proposal p{.id = id, .parents = {}, .op = "swap-statements", .note = "swapped lines 3 and 4", .source = "", .tunables = {{"slice_us", id}}};
  if (id > 1) p.parents = {id / 2, id - 1};
  p.island = static_cast<int>(id % 4);
  p.generation = id / 4;
  p.source = "// policy " + std::to_string(id) + "\n";
  while (p.source.size() < source_bytes) p.source += "  if (task->weight > " + std::to_string(p.source.size() * 7 + id) + ") return;\n";
  return p;
}

// Scores and metrics that depend on the candidate and the seed alone, with all their digits.
inline Evaluation MakeEvaluation(int64_t id, int seeds, int metrics = 3) {
  Evaluation e;
  e.object_hash = "object" + std::to_string(id);
  for (int i = 0; i < seeds; ++i) {
    double x = static_cast<double>((id * 7919 + i * 104729) % 10007) / 101.0;
    SeedResult s{.seed = (1ull << 56) + static_cast<uint64_t>(100 - i), .metrics = {}, .score = x};
    for (int m = 0; m < metrics; ++m) s.metrics["group.metric_" + std::to_string(m)] = x * (m + 1) / 3;
    e.seeds.push_back(s);
  }
  return e;
}

}  // namespace ose

#endif  // OSEVOLVE_STORE_TESTING_H_
