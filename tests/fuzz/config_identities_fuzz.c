/* Any bytes as a file of identities: refused with a sentence, or what is printed reads back to the
 * same and every name finds its identity. */
#include <assert.h>
#include <stdlib.h>

#include "core/base/hash.h"
#include "core/base/limits.h"
#include "core/config/identities.h"

/* libfyaml 0.7.12 forgets a buffer when a quoted scalar is followed by a syntax error. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libfyaml\n";
}

static void check(const struct kt_identities *ids)
{
    for (unsigned i = 0; i < kt_identities_count(ids); i++) {
        const struct kt_identity *who = kt_identities_at(ids, i);
        struct kt_str name = kt_str_of(who->name);
        assert(name.len > 0 && name.len <= KT_IDENTITY_NAME_MAX);
        assert(kt_identities_named(ids, name) == who);
        assert(kt_identities_find(ids, name, KT_STR("vault"), KT_STR("v")) == who);
        assert((who->zone != NULL) == (who->time_zone != NULL));
        for (unsigned k = 0; k < who->n_alias; k++) {
            const struct kt_identity_alias *a = &who->alias[k];
            struct kt_str actor = kt_str_of(a->actor);
            bool plain = !a->glob && a->source == NULL && a->instance == NULL;
            assert(!plain || kt_identities_find(ids, actor, KT_STR("vault"), KT_STR("v")) == who);
        }
        (void)kt_identity_on_call(who, (kt_time_ns)i * KT_NS_DAY);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kt_identities *ids = kt_identities_new();
    struct kt_error err = { 0 };
    kt_hash_init();
    if (kt_identities_parse(ids, kt_str_from(data, size), "f.yaml", &err) != KT_OK) {
        assert(err.code == KT_E_CONFIG && err.text[0] != '\0');
        kt_identities_free(ids);
        return 0;
    }
    check(ids);
    struct kt_buf once = { 0 }, twice = { 0 };
    kt_identities_print(ids, &once);
    kt_identities_free(ids);
    ids = kt_identities_new();
    if (kt_identities_parse(ids, kt_buf_str(&once), "f.yaml", &err) != KT_OK)
        abort();
    kt_identities_print(ids, &twice);
    assert(kt_str_eq(kt_buf_str(&once), kt_buf_str(&twice)));
    kt_identities_free(ids);
    kt_buf_done(&once);
    kt_buf_done(&twice);
    return 0;
}
