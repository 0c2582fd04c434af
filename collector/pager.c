/*
 * pager: keeps for each open alert when to look at it next, and writes what is due then.
 *
 * Owns:  the list of alerts that something will be due for; nothing else: what was told is read
 *        from the rows each time, so nothing here can be lost or disagree with them.
 * Calls: routes, core/store/write, exporters/alerts (alert, life). No clock, no sending.
 * Holds: the list is bounded; when it is full the worst alerts stay, and the others are looked for
 *        in the store again as soon as there is room.
 */
#include "collector/pager.h"
#include "core/base/alloc.h"
#include "core/base/log.h"
#include <stdio.h>
#include <string.h>

#define AT_ONCE     128u /* alerts in one transaction */
#define ALERT_ARENA (1u << 20)
#define ROUNDS      4u /* a word that is told may make another due at once */
#define BROKEN_MAX  64u
#define ID_LEN      26u

struct entry {
    char id[ID_LEN + 1];
    bool watched; /* a fallback may become due with any circuit */
    enum kt_severity severity;
    kt_time_ns due; /* INT64_MAX: only with a circuit or a dead letter */
};
struct kt_pager {
    struct kt_pager_options o;
    struct kt_arena arena;
    struct entry *list;
    unsigned n, left_out; /* left_out: found no room since the last search */
    kt_time_ns next;      /* the earliest due of the list */
    char search[32];      /* the store was searched up to this alert */
    bool searching;
    const char *broken[BROKEN_MAX];
    unsigned n_broken;
};

struct kt_pager *kt_pager_new(const struct kt_pager_options *o)
{
    struct kt_pager *p = kt_alloc(sizeof *p);
    p->o = *o;
    p->arena = kt_arena_new(ALERT_ARENA);
    p->next = INT64_MAX;
    p->searching = true;
    return p;
}

void kt_pager_free(struct kt_pager *p)
{
    if (p == NULL)
        return;
    kt_arena_done(&p->arena);
    kt_free(p->list);
    kt_free(p);
}

/* ---- the list ---- */

static struct entry *find(struct kt_pager *p, const char *id)
{
    for (unsigned i = 0; i < p->n; i++)
        if (memcmp(p->list[i].id, id, ID_LEN) == 0)
            return &p->list[i];
    return NULL;
}

static void find_next(struct kt_pager *p)
{
    p->next = INT64_MAX;
    for (unsigned i = 0; i < p->n; i++)
        p->next = p->list[i].due < p->next ? p->list[i].due : p->next;
}

/* Takes the place of the least severe when there is no other; the new one may be it. */
static struct entry *place(struct kt_pager *p, enum kt_severity severity)
{
    if (p->n < KT_PAGES_MAX) {
        p->list = kt_realloc_array(p->list, p->n + 1, sizeof *p->list);
        return &p->list[p->n++];
    }
    struct entry *least = &p->list[0];
    for (unsigned i = 1; i < p->n; i++)
        if (p->list[i].severity < least->severity)
            least = &p->list[i];
    if (p->left_out++ == 0)
        kt_log(KT_LOG_WARN,
               "pager: more than %u alerts wait for an answer: the least severe are "
               "repeated later",
               KT_PAGES_MAX);
    return least->severity < severity ? least : NULL;
}

static void remember(struct kt_pager *p, const struct entry *e)
{
    struct entry *at = find(p, e->id);
    if (at == NULL)
        at = place(p, e->severity);
    if (at != NULL)
        *at = *e;
    if (at != NULL && e->due < p->next)
        p->next = e->due;
}

static void forget(struct kt_pager *p, const char *id)
{
    struct entry *e = find(p, id);
    if (e != NULL)
        *e = p->list[--p->n];
    if (p->left_out > 0 && p->n <= KT_PAGES_MAX / 2) {
        p->left_out = 0;
        p->search[0] = '\0';
        p->searching = true;
    }
}

static void look_now(struct kt_pager *p, struct entry *e)
{
    e->due = INT64_MIN;
    p->next = INT64_MIN;
}

void kt_pager_answered(struct kt_pager *p, const char *id)
{
    struct entry e = { .severity = KT_SEV_CRITICAL, .due = INT64_MIN };
    kt_str_copyz(e.id, sizeof e.id, kt_str_of(id));
    if (strlen(e.id) == ID_LEN)
        remember(p, &e);
}

void kt_pager_dead(struct kt_pager *p, const char *id)
{
    struct entry *e = strlen(id) == ID_LEN ? find(p, id) : NULL;
    if (e != NULL)
        look_now(p, e);
}

void kt_pager_broken(struct kt_pager *p, const char *const *names, unsigned n)
{
    n = n < BROKEN_MAX ? n : BROKEN_MAX;
    bool same = n == p->n_broken;
    for (unsigned i = 0; same && i < n; i++)
        same = strcmp(names[i], p->broken[i]) == 0;
    if (same)
        return;
    for (unsigned i = 0; i < n; i++)
        p->broken[i] = names[i];
    p->n_broken = n;
    for (unsigned i = 0; i < p->n; i++)
        if (p->list[i].watched)
            look_now(p, &p->list[i]);
}

/* ---- one alert ---- */

struct looked { /* an alert and all that is known about telling it */
    char id[ID_LEN + 1];
    struct kt_alert alert;
    struct kt_buf json;
    struct kt_outbox_row *rows;
    unsigned n_rows, cap_rows;
    struct kt_page page;
    char except[64];
};

static void looked_done(struct looked *l)
{
    kt_buf_done(&l->json);
    kt_free(l->rows);
}

static enum kt_status take_row(void *self, const struct kt_outbox_row *row, struct kt_error *err)
{
    struct looked *l = self;
    (void)err;
    if (l->n_rows == l->cap_rows) { /* one that is repeated for weeks has thousands */
        l->cap_rows = l->cap_rows == 0 ? 16 : 2 * l->cap_rows;
        l->rows = kt_realloc_array(l->rows, l->cap_rows, sizeof *l->rows);
    }
    l->rows[l->n_rows++] = *row;
    return KT_OK;
}

static enum kt_status read_rows(struct kt_pager *p, struct looked *l, struct kt_error *err)
{
    l->n_rows = 0;
    enum kt_status st = kt_store_outbox_of(p->o.store, l->id, take_row, l, err);
    l->page.rows = l->rows;
    l->page.n_rows = l->n_rows;
    return st;
}

/* What was sent and how people left it: often that says that nothing is due any more. */
static enum kt_status look(struct kt_pager *p, const char *id, struct looked *l,
                           struct kt_error *err)
{
    const struct kt_life *life = p->o.life != NULL ? p->o.life(p->o.self, id) : NULL;
    kt_str_copyz(l->id, sizeof l->id, kt_str_of(id));
    l->page = (struct kt_page){ .alert = &l->alert,
                                .answered = life != NULL && life->status != KT_LIFE_OPEN,
                                .since = life != NULL ? life->reopened.at : 0,
                                .broken = p->broken,
                                .n_broken = p->n_broken };
    return read_rows(p, l, err);
}

/* KT_E_AGAIN: there is no such alert, or none that can be read. The document that targets get has
 * its life in it. */
static enum kt_status read_alert(struct kt_pager *p, struct looked *l, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf json = { 0 };
    struct kt_alert_found found;
    enum kt_status st = kt_store_alert_find(p->o.store, kt_str_of(l->id), &json, &found, err);
    if (st != KT_OK)
        return st == KT_E_INPUT ? KT_E_AGAIN : st;
    kt_arena_reset(&p->arena);
    if (kt_alert_read(kt_buf_str(&json), &p->arena, &l->alert, NULL) != KT_OK)
        return KT_E_AGAIN;
    bool self = kt_alert_is_own(&l->alert); /* its instance: the target it is about */
    l->page.answered = l->page.answered || kt_alert_is_over(&l->alert);
    kt_str_copyz(l->except, sizeof l->except, self ? l->alert.instance : KT_STR_NONE);
    l->page.except = l->except[0] != '\0' ? l->except : NULL;
    if (p->o.life != NULL)
        kt_alert_life_of(p->o.life(p->o.self, l->id), &l->alert.life);
    kt_alert_write(&l->alert, &l->json);
    return KT_OK;
}

static enum kt_status put(struct kt_pager *p, const struct looked *l, const char *target,
                          const char *action, const char *state, kt_time_ns now, kt_time_ns at,
                          struct kt_error *err)
{
    struct kt_outbox_row row = { .created = now, .next_try = at };
    kt_str_copyz(row.alert, sizeof row.alert, kt_str_of(l->id));
    kt_str_copyz(row.target, sizeof row.target, kt_str_of(target));
    kt_str_copyz(row.action, sizeof row.action, kt_str_of(action));
    kt_str_copyz(row.state, sizeof row.state, kt_str_of(state));
    if (kt_store_outbox_add(p->o.store, &row, kt_buf_str(&l->json), err) != KT_OK)
        return kt_wrap(err, "outbox row for '%s'", row.target);
    return KT_OK;
}

static bool is_held(const struct kt_outbox_row *row)
{
    return strcmp(row->state, KT_OUTBOX_HELD) == 0;
}

/* target NULL: of any target. */
static bool has_held(const struct looked *l, const char *target)
{
    for (unsigned i = 0; i < l->n_rows; i++)
        if (is_held(&l->rows[i]) && (target == NULL || strcmp(l->rows[i].target, target) == 0))
            return true;
    return false;
}

/* What was held and is no longer to be told: a person has answered, or no route leads there now. */
static enum kt_status skip(struct kt_pager *p, const struct looked *l, const struct kt_plan *plan,
                           struct kt_error *err)
{
    for (unsigned i = 0; i < l->n_rows; i++) {
        struct kt_outbox_row row = l->rows[i];
        bool wanted = !is_held(&row);
        for (unsigned k = 0; k < plan->n; k++)
            wanted = wanted || strcmp(plan->notice[k].target, row.target) == 0;
        if (wanted)
            continue;
        kt_str_copyz(row.state, sizeof row.state, KT_STR(KT_OUTBOX_SKIPPED));
        kt_str_copyz(row.last_error, sizeof row.last_error,
                     kt_str_of(l->page.answered ? "answered before the quiet hours ended"
                                                : "no route leads to it now"));
        if (kt_store_outbox_update(p->o.store, &row, err) != KT_OK)
            return err->code;
    }
    return KT_OK;
}

/* Writes what is due of one plan; *ret_n counts rows, *ret_next is when the next one is due. */
static enum kt_status write_due(struct kt_pager *p, const struct looked *l,
                                const struct kt_plan *plan, kt_time_ns now, unsigned *ret_n,
                                kt_time_ns *ret_next, struct kt_error *err)
{
    *ret_next = INT64_MAX;
    for (unsigned i = 0; i < plan->n; i++) {
        const struct kt_notice *n = &plan->notice[i];
        bool due = n->at <= now;
        if (!due && n->at < *ret_next)
            *ret_next = n->at;
        if (!due && (n->kind != KT_NOTICE_TRIGGER || has_held(l, n->target)))
            continue;
        if (put(p, l, n->target, n->action, due ? "wait" : KT_OUTBOX_HELD, now, n->at, err) !=
            KT_OK)
            return err->code;
        ++*ret_n;
    }
    return KT_OK;
}

/* What is due for an alert that was looked at; then, when to look again. */
static enum kt_status attend(struct kt_pager *p, struct looked *l, kt_time_ns now,
                             unsigned *ret_rows, struct kt_error *err)
{
    struct entry e = { .severity = l->alert.severity, .due = INT64_MAX };
    enum kt_status st = KT_OK;
    bool silent = p->o.silenced != NULL && p->o.silenced(p->o.self, &l->alert, now);
    unsigned written = silent ? 0 : 1;
    kt_str_copyz(e.id, sizeof e.id, kt_str_of(l->id));
    if (silent && !l->page.answered)
        e.due = now + KT_NS_MIN; /* what is due then is due once the silence is over */
    for (unsigned round = 0; st == KT_OK && written > 0 && round < ROUNDS; round++) {
        struct kt_plan plan = { 0 };
        written = 0;
        kt_routes_plan(p->o.routes, &l->page, now, &plan);
        st = skip(p, l, &plan, err);
        if (st == KT_OK)
            st = write_due(p, l, &plan, now, &written, &e.due, err);
        if (st == KT_OK && written > 0)
            st = read_rows(p, l, err);
        e.watched = plan.watched;
        kt_plan_done(&plan);
        *ret_rows += written;
    }
    if (e.due == INT64_MAX && !e.watched)
        forget(p, e.id);
    else
        remember(p, &e);
    return st;
}

enum kt_status kt_pager_raised(struct kt_pager *p, const char *id, kt_time_ns now,
                               struct kt_error *err)
{
    KT_CLEANUP(looked_done) struct looked l = { 0 };
    unsigned n = 0;
    enum kt_status st = look(p, id, &l, err);
    if (st == KT_OK)
        st = read_alert(p, &l, err);
    if (st == KT_E_AGAIN) /* nobody could be told what it says; it is listed */
        return KT_OK;
    return st == KT_OK ? attend(p, &l, now, &n, err) : st;
}

/* ---- time ---- */

bool kt_pager_due(const struct kt_pager *p, kt_time_ns now)
{
    return p->searching || p->next <= now;
}

static enum kt_status attend_id(struct kt_pager *p, const char *id, kt_time_ns now,
                                unsigned *ret_rows, struct kt_error *err)
{
    KT_CLEANUP(looked_done) struct looked l = { 0 };
    enum kt_status st = look(p, id, &l, err);
    /* What never had a row was brought in as history, or is nobody's business. */
    bool over = l.n_rows == 0 || (l.page.answered && !has_held(&l, NULL));
    if (st == KT_OK && !over)
        st = read_alert(p, &l, err);
    if ((st == KT_OK && over) || st == KT_E_AGAIN) {
        forget(p, id);
        return KT_OK;
    }
    return st == KT_OK ? attend(p, &l, now, ret_rows, err) : st;
}

/* After a start: alerts that rows say somebody was told of, or was to be. */
static enum kt_status search(struct kt_pager *p, kt_time_ns now, unsigned room, unsigned *ret_rows,
                             struct kt_error *err)
{
    for (; p->searching && room > 0; room--) {
        enum kt_status st = kt_store_outbox_next(p->o.store, p->search, err);
        if (st == KT_E_AGAIN)
            p->searching = false;
        else if (st != KT_OK)
            return st;
        else if (strlen(p->search) == ID_LEN && find(p, p->search) == NULL &&
                 (st = attend_id(p, p->search, now, ret_rows, err)) != KT_OK)
            return st;
    }
    return KT_OK;
}

enum kt_status kt_pager_tick(struct kt_pager *p, kt_time_ns now, unsigned *ret_rows,
                             struct kt_error *err)
{
    unsigned done = 0;
    *ret_rows = 0;
    for (unsigned i = p->n; i-- > 0 && done < AT_ONCE;) { /* from the end: one may be taken out */
        if (i >= p->n || p->list[i].due > now)
            continue;
        char id[ID_LEN + 1];
        memcpy(id, p->list[i].id, sizeof id);
        enum kt_status st = attend_id(p, id, now, ret_rows, err);
        if (st != KT_OK)
            return st;
        done++;
    }
    find_next(p);
    return search(p, now, AT_ONCE - done, ret_rows, err);
}

unsigned kt_pager_waiting(const struct kt_pager *p)
{
    return p->n;
}
