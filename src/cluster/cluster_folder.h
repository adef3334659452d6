// ClusterFolder: the folder that the submitting side and the nodes share, in use by one process at a time.
#ifndef OSEVOLVE_CLUSTER_CLUSTER_FOLDER_H_
#define OSEVOLVE_CLUSTER_CLUSTER_FOLDER_H_

#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace ose {

class ClusterFolder {
 public:
  // Makes it, and in it folders that only this user may enter. kExitIo: it cannot be written to; kExitDatabaseBusy: another process has it.
  // `temporary`: it goes with the object.
  static Result<ClusterFolder> Open(const std::string& path, bool temporary);
  ClusterFolder(ClusterFolder&& other) noexcept;
  ~ClusterFolder();

  const std::string& path() const { return path_; }  // absolute, without symbolic links
  // Of the process that has the lock; released by the kernel however the process ends.
  std::string lock_path() const { return path_ + "/lock"; }
  // osevolve, osevolve-gate, osevolve-worker and osevolve/policy.h, copied under their content's hash; the path of osevolve.
  Result<std::string> CopyPrograms(const std::string& program_dir, const std::string& include_dir) const;

 private:
  ClusterFolder(std::string path, Fd lock, bool temporary) : path_(std::move(path)), lock_(std::move(lock)), temporary_(temporary) {}
  std::string path_;
  Fd lock_;
  bool temporary_;
};

}  // namespace ose

#endif  // OSEVOLVE_CLUSTER_CLUSTER_FOLDER_H_
