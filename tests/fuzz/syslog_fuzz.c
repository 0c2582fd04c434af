/* syslog: a stream of any bytes gives the same messages whole and in pieces; each becomes an object
 * that both JSON bodies read. The first byte is the size of the pieces. */
#include <stdlib.h>

#include "agents/inputs/syslog_message.h"
#include "core/event/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
    struct kt_buf all;
    struct kt_buf object;
    struct kt_json *json[2];
};

static void parse(struct seen *s)
{
    for (int i = 0; i < 2; i++) {
        struct kt_jval root;
        struct kt_error err = { 0 };
        unsigned repaired = 0;
        enum kt_status st =
            kt_json_parse(s->json[i], kt_buf_str(&s->object), &root, &repaired, &err);
        if (st != KT_OK && st != KT_E_LIMIT)
            abort();
    }
}

static enum kt_status on_message(void *self, struct kt_str message, struct kt_error *err)
{
    struct seen *s = self;
    struct kt_syslog m = kt_syslog_parse(message);
    (void)err;
    if (m.text.len > message.len || m.data.len > message.len)
        abort();
    kt_buf_reset(&s->object);
    kt_syslog_object(&m, &s->object);
    parse(s);
    kt_buf_add(&s->all, message);
    kt_buf_byte(&s->all, '\x01');
    return KT_OK;
}

static void run(struct seen *s, struct kt_str bytes, size_t piece)
{
    struct kt_syslog_frames f = { .looked = 0 };
    bool ok = true;
    kt_buf_reset(&s->all);
    for (size_t at = 0; at < bytes.len; at += piece)
        ok = ok &&
             kt_syslog_frames_feed(&f, kt_str_sub(bytes, at, piece), on_message, s, NULL) == KT_OK;
    if (!ok || kt_syslog_frames_end(&f, on_message, s, NULL) != KT_OK)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct seen whole = { .all = { 0 } }, pieces = { .all = { 0 } };
    if (size < 2)
        return 0;
    for (int i = 0; i < 2; i++)
        whole.json[i] = pieces.json[i] = kt_json_new((enum kt_json_body)i);
    struct kt_str bytes = kt_str_from(data + 1, size - 1);
    run(&whole, bytes, bytes.len);
    run(&pieces, bytes, data[0] % 50 + 1u);
    if (!kt_str_eq(kt_buf_str(&whole.all), kt_buf_str(&pieces.all)))
        abort();
    for (int i = 0; i < 2; i++)
        kt_json_free(whole.json[i]);
    kt_buf_done(&whole.all);
    kt_buf_done(&whole.object);
    kt_buf_done(&pieces.all);
    kt_buf_done(&pieces.object);
    return 0;
}
