// The part of libtracefs and libtraceevent that OS-Evolve uses. Their own headers are C only:
// they lack extern "C", and tracefs.h 1.6 has inline functions that are no C++ (an int where an
// enum belongs). The declarations are theirs; the meaning is in tracefs_instances_manage(3) etc.
#ifndef OSEVOLVE_WORKLOAD_TRACEFS_API_H_
#define OSEVOLVE_WORKLOAD_TRACEFS_API_H_

extern "C" {
#include <event-parse.h>
#include <kbuffer.h>

struct tracefs_instance;
struct tracefs_cpu;

int tracefs_tracing_dir_is_mounted(bool mount, const char** path);
char** tracefs_instances(const char* regex);
void tracefs_list_free(char** list);

struct tracefs_instance* tracefs_instance_create(const char* name);
struct tracefs_instance* tracefs_instance_alloc(const char* tracing_dir, const char* name);
int tracefs_instance_destroy(struct tracefs_instance* instance);
void tracefs_instance_free(struct tracefs_instance* instance);
int tracefs_instance_file_write(struct tracefs_instance* instance, const char* file, const char* str);
char* tracefs_instance_file_read(struct tracefs_instance* instance, const char* file, int* psize);

int tracefs_trace_on(struct tracefs_instance* instance);
int tracefs_trace_off(struct tracefs_instance* instance);
int tracefs_event_enable(struct tracefs_instance* instance, const char* system, const char* event);
int tracefs_event_disable(struct tracefs_instance* instance, const char* system, const char* event);
char* tracefs_event_file_read(struct tracefs_instance* instance, const char* system, const char* event,
                              const char* file, int* psize);

struct tracefs_cpu* tracefs_cpu_open(struct tracefs_instance* instance, int cpu, bool nonblock);
void tracefs_cpu_close(struct tracefs_cpu* tcpu);
int tracefs_cpu_read_size(struct tracefs_cpu* tcpu);
int tracefs_cpu_read(struct tracefs_cpu* tcpu, void* buffer, bool nonblock);
}

#endif  // OSEVOLVE_WORKLOAD_TRACEFS_API_H_
