/*
 * s3_roots: where the log files of accounts and regions lie, and how far they are listed.
 *
 * Owns:  the roots and the branches.
 * Calls: core, aws_trail. No I/O.
 * Holds: a day is behind a root only when every object that was listed of it is done with, and it
 *        is not yesterday or today: their objects may still come. An object that cannot be read
 *        holds it up for a day of full rounds, if others beside it can.
 */
#include "agents/inputs/s3_int.h"
#include "core/base/alloc.h"
#include <stdio.h>

static int64_t day_of(kt_time_ns t)
{
    return t / KT_NS_DAY;
}

/* ---- looking for accounts and regions ---- */

static void add_branch(struct kt_input *in, struct branch b)
{
    if (in->n_branches == BRANCH_MAX) {
        aws_client_say_for_long(&in->aws, "there are more accounts than can be looked into: name "
                                          "some in 'accounts', and the others in another source");
        kt_free(b.prefix);
        return;
    }
    in->branch = kt_realloc_array(in->branch, in->n_branches + 1, sizeof *in->branch);
    in->branch[in->n_branches++] = b;
}

void s3_roots_look(struct kt_input *in)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf prefix = { 0 };
    struct kt_str own = kt_str_of(in->o.prefix);
    kt_buf_add(&prefix, own);
    if (own.len > 0 && !kt_str_ends(own, KT_STR("/")))
        kt_buf_byte(&prefix, '/');
    kt_buf_addz(&prefix, "AWSLogs/");
    add_branch(in, (struct branch){ .prefix = kt_str_dup(kt_buf_str(&prefix)) });
    in->looked = in->aws.now;
}

static bool is_wanted(const struct kt_strings *only, struct kt_str name)
{
    for (unsigned i = 0; i < only->n; i++)
        if (kt_str_is(name, only->at[i]))
            return true;
    return only->n == 0;
}

/* "…/ACCOUNT/CloudTrail/REGION/", or CloudTrail-Digest */
static void add_root(struct kt_input *in, struct kt_str prefix, struct kt_str region,
                     enum aws_trail_kind kind)
{
    for (unsigned i = 0; i < in->n_roots; i++)
        if (kt_str_is(prefix, in->root[i].prefix))
            return;
    if (in->n_roots == ROOTS_MAX) {
        aws_client_say_for_long(&in->aws, "there are more accounts and regions than one source can "
                                          "list: name some in 'accounts' or 'regions'");
        return;
    }
    in->root = kt_realloc_array(in->root, in->n_roots + 1, sizeof *in->root);
    struct root *r = &in->root[in->n_roots++];
    *r = (struct root){ .prefix = kt_str_dup(prefix),
                        .kind = kind,
                        .day = day_of(in->aws.now - in->o.since) };
    struct kt_str own = kt_str_of(r->prefix), above = kt_str_sub(own, 0, own.len - region.len - 2);
    r->region = kt_str_sub(own, own.len - region.len - 1, region.len);
    above = kt_str_sub(above, 0, (size_t)kt_str_rfind_byte(above, '/'));
    r->account = kt_str_from_index(above, (size_t)(kt_str_rfind_byte(above, '/') + 1));
    KT_CLEANUP(kt_buf_done) struct kt_buf name = { 0 };
    int64_t day;
    kt_buf_addz(&name, "day/");
    kt_buf_add(&name, own);
    if (kt_str_i64(in->env.position(in->env.self, kt_buf_str(&name)), &day) && day > 0)
        r->day = day;
}

static void add_kind(struct kt_input *in, struct kt_str account, struct kt_str folder,
                     enum aws_trail_kind kind)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf below = { 0 };
    kt_buf_add(&below, account);
    kt_buf_add(&below, folder);
    add_branch(in, (struct branch){ kt_str_dup(kt_buf_str(&below)), true, kind });
}

void s3_roots_found(void *self, struct kt_str prefix)
{
    struct kt_input *in = self;
    const struct branch b = in->branch[0]; /* the array may move */
    struct kt_str above = kt_str_of(b.prefix);
    if (!kt_str_starts(prefix, above) || !kt_str_ends(prefix, KT_STR("/")) ||
        prefix.len <= above.len + 1)
        return;
    struct kt_str name = kt_str_sub(prefix, above.len, prefix.len - above.len - 1);
    if (b.regions) {
        if (aws_plain(name) && is_wanted(&in->o.regions, name))
            add_root(in, prefix, name, b.kind);
    } else if (aws_trail_is_organization(name)) {
        add_branch(in, (struct branch){ .prefix = kt_str_dup(prefix) });
    } else if (aws_trail_is_account(name) && is_wanted(&in->o.accounts, name)) {
        add_kind(in, prefix, KT_STR("CloudTrail/"), AWS_TRAIL_LOG);
        if (in->o.digests)
            add_kind(in, prefix, KT_STR("CloudTrail-Digest/"), AWS_TRAIL_DIGEST);
    }
}

/* ---- rounds ---- */

static void begin_round(struct kt_input *in, struct root *r)
{
    kt_time_ns now = in->aws.now;
    r->full = r->full_at == 0 || now - r->full_at >= FULL_EVERY || r->full_at > now;
    if (r->full) {
        r->alive = r->read;
        r->read = false;
    }
    r->after = r->full ? 0 : r->listed_at - BEHIND;
    r->next_day = r->full ? r->day : day_of(r->after);
    r->round_at = now;
    r->listed = r->whole = true;
}

struct root *s3_roots_due(struct kt_input *in)
{
    for (unsigned i = 0; i < in->n_roots; i++, s3_roots_next(in)) {
        struct root *r = &in->root[in->turn];
        if (r->due > in->aws.now + DIGESTS_RARER * in->o.every)
            r->due = in->aws.now; /* the clock was set back */
        if (r->round_at == 0 && r->due <= in->aws.now)
            begin_round(in, r);
        if (r->round_at != 0)
            return r;
    }
    return NULL;
}

void s3_roots_next(struct kt_input *in)
{
    in->turn = in->turn + 1 < in->n_roots ? in->turn + 1 : 0;
}

static void to_day(struct root *r, int64_t day)
{
    r->changed = r->changed || day > r->day;
    r->day = day > r->day ? day : r->day;
}

static kt_time_ns round_apart(const struct kt_input *in, const struct root *r)
{
    kt_time_ns every = in->o.every;
    bool rarer = r->kind == AWS_TRAIL_DIGEST && every < KT_NS_HOUR / DIGESTS_RARER;
    return rarer ? DIGESTS_RARER * every : every;
}

void s3_roots_day_end(struct kt_input *in, bool listed)
{
    struct root *r = &in->root[in->turn];
    int64_t today = day_of(r->round_at);
    r->listed = r->listed && listed;
    if (r->full && r->listed && r->whole)
        to_day(r, r->next_day + 1 < today - 1 ? r->next_day + 1 : today - 1);
    r->next_day++;
    if (r->next_day > today) {
        if (r->listed)
            r->listed_at = r->round_at;
        if (r->listed && r->full)
            r->full_at = r->round_at;
        r->round_at = 0;
        r->due = in->aws.now + round_apart(in, r);
    }
    s3_roots_next(in);
}

bool s3_roots_refused(struct kt_input *in)
{
    struct root *r = &in->root[in->turn];
    const struct files_print *p = &in->print[in->next];
    /* Where nothing is read at all a right is missing: what it hides is waited for. */
    bool given_up = r->full && r->alive &&
                    s3_tried_again(in->tried, kt_str_from(p->at, sizeof p->at)) >= GIVE_UP;
    r->whole = r->whole && given_up;
    return given_up;
}

/* ---- positions ---- */

void s3_roots_positions(struct kt_input *in, bool changed_only,
                        void (*each)(void *self, struct kt_str key, struct kt_str value),
                        void *self)
{
    for (unsigned i = 0; i < in->n_roots; i++) {
        struct root *r = &in->root[i];
        KT_CLEANUP(kt_buf_done) struct kt_buf key = { 0 }, value = { 0 };
        if (changed_only && !r->changed)
            continue;
        kt_buf_addf(&key, "day/%s", r->prefix);
        kt_buf_i64_dec(&value, r->day);
        each(self, kt_buf_str(&key), kt_buf_str(&value));
        r->changed = false;
    }
}

void s3_roots_free(struct kt_input *in)
{
    for (unsigned i = 0; i < in->n_roots; i++)
        kt_free(in->root[i].prefix);
    for (unsigned i = 0; i < in->n_branches; i++)
        kt_free(in->branch[i].prefix);
    kt_free(in->root);
    kt_free(in->branch);
}
