#include "workload/trace_text.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <vector>

#include "core/exit_code.h"

namespace ose {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// A whole number at the start of `s`, after blanks; removes it.
template <class T>
bool EatInt(std::string_view& s, T* out) {
  size_t i = s.find_first_not_of(' ');
  if (i == std::string_view::npos) return false;
  auto [end, ec] = std::from_chars(s.data() + i, s.data() + s.size(), *out);
  if (ec != std::errc()) return false;
  s.remove_prefix(static_cast<size_t>(end - s.data()));
  return true;
}

// The number and nothing else, but for blanks.
template <class T>
bool IsInt(std::string_view s, T* out) {
  return EatInt(s, out) && s.find_first_not_of(' ') == std::string_view::npos;
}

bool EatPrefix(std::string_view& s, std::string_view prefix) {
  if (!s.starts_with(prefix)) return false;
  s.remove_prefix(prefix.size());
  return true;
}

void SkipBlanks(std::string_view& s) { s.remove_prefix(std::min(s.find_first_not_of(' '), s.size())); }

// What stands before the event's own fields.
struct Head {
  int cpu = 0, context = 0;
  int64_t time_ns = 0;
  bool has_flags = false, interrupt = false, whole_number_time = false;
  std::string_view event;  // without "sched:"
  std::string_view args;
};

// "1433.166431:" or with more digits, as nanoseconds.
bool EatTime(std::string_view& s, int64_t* ns, bool* whole_number) {
  int64_t sec = 0;
  if (!EatInt(s, &sec) || sec < 0 || sec > 9'000'000'000) return false;
  int64_t frac = 0;
  if (EatPrefix(s, ".")) {
    size_t digits = 0;
    while (digits < s.size() && IsDigit(s[digits])) {
      if (digits < 9) frac = frac * 10 + (s[digits] - '0');
      digits++;
    }
    if (digits == 0) return false;
    for (size_t i = digits; i < 9; i++) frac *= 10;
    s.remove_prefix(digits);
  } else {
    *whole_number = true;
  }
  *ns = sec * 1'000'000'000 + frac;
  return EatPrefix(s, ":");
}

// The thread id at the end of what stands before "[cpu]": "comm-123", "comm-123 (  45)",
// "comm  123", "comm  123/124".
bool ContextOf(std::string_view before, int* pid) {
  auto trim = [&] { before = before.substr(0, before.find_last_not_of(' ') + 1); };
  trim();
  if (before.ends_with(')')) {
    size_t open = before.rfind('(');
    if (open == std::string_view::npos) return false;
    before = before.substr(0, open);
    trim();
  }
  size_t first = before.size();
  while (first > 0 && IsDigit(before[first - 1])) first--;
  if (first == 0 || !(before[first - 1] == '-' || before[first - 1] == ' ' || before[first - 1] == '/'))
    return false;
  return IsInt(before.substr(first), pid);
}

// Command names may hold anything, brackets included, so each "[" is tried until all that
// must follow it does follow.
bool ParseHead(std::string_view line, Head* h) {
  for (size_t at = line.find('['); at != std::string_view::npos; at = line.find('[', at + 1)) {
    std::string_view s = line.substr(at + 1);
    if (s.empty() || !IsDigit(s[0]) || !EatInt(s, &h->cpu) || !EatPrefix(s, "] ")) continue;
    SkipBlanks(s);
    // Latency flags: "d..2." or "dNh1."; the third says hard (h, H) or soft (s) interrupt, or NMI.
    h->has_flags = h->interrupt = h->whole_number_time = false;
    if (!s.empty() && !(IsDigit(s[0]) && s.substr(0, s.find(' ')).ends_with(':'))) {
      std::string_view flags = s.substr(0, s.find(' '));
      if (flags.size() < 4 || flags.size() > 8) continue;
      h->has_flags = true;
      h->interrupt = std::string_view("hHszZ").find(flags[2]) != std::string_view::npos;
      s.remove_prefix(flags.size());
    }
    if (!EatTime(s, &h->time_ns, &h->whole_number_time)) continue;
    SkipBlanks(s);
    // ftrace prints a system call as "sys_sched_yield()" and its return as "sys_sched_yield -> 0x0".
    size_t end = std::min(s.find(": "), s.size());
    if (end == s.size() && !s.ends_with(':') && !s.ends_with("()")) continue;
    h->event = s.substr(0, std::min(end, s.find('(')));
    if (h->event.ends_with(':')) h->event.remove_suffix(1);
    if (h->event.empty() || h->event.find(' ') != std::string_view::npos) continue;
    if (size_t colon = h->event.rfind(':'); colon != std::string_view::npos)
      h->event.remove_prefix(colon + 1);
    h->args = s.substr(std::min(s.size(), end + 1));
    SkipBlanks(h->args);
    if (ContextOf(line.substr(0, at), &h->context)) return true;
  }
  return false;
}

// " key=value" fields from the right, since only the numbers have no blanks in them: takes the
// last `key`, returns what follows it and leaves in `s` what comes before.
std::optional<std::string_view> TakeLast(std::string_view& s, std::string_view key) {
  size_t at = s.rfind(key);
  if (at == std::string_view::npos) return std::nullopt;
  std::string_view value = s.substr(at + key.size());
  s = s.substr(0, at);
  return value;
}

template <class T>
bool TakeLastInt(std::string_view& s, std::string_view key, T* out) {
  auto value = TakeLast(s, key);
  return value && IsInt(*value, out);
}

// "comm:123 [120]" of trace-cmd, possibly followed by more, which is left in `rest`.
bool ParseColonTask(std::string_view s, std::string_view* comm, int* pid, int* prio, std::string_view* rest) {
  size_t open = s.rfind(" [");
  if (open == std::string_view::npos) return false;
  std::string_view name = s.substr(0, open), tail = s.substr(open + 2);
  size_t colon = name.rfind(':');
  if (colon == std::string_view::npos || !EatInt(tail, prio) || !EatPrefix(tail, "]")) return false;
  *comm = name.substr(0, colon);
  *rest = tail;
  return IsInt(name.substr(colon + 1), pid);
}

bool ParseSwitch(std::string_view s, SchedEvent* e) {
  e->kind = SchedEvent::Kind::kSwitch;
  std::string_view state, rest;
  if (EatPrefix(s, "prev_comm=")) {
    if (!TakeLastInt(s, " next_prio=", &e->next_prio) || !TakeLastInt(s, " next_pid=", &e->next_pid))
      return false;
    auto next = TakeLast(s, " next_comm="), prev = TakeLast(s, " prev_state=");
    if (!next || !prev) return false;
    e->next_comm = *next;
    state = *prev;
    if (state.ends_with(" ==>")) state.remove_suffix(4);
    if (!TakeLastInt(s, " prev_prio=", &e->prio) || !TakeLastInt(s, " prev_pid=", &e->pid)) return false;
    e->comm = s;
  } else {
    size_t arrow = s.rfind(" ==> ");
    if (arrow == std::string_view::npos) return false;
    if (!ParseColonTask(s.substr(arrow + 5), &e->next_comm, &e->next_pid, &e->next_prio, &rest)) return false;
    if (!ParseColonTask(s.substr(0, arrow), &e->comm, &e->pid, &e->prio, &state)) return false;
    SkipBlanks(state);
  }
  if (state.empty()) return false;
  if (IsDigit(state[0])) {  // trace-cmd report -R
    int64_t bits = 0;
    int base = EatPrefix(state, "0x") ? 16 : 10;
    auto [end, ec] = std::from_chars(state.data(), state.data() + state.size(), bits, base);
    if (ec != std::errc()) return false;
    e->prev_state = PrevStateFromBits(bits);
  } else {
    e->prev_state = PrevStateFromLetters(state);
  }
  return true;
}

bool ParseWake(std::string_view s, SchedEvent::Kind kind, SchedEvent* e) {
  e->kind = kind;
  std::string_view rest;
  if (EatPrefix(s, "comm=")) {
    if (auto cpu = TakeLast(s, " target_cpu="); !cpu || !IsInt(*cpu, &e->target_cpu)) return false;
    TakeLast(s, " success=");  // kernels before 4.x
    if (!TakeLastInt(s, " prio=", &e->prio) || !TakeLastInt(s, " pid=", &e->pid)) return false;
    e->comm = s;
    return true;
  }
  if (!ParseColonTask(s, &e->comm, &e->pid, &e->prio, &rest)) return false;
  if (auto cpu = TakeLast(rest, " CPU:"); !cpu || !IsInt(*cpu, &e->target_cpu)) return false;
  return true;
}

bool ParseFork(std::string_view s, SchedEvent* e) {
  e->kind = SchedEvent::Kind::kFork;
  if (!TakeLastInt(s, " child_pid=", &e->pid)) return false;
  auto comm = TakeLast(s, " child_comm=");
  if (!comm) return false;
  e->comm = *comm;
  return true;
}

bool ParseExec(std::string_view s, SchedEvent* e) {
  e->kind = SchedEvent::Kind::kExec;
  if (!TakeLastInt(s, " old_pid=", &e->old_pid) || !TakeLastInt(s, " pid=", &e->pid)) return false;
  e->comm = s.substr(s.rfind('/') + 1);
  EatPrefix(e->comm, "filename=");
  return true;
}

bool ParseExit(std::string_view s, SchedEvent* e) {
  e->kind = SchedEvent::Kind::kExit;
  TakeLast(s, " group_dead=");
  return EatPrefix(s, "comm=") && TakeLastInt(s, " prio=", &e->prio) && TakeLastInt(s, " pid=", &e->pid) &&
         (e->comm = s, true);
}

bool ParseMigrate(std::string_view s, SchedEvent* e) {
  e->kind = SchedEvent::Kind::kMigrate;
  return EatPrefix(s, "comm=") && TakeLastInt(s, " dest_cpu=", &e->target_cpu) && TakeLast(s, " orig_cpu=") &&
         TakeLastInt(s, " prio=", &e->prio) && TakeLastInt(s, " pid=", &e->pid) && (e->comm = s, true);
}

enum class Parsed { kEvent, kOther, kBad };

Parsed ParseEvent(const Head& h, SchedEvent* e) {
  using Kind = SchedEvent::Kind;
  *e = SchedEvent{};
  e->interrupt = h.interrupt;
  e->cpu = h.cpu;
  e->time_ns = h.time_ns;
  e->context = h.context;
  bool ok;
  if (h.event == "sched_switch")
    ok = ParseSwitch(h.args, e);
  else if (h.event == "sched_waking")
    ok = ParseWake(h.args, Kind::kWaking, e);
  else if (h.event == "sched_wakeup")
    ok = ParseWake(h.args, Kind::kWakeup, e);
  else if (h.event == "sched_wakeup_new")
    ok = ParseWake(h.args, Kind::kWakeupNew, e);
  else if (h.event == "sched_process_fork")
    ok = ParseFork(h.args, e);
  else if (h.event == "sched_process_exec")
    ok = ParseExec(h.args, e);
  else if (h.event == "sched_process_exit")
    ok = ParseExit(h.args, e);
  else if (h.event == "sched_migrate_task")
    ok = ParseMigrate(h.args, e);
  else if (h.event == "sys_enter_sched_yield" || h.event == "sys_sched_yield")
    e->kind = Kind::kYield, ok = true;
  else
    return Parsed::kOther;
  return ok ? Parsed::kEvent : Parsed::kBad;
}

// Lines that say that events are missing:
//   CPU:1 [LOST 4711 EVENTS]              ftrace        CPU:1 [4711 EVENTS DROPPED]  trace-cmd
//   ##### CPU 1 buffer started ####       ftrace: what was before was overwritten
bool ParseGap(std::string_view line, SchedEvent* e) {
  std::string_view s = line;
  *e = SchedEvent{};
  e->kind = SchedEvent::Kind::kGap;
  SkipBlanks(s);
  if (EatPrefix(s, "##### CPU")) return EatInt(s, &e->cpu) && s.starts_with(" buffer started");
  size_t at = line.find("CPU:");
  if (at == std::string_view::npos) return false;
  s = line.substr(at + 4);
  if (!EatInt(s, &e->cpu) || !EatPrefix(s, " [")) return false;
  EatPrefix(s, "LOST ");
  return EatInt(s, &e->lost) && EatPrefix(s, " EVENTS");
}

bool CpuCanBe(int cpu) { return cpu >= 0 && cpu < 8192; }  // NR_CPUS of the largest kernels
constexpr int64_t kMaxLost = 1'000'000'000'000;            // at one place

// The number of CPUs from the header: "#P:2", "cpus=2", "# nrcpus online : 2".
int CpusOf(std::string_view line) {
  int n = 0;
  for (std::string_view key : {"#P:", "cpus=", "# nrcpus online :"}) {
    size_t at = line.find(key);
    if (at == std::string_view::npos || (key != "#P:" && at != 0)) continue;
    std::string_view s = line.substr(at + key.size());
    if (EatInt(s, &n)) return n;
  }
  return 0;
}

}  // namespace

Result<TraceTextInfo> ParseTraceText(std::string_view text, const std::string& file,
                                     const SchedEventSink& sink) {
  auto bad = [&](int64_t line, const std::string& what) {
    return Error{kExitBadTrace, file + ":" + std::to_string(line) + ": " + what};
  };
  TraceTextInfo info;
  int highest_cpu = -1;
  bool whole_number_times = false;
  std::vector<SchedEvent> early_gaps;  // before there is a time
  SchedEvent e;
  Head h;
  while (!text.empty()) {
    const char* end = static_cast<const char*>(memchr(text.data(), '\n', text.size()));
    info.lines++;
    if (end == nullptr)
      return bad(info.lines,
                 "the trace is cut short: its last line does not end; record it again, or delete "
                 "that line if the rest is enough");
    std::string_view line = text.substr(0, static_cast<size_t>(end - text.data()));
    text.remove_prefix(line.size() + 1);
    if (line.find('\0') != std::string_view::npos)
      return bad(info.lines,
                 "this is a binary file; import needs text, made with `trace-cmd report` or `perf script`");
    if (!ParseHead(line, &h)) {
      if (ParseGap(line, &e)) {
        if (!CpuCanBe(e.cpu)) return bad(info.lines, "CPU " + std::to_string(e.cpu) + " cannot be");
        if (e.lost < 0 || e.lost > kMaxLost) return bad(info.lines, std::to_string(e.lost) + " lost events cannot be");
        e.time_ns = info.last_ns;
        info.lost += e.lost;
        if (info.events == 0) early_gaps.push_back(e);
        else sink(e);
      } else if (info.cpus == 0 && info.events == 0) {
        info.cpus = CpusOf(line);
      }
      continue;
    }
    if (!CpuCanBe(h.cpu)) return bad(info.lines, "CPU " + std::to_string(h.cpu) + " cannot be");
    switch (ParseEvent(h, &e)) {
      case Parsed::kOther:
        continue;
      case Parsed::kBad:
        return bad(info.lines,
                   "cannot read this " + std::string(h.event) +
                       " event; the trace is damaged or of an unknown format: print it again with "
                       "`perf script` or `trace-cmd report`");
      case Parsed::kEvent:
        break;
    }
    if (e.target_cpu >= 0 && !CpuCanBe(e.target_cpu)) return bad(info.lines, "CPU " + std::to_string(e.target_cpu) + " cannot be");
    if (h.whole_number_time) {
      whole_number_times = true;
      continue;
    }
    if (info.events == 0) info.first_ns = info.last_ns = e.time_ns;
    for (SchedEvent& gap : early_gaps) {
      gap.time_ns = e.time_ns;
      sink(gap);
    }
    early_gaps.clear();
    // Clocks of different CPUs may be a little apart; time never runs backwards for the reader.
    e.time_ns = info.last_ns = std::max(e.time_ns, info.last_ns);
    info.events++;
    info.switches += e.kind == SchedEvent::Kind::kSwitch;
    info.has_yields |= e.kind == SchedEvent::Kind::kYield;
    info.has_irq |= h.has_flags;
    highest_cpu = std::max(highest_cpu, e.cpu);
    sink(e);
  }
  if (info.switches == 0) {
    if (whole_number_times)
      return bad(info.lines, "the times are not seconds; record with the trace clock `mono` or `local`");
    return bad(info.lines,
               info.lines == 0
                   ? "the trace is empty"
                   : "no sched_switch event in this trace; record sched:sched_switch, sched_waking, "
                     "sched_wakeup_new, sched_process_fork, sched_process_exec and sched_process_exit");
  }
  info.cpus = std::max(info.cpus, highest_cpu + 1);
  return info;
}

}  // namespace ose
