/*
 * standing: how the log itself stands: the newest checkpoint, who cosigned it, and whether the
 * signer goes on.
 *
 * Owns:  nothing.
 * Calls: core/answer/log_head, core/event/json, the collector.
 */
#include "core/answer/log_head.h"
#include "core/event/json.h"
#include "dashboards/api/integrity.h"
#include <inttypes.h>

struct standing {
    struct kt_buf why;
    kt_time_ns at;
    bool there, readable, refused;
    uint64_t size;
    unsigned cosigners;
};

static enum kt_status read_note(struct kt_reader *r, struct standing *s, struct kt_error *err)
{
    struct kt_log_head head = { 0 };
    struct kt_checkpoint cp;
    enum kt_status status = kt_log_head_read(r, &head, err);
    s->at = head.at;
    s->there = head.note.len > 0;
    s->readable = s->there && kt_checkpoint_read(kt_buf_str(&head.note), &cp, NULL) == KT_OK;
    for (unsigned i = 0; s->readable && i < cp.n; i++)
        s->cosigners += !kt_str_eq(cp.signature[i].name, cp.origin);
    s->size = s->readable ? cp.head.size : 0;
    kt_log_head_done(&head);
    return status;
}

/* A collector that does not answer has refused nothing: the note tells how old it is. */
static void ask_signer(const struct kt_api *a, struct standing *s)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf answer = { 0 };
    struct kt_jval root;
    unsigned repaired;
    if (kt_api_collector(a, KT_STR("{\"do\":\"status\"}"), KT_API_LOOK_S, &answer, NULL) != KT_OK)
        return;
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    if (kt_json_parse(json, kt_buf_str(&answer), &root, &repaired, NULL) == KT_OK) {
        struct kt_jval checkpoint = kt_json_at(root, "checkpoint");
        s->refused = kt_json_bool(kt_json_at(checkpoint, "refused"), false);
        kt_buf_add(&s->why, kt_json_str_at(checkpoint, "why"));
    }
    kt_json_free(json);
}

static const char *state_of(const struct standing *s)
{
    if (s->refused)
        return "refused";
    if (!s->there)
        return "unanchored";
    return !s->readable ? "unknown" : s->cosigners > 0 ? "cosigned" : "signed";
}

static void say(const struct standing *s, uint64_t records, kt_time_ns now, struct kt_buf *out)
{
    char age[KT_TIME_TEXT_MAX];
    if (!s->there)
        kt_buf_addz(out, "no checkpoint: whoever owns the collector's host can rewrite the log "
                         "unseen");
    else if (!s->readable)
        kt_buf_addz(out, "the newest checkpoint is damaged: run keytrail verify");
    else
        kt_buf_addf(out, "%" PRIu64 " of %" PRIu64 " records signed %s ago, cosigned by %u",
                    s->size, records, kt_duration_format(now > s->at ? now - s->at : 0, age),
                    s->cosigners);
    if (s->why.len > 0)
        kt_buf_addf(out, "; %s: " KT_STR_FMT, s->refused ? "REFUSED" : "not signed now",
                    KT_STR_ARG(kt_buf_str(&s->why)));
}

enum kt_status kt_api_add_standing(struct kt_api *a, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    struct kt_buf *o = &a->out;
    struct standing s = { 0 };
    struct kt_store_stats stats;
    enum kt_status status = kt_reader_stats(a->ask->reader, &stats, err);
    if (status == KT_OK)
        status = read_note(a->ask->reader, &s, err);
    if (status == KT_OK) {
        ask_signer(a, &s);
        say(&s, stats.records, a->now, &text);
        kt_api_open(o, "integrity", '{');
        kt_api_text(o, "state", kt_str_of(state_of(&s)));
        kt_api_u64(o, "size", s.size);
        kt_api_time(o, "at", s.at);
        kt_api_u64(o, "cosigners", s.cosigners);
        kt_api_text(o, "text", kt_buf_str(&text));
        kt_api_close(o, '}');
    }
    kt_buf_done(&s.why);
    return status;
}
