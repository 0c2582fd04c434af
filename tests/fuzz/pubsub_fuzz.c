/* Fuzz target: answers of Pub/Sub, of the token service and of the metadata service. The first byte
 * chooses which, and the status. */
#include <assert.h>

#include "agents/inputs/gcp_auth.h"
#include "agents/inputs/pubsub_answer.h"
#include "core/base/hash.h"

#define NOW (INT64_C(1790000000) * KT_NS_S)

static const char *no_env(void *self, const char *name)
{
    (void)self;
    (void)name;
    return NULL;
}

static void messages(struct kt_json *json, struct kt_str body)
{
    struct pubsub_acks acks = { 0 };
    char word[40];
    pubsub_error(json, body, word, sizeof word);
    if (pubsub_acks_read(json, body, &acks, NULL) != KT_OK)
        return;
    unsigned done = 0;
    while (done < acks.n) {
        struct kt_jval root;
        unsigned repaired, n;
        KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 };
        n = pubsub_acks_write(&acks, done, &out);
        assert(n > 0);
        kt_buf_byte(&out, '}');
        /* what is sent is JSON, with as many ids */
        assert(kt_json_parse(json, kt_buf_str(&out), &root, &repaired, NULL) == KT_OK);
        assert(kt_json_count(kt_json_at(root, "ackIds")) == n);
        done += n;
    }
    pubsub_acks_done(&acks);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int statuses[] = { 200, 200, 400, 403 };
    static const struct gcp_auth_options o = { .env = no_env, .scope = "s" };
    static struct kt_json *json;
    static struct gcp_auth *auth;
    if (json == NULL) {
        kt_hash_init();
        json = kt_json_new(KT_JSON_SIMDJSON);
        auth = gcp_auth_new(&o);
    }
    if (size == 0)
        return 0;
    struct kt_str body = kt_str_from((const char *)data + 1, size - 1), header;
    if ((data[0] & 1) == 0) {
        messages(json, body);
        return 0;
    }
    if (gcp_auth_answer(auth, statuses[data[0] >> 1 & 3], body, NOW, NULL) == KT_OK) {
        assert(gcp_auth_header(auth, NOW, &header));
        assert(kt_str_find_byte(header, '\n', 0) < 0 && kt_str_find_byte(header, '\r', 0) < 0);
    }
    gcp_auth_forget(auth);
    return 0;
}
