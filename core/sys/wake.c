/*
 * wake: eventfds between threads.
 *
 * Owns:  nothing: who opened the descriptor closes it.
 * Calls: the system.
 */
#include "core/sys/wake.h"

#include <stdint.h>
#include <unistd.h>

void kt_wake_raise(int fd)
{
    uint64_t one = 1;
    ssize_t n = write(fd, &one, sizeof one);
    (void)n; /* full means it is readable already */
}

void kt_wake_lower(int fd)
{
    uint64_t v;
    ssize_t n = read(fd, &v, sizeof v);
    (void)n; /* empty means it is lowered already */
}
