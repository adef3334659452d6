// attack: defines functions of the C library, for the host to call
// gate: linkage
// worker: ok
#include <osevolve/policy.h>
using namespace osevolve;
extern "C" __attribute__((visibility("default"))) void* malloc(unsigned long) { count(0); return nullptr; }
extern "C" __attribute__((visibility("default"))) void free(void*) { count(0); }
extern "C" __attribute__((visibility("default"))) long write(int, const void*, unsigned long n) { count(0); return (long)n; }
struct P : Policy<> {};
OSEVOLVE_POLICY(P, "p")
