/*
 * blast: what a credential, an actor or an address read, what of it is still good, in the order to
 * rotate.
 *
 * Owns:  nothing.
 * Calls: core/answer (blast, credential), detectors (what is production).
 */
#include "dashboards/api/blast.h"

#include "dashboards/api/calls.h"
#include "detectors/detector.h"

#define VALUE_MAX 1500u

static int is_production(void *self, struct kt_str secret)
{
    const struct kt_api *a = self;
    return kt_production(a->conf, secret);
}

enum kt_status kt_api_blast(struct kt_api *a, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf command = { 0 };
    struct kt_str value = kt_api_get(a, "value"), as = kt_api_get(a, "as");
    struct kt_credential of = { 0 };
    struct kt_blast *b = NULL;
    const struct kt_blast_options options = { .production = a->conf != NULL ? is_production : NULL,
                                              .production_self = a };
    char word[16];
    if (value.len == 0)
        return kt_fail(err, KT_E_INPUT, "value is missing: which credential, name or address?");
    if (value.len > VALUE_MAX)
        return kt_fail(err, KT_E_INPUT, "value has at most %u bytes", VALUE_MAX);
    kt_str_copyz(word, sizeof word, as);
    enum kt_status status = kt_api_window(a, 0, err);
    if (status == KT_OK)
        status = kt_credential_find(a->ask, value, as.len > 0 ? word : NULL, &of, err);
    if (status == KT_OK)
        status = kt_blast_load(a->ask, &of, &options, &b, err);
    if (status == KT_OK) {
        kt_api_command(a, "blast", "", value, &command);
        kt_api_open(&a->out, NULL, '{');
        kt_blast_keys(b, &of, kt_buf_str(&command), a->now, &a->out);
        kt_api_covers(a, KT_STR_NONE);
        kt_api_close(&a->out, '}');
    }
    kt_blast_free(b);
    kt_credential_done(&of);
    return status;
}
