#include "workload/raw_events.h"

#include <string.h>

#include <algorithm>
#include <memory>

#include "core/exit_code.h"
#include "workload/tracefs_api.h"

namespace ose {
namespace {

struct Wanted {
  const char *system, *event;
  SchedEvent::Kind kind;
  std::array<const char*, 7> fields;
};

constexpr Wanted kWanted[] = {
    {"sched",
     "sched_switch",
     SchedEvent::Kind::kSwitch,
     {"prev_comm", "prev_pid", "prev_prio", "prev_state", "next_comm", "next_pid", "next_prio"}},
    {"sched", "sched_waking", SchedEvent::Kind::kWaking, {"comm", "pid", "prio", "target_cpu"}},
    {"sched", "sched_wakeup_new", SchedEvent::Kind::kWakeupNew, {"comm", "pid", "prio", "target_cpu"}},
    {"sched", "sched_process_fork", SchedEvent::Kind::kFork, {"child_comm", "child_pid"}},
    {"sched", "sched_process_exec", SchedEvent::Kind::kExec, {"filename", "pid", "old_pid"}},
    {"sched", "sched_process_exit", SchedEvent::Kind::kExit, {"comm", "pid", "prio"}},
    {"syscalls", "sys_enter_sched_yield", SchedEvent::Kind::kYield, {}},
};

struct TepDeleter {
  void operator()(tep_handle* tep) const { tep_free(tep); }
};

template <class T>
T Load(const char* p) {
  T v;
  memcpy(&v, p, sizeof v);
  return v;
}

int64_t LoadInt(const char* data, int offset, int size) {
  switch (size) {
    case 1:
      return Load<uint8_t>(data + offset);
    case 2:
      return Load<uint16_t>(data + offset);
    case 4:
      return Load<int32_t>(data + offset);
    default:
      return Load<int64_t>(data + offset);
  }
}

// A char[16], or a __data_loc: 16 bits of length, 16 bits of offset.
std::string_view LoadText(const char* data, size_t size, int offset, int field_size) {
  size_t at = static_cast<size_t>(offset), length = static_cast<size_t>(field_size);
  if (field_size == 4) {
    uint32_t where = Load<uint32_t>(data + offset);
    at = where & 0xffff;
    length = where >> 16;
  }
  if (at >= size) return {};
  length = std::min(length, size - at);
  return {data + at, strnlen(data + at, length)};
}

}  // namespace

Result<RawEventDecoder> RawEventDecoder::Make(FormatReader read_format, bool yields) {
  tep_set_loglevel(TEP_LOG_NONE);  // a format that it cannot print is no concern here
  RawEventDecoder d;
  d.by_id_.assign(kMaxId, -1);
  for (const Wanted& w : kWanted) {
    bool optional = w.kind == SchedEvent::Kind::kYield;
    if (optional && !yields) continue;
    std::string name = std::string(w.system) + ":" + w.event, text = read_format(w.system, w.event);
    if (text.empty()) {
      if (optional) continue;
      return Error{kExitNoTracing,
                   "this kernel has no event " + name +
                       "; recording needs one built with CONFIG_EVENT_TRACING and the sched events "
                       "(every distribution's kernel)"};
    }
    std::unique_ptr<tep_handle, TepDeleter> tep(tep_alloc());
    tep_parse_event(tep.get(), text.data(), text.size(), w.system);  // its error may be the print format's
    tep_event* event = tep_find_event_by_name(tep.get(), w.system, w.event);
    if (event == nullptr || event->id < 0 || event->id >= kMaxId)
      return Error{kExitNoTracing, "cannot read the format of event " + name + " of this kernel"};
    Layout layout;
    layout.id = event->id;
    layout.kind = w.kind;
    const char* missing = nullptr;
    auto find = [&](const char* field) -> Field {
      tep_format_field* f = tep_find_any_field(event, field);
      if (f == nullptr) {
        missing = field;
        return {};
      }
      layout.size = std::max(layout.size, static_cast<size_t>(f->offset + f->size));
      return {f->offset, f->size};
    };
    d.type_ = find("common_type");
    d.flags_ = find("common_flags");
    d.pid_ = find("common_pid");
    for (size_t i = 0; i < w.fields.size() && w.fields[i]; i++) layout.f[i] = find(w.fields[i]);
    if (missing)
      return Error{kExitNoTracing,
                   "event " + name + " of this kernel has no field '" + missing +
                       "'; import a trace made with `trace-cmd report` or `perf script` instead"};
    d.by_id_[static_cast<size_t>(layout.id)] = static_cast<int16_t>(d.layouts_.size());
    d.layouts_.push_back(layout);
    d.names_.push_back({w.system, w.event});
    d.has_yields_ |= optional;
  }
  return d;
}

bool RawEventDecoder::Decode(int cpu, int64_t time_ns, const char* data, size_t size, SchedEvent* e) const {
  using Kind = SchedEvent::Kind;
  if (size < static_cast<size_t>(type_.offset) + 2) return false;
  int index = by_id_[Load<uint16_t>(data + type_.offset)];
  if (index < 0) return false;
  const Layout& l = layouts_[static_cast<size_t>(index)];
  if (size < l.size) return false;
  auto number = [&](int i) {
    return LoadInt(data, l.f[static_cast<size_t>(i)].offset, l.f[static_cast<size_t>(i)].size);
  };
  auto integer = [&](int i) { return static_cast<int>(number(i)); };
  auto text = [&](int i) {
    return LoadText(data, size, l.f[static_cast<size_t>(i)].offset, l.f[static_cast<size_t>(i)].size);
  };

  // include/linux/trace_events.h, enum trace_flag_type: hard and soft interrupt, NMI.
  constexpr uint8_t kInterruptFlags = 0x08 | 0x10 | 0x40;
  *e = SchedEvent{};
  e->kind = l.kind;
  e->cpu = cpu;
  e->time_ns = time_ns;
  e->interrupt = Load<uint8_t>(data + flags_.offset) & kInterruptFlags;
  e->context = Load<int32_t>(data + pid_.offset);
  switch (l.kind) {
    case Kind::kSwitch:
      e->comm = text(0);
      e->pid = integer(1);
      e->prio = integer(2);
      e->prev_state = PrevStateFromBits(number(3));
      e->next_comm = text(4);
      e->next_pid = integer(5);
      e->next_prio = integer(6);
      break;
    case Kind::kWaking:
    case Kind::kWakeupNew:
      e->comm = text(0);
      e->pid = integer(1);
      e->prio = integer(2);
      e->target_cpu = integer(3);
      break;
    case Kind::kFork:
      e->comm = text(0);
      e->pid = integer(1);
      break;
    case Kind::kExec:
      e->comm = text(0);
      e->comm = e->comm.substr(e->comm.rfind('/') + 1);
      e->pid = integer(1);
      e->old_pid = integer(2);
      break;
    case Kind::kExit:
      e->comm = text(0);
      e->pid = integer(1);
      e->prio = integer(2);
      break;
    default:
      break;
  }
  return true;
}

}  // namespace ose
