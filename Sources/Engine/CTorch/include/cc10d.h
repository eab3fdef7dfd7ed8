// The plain-C face of c10d: stores, Gloo process groups, collectives as work that is waited for.
// Errors as in ctorch.h: NULL or false, and ct_last_error().
#pragma once
#include "ctorch.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ct_store_opaque *ct_store;
typedef struct ct_group_opaque *ct_group;
typedef struct ct_work_opaque *ct_work;

/// A store over TCP; one of the `world` clients also serves it, on `loopback` to this machine alone.
ct_store ct_store_tcp(
    const char *host, uint16_t port, bool server, bool loopback, int32_t world,
    int32_t timeout_s);
/// A store for threads of one process.
ct_store ct_store_in_process(void);
void ct_store_free(ct_store s);

ct_group ct_group_gloo(
    ct_store s, int32_t rank, int32_t world, const char *name, const char *interface_name,
    int32_t timeout_s);
void ct_group_free(ct_group g);

ct_work ct_all_reduce(ct_group g, ct_tensor t);
ct_work ct_all_gather(ct_group g, ct_tensor into, ct_tensor from);
ct_work ct_reduce_scatter(ct_group g, ct_tensor into, ct_tensor from);
ct_work ct_broadcast(ct_group g, ct_tensor t, int32_t root);
ct_work ct_barrier(ct_group g);
bool ct_work_wait(ct_work w);
/// Notes from now on when the work ends; for timelines.
void ct_work_note_end(ct_work w);
/// Nanoseconds of the monotonic clock; 0 when the end was not noted.
uint64_t ct_work_end(ct_work w);
void ct_work_free(ct_work w);

#ifdef __cplusplus
}
#endif
