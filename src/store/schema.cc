#include "store/schema.h"

namespace ose {
namespace {

// Comments inside CREATE statements are kept by SQLite, so `.schema` explains itself.
constexpr const char* kRunSteps[] = {
    // 0 -> 1
    R"sql(
CREATE TABLE config(
  id INTEGER PRIMARY KEY CHECK(id = 1),  -- one row
  json TEXT NOT NULL,                    -- inputs: workload, machine, seed, budgets, versions
  json_wall TEXT NOT NULL,               -- what depends on the clock or the host
  saved_wall TEXT NOT NULL
) STRICT;

CREATE TABLE source(
  hash TEXT PRIMARY KEY,                 -- SHA-256 of text
  text TEXT NOT NULL                     -- C++ source; candidates that differ in tunables share it
) STRICT, WITHOUT ROWID;

CREATE TABLE candidate(
  id INTEGER PRIMARY KEY,                -- number of the proposal, given by the loop
  parents TEXT NOT NULL,                 -- JSON array of candidate ids
  op TEXT NOT NULL,                      -- operator that made it
  note TEXT NOT NULL,                    -- what the operator did
  source TEXT NOT NULL REFERENCES source(hash),
  tunables TEXT NOT NULL,                -- JSON object: values that differ from the defaults
  island INTEGER NOT NULL,
  generation INTEGER NOT NULL,
  outcome TEXT,                          -- NULL: not evaluated yet; 'ok', 'gate', 'compile', ...
  stage TEXT,                            -- last stage that was saved
  diagnosis TEXT NOT NULL DEFAULT '',    -- why not ok
  object_hash TEXT NOT NULL DEFAULT '',  -- SHA-256 of the object code
  proposed_wall TEXT NOT NULL,
  evaluated_wall TEXT,
  took_ns_wall INTEGER NOT NULL DEFAULT 0 -- all stages together
) STRICT;

CREATE TABLE score(
  candidate INTEGER NOT NULL REFERENCES candidate(id),
  stage TEXT NOT NULL CHECK(stage IN ('quick', 'full', 'select', 'final')),
  mean REAL NOT NULL,                    -- over the seeds of the stage
  seeds INTEGER NOT NULL,                -- how many
  PRIMARY KEY(candidate, stage)
) STRICT, WITHOUT ROWID;
CREATE INDEX score_best ON score(stage, mean DESC, candidate);

CREATE TABLE evaluation(
  candidate INTEGER NOT NULL REFERENCES candidate(id),
  seed INTEGER NOT NULL,                 -- top byte: 1 search, 2 select, 3 final
  stage TEXT NOT NULL,                   -- stage that first ran it
  position INTEGER NOT NULL,             -- order of evaluation within the candidate
  score REAL NOT NULL,
  metrics TEXT NOT NULL,                 -- JSON object
  PRIMARY KEY(candidate, seed)
) STRICT, WITHOUT ROWID;

CREATE TABLE event(
  sequence INTEGER PRIMARY KEY,          -- the loop's own count
  kind TEXT NOT NULL,                    -- 'promotion', 'migration', ...
  json TEXT NOT NULL,
  saved_wall TEXT NOT NULL
) STRICT;

CREATE TABLE result(
  name TEXT PRIMARY KEY,
  json TEXT NOT NULL,
  json_wall TEXT NOT NULL,
  saved_wall TEXT NOT NULL
) STRICT, WITHOUT ROWID;
)sql",
    // 1 -> 2
    R"sql(
CREATE TABLE text(
  hash TEXT PRIMARY KEY,                 -- SHA-256 of text
  text TEXT NOT NULL                     -- of prompts: their first half is the same in many calls
) STRICT, WITHOUT ROWID;

CREATE TABLE model_call(
  id INTEGER PRIMARY KEY,                -- number of the call, given by the loop
  purpose TEXT NOT NULL CHECK(purpose IN ('propose', 'repair', 'notes')),
  proposal INTEGER,                      -- the candidate that it became; NULL: none
  arm TEXT NOT NULL,                     -- the --llm text
  request TEXT NOT NULL,                 -- kind of request and prompt variant
  provider TEXT NOT NULL,
  model TEXT NOT NULL,                   -- as the provider names it
  system TEXT NOT NULL REFERENCES text(hash),
  user TEXT NOT NULL REFERENCES text(hash),
  reply TEXT NOT NULL DEFAULT '',
  finished INTEGER NOT NULL CHECK(finished IN (0, 1)),  -- 0: in flight; usage and cost are then the most it may use
  failure TEXT NOT NULL DEFAULT '',      -- of the call: 'rate limited', ...; '' when there was a reply
  reason TEXT NOT NULL DEFAULT '',       -- why there is no candidate
  patch_kind TEXT NOT NULL DEFAULT '',
  patch_outcome TEXT NOT NULL DEFAULT '',
  input INTEGER NOT NULL,                -- tokens, cached and cache writes included
  cached_input INTEGER NOT NULL,
  cache_write INTEGER NOT NULL,
  output INTEGER NOT NULL,               -- tokens, reasoning included
  reasoning INTEGER NOT NULL,
  estimated INTEGER NOT NULL CHECK(estimated IN (0, 1)),  -- 1: the provider reported no usage
  usd REAL NOT NULL,
  attempts INTEGER NOT NULL,             -- requests sent; 0 in flight or never sent
  took_ns_wall INTEGER NOT NULL,
  started_wall TEXT NOT NULL
) STRICT;
CREATE INDEX model_call_proposal ON model_call(proposal);

CREATE TABLE note(
  sequence INTEGER PRIMARY KEY,
  text TEXT NOT NULL,                    -- what the run has learnt, as shown in the next prompts
  after_proposal INTEGER NOT NULL,
  call INTEGER NOT NULL REFERENCES model_call(id)
) STRICT;
)sql",
};

constexpr const char* kKnowledgeSteps[] = {
    // 0 -> 1
    R"sql(
CREATE TABLE policy(
  hash TEXT PRIMARY KEY,                 -- SHA-256 of source
  source TEXT NOT NULL,
  object_hash TEXT NOT NULL,             -- SHA-256 of its object code where it was added
  name TEXT NOT NULL,
  author TEXT NOT NULL,                  -- 'human', 'operators' or a model
  parent TEXT NOT NULL,                  -- policy hash or ''; may be unknown here
  added_wall TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX policy_name ON policy(name);

CREATE TABLE workload(
  hash TEXT PRIMARY KEY,                 -- of its canonical form
  name TEXT NOT NULL,
  text TEXT NOT NULL,                    -- the file
  signature TEXT NOT NULL,               -- JSON array of numbers
  signature_version INTEGER NOT NULL,
  added_wall TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE machine(
  hash TEXT PRIMARY KEY,                 -- SHA-256 of text
  name TEXT NOT NULL,
  text TEXT NOT NULL,                    -- the profile
  cpus INTEGER NOT NULL,
  added_wall TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE evaluation(
  id TEXT PRIMARY KEY,                   -- SHA-256 of all but imported and recorded_wall
  policy TEXT NOT NULL REFERENCES policy(hash),
  workload TEXT NOT NULL REFERENCES workload(hash),
  machine TEXT NOT NULL REFERENCES machine(hash),
  host TEXT NOT NULL,                    -- where it was measured
  family TEXT NOT NULL,                  -- of the seeds: 'search', 'select', 'final'
  seeds INTEGER NOT NULL,                -- how many
  seed_base INTEGER NOT NULL,            -- the run's --seed
  score REAL NOT NULL,                   -- mean
  metrics TEXT NOT NULL,                 -- JSON: means with intervals
  versions TEXT NOT NULL,                -- JSON: of what measured it
  imported INTEGER NOT NULL CHECK(imported IN (0, 1)),  -- 1: from a bundle, not measured here
  recorded_wall TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX evaluation_policy ON evaluation(policy);

CREATE TABLE veteran(
  id TEXT PRIMARY KEY,                   -- SHA-256 of the claim
  policy TEXT NOT NULL REFERENCES policy(hash),
  workload TEXT NOT NULL REFERENCES workload(hash),
  machine TEXT NOT NULL REFERENCES machine(hash),
  incumbent TEXT NOT NULL REFERENCES policy(hash),  -- what it was compared with
  gain_pct REAL NOT NULL,                -- paired gain over the incumbent
  gain_lo_pct REAL NOT NULL CHECK(gain_lo_pct > 0),
  gain_hi_pct REAL NOT NULL,
  family TEXT NOT NULL,
  seeds INTEGER NOT NULL,
  seed_base INTEGER NOT NULL,
  score REAL NOT NULL,
  pct_of_bound REAL NOT NULL,
  superseded_by TEXT REFERENCES veteran(id) DEFERRABLE INITIALLY DEFERRED,  -- NULL: current
  since_wall TEXT NOT NULL
) STRICT, WITHOUT ROWID;
-- At most one current veteran for each workload and machine.
CREATE UNIQUE INDEX veteran_current ON veteran(workload, machine) WHERE superseded_by IS NULL;
CREATE INDEX veteran_policy ON veteran(policy);

CREATE TABLE deployment(
  id TEXT PRIMARY KEY,                   -- SHA-256 of policy, host, boot and its number there
  policy TEXT NOT NULL REFERENCES policy(hash),
  host TEXT NOT NULL,
  mode TEXT NOT NULL,                    -- 'kernel' or 'agent'
  json TEXT NOT NULL,                    -- how it was chosen: query, expected gain, confidence
  started_wall TEXT NOT NULL,
  ended_wall TEXT,
  ended_because TEXT                     -- 'replaced', 'rolled back', 'stopped', 'failed'
) STRICT, WITHOUT ROWID;

CREATE TABLE feedback(
  deployment TEXT NOT NULL REFERENCES deployment(id),
  sequence INTEGER NOT NULL,
  kind TEXT NOT NULL,                    -- 'sample', 'regression', 'stall', 'rejected', ...
  json TEXT NOT NULL,                    -- signature and service levels seen
  at_wall TEXT NOT NULL,
  PRIMARY KEY(deployment, sequence)
) STRICT, WITHOUT ROWID;
)sql",
};

}  // namespace

const Schema& RunSchema() {
  static constexpr Schema schema = {
      .what = "run database",
      .application_id = 0x4f534572,  // "OSEr"
      .steps = kRunSteps,
      .when_damaged = "save what is readable with `sqlite3 run.db .recover | sqlite3 saved.db`, or "
                      "start the run again with another --out",
      .when_missing = "give the --out folder of an earlier run, or leave --resume out to start one",
  };
  return schema;
}

const Schema& KnowledgeSchema() {
  static constexpr Schema schema = {
      .what = "knowledge base",
      .application_id = 0x4f53456b,  // "OSEk"
      .steps = kKnowledgeSteps,
      .when_damaged = "save what is readable with `sqlite3 knowledge.db .recover | sqlite3 saved.db`, "
                      "move the file away, and the next run starts a new one",
      .when_missing = "`osevolve evolve WORKLOAD` makes one",
  };
  return schema;
}

}  // namespace ose
