/*
 * columns: an item as one flat row.
 *
 * Owns:  nothing.
 * Calls: core/event for the words, exporters/alerts for an alert's. No I/O, no clock.
 */
#include "exporters/streams/columns.h"

const struct kt_stream_column_of kt_stream_columns[KT_SC_COUNT] = {
#define X(name, form) { #name, KT_COLUMN_##form },
    KT_STREAM_COLUMNS(X)
#undef X
};

static void row_of_event(const struct kt_stream_item *item, struct kt_stream_row *r)
{
    const struct kt_event *ev = item->event;
    const struct {
        enum kt_stream_column column;
        struct kt_str text;
    } texts[] = {
#define T(name) { KT_SC_##name, ev->name }
        T(source),
        T(instance),
        T(scope),
        T(operation),
        T(code),
        T(actor),
        T(actor_name),
        T(session),
        T(credential),
        T(role),
        T(secret),
        T(version),
        T(store),
        T(user_agent),
        T(region),
        T(host),
        T(reason),
        T(ticket),
        T(request_id),
        T(message),
#undef T
        { KT_SC_kind, kt_str_of(kt_kind_word(ev->kind)) },
        { KT_SC_action, kt_str_of(kt_action_word(ev->action)) },
        { KT_SC_outcome, kt_str_of(kt_outcome_word(ev->outcome)) },
        { KT_SC_actor_kind, kt_str_of(kt_actor_kind_word(ev->actor_kind)) },
        { KT_SC_ip, ev->has_ip ? kt_str_of(kt_ip_format(ev->ip, r->ip)) : KT_STR_NONE },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(texts); i++)
        r->text[texts[i].column] = texts[i].text;
    if (item->fact != NULL) {
        r->text[KT_SC_country] = item->fact->country;
        r->text[KT_SC_network] = item->fact->org;
        r->number[KT_SC_asn] = item->fact->asn;
    }
    r->number[KT_SC_time] = ev->time != 0 ? ev->time : item->arrival;
}

static void row_of_alert(const struct kt_stream_item *item, struct kt_stream_row *r)
{
    const struct kt_alert *a = item->alert;
    const struct {
        enum kt_stream_column column;
        struct kt_str text;
    } texts[] = {
#define T(name) { KT_SC_##name, a->name }
        T(source),
        T(instance),
        T(actor),
        T(actor_kind),
        T(secret),
        T(ip),
        T(country),
        T(network),
        T(user_agent),
#undef T
        { KT_SC_kind, KT_STR("alert") },
        { KT_SC_message, a->title },
        { KT_SC_severity, kt_str_of(kt_severity_words[a->severity].word) },
        { KT_SC_detector, kt_str_of(a->detector) },
        { KT_SC_state, kt_str_of(a->state != NULL ? a->state : "open") },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(texts); i++)
        r->text[texts[i].column] = texts[i].text;
    r->number[KT_SC_score] = a->score;
    r->number[KT_SC_time] = item->stored;
}

void kt_stream_row_of(const struct kt_stream_item *item, struct kt_stream_row *ret)
{
    *ret = (struct kt_stream_row){ .text = { [KT_SC_id] = kt_str_of(item->id),
                                             [KT_SC_about] = kt_str_of(item->about),
                                             [KT_SC_deployment] = kt_str_of(item->deployment),
                                             [KT_SC_log] = kt_str_of(item->log),
                                             [KT_SC_line] = item->line },
                                   .number = { [KT_SC_arrival] = item->arrival,
                                               [KT_SC_stored] = item->stored,
                                               [KT_SC_seq] = (int64_t)item->seq,
                                               [KT_SC_conflict] = item->conflict } };
    if (item->what == KT_STREAM_EVENT)
        row_of_event(item, ret);
    else
        row_of_alert(item, ret);
}
