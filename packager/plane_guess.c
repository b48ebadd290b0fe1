/* A sample's bytes are counted by their place modulo eight, as they are and turned left by one bit; the planes of every
 * width and phase are sums of these counts, so that one pass is enough for all of them. */
#include "packager/plane_guess.h"

#include <glib.h>
#include <stdbool.h>
#include <string.h>

#define LANES 8u
#define WINDOW 4096u
#define WINDOWS 8u
#define ONE (1u << 16)                  /* fixed point: one bit */
#define FULL (8u * ONE - 8u * ONE / 64) /* bits a byte from which on coding is not worth it */
#define LOG2_E 94548u                   /* log2(e), times ONE */

typedef struct {
    uint32_t plain[LANES][256];
    uint32_t turned[LANES][256]; /* with the upper bit of the byte before it in the place of its own */
} Counts;

/* log2(1 + index / 256), times ONE: bit by bit, by squaring, so that no machine's mathematics enter. */
static const uint16_t *fractions(void)
{
    static uint16_t table[256];
    static gsize made;

    if (g_once_init_enter(&made)) {
        for (uint64_t i = 0; i < G_N_ELEMENTS(table); i++) {
            uint64_t value = (256 + i) << 23; /* 1.31 */

            for (unsigned bit = 16; bit-- > 0;) {
                value = value * value >> 31;
                if (value >> 32 != 0) {
                    value >>= 1;
                    table[i] |= (uint16_t)(1u << bit);
                }
            }
        }
        g_once_init_leave(&made, 1);
    }
    return table;
}

/* log2(value), times ONE; value ≥ 1. */
static uint32_t log2_fixed(uint32_t value, const uint16_t *table)
{
    unsigned whole = 31 - (unsigned)__builtin_clz(value);

    return whole << 16 | table[((uint64_t)value << 8 >> whole) & 0xff];
}

/* What `total` bytes with these counts take, in bits times ONE, and whether it is less than their own. A sample shows
 * less than there is: half a bit (in nats) more for every value seen is the usual correction (Miller, Madow). */
static uint64_t cost_of(const uint32_t counts[256], bool *worth)
{
    const uint16_t *table = fractions();
    uint64_t total = 0, cost = 0;
    unsigned values = 0;

    for (unsigned i = 0; i < 256; i++) {
        total += counts[i];
        if (counts[i] == 0)
            continue;
        cost += (uint64_t)counts[i] * log2_fixed(counts[i], table);
        values++;
    }
    *worth = false;
    if (total == 0)
        return 0;
    cost = total * log2_fixed((uint32_t)total, table) - cost;
    cost += (uint64_t)(values - 1) * LOG2_E / 2;
    *worth = cost < total * FULL;
    return *worth ? cost : total * 8 * ONE;
}

static void count_window(Counts *counts, const uint8_t *plain, size_t from, size_t to)
{
    for (size_t i = MAX(from, 1); i < to; i++) {
        counts->plain[i % LANES][plain[i]]++;
        counts->turned[i % LANES][(uint8_t)(plain[i] << 1 | plain[i - 1] >> 7)]++;
    }
}

/* What the places of one residue of a width take, once as their bytes are and once turned. */
typedef struct {
    uint64_t plain, turned;
    bool plain_worth, turned_worth;
} Place;

static uint64_t cost_of_lanes(uint32_t from[LANES][256], unsigned width, unsigned residue, bool *worth)
{
    uint32_t sum[256] = {0};

    for (unsigned lane = residue; lane < LANES; lane += width) {
        for (unsigned i = 0; i < 256; i++)
            sum[i] += from[lane][i];
    }
    return cost_of(sum, worth);
}

/* The last place of a number takes in the sign of the number, which was not counted: the worse of the two stands in. */
static OkseLayout lay_out(const Place *places, unsigned width, unsigned phase)
{
    OkseLayout layout = {.width = width, .phase = phase};

    for (unsigned i = 0; i < width; i++) {
        const Place *place = &places[(phase + i) % width];
        bool plain = i == 0 && place->plain >= place->turned;

        layout.coded += plain ? place->plain : place->turned;
        layout.worth |= (unsigned)(plain ? place->plain_worth : place->turned_worth) << (width - 1 - i);
    }
    return layout;
}

/* The best phase of a width, if it is better than `best` by `margin`. */
static void try_width(Counts *counts, unsigned width, uint64_t margin, OkseLayout *best)
{
    Place places[LANES];
    OkseLayout own = {.coded = UINT64_MAX};

    for (unsigned i = 0; i < width; i++) {
        places[i].plain = cost_of_lanes(counts->plain, width, i, &places[i].plain_worth);
        places[i].turned = cost_of_lanes(counts->turned, width, i, &places[i].turned_worth);
    }
    for (unsigned phase = 0; phase < width; phase++) {
        OkseLayout layout = lay_out(places, width, phase);

        if (layout.coded < own.coded)
            own = layout;
    }
    if (own.coded + margin < best->coded)
        *best = own;
}

OkseLayout okse_layout_guess(const uint8_t *plain, size_t length)
{
    Counts counts = {0};
    OkseLayout best;
    uint64_t looked = 0;
    bool worth;

    for (unsigned i = 0; i < WINDOWS; i++) {
        size_t from = length <= WINDOW * WINDOWS ? (size_t)i * WINDOW : (length - WINDOW) / (WINDOWS - 1) * i;
        size_t to = MIN(from + WINDOW, length);

        if (from >= to)
            break;
        count_window(&counts, plain, from, to);
        looked += to - from;
    }
    best = (OkseLayout){.width = 1};
    best.coded = cost_of_lanes(counts.plain, 1, 0, &worth);
    best.worth = worth;
    for (unsigned width = 2; width <= LANES; width *= 2) /* more planes fit a sample better than they are: a margin */
        try_width(&counts, width, looked * 8 * ONE / 128, &best);
    best.plain = looked;
    best.coded /= 8 * ONE;
    return best;
}
