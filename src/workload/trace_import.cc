#include "workload/trace_import.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/file.h"
#include "core/exit_code.h"
#include "workload/trace_text.h"

namespace ose {

Result<TraceResult> ImportTraceText(std::string_view text, const std::string& file,
                                    const ImportOptions& options) {
  TraceModelOptions model_options;
  model_options.pids = options.pids;
  model_options.comms = options.comms;
  model_options.everybody = options.pids.empty() && options.comms.empty();
  model_options.context_switch = options.context_switch;
  model_options.wakeup = options.wakeup;
  model_options.command = "import of " + Basename(file);
  model_options.name = options.name.empty() ? Stem(file) : options.name;
  // Two passes: how to read a switch in state R depends on whether there is any sched_yield event.
  OSE_ASSIGN(TraceTextInfo info, ParseTraceText(text, file, [](const SchedEvent&) {}));
  model_options.yields_traced = info.has_yields;
  model_options.cpus = info.cpus;
  TraceModel model(model_options);
  OSE_ASSIGN(info, ParseTraceText(text, file, [&](const SchedEvent& e) { model.Add(e); }));
  Result<TraceResult> result = model.Finish();
  if (!result.ok()) return Error{result.error().code, file + ": " + result.error().message};
  if (!info.has_irq)
    result->notes.push_back(
        "the text does not say which wake-ups came from interrupts; some count as made by the task that was "
        "interrupted");
  return result;
}

Result<TraceResult> ImportTrace(const std::string& path, const ImportOptions& options) {
  Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat st{};
  if (!fd || fstat(fd.get(), &st) != 0) return Error{kExitIo, "cannot read " + path + ": " + strerror(errno)};
  if (!S_ISREG(st.st_mode))
    return Error{kExitIo, "cannot read " + path + ": not a regular file; save the text to a file first"};
  if (st.st_size == 0) return ImportTraceText("", path, options);
  size_t size = static_cast<size_t>(st.st_size);
  // Mapped, not read: traces can be larger than memory.
  void* map = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (map == MAP_FAILED) return Error{kExitIo, "cannot read " + path + ": " + strerror(errno)};
  madvise(map, size, MADV_SEQUENTIAL);
  Result<TraceResult> result = ImportTraceText({static_cast<const char*>(map), size}, path, options);
  munmap(map, size);
  return result;
}

}  // namespace ose
