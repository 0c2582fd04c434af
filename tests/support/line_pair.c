/*
 * line_pair: the events of line_plain, of the strict reader and of kt_line_read_over, field by
 * field.
 *
 * Owns:  memory of all.
 * Calls: core/base, core/event.
 */
#include "tests/support/line_pair.h"

#include "core/base/alloc.h"
#include "core/base/limits.h"
#include "core/event/line_fields.h"

void line_pair_open(struct line_pair *p)
{
    *p = (struct line_pair){ .arena = kt_arena_new(KT_LINE_MAX),
                             .over_arena = kt_arena_new(KT_LINE_MAX) };
}

void line_pair_done(struct line_pair *p)
{
    kt_arena_done(&p->arena);
    kt_arena_done(&p->over_arena);
}

static bool same_str(const struct kt_str *a, const struct kt_str *b, bool placed)
{
    return placed ? a->len == b->len && a->at == b->at : kt_str_eq(*a, *b);
}

static bool same_list(const struct kt_list *a, const struct kt_list *b, bool placed)
{
    for (unsigned i = 0; i < a->n && i < b->n; i++)
        if (!same_str(&a->at[i], &b->at[i], placed))
            return false;
    return a->n == b->n;
}

static bool same_field(const struct kt_event *a, const struct kt_event *b,
                       const struct kt_line_field *f, bool placed)
{
    const void *x = (const char *)a + f->at, *y = (const char *)b + f->at;
    switch ((enum kt_line_type)f->type) {
    case KT_LINE_STR:
    case KT_LINE_RAW:
        return same_str(x, y, placed);
    case KT_LINE_U32:
    case KT_LINE_WORD:
    case KT_LINE_FLAGS:
        return memcmp(x, y, sizeof(uint32_t)) == 0;
    case KT_LINE_I64:
        return memcmp(x, y, sizeof(int64_t)) == 0;
    case KT_LINE_MFA:
        return a->mfa == b->mfa;
    case KT_LINE_GUESS:
        return a->secret_guess == b->secret_guess;
    case KT_LINE_IP:
        return a->has_ip == b->has_ip && (!a->has_ip || kt_ip_eq(a->ip, b->ip));
    case KT_LINE_LIST:
        return same_list(x, y, placed);
    }
    return false;
}

bool line_pair_same(const struct kt_event *a, const struct kt_event *b, bool placed)
{
    for (unsigned i = 0; i < KT_LINE_FIELDS; i++)
        if (!same_field(a, b, &kt_line_fields[i], placed))
            return false;
    return a->kind == b->kind;
}

/* Is the credential that is found without reading what the reader reads? What is escaped it leaves.
 */
static bool finds_credential(struct kt_str line, const struct kt_event *ev)
{
    struct kt_str found;
    return kt_line_credential(line, &found) ? kt_str_eq(found, ev->credential)
                                            : kt_str_find_byte(line, '\\', 0) >= 0;
}

/* A collector reads each line over the event of one of an earlier batch, whose texts are gone by
 * then: no byte of it may be looked at. */
static bool reads_over(struct line_pair *p, struct kt_str line, bool strict)
{
    memset(&p->by_over, 0x5a, sizeof p->by_over);
    kt_arena_reset(&p->over_arena);
    const bool taken = kt_line_read_over(line, &p->over_arena, &p->by_over, NULL) == KT_OK;
    return taken == strict && (!taken || line_pair_same(&p->by_over, &p->by_strict, false));
}

bool line_pair_agrees(struct line_pair *p, struct kt_str line, bool *ret_plain, bool *ret_strict)
{
    char *own = kt_alloc(line.len + 1), *at = own + 1; /* no room behind it, nor aligned */
    if (line.len > 0)
        memcpy(at, line.at, line.len);
    kt_event_clear(&p->by_plain);
    kt_arena_reset(&p->arena);
    line = kt_str_from(at, line.len);
    *ret_plain = kt_line_plain_read(line, &p->by_plain);
    *ret_strict = kt_line_strict_read(line, &p->arena, &p->by_strict, NULL) == KT_OK;
    const bool agrees =
        (!*ret_plain || (*ret_strict && line_pair_same(&p->by_plain, &p->by_strict, true))) &&
        (!*ret_strict || finds_credential(line, &p->by_strict)) && reads_over(p, line, *ret_strict);
    kt_free(own);
    return agrees;
}
