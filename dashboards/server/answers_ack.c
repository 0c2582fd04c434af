/*
 * answers_ack: one answer: judged, asked for at the collector, and what its sender hears.
 *
 * Owns:  the table of ways.
 * Calls: inbound, core/wire/control_client, core/base (HTML), jansson.
 * Holds: a sender hears 200 only after the collector's commit, and 503 when it cannot be asked, so
 *        that he tries again; a GET changes nothing: previews of messages follow links, too.
 */
#include "dashboards/server/answers_ack.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "core/base/html.h"
#include "core/base/log.h"
#include "core/event/line.h"
#include "core/wire/control_client.h"

#define PATIENCE_S 3u /* with the collector */

struct answer { /* to the sender */
    unsigned status;
    const char *title; /* of a page */
    const char *text;  /* what went wrong, or what was done; as long as the error that it is of */
};

/* ---- the ways ---- */

static enum kt_status judge_pagerduty(const struct kt_acks *a, const struct kt_ack_given *g,
                                      kt_time_ns now, struct kt_inbound *ret, struct kt_error *err)
{
    return kt_inbound_pagerduty(kt_buf_str(&a->secret[KT_ACK_PAGERDUTY]), g->signature, g->body,
                                now, ret, err);
}

static enum kt_status judge_slack(const struct kt_acks *a, const struct kt_ack_given *g,
                                  kt_time_ns now, struct kt_inbound *ret, struct kt_error *err)
{
    return kt_inbound_slack(kt_buf_str(&a->secret[KT_ACK_SLACK]), a->slack_teams, g->timestamp,
                            g->signature, g->body, now, ret, err);
}

static enum kt_status judge_link(const struct kt_acks *a, const struct kt_ack_given *g,
                                 kt_time_ns now, struct kt_inbound *ret, struct kt_error *err)
{
    return kt_inbound_link(kt_buf_str(&a->secret[KT_ACK_LINK]), g->query, g->body, now, ret, err);
}

static const struct kt_ack_route routes[] = {
    { .path = KT_STR_INIT("/pagerduty"),
      .method = "POST",
      .way = KT_ACK_PAGERDUTY,
      .judge = judge_pagerduty,
      .where = "pagerduty (webhook)",
      .signature = "X-PagerDuty-Signature",
      .told_by = "[\"pagerduty\"]",
      .acts = true,
      .refused = 200 },
    { .path = KT_STR_INIT("/slack"),
      .method = "POST",
      .way = KT_ACK_SLACK,
      .judge = judge_slack,
      .where = "slack (button)",
      .signature = "X-Slack-Signature",
      .timestamp = "X-Slack-Request-Timestamp",
      .told_by = "[\"slack\",\"slack_bot\"]",
      .acts = true,
      .refused = 409 }, /* Slack shows whoever pressed it that it did not work */
    { .path = KT_STR_INIT(KT_ACK_PATH),
      .method = "GET",
      .way = KT_ACK_LINK,
      .judge = judge_link,
      .where = "link",
      .page = true },
    { .path = KT_STR_INIT(KT_ACK_PATH),
      .method = "POST",
      .way = KT_ACK_LINK,
      .judge = judge_link,
      .where = "link",
      .acts = true,
      .page = true,
      .refused = 409 },
};

const struct kt_ack_route *kt_ack_route(const struct kt_acks *a, struct kt_str path,
                                        struct kt_str method, unsigned *ret_no)
{
    *ret_no = 404;
    for (size_t i = 0; i < KT_ARRAY_LEN(routes); i++) {
        if (!kt_str_eq(path, routes[i].path) || a->secret[routes[i].way].len == 0)
            continue;
        if (kt_str_is(method, routes[i].method))
            return &routes[i];
        *ret_no = 405;
    }
    return NULL;
}

/* ---- the collector ---- */

static void write_reason(const struct kt_inbound *in, struct kt_buf *out)
{
    char at[KT_TIME_TEXT_MAX];
    kt_time_format_short(in->answer.at, at);
    if (in->link_to[0] == '\0') {
        kt_buf_addf(out, "%s there at %s UTC (entry %s)",
                    in->answer.resolved ? "resolved" : "acknowledged", at, in->answer.entry);
        return;
    }
    kt_buf_addf(out, "by the link that %s got at %s UTC (entry %s)", in->link_to, at,
                in->answer.entry);
    if (in->claims_name[0] != '\0')
        kt_buf_addf(out, "; whoever used it claims to be %s", in->claims_name);
}

static void write_request(const struct kt_inbound *in, const struct kt_ack_route *route,
                          struct kt_buf *out)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf said = { 0 }, reason = { 0 };
    write_reason(in, &said);
    kt_tty_add(&reason, kt_buf_str(&said)); /* an entry is in its sender's words */
    kt_buf_addf(out, "{\"do\":\"ack\",\"ids\":[\"%s\"],", in->alert);
    if (in->has_seen)
        kt_buf_addf(out, "\"saw\":{\"severity\":\"%s\",\"reopened\":%llu}",
                    kt_severity_words[in->seen.severity].word,
                    (unsigned long long)in->seen.reopened);
    else
        kt_buf_addf(out, "\"at\":%lld,\"told_by\":%s", (long long)in->answer.at, route->told_by);
    kt_buf_addz(out, ",\"by\":");
    kt_json_quote(out, kt_str_of(in->answer.by));
    kt_buf_addz(out, ",\"where\":");
    kt_json_quote(out, kt_str_of(route->where));
    kt_buf_addz(out, ",\"reason\":");
    kt_json_quote(out, kt_buf_str(&reason));
    kt_buf_byte(out, '}');
}

/* "It is acknowledged already: by alice (cli on ops-1), 2026-11-22 20:14 UTC." */
static void say_first(const json_t *said, char *ret, size_t size)
{
    const char *by = json_string_value(json_object_get(said, "by"));
    const char *where = json_string_value(json_object_get(said, "where"));
    const char *status = json_string_value(json_object_get(said, "status"));
    char at[KT_TIME_TEXT_MAX];
    (void)snprintf(ret, size, "It is %s already: by %s (%s), %.16s UTC.",
                   status != NULL ? status : "answered", by != NULL ? by : "somebody",
                   where != NULL ? where : "elsewhere",
                   kt_time_format_short(json_integer_value(json_object_get(said, "at")), at));
}

/* first: filled where it was so already, which is fine. KT_E_INPUT: the alert cannot be
 * acknowledged, for good; anything else may be better later. */
static enum kt_status order(const struct kt_acks *a, const struct kt_inbound *in,
                            const struct kt_ack_route *route, char *first, size_t first_size,
                            struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf request = { 0 }, said = { 0 };
    write_request(in, route, &request);
    if (kt_control_ask_within(a->control, kt_buf_str(&request), PATIENCE_S, &said, err) != KT_OK)
        return KT_E_IO;
    json_auto_t *root = json_loadb(kt_buf_z(&said), said.len, JSON_DISABLE_EOF_CHECK, NULL);
    const char *refused = json_string_value(json_object_get(root, "refused"));
    if (refused != NULL)
        return kt_fail(err, KT_E_INPUT, "%s", refused);
    if (json_object_get(root, "alert") == NULL)
        return kt_fail(err, KT_E_IO, "the collector answered: " KT_STR_FMT,
                       KT_STR_ARG(kt_utf8_cut(kt_str_trim(kt_buf_str(&said)), 200)));
    if (json_is_false(json_object_get(root, "changed")))
        say_first(root, first, first_size);
    return KT_OK;
}

/* ---- what comes of a request ---- */

/* Strangers fill no log: one line a minute, with how many were refused before it. */
static void log_refusal(struct kt_acks *a, const struct kt_ack_route *route,
                        const struct kt_error *why)
{
    kt_time_ns now = a->clock->mono(a->clock->self);
    char text[KT_LOG_VALUE];
    a->refused++;
    if (a->minute != 0 && now - a->minute < KT_NS_MIN)
        return;
    kt_log(KT_LOG_WARN, "dashboard: answers refused n=%u last='%s' why='%s'", a->refused,
           route->where, kt_log_value(why->text, text));
    a->minute = now;
    a->refused = 0;
}

static struct answer act(struct kt_acks *a, const struct kt_ack_route *route,
                         const struct kt_inbound *in, kt_time_ns now, struct kt_error *err)
{
    char first[sizeof err->text] = "", by[KT_LOG_VALUE], entry[KT_LOG_VALUE];
    enum kt_status st = order(a, in, route, first, sizeof first, err);
    kt_log(st == KT_OK || st == KT_E_INPUT ? KT_LOG_INFO : KT_LOG_WARN,
           "dashboard: answer alert=%s where='%s' by='%s' entry='%s'%s%s", in->alert, route->where,
           kt_log_value(in->answer.by, by), kt_log_value(in->answer.entry, entry),
           st == KT_OK ? "" : ": ", st == KT_OK ? "" : err->text);
    if (st != KT_OK && st != KT_E_INPUT) {
        return (struct answer){ 503, "Not acknowledged",
                                "The collector cannot be asked just now: try again." };
    }
    kt_inbound_keep(a->heard, route->where, in, now);
    if (st == KT_E_INPUT)
        return (struct answer){ route->refused, "Not acknowledged", err->text };
    if (first[0] == '\0')
        return (struct answer){ 200, "Acknowledged", "It is in the log." };
    memcpy(err->text, first, sizeof first); /* outlives this call, as the struct says */
    return (struct answer){ route->page ? 409 : 200, "Nothing to do", err->text };
}

/* What `notify test` sent: the signature fits, and there is no such alert. */
static bool is_test(const struct kt_inbound *in)
{
    return strcmp(in->alert, KT_ACK_TEST) == 0;
}

static struct answer judge(struct kt_acks *a, const struct kt_ack_route *route,
                           const struct kt_ack_given *given, struct kt_inbound *in,
                           struct kt_error *err)
{
    kt_time_ns now = a->clock->wall(a->clock->self);
    enum kt_status st = route->judge(a, given, now, in, err);
    if (st != KT_OK) {
        log_refusal(a, route, err);
        return (struct answer){ st != KT_E_DENIED ? 400
                                : route->page     ? 403
                                                  : 401,
                                "Not acknowledged", err->text };
    }
    if (in->alert[0] == '\0') {
        return (struct answer){ 200, "", "Nothing to do." };
    }
    if (is_test(in)) {
        return (struct answer){ 200, "It works",
                                "This was a test: there is nothing to acknowledge." };
    }
    if (kt_inbound_was_heard(a->heard, route->where, in, now)) {
        return (struct answer){ route->page ? 410 : 200, "Used already",
                                "This was taken already." };
    }
    if (route->acts)
        return act(a, route, in, now, err);
    return (struct answer){ 200, "Acknowledge this alert?",
                            "To acknowledge says that you look at it. The link works once." };
}

/* ---- what is said ---- */

/* One button, no script. The form posts to where it came from, whatever stands before our paths at
 * a proxy. */
static void write_page(const struct answer *w, const struct kt_inbound *in, bool button,
                       struct kt_buf *out)
{
    kt_buf_addz(out, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta "
                     "name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>");
    kt_html_add(out, kt_str_of(w->title));
    kt_buf_addz(out, "</title></head><body><main><h1>");
    kt_html_add(out, kt_str_of(w->title));
    kt_buf_addz(out, "</h1>\n");
    if (in->alert[0] != '\0' && !is_test(in))
        kt_buf_addf(out, "<p>Alert <code>%s</code> (%s)</p>\n", in->alert,
                    kt_severity_words[in->seen.severity].word);
    kt_buf_addz(out, "<p>");
    kt_html_text(out, kt_str_of(w->text));
    kt_buf_addz(out, "</p>\n");
    if (button)
        kt_buf_addz(out, "<form method=\"post\"><p><label>Your name, if you like: it is noted as "
                         "what you said <input name=\"name\" maxlength=\"60\" "
                         "autocomplete=\"name\"></label></p>\n"
                         "<button type=\"submit\">Acknowledge</button></form>\n");
    kt_buf_addz(out, "</main></body></html>\n");
}

void kt_ack_take(struct kt_acks *a, const struct kt_ack_route *route,
                 const struct kt_ack_given *given, struct kt_ack_said *ret)
{
    struct kt_error err = { 0 };
    struct kt_inbound in = { 0 };
    const struct answer w = judge(a, route, given, &in, &err);
    ret->status = w.status;
    ret->page = route->page;
    if (route->page)
        write_page(&w, &in, w.status == 200 && !route->acts && !is_test(&in), &ret->body);
    else
        kt_buf_addf(&ret->body, "%s\n", w.text);
}
