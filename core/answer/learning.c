/*
 * learning: see the header.
 *
 * Owns:  nothing.
 * Calls: core/store/read (the engine's last words), core/event/json.
 */
#include "core/answer/learning.h"

#include "core/event/json.h"

static void by_span(const struct kt_store_stats *stats, struct kt_buf *out)
{
    int64_t days = stats->last_time > stats->first_time
                       ? (stats->last_time - stats->first_time) / KT_NS_DAY
                       : 0;
    if (days >= KT_LEARNING_DAYS)
        kt_buf_addf(out, "history of %lld days: no detector is still learning the installation",
                    (long long)days);
    else
        kt_buf_addf(out,
                    "learning: addresses, volume and failures %lld of %d days; signatures and "
                    "floors active",
                    (long long)days, KT_LEARNING_DAYS);
}

enum kt_status kt_learning_say(struct kt_reader *r, const struct kt_store_stats *stats,
                               struct kt_buf *out, bool *ret_over, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf said = { 0 };
    size_t at = out->len;
    struct kt_jval root;
    unsigned repaired;
    enum kt_status status = kt_reader_get(r, "status/detect", &said, err);
    if (status != KT_OK && status != KT_E_AGAIN)
        return status;
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    if (status == KT_OK && kt_json_parse(json, kt_buf_str(&said), &root, &repaired, NULL) == KT_OK)
        kt_buf_add(out, kt_json_str_at(root, "learning"));
    kt_json_free(json);
    if (out->len == at)
        by_span(stats, out);
    if (ret_over != NULL)
        *ret_over = !kt_str_starts(kt_str_from_index(kt_buf_str(out), at), KT_STR("learning:"));
    return KT_OK;
}
