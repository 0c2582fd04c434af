/*
 * parsed: the lines of a batch and what was read of them, so that whoever needs the events of lines
 * that one thread has checked and read need not read them again.
 *
 * Never changed once it is made; shared by count, between threads as well.
 */
#pragma once
#include "core/base/buf.h"
#include "core/event/event.h"

#define KT_EVENT_ID 16u

struct kt_parsed;
/* Of n lines inside `lines`, each with its newline. */
struct kt_parsed *kt_parsed_new(struct kt_str lines, uint32_t n);
/* The next one, and what kt_line_read has just made of it. */
void kt_parsed_add(struct kt_parsed *p, struct kt_str line, const struct kt_event *ev);
/* After the last one: takes the memory of `lines`, which is empty then, unless that is of much more
 * than it holds: then it stays as it is. So what borrows from them is good as long as both are. */
void kt_parsed_close(struct kt_parsed *p, struct kt_buf *lines);
struct kt_parsed *kt_parsed_share(struct kt_parsed *p);
void kt_parsed_free(struct kt_parsed *p); /* when nobody else has it; NULL is fine */

uint32_t kt_parsed_count(const struct kt_parsed *p);
size_t kt_parsed_bytes(const struct kt_parsed *p); /* of memory */
/* Of a closed one, i below the count. */
struct kt_str kt_parsed_line(const struct kt_parsed *p, uint32_t i); /* without its newline */
const uint8_t *kt_parsed_id(const struct kt_parsed *p, uint32_t i);  /* kt_event_id */
/* What kt_line_read gives, with strings that borrow from the line, or from arena where they are
 * escaped there. */
KT_MUST_USE enum kt_status kt_parsed_event(const struct kt_parsed *p, uint32_t i,
                                           struct kt_arena *arena, struct kt_event *ret,
                                           struct kt_error *err);
