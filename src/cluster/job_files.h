// What the submitting side and the nodes of a cluster say to each other: JSON files in a folder that both see,
// each written under another name and renamed, so that nobody reads half of one.
//
//   problems/HASH.json  what all jobs share: {"format": 1, "engine": HASH, "workload": TEXT, "machine": TEXT};
//                       HASH is that of the file
//   batches/NAME/N.json the jobs of task N: {"format": 1, "problem": HASH, "jobs": [{"source": TEXT, "file": NAME,
//                       "seeds": ["N", ...], "skeleton_of": TEXT, "quick_seeds": N, "quick_score": X, "max_events": N, "workload": TEXT}]}
//   batches/NAME/N.error  why task N could not do its jobs, of its node: {"code": N, "message": TEXT}
//   batches/NAME/N.beat something else every kHeartbeat, of a node that is at work on task N
//   batches/NAME/N.out  what task N printed
//   results/KK/KEY.json {"format": 1, "key": KEY, "checksum": HASH, "evaluation": {"outcome": NAME, "diagnosis": TEXT,
//                       "object_hash": HASH, "seeds": [{"seed": "N", "metrics": {NAME: X}}]}}
//
// KEY is the hash of the problem and the job, so a result is of exactly one question, whoever asks it and however often.
// A TEXT that is no valid UTF-8 is {"base64": ...}. There are no scores: the submitting side computes them.
#ifndef OSEVOLVE_CLUSTER_JOB_FILES_H_
#define OSEVOLVE_CLUSTER_JOB_FILES_H_

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "core/candidate.h"
#include "eval/evaluator.h"

namespace ose {

inline constexpr Nanos kHeartbeat = Nanos::Seconds(5);

struct ClusterProblem {
  std::string engine;  // EngineHash of the submitting side; a node with another one refuses the job
  std::string workload, machine;
};

struct ClusterTask {
  std::string problem;  // its hash
  std::vector<EvalJob> jobs;
};

std::string EncodeProblem(const ClusterProblem& problem);
std::string EncodeTask(const ClusterTask& task);
std::string EncodeResult(const std::string& key, const Evaluation& evaluation);
std::string EncodeFailure(const Error& error);

// kExitInternal for what is no such file: another format, torn, another key than `key`. What a result says of its
// policy is still to be checked (eval/reply_check.h); its scores are 0.
Result<ClusterProblem> DecodeProblem(std::string_view text);
Result<ClusterTask> DecodeTask(std::string_view text);
Result<Evaluation> DecodeResult(std::string_view text, const std::string& key);
Error DecodeFailure(std::string_view text);

std::string JobKey(const std::string& problem, const EvalJob& job);

std::string ProblemPath(const std::string& folder, const std::string& hash);
std::string ResultPath(const std::string& folder, const std::string& key);
std::string TaskPath(const std::string& batch_dir, int index);
std::string FailurePath(const std::string& batch_dir, int index);
std::string HeartbeatPath(const std::string& batch_dir, int index);

// The hash of what turns a job into a result: osevolve-gate, osevolve-worker and osevolve/policy.h.
Result<std::string> EngineHash(const std::string& program_dir, const std::string& include_dir);

}  // namespace ose

#endif  // OSEVOLVE_CLUSTER_JOB_FILES_H_
