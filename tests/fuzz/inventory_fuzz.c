/* Fuzz target: what stores answer to whoever lists them, for any task. The first byte chooses store
 * and status; task and body are parted by a NUL. */
#include <assert.h>

#include "agents/inputs/inventory_store.h"
#include "core/base/alloc.h"
#include "core/base/hash.h"

static struct kt_arena arena;
static struct kt_json *json, *check;
static const struct inv_store *store;
static const char *places[] = { "secret", "database/static-roles", "acme", "acme/pay" };
static const struct kt_strings within = { places, KT_ARRAY_LEN(places) };

static struct inv_in about(struct kt_str task)
{
    return (struct inv_in){ .task = task,
                            .url = KT_STR("https://store.example"),
                            .cluster = KT_STR("prod"),
                            .within = &within,
                            .arena = &arena };
}

/* What is written is one line of JSON, whatever the answer was. */
static void on_secret(struct inv_out *o, const struct inv_secret *s)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf line = { 0 };
    struct kt_jval root;
    unsigned repaired;
    (void)o;
    inv_write_secret(s, store->name, INT64_C(1790000000) * KT_NS_S, &line);
    assert(kt_str_find_byte(kt_buf_str(&line), '\n', 0) == (ptrdiff_t)line.len - 1);
    assert(kt_json_parse(check, kt_buf_str(&line), &root, &repaired, NULL) == KT_OK);
}

/* A task that an answer gave is one that can be asked. */
static void on_task(struct inv_out *o, struct kt_str task)
{
    struct inv_request r = { 0 };
    struct inv_in in = about(task);
    (void)o;
    if (arena.full)
        return;
    store->request(&in, &r);
    if (!arena.full)
        assert(r.url.len > 0 && kt_str_find_byte(r.url, '\n', 0) < 0 &&
               kt_str_find_byte(r.url, ' ', 0) < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct inv_out out = { on_secret, on_task };
    struct kt_jval root = { 0 };
    unsigned repaired, n = 0;
    if (json == NULL) {
        kt_hash_init();
        arena = kt_arena_new(1u << 20);
        json = kt_json_new(KT_JSON_SIMDJSON);
        check = kt_json_new(KT_JSON_SIMDJSON);
    }
    if (size < 2)
        return 0;
    while (inv_stores[n] != NULL)
        n++;
    store = inv_stores[(data[0] & 0x7f) % n];
    int status = data[0] & 0x80 ? 404 : 200;
    struct kt_str task = kt_str_from((const char *)data + 1, size - 1);
    ptrdiff_t nul = kt_str_find_byte(task, '\0', 0);
    struct kt_str body = kt_str_from_index(task, nul < 0 ? task.len : (size_t)nul + 1);
    task = nul < 0 ? KT_STR_NONE : kt_str_sub(task, 0, (size_t)nul);
    kt_arena_reset(&arena);
    struct inv_in in = about(task);
    if (kt_json_parse(json, body, &root, &repaired, NULL) != KT_OK && status == 200)
        return 0;
    (void)store->hear(&in, status, root, &out);
    store->begin(&in, &out);
    return 0;
}
