/*
 * held: the rows of an engine's state, in memory: what a store is to the collector. Rows are taken
 * as kt_detect_changes gives them, and given back as kt_detect_resume and the tables ask for them.
 */
#pragma once
#include "cli/fixture/org.h"

struct held;
struct held *held_new(void);
void held_free(struct held *h);
/* For kt_detect_options; lives as long as h. */
const struct kt_backing *held_backing(struct held *h);
/* What is saved lets the engine keep no more than `memory` bytes; SIZE_MAX in the beginning. */
void held_memory(struct held *h, size_t memory);
/* Takes what changed in d, and says so. */
void held_save(struct held *h, struct kt_detect *d);
/* o's state lies in h, which is free after o; before the first event. */
void held_org(struct held *h, struct org *o, uint64_t save_every);
/* A new engine goes on from what was saved. */
KT_MUST_USE enum kt_status held_resume(struct held *h, struct kt_detect *d, struct kt_error *err);
uint64_t held_loads(const struct held *h); /* how often an entry was asked for */
uint32_t held_rows(const struct held *h);
/* Forgets one row, as a damaged store does. */
void held_lose(struct held *h, uint32_t number);
void held_lose_settings(struct held *h);
/* Changes a bit of it. */
void held_spoil(struct held *h, uint32_t number);
