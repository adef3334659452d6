// osevolve-worker: the untrusted side of evaluation; see worker/server.h. Started by osevolve,
// not by people.
#include <unistd.h>

#include "worker/server.h"

int main() {
  ose::WorkerServer server;
  return server.Serve(STDIN_FILENO, STDOUT_FILENO);
}
