/* circle: tells a row of pages that leads back into itself. Brent's rule: the token of page 2^k is
 * kept and compared, so that a circle of any length is seen within three times its length and what
 * lies before it, for the price of one token. */
#pragma once
#include "core/base/buf.h"

struct kt_circle { /* zeroed: before the first page */
    struct kt_buf kept;
    uint64_t pages;
};
/* Goes on to the page of this token. true: it was asked before, and the row has no end. */
bool kt_circle_closes(struct kt_circle *c, struct kt_str token);
void kt_circle_reset(struct kt_circle *c); /* another row begins */
void kt_circle_done(struct kt_circle *c);
