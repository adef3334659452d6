// attack: an endless loop in each hook
// gate: loop
// variants: _init _init_task _enable _select_cpu _runnable _running _tick _yield _stopping _quiescent _disable _exit_task _update_idle _dispatch _timer _exit _enqueue
// worker: timeout
#include <osevolve/policy.h>
using namespace osevolve;
enum { k_init, k_init_task, k_enable, k_select_cpu, k_runnable, k_running, k_tick, k_yield, k_stopping, k_quiescent, k_disable, k_exit_task, k_update_idle, k_dispatch, k_timer, k_exit, k_enqueue };
struct P : Policy<> {
  static void Spin(int hook) {
    for (volatile int i = 0; hook == k@VARIANT@; i = i + 1) {
    }
  }
  s32 init() { timer_start(1000000); dsq_create(0); Spin(k_init); return 0; }
  s32 init_task(Task) { Spin(k_init_task); return 0; }
  void enable(Task) { Spin(k_enable);  }
  s32 select_cpu(Task, s32 prev, u64) { Spin(k_select_cpu); return prev; }
  void runnable(Task, u64) { Spin(k_runnable);  }
  void running(Task) { Spin(k_running);  }
  void tick(Task) { Spin(k_tick);  }
  bool yield(Task) { Spin(k_yield); return false; }
  void stopping(Task, bool) { Spin(k_stopping);  }
  void quiescent(Task, u64) { Spin(k_quiescent);  }
  void disable(Task) { Spin(k_disable);  }
  void exit_task(Task) { Spin(k_exit_task);  }
  void update_idle(s32, bool) { Spin(k_update_idle);  }
  void dispatch(s32) { dsq_move_to_local(0); Spin(k_dispatch);  }
  void timer() { Spin(k_timer);  }
  void exit() { Spin(k_exit);  }
  void enqueue(Task t, u64 flags) { Spin(k_enqueue); t.insert(0, kSliceDefault, flags); }
};
OSEVOLVE_POLICY(P, "p")
