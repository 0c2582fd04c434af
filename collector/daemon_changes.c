/*
 * daemon_changes: what changed about the collector itself between two looks: its version, the
 * retention, the detectors' settings, the agents that may send.
 *
 * Owns:  the blob "changes": lines of "<code> <value>" as of the last look.
 * Calls: daemon_notes (a record, and a message to the targets that ask for changes), config, auth.
 * Holds: a first look says nothing: there is no before.
 */
#include "collector/daemon.h"
#include "core/base/enc.h"
#include "core/base/hash.h"
#include <inttypes.h>
#include <stdio.h>

#define BLOB      "changes"
#define NAMES_MAX 80u

static void add_version(const struct kt_daemon *d, struct kt_buf *out)
{
    (void)d;
    kt_buf_addz(out, KT_VERSION);
}

static void add_retention(const struct kt_daemon *d, struct kt_buf *out)
{
    kt_buf_addf(out, "%" PRId64 " days", d->conf->retention / KT_NS_DAY);
}

static void add_digest(struct kt_str text, struct kt_buf *out)
{
    uint8_t digest[32];
    kt_sha256_of(&text, 1, digest);
    kt_hex_add(out, digest, 8);
}

/* All that decides what is found, without where it is sent. */
static void add_detectors(const struct kt_daemon *d, struct kt_buf *out)
{
    static const char *const keys[] = { "detectors",   "networks", "canaries",       "production",
                                        "maintenance", "deploys",  "not_production", "rules",
                                        "break_glass", "holidays" };
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    for (size_t i = 0; i < KT_ARRAY_LEN(keys); i++)
        kt_conf_print_key(d->conf, keys[i], &text);
    for (unsigned i = 0; i < d->conf->n_files; i++)
        kt_buf_add(&text, d->conf->files[i].text);
    add_digest(kt_buf_str(&text), out);
}

/* Their names; of a long list the beginning and a digest of the whole. */
static void add_agents(const struct kt_daemon *d, struct kt_buf *out)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    for (unsigned i = 0; i < kt_auth_count(d->auth); i++) {
        const struct kt_agent_entry *e = kt_auth_at(d->auth, i);
        kt_buf_addf(&text, "%s%s%s", i > 0 ? ", " : "", e->name, e->revoked ? " (revoked)" : "");
    }
    if (text.len == 0)
        kt_buf_addz(&text, "empty");
    kt_buf_add(out, kt_utf8_cut(kt_buf_str(&text), NAMES_MAX));
    if (text.len > NAMES_MAX) {
        kt_buf_addz(out, "… ");
        add_digest(kt_buf_str(&text), out);
    }
}

static const struct {
    const char *code, *about;
    void (*value)(const struct kt_daemon *d, struct kt_buf *out);
    const char *sentence; /* NULL: "was … and is …" */
} looks[] = {
    { "collector.upgraded", "the version of the collector", add_version, NULL },
    { "retention.changed", "retention", add_retention, NULL },
    { "detectors.changed", "detection", add_detectors, "has other settings or rules" },
    { "agents.changed", "the list of agents", add_agents, NULL },
};

static struct kt_str line_of(struct kt_str text, const char *code)
{
    struct kt_str line, name;
    while (text.len > 0 && kt_str_split(&text, '\n', &line))
        if (kt_str_split(&line, ' ', &name) && kt_str_is(name, code))
            return line;
    return KT_STR_NONE;
}

static void look(struct kt_daemon *d, size_t i, struct kt_str before, struct kt_buf *now)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf value = { 0 }, was = { 0 };
    char sentence[240];
    looks[i].value(d, &value);
    kt_buf_add(&was, line_of(before, looks[i].code));
    kt_buf_addf(now, "%s %s\n", looks[i].code, kt_buf_z(&value));
    if (was.len == 0 || kt_str_eq(kt_buf_str(&was), kt_buf_str(&value)))
        return;
    if (looks[i].sentence != NULL)
        (void)snprintf(sentence, sizeof sentence, "%s", looks[i].sentence);
    else
        (void)snprintf(sentence, sizeof sentence, "was %s and is %s", kt_buf_z(&was),
                       kt_buf_z(&value));
    kt_daemon_note(d, looks[i].code, kt_str_of(looks[i].about), sentence, NULL);
}

enum kt_status kt_daemon_note_changes(struct kt_daemon *d, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf before = { 0 }, now = { 0 };
    enum kt_status st = kt_store_get(d->store, BLOB, &before, err);
    if (st != KT_OK && st != KT_E_AGAIN)
        return st;
    for (size_t i = 0; i < KT_ARRAY_LEN(looks); i++)
        look(d, i, kt_buf_str(&before), &now);
    if (kt_str_eq(kt_buf_str(&before), kt_buf_str(&now)))
        return KT_OK;
    st = kt_ingest_begin(d->ingest, err);
    return st == KT_OK ? kt_store_put(d->store, BLOB, kt_buf_str(&now), err) : st;
}
