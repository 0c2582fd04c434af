#include "tests/support/source_run.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/base/hash.h"
#include "core/base/limits.h"
#include "core/event/line.h"
#include "core/event/redact.h"

#define NOW INT64_C(1772440000000000000)

struct sink {
    const struct source_run *r;
    struct kt_buf *out;
    unsigned calls;
};

static void broken(const char *what, struct kt_str line)
{
    fprintf(stderr, "%s: " KT_STR_FMT "\n", what, KT_STR_ARG(line));
    abort();
}

static enum kt_status on_line(void *self, const struct kt_line_out *l, struct kt_error *err)
{
    struct sink *s = self;
    struct kt_event ev;
    if (s->r->refuse_every > 1 && ++s->calls % s->r->refuse_every != 0)
        return kt_fail(err, KT_E_AGAIN, "full");
    struct kt_arena arena = kt_arena_new(KT_LINE_MAX * 2);
    if (kt_line_read(l->line, &arena, &ev, NULL) != KT_OK)
        broken("cannot be read back", l->line);
    if (!kt_redact_clean(&ev))
        broken("redaction would change it", l->line);
    kt_arena_done(&arena);
    kt_buf_add(s->out, l->line);
    kt_buf_byte(s->out, '\n');
    return KT_OK;
}

static void must(enum kt_status st)
{
    if (st != KT_OK)
        broken("refused", KT_STR_NONE);
}

static void feed(struct kt_pipeline *p, struct kt_str bytes, size_t size)
{
    for (size_t at = 0; at < bytes.len; at += size) {
        enum kt_status st = KT_E_AGAIN;
        while (st == KT_E_AGAIN)
            st = kt_pipeline_feed(p, kt_str_sub(bytes, at, size), at, KT_STR("fuzz"), NOW, NULL);
        must(st);
    }
    enum kt_status st = KT_E_AGAIN;
    while (st == KT_E_AGAIN)
        st = kt_pipeline_end(p, NOW, NULL);
    must(st);
}

void source_run(const struct source_run *r, struct kt_str bytes, struct kt_buf *out)
{
    struct sink sink = { .r = r, .out = out };
    struct kt_pipeline_options o = { .source = r->described != NULL
                                                   ? r->described
                                                   : kt_source_find(kt_str_of(r->source)),
                                     .instance = KT_STR("fuzz"),
                                     .cluster = KT_STR("prod"),
                                     .body = r->body,
                                     .line = on_line,
                                     .self = &sink };
    struct kt_pipeline *p = kt_pipeline_new(&o);
    enum kt_status st = KT_E_AGAIN;
    if (r->as_record) {
        while (st == KT_E_AGAIN)
            st = kt_pipeline_record(p, bytes, NOW, KT_STR("fuzz"), NOW, NULL);
        must(st);
    } else {
        feed(p, bytes, r->piece > 0 ? r->piece : bytes.len + 1);
    }
    for (st = KT_E_AGAIN; st == KT_E_AGAIN;)
        st = kt_pipeline_expire(p, NOW, true, NULL);
    must(st);
    const struct kt_pipeline_counts *c = kt_pipeline_counts(p);
    if (c->records != c->yielded + c->folded + c->skipped + c->quarantined)
        broken("not every record is counted", bytes);
    kt_pipeline_free(p);
}
