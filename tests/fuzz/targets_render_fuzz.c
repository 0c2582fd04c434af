/* targets_render: hostile event text through every target's encoder, hostile answers through every
 * judge. The body must stay JSON, within the target's bound; people's channels show no raw control
 * character. */
#include "core/base/alloc.h"
#include "core/config/config.h"
#include "exporters/alerts/render.h"
#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kt_str s = kt_str_from(data, size), half = kt_str_sub(s, 0, size / 2);
    struct kt_alert a = { .id = "3NJ1RZ8VZ2G4K0YQ5T7W9XABCD",
                          .severity = KT_SEV_HIGH,
                          .detector = "fuzz",
                          .state = "open",
                          .title = s,
                          .normal = half,
                          .actor = s,
                          .secret = half,
                          .user_agent = s,
                          .command = kt_str_from_index(s, size / 2),
                          .n_events = 1,
                          .events_count = 3 };
    a.events[0] = half;
    struct kt_target_secrets secrets = { .url = KT_STR("https://a.example/"), .key = KT_STR("k") };
    for (const struct kt_target *const *t = kt_targets; *t != NULL; t++) {
        struct kt_arena arena = kt_arena_new(4u << 20);
        struct kt_target_request r = { 0 };
        void *options = kt_alloc((*t)->options_size);
        char word[64];
        bool plain;
        kt_options_defaults((*t)->options, options);
        for (int as_text = 0; as_text < 2; as_text++) {
            r.n_headers = 0;
            kt_buf_reset(&r.body);
            if ((*t)->render(options, &secrets, &a, "trigger", as_text == 1, &arena, &r, NULL) !=
                KT_OK)
                continue;
            json_auto_t *root = json_loadb(r.body.at, r.body.len, JSON_ALLOW_NUL, NULL);
            assert(root != NULL);
            for (size_t i = 0; i < r.body.len; i++)
                assert((unsigned char)r.body.at[i] >= 0x20);
        }
        (void)(*t)->judge(size > 0 ? 200 + data[0] * 2 : 0, s, &plain, word);
        assert(strlen(word) < sizeof word);
        kt_free(options);
        kt_buf_done(&r.body);
        kt_arena_done(&arena);
    }
    return 0;
}
