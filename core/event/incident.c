/*
 * incident: reading, checking, writing and saying what people do about an incident.
 *
 * Owns:  the names of the members, and what each act must and may have.
 * Calls: core/base, core/event (json, line). No clock, no I/O.
 * Holds: what kt_incident_read takes, kt_incident_write writes to the same members again.
 */
#include "core/event/incident.h"

#include <inttypes.h>
#include <string.h>

#include "core/base/enc.h"
#include "core/event/line.h"

static const struct {
    const char *word, *title, *task;
} runbook[] = {
#define X(n, w, t, d) { w, t, d },
    KT_RUNBOOK(X)
#undef X
};

const char *kt_runbook_word(enum kt_runbook step)
{
    return runbook[step].word;
}

const char *kt_runbook_title(enum kt_runbook step)
{
    return runbook[step].title;
}

const char *kt_runbook_task(enum kt_runbook step)
{
    return runbook[step].task;
}

int kt_runbook_of(struct kt_str word)
{
    for (int i = 0; i < KT_RUNBOOK_COUNT; i++)
        if (kt_str_is(word, runbook[i].word))
            return i;
    return -1;
}

static const char *const operations[KT_INCIDENT_WHATS] = {
    [KT_INCIDENT_OPEN] = "incident.open",   [KT_INCIDENT_NOTE] = "incident.note",
    [KT_INCIDENT_STEP] = "incident.step",   [KT_INCIDENT_LIST] = "incident.list",
    [KT_INCIDENT_CLOSE] = "incident.close",
};

const char *kt_incident_word(enum kt_incident_what what)
{
    return operations[what];
}

int kt_incident_of(struct kt_str operation)
{
    for (int i = 0; i < KT_INCIDENT_WHATS; i++)
        if (kt_str_is(operation, operations[i]))
            return i;
    return -1;
}

static const char *const abouts[KT_ABOUT_COUNT] = {
    [KT_ABOUT_ALERT] = "alert", [KT_ABOUT_CREDENTIAL] = "credential", [KT_ABOUT_SECRET] = "secret"
};

const char *kt_incident_about_word(enum kt_incident_about about)
{
    return abouts[about];
}

int kt_incident_about_of(struct kt_str word)
{
    for (int i = 0; i < KT_ABOUT_COUNT; i++)
        if (kt_str_is(word, abouts[i]))
            return i;
    return -1;
}

/* ---- texts ---- */

#define IN(what) (1u << KT_INCIDENT_##what)
#define ALL      ((1u << KT_INCIDENT_WHATS) - 1)
#define TEXT(name, field, may, must)                                                               \
    {                                                                                              \
        name, offsetof(struct kt_incident_act, field),                                             \
            sizeof(((struct kt_incident_act *)0)->field), (may) | (must), must                     \
    }
static const struct text {
    const char *name;
    size_t offset, size;
    unsigned may, must; /* bits of enum kt_incident_what */
} texts[] = {
    TEXT("id", id, ALL, 0),
    TEXT("subject", subject, 0, IN(OPEN)),
    TEXT("as", as, IN(OPEN), 0),
    TEXT("reason", reason, IN(LIST), IN(OPEN) | IN(NOTE) | IN(STEP) | IN(CLOSE)),
    TEXT("by", by, 0, ALL),
    TEXT("where", where, ALL, 0),
    TEXT("markdown", markdown, IN(CLOSE), 0),
    TEXT("html", html, IN(CLOSE), 0),
};

static enum kt_status read_text(const struct text *t, unsigned bit, struct kt_str s,
                                struct kt_incident_act *ret, struct kt_error *err)
{
    if (s.len > 0 && (t->may & bit) == 0)
        return kt_fail(err, KT_E_INPUT, "'%s' has no meaning here", t->name);
    if (s.len == 0 && (t->must & bit) != 0)
        return kt_fail(err, KT_E_INPUT, "'%s' is missing", t->name);
    if (s.len >= t->size)
        return kt_fail(err, KT_E_INPUT, "'%s' has %zu bytes; at most %zu are kept", t->name, s.len,
                       t->size - 1);
    if (kt_str_find_byte(s, '\0', 0) >= 0)
        return kt_fail(err, KT_E_INPUT, "'%s' holds a NUL", t->name);
    kt_str_copyz((char *)ret + t->offset, t->size, s);
    return KT_OK;
}

/* ---- one act each ---- */

static kt_time_ns ns_at(struct kt_jval root, const char *name)
{
    int64_t n;
    return kt_json_i64(kt_json_path(root, name), &n) && n > 0 ? n : 0;
}

static enum kt_status read_open(struct kt_jval root, struct kt_incident_act *a,
                                struct kt_error *err)
{
    a->about = kt_incident_about_of(kt_json_str_at(root, "about"));
    a->since = ns_at(root, "since");
    a->until = ns_at(root, "until");
    if (a->about < 0)
        return kt_fail(err, KT_E_INPUT, "an incident is about an alert, a credential or a secret");
    uint8_t id[16];
    if (a->about == KT_ABOUT_ALERT && !kt_id_parse(kt_str_of(a->subject), id))
        return kt_fail(err, KT_E_INPUT, "'subject' of an incident about an alert is its id");
    if (a->about == KT_ABOUT_ALERT)
        (void)kt_id_format(id, a->subject);
    if (a->until != 0 && a->until <= a->since)
        return kt_fail(err, KT_E_INPUT, "'until' does not lie after 'since'");
    return KT_OK;
}

static enum kt_status read_step(struct kt_jval root, struct kt_incident_act *a,
                                struct kt_error *err)
{
    a->step = kt_runbook_of(kt_json_str_at(root, "step"));
    a->undone = kt_json_bool(kt_json_at(root, "undone"), false);
    if (a->step < 0)
        return kt_fail(err, KT_E_INPUT,
                       "a step is confirm, blast, rotate, deploy, revoke, audit, "
                       "tell or document");
    return KT_OK;
}

static bool read_secret(struct kt_jval v, struct kt_incident_secret *ret)
{
    struct kt_str name, id = kt_json_str_at(v, "secret");
    struct kt_jval version;
    struct kt_json_iter it = kt_json_iter(kt_json_at(v, "versions"));
    int64_t reads = 0, issued = 0;
    *ret = (struct kt_incident_secret){ .secret = id };
    if (id.len == 0 || id.len > KT_INCIDENT_SECRET_MAX)
        return false;
    while (ret->n_versions < KT_INCIDENT_VERSIONS_MAX && kt_json_next(&it, &name, &version)) {
        struct kt_str s = kt_json_str(version);
        if (s.len > 0 && s.len <= 128)
            ret->version[ret->n_versions++] = s;
    }
    if (kt_json_i64(kt_json_at(v, "reads"), &reads) && reads > 0)
        ret->reads = (uint64_t)reads;
    if (kt_json_i64(kt_json_at(v, "issued"), &issued) && issued > 0)
        ret->issued = (uint64_t)issued;
    ret->first = ns_at(v, "first");
    ret->last = ns_at(v, "last");
    ret->pending = ns_at(v, "pending");
    return true;
}

bool kt_incident_secret_next(const struct kt_incident_act *a, struct kt_incident_walk *w,
                             struct kt_incident_secret *ret)
{
    struct kt_str name;
    struct kt_jval v;
    if (!w->begun)
        w->it = kt_json_iter(a->secrets);
    w->begun = true;
    return kt_json_next(&w->it, &name, &v) && read_secret(v, ret);
}

static enum kt_status read_list(struct kt_jval root, struct kt_incident_act *a,
                                struct kt_error *err)
{
    struct kt_incident_secret s;
    struct kt_json_iter it = kt_json_iter(kt_json_at(root, "secrets"));
    struct kt_str name;
    struct kt_jval v;
    int64_t part = 0;
    unsigned n = 0;
    a->secrets = kt_json_at(root, "secrets");
    a->more = kt_json_bool(kt_json_at(root, "more"), false);
    if (kt_json_type(a->secrets) != KT_JSON_ARRAY)
        return kt_fail(err, KT_E_INPUT, "'secrets' is missing: a list, which may be empty");
    if (!kt_json_i64(kt_json_at(root, "part"), &part) || part < 1 || part > KT_INCIDENT_SECRETS_MAX)
        return kt_fail(err, KT_E_INPUT, "'part' counts from 1");
    a->part = (uint32_t)part;
    while (kt_json_next(&it, &name, &v)) {
        if (++n > KT_INCIDENT_PART_MAX)
            return kt_fail(err, KT_E_INPUT, "a part has at most %u secrets", KT_INCIDENT_PART_MAX);
        if (!read_secret(v, &s))
            return kt_fail(err, KT_E_INPUT, "number %u of the secrets has no id, or a too long one",
                           n);
    }
    return KT_OK;
}

static bool is_sha256(const char *hex)
{
    uint8_t sum[32];
    return kt_hex_decode(kt_str_of(hex), sum, sizeof sum);
}

static enum kt_status read_close(struct kt_jval root, struct kt_incident_act *a,
                                 struct kt_error *err)
{
    struct kt_json_iter it = kt_json_iter(kt_json_at(root, "open"));
    struct kt_str name;
    struct kt_jval v;
    a->forced = kt_json_bool(kt_json_at(root, "forced"), false);
    while (kt_json_next(&it, &name, &v)) {
        int step = kt_runbook_of(kt_json_str(v));
        if (step < 0)
            return kt_fail(err, KT_E_INPUT, "'open' names steps of the runbook");
        a->open |= 1u << step;
    }
    if (a->open != 0 && !a->forced)
        return kt_fail(err, KT_E_INPUT, "steps are open: it is closed with 'forced' alone");
    if ((a->markdown[0] != '\0') != (a->html[0] != '\0') ||
        (a->markdown[0] != '\0' && (!is_sha256(a->markdown) || !is_sha256(a->html))))
        return kt_fail(err, KT_E_INPUT, "'markdown' and 'html' are SHA-256 in hex, both or none");
    return KT_OK;
}

static enum kt_status read_note(struct kt_jval root, struct kt_incident_act *a,
                                struct kt_error *err)
{
    (void)root;
    (void)a;
    (void)err;
    return KT_OK;
}

enum kt_status kt_incident_read(enum kt_incident_what what, struct kt_jval root,
                                struct kt_incident_act *ret, struct kt_error *err)
{
    static enum kt_status (*const rest[KT_INCIDENT_WHATS])(
        struct kt_jval root, struct kt_incident_act * a, struct kt_error * err) = {
        [KT_INCIDENT_OPEN] = read_open,   [KT_INCIDENT_NOTE] = read_note,
        [KT_INCIDENT_STEP] = read_step,   [KT_INCIDENT_LIST] = read_list,
        [KT_INCIDENT_CLOSE] = read_close,
    };
    struct kt_incident_act a = { .what = what };
    for (size_t i = 0; i < KT_ARRAY_LEN(texts); i++) {
        struct kt_str text = kt_str_trim(kt_json_str(kt_json_path(root, texts[i].name)));
        if (read_text(&texts[i], 1u << what, text, &a, err) != KT_OK)
            return KT_E_INPUT;
    }
    if (rest[what](root, &a, err) != KT_OK)
        return KT_E_INPUT;
    *ret = a;
    return KT_OK;
}

/* ---- writing ---- */

static void add_ns(struct kt_buf *out, const char *key, kt_time_ns t)
{
    if (t != 0)
        kt_buf_addf(out, ",\"%s\":%" PRId64, key, t);
}

static void write_steps(uint32_t open, struct kt_buf *out)
{
    const char *between = "";
    kt_buf_addz(out, ",\"open\":[");
    for (unsigned i = 0; i < KT_RUNBOOK_COUNT; i++) {
        if ((open & 1u << i) == 0)
            continue;
        kt_buf_addf(out, "%s\"%s\"", between, runbook[i].word);
        between = ",";
    }
    kt_buf_byte(out, ']');
}

void kt_incident_secret_write(const struct kt_incident_secret *s, struct kt_buf *out)
{
    kt_buf_addz(out, "{\"secret\":");
    kt_json_quote(out, s->secret);
    if (s->n_versions > 0)
        kt_buf_addz(out, ",\"versions\":[");
    for (unsigned i = 0; i < s->n_versions; i++) {
        kt_buf_addz(out, i > 0 ? "," : "");
        kt_json_quote(out, s->version[i]);
    }
    kt_buf_addf(out, "%s,\"reads\":%" PRIu64, s->n_versions > 0 ? "]" : "", s->reads);
    if (s->issued > 0)
        kt_buf_addf(out, ",\"issued\":%" PRIu64, s->issued);
    add_ns(out, "first", s->first);
    add_ns(out, "last", s->last);
    add_ns(out, "pending", s->pending);
    kt_buf_byte(out, '}');
}

static void write_list(const struct kt_incident_act *a, struct kt_buf *out)
{
    struct kt_incident_walk w = { 0 };
    struct kt_incident_secret s;
    const char *between = "";
    kt_buf_addf(out, ",\"part\":%u%s,\"secrets\":[", a->part, a->more ? ",\"more\":true" : "");
    while (kt_incident_secret_next(a, &w, &s)) {
        kt_buf_addz(out, between);
        kt_incident_secret_write(&s, out);
        between = ",";
    }
    kt_buf_byte(out, ']');
}

void kt_incident_write(const struct kt_incident_act *a, struct kt_buf *out)
{
    const char *between = "";
    kt_buf_byte(out, '{');
    for (size_t i = 0; i < KT_ARRAY_LEN(texts); i++) {
        const char *text = (const char *)a + texts[i].offset;
        if (text[0] == '\0')
            continue;
        kt_buf_addf(out, "%s\"%s\":", between, texts[i].name);
        kt_json_quote(out, kt_str_of(text));
        between = ",";
    }
    switch (a->what) {
    case KT_INCIDENT_OPEN:
        kt_buf_addf(out, ",\"about\":\"%s\"", abouts[a->about]);
        add_ns(out, "since", a->since);
        add_ns(out, "until", a->until);
        break;
    case KT_INCIDENT_STEP:
        kt_buf_addf(out, ",\"step\":\"%s\"%s", runbook[a->step].word,
                    a->undone ? ",\"undone\":true" : "");
        break;
    case KT_INCIDENT_LIST:
        write_list(a, out);
        break;
    case KT_INCIDENT_CLOSE:
        kt_buf_addz(out, a->forced ? ",\"forced\":true" : "");
        write_steps(a->open, out);
        break;
    case KT_INCIDENT_NOTE:
    case KT_INCIDENT_WHATS:
        break;
    }
    kt_buf_byte(out, '}');
}

/* ---- saying ---- */

void kt_incident_say(const struct kt_incident_act *a, struct kt_buf *out)
{
    switch (a->what) {
    case KT_INCIDENT_OPEN:
        kt_buf_addf(out, "opened about %s %s", abouts[a->about], a->subject);
        break;
    case KT_INCIDENT_NOTE:
        kt_buf_addz(out, "note");
        break;
    case KT_INCIDENT_STEP:
        kt_buf_addf(out, "%s %s", runbook[a->step].word, a->undone ? "is open again" : "done");
        break;
    case KT_INCIDENT_LIST:
        kt_buf_addf(out, "blast radius listed%s", a->part > 1 ? ", continued" : "");
        break;
    case KT_INCIDENT_CLOSE:
        kt_buf_addz(out, a->forced ? "closed by force" : "closed");
        break;
    case KT_INCIDENT_WHATS:
        break;
    }
    kt_buf_addf(out, " by %s", a->by);
    if (a->where[0] != '\0')
        kt_buf_addf(out, " (%s)", a->where);
    if (a->reason[0] != '\0')
        kt_buf_addf(out, ": %s", a->reason);
}
