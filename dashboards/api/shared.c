/*
 * shared: see the header.
 *
 * Owns:  nothing.
 * Calls: dashboards/api/kept.
 * Holds: nobody is shown what was made for another role or scope.
 */
#include "dashboards/api/shared.h"
#include "dashboards/api/kept.h"

/* Every part says its length: none runs into the next. */
static void add_key(const struct kt_api *a, const char *call, struct kt_buf *key)
{
    kt_buf_str32(key, kt_str_of(call));
    kt_buf_u64(key, (uint64_t)a->role);
    kt_buf_u64(key, (uint64_t)(int64_t)a->ask->zone_offset_s);
    kt_buf_str32(key, a->ask->scope);
    for (unsigned i = 0; i < a->n_params; i++) {
        kt_buf_str32(key, a->param[i].name);
        kt_buf_str32(key, a->param[i].value);
    }
}

enum kt_status kt_api_shared(struct kt_api *a, const char *call, kt_time_ns age, kt_api_call *make,
                             struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf key = { 0 };
    add_key(a, call, &key);
    if (kt_api_kept_get(a->kept, kt_buf_str(&key), a->now, age, a->ask->give_up,
                        a->ask->give_up_self, &a->out))
        return KT_OK;
    enum kt_status status = make(a, err);
    if (status == KT_OK)
        kt_api_kept_put(a->kept, kt_buf_str(&key), a->now, kt_buf_str(&a->out));
    else
        kt_api_kept_drop(a->kept, kt_buf_str(&key));
    return status;
}
