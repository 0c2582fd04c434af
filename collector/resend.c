/*
 * resend: what is open at a target that forgets is sent again.
 *
 * Owns:  nothing: what is open there is the set of its thread blobs (deliver.c), which live from
 * the first delivery until the alert is resolved there. Calls: core/store/write, exporters/alerts
 * (the property). No clock.
 */
#include "collector/resend.h"
#include "collector/deliver.h"
#include "core/base/alloc.h"
#include "exporters/alerts/target.h"
#include <stdio.h>
#include <string.h>

#define OPEN_MAX 10000u /* more open alerts than a target can be reminded of in a minute */

struct open_alerts {
    size_t skip; /* bytes of a name before the id */
    char (*ids)[27];
    unsigned n;
};

static enum kt_status collect(void *self, const char *name, struct kt_str value,
                              struct kt_error *err)
{
    struct open_alerts *all = self;
    (void)value;
    (void)err;
    if (all->n == OPEN_MAX)
        return KT_OK;
    all->ids = kt_realloc_array(all->ids, all->n + 1, sizeof *all->ids);
    kt_str_copyz(all->ids[all->n++], sizeof *all->ids, kt_str_of(name + all->skip));
    return KT_OK;
}

static enum kt_status resend_to(struct kt_store *store, const char *target, kt_time_ns now,
                                bool *ret_added, struct kt_error *err)
{
    char prefix[128];
    struct open_alerts all = { 0 };
    int n = snprintf(prefix, sizeof prefix, KT_THREAD_BLOBS "%s/", target);
    all.skip = (size_t)n;
    enum kt_status st = kt_store_each(store, prefix, collect, &all, err);
    for (unsigned i = 0; st == KT_OK && i < all.n; i++) {
        const struct kt_outbox_again again = { .alert = all.ids[i],
                                               .target = target,
                                               .action = kt_send_word(KT_SEND_RESEND),
                                               .but = kt_send_word(KT_SEND_RESOLVE),
                                               .now = now };
        bool added = false;
        st = kt_store_outbox_again(store, &again, &added, err);
        *ret_added = *ret_added || added;
    }
    kt_free(all.ids);
    return st;
}

static bool forgets(const struct kt_conf_target *t)
{
    const struct kt_target *type = kt_target_find(kt_str_of(t->type));
    return type != NULL && type->forgets;
}

bool kt_resend_wanted(const struct kt_conf *conf)
{
    bool any = false;
    for (unsigned i = 0; i < conf->n_targets; i++)
        any = any || forgets(&conf->targets[i]);
    return any;
}

enum kt_status kt_resend(struct kt_store *store, const struct kt_conf *conf, kt_time_ns now,
                         bool *ret_added, struct kt_error *err)
{
    enum kt_status st = KT_OK;
    *ret_added = false;
    for (unsigned i = 0; st == KT_OK && i < conf->n_targets; i++)
        if (forgets(&conf->targets[i]))
            st = resend_to(store, conf->targets[i].name, now, ret_added, err);
    return st == KT_OK ? KT_OK : kt_wrap(err, "alerts sent again");
}
