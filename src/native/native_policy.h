// NativePolicy: a policy loaded from a shared object.
//
// Loading runs no code of the policy but osv_policy(); hooks run on the thread of the host that
// calls them. Generated policies are loaded only in a sandboxed process (worker, agent).
#ifndef OSEVOLVE_NATIVE_NATIVE_POLICY_H_
#define OSEVOLVE_NATIVE_NATIVE_POLICY_H_

#include <osevolve/policy.h>

#include <string>

#include "base/result.h"
#include "core/candidate.h"

namespace ose {

class NativePolicy {
 public:
  // `path` must contain a slash, or the dynamic loader would search for it.
  static Result<NativePolicy> Open(const std::string& path);
  NativePolicy(NativePolicy&& o) noexcept : handle_(o.handle_), ops_(o.ops_) { o.handle_ = nullptr; }
  NativePolicy& operator=(NativePolicy&&) = delete;
  ~NativePolicy();

  const osevolve::OsvPolicy& ops() const { return *ops_; }

  // Resets every tunable to its default, then sets the named ones. An unknown name or a value
  // outside [min, max] is an error.
  Status SetTunables(const Tunables& values) const;

 private:
  NativePolicy(void* handle, const osevolve::OsvPolicy* ops) : handle_(handle), ops_(ops) {}
  void* handle_;
  const osevolve::OsvPolicy* ops_;
};

}  // namespace ose

#endif  // OSEVOLVE_NATIVE_NATIVE_POLICY_H_
