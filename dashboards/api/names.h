/* names: what the calls about one name share: a profile as JSON. */
#pragma once
#include "core/answer/profile.h"
#include "dashboards/api/api.h"

/* "numbers", "counts", "heat", "series", "lists", "more", "cut", "query". */
void kt_api_profile(struct kt_api *a, const struct kt_profile_ask *what,
                    const struct kt_profile *p);
/* One value of a list as docs/api.md has it, into a list that is open. */
void kt_api_entry(struct kt_buf *o, const struct kt_profile *p, enum kt_profile_list list,
                  const struct kt_profile_entry *e);
/* One of its lists, at most KT_API_ENTRIES_MAX entries. */
#define KT_API_ENTRIES_MAX 200u
void kt_api_entries(struct kt_buf *o, const char *key, const struct kt_profile *p,
                    enum kt_profile_list list);
