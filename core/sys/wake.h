/* wake: an eventfd that one thread raises and another, which polls it, lowers. */
#pragma once

/* Readable from now on. */
void kt_wake_raise(int fd);
/* Readable no more, until it is raised again. */
void kt_wake_lower(int fd);
