/*
 * second_factor: the password of an account is known where nobody of the firm is, and its second
 * factor keeps refusing, for failed_attempts: nobody gets in, and the password is lost all the
 * same.
 *
 * Owns:  the struct of a table of failed_attempts, by actor.
 * Calls: baseline, detector.h and core only. No clock, no I/O.
 */
#pragma once
#include "detectors/detector.h"

struct kt_second_factor { /* refused ones, no two of which lie a day apart, since it got in */
    uint32_t n, first_min, last_min, pad;
};
/* A login of a known account was refused from a network that `strange` says is new to it: told from
 * `least` refused second factors on, over 20 minutes or more. */
void kt_second_refused(struct kt_scene *s, struct kt_table *t, bool strange, unsigned least);
/* It got in from such a network: the refusals were its own, or are another detector part's. */
void kt_second_got_in(struct kt_scene *s, struct kt_table *t);
