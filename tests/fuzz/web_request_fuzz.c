/* dashboards/server/request: a target and a body, split by the first line's end: never more than
 * the bounds, and what is taken is text. */
#include <stdlib.h>

#include "dashboards/server/request.h"
#include "dashboards/server/routes.h"

static void look(const struct kt_web_params *p)
{
    if (p->n > KT_API_PARAMS_MAX)
        abort();
    for (unsigned i = 0; i < p->n; i++) {
        struct kt_str name = p->at[i].name, value = p->at[i].value;
        if (name.len == 0 || name.len > 64 || value.len > KT_API_VALUE_MAX ||
            !kt_utf8_valid(value) || kt_str_find_byte(value, '\0', 0) >= 0)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kt_str all = kt_str_from(data, size), target = KT_STR_NONE, path, query;
    const char *own[] = { "keytrail.example.com" };
    const struct kt_strings names = { own, 1 };
    struct kt_web_params p;
    struct kt_error err = { 0 };
    bool other;
    (void)kt_str_split(&all, '\n', &target);
    kt_web_params_init(&p);
    if (kt_web_target(target, &path, &query, &err) == KT_OK) {
        (void)kt_web_route(path, KT_WEB_POST, &other);
        if (kt_web_query(&p, query, &err) == KT_OK)
            look(&p);
        if (all.len <= KT_API_BODY_MAX && kt_web_body(&p, all, &err) == KT_OK)
            look(&p);
    }
    (void)kt_web_host_ok(target, &names);
    kt_web_params_done(&p);
    return 0;
}
