/*
 * cef: events and alerts in ArcSight's Common Event Format, as the text of syslog messages. [S:
 * Micro Focus, "ArcSight Common Event Format", version 25; EXPORTS §2.2]
 *
 * Owns:  the names and order of the keys.
 * Calls: syslog_frame, said, attack, exporters/alerts/render. No I/O, no clock.
 * Holds: a message stays within 8 KiB: a key that does not fit whole is left out, the last ones
 *        first. No control character, no bidi control, no zero-width character goes out.
 */
#include "exporters/alerts/render.h"
#include "exporters/streams/attack.h"
#include "exporters/streams/doc.h"
#include "exporters/streams/syslog_frame.h"
#include <inttypes.h>

#define TEXT_MAX   1023u
#define CUSTOM_MAX 2000u

struct options {
    struct kt_syslog_options syslog;
};

static const struct kt_option options[] = {
    KT_SYSLOG_OPTIONS(struct options, syslog),
    KT_OPTIONS_END,
};

struct cef {
    size_t begin; /* of the message in body */
    struct kt_arena *arena;
    struct kt_buf *body;
    bool any; /* a key was written */
};

/* ---- escapes ---- */

/* Of the header '\' and '|', of the extension '\' and '='; line ends are gone already. */
static void add_escaped(struct kt_str s, char other, struct kt_buf *to)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] == '\\' || s.at[i] == other)
            kt_buf_byte(to, '\\');
        kt_buf_byte(to, s.at[i]);
    }
}

/* Writes key=value when the whole of it fits. */
static void add(struct cef *c, const char *key, struct kt_str value, size_t max)
{
    struct kt_str shown = kt_render_people(c->arena, value, max);
    size_t before = c->body->len;
    if (shown.len == 0)
        return;
    if (c->any)
        kt_buf_byte(c->body, ' ');
    kt_buf_addz(c->body, key);
    kt_buf_byte(c->body, '=');
    add_escaped(shown, '=', c->body);
    if (kt_syslog_room(c->begin, c->body) == 0)
        c->body->len = before;
    else
        c->any = true;
}

static void add_number(struct cef *c, const char *key, int64_t v)
{
    add(c, key, kt_arena_fmt(c->arena, "%" PRId64, v), 24);
}

static void add_time(struct cef *c, const char *key, kt_time_ns t)
{
    if (t != 0)
        add_number(c, key, kt_doc_floor(t, KT_NS_MS));
}

/* A custom key and its label: one without the other says nothing. */
static void add_labelled(struct cef *c, const char *key, const char *label_key, const char *label,
                         struct kt_str value)
{
    size_t before = c->body->len;
    bool any = c->any;
    if (value.len == 0)
        return;
    add(c, label_key, kt_str_of(label), 64);
    size_t labelled = c->body->len;
    add(c, key, value, CUSTOM_MAX);
    if (c->body->len == labelled || labelled == before) {
        c->body->len = before;
        c->any = any;
    }
}

static void add_address(struct cef *c, struct kt_str text)
{
    struct kt_ip ip;
    if (!kt_ip_parse(text, &ip))
        return;
    if (kt_ip_is_v4(ip))
        add(c, "src", text, KT_IP_TEXT_MAX);
    else
        add_labelled(c, "c6a2", "c6a2Label", "Source IPv6 Address", text);
}

/* ---- head ---- */

static void head(struct cef *c, struct kt_str class, struct kt_str name, int severity)
{
    kt_buf_addz(c->body, "CEF:0|Keytrail|keytrail|" KT_VERSION "|");
    add_escaped(kt_render_people(c->arena, class, 64), '|', c->body);
    kt_buf_byte(c->body, '|');
    add_escaped(kt_render_people(c->arena, name, 128), '|', c->body);
    kt_buf_addf(c->body, "|%d|", severity);
}

/* ---- events ---- */

static void event_place(struct cef *c, const struct kt_stream_item *item)
{
    const struct kt_event *ev = item->event;
    const struct kt_fact *fact = item->fact;
    add(c, "shost", ev->host, 255);
    add(c, "app", ev->source, 31);
    add(c, "dvchost", kt_str_of(item->deployment), 100);
    add(c, "deviceExternalId", ev->instance, 255);
    add_labelled(c, "cs1", "cs1Label", "secretName",
                 ev->secret.len > 0 ? ev->secret : ev->secret_native);
    add(c, "filePath", ev->secret.len > 0 ? ev->secret : ev->secret_native, TEXT_MAX);
    add(c, "fname", kt_stream_last_part(ev->secret), TEXT_MAX);
    add(c, "requestClientApplication", ev->user_agent, TEXT_MAX);
    if (fact != NULL) {
        add_labelled(c, "cs3", "cs3Label", "geoCountry", fact->country);
        add_labelled(c, "cs4", "cs4Label", "asnOrg", fact->org);
        if (fact->asn != 0)
            add_labelled(c, "cn2", "cn2Label", "asn", kt_arena_fmt(c->arena, "%u", fact->asn));
    }
}

static void event(struct cef *c, const struct kt_stream_item *item)
{
    const struct kt_event *ev = item->event;
    char ip[KT_IP_TEXT_MAX];
    bool access = kt_stream_is_access(item);
    const char *word = access ? kt_action_word(ev->action) : kt_kind_word(ev->kind);
    head(c, kt_str_of(kt_stream_name(item)),
         kt_arena_cat(c->arena, access ? KT_STR("Secret ") : KT_STR("Keytrail "),
                      kt_render_words(c->arena, word)),
         kt_severity_words[KT_SEV_INFO].cef);
    add_time(c, "rt", kt_stream_time(item));
    add(c, "externalId", kt_str_of(item->id), 40);
    add(c, "cat", kt_str_of(kt_kind_word(ev->kind)), 64);
    add(c, "act", kt_str_of(word), 63);
    if (access) {
        add(c, "outcome",
            kt_str_of(ev->outcome == KT_OUT_SUCCESS   ? "success"
                      : ev->outcome == KT_OUT_UNKNOWN ? "unknown"
                                                      : "failure"),
            63);
        if (ev->outcome >= KT_OUT_DENIED)
            add(c, "reason", kt_str_of(kt_outcome_word(ev->outcome)), TEXT_MAX);
    }
    if (ev->has_ip)
        add_address(c, kt_str_of(kt_ip_format(ev->ip, ip)));
    add(c, "suser", ev->actor.len > 0 ? ev->actor : ev->actor_native, TEXT_MAX);
    add(c, "suid", ev->actor_native, TEXT_MAX);
    event_place(c, item);
    add(c, "msg", kt_stream_sentence(item, c->arena), TEXT_MAX);
}

/* ---- alerts ---- */

static void alert(struct cef *c, const struct kt_stream_item *item)
{
    const struct kt_alert *a = item->alert;
    const struct kt_attack *t = kt_attack_of(a->detector);
    const struct kt_attack_name *mitre = t->sub != NULL ? t->sub : t->technique;
    head(c, kt_str_of(a->detector), kt_render_words(c->arena, a->detector),
         kt_severity_words[a->severity].cef);
    add_time(c, "rt", kt_stream_time(item));
    add(c, "externalId", kt_str_of(item->id), 40);
    add(c, "cat", KT_STR("alert"), 64);
    add(c, "act", kt_stream_status(a), 63);
    add(c, "outcome", a->life.verdict, 63);
    add(c, "reason", a->life.note, TEXT_MAX);
    add(c, "duser", a->life.assignee, TEXT_MAX);
    add_time(c, "start", a->first);
    add_time(c, "end", a->last);
    add_number(c, "cnt", (int64_t)a->events_count);
    add_address(c, a->ip);
    add(c, "suser", a->actor, TEXT_MAX);
    add(c, "app", a->source, 31);
    add(c, "dvchost", kt_str_of(item->deployment), 100);
    add(c, "deviceExternalId", a->instance, 255);
    add_labelled(c, "cs1", "cs1Label", "secretName", a->secret);
    add_labelled(c, "cs2", "cs2Label", "detector", kt_str_of(a->detector));
    add_labelled(c, "cs3", "cs3Label", "geoCountry", a->country);
    add_labelled(c, "cs4", "cs4Label", "asnOrg", a->network);
    add_labelled(c, "cs5", "cs5Label", "alertId", kt_str_of(item->about));
    if (mitre != NULL)
        add_labelled(c, "cs6", "cs6Label", "mitre", kt_str_of(mitre->id));
    add_labelled(c, "cn1", "cn1Label", "riskScore",
                 kt_arena_fmt(c->arena, "%d", kt_severity_words[a->severity].ecs));
    add(c, "requestClientApplication", a->user_agent, TEXT_MAX);
    add(c, "msg", kt_stream_sentence(item, c->arena), TEXT_MAX);
}

/* ---- the type ---- */

static enum kt_status add_item(const void *opt, void *state, const struct kt_stream_item *item,
                               struct kt_arena *arena, struct kt_buf *body, struct kt_error *err)
{
    const struct options *o = opt;
    bool is_alert = item->what == KT_STREAM_ALERT;
    struct cef c = { .arena = arena, .body = body };
    (void)state;
    c.begin = kt_syslog_begin(&o->syslog, item, is_alert ? "ALERT" : kt_stream_name(item), body);
    kt_buf_addz(body, "- ");
    if (is_alert)
        alert(&c, item);
    else
        event(&c, item);
    kt_syslog_finish(&o->syslog, c.begin, body);
    return arena->full ? kt_fail(err, KT_E_LIMIT, "cef: the item does not fit") : KT_OK;
}

static enum kt_status check(const void *opt, struct kt_error *err)
{
    return kt_syslog_check(&((const struct options *)opt)->syslog, err);
}

const struct kt_stream_type kt_stream_type_cef = {
    .name = "cef",
    .summary = "Common Event Format in syslog messages over TLS",
    .options = options,
    .options_size = sizeof(struct options),
    .sink = KT_STREAM_SINK_SYSLOG,
    .limits = { .items = 1000, .bytes = 1u << 20, .wait_ms = 200 },
    .add = add_item,
    .check = check,
};
