/* streams_encode: any canonical lines and alerts, through every stream type's encoder, and any
 * answers through every judge. What should be JSON parses, what should be frames of syslog is
 * framed, bounded and shows no control character. */
#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/config/config.h"
#include "core/event/line.h"
#include "exporters/streams/stream.h"
#include <assert.h>
#include <jansson.h>
#include <string.h>

#define ITEMS_MAX 64u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A number that jansson cannot hold is JSON nevertheless; so is what lies deeper than it goes. */
static void assert_json(struct kt_str s)
{
    json_error_t je;
    json_auto_t *root =
        json_loadb(s.at, s.len, JSON_ALLOW_NUL | JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, &je);
    assert(root != NULL || json_error_code(&je) == json_error_numeric_overflow ||
           json_error_code(&je) == json_error_stack_overflow);
}

static void assert_lines(struct kt_str body)
{
    struct kt_str line;
    while (body.len > 0 && kt_str_split(&body, '\n', &line))
        if (line.len > 0)
            assert_json(line);
}

static void assert_frames(struct kt_str body)
{
    struct kt_str number;
    uint64_t n = 0;
    while (body.len > 0) {
        assert(kt_str_split(&body, ' ', &number) && kt_str_u64(number, &n) && n <= body.len);
        assert(n > 0 && n <= 8192 && body.at[0] == '<');
        for (size_t i = 0; i < n; i++)
            assert((unsigned char)body.at[i] >= 0x20 && body.at[i] != 0x7f);
        assert(kt_utf8_valid(kt_str_sub(body, 0, (size_t)n)));
        body = kt_str_from_index(body, (size_t)n);
    }
}

static void assert_whole(struct kt_str body)
{
    assert_json(body);
}

static const struct {
    const char *type;
    void (*check)(struct kt_str body);
} forms[] = {
    { "ocsf", assert_lines },       { "elasticsearch", assert_lines },
    { "splunk_hec", assert_lines }, { "clickhouse", assert_lines },
    { "files", assert_lines },      { "s3_archive", assert_lines },
    { "loki", assert_whole },       { "otlp", assert_whole },
    { "syslog", assert_frames },    { "cef", assert_frames },
};

struct run {
    const struct kt_stream_type *type;
    void *options, *state;
    struct kt_arena arena, keep;
    struct kt_buf body, line;
    unsigned n;
};

static void add(struct run *r, struct kt_stream_item *item)
{
    struct kt_error err = { 0 };
    size_t before = r->body.len;
    item->deployment = "main";
    item->log = "00000000000000000000000000";
    item->seq = ++r->n;
    item->stored = item->arrival = 1795377601 * KT_NS_S;
    kt_str_copyz(item->id, sizeof item->id, KT_STR("37B0M01C4F9ZHTVM61GGVPCGJY"));
    kt_str_copyz(item->about, sizeof item->about, KT_STR("37B0M01C4F9ZHTVM61GGVPCGJY"));
    kt_arena_reset(&r->arena);
    if (r->type->add(r->options, r->state, item, &r->arena, &r->body, &err) != KT_OK)
        r->body.len =
            before; /* as the engine takes it back; its state stays, which must not harm */
}

static void add_line(struct run *r, struct kt_str line)
{
    struct kt_event ev;
    struct kt_alert alert;
    const struct kt_fact fact = { KT_STR("DE"), KT_STR("Example"), 64500, false };
    kt_arena_reset(&r->keep);
    if (kt_line_read(line, &r->keep, &ev, NULL) == KT_OK) {
        struct kt_stream_item item = { .what = KT_STREAM_EVENT,
                                       .line = line,
                                       .event = &ev,
                                       .fact = ev.has_ip ? &fact : NULL,
                                       .conflict = ev.decoder == 7 };
        add(r, &item);
        return;
    }
    kt_arena_reset(&r->keep);
    if (kt_alert_read(line, &r->keep, &alert, NULL) != KT_OK)
        return;
    kt_buf_reset(&r->line);
    kt_alert_write(&alert, &r->line);
    struct kt_stream_item item = { .what = KT_STREAM_ALERT,
                                   .line = kt_buf_str(&r->line),
                                   .alert = &alert };
    add(r, &item);
}

static void judge_all(const struct run *r, struct kt_str answer)
{
    static const int statuses[] = { 200, 204, 400, 412, 413, 429, 500, 503 };
    const struct kt_http_answer headers = { 0 };
    const struct kt_stream_batch batch = { .stream = "s",
                                           .log = "l",
                                           .deployment = "d",
                                           .n = r->n > 0 ? r->n : 1,
                                           .body = kt_buf_str(&r->body) };
    if (r->type->judge == NULL)
        return;
    for (size_t i = 0; i < KT_ARRAY_LEN(statuses); i++) {
        for (unsigned stage = 0; stage < 3; stage++) {
            uint8_t fate[ITEMS_MAX + 1] = { 0 };
            struct kt_stream_judgement j = { .fate = fate };
            kt_str_copyz(j.note, sizeof j.note, kt_str_sub(answer, 0, 20));
            r->type->judge(r->options, &batch, stage, statuses[i], answer, &headers, &j);
            assert(memchr(j.word, '\0', sizeof j.word) != NULL && j.verdict <= KT_STREAM_AGAIN);
        }
    }
}

static void encode(const struct kt_stream_type *type, void (*check)(struct kt_str),
                   struct kt_str input)
{
    struct run r = { .type = type,
                     .options = kt_alloc(type->options_size),
                     .state = kt_alloc(type->state_size + 1),
                     .arena = kt_arena_new(1u << 20),
                     .keep = kt_arena_new(1u << 20) };
    struct kt_str line, rest = input;
    kt_options_defaults(type->options, r.options);
    if (type->begin != NULL)
        type->begin(r.options, r.state, &r.body);
    while (rest.len > 0 && r.n < ITEMS_MAX && kt_str_split(&rest, '\n', &line))
        add_line(&r, line);
    if (type->end != NULL)
        type->end(r.options, r.state, &r.body);
    check(kt_buf_str(&r.body));
    judge_all(&r, input);
    kt_free(r.options);
    kt_free(r.state);
    kt_buf_done(&r.body);
    kt_buf_done(&r.line);
    kt_arena_done(&r.arena);
    kt_arena_done(&r.keep);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < KT_ARRAY_LEN(forms); i++) {
        const struct kt_stream_type *type = kt_stream_type_find(kt_str_of(forms[i].type));
        assert(type != NULL);
        encode(type, forms[i].check, kt_str_from(data, size));
    }
    return 0;
}
