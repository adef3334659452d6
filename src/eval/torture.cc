#include "eval/torture.h"

namespace ose {

std::string_view TortureWorkload() {
  return R"(format = 1
name = "torture"
description = "what every candidate must survive"
machine = "torture"
horizon_ms = 60
end = "horizon"

[[objective]]
metric = "events"

[[group]]
name = "mix"
count = 12
repeat = true
program = [{ run_us = { exponential = 300 } }, { sleep_us = { uniform = [0, 500] } }]

[[group]]
name = "pinned"
count = 4
affinity = [2]
repeat = true
program = [{ run_us = { uniform = [10, 900] } }, { sleep_us = 100 }]

[[group]]
name = "half"
count = 4
affinity = [0, 3]
weight = 300
repeat = true
program = [{ run_us = 50 }, { yield = true }, { run_us = 150 }, { sleep_us = { exponential = 80 } }]

[[group]]
name = "light"
count = 2
weight = 1
repeat = true
program = [{ run_us = 700 }]

[[group]]
name = "heavy"
count = 1
weight = 10000
repeat = true
program = [{ run_us = { uniform = [1, 3000] } }, { sleep_us = 400 }]

[[group]]
name = "locker"
count = 6
repeat = true
program = [{ lock = "m" }, { run_us = { exponential = 20 } }, { unlock = "m" }, { run_us = 30 }, { yield = true }]

[[group]]
name = "storm"
count = 1
repeat = true
program = [{ run_us = 20 }, { signal = "go", count = 8 }, { sleep_us = 700 }]

[[group]]
name = "woken"
count = 8
repeat = true
program = [{ wait = "go" }, { run_us = { uniform = [1, 60] } }]

[[group]]
name = "parent"
count = 1
program = [{ loop = 16, program = [{ run_us = 200 }, { fork = "child" }, { sleep_us = 900 }] }]

[[group]]
name = "child"
count = 16
forked = true
program = [{ run_us = { exponential = 400 } }, { sleep_us = 50 }, { run_us = 100 }]

[[group]]
name = "meet"
count = 3
repeat = true
program = [{ run_us = { exponential = 100 } }, { barrier = "b" }]

[[group]]
name = "request"
count = 5
arrivals = { poisson_per_s = 4000 }
program = [{ run_us = { mix = [[5, 95], [600, 5]] } }]
)";
}

std::string_view TortureMachine() {
  return R"(format = 1
name = "torture"

[topology]
cpus = 5
cpus_per_llc = 3

[kernel]
tick_ms = 1
watchdog_ms = 2000
)";
}

}  // namespace ose
