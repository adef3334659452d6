#include "cluster/slurm_queue.h"

#include <gtest/gtest.h>

#include "core/exit_code.h"

namespace ose {
namespace {

// Lines of squeue of Slurm 22.05.8.
TEST(SlurmQueue, ReadsStates) {
  auto tasks = ParseSqueue("5_0|RUNNING|n1|None\n5_1|COMPLETING|n1|None\n5_2|NODE_FAIL|n2|NodeDown\n5_3|PENDING||Resources\n"
                           "6_0|PENDING||PartitionTimeLimit\n\nnonsense\n7_0|COMPLETED|n1|None");
  ASSERT_EQ(tasks.size(), 6u);
  EXPECT_TRUE(tasks["5_0"].running && !tasks["5_0"].over);
  EXPECT_EQ(tasks["5_0"].state, "RUNNING on n1");
  EXPECT_TRUE(tasks["5_1"].over && !tasks["5_1"].failed);
  EXPECT_TRUE(tasks["5_2"].over && tasks["5_2"].failed);
  EXPECT_FALSE(tasks["5_3"].over);
  EXPECT_EQ(tasks["5_3"].never, "");
  EXPECT_EQ(tasks["6_0"].never, "PartitionTimeLimit");
  EXPECT_TRUE(tasks["7_0"].over);
}

TEST(SlurmQueue, SaysWhatToDo) {
  SlurmOptions o;
  o.partition = "nope";
  const Error wrong = SbatchError(o, "sbatch: error: invalid partition specified: nope\nsbatch: error: Batch job submission failed: Invalid partition name specified\n");
  EXPECT_EQ(wrong.code, kExitNoCluster);
  EXPECT_NE(wrong.message.find("--slurm-partition nope"), std::string::npos);
  o.minutes = 90;
  EXPECT_NE(SbatchError(o, "Batch job submission failed: Requested time limit is invalid (missing or exceeds some limit)").message.find("--slurm-time 90"), std::string::npos);
  EXPECT_EQ(SbatchError(o, "sbatch: error: Unable to contact slurm controller (connect failure)").code, kExitIo);
}

}  // namespace
}  // namespace ose
