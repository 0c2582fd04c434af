/*
 * circle: tells a row of pages that leads back into itself.
 *
 * Owns:  the one token that is kept.
 * Calls: buf.
 */
#include "core/base/circle.h"

bool kt_circle_closes(struct kt_circle *c, struct kt_str token)
{
    if (c->pages > 0 && kt_str_eq(kt_buf_str(&c->kept), token))
        return true;
    c->pages++;
    if ((c->pages & (c->pages - 1)) == 0) {
        kt_buf_reset(&c->kept);
        kt_buf_add(&c->kept, token);
    }
    return false;
}

void kt_circle_reset(struct kt_circle *c)
{
    kt_buf_reset(&c->kept);
    c->pages = 0;
}

void kt_circle_done(struct kt_circle *c)
{
    kt_buf_done(&c->kept);
    c->pages = 0;
}
