/* store_helpers: what threads prepare ahead comes in the list's order, each thing once, whatever
 * becomes of the threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/alloc.h"
#include "core/store/helpers.h"

#define THINGS 500u
struct list {
    atomic_uint prepared[THINGS];
    atomic_uint opened;
    unsigned step;     /* each so manieth has to be seen */
    bool walker_alone; /* helpers cannot open their door */
};
static atomic_int rooms; /* that stand */
struct door {
    struct list *of;
};

static void *open_door(void *self, bool walker)
{
    struct list *l = self;
    if (l->walker_alone && !walker)
        return NULL;
    struct door *d = kt_alloc(sizeof *d);
    d->of = l;
    atomic_fetch_add(&l->opened, 1);
    return d;
}

static void close_door(void *door)
{
    struct door *d = door;
    atomic_fetch_sub(&d->of->opened, 1);
    kt_free(d);
}

static void *make_room(void)
{
    atomic_fetch_add(&rooms, 1);
    return kt_alloc(sizeof(uint32_t));
}

static void free_room(void *room)
{
    if (room != NULL)
        atomic_fetch_sub(&rooms, 1);
    kt_free(room);
}

static bool prepare(void *self, void *door, void *room, uint32_t at)
{
    struct list *l = self;
    assert_ptr_equal(((struct door *)door)->of, l);
    atomic_fetch_add(&l->prepared[at], 1);
    *(uint32_t *)room = at;
    return at % l->step == 0;
}

static struct kt_helpers *start(struct list *l, uint32_t n)
{
    return kt_helpers_new(&(struct kt_helpers_plan){ .self = l,
                                                     .n = n,
                                                     .threads = KT_HELPERS_MAX,
                                                     .room = 2,
                                                     .open = open_door,
                                                     .close = close_door,
                                                     .make = make_room,
                                                     .free = free_room,
                                                     .prepare = prepare });
}

static void finish(struct list *l, struct kt_helpers *h)
{
    kt_helpers_free(h);
    assert_int_equal(atomic_load(&l->opened), 0);
    assert_int_equal(atomic_load(&rooms), 0);
}

static void take_all(struct list *l)
{
    struct kt_helpers *h = start(l, THINGS);
    uint32_t next = 0;
    for (const uint32_t *at; (at = kt_helpers_next(h)) != NULL;) {
        if (*at % l->step != 0)
            continue;
        assert_int_equal(*at, next);
        next += l->step;
    }
    assert_true(next >= THINGS);
    assert_null(kt_helpers_next(h));
    for (uint32_t i = 0; i < THINGS; i++)
        assert_int_equal(atomic_load(&l->prepared[i]), 1);
    finish(l, h);
}

static void things_come_in_order_and_once(void **state)
{
    (void)state;
    take_all(&(struct list){ .step = 1 });
    take_all(&(struct list){ .step = 7 });
    take_all(&(struct list){ .step = 2 * THINGS });
}

static void helpers_that_cannot_open_leave_it_to_the_walker(void **state)
{
    (void)state;
    take_all(&(struct list){ .step = 3, .walker_alone = true });
}

static void a_walk_can_end_early(void **state)
{
    struct list l = { .step = 1 };
    struct kt_helpers *h = start(&l, THINGS);
    (void)state;
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(*(uint32_t *)kt_helpers_next(h), i);
    finish(&l, h);
    h = start(&l, 0);
    assert_null(kt_helpers_next(h));
    finish(&l, h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(things_come_in_order_and_once),
        cmocka_unit_test(helpers_that_cannot_open_leave_it_to_the_walker),
        cmocka_unit_test(a_walk_can_end_early),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
