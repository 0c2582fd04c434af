/*
 * chunk: picking records by filters and columns, so that few lines need be opened.
 *
 * Owns:  arrays that are used again for the next chunk.
 * Calls: core/base, core/event, core/store (opened, columns, filter).
 * Holds: what is left out cannot match; the order is that of the numbers.
 */
#include "core/store/chunk.h"

#include <assert.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/limits.h"
#include "core/event/line.h"

#define ARENA_MAX (2 * KT_LINE_MAX)

enum verdict { UNKNOWN, YES, NO };

struct kt_chunk *kt_chunk_new(struct kt_tail_columns *tail)
{
    struct kt_chunk *c = kt_alloc(sizeof *c);
    c->tail = tail == NULL ? NULL : kt_tail_columns_share(tail);
    c->opened = kt_opened_new();
    return c;
}

static void leave_kept(struct kt_chunk *c)
{
    if (c->kept != NULL)
        kt_tail_columns_leave(c->tail, c->kept);
    c->kept = NULL;
}

void kt_chunk_free(struct kt_chunk *c)
{
    if (c == NULL)
        return;
    leave_kept(c);
    kt_tail_columns_free(c->tail);
    kt_opened_free(c->opened);
    kt_zip_free(c->zip);
    kt_arena_done(&c->arena);
    kt_lines_done(&c->lines);
    kt_columns_done(&c->made);
    kt_runs_done(&c->own);
    kt_buf_done(&c->own_bytes);
    kt_free(c->row);
    kt_free(c->seq);
    kt_free(c->arrival);
    kt_free(c->conflict);
    kt_free(c->pick);
    kt_free(c->verdict);
    kt_steps_done(&c->steps);
    kt_free(c);
}

void kt_chunk_cost(const struct kt_chunk *c, struct kt_scan_cost *ret)
{
    ret->skipped_filter += c->filtered;
    ret->opened += c->opened_segments;
    ret->lines += c->opened_lines;
    ret->bytes += kt_opened_bytes(c->opened);
}

void kt_chunk_clear(struct kt_chunk *c)
{
    c->picks = 0;
    c->left_from = c->left_until = 0;
    c->singly = false;
}

/* Merged segments are much of a size: room for any, and not for a few more each time. */
static uint32_t room_for(uint32_t n)
{
    return n > KT_SEGMENT_EVENTS_MAX ? KT_MERGED_EVENTS_MAX : n;
}

static void start(struct kt_chunk *c, uint32_t n)
{
    leave_kept(c);
    kt_chunk_clear(c);
    c->n = n;
    if (n <= c->room)
        return;
    c->room = n = room_for(n);
    c->row = kt_realloc_array(c->row, n, sizeof *c->row);
    c->seq = kt_realloc_array(c->seq, n, sizeof *c->seq);
    c->arrival = kt_realloc_array(c->arrival, n, sizeof *c->arrival);
    c->conflict = kt_realloc_array(c->conflict, n, sizeof *c->conflict);
    c->pick = kt_realloc_array(c->pick, n, sizeof *c->pick);
    c->verdict = kt_realloc_array(c->verdict, n < 256 ? 256 : n + 1, sizeof *c->verdict);
}

static void pick_rows(struct kt_chunk *c, uint32_t from, uint32_t end)
{
    c->picks = end - from;
    for (uint32_t i = 0; i < c->picks; i++)
        c->pick[i] = from + i;
}

static void pick_all(struct kt_chunk *c)
{
    pick_rows(c, 0, c->n);
}

/* ---- what beside the lines says no ---- */

static bool filter_may(struct kt_str filter, const struct kt_sieve *s)
{
    bool may = false;
    for (unsigned i = 0; i < s->n_keys && !may; i++) {
        uint64_t hash;
        may = !kt_key_hash_of(s->filter, &s->keys[i], &hash) || kt_filter_has(filter, hash);
    }
    return may;
}

/* Rows of those pieces stay whose filter may have a key: it follows from lines, so each piece keeps
 * its own. */
static enum kt_status ask_pieces(struct kt_chunk *c, const struct kt_sieve *s, struct kt_error *err)
{
    const struct kt_piece *piece;
    struct kt_str filter;
    uint32_t n, kept = 0, at = 0;
    if (kt_opened_pieces(c->opened, &piece, &n, err) != KT_OK)
        return err == NULL ? KT_E_CORRUPT : err->code;
    for (uint32_t k = 0; k < n; k++) {
        uint32_t from = at, end = piece[k].row + piece[k].head.count;
        while (at < c->picks && c->pick[at] < end)
            at++;
        if (at == from)
            continue;
        if (kt_opened_piece_raw(c->opened, k, KT_PART_FILTER + (unsigned)s->filter, &filter, err) !=
            KT_OK)
            return err == NULL ? KT_E_CORRUPT : err->code;
        if (!filter_may(filter, s))
            continue;
        memmove(c->pick + kept, c->pick + from, (at - from) * sizeof *c->pick);
        kept += at - from;
    }
    c->picks = kept;
    return KT_OK;
}

static enum kt_status ask_whole(struct kt_chunk *c, const struct kt_sieve *s, struct kt_error *err)
{
    struct kt_str filter;
    if (kt_opened_raw(c->opened, KT_PART_FILTER + (unsigned)s->filter, &filter, err) != KT_OK)
        return err == NULL ? KT_E_CORRUPT : err->code;
    c->picks = filter_may(filter, s) ? c->picks : 0;
    return KT_OK;
}

/* Where in a dictionary the first entry stands that is not before `text`. */
static uint32_t not_before(const struct kt_text_column *t, struct kt_str text)
{
    uint32_t low = 0, high = t->n_dict;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (kt_str_cmp(t->dict[mid], text) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* The sorted dictionary is asked for the keys: a text is one entry, a network a run of them. */
static bool judge_keys(struct kt_chunk *c, const struct kt_sieve *s, const struct kt_text_column *t)
{
    bool any = false;
    memset(c->verdict, NO, t->n_dict + 1);
    for (unsigned k = 0; k < s->n_keys; k++) {
        const struct kt_sought *key = &s->keys[k];
        struct kt_ip last = kt_cidr_last(key->net);
        bool net = s->seek == KT_SEEK_NET;
        struct kt_str from = net ? kt_str_from(key->net.ip.at, sizeof key->net.ip.at) : key->text;
        struct kt_str until = net ? kt_str_from(last.at, sizeof last.at) : key->text;
        for (uint32_t i = not_before(t, from); i < t->n_dict; i++) {
            if (kt_str_cmp(t->dict[i], until) > 0)
                break;
            c->verdict[i + 1] = YES;
            any = true;
        }
    }
    return any;
}

static bool fits_entry(const struct kt_sieve *s, const struct kt_text_column *t, uint32_t code)
{
    return s->fits(s->self, code == 0 ? KT_STR_NONE : t->dict[code - 1], 0);
}

/* Verdicts on every code that is picked; false: none fits. */
static bool judge_entries(struct kt_chunk *c, const struct kt_sieve *s,
                          const struct kt_text_column *t)
{
    if (s->seek == KT_SEEK_TEXT || s->seek == KT_SEEK_NET)
        return judge_keys(c, s, t);
    bool any = false;
    memset(c->verdict, UNKNOWN, t->n_dict + 1);
    for (uint32_t i = 0; i < c->picks; i++) {
        uint32_t code = t->code[c->pick[i]];
        if (c->verdict[code] == UNKNOWN)
            c->verdict[code] = fits_entry(s, t, code) ? YES : NO;
        any = any || c->verdict[code] == YES;
    }
    return any;
}

static void sift_text(struct kt_chunk *c, const struct kt_sieve *s)
{
    const struct kt_text_column *t = kt_column_text(c->columns, s->column);
    uint32_t n = 0;
    for (uint32_t i = 0, end = judge_entries(c, s, t) ? c->picks : 0; i < end; i++) {
        uint32_t row = c->pick[i];
        c->pick[n] = row;
        n += c->verdict[t->code[row]] == YES;
    }
    c->picks = n;
}

static void sift_small(struct kt_chunk *c, const struct kt_sieve *s)
{
    const uint8_t *value = c->columns->small[s->column];
    uint32_t n = 0;
    bool all = c->picks == c->n && c->n > 1; /* else only those of picked rows are there */
    if (all && memcmp(value, value + 1, c->n - 1) == 0) { /* one value: most often so */
        c->picks = s->fits(s->self, KT_STR_NONE, value[0]) ? c->picks : 0;
        return;
    }
    memset(c->verdict, UNKNOWN, 256);
    for (uint32_t i = 0; i < c->picks; i++) {
        uint32_t row = c->pick[i];
        uint8_t *v = &c->verdict[value[row]];
        if (*v == UNKNOWN)
            *v = s->fits(s->self, KT_STR_NONE, value[row]) ? YES : NO;
        c->pick[n] = row;
        n += *v == YES;
    }
    c->picks = n;
}

static void sift(struct kt_chunk *c, const struct kt_sieve *s)
{
    if (s->column < KT_COL_SMALL)
        sift_small(c, s);
    else
        sift_text(c, s);
}

bool kt_scan_touches(const struct kt_scan *scan, kt_time_ns low, kt_time_ns high)
{
    unsigned from = 0, end = scan->n_spans; /* the first that does not end before low */
    while (from < end) {
        unsigned mid = from + (end - from) / 2;
        if (scan->span[mid].until <= low)
            from = mid + 1;
        else
            end = mid;
    }
    return scan->n_spans == 0 || (from < scan->n_spans && scan->span[from].since <= high);
}

static bool in_window(const struct kt_scan *scan, kt_time_ns time, kt_time_ns arrival)
{
    kt_time_ns t = time > 0 ? time : arrival;
    return (scan->since == 0 || t >= scan->since) && (scan->until == 0 || t < scan->until) &&
           kt_scan_touches(scan, t, t);
}

/* Arrivals are there when some event has no time. */
static void sift_time(struct kt_chunk *c, const struct kt_scan *scan)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->picks; i++) {
        uint32_t row = c->pick[i];
        kt_time_ns time = c->columns->time[row];
        if (in_window(scan, time, time > 0 ? 0 : c->arrival[row]))
            c->pick[n++] = row;
    }
    c->picks = n;
}

static void sift_seq(struct kt_chunk *c, const struct kt_scan *scan)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->picks; i++) {
        uint64_t seq = c->seq[c->pick[i]];
        if (seq >= scan->from_seq && seq <= scan->until_seq)
            c->pick[n++] = c->pick[i];
    }
    c->picks = n;
}

/* ---- the batches ---- */

/* Rows from `at` on. */
static enum kt_status take_runs(struct kt_chunk *c, const struct kt_runs *runs, uint32_t at,
                                struct kt_error *err)
{
    for (uint32_t r = 0; r < runs->n; r++) {
        const struct kt_row *row = &runs->row[r];
        memset(c->conflict + at, 0, row->count * sizeof *c->conflict);
        if (kt_row_arrivals(row, c->arrival + at, err) != KT_OK ||
            kt_row_conflicts(row, c->conflict + at, err) != KT_OK)
            return err == NULL ? KT_E_CORRUPT : err->code;
        for (uint32_t i = 0; i < row->count; i++, at++) {
            c->row[at] = row;
            c->seq[at] = row->first_seq + i;
        }
    }
    return KT_OK;
}

/* Of the pieces that have picks. */
static enum kt_status take_batches(struct kt_chunk *c, struct kt_error *err)
{
    const struct kt_piece *piece;
    const struct kt_runs *runs;
    uint32_t n, at = 0;
    if (kt_opened_pieces(c->opened, &piece, &n, err) != KT_OK)
        return err == NULL ? KT_E_CORRUPT : err->code;
    for (uint32_t k = 0; k < n; k++) {
        uint32_t from = at;
        while (at < c->picks && c->pick[at] < piece[k].row + piece[k].head.count)
            at++;
        if (at > from && (kt_opened_runs(c->opened, k, &runs, err) != KT_OK ||
                          take_runs(c, runs, piece[k].row, err) != KT_OK))
            return err == NULL ? KT_E_CORRUPT : err->code;
    }
    c->batched = true;
    return KT_OK;
}

/* ---- segments ---- */

static bool all_in_window(const struct kt_segment *seg, const struct kt_scan *scan)
{
    return (scan->since == 0 && scan->until == 0 && scan->n_spans == 0) ||
           (scan->n_spans == 0 && seg->untimed == 0 &&
            (scan->since == 0 || seg->min_time >= scan->since) &&
            (scan->until == 0 || seg->max_time < scan->until));
}

static bool may_be_late(const struct kt_segment *seg, const struct kt_scan *scan)
{
    return scan->late_after > 0 &&
           (seg->min_time == 0 || seg->max_arrival - seg->min_time > scan->late_after);
}

static enum kt_status ask_filter(struct kt_chunk *c, const struct kt_scan *scan, unsigned sieve,
                                 struct kt_error *err)
{
    const struct kt_sieve *s = &scan->sieve[sieve];
    enum kt_status status = kt_part_is_merged(KT_PART_FILTER + (unsigned)s->filter)
                                ? ask_whole(c, s, err)
                                : ask_pieces(c, s, err);
    if (status != KT_OK)
        return status;
    c->filtered += c->picks == 0;
    kt_steps_tell(&c->steps, sieve, KT_STEP_FILTER, c->picks == 0);
    return KT_OK;
}

/* What is looked up says what the filter would have said. */
static enum kt_status seek(struct kt_chunk *c, const struct kt_scan *scan, unsigned sieve,
                           bool *ret_done, struct kt_error *err)
{
    const struct kt_sieve *s = &scan->sieve[sieve];
    if (kt_opened_seek(c->opened, s->column, s->keys, s->n_keys, s->seek, c->pick, &c->picks,
                       ret_done, err) != KT_OK)
        return err == NULL ? KT_E_CORRUPT : err->code;
    if (*ret_done)
        kt_steps_tell(&c->steps, sieve, KT_STEP_FILTER,
                      kt_column_text(c->columns, s->column)->n_dict == 0);
    return KT_OK;
}

static enum kt_status ask_column(struct kt_chunk *c, const struct kt_scan *scan, unsigned sieve,
                                 struct kt_error *err)
{
    const struct kt_sieve *s = &scan->sieve[sieve];
    bool done = false;
    if (s->seek != KT_SEEK_NO && seek(c, scan, sieve, &done, err) != KT_OK)
        return err == NULL ? KT_E_CORRUPT : err->code;
    if (!done) {
        struct kt_picked picked = { c->pick, c->picks };
        if (kt_opened_picked(c->opened, s->column, picked, err) != KT_OK)
            return err == NULL ? KT_E_CORRUPT : err->code;
        sift(c, s);
    }
    kt_steps_tell(&c->steps, sieve, KT_STEP_COLUMN, c->picks == 0);
    return KT_OK;
}

/* A filter is not asked behind its column. */
static bool is_asked(const struct kt_steps *s, unsigned at)
{
    for (unsigned i = 0; i < at; i++)
        if (s->order[i] == s->order[at] + KT_STEP_COLUMN)
            return s->order[at] % KT_STEPS == KT_STEP_FILTER;
    return false;
}

static enum kt_status sift_segment(struct kt_chunk *c, const struct kt_scan *scan,
                                   struct kt_error *err)
{
    enum kt_status status = KT_OK;
    kt_steps_for(&c->steps, scan);
    for (unsigned i = 0; i < c->steps.n && c->picks > 0 && status == KT_OK; i++) {
        unsigned sieve = c->steps.order[i] / KT_STEPS;
        if (is_asked(&c->steps, i))
            continue;
        status = c->steps.order[i] % KT_STEPS == KT_STEP_FILTER ? ask_filter(c, scan, sieve, err)
                                                                : ask_column(c, scan, sieve, err);
    }
    kt_steps_order(&c->steps);
    return status;
}

static enum kt_status want_columns(struct kt_chunk *c, const struct kt_want *want,
                                   struct kt_error *err)
{
    for (unsigned i = 0; i < KT_COL_COUNT; i++)
        if ((want->columns & KT_COLUMN(i)) &&
            kt_opened_picked(c->opened, (enum kt_col)i, (struct kt_picked){ c->pick, c->picks },
                             err) != KT_OK)
            return err == NULL ? KT_E_CORRUPT : err->code;
    return want->time ? kt_opened_time(c->opened, (struct kt_picked){ c->pick, c->picks }, err)
                      : KT_OK;
}

/* Records that are to be asked for next, of those between the scan's numbers. */
static void leave(struct kt_chunk *c, const struct kt_scan *scan, uint64_t from, uint64_t until)
{
    from = from > scan->from_seq ? from : scan->from_seq;
    until = until < scan->until_seq ? until : scan->until_seq;
    if (from <= until) {
        c->left_from = from;
        c->left_until = until;
    }
}

/* Of the pieces [*from, *end) the first one that way. */
static void pick_one(struct kt_chunk *c, const struct kt_scan *scan, const struct kt_piece *piece,
                     uint32_t *from, uint32_t *end)
{
    const bool down = scan->newest_first;
    if (*end - *from > 1)
        leave(c, scan, down ? c->seg.first_seq : piece[*from + 1].head.first_seq,
              down ? piece[*end - 2].head.last_seq : c->seg.last_seq);
    c->singly = c->left_from > 0;
    *from = down ? *end - 1 : *from;
    *end = *from + 1;
}

/* Rows of the pieces that have records between the scan's numbers. *ret_whole: all of these are. */
static enum kt_status pick_pieces(struct kt_chunk *c, const struct kt_scan *scan, bool one,
                                  bool *ret_whole, struct kt_error *err)
{
    const struct kt_segment *seg = &c->seg;
    const struct kt_piece *piece;
    uint32_t n, from = 0;
    *ret_whole = seg->first_seq >= scan->from_seq && seg->last_seq <= scan->until_seq;
    pick_all(c);
    if ((*ret_whole && !one) || seg->pieces == 0)
        return KT_OK;
    if (kt_opened_pieces(c->opened, &piece, &n, err) != KT_OK)
        return err == NULL ? KT_E_CORRUPT : err->code;
    while (n > 1 && piece[n - 1].head.first_seq > scan->until_seq)
        n--;
    while (from + 1 < n && piece[from].head.last_seq < scan->from_seq)
        from++;
    if (one)
        pick_one(c, scan, piece, &from, &n);
    pick_rows(c, piece[from].row, piece[n - 1].row + piece[n - 1].head.count);
    *ret_whole = piece[from].head.first_seq >= scan->from_seq &&
                 piece[n - 1].head.last_seq <= scan->until_seq;
    return KT_OK;
}

/* Lines of the picks, as far as there is room for them; then what is left of the picks has columns
 * as well. */
static enum kt_status take_lines(struct kt_chunk *c, const struct kt_scan *scan,
                                 struct kt_error *err)
{
    const struct kt_piece *piece;
    struct kt_asked asked;
    uint32_t n;
    c->lined = true;
    if (c->picks == 0)
        return KT_OK;
    if (kt_opened_sift(c->opened, scan->needle, scan->n_needles, scan->newest_first, c->pick,
                       &c->picks, &asked, err) != KT_OK ||
        kt_opened_pieces(c->opened, &piece, &n, err) != KT_OK)
        return err == NULL ? KT_E_CORRUPT : err->code;
    if (asked.end < n || asked.first > 0)
        leave(c, scan, asked.end < n ? piece[asked.end].head.first_seq : c->seg.first_seq,
              asked.first > 0 ? piece[asked.first - 1].head.last_seq : c->seg.last_seq);
    return KT_OK;
}

/* What columns do not say of the picks: times, numbers. */
static enum kt_status sift_rest(struct kt_chunk *c, const struct kt_scan *scan,
                                const struct kt_want *want, bool whole, struct kt_error *err)
{
    const struct kt_segment *seg = &c->seg;
    bool timed = !all_in_window(seg, scan);
    bool arrivals = seg->untimed > 0 && (timed || want->time); /* for events without a time */
    if ((timed &&
         kt_opened_time(c->opened, (struct kt_picked){ c->pick, c->picks }, err) != KT_OK) ||
        ((arrivals || !whole || want->runs || may_be_late(seg, scan)) &&
         take_batches(c, err) != KT_OK))
        return err == NULL ? KT_E_CORRUPT : err->code;
    if (!whole)
        sift_seq(c, scan);
    if (timed)
        sift_time(c, scan);
    return KT_OK;
}

/* Whoever looks at the picks on another thread would fetch a line of its cache for each value of
 * each, where they lie as far apart as in the segment. */
static void close_up(struct kt_chunk *c, bool time)
{
    struct kt_columns *k = c->columns;
    for (unsigned i = 0; i < KT_COL_COUNT; i++) {
        if ((k->have & KT_COLUMN(i)) == 0)
            continue;
        uint8_t *small = i < KT_COL_SMALL ? k->small[i] : NULL;
        uint16_t *code = small == NULL ? kt_column_text(k, (enum kt_col)i)->code : NULL;
        for (uint32_t p = 0; small != NULL && p < c->picks; p++)
            small[p] = small[c->pick[p]];
        for (uint32_t p = 0; code != NULL && p < c->picks; p++)
            code[p] = code[c->pick[p]];
    }
    for (uint32_t p = 0; time && p < c->picks; p++)
        k->time[p] = k->time[c->pick[p]];
    for (uint32_t p = 0; c->batched && p < c->picks; p++)
        c->arrival[p] = c->arrival[c->pick[p]];
    c->n = c->picks;
    pick_all(c);
}

/* Its records, once it is opened. */
static enum kt_status read_segment(struct kt_chunk *c, const struct kt_scan *scan,
                                   const struct kt_want *want, struct kt_error *err)
{
    bool whole;
    if (pick_pieces(c, scan, want->one, &whole, err) != KT_OK ||
        sift_segment(c, scan, err) != KT_OK)
        return err == NULL ? KT_E_CORRUPT : err->code;
    if (c->picks > 0 && want->lines) {
        kt_opened_rule_out(c->opened, scan->needle, scan->n_needles, c->pick, &c->picks);
        c->filtered += c->picks == 0;
    }
    if (c->picks == 0)
        return KT_OK;
    c->opened_segments++;
    if (sift_rest(c, scan, want, whole, err) != KT_OK ||
        (want->lines && take_lines(c, scan, err) != KT_OK))
        return err == NULL ? KT_E_CORRUPT : err->code;
    enum kt_status status = c->picks == 0 ? KT_OK : want_columns(c, want, err);
    if (status == KT_OK && want->dense && c->picks < c->n)
        close_up(c, want->time);
    return status;
}

enum kt_status kt_chunk_segment(struct kt_chunk *c, sqlite3 *db, const struct kt_segment *seg,
                                const struct kt_scan *scan, const struct kt_want *want,
                                struct kt_error *err)
{
    start(c, seg->count);
    c->sealed = true;
    c->seg = *seg;
    c->seg.days = KT_STR_NONE;
    c->untimed = seg->untimed > 0;
    c->batched = c->lined = false;
    if (seg->last_seq < scan->from_seq || seg->first_seq > scan->until_seq ||
        !kt_segment_in_time(seg, scan->since, scan->until) ||
        (seg->untimed == 0 && !kt_scan_touches(scan, seg->min_time, seg->max_time)))
        return KT_OK;
    if (kt_opened_start(c->opened, db, seg, err) != KT_OK)
        return kt_wrap(err, "segment");
    c->columns = kt_opened_columns(c->opened);
    enum kt_status status = read_segment(c, scan, want, err);
    if (status == KT_E_CORRUPT && !want->one && kt_opened_of_piece(c->opened)) {
        leave(c, scan, seg->first_seq, seg->last_seq);
        c->singly = c->left_from > 0;
    }
    return status;
}

/* ---- batches ---- */

/* Columns made from the lines, for whoever wants columns. */
static enum kt_status make_columns(struct kt_chunk *c, struct kt_columns *to, uint32_t which,
                                   struct kt_error *err)
{
    kt_columns_begin(to, which);
    for (uint32_t i = 0; i < c->n; i++) {
        struct kt_event ev;
        kt_arena_reset(&c->arena);
        if (kt_line_read(c->lines.at[i], &c->arena, &ev, err) != KT_OK)
            return kt_fail(err, KT_E_CORRUPT, "record %llu is not a canonical line",
                           (unsigned long long)c->seq[i]);
        kt_columns_add(to, &ev);
    }
    kt_columns_close(to);
    return KT_OK;
}

static void keep_run(struct kt_chunk *c, const struct kt_row *row)
{
    kt_buf_reset(&c->own_bytes);
    size_t room = row->agent.len + row->arrivals.len + row->conflicts.len;
    (void)kt_buf_reserve(&c->own_bytes, room);
    if (c->own.cap == 0) {
        c->own.row = kt_alloc(sizeof *c->own.row);
        c->own.cap = 1;
    }
    struct kt_row *own = c->own.row;
    *own = *row;
    struct kt_str *const strings[] = { &own->agent, &own->arrivals, &own->conflicts };
    for (size_t i = 0; i < KT_ARRAY_LEN(strings); i++) {
        size_t at = c->own_bytes.len;
        kt_buf_add(&c->own_bytes, *strings[i]);
        *strings[i] = kt_str_from(c->own_bytes.at + at, strings[i]->len);
    }
    c->own.n = 1;
}

static void sift_lines(struct kt_chunk *c, const struct kt_scan *scan)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->picks; i++)
        if (kt_str_has_all(c->lines.at[c->pick[i]], scan->needle, scan->n_needles))
            c->pick[n++] = c->pick[i];
    c->picks = n;
}

/* Times of the events, and arrivals for those without one: all outside? A row does not say whether
 * there are such, nor the span of arrivals that differ. */
static bool batch_outside(const struct kt_row *row, const struct kt_scan *scan)
{
    if (row->arrivals.len > 0)
        return false;
    bool timed = row->min_time > 0;
    kt_time_ns low = timed && row->min_time < row->arrival ? row->min_time : row->arrival;
    kt_time_ns high = timed && row->max_time > row->arrival ? row->max_time : row->arrival;
    return (scan->since > 0 && high < scan->since) || (scan->until > 0 && low >= scan->until) ||
           !kt_scan_touches(scan, low, high);
}

/* Those that are asked for or asked about; never none, though only times may be wanted. */
static uint32_t columns_of(const struct kt_scan *scan, const struct kt_want *want)
{
    uint32_t columns = want->columns | KT_COLUMN(KT_COL_KIND);
    for (unsigned i = 0; i < scan->n_sieves; i++)
        if (scan->sieve[i].column != KT_COL_NONE)
            columns |= KT_COLUMN(scan->sieve[i].column);
    return columns;
}

/* Lines and columns, as far as they are wanted: columns that were made before need no lines. */
static enum kt_status load_batch(struct kt_chunk *c, const struct kt_row *row,
                                 const struct kt_scan *scan, const struct kt_want *want,
                                 struct kt_error *err)
{
    const bool columns = want->columns != 0 || want->time;
    uint32_t make = 0;
    if (columns)
        c->kept = kt_tail_columns_take(c->tail, row, columns_of(scan, want), &make);
    const bool made = columns && c->kept != NULL && make == 0;
    c->columns = c->kept != NULL ? c->kept : &c->made;
    c->lined = want->lines || !made;
    if ((c->lined && kt_row_lines(row, c->zip, &c->lines, err) != KT_OK) ||
        take_runs(c, &c->own, 0, err) != KT_OK ||
        (columns && !made && make_columns(c, c->columns, make, err) != KT_OK))
        return err == NULL ? KT_E_CORRUPT : err->code;
    if (c->kept != NULL)
        kt_tail_columns_made(c->tail, c->kept);
    return KT_OK;
}

enum kt_status kt_chunk_batch(struct kt_chunk *c, const struct kt_row *row,
                              const struct kt_scan *scan, const struct kt_want *want,
                              struct kt_error *err)
{
    start(c, row->count);
    c->sealed = false;
    c->batched = true;
    c->untimed = true; /* as far as a row says */
    c->columns = &c->made;
    if (kt_row_last(row) < scan->from_seq || row->first_seq > scan->until_seq ||
        batch_outside(row, scan))
        return KT_OK;
    keep_run(c, row);
    if (c->zip == NULL) { /* of a walk's chunks one meets batches */
        c->zip = kt_zip_new();
        c->arena = kt_arena_new(ARENA_MAX);
    }
    if (load_batch(c, row, scan, want, err) != KT_OK)
        return err == NULL ? KT_E_CORRUPT : err->code;
    pick_all(c);
    sift_seq(c, scan);
    if (want->lines)
        sift_lines(c, scan);
    if (want->columns == 0 && !want->time)
        return KT_OK;
    for (unsigned i = 0; i < scan->n_sieves; i++)
        if (scan->sieve[i].column != KT_COL_NONE)
            sift(c, &scan->sieve[i]);
    sift_time(c, scan);
    return KT_OK;
}

enum kt_status kt_chunk_line(struct kt_chunk *c, uint32_t i, struct kt_str *ret,
                             struct kt_error *err)
{
    c->opened_lines++;
    assert(c->lined);
    if (c->sealed)
        return kt_opened_line(c->opened, i, ret, err);
    *ret = c->lines.at[i];
    return KT_OK;
}
