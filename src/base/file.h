// Files and folders: whole-file reads and writes with errors that name the path.
#ifndef OSEVOLVE_BASE_FILE_H_
#define OSEVOLVE_BASE_FILE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ose {

// Reads a regular file; refuses one larger than `max_bytes` and anything that is not a
// regular file (a device, a fifo).
Result<std::string> ReadFile(const std::string& path, uint64_t max_bytes = 1ull << 30);

// Writes beside the target, syncs and renames, so that the target is always either the
// old or the new content, also after a crash or on a full disk.
Status WriteFileAtomic(const std::string& path, std::string_view content);

Status MakeDirs(const std::string& path);
bool FileExists(const std::string& path);

// Names (not paths) of regular files in `dir` with `suffix`, sorted.
Result<std::vector<std::string>> ListFiles(const std::string& dir, std::string_view suffix);

std::string Basename(std::string_view path);
std::string Dirname(std::string_view path);
// "a/b.toml" -> "b"
std::string Stem(std::string_view path);
std::string JoinPath(std::string_view dir, std::string_view name);

// A private folder (mode 0700) that is removed with its content on destruction.
class TempDir {
 public:
  static Result<TempDir> Make(std::string_view prefix);
  TempDir(TempDir&& other) noexcept : path_(std::move(other.path_)) { other.path_.clear(); }
  TempDir& operator=(TempDir&&) = delete;
  ~TempDir();
  const std::string& path() const { return path_; }

 private:
  explicit TempDir(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace ose

#endif  // OSEVOLVE_BASE_FILE_H_
