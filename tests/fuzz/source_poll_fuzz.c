/* Fuzz target: what services answer to whoever asks page by page, from any place. The first byte
 * chooses source, stream and status; place and body are parted by a NUL. */
#include <assert.h>
#include <string.h>

#include "agents/poll.h"
#include "core/base/alloc.h"
#include "core/base/hash.h"

extern const struct kt_poll kt_onepassword_poll, kt_doppler_poll;

static struct kt_arena arena;
static struct kt_json *scratch, *json;
static struct kt_circle circle;

static void once(const struct kt_poll *p, struct kt_poll_in *in, int status, struct kt_str body)
{
    struct kt_poll_request r = { 0 };
    struct kt_poll_answer a = { .status = status };
    struct kt_poll_verdict v = { 0 };
    unsigned repaired;
    kt_arena_reset(&arena);
    if (p->request(in, &r, NULL) == KT_OK && !arena.full)
        assert(r.url.len > 0);
    if (kt_json_parse(json, body, &a.root, &repaired, NULL) != KT_OK)
        a.root = (struct kt_jval){ 0 };
    p->judge(in, &a, &v);
    assert(!v.more || v.records);
    assert(v.records || v.problem != NULL);
    if (v.place.len == 0)
        return;
    /* the next request is made from there */
    KT_CLEANUP(kt_free_ptr) char *place = kt_str_dup(v.place);
    in->place = kt_str_of(place);
    kt_arena_reset(&arena);
    (void)(p->request(in, &r, NULL) == KT_OK);
    in->place = KT_STR_NONE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int statuses[] = { 200, 200, 400, 404 };
    if (scratch == NULL) {
        kt_hash_init();
        arena = kt_arena_new(65536);
        scratch = kt_json_new(KT_JSON_SIMDJSON);
        json = kt_json_new(KT_JSON_SIMDJSON);
    }
    if (size < 2)
        return 0;
    const struct kt_poll *p = data[0] & 1 ? &kt_doppler_poll : &kt_onepassword_poll;
    struct kt_str place = kt_str_from((const char *)data + 1, size - 1);
    ptrdiff_t nul = kt_str_find_byte(place, '\0', 0);
    struct kt_str body = kt_str_from_index(place, nul < 0 ? place.len : (size_t)nul + 1);
    place = nul < 0 ? KT_STR_NONE : kt_str_sub(place, 0, (size_t)nul);
    struct kt_poll_in in = { .stream = kt_str_of(p->streams[0]),
                             .url = KT_STR("https://api.example.com"),
                             .token = data[0] & 2 ? place : KT_STR("a.e30.b"),
                             .place = place,
                             .now = INT64_C(1790000000) * KT_NS_S,
                             .since = INT64_C(1780000000) * KT_NS_S,
                             .arena = &arena,
                             .json = scratch,
                             .circle = &circle };
    kt_circle_reset(&circle);
    once(p, &in, statuses[data[0] >> 2 & 3], body);
    return 0;
}
