/* web_auth: a users file, and cookies, origins and hops of requests. */
#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "dashboards/server/auth.h"

#define NOW (INT64_C(1796000000) * KT_NS_S)

static void refused(void *self, unsigned line, const char *why)
{
    (void)self;
    if (line == 0 || why[0] == '\0')
        __builtin_trap();
}

/* What was read can be written, and reads as the same. */
static void users(struct kt_str text)
{
    struct kt_web_users u = { 0 };
    kt_web_users_read(text, NOW, &u, refused, NULL);
    for (unsigned i = 0; i < u.n; i++) {
        struct kt_buf out = { 0 };
        struct kt_web_users again = { 0 };
        const struct kt_web_user *one = &u.at[i], *same;
        if (kt_web_users_edit(text, kt_str_of(one->name), one, &out) != 1)
            __builtin_trap();
        kt_web_users_read(kt_buf_str(&out), NOW, &again, refused, NULL);
        same = kt_web_users_find(&again, kt_str_of(one->name));
        if (again.n != u.n || same == NULL || same->role != one->role ||
            strcmp(same->hash, one->hash) != 0 || strcmp(same->scope, one->scope) != 0)
            __builtin_trap();
        kt_web_users_done(&again);
        kt_buf_done(&out);
    }
    kt_web_users_done(&u);
}

/* Nobody has logged in: whatever is sent is nobody's. */
static void requests(struct kt_str text)
{
    static struct kt_web_auth *a;
    static struct kt_rng_seeded seeded = { 5 };
    static struct kt_rng rng;
    struct kt_web_who who;
    struct kt_error err = { 0 };
    bool known;
    if (a == NULL) {
        rng = kt_rng_seeded(&seeded);
        const struct kt_web_auth_options o = { .rng = &rng, .proxy = true };
        if (kt_web_auth_open(&o, NOW, &a, &err) != KT_OK)
            __builtin_trap();
    }
    struct kt_web_request r = { .change = true, .unix_socket = true };
    struct kt_str *const into[] = { &r.cookie, &r.origin, &r.host,      &r.forwarded_for,
                                    &r.site,   &r.csrf,   &r.proxy_user };
    for (size_t i = 0; i < KT_ARRAY_LEN(into) && kt_str_split(&text, '\n', into[i]); i++)
        continue;
    (void)kt_web_peer(a, &r);
    if (kt_web_who(a, &r, NOW, &who, &known, &err) == KT_OK)
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kt_str text = kt_str_from((const char *)data, size);
    kt_hash_init();
    users(text);
    requests(text);
    return 0;
}
