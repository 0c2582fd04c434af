/* targets_render: hostile event text through a target's encoder, hostile answers through its judge:
 * one target and one message an input, so that many are tried. The body must stay JSON, within the
 * target's bound; people's channels show no raw control character. */
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

/* People's channels in lines, all others in JSON without a raw control character. */
static void check_body(const struct kt_target_request *r)
{
    if (r->mail.from != NULL) {
        check_message(kt_buf_str(&r->body));
        return;
    }
    json_auto_t *root = json_loadb(r->body.at, r->body.len, JSON_ALLOW_NUL, NULL);
    assert(root != NULL);
    for (size_t k = 0; k < r->body.len; k++)
        assert((unsigned char)r->body.at[k] >= 0x20);
}

static void render(const struct kt_target *t, uint8_t which, struct kt_str s)
{
    static const struct kt_target_secrets secrets = {
        .url = KT_STR_INIT("https://a.example/v2/enqueue"), .key = KT_STR_INIT("k")
    };
    struct kt_str half = kt_str_sub(s, 0, s.len / 2);
    struct kt_alert a = { .id = "3NJ1RZ8VZ2G4K0YQ5T7W9XABCD",
                          .severity = KT_SEV_HIGH,
                          .detector = "fuzz",
                          .state = "open",
                          .title = s,
                          .normal = half,
                          .actor = s,
                          .secret = half,
                          .user_agent = s,
                          .command = kt_str_from_index(s, s.len / 2),
                          .n_events = 1,
                          .events_count = 3 };
    a.events[0] = half;
    const struct kt_target_turn turn = { .alert = &a,
                                         .send = (enum kt_send)(which / 4 % KT_SEND_COUNT),
                                         .plain = which % 2 == 1,
                                         .handle = half,
                                         .row = 7,
                                         .deployment = "fuzz",
                                         .ack_url = KT_STR("https://a.example/ack?a=b&c=d"),
                                         .asks = which / 2 % 2 == 1 };
    struct kt_arena arena = kt_arena_new(4u << 20), keep = kt_arena_new(4096);
    struct kt_target_request r = { 0 };
    struct kt_error err = { 0 };
    void *options = kt_alloc(t->options_size);
    set_options(t, options, &keep);
    if (t->render(options, &secrets, &turn, &arena, &r, &err) != KT_OK)
        assert(err.code == KT_E_LIMIT && err.text[0] != '\0');
    else if (r.skip == NULL)
        check_body(&r);
    kt_free(options);
    kt_buf_done(&r.body);
    kt_arena_done(&keep);
    kt_arena_done(&arena);
}

/* The first byte says which target, the second which message, the third what was answered. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned n = 0;
    if (size < 3)
        return 0;
    while (kt_targets[n] != NULL)
        n++;
    const struct kt_target *t = kt_targets[data[0] % n];
    struct kt_str s = kt_str_from(data + 3, size - 3);
    render(t, data[1], s);
    const struct kt_target_reply reply = { 200 + data[2] * 2, s };
    struct kt_target_ruling ruling = { 0 };
    t->judge(&reply, &ruling);
    assert(strlen(ruling.word) < sizeof ruling.word);
    assert(strlen(ruling.handle) < sizeof ruling.handle);
    return 0;
}
