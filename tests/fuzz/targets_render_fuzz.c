/* targets_render: hostile event text through every target's encoder, hostile answers through every
 * judge. The body must stay JSON, within the target's bound; people's channels show no raw control
 * character. */
#include "core/base/alloc.h"
#include "core/config/config.h"
#include "exporters/alerts/render.h"
#include <assert.h>
#include <string.h>

/* Printable lines that end in CRLF, and no header more than there should be. */
static void check_message(struct kt_str message)
{
    struct kt_str line;
    bool head = true;
    unsigned headers = 0;
    while (message.len > 0 && kt_str_split(&message, '\n', &line)) {
        assert(line.len > 0 && line.len < 998 && line.at[line.len - 1] == '\r');
        for (size_t i = 0; i + 1 < line.len; i++)
            assert(line.at[i] >= ' ' && line.at[i] <= '~');
        head = head && line.len > 1;
        headers += head && line.at[0] != ' ';
    }
    assert(headers == 9 || headers == 11); /* with In-Reply-To and References */
}

static void set_options(const struct kt_target *t, void *options, struct kt_arena *keep)
{
    static const struct {
        const char *name, *value;
    } given[] = { { "from", "keytrail@example.com" },
                  { "to", "oncall@example.com" },
                  { "button", "true" },
                  { "acknowledge_link", "true" } };
    kt_options_defaults(t->options, options);
    for (size_t i = 0; i < sizeof given / sizeof given[0]; i++)
        (void)kt_options_set(t->options, options, keep, kt_str_of(given[i].name),
                             kt_str_of(given[i].value), NULL);
}

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
    struct kt_target_secrets secrets = { .url = KT_STR("https://a.example/v2/enqueue"),
                                         .key = KT_STR("k") };
    for (const struct kt_target *const *t = kt_targets; *t != NULL; t++) {
        struct kt_arena arena = kt_arena_new(4u << 20);
        struct kt_target_request r = { 0 };
        void *options = kt_alloc((*t)->options_size);
        struct kt_arena keep = kt_arena_new(4096);
        set_options(*t, options, &keep);
        for (unsigned i = 0; i < 2 * KT_SEND_COUNT; i++) {
            struct kt_target_turn turn = { .alert = &a,
                                           .send = (enum kt_send)(i / 2),
                                           .plain = i % 2 == 1,
                                           .handle = half,
                                           .row = 7,
                                           .deployment = "fuzz",
                                           .ack_url = KT_STR("https://a.example/ack?a=b&c=d"),
                                           .asks = i % 3 == 0 };
            kt_buf_reset(&r.body);
            r = (struct kt_target_request){ .body = r.body };
            struct kt_error err = { 0 };
            if ((*t)->render(options, &secrets, &turn, &arena, &r, &err) != KT_OK ||
                r.skip != NULL) {
                assert(r.skip != NULL || (err.code == KT_E_LIMIT && err.text[0] != '\0'));
                kt_arena_reset(&arena);
                continue;
            }
            if (r.mail.from != NULL) {
                check_message(kt_buf_str(&r.body));
                kt_arena_reset(&arena);
                continue;
            }
            json_auto_t *root = json_loadb(r.body.at, r.body.len, JSON_ALLOW_NUL, NULL);
            assert(root != NULL);
            for (size_t k = 0; k < r.body.len; k++)
                assert((unsigned char)r.body.at[k] >= 0x20);
            kt_arena_reset(&arena);
        }
        struct kt_target_reply reply = { size > 0 ? 200 + data[0] * 2 : 0, s };
        struct kt_target_ruling ruling = { 0 };
        (*t)->judge(&reply, &ruling);
        assert(strlen(ruling.word) < sizeof ruling.word);
        assert(strlen(ruling.handle) < sizeof ruling.handle);
        kt_free(options);
        kt_arena_done(&keep);
        kt_buf_done(&r.body);
        kt_arena_done(&arena);
    }
    return 0;
}
