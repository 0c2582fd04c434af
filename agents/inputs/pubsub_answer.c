/*
 * pubsub_answer: what the answers of Pub/Sub say.
 *
 * Owns:  the ids it hands out. Calls: core.
 */
#include "agents/inputs/pubsub_answer.h"

#include <string.h>

#include "core/base/alloc.h"
#include "core/event/line.h"

#define REQUEST_MAX (256u << 10) /* Pub/Sub takes 512 KiB */

void pubsub_acks_done(struct pubsub_acks *a)
{
    for (unsigned i = 0; i < a->n; i++)
        kt_free(a->at[i]);
    kt_free(a->at);
    *a = (struct pubsub_acks){ 0 };
}

enum kt_status pubsub_acks_read(struct kt_json *json, struct kt_str body, struct pubsub_acks *ret,
                                struct kt_error *err)
{
    struct kt_jval root, v;
    struct kt_str name;
    unsigned repaired;
    if (kt_json_parse(json, body, &root, &repaired, NULL) != KT_OK ||
        kt_json_type(root) != KT_JSON_OBJECT)
        return kt_fail(err, KT_E_INPUT, "the answer is not one of Pub/Sub: check endpoint");
    struct kt_jval list = kt_json_at(root, "receivedMessages");
    struct pubsub_acks a = { .at = kt_alloc_array(kt_json_count(list) + 1, sizeof *a.at) };
    for (struct kt_json_iter it = kt_json_iter(list); kt_json_next(&it, &name, &v);) {
        struct kt_str id = kt_json_str_at(v, "ackId");
        if (id.len > 0)
            a.at[a.n++] = kt_str_dup(id);
    }
    *ret = a;
    return KT_OK;
}

unsigned pubsub_acks_write(const struct pubsub_acks *a, unsigned from, struct kt_buf *out)
{
    size_t start = out->len;
    unsigned n = 0;
    kt_buf_addz(out, "{\"ackIds\":[");
    for (; from + n < a->n && (n == 0 || out->len - start < REQUEST_MAX); n++) {
        kt_buf_addz(out, n > 0 ? "," : "");
        kt_json_quote(out, kt_str_of(a->at[from + n]));
    }
    kt_buf_byte(out, ']');
    return n;
}

void pubsub_error(struct kt_json *json, struct kt_str body, char *ret, size_t size)
{
    struct kt_jval root;
    unsigned repaired;
    struct kt_str word = KT_STR_NONE;
    if (kt_json_parse(json, body, &root, &repaired, NULL) == KT_OK)
        word = kt_json_str_at(root, "error.status");
    for (size_t i = 0; i < word.len; i++)
        if (word.at[i] != '_' && (word.at[i] < 'A' || word.at[i] > 'Z'))
            word = KT_STR_NONE;
    kt_str_copyz(ret, size, word);
}
