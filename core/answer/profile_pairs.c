/*
 * profile_pairs: who was where, of a secret that is read by many from everywhere: of each actor at
 * an address whether that was in the window, or before it.
 *
 * Owns:  the pairs of a profile.
 * Calls: core/base.
 * Holds: two bits a pair, those of neighbouring addresses together: a million pairs are asked for
 *        in any order, a record each.
 */
#include "core/answer/profile_int.h"
#include "core/base/alloc.h"

enum { IN_WINDOW = 1, IN_USUAL = 2, BITS = 2 };
#define OF_WORD (64u / BITS)

static uint32_t page_of(struct kt_profile_pairs *pairs, uint32_t actor, uint32_t block)
{
    bool is_new;
    uint32_t n = kt_pairs_put(&pairs->known, actor, block, &is_new);
    if (n >= pairs->cap) {
        pairs->cap = pairs->cap == 0 ? 64 : 2 * pairs->cap;
        pairs->page = kt_realloc_array(pairs->page, pairs->cap, sizeof *pairs->page);
    }
    if (is_new)
        pairs->page[n] = (struct kt_profile_pairs_page){ .actor = actor, .block = block };
    return n;
}

/* Countries come of the addresses, in the order in which the actor was first at one of theirs. */
static void meet_land(struct kt_profiling *p, uint32_t actor, uint32_t address, unsigned bit)
{
    struct kt_profile_lands *lands = &p->lands;
    uint32_t country = p->list[KT_PROFILE_ADDRESSES].at[address].country;
    bool is_new;
    if (country == KT_MAP_NONE)
        return;
    uint32_t n = kt_pairs_put(&lands->known, actor, country, &is_new);
    if (n >= lands->cap) {
        lands->cap = lands->cap == 0 ? 64 : 2 * lands->cap;
        lands->at = kt_realloc_array(lands->at, lands->cap, sizeof *lands->at);
    }
    if (is_new)
        lands->at[n] = (struct kt_profile_land){ .actor = actor, .country = country };
    lands->at[n].spans |= bit;
}

void kt_profile_meet(struct kt_profiling *p, uint32_t actor, uint32_t address)
{
    const unsigned bit = p->span == KT_PROFILE_SPAN_WINDOW ? IN_WINDOW : IN_USUAL;
    if (actor == KT_MAP_NONE || address == KT_MAP_NONE)
        return;
    struct kt_profile_pairs *pairs = &p->places;
    const uint32_t n = page_of(pairs, actor, address / KT_PROFILE_PAGE),
                   at = address % KT_PROFILE_PAGE;
    uint64_t *word = &pairs->page[n].word[at / OF_WORD];
    const unsigned shift = at % OF_WORD * BITS, was = *word >> shift & 3;
    if ((was & bit) != 0)
        return;
    *word |= (uint64_t)bit << shift;
    pairs->used += was == 0;
    meet_land(p, actor, address, bit);
}

/* New is what was not there in the usual span, where there is one. */
static void note_page(struct kt_profiling *p, const struct kt_profile_pairs_page *page,
                      bool compared)
{
    struct kt_profile_entry *actor = &p->list[KT_PROFILE_ACTORS].at[page->actor].e;
    for (size_t i = 0; i < KT_ARRAY_LEN(page->word); i++) {
        const uint64_t ones = UINT64_MAX / 3; /* the lower bit of each pair */
        const uint64_t in_window = page->word[i] & ones, in_usual = page->word[i] >> 1 & ones;
        actor->addresses += (uint32_t)__builtin_popcountll(in_window);
        if (compared)
            actor->new_addresses += (uint32_t)__builtin_popcountll(in_window & ~in_usual);
    }
}

static void note_land(struct kt_profiling *p, const struct kt_profile_land *land, bool compared,
                      struct kt_buf *said)
{
    const bool is_new = compared && (land->spans & IN_USUAL) == 0;
    struct kt_str country = p->list[KT_PROFILE_COUNTRIES].at[land->country].e.value;
    if ((land->spans & IN_WINDOW) == 0)
        return;
    kt_buf_addf(said, "%s" KT_STR_FMT "%s", said->len > 0 ? " " : "", KT_STR_ARG(country),
                is_new ? "!" : "");
    p->list[KT_PROFILE_ACTORS].at[land->actor].e.new_countries += is_new;
}

void kt_profile_note_pairs(struct kt_profiling *p)
{
    struct kt_profile_values *actors = &p->list[KT_PROFILE_ACTORS];
    struct kt_buf *said = kt_alloc_array(actors->n + 1, sizeof *said);
    bool compared = p->out.since != 0 && p->what.usual > 0;
    for (uint32_t k = 0; k < p->places.known.used; k++)
        note_page(p, &p->places.page[k], compared);
    for (uint32_t k = 0; k < p->lands.known.used; k++)
        note_land(p, &p->lands.at[k], compared, &said[p->lands.at[k].actor]);
    for (uint32_t i = 0; i < actors->n; i++) {
        actors->at[i].e.countries = kt_profile_keep(p, kt_buf_str(&said[i]));
        kt_buf_done(&said[i]);
    }
    kt_free(said);
}

void kt_profile_pairs_done(struct kt_profiling *p)
{
    kt_pairs_done(&p->places.known);
    kt_pairs_done(&p->lands.known);
    kt_free(p->places.page);
    kt_free(p->lands.at);
}
