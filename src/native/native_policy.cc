#include "native/native_policy.h"

#include <dlfcn.h>

#include "core/exit_code.h"

namespace ose {

Result<NativePolicy> NativePolicy::Open(const std::string& path) {
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) return Error{kExitCompile, std::string("cannot load policy object: ") + dlerror()};
  using Entry = const osevolve::OsvPolicy* (*)();
  auto entry = reinterpret_cast<Entry>(dlsym(handle, "osv_policy"));
  const osevolve::OsvPolicy* ops = entry ? entry() : nullptr;
  if (!ops || ops->abi != osevolve::kAbiVersion) {
    std::string what = !ops ? "has no OSEVOLVE_POLICY(...) line"
                            : "was built for policy ABI " + std::to_string(ops->abi) + ", this host speaks " +
                                  std::to_string(osevolve::kAbiVersion) + "; rebuild it";
    dlclose(handle);
    return Error{kExitCompile, "policy object " + path + " " + what};
  }
  return NativePolicy(handle, ops);
}

NativePolicy::~NativePolicy() {
  if (handle_) dlclose(handle_);
}

Status NativePolicy::SetTunables(const Tunables& values) const {
  size_t known = 0;
  for (auto* t = ops_->tunables_begin; t != ops_->tunables_end; ++t) {
    auto it = values.find(t->name);
    *t->value = t->default_value;
    if (it == values.end()) continue;
    ++known;
    if (it->second < t->min || it->second > t->max)
      return Error{kExitUsage, "tunable " + it->first + " = " + std::to_string(it->second) + " is outside [" +
                                   std::to_string(t->min) + ", " + std::to_string(t->max) + "]"};
    *t->value = it->second;
  }
  if (known != values.size()) return Error{kExitUsage, "the policy has no tunable of that name"};
  return {};
}

}  // namespace ose
