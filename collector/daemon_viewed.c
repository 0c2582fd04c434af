/*
 * daemon_viewed: the control socket's request to note what somebody looks at on the page (THREATS
 * L1, PCI DSS 10.2.1.3): a record of kind audit, operation page.query, page.raw, page.export,
 * page.login, page.logout or page.login.failed.
 *
 * Owns:  the members of such a record.
 * Calls: daemon_notes (the record).
 * Holds: the record is on the disk before the page is told, and the page waits for that before data
 *        leave.
 */
#include "collector/daemon.h"
#include "core/event/line.h"
#include <inttypes.h>
#include <stdio.h>

static const struct {
    const char *word, *operation, *did;
} acts[] = {
    { "query", "page.query", "searched" },
    { "raw", "page.raw", "looked at raw records" },
    { "export", "page.export", "took data away" },
    { "login", "page.login", "logged in" },
    { "logout", "page.logout", "logged out" },
    { "login.failed", "page.login.failed", "could not log in" },
};

static const struct {
    const char *name;
    size_t max;
    bool must;
} members[] = {
    { "user", 80, true },   { "role", 16, false },  { "call", 64, false }, { "query", 8192, false },
    { "since", 64, false }, { "until", 64, false }, { "from", 64, false }, { "at", 64, false },
};

static enum kt_status write_raw(struct kt_jval args, struct kt_buf *raw, struct kt_error *err)
{
    const char *between = "{";
    for (size_t i = 0; i < KT_ARRAY_LEN(members); i++) {
        struct kt_str s = kt_json_str_at(args, members[i].name);
        if (s.len > members[i].max)
            return kt_fail(err, KT_E_INPUT, "'%s' has more than %zu bytes", members[i].name,
                           members[i].max);
        if (s.len == 0 && members[i].must)
            return kt_fail(err, KT_E_INPUT, "'%s' is missing", members[i].name);
        if (s.len == 0)
            continue;
        kt_buf_addf(raw, "%s\"%s\":", between, members[i].name);
        kt_json_quote(raw, s);
        between = ",";
    }
    kt_buf_byte(raw, '}');
    return KT_OK;
}

/* "alice (viewer) searched: actor:bob". */
static void say(struct kt_jval args, const char *did, struct kt_buf *out)
{
    struct kt_str role = kt_json_str_at(args, "role"), query = kt_json_str_at(args, "query");
    struct kt_str call = kt_json_str_at(args, "call");
    kt_buf_add(out, kt_json_str_at(args, "user"));
    if (role.len > 0)
        kt_buf_addf(out, " (" KT_STR_FMT ")", KT_STR_ARG(role));
    kt_buf_addf(out, " %s", did);
    if (call.len > 0)
        kt_buf_addf(out, ", " KT_STR_FMT, KT_STR_ARG(call));
    if (query.len > 0)
        kt_buf_addf(out, ": " KT_STR_FMT, KT_STR_ARG(kt_utf8_cut(query, 200)));
}

enum kt_status kt_daemon_viewed(struct kt_daemon *d, struct kt_jval args, struct kt_buf *out,
                                struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf raw = { 0 }, sentence = { 0 };
    struct kt_str what = kt_json_str_at(args, "what");
    size_t i = 0;
    while (i < KT_ARRAY_LEN(acts) && !kt_str_is(what, acts[i].word))
        i++;
    if (i == KT_ARRAY_LEN(acts))
        return kt_fail(err, KT_E_INPUT,
                       "'what' is query, raw, export, login, logout or login.failed");
    if (write_raw(args, &raw, err) != KT_OK)
        return err->code;
    say(args, acts[i].did, &sentence);
    enum kt_status st = kt_daemon_record(d, KT_KIND_AUDIT, acts[i].operation, kt_buf_str(&sentence),
                                         kt_buf_str(&raw), err);
    uint64_t seq = kt_store_last_seq(d->store);
    if (st == KT_OK)
        st = kt_daemon_commit(d, err);
    if (st == KT_OK)
        kt_buf_addf(out, "{\"seq\":%" PRIu64 "}\n", seq);
    return st;
}
