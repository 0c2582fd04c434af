/*
 * syslog_frames: where a message ends in a stream (RFC 6587).
 *
 * Owns:  the beginning of a message that is not whole.
 * Calls: core/base.
 * Holds: each message says by its first byte how it is framed: a digit begins a count of bytes,
 *        anything else a line. Bytes are looked at once, however small the pieces.
 */
#include "agents/inputs/syslog_message.h"

#include <string.h>

#define DIGITS_MAX 7u

enum taken { WHOLE, MORE_NEEDED };

/* Bytes between messages that are none: some writers end a counted message with a newline too. */
static void pass_blank(struct kt_str *all)
{
    while (all->len > 0 && (all->at[0] == '\n' || all->at[0] == '\r' || all->at[0] == '\0'))
        *all = kt_str_from_index(*all, 1);
}

static void pass_skipped(struct kt_syslog_frames *f, struct kt_str *all)
{
    size_t n = f->skip < all->len ? (size_t)f->skip : all->len;
    f->skip -= n;
    *all = kt_str_from_index(*all, n);
    if (!f->skip_line)
        return;
    ptrdiff_t end = kt_str_find_byte(*all, '\n', 0);
    f->skip_line = end < 0;
    *all = kt_str_from_index(*all, end < 0 ? all->len : (size_t)end);
}

/* "123 " at the start; 0: there is none; SIZE_MAX: perhaps, once there is more. */
static size_t count_at(struct kt_str all, uint64_t *ret)
{
    size_t n = 0;
    while (n < all.len && n <= DIGITS_MAX && all.at[n] >= '0' && all.at[n] <= '9')
        n++;
    if (n == 0 || n > DIGITS_MAX || all.at[0] == '0')
        return 0;
    if (n == all.len)
        return SIZE_MAX;
    return all.at[n] == ' ' && kt_str_u64(kt_str_sub(all, 0, n), ret) ? n + 1 : 0;
}

static enum taken take_counted(struct kt_syslog_frames *f, struct kt_str *all, size_t head,
                               uint64_t length, struct kt_str *ret)
{
    size_t given = length < KT_SYSLOG_MAX ? (size_t)length : KT_SYSLOG_MAX;
    if (all->len - head < given)
        return MORE_NEEDED;
    *ret = kt_str_sub(*all, head, given);
    *all = kt_str_from_index(*all, head + given);
    f->skip = length - given;
    return WHOLE;
}

static enum taken take_line(struct kt_syslog_frames *f, struct kt_str *all, struct kt_str *ret)
{
    ptrdiff_t end = kt_str_find_byte(*all, '\n', f->looked);
    if (end < 0 && all->len < KT_SYSLOG_MAX) {
        f->looked = all->len;
        return MORE_NEEDED;
    }
    size_t n = end < 0 || (size_t)end > KT_SYSLOG_MAX ? KT_SYSLOG_MAX : (size_t)end;
    f->looked = 0;
    f->skip_line = true; /* its own newline at least */
    *ret = kt_str_sub(*all, 0, n);
    *all = kt_str_from_index(*all, n);
    return WHOLE;
}

static enum taken take(struct kt_syslog_frames *f, struct kt_str *all, struct kt_str *ret)
{
    uint64_t length = 0;
    pass_skipped(f, all);
    if (f->skip > 0 || f->skip_line)
        return MORE_NEEDED;
    if (f->looked == 0)
        pass_blank(all);
    size_t head = f->looked == 0 ? count_at(*all, &length) : 0;
    if (all->len == 0 || head == SIZE_MAX)
        return MORE_NEEDED;
    return head > 0 ? take_counted(f, all, head, length, ret) : take_line(f, all, ret);
}

enum kt_status kt_syslog_frames_feed(struct kt_syslog_frames *f, struct kt_str bytes,
                                     kt_syslog_fn *each, void *self, struct kt_error *err)
{
    bool kept = f->rest.len > 0;
    struct kt_str all = bytes, message;
    if (kept) {
        kt_buf_add(&f->rest, bytes);
        all = kt_buf_str(&f->rest);
    }
    while (take(f, &all, &message) == WHOLE) {
        enum kt_status st = each(self, message, err);
        if (st != KT_OK)
            return st;
    }
    if (!kept) {
        kt_buf_add(&f->rest, all);
    } else if (all.len < f->rest.len) {
        memmove(f->rest.at, f->rest.at + (f->rest.len - all.len), all.len);
        f->rest.len = all.len;
    }
    return KT_OK;
}

enum kt_status kt_syslog_frames_end(struct kt_syslog_frames *f, kt_syslog_fn *each, void *self,
                                    struct kt_error *err)
{
    enum kt_status st = KT_OK;
    struct kt_str left = kt_buf_str(&f->rest);
    if (left.len > 0 && left.at[0] >= '1' && left.at[0] <= '9') { /* the count is no part of it */
        uint64_t length;
        size_t head = count_at(left, &length);
        left = head == SIZE_MAX ? KT_STR_NONE : kt_str_from_index(left, head);
    }
    if (left.len > 0)
        st = each(self, left, err);
    kt_syslog_frames_done(f);
    return st;
}

void kt_syslog_frames_done(struct kt_syslog_frames *f)
{
    kt_buf_done(&f->rest);
    *f = (struct kt_syslog_frames){ .looked = 0 };
}
