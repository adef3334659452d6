#include "store/schema.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include "store/db.h"
#include "store/knowledge_base.h"
#include "store/testing.h"

namespace ose {
namespace {

class SchemaTest : public StoreTest {};

TEST_F(SchemaTest, VersionsAgreeWithTheHeaders) {
  EXPECT_EQ(RunSchema().version(), RunDb::kSchemaVersion);
  EXPECT_EQ(KnowledgeSchema().version(), KnowledgeBase::kSchemaVersion);
}

TEST_F(SchemaTest, EveryVersionOpensAndIsDocumented) {
  std::string docs = ReadFile(std::string(OSE_SOURCE_DIR) + "/docs/schema.md").value();
  for (const Schema* newest : {&RunSchema(), &KnowledgeSchema()}) {
    for (int version = 0; version <= newest->version(); ++version) {
      std::string path = Path(std::to_string(newest->application_id) + "." + std::to_string(version));
      Schema old = *newest;
      old.steps = newest->steps.first(static_cast<size_t>(version));
      if (version == 0) WriteBytes(path, "");  // killed before its first write
      else ASSERT_TRUE(Db::Open(path, old, OpenMode::kCreate).ok());
      auto db = Db::Open(path, *newest, OpenMode::kResume);
      ASSERT_TRUE(db.ok()) << db.error().message;
      EXPECT_EQ((*db)->sqlite().execAndGet("PRAGMA user_version").getInt(), newest->version());
      SQLite::Statement columns((*db)->sqlite(),
                                "SELECT t.name, c.name FROM sqlite_schema t, pragma_table_info(t.name) c WHERE t.type = 'table'");
      while (columns.executeStep())
        for (int i : {0, 1}) {
          std::string name = "`" + columns.getColumn(i).getString() + "`";
          EXPECT_NE(docs.find(name), std::string::npos) << "docs/schema.md does not explain " << name;
        }
    }
  }
}

}  // namespace
}  // namespace ose
