/*
 * verify: re-derives every hash of the store, holds it against the checkpoints that there are, and
 * says what that proves in the words of THREATS T8.
 *
 * Owns:  nothing.
 * Calls: core/answer (anchors, tally_kept), core/store/read.h, collector/auth (agents' signing
 * keys); stdout.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/held.h"
#include "collector/auth.h"
#include "core/answer/tally_kept.h"
#include "core/base/enc.h"
#include "core/base/log.h"
#include "core/event/line.h"
#include "core/store/read.h"
#include "core/store/together.h"

#define SHOWN 12u /* checkpoints that fit; those that do not are all shown */

struct verify {
    const char *db, *config, *output;
    struct kt_held held;
    bool json, anchored;
    struct kt_auth *auth;
    struct kt_anchors anchors;
    struct kt_judged judged;
    struct kt_verify_result result;
    struct kt_buf problems; /* JSON objects */
};

static const char *fault_word(enum kt_fault fault)
{
    return fault == KT_FAULT_TAMPERED ? "tampered" : "unreadable";
}

static void on_problem(void *self, enum kt_fault fault, const char *sentence)
{
    struct verify *v = self;
    if (!v->json) {
        printf("%-12s %s\n", fault_word(fault), sentence);
        return;
    }
    kt_buf_addf(&v->problems, "%s{\"fault\":\"%s\",\"text\":", v->problems.len > 0 ? "," : "",
                fault_word(fault));
    kt_json_quote(&v->problems, kt_str_of(sentence));
    kt_buf_byte(&v->problems, '}');
}

static unsigned signing_keys(void *self, struct kt_str agent, uint8_t (*ret)[32], unsigned max)
{
    const struct verify *v = self;
    return kt_held_signing_key(v->auth, agent, ret, max);
}

static enum kt_status open_auth(struct verify *v, struct kt_error *err)
{
    struct kt_conf *conf = NULL;
    if (kt_conf_load(v->config, &conf, err) != KT_OK)
        return err->code;
    enum kt_status st = kt_auth_open(conf->agents_dir, &v->auth, err);
    kt_conf_free(conf);
    return st;
}

static void add_problem(struct verify *v, enum kt_fault fault, const char *sentence)
{
    v->result.problems++;
    v->result.unreadable += fault == KT_FAULT_UNREADABLE;
    on_problem(v, fault, sentence);
}

/* Sums of coverage lie outside of the tree, and answers begin with them. */
static enum kt_status check_sums(struct verify *v, struct kt_reader *reader, struct kt_error *err)
{
    struct kt_tally_checked sums;
    char text[200], day[KT_TIME_TEXT_MAX];
    if (kt_tally_check(reader, &sums, err) != KT_OK)
        return err->code;
    if (sums.differ == 0)
        return KT_OK;
    (void)kt_time_format_short(sums.day * KT_NS_DAY, day);
    (void)snprintf(text, sizeof text,
                   "the sums of coverage are not what the records give, of %" PRIu64
                   " days of sources, the first of %.10s (keytrail coverage --recount)",
                   sums.differ, day);
    add_problem(v, KT_FAULT_TAMPERED, text);
    return KT_OK;
}

/* Neither are kept pairs in the tree, and by them segments are left closed. */
static enum kt_status check_pairs(struct verify *v, struct kt_reader *reader, struct kt_error *err)
{
    struct kt_together_checked pairs;
    char text[240];
    if (kt_together_check(reader, &pairs, err) != KT_OK)
        return err->code;
    if (pairs.unreadable > 0) {
        (void)snprintf(text, sizeof text,
                       "the kept pairs of %u earlier file%s cannot be read, and were not checked",
                       pairs.unreadable, pairs.unreadable == 1 ? "" : "s");
        add_problem(v, KT_FAULT_UNREADABLE, text);
    }
    if (pairs.lists > 0) {
        (void)snprintf(text, sizeof text,
                       "the list of kept pairs is not as it was written, in %u file%s of the "
                       "store: its pairs are not used (with the collector stopped: keytrail store "
                       "pairs --anew)",
                       pairs.lists, pairs.lists == 1 ? "" : "s");
        add_problem(v, KT_FAULT_TAMPERED, text);
    }
    if (pairs.differ == 0)
        return KT_OK;
    (void)snprintf(text, sizeof text,
                   "%" PRIu64 " stretches of kept pairs are not what the records give, the first "
                   "of records %" PRIu64 " to %" PRIu64
                   " (with the collector stopped: keytrail store pairs --anew)",
                   pairs.differ, pairs.first_seq, pairs.last_seq);
    add_problem(v, KT_FAULT_TAMPERED, text);
    return KT_OK;
}

static enum kt_status run(struct verify *v, struct kt_error *err)
{
    char path[4096];
    struct kt_reader *reader = NULL;
    struct kt_verify_options o = { .problem = on_problem, .self = v };
    if ((v->config != NULL && open_auth(v, err) != KT_OK) ||
        kt_held_take(&v->held, KT_HELD_KEY, v->auth, &v->anchors, err) != KT_OK ||
        kt_cli_store_path(v->db, v->config, path, sizeof path, err) != KT_OK ||
        kt_reader_open(path, &reader, err) != KT_OK)
        return err->code;
    enum kt_status status = kt_anchors_load(&v->anchors, reader, err);
    if (status == KT_OK) {
        o.signing_key = v->auth != NULL ? signing_keys : NULL;
        o.heads = kt_anchors_heads(&v->anchors);
        o.n_heads = v->anchors.n;
        status = kt_reader_verify(reader, &o, &v->result, err);
    }
    if (status == KT_OK && v->anchors.n_garbled > 0)
        on_problem(v, KT_FAULT_TAMPERED, v->anchors.garbled.text);
    if (status == KT_OK)
        status = check_sums(v, reader, err);
    if (status == KT_OK)
        status = check_pairs(v, reader, err);
    if (status == KT_OK)
        kt_anchors_judge(&v->anchors, &v->result, &v->judged);
    kt_reader_close(reader);
    return status;
}

/* ---- for people ---- */

static void say_checkpoints(const struct verify *v)
{
    const struct kt_anchors *a = &v->anchors;
    unsigned passed = v->judged.fit > SHOWN ? v->judged.fit - SHOWN : 0, fits = 0;
    if (a->n == 0)
        printf("checkpoints  none: the log has not signed any, and none was brought\n");
    if (passed > 0)
        printf("checkpoints  %u older ones fit\n", passed);
    for (unsigned i = 0; i < a->n; i++) {
        const struct kt_anchor *x = &a->at[i];
        KT_CLEANUP(kt_buf_done) struct kt_buf said = { 0 }, from = { 0 };
        if (x->state == KT_ANCHOR_FITS && fits++ < passed)
            continue;
        kt_anchor_say(x, &a->head[i], &v->result, &said);
        kt_tty_add(&from, x->where != NULL ? kt_str_of(x->where) : KT_STR("the store"));
        printf("checkpoint   record %" PRIu64 ", %s: %s", x->head.size, kt_buf_z(&from),
               kt_buf_z(&said));
        if (x->by.len > 0)
            printf("; cosigned by " KT_STR_FMT, KT_STR_ARG(kt_buf_str(&x->by)));
        printf("\n");
    }
}

static void print_table(const struct verify *v)
{
    const struct kt_verify_result *r = &v->result;
    KT_CLEANUP(kt_buf_done) struct kt_buf said = { 0 };
    char root[65];
    kt_hex(root, r->root, 32);
    printf("tree         %s: %" PRIu64 " records, root %s\n",
           r->ok ? "consistent" : "not what was stored", r->size, root);
    if (v->auth != NULL)
        printf("batches      %" PRIu64 ", signatures of %" PRIu64 " checked\n", r->batches,
               r->signed_batches);
    else
        printf("batches      %" PRIu64 ", signatures not checked: that needs the agents' keys (-c "
               "CONFIG)\n",
               r->batches);
    if (r->removed > 0)
        printf("removed      %" PRIu64 " events by retention; their places in the tree are kept\n",
               r->removed);
    say_checkpoints(v);
    if (v->judged.tail > 0 && v->judged.tail < r->size)
        printf("tail         %" PRIu64 " records behind that are not anchored yet\n",
               v->judged.tail);
    kt_judged_say(&v->judged, true, &said);
    printf("verdict      %s\n", kt_buf_z(&said));
}

/* ---- for programs ---- */

static void print_json(const struct verify *v)
{
    static const char *const states[] = { "unjudged", "fits", "diverged", "cut",
                                          "removed",  "lost", "foreign",  "forged" };
    const struct kt_verify_result *r = &v->result;
    const struct kt_judged *j = &v->judged;
    KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 };
    kt_buf_addf(&out,
                "{\"verdict\":\"%s\",\"consistent\":%s,\"records\":%" PRIu64 ",\"size\":%" PRIu64
                ",\"batches\":%" PRIu64 ",\"signed_batches\":%" PRIu64
                ",\"signatures_checked\":%s,\"removed\":%" PRIu64 ",\"root\":\"",
                kt_verdict_word(j->verdict), r->ok ? "true" : "false", r->records, r->size,
                r->batches, r->signed_batches, v->auth != NULL ? "true" : "false", r->removed);
    kt_hex_add(&out, r->root, 32);
    kt_buf_addz(&out, "\",\"log\":\"");
    kt_hex_add(&out, r->log_id, 16);
    kt_buf_addf(&out,
                "\",\"witnessed\":%" PRIu64 ",\"cosigned\":%" PRIu64 ",\"tail\":%" PRIu64
                ",\"checkpoints\":[",
                j->witnessed, j->cosigned, j->tail);
    for (unsigned i = 0; i < v->anchors.n; i++) {
        const struct kt_anchor *x = &v->anchors.at[i];
        KT_CLEANUP(kt_buf_done) struct kt_buf said = { 0 };
        kt_anchor_say(x, &v->anchors.head[i], r, &said);
        kt_buf_addf(&out, "%s{\"size\":%" PRIu64 ",\"state\":\"%s\",\"from\":", i > 0 ? "," : "",
                    x->head.size, states[x->state]);
        kt_json_quote(&out, x->where != NULL ? kt_str_of(x->where) : KT_STR("store"));
        kt_buf_addf(&out, ",\"agents\":%u,\"witnesses\":%u,\"by\":", x->agents, x->witnesses);
        kt_json_quote(&out, kt_buf_str(&x->by));
        kt_buf_addz(&out, ",\"text\":");
        kt_json_quote(&out, kt_buf_str(&said));
        kt_buf_byte(&out, '}');
    }
    kt_buf_addz(&out, "],\"problems\":[");
    kt_buf_add(&out, kt_buf_str(&v->problems));
    kt_buf_addz(&out, "]}");
    puts(kt_buf_z(&out));
}

/* Nothing wrong was found; --anchored asks for more than that. */
static int code_of(const struct verify *v)
{
    switch (v->judged.verdict) {
    case KT_VERDICT_WITNESSED:
        return KT_EXIT_OK;
    case KT_VERDICT_COSIGNED:
    case KT_VERDICT_UNANCHORED:
        return v->anchored ? KT_EXIT_NO : KT_EXIT_OK;
    case KT_VERDICT_TAMPERED:
    case KT_VERDICT_DIVERGED:
    case KT_VERDICT_UNREADABLE:
        break;
    }
    return KT_EXIT_NO;
}

int kt_cmd_verify(int argc, char **argv)
{
    static const struct kt_command cmd = {
        "verify",
        "--db FILE [-c CONFIG] [--checkpoint FILE] [-o json]",
        "re-derive every hash of the store, and hold it against checkpoints",
        "keytrail verify --db keytrail.db --checkpoint /mnt/audit/checkpoints.txt",
        NULL,
        NULL
    };
    struct verify v = { .output = "table" };
    const struct kt_flag flags[] = {
        { "--db", 0, KT_FLAG_STRING, "FILE", "the store", &v.db, NULL },
        { "--config", 'c', KT_FLAG_STRING, "FILE",
          "configuration: the store and the agents' signing keys", &v.config, NULL },
        KT_HELD_FLAGS(v.held, KT_HELD_KEY),
        { "--anchored", 0, KT_FLAG_BOOL, NULL,
          "exit 1 unless a checkpoint or a witness from outside covers it", &v.anchored, NULL },
        { "--output", 'o', KT_FLAG_STRING, "FORM", "table or json", &v.output, NULL },
        { 0 },
    };
    int n;
    bool done;
    int code = kt_flags_parse(&cmd, flags, argc, argv, &n, &done);
    if (done)
        return code;
    v.json = strcmp(v.output, "table") != 0;
    struct kt_error err = { 0 };
    if (run(&v, &err) != KT_OK) {
        code = kt_cli_fail("verify", &err);
    } else {
        v.json ? print_json(&v) : print_table(&v);
        code = code_of(&v);
    }
    kt_auth_free(v.auth);
    kt_anchors_done(&v.anchors);
    kt_buf_done(&v.problems);
    return code;
}
