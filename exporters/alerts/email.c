/*
 * email: an alert as a message of text and HTML (RFC 5322, 2045-2047, 3834; EXPORTS §1.7).
 *
 * Owns:  nothing.
 * Calls: render.h, email_mime.h. No I/O, no clock.
 * Holds: the handle is the Message-ID of the alert's first message, to which the others are
 * replies. No header holds a line end that is not its own: what comes from events is made visible
 *        first, addresses are letters, digits and a few signs.
 */
#include "core/base/html.h"
#include "exporters/alerts/email_mime.h"

#define SENTENCE_MAX   1200u
#define FIELD_MAX      600u
#define SUBJECT_MAX    200u
#define RECIPIENTS_MAX 20u

struct options {
    struct kt_target_files files;
    const char *from, *user;
    struct kt_strings to;
};

static const struct kt_option options[] = {
    { "server", KT_OPT_STRING, NULL, offsetof(struct options, files.server),
      "smtps://host:465, or smtp://host:587 with STARTTLS, which is required.", false, false },
    { "from", KT_OPT_STRING, NULL, offsetof(struct options, from), "Address of the sender.", false,
      false },
    { "to", KT_OPT_LIST, NULL, offsetof(struct options, to), "Addresses, at most 20.", false,
      false },
    { "user", KT_OPT_STRING, "", offsetof(struct options, user), "Name to log in with.", false,
      false },
    { "password_file", KT_OPT_SECRET_FILE, "", offsetof(struct options, files.key_file),
      "File (0600) with the password of user.", false, false },
    { "no_tls", KT_OPT_BOOL, "false", offsetof(struct options, files.no_tls),
      "Nothing is encrypted: for a relay on this host, with allow_private.", false, false },
    KT_OPTIONS_END,
};

/* An address without quotes, comments or other old forms: what goes into a header as it is. */
static bool is_address(const char *z)
{
    struct kt_str s = kt_str_of(z), local;
    if (s.len > 254 || !kt_str_split(&s, '@', &local) || local.len == 0 || local.len > 64)
        return false;
    const struct kt_str parts[] = { local, s };
    const char *const signs[] = { ".!#$%&'*+/=?^_`{|}~-", ".-" };
    for (size_t p = 0; p < KT_ARRAY_LEN(parts); p++)
        for (size_t i = 0; i < parts[p].len; i++) {
            char c = parts[p].at[i];
            bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
            if (!plain && kt_str_find_byte(kt_str_of(signs[p]), c, 0) < 0)
                return false;
        }
    return s.len > 0;
}

static enum kt_status check(const void *opt, struct kt_error *err)
{
    const struct options *o = opt;
    if (!is_address(o->from))
        return kt_fail(err, KT_E_CONFIG, "from: '%s' is no address like keytrail@example.com",
                       o->from);
    if (o->to.n == 0 || o->to.n > RECIPIENTS_MAX)
        return kt_fail(err, KT_E_CONFIG, "to: give 1 to %u addresses", RECIPIENTS_MAX);
    for (unsigned i = 0; i < o->to.n; i++)
        if (!is_address(o->to.at[i]))
            return kt_fail(err, KT_E_CONFIG, "to: '%s' is no address like oncall@example.com",
                           o->to.at[i]);
    if ((o->user != NULL) != (o->files.key_file != NULL))
        return kt_fail(err, KT_E_CONFIG, "user and password_file belong together");
    return KT_OK;
}

/* The first message's id, empty when this is the first. What is no id of ours was said by another
 * type of target that had this name before; it begins no header. */
static struct kt_str thread_of(const struct kt_target_turn *turn)
{
    struct kt_str id = turn->handle;
    bool fine = id.len > 2 && id.len < 250 && id.at[0] == '<' && id.at[id.len - 1] == '>';
    for (size_t i = 0; i < id.len; i++)
        fine = fine && id.at[i] > ' ' && id.at[i] <= '~';
    return fine ? id : KT_STR_NONE;
}

/* Stays the same over the messages of an alert: clients gather a thread by it, too. */
static struct kt_str subject(struct kt_arena *arena, const struct kt_target_turn *turn)
{
    const struct kt_alert *a = turn->alert;
    struct kt_str who = a->actor.len > 0 && turn->send != KT_SEND_CHANGE ? a->actor : a->title;
    struct kt_str s = kt_arena_fmt(
        arena, "%s[" KT_STR_FMT "] " KT_STR_FMT ": " KT_STR_FMT,
        thread_of(turn).len > 0 ? "Re: " : "", KT_STR_ARG(kt_render_severity(arena, a)),
        KT_STR_ARG(kt_render_words(arena, a->detector)), KT_STR_ARG(who));
    return kt_render_people(arena, s, SUBJECT_MAX);
}

static struct kt_str message_id(struct kt_arena *arena, const struct options *o,
                                const struct kt_target_turn *turn)
{
    struct kt_str domain = kt_str_of(o->from), local;
    (void)kt_str_split(&domain, '@', &local);
    return kt_arena_fmt(arena, "<%s.%lld@%.*s>", turn->alert->id, (long long)turn->row,
                        (int)(domain.len < 120 ? domain.len : 120), domain.at);
}

static void add_headers(struct kt_buf *out, struct kt_arena *arena, const struct options *o,
                        const struct kt_target_turn *turn, struct kt_str id)
{
    kt_mime_date(out, turn->now);
    kt_buf_addf(out, "From: keytrail <%s>\r\nTo: ", o->from);
    for (unsigned i = 0; i < o->to.n; i++)
        kt_buf_addf(out, "%s<%s>", i > 0 ? ",\r\n " : "", o->to.at[i]);
    kt_buf_addz(out, "\r\n");
    kt_mime_header(out, "Subject", subject(arena, turn));
    kt_buf_addf(out, "Message-ID: " KT_STR_FMT "\r\n", KT_STR_ARG(id));
    const struct kt_str thread = thread_of(turn);
    if (thread.len > 0)
        kt_buf_addf(out, "In-Reply-To: " KT_STR_FMT "\r\nReferences: " KT_STR_FMT "\r\n",
                    KT_STR_ARG(thread), KT_STR_ARG(thread));
    kt_buf_addz(out, "Auto-Submitted: auto-generated\r\nX-Auto-Response-Suppress: All\r\n");
}

/* ---- what it says ---- */

struct part { /* one of the two forms; strings are made visible already */
    struct kt_buf *out;
    bool html;
};

static void add_text(const struct part *p, struct kt_str s)
{
    if (p->html)
        kt_html_add(p->out, s);
    else
        kt_buf_add(p->out, s);
}

static void add_sentence(const struct part *p, struct kt_arena *arena, struct kt_str s)
{
    if (s.len == 0)
        return;
    kt_buf_addz(p->out, p->html ? "<p>" : "");
    add_text(p, kt_render_people(arena, s, SENTENCE_MAX));
    kt_buf_addz(p->out, p->html ? "</p>\n" : "\n\n");
}

static void add_row(const struct part *p, const char *label, struct kt_str value)
{
    kt_buf_addz(p->out, p->html ? "<tr><td><b>" : "");
    add_text(p, kt_str_of(label));
    kt_buf_addz(p->out, p->html ? "</b></td><td>" : ": ");
    add_text(p, value);
    kt_buf_addz(p->out, p->html ? "</td></tr>\n" : "\n");
}

static void add_link(const struct part *p, const char *label, struct kt_str url)
{
    if (url.len == 0)
        return;
    if (!p->html) {
        kt_buf_addf(p->out, "%s: " KT_STR_FMT "\n", label, KT_STR_ARG(url));
        return;
    }
    kt_buf_addz(p->out, "<p><a href=\"");
    kt_html_add(p->out, url);
    kt_buf_addf(p->out, "\">%s</a></p>\n", label);
}

static void add_words(const struct part *p, struct kt_arena *arena,
                      const struct kt_target_turn *turn)
{
    const struct kt_alert *a = turn->alert;
    struct kt_render_fact facts[KT_RENDER_FACTS_MAX];
    unsigned n = kt_render_facts(a, arena, facts);
    if (p->html)
        kt_buf_addf(p->out, "<h2 style=\"color:%s\">", kt_severity_words[a->severity].slack_colour);
    add_text(p, kt_render_people(arena, kt_render_head(arena, turn), SENTENCE_MAX));
    kt_buf_addz(p->out, p->html ? "</h2>\n" : "\n\n");
    add_sentence(p, arena, a->title);
    add_sentence(p, arena, a->normal);
    add_sentence(p, arena, a->why);
    kt_buf_addz(p->out, p->html ? "<table>\n" : "");
    for (unsigned i = 0; i < n; i++)
        add_row(p, facts[i].label, kt_render_people(arena, facts[i].value, FIELD_MAX));
    kt_buf_addz(p->out, p->html ? "</table>\n" : "");
    add_link(p, "Open alert", turn->alert_url);
    add_link(p, "Acknowledge", turn->ack_url);
    add_link(p, "Runbook", turn->runbook_url);
    kt_buf_addz(p->out, p->html ? "" : "\n");
    add_sentence(p, arena,
                 kt_arena_fmt(arena, "%s · %llu events · keytrail", a->id,
                              (unsigned long long)a->events_count));
}

static void add_part(struct kt_buf *out, struct kt_arena *arena, const struct kt_target_turn *turn,
                     struct kt_str boundary, bool html)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf words = { 0 };
    const struct part p = { &words, html };
    add_words(&p, arena, turn);
    kt_buf_addf(out,
                "--" KT_STR_FMT "\r\nContent-Type: text/%s; charset=utf-8\r\n"
                "Content-Transfer-Encoding: base64\r\n\r\n",
                KT_STR_ARG(boundary), html ? "html" : "plain");
    kt_mime_text(out, kt_buf_str(&words));
}

static enum kt_status render(const void *opt, const struct kt_target_secrets *secrets,
                             const struct kt_target_turn *turn, struct kt_arena *arena,
                             struct kt_target_request *ret, struct kt_error *err)
{
    const struct options *o = opt;
    struct kt_str id = message_id(arena, o, turn);
    /* No base64 holds it. */
    struct kt_str boundary =
        kt_arena_fmt(arena, "keytrail-%s-%lld", turn->alert->id, (long long)turn->row);
    add_headers(&ret->body, arena, o, turn, id);
    kt_buf_addf(
        &ret->body,
        "MIME-Version: 1.0\r\nContent-Type: multipart/alternative;\r\n boundary=\"" KT_STR_FMT
        "\"\r\n\r\n",
        KT_STR_ARG(boundary));
    add_part(&ret->body, arena, turn, boundary, false);
    if (!turn->plain)
        add_part(&ret->body, arena, turn, boundary, true);
    kt_buf_addf(&ret->body, "--" KT_STR_FMT "--\r\n", KT_STR_ARG(boundary));
    if (arena->full)
        return kt_fail(err, KT_E_LIMIT, "email: the alert does not fit");
    ret->url = secrets->url.len > 0 ? secrets->url : kt_str_of(o->files.server);
    ret->handle = thread_of(turn).len > 0 ? turn->handle : id;
    ret->mail = (struct kt_mail){ .from = o->from,
                                  .to = o->to.at,
                                  .n_to = o->to.n,
                                  .user = kt_str_of(o->user),
                                  .password = secrets->key,
                                  .no_tls = o->files.no_tls };
    return KT_OK;
}

/* 4xx is for now, 5xx for good (RFC 5321 §4.2.1). */
static void judge(const struct kt_target_reply *reply, struct kt_target_ruling *ret)
{
    (void)snprintf(ret->word, sizeof ret->word, "smtp_%d%s" KT_STR_FMT, reply->status,
                   reply->body.len > 0 ? "," : "", KT_STR_ARG(kt_utf8_cut(reply->body, 40)));
    ret->verdict = reply->status == 250                          ? KT_DELIVERED
                   : reply->status >= 500 && reply->status < 600 ? KT_REFUSED
                                                                 : KT_RETRY;
}

const struct kt_target kt_target_email = {
    .name = "email",
    .summary = "E-mail by SMTP, one thread an alert",
    .options = options,
    .options_size = sizeof(struct options),
    .by_mail = true,
    .per_second = 1,
    .for_people = true,
    .check = check,
    .render = render,
    .judge = judge,
};
