/*
 * doctor_links: links and buttons in messages, and the listener that takes what comes of them: two
 * processes, of which one may be configured without the other.
 *
 * Owns:  nothing; the key passes through memory that is wiped.
 * Calls: core/config (the key's file), the tables of targets.
 */
#include <errno.h>
#include <string.h>

#include "cli/doctor.h"
#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "exporters/alerts/target.h"

#define CHECK "links"

static bool is_among(const struct kt_strings *keys, const uint8_t key[32])
{
    uint8_t one[32];
    for (unsigned i = 0; i < keys->n; i++)
        if (kt_link_public_parse(kt_str_of(keys->at[i]), one) && memcmp(one, key, sizeof one) == 0)
            return true;
    return false;
}

/* Both sides are configured: do they fit? */
static void compare(struct kt_doctor *d)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    struct kt_error err = { 0 };
    uint8_t seed[32], key[32];
    if (kt_link_key_read(d->conf->link_ack_key_file, seed, &err) != KT_OK) {
        bool other = err.sys_errno == EACCES;
        kt_doctor_say(d, other ? KT_DOCTOR_WARN : KT_DOCTOR_BAD, CHECK,
                      other ? "sudo -u keytrail keytrail doctor looks as the collector's user"
                            : "keytrail alerts link --keygen -c FILE",
                      "%s", err.text);
        return;
    }
    kt_sign_public(seed, key);
    kt_wipe(seed, sizeof seed);
    kt_link_public_format(key, &text);
    if (is_among(&d->conf->dashboard.answers.link_keys, key))
        kt_doctor_say(d, KT_DOCTOR_OK, CHECK, NULL,
                      "messages carry links to %s, and the page has their key", d->conf->link_ack);
    else
        kt_doctor_say(d, KT_DOCTOR_BAD, CHECK, "add it to dashboard.answers.link_keys",
                      "the page refuses every link: it does not have the key %s", kt_buf_z(&text));
}

/* Is there a target with the option button: true? */
static const char *target_with_button(struct kt_doctor *d)
{
    for (unsigned i = 0; i < d->conf->n_targets; i++) {
        const struct kt_conf_target *c = &d->conf->targets[i];
        const struct kt_target *t = kt_target_find(kt_str_of(c->type));
        struct kt_error unused;
        bool on = false;
        if (t == NULL)
            continue;
        char *options = kt_alloc(t->options_size);
        if (kt_options_fill(d->conf->yaml, c->node, t->options, options, &unused) == KT_OK)
            for (const struct kt_option *o = t->options; o->name != NULL; o++)
                if (o->type == KT_OPT_BOOL && strcmp(o->name, "button") == 0)
                    on = *(const bool *)(const void *)(options + o->offset);
        kt_free(options);
        if (on)
            return c->name;
    }
    return NULL;
}

void kt_doctor_links(struct kt_doctor *d)
{
    const struct kt_conf_answers *a = &d->conf->dashboard.answers;
    const char *button = target_with_button(d);
    bool made = d->conf->link_ack != NULL, taken = a->link_keys.n > 0;
    if (made && taken)
        compare(d);
    else if (made)
        kt_doctor_say(d, KT_DOCTOR_BAD, CHECK, "dashboard.answers.listen and link_keys",
                      "messages carry links, which nobody takes");
    else if (taken)
        kt_doctor_say(d, KT_DOCTOR_WARN, CHECK, "alerts.links.acknowledge and acknowledge_key_file",
                      "the page takes links, and no message carries one");
    if (button != NULL && a->slack_secret_file == NULL)
        kt_doctor_say(d, KT_DOCTOR_BAD, CHECK, "dashboard.answers.listen and slack_secret_file",
                      "target %s has a button, and nobody takes what it says", button);
    else if (button == NULL && a->slack_secret_file != NULL)
        kt_doctor_say(d, KT_DOCTOR_WARN, CHECK, "button: true at a target of Slack",
                      "the page takes Slack's button, and no message carries one");
}
