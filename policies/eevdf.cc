// EEVDF, Earliest Eligible Virtual Deadline First, Linux's fair class since 6.6: of the tasks
// that are owed CPU time (virtual runtime not beyond the average), the one whose request of one
// slice is due first runs next; what a task is owed, its lag, survives sleep and migration.
//
// Sources: I. Stoica and H. Abdel-Wahab, "Earliest eligible virtual deadline first",
// Old Dominion University TR-95-22 (1995); Linux v6.12 to v6.18 kernel/sched/fair.c; each part
// names its function. Features are the kernel's defaults: PLACE_LAG, PLACE_DEADLINE_INITIAL,
// PLACE_REL_DEADLINE, RUN_TO_PARITY, DELAY_DEQUEUE, DELAY_ZERO, WAKEUP_PREEMPTION, WA_IDLE, WA_WEIGHT.
//
// What a sched_ext policy can only approximate:
//   - The kernel keeps one tree by deadline, in which each node knows its subtree's least
//     vruntime, and so finds the earliest deadline among eligible tasks. A DSQ shows only its
//     head. Here each CPU has two: tasks that are eligible when they queue, by deadline, and
//     the others, by vruntime, which is the order in which they become eligible. The pick
//     compares the two heads. The key of the second has the time until the deadline in its low
//     bits, in units of 8 us, which leaves vruntime to the microsecond. A task that becomes
//     eligible behind the second's head waits until that has been picked.
//   - avg_vruntime() is kept as in the kernel, as a sum per CPU, but another CPU that pulls a
//     task updates it without the lock: an error of at most one update, gone when the CPU
//     next runs dry.
//   - DELAY_DEQUEUE keeps a task that falls asleep with negative lag in the queue until it is
//     eligible. A policy loses sight of who sleeps, so here such a task remembers its vruntime:
//     when it wakes up before the average has got there, it goes on from there on the CPU where
//     it was (ttwu_runnable); later, it owes nothing (DELAY_ZERO). Meanwhile it does not count.
//   - A CPU's load is the sum of runnable weights, not PELT's average, which a task that wakes up has; no wake_wide(), no cache-hot test
//     and no throttling of newly idle pulls, as in cfs.cc.
#include <osevolve/policy.h>
using namespace osevolve;

// sysctl_sched_base_slice before scaling by 1 + log2(CPUs): 1.4 ms on 2 CPUs, 2.1 ms on 4,
// 2.8 ms on 8 and more (get_update_sysctl_factor). Before v6.15 it was 750'000.
TUNABLE(base_slice_ns, 700'000, 10'000, 100'000'000)
TUNABLE(tick_ns, 4'000'000, 100'000, 10'000'000)  // TICK_NSEC: bounds lag where it exceeds two slices
TUNABLE(run_to_parity, 1, 0, 1)
TUNABLE(delay_dequeue, 1, 0, 1)
TUNABLE(yield_forfeits, 1, 0, 1)  // since v6.18 and v6.12.58: who yields, gives up the rest of its request

TUNABLE(imbalance_pct, 117, 100, 400)  // a CPU must be this much busier to be pulled from
TUNABLE(balance_interval_ns, 1'000'000, 100'000, 1'000'000'000)  // times the number of CPUs
TUNABLE(busy_factor, 16, 1, 64)                                  // times this while the CPU is busy
// EVOLVE-BLOCK-START tunables
// EVOLVE-BLOCK-END

struct EevdfTask {
  u64 charged;  // run_total() that vruntime accounts for
  u64 vruntime;
  u64 deadline;      // in virtual time
  s64 vlag;          // what it is owed, in virtual time; set when it leaves a CPU
  s64 rel_deadline;  // deadline - vruntime, then
  s32 cpu;           // CPU whose sums count it
  u32 load_weight;   // weight counted there
  u32 on_rq;
  u32 is_new;
  u64 load_avg;      // times 1024
  u64 load_updated, was_runnable;
  u32 delayed;       // it fell asleep with negative lag (sched_delayed)
  // EVOLVE-BLOCK-START task_state
  // EVOLVE-BLOCK-END
};

struct EevdfCpu {
  // avg_vruntime() = zero_vruntime + sum_w_vruntime / load, over the runnable tasks and the
  // running one; a task adds load_weight * (vruntime - zero_vruntime).
  u64 zero_vruntime;
  s64 sum_w_vruntime;
  s64 load;
  s64 nr_running;
  u64 next_balance;
  u64 next_nohz_kick;
  u64 curr_vruntime;  // of the running task, at curr_updated
  u64 curr_updated;
  u64 curr_deadline;
  u64 curr_protected;  // deadline when it was picked: RUN_TO_PARITY holds until then
  u32 curr_weight;
  u32 has_curr;
  s32 pull_from;       // CPU to pull a task from at the next dispatch, plus 1
  u32 balance_failed;  // balancing that found no task small enough, in a row (nr_balance_failed)
  // EVOLVE-BLOCK-START cpu_state
  // EVOLVE-BLOCK-END
};

struct Eevdf : Policy<EevdfTask, EevdfCpu> {
  static constexpr DsqId kLaterQueues = 1024;

  u64 base_slice;  // scaled

  s32 init() {
    s32 n = nr_cpus();
    base_slice = static_cast<u64>(base_slice_ns) * (n >= 8 ? 4 : n >= 4 ? 3 : n >= 2 ? 2 : 1);
    s32 error = 0;
    for_each_cpu([&](s32 c) {
      if (error == 0) error = dsq_create(Ready(c));
      if (error == 0) error = dsq_create(Later(c));
    });
    // EVOLVE-BLOCK-START init
    // EVOLVE-BLOCK-END
    return error;
  }

  void enable(Task t) {
    t->cpu = t.cpu();
    t->load_weight = max(t.weight(), 1u);
    t->charged = t.run_total();
    t->is_new = 1;
    t->load_avg = static_cast<u64>(t->load_weight) << 10;  // init_entity_runnable_average()
    t->load_updated = now();
    t->was_runnable = t.run_total() + t.wait_total();
  }

  // select_task_rq_fair(), as in cfs.cc
  s32 select_cpu(Task t, s32 prev, u64 wake_flags) {
    if (Delayed(t, prev)) return prev;  // ttwu_runnable(): it never left
    s32 target = prev;
    s32 idle = -1;
    s64 load = UpdateLoadAvg(t);
    // EVOLVE-BLOCK-START wake_affine
    // wake_affine_idle(), wake_affine_weight(): near the waker, if that is the less busy place.
    s32 here = this_cpu();
    if (!(wake_flags & kWakeFork) && here != prev && t.allowed(here) && !is_idle(prev)) {
      const EevdfCpu& waker = cpu_state(here);
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
    // sched_balance_find_dst_cpu(): a new task has no cache to lose and may go anywhere.
    if (idle < 0 && (wake_flags & kWakeFork)) {
      idle = t.pick_idle();
      if (idle < 0) target = LeastLoaded(t);
    }
    // EVOLVE-BLOCK-END

    if (idle >= 0) {
      t.insert(kDsqLocal, base_slice);
      return idle;
    }
    return t.allowed(target) ? target : LeastLoaded(t);
  }

  // enqueue_entity(): placed and counted before it is queued.
  void runnable(Task t, u64 enq_flags) {
    // EVOLVE-BLOCK-START runnable
    // EVOLVE-BLOCK-END
    if (t->on_rq) return;
    bool wakeup = (enq_flags & kEnqWakeup) != 0;
    bool delayed = wakeup && Delayed(t, t.cpu());
    if (wakeup && t->delayed) t->vlag = 0;
    t->cpu = t.cpu();
    t->load_weight = max(t.weight(), 1u);
    if (t->is_new || wakeup) t->rel_deadline = 0;
    if (!delayed) Place(t);  // requeue_delayed_entity() leaves it where it was
    t->delayed = 0;
    t->on_rq = 1;
    Account(t, 1);
  }

  // dequeue_entity()
  void quiescent(Task t, u64 deq_flags) {
    // EVOLVE-BLOCK-START quiescent
    // EVOLVE-BLOCK-END
    if (!t->on_rq) return;
    Remove(t);
    t->delayed = delay_dequeue != 0 && t->vlag < 0;
    t->on_rq = 0;
  }

  void exit_task(Task t) { quiescent(t, 0); }

  // reweight_entity()
  void set_weight(Task t, u32 weight) {
    bool runs = running_pid(t->cpu) == t.pid();
    if (runs) Charge(t);
    if (t->on_rq) Remove(t);
    s64 old = t->load_weight;
    t->load_weight = max(weight, 1u);
    if (!t->on_rq) return;
    // EVOLVE-BLOCK-START reweight
    // What it is owed in real time stays: virtual durations shrink as the weight grows.
    t->vlag = sdiv(t->vlag * old, t->load_weight);
    t->rel_deadline = sdiv(t->rel_deadline * old, t->load_weight);
    // EVOLVE-BLOCK-END
    Place(t);
    Account(t, 1);
    if (runs) SetCurr(t);
  }

  void enqueue(Task t, u64 enq_flags) {
    s32 cpu = t.cpu();
    if (!t.allowed(cpu)) {  // its affinity has just changed
      cpu = LeastLoaded(t);
      MoveTo(t, cpu);
    }
    const EevdfCpu& cs = cpu_state(cpu);
    // EVOLVE-BLOCK-START enqueue
    u64 average = AvgVruntime(cs);
    bool eligible = !before(average, t->vruntime);
    bool first =
        eligible && (dsq_nr_queued(Ready(cpu)) == 0 || before(t->deadline, dsq_peek_vtime(Ready(cpu))));
    u64 slice = TimeLeft(t->deadline - t->vruntime, t->load_weight);
    if (eligible) {
      t.insert_vtime(Ready(cpu), slice, t->deadline, enq_flags);
    } else {
      t.insert_vtime(Later(cpu), slice, LaterKey(t), enq_flags);
    }
    // EVOLVE-BLOCK-END

    if (enq_flags & kEnqWakeup) {
      PreemptOnWakeup(t, cpu, average, first);
      return;
    }
    // EVOLVE-BLOCK-START kick_idle
    // The task gave way to another: an idle CPU that may run it can pull it.
    s32 idle = t.pick_idle();
    if (idle >= 0) kick_cpu(idle, kKickIdle);
    // EVOLVE-BLOCK-END
  }

  void dispatch(s32 cpu) {
    EevdfCpu& cs = cpu_state(cpu);
    // EVOLVE-BLOCK-START load_balance
    // The pull that the tick decided on; from another CPU if nothing there may run here
    // (LBF_ALL_PINNED).
    s32 source = cs.pull_from - 1;
    cs.pull_from = 0;
    bool pulled = source >= 0 && Pull(source);
    if (source >= 0 && !pulled) {
      for_each_cpu([&](s32 c) {
        pulled = c != source && Busier(c, cs) && Pull(c);
        return !pulled;
      });
    }
    if (pulled) return;
    // EVOLVE-BLOCK-END

    // The task whose turn ended, if it is still runnable, competes with what it is by now.
    bool has_curr = cs.has_curr != 0;
    u64 average = AvgVruntime(cs);
    u64 curr = CurrVruntime(cs);
    if (has_curr && !before(curr, cs.curr_deadline)) {  // update_deadline()
      cs.curr_deadline = curr + CalcDelta(base_slice, cs.curr_weight);
    }
    bool ready = dsq_nr_queued(Ready(cpu)) > 0;
    bool later = dsq_nr_queued(Later(cpu)) > 0;
    // EVOLVE-BLOCK-START pick_eevdf
    u64 ready_deadline = ready ? dsq_peek_vtime(Ready(cpu)) : 0;
    u64 later_vruntime = later ? dsq_peek_vtime(Later(cpu)) & ~kKeyMask : 0;
    u64 later_deadline = later_vruntime + (later ? dsq_peek_vtime(Later(cpu)) & kKeyMask : 0) * kKeyUnit;
    bool later_eligible = later && !before(average, later_vruntime);
    bool pick_later = later_eligible && (!ready || before(later_deadline, ready_deadline));
    bool pick_ready = ready && !pick_later;
    u64 best_deadline = pick_later ? later_deadline : ready_deadline;
    bool pick_curr = has_curr && !before(average, curr) &&
                     (Protected(cs, curr) || !(pick_later || pick_ready) || before(cs.curr_deadline, best_deadline));
    // EVOLVE-BLOCK-END

    // EVOLVE-BLOCK-START pick_next
    if (pick_curr) {  // without new protection: set_next_entity() is for who was not running
      keep_running(TimeLeft(cs.curr_deadline - curr, cs.curr_weight));
      return;
    }
    if (pick_ready && dsq_move_to_local(Ready(cpu))) return;
    if (later && dsq_move_to_local(Later(cpu))) return;  // eligible, or nobody is: the leftmost
    if (ready && dsq_move_to_local(Ready(cpu))) return;
    // EVOLVE-BLOCK-END

    if (has_curr) {
      keep_running(base_slice);
    } else {
      NewIdleBalance(cpu);
    }
  }

  // set_next_entity()
  void running(Task t) {
    // EVOLVE-BLOCK-START running
    // EVOLVE-BLOCK-END
    MoveTo(t, t.cpu());  // it may have been pulled here
    SetCurr(t);
  }

  // put_prev_entity()
  void stopping(Task t, bool runnable) {
    // EVOLVE-BLOCK-START stopping
    // EVOLVE-BLOCK-END
    Charge(t);
    cpu_state(t->cpu).has_curr = 0;
  }

  // entity_tick()
  void tick(Task t) {
    bool new_request = Charge(t);
    s32 cpu = t->cpu;
    // EVOLVE-BLOCK-START tick
    // update_deadline() reschedules when a request has been served and others wait.
    if (new_request && cpu_state(cpu).nr_running > 1) t.set_slice(0);
    // EVOLVE-BLOCK-END
    PeriodicBalance(t, cpu);
  }

  // yield_task_fair()
  bool yield(Task t) {
    Charge(t);
    EevdfCpu& cs = cpu_state(t->cpu);
    // EVOLVE-BLOCK-START yield
    bool eligible = !before(AvgVruntime(cs), t->vruntime);
    if (cs.nr_running > 1 && (eligible || yield_forfeits == 0)) {
      if (yield_forfeits != 0) Advance(t, t->deadline - t->vruntime);
      t->deadline += CalcDelta(base_slice, t->load_weight);
      cs.curr_deadline = t->deadline;
    }
    t.set_slice(0);
    // EVOLVE-BLOCK-END
    return false;
  }

  // EVOLVE-BLOCK-START hooks
  // EVOLVE-BLOCK-END

 private:
  // Waiting tasks of a CPU: eligible ones by deadline; others by vruntime.
  OSV_INLINE static DsqId Ready(s32 cpu) { return static_cast<DsqId>(cpu); }
  OSV_INLINE static DsqId Later(s32 cpu) { return kLaterQueues + static_cast<DsqId>(cpu); }

  static constexpr u64 kKeyMask = 1023, kKeyUnit = 8'192;
  OSV_INLINE static u64 LaterKey(Task t) {
    u64 left = before(t->vruntime, t->deadline) ? (t->deadline - t->vruntime) / kKeyUnit : 0;
    return (t->vruntime & ~kKeyMask) | min(left, kKeyMask);
  }

  // calc_delta_fair(): weight 100 is nice 0, whose virtual time is real time.
  OSV_INLINE static u64 CalcDelta(u64 ns, u32 weight) { return udiv(ns * 100, weight); }
  // The way back, for slices: at least 10 us, since a slice of 0 is no slice.
  OSV_INLINE static u64 TimeLeft(u64 virtual_ns, u32 weight) {
    s64 left = sdiv(static_cast<s64>(virtual_ns) * weight, 100);
    return static_cast<u64>(max(left, s64{10'000}));
  }

  OSV_INLINE static void SetCurr(Task t) {
    EevdfCpu& cs = cpu_state(t->cpu);
    cs.has_curr = 1;
    cs.curr_weight = t->load_weight;
    cs.curr_vruntime = t->vruntime;
    cs.curr_updated = now();
    cs.curr_deadline = t->deadline;
    cs.curr_protected = t->deadline;
  }

  // Of a CPU's running task, by now.
  OSV_INLINE static u64 CurrVruntime(const EevdfCpu& cs) {
    u64 time = now();
    return cs.curr_vruntime +
           (before(cs.curr_updated, time) ? CalcDelta(time - cs.curr_updated, cs.curr_weight) : 0);
  }

  // avg_vruntime(): where everybody would be if all had got their share.
  OSV_INLINE static u64 AvgVruntime(const EevdfCpu& cs) {
    // EVOLVE-BLOCK-START avg_vruntime
    s64 sum = cs.sum_w_vruntime;
    if (cs.has_curr) sum += static_cast<s64>(CurrVruntime(cs) - cs.curr_vruntime) * cs.curr_weight;
    return cs.zero_vruntime + static_cast<u64>(sdiv(sum, cs.load));
    // EVOLVE-BLOCK-END
  }

  // avg_vruntime_add(), avg_vruntime_sub(). Pulling makes other CPUs write here: atomic.
  OSV_INLINE static void Account(Task t, s64 sign) {
    EevdfCpu& cs = cpu_state(t->cpu);
    s64 weight = t->load_weight;
    atomic_add(cs.sum_w_vruntime, sign * weight * static_cast<s64>(t->vruntime - cs.zero_vruntime));
    atomic_add(cs.load, sign * weight);
    s64 others = atomic_add(cs.nr_running, sign) + sign;
    if (others == 0) cs.sum_w_vruntime = 0;  // nothing is owed on an empty CPU
  }

  // place_entity(): v = V - lag. Joining moves the average towards the newcomer, so its lag is
  // scaled up first, to come out as it was. An empty CPU owes nothing.
  OSV_INLINE void Place(Task t) {
    const EevdfCpu& cs = cpu_state(t->cpu);
    // EVOLVE-BLOCK-START place_entity
    s64 weight = t->load_weight;
    s64 lag = cs.nr_running > 0 ? sdiv(t->vlag * (cs.load + weight), cs.load) : 0;
    u64 vslice = CalcDelta(base_slice, t->load_weight);
    if (t->is_new) {
      lag = 0;
      vslice = udiv(vslice, 2);  // PLACE_DEADLINE_INITIAL
    }
    t->vruntime = AvgVruntime(cs) - static_cast<u64>(lag);
    t->deadline = t->vruntime + (t->rel_deadline > 0 ? static_cast<u64>(t->rel_deadline) : vslice);
    t->is_new = 0;
    // EVOLVE-BLOCK-END
  }

  // update_entity_lag() and the sums, when it leaves a CPU. Lag is bounded by twice the slice.
  OSV_INLINE void Remove(Task t) {
    const EevdfCpu& cs = cpu_state(t->cpu);
    // EVOLVE-BLOCK-START update_entity_lag
    s64 lag = static_cast<s64>(AvgVruntime(cs) - t->vruntime);
    s64 limit = static_cast<s64>(CalcDelta(max(2 * base_slice, static_cast<u64>(tick_ns)), t->load_weight));
    t->vlag = clamp(lag, -limit, limit);
    t->rel_deadline = static_cast<s64>(t->deadline - t->vruntime);
    // EVOLVE-BLOCK-END
    Account(t, -1);
  }

  OSV_INLINE void MoveTo(Task t, s32 cpu) {
    if (t->cpu == cpu) return;
    if (t->on_rq) Remove(t);
    t->cpu = cpu;
    if (!t->on_rq) return;
    Place(t);
    Account(t, 1);
  }

  // Moves the running task's vruntime.
  OSV_INLINE static void Advance(Task t, u64 delta) {
    EevdfCpu& cs = cpu_state(t->cpu);
    t->vruntime += delta;
    atomic_add(cs.sum_w_vruntime, static_cast<s64>(delta) * t->load_weight);
    // Keep the sum small: let the reference follow the average (update_min_vruntime).
    s64 shift = sdiv(cs.sum_w_vruntime, cs.load);
    cs.zero_vruntime += static_cast<u64>(shift);
    atomic_add(cs.sum_w_vruntime, -shift * cs.load);
    cs.curr_vruntime = t->vruntime;
    cs.curr_updated = now();
  }

  // update_curr() and update_deadline(): true when a new request begins.
  OSV_INLINE bool Charge(Task t) {
    EevdfCpu& cs = cpu_state(t->cpu);
    u64 ran = t.run_total() - t->charged;
    t->charged += ran;
    t->deadline = cs.curr_deadline;  // dispatch() may have renewed it
    Advance(t, CalcDelta(ran, t->load_weight));
    bool new_request = !before(t->vruntime, t->deadline);
    // EVOLVE-BLOCK-START update_deadline
    if (new_request) t->deadline = t->vruntime + CalcDelta(base_slice, t->load_weight);
    // EVOLVE-BLOCK-END
    cs.curr_deadline = t->deadline;
    return new_request;
  }

  // Whether a task that woke up is still in the queue, as far as the kernel is concerned.
  OSV_INLINE static bool Delayed(Task t, s32 cpu) {
    const EevdfCpu& cs = cpu_state(cpu);
    // EVOLVE-BLOCK-START delay_dequeue
    return t->delayed && t->cpu == cpu && cs.nr_running > 0 && before(AvgVruntime(cs), t->vruntime);
    // EVOLVE-BLOCK-END
  }

  // protect_slice(): who is owed CPU time keeps the CPU until its request is served.
  OSV_INLINE static bool Protected(const EevdfCpu& cs, u64 curr) {
    // EVOLVE-BLOCK-START protect_slice
    return run_to_parity != 0 && before(curr, cs.curr_protected);
    // EVOLVE-BLOCK-END
  }

  // check_preempt_wakeup_fair(): preempts if pick_eevdf() would pick the task that woke up.
  // `first`: it is eligible, and due before all that wait.
  OSV_INLINE void PreemptOnWakeup(Task t, s32 cpu, u64 average, bool first) {
    const EevdfCpu& cs = cpu_state(cpu);
    // EVOLVE-BLOCK-START wakeup_preempt
    if (!cs.has_curr) return;
    u64 curr = CurrVruntime(cs);
    bool curr_eligible = !before(average, curr);
    bool curr_protected = curr_eligible && Protected(cs, curr);
    bool due_first = first && (!curr_eligible || before(t->deadline, cs.curr_deadline));
    // The wake-up also charges the running task (update_curr), whose request may be served by now.
    bool served = !before(curr, cs.curr_deadline);
    if (served || (!curr_protected && due_first)) kick_cpu(cpu, kKickPreempt);
    // EVOLVE-BLOCK-END
  }

  // [dispatch] Moves a waiting task of another CPU here.
  OSV_INLINE static bool Pull(s32 cpu) {
    return dsq_move_to_local(Ready(cpu)) || dsq_move_to_local(Later(cpu));
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

  // sched_balance_newidle(): from the nearest CPU with a waiting task, the busiest of equals.
  OSV_INLINE void NewIdleBalance(s32 cpu) {
    // EVOLVE-BLOCK-START new_idle_balance
    s32 source = -1;
    s64 best = 0;
    for_each_cpu([&](s32 c) {
      const EevdfCpu& cs = cpu_state(c);
      if (c == cpu || cs.nr_running < 2) return;
      s64 nearness = llc_of(c) == llc_of(cpu) ? 2 : node_of(c) == node_of(cpu) ? 1 : 0;
      s64 key = (nearness << 40) + cs.load;
      if (key > best) {
        best = key;
        source = c;
      }
    });
    if (source < 0 || Pull(source)) return;
    // EVOLVE-BLOCK-END

    // EVOLVE-BLOCK-START new_idle_any
    // Nothing there may run here (LBF_ALL_PINNED): the first CPU with something that may.
    for_each_cpu([&](s32 c) {
      if (c == cpu || cpu_state(c).nr_running < 2) return true;
      return !Pull(c);
    });
    // EVOLVE-BLOCK-END
  }

  // update_sd_lb_stats(): whether a CPU has tasks that wait and is busier than this one.
  OSV_INLINE static bool Busier(s32 cpu, const EevdfCpu& here) {
    const EevdfCpu& there = cpu_state(cpu);
    // EVOLVE-BLOCK-START busier
    return there.nr_running > 1 && there.load * 100 > here.load * imbalance_pct;
    // EVOLVE-BLOCK-END
  }

  // calculate_imbalance(), detach_tasks(): whether one of the other CPU's tasks is small enough to
  // move, which must not take either CPU past the average; less and less so with every time in a row
  // that it was not. So three equal tasks on two CPUs take turns to have one alone.
  OSV_INLINE static bool MayMove(const EevdfCpu& there, EevdfCpu& here, s64 total) {
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
    EevdfCpu& cs = cpu_state(cpu);
    u64 time = now();
    u64 interval = static_cast<u64>(balance_interval_ns) * static_cast<u64>(nr_cpus());
    // EVOLVE-BLOCK-START balance_domains
    // sched_balance_rq(): find the busiest group and queue. The move is made in dispatch().
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

OSEVOLVE_POLICY(Eevdf, "eevdf")
