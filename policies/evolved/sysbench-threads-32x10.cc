// CFS, the Completely Fair Scheduler that Linux used from 2.6.23 to 6.5: per CPU, the task with
// the smallest virtual runtime runs next; placement at wake-up looks for an idle CPU that shares
// the cache; CPUs that run dry pull work, and busy ones balance now and then.
//
// Source: Linux v6.5 kernel/sched/fair.c; each part names its function. Defaults are that
// kernel's, with its scaling by the number of CPUs (get_update_sysctl_factor). The features are
// its defaults: GENTLE_FAIR_SLEEPERS, START_DEBIT, WAKEUP_PREEMPTION, WA_IDLE, WA_WEIGHT; no
// buddies.
//
// What a sched_ext policy can only approximate:
//   - a CPU's load is the sum of its runnable weights now, not PELT's decaying average, which a task that
//     wakes up has;
//   - wake_wide() is left out: it needs the waker's own statistics;
//   - pulling takes the waiting task with the least virtual runtime, which runs at once;
//     can_migrate_task()'s cache-hot test is left out, since a queue shows only its head's key;
//   - the newly idle pull is not throttled by rq->avg_idle.
#include <osevolve/policy.h>
using namespace osevolve;

// Before scaling by 1 + log2(CPUs): x2 on 2 and 3 CPUs, x3 on 4 to 7, x4 on 8 and more.
TUNABLE(sched_latency_ns, 6'000'000, 100'000, 100'000'000)
TUNABLE(min_granularity_ns, 750'000, 10'000, 100'000'000)
TUNABLE(wakeup_granularity_ns, 1'000'000, 0, 100'000'000)

TUNABLE(tick_ns, 4'000'000, 100'000, 10'000'000)  // TICK_NSEC
TUNABLE(sleeper_credit_pct, 50, 0, 200)  // of sched_latency (GENTLE_FAIR_SLEEPERS halves it)
TUNABLE(imbalance_pct, 117, 100, 400)    // a CPU must be this much busier to be pulled from
TUNABLE(balance_interval_ns, 1'000'000, 100'000, 1'000'000'000)  // times the number of CPUs
TUNABLE(busy_factor, 16, 1, 64)                                  // times this while the CPU is busy
// EVOLVE-BLOCK-START tunables
// EVOLVE-BLOCK-END

struct CfsTask {
  u64 charged;      // run_total() that vruntime accounts for
  u64 picked;       // run_total() when it was picked: prev_sum_exec_runtime
  s32 cpu;          // CPU whose load counts it and whose min_vruntime its vruntime refers to
  u32 load_weight;  // weight counted there
  u32 on_rq;
  u32 is_new;
  u64 load_avg;     // times 1024
  u64 load_updated, was_runnable;
  // EVOLVE-BLOCK-START task_state
  // EVOLVE-BLOCK-END
};

struct CfsCpu {
  u64 min_vruntime;
  s64 load;        // sum of the runnable tasks' weights
  s64 nr_running;  // how many they are, the running one included
  u64 next_balance;
  u64 next_nohz_kick;
  u64 curr_vruntime;  // of the running task, at curr_updated
  u64 curr_updated;
  u32 curr_weight;
  u32 curr_yielded;
  u32 has_curr;
  s32 pull_from;       // CPU to pull a task from at the next dispatch, plus 1
  u32 balance_failed;  // balancing that found no task small enough, in a row (nr_balance_failed)
  // EVOLVE-BLOCK-START cpu_state
  // EVOLVE-BLOCK-END
};

struct Cfs : Policy<CfsTask, CfsCpu> {
  s64 scale;  // get_update_sysctl_factor()

  s32 init() {
    s32 n = nr_cpus();
    scale = n >= 8 ? 4 : n >= 4 ? 3 : n >= 2 ? 2 : 1;
    s32 error = 0;
    for_each_cpu([&](s32 c) {
      if (error == 0) error = dsq_create(Queue(c));
    });
    // EVOLVE-BLOCK-START init
    // EVOLVE-BLOCK-END
    return error;
  }

  // task_fork_fair(): placed when it first becomes runnable.
  void enable(Task t) {
    t->cpu = t.cpu();
    t->load_weight = max(t.weight(), 1u);
    t->charged = t.run_total();
    t->is_new = 1;
    t->load_avg = static_cast<u64>(t->load_weight) << 10;  // init_entity_runnable_average()
    t->load_updated = now();
    t->was_runnable = t.run_total() + t.wait_total();
    t.set_vtime(cpu_state(t->cpu).min_vruntime);
  }

  // select_task_rq_fair()
  s32 select_cpu(Task t, s32 prev, u64 wake_flags) {
    s32 target = prev;
    s32 idle = -1;
    s64 load = UpdateLoadAvg(t);
    // EVOLVE-BLOCK-START wake_affine
    // wake_affine_idle(), wake_affine_weight(): near the waker, if that is the less busy place.
    s32 here = this_cpu();
    if (!(wake_flags & kWakeFork) && here != prev && t.allowed(here) && !is_idle(prev)) {
      const CfsCpu& waker = cpu_state(here);
      bool sync = (wake_flags & kWakeSync) != 0;
      s64 here_load = waker.load - (sync && waker.has_curr ? static_cast<s64>(waker.curr_weight) : 0);
      s64 prev_load = cpu_state(prev).load + (sync ? 1 : 0);
      s64 bias_pct = 100 + sdiv(imbalance_pct - 100, 2);
      bool waker_leaves = sync && waker.nr_running == 1;
      if (waker_leaves || ((here_load << 10) + load) * 100 < (prev_load << 10) * bias_pct) target = here;
    }
    // EVOLVE-BLOCK-END

    // EVOLVE-BLOCK-START select_cpu
    // select_idle_sibling(): the target if idle, else the previous CPU if it shares the cache,
    // else an idle core and then any idle CPU in the target's last-level cache.
    if (t.allowed(target) && claim_idle(target)) idle = target;
    if (idle < 0 && target != prev && llc_of(target) == llc_of(prev) && t.allowed(prev) && claim_idle(prev)) {
      idle = prev;
    }
    if (idle < 0) idle = t.pick_idle_in(target, kSameLlc, kPickIdleCore);
    if (idle < 0) idle = t.pick_idle_in(target, kSameLlc);
    // EVOLVE-BLOCK-END

    // EVOLVE-BLOCK-START fork_balance
    // find_idlest_cpu(): a new task has no cache to lose and may go anywhere.
    if (idle < 0 && (wake_flags & kWakeFork)) {
      idle = t.pick_idle();
      if (idle < 0) target = LeastLoaded(t);
    }
    // EVOLVE-BLOCK-END

    if (idle >= 0) {
      t.insert(kDsqLocal, Slice(cpu_state(idle), t.weight()));
      return idle;
    }
    return t.allowed(target) ? target : LeastLoaded(t);
  }

  // enqueue_task_fair(): vruntime and load, before the task is queued.
  void runnable(Task t, u64 enq_flags) {
    // EVOLVE-BLOCK-START runnable
    // EVOLVE-BLOCK-END
    if (t->on_rq) return;
    Renormalise(t, t.cpu());
    Place(t, enq_flags);
    t->load_weight = max(t.weight(), 1u);
    t->on_rq = 1;
    Account(t, 1);
  }

  // dequeue_task_fair()
  void quiescent(Task t, u64 deq_flags) {
    // EVOLVE-BLOCK-START quiescent
    // EVOLVE-BLOCK-END
    if (!t->on_rq) return;
    t->on_rq = 0;
    Account(t, -1);
  }

  void exit_task(Task t) { quiescent(t, 0); }

  // reweight_entity()
  void set_weight(Task t, u32 weight) {
    bool runs = running_pid(t->cpu) == t.pid();
    if (runs) Charge(t);
    u32 old = t->load_weight;
    t->load_weight = max(weight, 1u);
    if (t->on_rq)
      atomic_add(cpu_state(t->cpu).load, static_cast<s64>(t->load_weight) - static_cast<s64>(old));
    if (runs) cpu_state(t->cpu).curr_weight = t->load_weight;
  }

  void enqueue(Task t, u64 enq_flags) {
    s32 cpu = t.cpu();
    if (!t.allowed(cpu)) {  // its affinity has just changed
      cpu = LeastLoaded(t);
      MoveTo(t, cpu);
    }
    CfsCpu& cs = cpu_state(cpu);
    // EVOLVE-BLOCK-START enqueue
    t.insert_vtime(Queue(cpu), Slice(cs, t->load_weight), t.vtime(), enq_flags);
    // EVOLVE-BLOCK-END

    if (enq_flags & kEnqWakeup) {
      PreemptOnWakeup(t, cpu);
      return;
    }
    // EVOLVE-BLOCK-START kick_idle
    // The task gave way to another: an idle CPU that may run it can pull it.
    s32 idle = t.pick_idle();
    if (idle >= 0) kick_cpu(idle, kKickIdle);
    // EVOLVE-BLOCK-END
  }

  void dispatch(s32 cpu) {
    CfsCpu& cs = cpu_state(cpu);
    // EVOLVE-BLOCK-START load_balance
    // The pull that the tick decided on; from another CPU if nothing there may run here
    // (LBF_ALL_PINNED).
    s32 source = cs.pull_from - 1;
    cs.pull_from = 0;
    bool pulled = source >= 0 && dsq_move_to_local(Queue(source));
    if (source >= 0 && !pulled) {
      for_each_cpu([&](s32 c) {
        pulled = c != source && Busier(c, cs) && dsq_move_to_local(Queue(c));
        return !pulled;
      });
    }
    if (pulled) return;
    // EVOLVE-BLOCK-END

    // EVOLVE-BLOCK-START pick_next
    // pick_next_entity(): the smallest vruntime, be it that of the task whose turn ended. One
    // that yielded is passed over (set_skip_buddy).
    bool waiting = dsq_nr_queued(Queue(cpu)) > 0;
    bool curr_first = cs.has_curr && !cs.curr_yielded &&
                      before(CurrVruntime(cs, now()), dsq_peek_vtime(Queue(cpu)));
    cs.curr_yielded = 0;
    if (curr_first) {
      keep_running(min_granularity_ns * scale);
      return;
    }
    if (waiting && dsq_move_to_local(Queue(cpu))) return;
    // EVOLVE-BLOCK-END

    if (cs.has_curr) {
      keep_running(Slice(cs, cs.curr_weight));
    } else {
      NewIdleBalance(cpu);
    }
  }

  // set_next_entity()
  void running(Task t) {
    // EVOLVE-BLOCK-START running
    // EVOLVE-BLOCK-END
    MoveTo(t, t.cpu());  // it may have been pulled here
    CfsCpu& cs = cpu_state(t->cpu);
    t->picked = t->charged;
    cs.has_curr = 1;
    cs.curr_yielded = 0;
    cs.curr_weight = t->load_weight;
    cs.curr_vruntime = t.vtime();
    cs.curr_updated = now();
    AdvanceMinVruntime(cs, t);
  }

  // yield_task_fair()
  bool yield(Task t) {
    // EVOLVE-BLOCK-START yield
    cpu_state(t->cpu).curr_yielded = 1;
    // EVOLVE-BLOCK-END
    return false;
  }

  // put_prev_entity()
  void stopping(Task t, bool runnable) {
    // EVOLVE-BLOCK-START stopping
    // EVOLVE-BLOCK-END
    Charge(t);
    cpu_state(t->cpu).has_curr = 0;
  }

  // task_tick_fair()
  void tick(Task t) {
    Charge(t);
    s32 cpu = t->cpu;
    CfsCpu& cs = cpu_state(cpu);
    // EVOLVE-BLOCK-START check_preempt_tick
    if (dsq_nr_queued(Queue(cpu)) > 0) {
      s64 ideal = min(static_cast<s64>(Slice(cs, t->load_weight)), sched_latency_ns * scale);
      s64 ran = static_cast<s64>(t->charged - t->picked);
      s64 ahead = static_cast<s64>(t.vtime() - dsq_peek_vtime(Queue(cpu)));
      // Its turn is over (if it would not be picked again), or it is a whole turn ahead.
      if (ran > ideal && ahead > 0) t.set_slice(0);
      if (ran >= min_granularity_ns * scale && ahead > ideal) t.set_slice(0);
    }
    // EVOLVE-BLOCK-END
    PeriodicBalance(t, cpu);
  }

  // EVOLVE-BLOCK-START hooks
  // EVOLVE-BLOCK-END

 private:
  OSV_INLINE static DsqId Queue(s32 cpu) { return static_cast<DsqId>(cpu); }

  // calc_delta_fair(): weight 100 is nice 0, whose virtual time is real time.
  OSV_INLINE static u64 CalcDelta(u64 ns, u32 weight) { return udiv(ns * 100, weight); }

  // Of a CPU's running task, by now.
  OSV_INLINE static u64 CurrVruntime(const CfsCpu& cs, u64 time) {
    return cs.curr_vruntime +
           (before(cs.curr_updated, time) ? CalcDelta(time - cs.curr_updated, cs.curr_weight) : 0);
  }

  // sched_slice(): this weight's share of the period in which everybody runs once.
  OSV_INLINE u64 Slice(const CfsCpu& cs, u32 weight) {
    // EVOLVE-BLOCK-START sched_slice
    s64 load = max(cs.load, static_cast<s64>(weight));
    s64 min_granularity = min_granularity_ns * scale;
    s64 period = max(sched_latency_ns * scale, min_granularity * cs.nr_running);  // __sched_period()
    s64 slice = max(sdiv(period * weight, load), min_granularity);
    return static_cast<u64>(slice);
    // EVOLVE-BLOCK-END
  }

  // place_entity(): a new task waits one slice; one that slept gets a credit, but never more
  // than it had.
  OSV_INLINE void Place(Task t, u64 enq_flags) {
    const CfsCpu& cs = cpu_state(t->cpu);
    // EVOLVE-BLOCK-START place_entity
    u64 vruntime = t.vtime();
    if (t->is_new) {
      vruntime = cs.min_vruntime + CalcDelta(Slice(cs, t->load_weight), t->load_weight);
    } else if (enq_flags & kEnqWakeup) {
      vruntime = cs.min_vruntime - udiv(static_cast<u64>(sched_latency_ns * scale * sleeper_credit_pct), 100);
    }
    if (t->is_new || before(t.vtime(), vruntime)) t.set_vtime(vruntime);
    t->is_new = 0;
    // EVOLVE-BLOCK-END
  }

  // update_curr()
  OSV_INLINE void Charge(Task t) {
    CfsCpu& cs = cpu_state(t->cpu);
    u64 ran = t.run_total() - t->charged;
    t->charged += ran;
    // EVOLVE-BLOCK-START charge
    t.set_vtime(t.vtime() + CalcDelta(ran, t->load_weight));
    // EVOLVE-BLOCK-END
    cs.curr_vruntime = t.vtime();
    cs.curr_updated = now();
    AdvanceMinVruntime(cs, t);
  }

  // update_min_vruntime(): that of the running or the first waiting task, never backwards.
  OSV_INLINE static void AdvanceMinVruntime(CfsCpu& cs, Task t) {
    // EVOLVE-BLOCK-START min_vruntime
    u64 vruntime = t.vtime();
    if (dsq_nr_queued(Queue(t->cpu)) > 0) {
      u64 first = dsq_peek_vtime(Queue(t->cpu));
      if (before(first, vruntime)) vruntime = first;
    }
    if (before(cs.min_vruntime, vruntime)) cs.min_vruntime = vruntime;
    // EVOLVE-BLOCK-END
  }

  // Counts a task in or out of its CPU. Pulling makes other CPUs write here: atomic.
  OSV_INLINE static void Account(Task t, s64 sign) {
    CfsCpu& cs = cpu_state(t->cpu);
    atomic_add(cs.load, sign * static_cast<s64>(t->load_weight));
    atomic_add(cs.nr_running, sign);
  }

  // migrate_task_rq_fair(): virtual runtimes of two CPUs compare only relative to their minima.
  OSV_INLINE static void Renormalise(Task t, s32 cpu) {
    if (t->cpu == cpu) return;
    t.set_vtime(t.vtime() - cpu_state(t->cpu).min_vruntime + cpu_state(cpu).min_vruntime);
    t->cpu = cpu;
  }

  OSV_INLINE static void MoveTo(Task t, s32 cpu) {
    if (t->cpu == cpu) return;
    if (t->on_rq) Account(t, -1);
    Renormalise(t, cpu);
    if (t->on_rq) Account(t, 1);
  }

  // task_h_load(): the part of its time in which the task was runnable, weighted; half of what counts is
  // from the last 32 ms (PELT). Times 1024. For select_cpu(), once a wake-up.
  OSV_INLINE static s64 UpdateLoadAvg(Task t) {
    constexpr u64 kMemory = 46'166'000, kLong = 1'000'000'000;  // 32 ms / ln 2
    u64 time = now(), runnable = t.run_total() + t.wait_total();
    u64 passed = min(time - t->load_updated, kLong), busy = min(runnable - t->was_runnable, passed);
    t->load_avg = udiv(t->load_avg * kMemory + (static_cast<u64>(t.weight()) << 10) * busy, kMemory + passed);
    t->load_updated = time;
    t->was_runnable = runnable;
    return static_cast<s64>(t->load_avg);
  }

  // The allowed CPU with the least load; the first of equals.
  OSV_INLINE static s32 LeastLoaded(Task t) {
    s32 best = t.cpu();
    // EVOLVE-BLOCK-START least_loaded
    s64 least = ~(1LL << 63);
    for_each_cpu([&](s32 c) {
      s64 load = cpu_state(c).load;
      if (load < least && t.allowed(c)) {
        least = load;
        best = c;
      }
    });
    // EVOLVE-BLOCK-END
    return best;
  }

  // check_preempt_wakeup(), wakeup_preempt_entity(): preempts the running task when it is ahead
  // by more than the granularity, in the woken task's virtual time.
  OSV_INLINE void PreemptOnWakeup(Task t, s32 cpu) {
    const CfsCpu& cs = cpu_state(cpu);
    // EVOLVE-BLOCK-START wakeup_preempt
    if (!cs.has_curr) return;
    s64 ahead = static_cast<s64>(CurrVruntime(cs, now()) - t.vtime());
    u64 granularity = CalcDelta(static_cast<u64>(wakeup_granularity_ns * scale), t->load_weight);
    if (ahead > static_cast<s64>(granularity)) kick_cpu(cpu, kKickPreempt);
    // EVOLVE-BLOCK-END
  }

  // newidle_balance(): from the nearest CPU with a waiting task, the busiest of equals.
  OSV_INLINE void NewIdleBalance(s32 cpu) {
    // EVOLVE-BLOCK-START new_idle_balance
    s32 source = -1;
    s64 best = 0;
    for_each_cpu([&](s32 c) {
      const CfsCpu& cs = cpu_state(c);
      if (c == cpu || cs.nr_running < 2) return;
      s64 nearness = llc_of(c) == llc_of(cpu) ? 2 : node_of(c) == node_of(cpu) ? 1 : 0;
      s64 key = (nearness << 40) + cs.load;
      if (key > best) {
        best = key;
        source = c;
      }
    });
    if (source < 0 || dsq_move_to_local(Queue(source))) return;
    // EVOLVE-BLOCK-END

    // EVOLVE-BLOCK-START new_idle_any
    // Nothing there may run here (LBF_ALL_PINNED): the first CPU with something that may.
    for_each_cpu([&](s32 c) {
      if (c == cpu || cpu_state(c).nr_running < 2) return true;
      return !dsq_move_to_local(Queue(c));
    });
    // EVOLVE-BLOCK-END
  }

  // update_sd_lb_stats(): whether a CPU has tasks that wait and is busier than this one.
  OSV_INLINE static bool Busier(s32 cpu, const CfsCpu& here) {
    const CfsCpu& there = cpu_state(cpu);
    // EVOLVE-BLOCK-START busier
    return there.nr_running > 1 && there.load * 100 > here.load * imbalance_pct;
    // EVOLVE-BLOCK-END
  }

  // calculate_imbalance(), detach_tasks(): whether one of the other CPU's tasks is small enough to
  // move, which must not take either CPU past the average; less and less so with every time in a row
  // that it was not. So three equal tasks on two CPUs take turns to have one alone.
  OSV_INLINE static bool MayMove(const CfsCpu& there, CfsCpu& here, s64 total) {
    // EVOLVE-BLOCK-START imbalance
    s64 average = sdiv(total, nr_cpus());
    s64 imbalance = min(there.load - average, average - here.load);
    s64 load = sdiv(there.load, there.nr_running) >> min(here.balance_failed, 16u);
    if (load < imbalance) {  // half of two equal tasks is too much still: interrupts take from a CPU's capacity
      here.balance_failed = 0;
      return true;
    }
    if (imbalance > 0) here.balance_failed += 1;
    return false;
    // EVOLVE-BLOCK-END
  }

  OSV_INLINE void PeriodicBalance(Task t, s32 cpu) {
    CfsCpu& cs = cpu_state(cpu);
    u64 time = now();
    u64 interval = static_cast<u64>(balance_interval_ns) * static_cast<u64>(nr_cpus());
    // EVOLVE-BLOCK-START rebalance_domains
    // load_balance(): find_busiest_group(), find_busiest_queue(). The move is made in dispatch().
    if (!before(time, cs.next_balance)) {
      // One tick less than a whole period, so as not to keep step with what takes turns at ticks.
      cs.next_balance = time + interval * static_cast<u64>(busy_factor) - static_cast<u64>(tick_ns);
      s32 busiest = -1;
      s64 most = 0;
      s64 total = 0;
      for_each_cpu([&](s32 c) {
        s64 load = cpu_state(c).load;
        total += load;
        if (load > most && Busier(c, cs)) {
          most = load;
          busiest = c;
        }
      });
      if (busiest >= 0 && MayMove(cpu_state(busiest), cs, total)) {
        cs.pull_from = busiest + 1;
        t.set_slice(0);
      }
    }
    // EVOLVE-BLOCK-END

    // EVOLVE-BLOCK-START nohz_kick
    // nohz_balancer_kick(): tasks wait here while some CPU idles; wake it, so that it pulls.
    if (cs.nr_running > 1 && !before(time, cs.next_nohz_kick)) {
      cs.next_nohz_kick = time + interval;
      s32 idle = -1;
      for_each_cpu([&](s32 c) {
        if (is_idle(c)) idle = c;
        return idle < 0;
      });
      if (idle >= 0) kick_cpu(idle, kKickIdle);
    }
    // EVOLVE-BLOCK-END
  }
};

OSEVOLVE_POLICY(Cfs, "cfs")
