#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "base/fd.h"

namespace ose {
namespace fs = std::filesystem;

namespace {
// BSD's exit code for input/output trouble; core/exit_code.h gives it its name.
constexpr int kIoError = 74;
Error IoError(const std::string& what, const std::string& path) {
  return {kIoError, what + " " + path + ": " + strerror(errno)};
}
}  // namespace

Result<std::string> ReadFile(const std::string& path, uint64_t max_bytes) {
  Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return IoError("cannot read", path);
  struct stat st{};
  if (fstat(fd.get(), &st) != 0) return IoError("cannot read", path);
  if (!S_ISREG(st.st_mode)) return Error{kIoError, "cannot read " + path + ": not a regular file"};
  if (static_cast<uint64_t>(st.st_size) > max_bytes)
    return Error{kIoError, "cannot read " + path + ": " + std::to_string(st.st_size) +
                               " bytes, more than the limit of " + std::to_string(max_bytes)};
  // Files of /proc have a size of 0 and content all the same.
  std::string out(static_cast<size_t>(st.st_size > 0 ? st.st_size : 4096), '\0');
  size_t have = 0;
  while (have < out.size()) {
    ssize_t n = read(fd.get(), out.data() + have, out.size() - have);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return IoError("cannot read", path);
    if (n == 0) break;
    have += static_cast<size_t>(n);
    if (st.st_size > 0 || have < out.size()) continue;
    if (have > max_bytes) return Error{kIoError, "cannot read " + path + ": more than the limit of " + std::to_string(max_bytes) + " bytes"};
    out.resize(2 * have);
  }
  out.resize(have);
  return out;
}

Status WriteFileAtomic(const std::string& path, std::string_view content) {
  // Renaming over a device or a pipe would replace it.
  if (struct stat st{}; stat(path.c_str(), &st) == 0 && !S_ISREG(st.st_mode))
    return Error{kIoError, "cannot write " + path + ": it is not a regular file"};
  std::string tmp = path + ".tmp." + std::to_string(getpid());
  {
    Fd fd(open(tmp.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (!fd) return IoError("cannot write", path);
    while (!content.empty()) {
      ssize_t n = write(fd.get(), content.data(), content.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) {
        Error e = IoError("cannot write", path);
        unlink(tmp.c_str());
        return e;
      }
      content.remove_prefix(static_cast<size_t>(n));
    }
    if (fsync(fd.get()) != 0) {
      Error e = IoError("cannot write", path);
      unlink(tmp.c_str());
      return e;
    }
  }
  if (rename(tmp.c_str(), path.c_str()) != 0) {
    Error e = IoError("cannot write", path);
    unlink(tmp.c_str());
    return e;
  }
  return {};
}

Status MakeDirs(const std::string& path) {
  std::error_code ec;
  fs::create_directories(path, ec);
  if (ec) return Error{kIoError, "cannot create folder " + path + ": " + ec.message()};
  return {};
}

bool FileExists(const std::string& path) {
  std::error_code ec;
  return fs::exists(path, ec);
}

Result<std::vector<std::string>> ListFiles(const std::string& dir, std::string_view suffix) {
  std::vector<std::string> names;
  std::error_code ec;
  fs::directory_iterator it(dir, ec);
  if (ec) return Error{kIoError, "cannot list folder " + dir + ": " + ec.message()};
  for (const auto& entry : it) {
    std::string name = entry.path().filename().string();
    if (entry.is_regular_file(ec) && name.ends_with(suffix)) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string Basename(std::string_view path) { return fs::path(path).filename().string(); }
std::string Dirname(std::string_view path) {
  std::string d = fs::path(path).parent_path().string();
  return d.empty() ? "." : d;
}
std::string Stem(std::string_view path) { return fs::path(path).stem().string(); }
std::string JoinPath(std::string_view dir, std::string_view name) {
  return (fs::path(dir) / fs::path(name)).string();
}

Result<TempDir> TempDir::Make(std::string_view prefix) {
  std::error_code ec;
  std::string tmpl = (fs::temp_directory_path(ec) / (std::string(prefix) + ".XXXXXX")).string();
  if (ec || !mkdtemp(tmpl.data()))
    return Error{kIoError, "cannot create a temporary folder " + tmpl + ": " +
                               (ec ? ec.message() : strerror(errno)) + "; set TMPDIR to a writable folder"};
  return TempDir(tmpl);
}

TempDir::~TempDir() {
  std::error_code ec;
  if (!path_.empty()) fs::remove_all(path_, ec);
}

}  // namespace ose
