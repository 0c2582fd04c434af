/*
 * export: everything that matches, as a download: the bytes of `keytrail search -o csv` and ndjson.
 *
 * Owns:  nothing.
 * Calls: core/answer (ask, record_rows), dashboards/api.
 */
#include "core/answer/record_rows.h"
#include "dashboards/api/calls.h"
#include <stdio.h>

#define SPAN KT_NS_DAY

static const struct form {
    const char *word, *type;
    enum kt_output how;
} forms[] = { { "csv", "text/csv; charset=utf-8", KT_OUT_CSV },
              { "ndjson", "application/x-ndjson", KT_OUT_NDJSON } };

static const struct form *form_of(struct kt_str word)
{
    for (size_t i = 0; i < KT_ARRAY_LEN(forms); i++)
        if (kt_str_is(word, forms[i].word))
            return &forms[i];
    return NULL;
}

struct walk {
    struct kt_api *a;
    struct kt_rows *rows;
};

static void put(void *self, struct kt_str bytes)
{
    struct walk *w = self;
    kt_buf_add(&w->a->out, bytes);
}

static enum kt_status send(struct walk *w, struct kt_error *err)
{
    struct kt_api *a = w->a;
    return a->send == NULL || a->out.len == 0 ? KT_OK : a->send(a, err);
}

static enum kt_status take(void *self, const struct kt_record *r, const struct kt_fact *fact,
                           struct kt_error *err)
{
    struct walk *w = self;
    kt_record_rows_add(w->rows, r, fact);
    /* KT_E_AGAIN of send would read as the walk's good end. */
    enum kt_status status = send(w, err);
    return status == KT_E_AGAIN ? kt_fail(err, KT_E_LIMIT, "nobody reads the download any more")
                                : status;
}

/* Does the query name kinds? Then its rows have them, and control records are among them. */
static enum kt_status names_kind(const struct kt_api *a, struct kt_str q, bool *ret,
                                 struct kt_error *err)
{
    struct kt_query *query = NULL;
    if (kt_query_parse_at(q, a->now, a->ask->zone_offset_s, &query, err) != KT_OK)
        return err->code;
    *ret = kt_query_names_kind(query);
    kt_query_free(query);
    return KT_OK;
}

enum kt_status kt_api_export(struct kt_api *a, struct kt_error *err)
{
    const struct form *form = form_of(kt_api_get(a, "form"));
    struct walk w = { .a = a };
    struct kt_str q;
    char day[KT_TIME_TEXT_MAX];
    bool kinds = false;
    if (form == NULL)
        return kt_fail(err, KT_E_INPUT, "form is csv or ndjson");
    if (kt_api_question(a, SPAN, &q, err) != KT_OK || names_kind(a, q, &kinds, err) != KT_OK)
        return err->code;
    a->type = form->type;
    (void)snprintf(a->file, sizeof a->file, "keytrail-%.10s.%s", kt_time_format_short(a->now, day),
                   form->word);
    w.rows = kt_record_rows_new(form->how, kinds, true, put, &w);
    enum kt_status status = kt_ask_records(a->ask, q, take, &w, err);
    kt_rows_end(w.rows);
    return status != KT_OK ? status : send(&w, err);
}
