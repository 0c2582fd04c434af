/*
 * sql_plan: from the conditions of a statement to what a walk over events is told.
 *
 * All that a walk is told is a necessary condition: SQLite judges every row again, so a condition
 * that is not understood, or whose value has another type than expected, is only left out. Equal is
 * what SQLite calls equal: bytewise, unless the condition says NOCASE.
 *
 * Owns:  nothing; a scan's values lie in the kt_sql_scan.
 * Calls: core/base, core/store (sql_events.h); SQLite's LIKE and GLOB.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/store/sql_events.h"

/* Values of IN (…) to ask a filter for: more would be slower than not asking. */
#define LIST_KEYS_MAX 256u
/* Longer values are not asked: they may match. */
#define LIKE_TEXT_MAX 512u

/* The operators of SQLite that a walk can be told of, as a set. */
enum op {
    OP_EQ = 1,
    OP_RANGE = 2,
    OP_PATTERN = 4,
    OP_NULL = 8,
    OP_NE = 16,
};

static unsigned op_of(unsigned char op)
{
    static const struct {
        unsigned char op;
        unsigned is;
    } ops[] = {
        { SQLITE_INDEX_CONSTRAINT_EQ, OP_EQ },
        { SQLITE_INDEX_CONSTRAINT_IS, OP_EQ },
        { SQLITE_INDEX_CONSTRAINT_GT, OP_RANGE },
        { SQLITE_INDEX_CONSTRAINT_GE, OP_RANGE },
        { SQLITE_INDEX_CONSTRAINT_LT, OP_RANGE },
        { SQLITE_INDEX_CONSTRAINT_LE, OP_RANGE },
        { SQLITE_INDEX_CONSTRAINT_LIKE, OP_PATTERN },
        { SQLITE_INDEX_CONSTRAINT_GLOB, OP_PATTERN },
        { SQLITE_INDEX_CONSTRAINT_ISNULL, OP_NULL },
        { SQLITE_INDEX_CONSTRAINT_ISNOTNULL, OP_NULL },
        { SQLITE_INDEX_CONSTRAINT_NE, OP_NE },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(ops); i++)
        if (ops[i].op == op)
            return ops[i].is;
    return 0;
}

static const unsigned can[KT_SQL_PUSHES] = {
    [KT_SQL_PUSH_SEQ] = OP_EQ | OP_RANGE,
    [KT_SQL_PUSH_NS] = OP_EQ | OP_RANGE,
    [KT_SQL_PUSH_TIME] = OP_EQ | OP_RANGE | OP_PATTERN,
    [KT_SQL_PUSH_DAY] = OP_EQ | OP_RANGE | OP_PATTERN,
    [KT_SQL_PUSH_VALUE] = OP_EQ | OP_PATTERN | OP_NULL | OP_NE,
    [KT_SQL_PUSH_KEY] = OP_EQ,
};

/* ---- the plan: which conditions, and what SQLite is told of their worth ---- */

/* Of all records, those that meet the condition, as a guess. */
static double share_of(const struct kt_sql_field *f, unsigned op, uint64_t events)
{
    if (op == OP_EQ && f->push == KT_SQL_PUSH_SEQ)
        return events > 0 ? 1.0 / (double)events : 1;
    if (f->push == KT_SQL_PUSH_VALUE || f->push == KT_SQL_PUSH_KEY)
        return op == OP_EQ ? f->share : op == OP_PATTERN ? 4 * f->share : 0.9;
    return op == OP_EQ ? 0.001 : 0.25;
}

static bool take(sqlite3_index_info *info, int i, struct kt_sql_plan *plan)
{
    const struct sqlite3_index_constraint *c = &info->aConstraint[i];
    unsigned field = c->iColumn < 0 ? kt_sql_field_seq : (unsigned)c->iColumn;
    const struct kt_sql_field *f = &kt_sql_fields[field];
    unsigned op = op_of(c->op);
    if (!c->usable || (can[f->push] & op) == 0 || plan->args == KT_SQL_ARGS_MAX)
        return false;
    const char *collation = sqlite3_vtab_collation(info, i);
    bool nocase = sqlite3_stricmp(collation, "NOCASE") == 0;
    bool ordered = sqlite3_stricmp(collation, "BINARY") == 0;
    if (op != OP_PATTERN && op != OP_NULL && !ordered &&
        !(nocase && f->push == KT_SQL_PUSH_VALUE && op == OP_EQ))
        return false;
    bool lists = f->push == KT_SQL_PUSH_VALUE || f->push == KT_SQL_PUSH_KEY;
    bool list = lists && op == OP_EQ && sqlite3_vtab_in(info, i, -1) && sqlite3_vtab_in(info, i, 1);
    plan->arg[plan->args++] =
        (struct kt_sql_arg){ .field = field, .op = c->op, .nocase = nocase, .list = list };
    info->aConstraintUsage[i].argvIndex = (int)plan->args;
    return true;
}

/* What EXPLAIN QUERY PLAN shows: each field that a walk is told of once, and how it is used. */
static void describe(const struct kt_sql_plan *plan, bool ordered, struct kt_buf *out)
{
    static const char *const uses[KT_SQL_PUSHES] = {
        [KT_SQL_PUSH_SEQ] = "range", [KT_SQL_PUSH_TIME] = "window",  [KT_SQL_PUSH_DAY] = "window",
        [KT_SQL_PUSH_NS] = "window", [KT_SQL_PUSH_VALUE] = "column", [KT_SQL_PUSH_KEY] = "filter",
    };
    uint64_t said = 0;
    for (unsigned i = 0; i < plan->args; i++) {
        const struct kt_sql_field *f = &kt_sql_fields[plan->arg[i].field];
        bool keys = op_of(plan->arg[i].op) == OP_EQ && f->push == KT_SQL_PUSH_VALUE &&
                    f->filter != KT_FILTER_NONE;
        if (said & UINT64_C(1) << plan->arg[i].field)
            continue;
        said |= UINT64_C(1) << plan->arg[i].field;
        kt_buf_addf(out, "%s%s %s%s", out->len > 0 ? ", " : "", f->column.name,
                    keys ? "filter and " : "", uses[f->push]);
    }
    if (ordered)
        kt_buf_addf(out, "%sin order of seq", out->len > 0 ? ", " : "");
    kt_buf_addf(out, "%s; lines %s", out->len > 0 ? "" : "everything",
                plan->want.lines ? "opened" : "closed");
}

static struct kt_want want_of(uint64_t used)
{
    struct kt_want want = { .columns = KT_COLUMN(KT_COL_KIND), .runs = true };
    for (unsigned i = 0; i < kt_sql_n_fields; i++) {
        if ((used & UINT64_C(1) << i) == 0)
            continue;
        want.columns |= kt_sql_fields[i].col_mask;
        want.time |= kt_sql_fields[i].timed;
        want.lines |= kt_sql_fields[i].lines;
    }
    return want;
}

static bool orders_by_seq(const sqlite3_index_info *info)
{
    return info->nOrderBy == 1 &&
           (info->aOrderBy[0].iColumn < 0 || info->aOrderBy[0].iColumn == (int)kt_sql_field_seq);
}

int kt_sql_plan_make(sqlite3_index_info *info, uint64_t events, struct kt_sql_plan *ret)
{
    struct kt_sql_plan plan = { .want = want_of(info->colUsed) };
    double rows = events > 0 ? (double)events : 1, segments = rows / KT_SEGMENT_EVENTS;
    for (int i = 0; i < info->nConstraint; i++)
        if (take(info, i, &plan)) {
            const struct kt_sql_arg *a = &plan.arg[plan.args - 1];
            rows *= share_of(&kt_sql_fields[a->field], op_of(a->op), events);
        }
    if (orders_by_seq(info)) {
        info->orderByConsumed = 1;
        plan.down = info->aOrderBy[0].desc != 0;
    }
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    describe(&plan, info->orderByConsumed != 0, &text);
    info->idxStr = sqlite3_mprintf("%s", kt_buf_z(&text));
    info->needToFreeIdxStr = 1;
    /* Beginning a walk, asking each segment, then the rows: a line costs some ten columns. */
    info->estimatedCost = 100 + 10 * segments + rows * (plan.want.lines ? 10 : 1);
    info->estimatedRows = rows < 1 ? 1 : (sqlite3_int64)rows;
    *ret = plan;
    return info->idxStr == NULL ? SQLITE_NOMEM : SQLITE_OK;
}

/* ---- bounds ---- */

/* The first time that is shown as something behind text (or text itself, unless strictly); false:
 * there is none. Times sort as they are shown, so that any text is a bound, whole or cut. */
static bool first_behind(struct kt_str text, bool strictly, bool day, kt_time_ns *ret)
{
    char buf[KT_TIME_TEXT_MAX];
    kt_time_ns low = 1, high = INT64_MAX;
    if (kt_str_cmp(kt_sql_shown_time(high, day, buf), text) < (strictly ? 1 : 0))
        return false;
    while (low < high) {
        kt_time_ns mid = low + (high - low) / 2;
        if (kt_str_cmp(kt_sql_shown_time(mid, day, buf), text) < (strictly ? 1 : 0))
            low = mid + 1;
        else
            high = mid;
    }
    *ret = low;
    return true;
}

static void from_time(struct kt_sql_scan *s, kt_time_ns t)
{
    if (t > s->scan.since)
        s->scan.since = t;
}

static void until_time(struct kt_sql_scan *s, kt_time_ns t)
{
    if (s->scan.until == 0 || t < s->scan.until)
        s->scan.until = t < 1 ? 1 : t;
}

/* What stands before the first wildcard, as times are written. LIKE takes either case. */
static struct kt_str beginning(struct kt_str pattern, unsigned char op, char *buf, size_t room)
{
    const char *wild = op == SQLITE_INDEX_CONSTRAINT_LIKE ? "%_" : "*?[";
    size_t n = 0;
    while (n < pattern.len && n < room && strchr(wild, pattern.at[n]) == NULL) {
        char c = pattern.at[n];
        bool lower = op == SQLITE_INDEX_CONSTRAINT_LIKE && c >= 'a' && c <= 'z';
        buf[n++] = (char)(lower ? c - 'a' + 'A' : c);
    }
    return kt_str_from(buf, n);
}

static struct kt_str text_of(sqlite3_value *v)
{
    const void *at = sqlite3_value_text(v);
    return kt_str_from(at == NULL ? "" : at, at == NULL ? 0 : (size_t)sqlite3_value_bytes(v));
}

static void bound_text(struct kt_sql_scan *s, unsigned char op, bool day, sqlite3_value *v)
{
    char buf[KT_TIME_TEXT_MAX + 1];
    kt_time_ns t;
    if (sqlite3_value_type(v) != SQLITE_TEXT)
        return;
    struct kt_str text = text_of(v), end = text;
    bool pattern = op_of(op) == OP_PATTERN, equal = op_of(op) == OP_EQ;
    if (pattern) {
        text = beginning(text, op, buf, KT_TIME_TEXT_MAX);
        buf[text.len] = '\x7f'; /* behind all that a time is written with */
        end = kt_str_from(buf, text.len + 1);
    }
    bool above = op == SQLITE_INDEX_CONSTRAINT_GT, below = op == SQLITE_INDEX_CONSTRAINT_LT;
    if (pattern || equal || above || op == SQLITE_INDEX_CONSTRAINT_GE) {
        if (first_behind(text, above, day, &t))
            from_time(s, t);
        else
            s->none = true;
    }
    if (pattern || equal || below || op == SQLITE_INDEX_CONSTRAINT_LE)
        if (first_behind(end, !below && !pattern, day, &t))
            until_time(s, t);
}

/* The whole numbers that can meet `x op v`: [*ret_low, *ret_high]; false: none can. */
static bool whole_range(unsigned char op, sqlite3_value *v, int64_t *ret_low, int64_t *ret_high)
{
    const double edge = 9223372036854775808.0;
    int64_t low = INT64_MIN, high = INT64_MAX; /* of v, rounded both ways */
    if (sqlite3_value_type(v) == SQLITE_INTEGER) {
        low = high = sqlite3_value_int64(v);
    } else if (sqlite3_value_type(v) == SQLITE_FLOAT) {
        double d = sqlite3_value_double(v), down = floor(d), up = ceil(d);
        low = down >= edge ? INT64_MAX : down < -edge ? INT64_MIN : (int64_t)down;
        high = up >= edge ? INT64_MAX : up < -edge ? INT64_MIN : (int64_t)up;
    }
    *ret_low = INT64_MIN;
    *ret_high = INT64_MAX;
    bool real = sqlite3_value_type(v) != SQLITE_INTEGER;
    switch (op) {
    case SQLITE_INDEX_CONSTRAINT_GT:
        *ret_low = real || low == INT64_MAX ? low : low + 1;
        return real || low < INT64_MAX;
    case SQLITE_INDEX_CONSTRAINT_GE:
        *ret_low = low;
        return true;
    case SQLITE_INDEX_CONSTRAINT_LT:
        *ret_high = real || high == INT64_MIN ? high : high - 1;
        return real || high > INT64_MIN;
    case SQLITE_INDEX_CONSTRAINT_LE:
        *ret_high = high;
        return true;
    default: /* equal */
        *ret_low = low;
        *ret_high = high;
        return true;
    }
}

static void bound_number(struct kt_sql_scan *s, unsigned char op, bool seq, sqlite3_value *v)
{
    int64_t low, high;
    if (!whole_range(op, v, &low, &high) || high < 1) {
        s->none = true;
        return;
    }
    if (seq) {
        if (low > 0 && (uint64_t)low > s->scan.from_seq)
            s->scan.from_seq = (uint64_t)low;
        if ((uint64_t)high < s->scan.until_seq)
            s->scan.until_seq = (uint64_t)high;
        return;
    }
    from_time(s, low);
    if (high < INT64_MAX)
        until_time(s, high + 1);
}

/* ---- sieves ---- */

/* May SQLite take it for a number? Then 1, 01 and 1.0 can be equal, whatever the bytes. */
static bool is_number_like(struct kt_str s)
{
    unsigned dots = 0;
    for (size_t i = 0; i < s.len; i++) {
        dots += s.at[i] == '.';
        if (s.at[i] == '\0' || strchr("0123456789+-.eE \t\n\v\f\r", s.at[i]) == NULL)
            return false;
    }
    return s.len > 0 && dots < 2;
}

static bool has_value(const struct kt_sql_test *t, struct kt_str shown)
{
    if (t->nocase) {
        for (unsigned i = 0; i < t->n; i++)
            if (kt_str_eq_nocase(t->value[i], shown))
                return true;
        return false;
    }
    unsigned low = 0, high = t->n;
    while (low < high) {
        unsigned mid = low + (high - low) / 2;
        int c = kt_str_cmp(t->value[mid], shown);
        if (c == 0)
            return true;
        if (c < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return false;
}

static bool fits_pattern(const struct kt_sql_test *t, struct kt_str shown)
{
    char z[LIKE_TEXT_MAX];
    if (shown.len >= sizeof z || memchr(shown.at, 0, shown.len) != NULL)
        return true;
    kt_str_copyz(z, sizeof z, shown);
    return t->op == SQLITE_INDEX_CONSTRAINT_LIKE ? sqlite3_strlike(t->value[0].at, z, 0) == 0
                                                 : sqlite3_strglob(t->value[0].at, z) == 0;
}

/* On any thread: looks at what does not change. */
static bool fits(const void *self, struct kt_str text, int64_t number)
{
    const struct kt_sql_test *t = self;
    char buf[KT_IP_TEXT_MAX];
    struct kt_str shown = kt_sql_shown(t->field->col, text, number, buf);
    if (t->op == SQLITE_INDEX_CONSTRAINT_ISNULL)
        return shown.len == 0;
    if (shown.len == 0) /* NULL is like nothing */
        return false;
    switch (op_of(t->op)) {
    case OP_EQ:
        return has_value(t, shown) || (t->number_like && is_number_like(shown));
    case OP_NE:
        return !has_value(t, shown);
    case OP_PATTERN:
        return fits_pattern(t, shown);
    default:
        return true;
    }
}

static bool add_value(struct kt_sql_test *t, sqlite3_value *v)
{
    if (sqlite3_value_type(v) != SQLITE_TEXT)
        return false;
    struct kt_str text = text_of(v);
    if ((t->n & (t->n - 1)) == 0)
        t->value = kt_realloc_array(t->value, t->n == 0 ? 1 : 2 * t->n, sizeof *t->value);
    t->value[t->n++] = kt_str_from(kt_str_dup(text), text.len);
    t->number_like |= is_number_like(text);
    return true;
}

static int by_bytes(const void *a, const void *b)
{
    return kt_str_cmp(*(const struct kt_str *)a, *(const struct kt_str *)b);
}

/* False: some value is no text, so that SQLite compares otherwise. */
static bool take_values(struct kt_sql_test *t, bool list, sqlite3_value *v)
{
    if (op_of(t->op) == OP_NULL)
        return true;
    if (!list)
        return add_value(t, v);
    sqlite3_value *one = NULL;
    int rc = sqlite3_vtab_in_first(v, &one);
    for (; rc == SQLITE_OK && one != NULL; rc = sqlite3_vtab_in_next(v, &one))
        if (!add_value(t, one))
            return false;
    if (t->n > 1)
        qsort(t->value, t->n, sizeof *t->value, by_bytes);
    return rc == SQLITE_DONE;
}

/* False: a record may have the value although the filter does not hold the key. */
static bool key_of(const struct kt_sql_test *t, struct kt_str *value, struct kt_sought *ret)
{
    uint8_t id[16];
    *ret = (struct kt_sought){ .text = *value };
    switch ((int)t->field->filter) {
    case KT_FILTER_IP:
        ret->net.bits = 128;
        return kt_ip_parse(*value, &ret->net.ip);
    case KT_FILTER_ID:
        if (!kt_id_parse(*value, id))
            return false;
        kt_free((void *)(uintptr_t)value->at);
        *value = ret->text = kt_str_from(kt_str_dup(kt_str_from(id, sizeof id)), sizeof id);
        return true;
    case KT_FILTER_ACTOR: /* it folds case itself */
        return value->len > 0;
    default:
        return value->len > 0 && !t->nocase;
    }
}

static void take_keys(struct kt_sql_test *t, struct kt_sieve *sieve, struct kt_sought **ret_keys)
{
    if (t->field->filter == KT_FILTER_NONE || op_of(t->op) != OP_EQ || t->number_like ||
        t->n == 0 || t->n > LIST_KEYS_MAX)
        return;
    struct kt_sought *keys = *ret_keys = kt_alloc_array(t->n, sizeof *keys);
    for (unsigned i = 0; i < t->n; i++)
        if (!key_of(t, &t->value[i], &keys[i]))
            return;
    sieve->filter = t->field->filter;
    sieve->keys = keys;
    sieve->n_keys = t->n;
}

static void add_sieve(struct kt_sql_scan *s, const struct kt_sql_arg *arg, sqlite3_value *v)
{
    struct kt_sql_test *t = &s->test[s->tests];
    struct kt_sieve *sieve = &s->sieve[s->scan.n_sieves];
    s->tests++; /* freed with the scan, of use or not */
    *t = (struct kt_sql_test){ .field = &kt_sql_fields[arg->field],
                               .op = arg->op,
                               .nocase = arg->nocase };
    if (!take_values(t, arg->list, v))
        return;
    *sieve = (struct kt_sieve){
        .column = t->field->col, .filter = KT_FILTER_NONE, .fits = fits, .self = t
    };
    take_keys(t, sieve, &s->keys[s->tests - 1]);
    if (sieve->column != KT_COL_NONE || sieve->n_keys > 0)
        s->scan.n_sieves++;
}

void kt_sql_scan_fill(struct kt_sql_scan *s, const struct kt_sql_plan *plan, sqlite3_value **argv)
{
    for (unsigned i = 0; i < plan->args; i++) {
        const struct kt_sql_arg *arg = &plan->arg[i];
        const struct kt_sql_field *f = &kt_sql_fields[arg->field];
        int type = arg->list ? SQLITE_TEXT : sqlite3_value_type(argv[i]);
        bool number = type == SQLITE_INTEGER || type == SQLITE_FLOAT;
        switch (f->push) {
        case KT_SQL_PUSH_SEQ:
        case KT_SQL_PUSH_NS:
            if (number)
                bound_number(s, arg->op, f->push == KT_SQL_PUSH_SEQ, argv[i]);
            break;
        case KT_SQL_PUSH_TIME:
        case KT_SQL_PUSH_DAY:
            bound_text(s, arg->op, f->push == KT_SQL_PUSH_DAY, argv[i]);
            break;
        case KT_SQL_PUSH_VALUE:
        case KT_SQL_PUSH_KEY:
            add_sieve(s, arg, argv[i]);
            break;
        case KT_SQL_PUSH_NONE:
        case KT_SQL_PUSHES:
            break;
        }
    }
    s->scan.sieve = s->sieve;
}

void kt_sql_scan_done(struct kt_sql_scan *s)
{
    for (unsigned i = 0; i < s->tests; i++) {
        for (unsigned v = 0; v < s->test[i].n; v++)
            kt_free((void *)(uintptr_t)s->test[i].value[v].at);
        kt_free(s->test[i].value);
        kt_free(s->keys[i]);
    }
    *s = (struct kt_sql_scan){ 0 };
}
