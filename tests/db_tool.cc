// Databases for the end-to-end tests.
//   db_tool dump RUN.db           every row without what depends on the clock
//   db_tool evaluated RUN.db      how many candidates have an outcome; may run beside a writer
//   db_tool version FILE N        makes FILE one of schema version N
//   db_tool claim BUNDLE POLICY.cc    the bundle with its claims made for another policy, all its hashes right
//   db_tool hold FILE             holds the write lock, says "held", and ends when stdin does
#include <sqlite3.h>

#include <iostream>
#include <string>

#include "base/file.h"
#include "base/hash.h"
#include "store/bundle.h"
#include "store/run_db.h"

namespace {

int Fail(const std::string& message) {
  std::cerr << "db_tool: " << message << '\n';
  return 1;
}

int Sql(const std::string& path, const std::string& sql, bool hold) {
  sqlite3* db = nullptr;
  char* error = nullptr;
  if (sqlite3_open_v2(path.c_str(), &db, SQLITE_OPEN_READWRITE, nullptr) != SQLITE_OK ||
      sqlite3_exec(db, sql.c_str(), nullptr, nullptr, &error) != SQLITE_OK)
    return Fail(path + ": " + (error ? error : sqlite3_errmsg(db)));
  if (hold) {
    std::cout << "held" << std::endl;
    while (std::cin.get() != EOF) {
    }
  }
  return sqlite3_close(db) == SQLITE_OK ? 0 : 1;
}

// What somebody who knows the format can make of a bundle.
int Claim(const std::string& path, const std::string& policy_file) {
  auto text = ose::ReadFile(path), source = ose::ReadFile(policy_file);
  if (!text.ok() || !source.ok()) return Fail("cannot read " + path + " or " + policy_file);
  auto bundle = ose::ParseBundle(*text, path);
  if (!bundle.ok()) return Fail(bundle.error().message);
  const std::string hash = ose::Sha256Hex(*source);
  for (ose::VeteranClaim& c : bundle->claims) {
    for (ose::PolicyRecord& p : bundle->policies)
      if (p.hash == c.policy) p.hash = hash, p.source = *source, p.name = ose::Stem(policy_file);
    for (ose::EvaluationRecord& e : bundle->evaluations)
      if (e.policy == c.policy) e.policy = hash;
    c.policy = hash;
  }
  std::cout << ose::FormatBundle(*bundle);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string command = argc > 1 ? argv[1] : "", path = argc > 2 ? argv[2] : "";
  if (command == "version" && argc == 4) return Sql(path, std::string("PRAGMA user_version = ") + argv[3], false);
  if (command == "hold" && argc == 3) return Sql(path, "BEGIN IMMEDIATE", true);
  if (command == "claim" && argc == 4) return Claim(path, argv[3]);
  if ((command != "dump" && command != "evaluated") || argc != 3) return Fail("see the top of tests/db_tool.cc");
  auto db = ose::RunDb::Open(path, ose::OpenMode::kReadOnly);
  if (!db.ok()) return Fail(db.error().message);
  if (command == "dump") {
    ose::Status s = db->Dump([](std::string_view line) { std::cout << line << '\n'; });
    return s.ok() ? 0 : Fail(s.error().message);
  }
  auto counts = db->Count();
  if (!counts.ok()) return Fail(counts.error().message);
  std::cout << counts->evaluated << '\n';
}
