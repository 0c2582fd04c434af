/* routes: lines that begin with a blank as alerts.routes, the rest as an alert. What loads takes
 * any alert: from medium on somebody is told; nobody is told twice, in the past, or by a route that
 * does not take it, over rows that come from the plans themselves. */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/routes.h"
#include "core/base/hash.h"

#define NOW     (INT64_C(1795377600) * KT_NS_S)
#define ROWS    96u
#define TURNS   24u
#define REOPENS 9u /* in this turn the alert is opened again */

static const char head[] = "alerts:\n  targets: { a: { type: slack }, b: { type: slack }, c: { "
                           "type: slack } }\n  routes:\n";

/* libfyaml 0.7.12, as in config_yaml */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libfyaml\n";
}

/* Takes them off *rest. Nothing in column 0: no other key of the file, which might name files. */
static struct kt_str take_routes(struct kt_str *rest)
{
    struct kt_str all = *rest, line;
    size_t len = 0;
    while (rest->len > 0 && rest->at[0] == ' ' && kt_str_split(rest, '\n', &line))
        len = all.len - rest->len;
    return kt_str_sub(all, 0, len);
}

static struct kt_conf *load(struct kt_str routes)
{
    static int fd = -1;
    static char path[64];
    struct kt_conf *c = NULL;
    struct kt_error err = { 0 };
    if (fd < 0) {
        fd = memfd_create("keytrail.yaml", MFD_CLOEXEC);
        (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    ssize_t first = (ssize_t)(sizeof head - 1), more = (ssize_t)routes.len;
    bool written = fchmod(fd, 0600) == 0 && ftruncate(fd, 0) == 0 &&
                   pwrite(fd, head, sizeof head - 1, 0) == first &&
                   pwrite(fd, routes.at, routes.len, first) == more;
    assert(written);
    if (kt_conf_load(path, &c, &err) != KT_OK) {
        assert(err.code != KT_E_IO && err.text[0] != '\0');
        return NULL;
    }
    return c;
}

/* An alert as JSON, or one that has the bytes everywhere. */
static struct kt_alert alert_of(struct kt_str text, struct kt_arena *arena)
{
    struct kt_alert a;
    if (kt_alert_read(text, arena, &a, NULL) != KT_OK)
        a = (struct kt_alert){ .severity = (enum kt_severity)(text.len % KT_SEV_COUNT),
                               .detector = "volume_spike",
                               .state = "open",
                               .actor = text,
                               .actor_kind = text,
                               .actor_written = text,
                               .ip = text,
                               .country = text,
                               .secret = text,
                               .source = text,
                               .instance = text,
                               .secrets = { text },
                               .n_secrets = 1,
                               .secrets_count = 2 };
    a.raised = NOW; /* our own clock's; the evidence's times are anybody's */
    return a;
}

static void check_notice(const struct kt_conf *conf, const struct kt_page *page,
                         const struct kt_plan *plan, const struct kt_notice *n)
{
    bool known = false;
    for (unsigned i = 0; i < conf->n_targets; i++)
        known = known || n->target == conf->targets[i].name ||
                strcmp(n->target, conf->targets[i].name) == 0;
    assert(known && n->action[0] != '\0' && memchr(n->action, '\0', sizeof n->action) != NULL);
    assert(n->route == KT_ROUTE_DEFAULT
               ? plan->by_default
               : (unsigned)n->route < conf->n_routes && plan->takes[n->route]);
    for (unsigned i = 0; i < page->n_rows; i++)
        assert(strcmp(page->rows[i].target, n->target) != 0 ||
               strcmp(page->rows[i].action, n->action) != 0);
}

static void check_routes(const struct kt_conf *conf, const struct kt_routes *r,
                         const struct kt_page *page, const struct kt_plan *plan)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf why = { 0 };
    bool taken = false;
    kt_routes_gaps(r, &why);
    for (unsigned i = 0; i < conf->n_routes; i++) {
        kt_buf_reset(&why);
        bool refused = kt_routes_refusal(r, i, page->alert, &why);
        assert(refused == (why.len > 0) && !(refused && plan->takes[i]));
        assert(kt_routes_quiet_until(r, i, page->alert, NOW) >= NOW);
        taken = taken || plan->takes[i];
    }
    bool matters = page->alert->severity >= KT_SEV_MEDIUM;
    assert(plan->by_default == (!taken && matters));
    assert((plan->n > 0) == (taken || matters)); /* nothing vanishes */
}

/* What is due at `now` becomes rows; when the next is due, INT64_MAX: never, or no room. */
static kt_time_ns tell(struct kt_page *page, struct kt_outbox_row *rows, const struct kt_plan *plan,
                       kt_time_ns now)
{
    kt_time_ns next = INT64_MAX;
    bool any = false;
    for (unsigned i = 0; i < plan->n; i++) {
        const struct kt_notice *n = &plan->notice[i];
        assert(n->at >= now);
        if (n->at > now) {
            next = n->at < next ? n->at : next;
            continue;
        }
        if (page->n_rows == ROWS)
            return INT64_MAX;
        struct kt_outbox_row *row = &rows[page->n_rows++];
        *row = (struct kt_outbox_row){ .created = now };
        kt_str_copyz(row->target, sizeof row->target, kt_str_of(n->target));
        kt_str_copyz(row->action, sizeof row->action, kt_str_of(n->action));
        kt_str_copyz(row->state, sizeof row->state, KT_STR("dead"));
        any = true;
    }
    return any ? now : next;
}

static void live(const struct kt_conf *conf, const struct kt_routes *r, const struct kt_alert *a)
{
    struct kt_outbox_row rows[ROWS];
    struct kt_page page = { .alert = a, .rows = rows };
    kt_time_ns now = NOW;
    for (unsigned turn = 0; turn < TURNS && now != INT64_MAX; turn++) {
        struct kt_plan plan;
        if (turn == REOPENS)
            page.since = now;
        kt_routes_plan(r, &page, now, &plan);
        for (unsigned i = 0; i < plan.n; i++)
            check_notice(conf, &page, &plan, &plan.notice[i]);
        if (turn == 0)
            check_routes(conf, r, &page, &plan);
        now = tell(&page, rows, &plan, now);
        kt_plan_done(&plan);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kt_str rest = kt_str_from(data, size), routes = take_routes(&rest);
    struct kt_error err = { 0 };
    struct kt_routes *r = NULL;
    kt_hash_init();
    struct kt_conf *conf = load(routes);
    if (conf == NULL)
        return 0;
    struct kt_arena arena = kt_arena_new(1u << 20);
    if (kt_routes_new(conf, &r, &err) == KT_OK) {
        struct kt_alert a = alert_of(rest, &arena);
        live(conf, r, &a);
    } else {
        assert(err.code == KT_E_CONFIG && err.text[0] != '\0');
    }
    kt_routes_free(r);
    kt_conf_free(conf);
    kt_arena_done(&arena);
    return 0;
}
