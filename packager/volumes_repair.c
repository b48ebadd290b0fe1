/* Lost blocks of a stripe out of the blocks that are there: chosen, checked and added one at a time, so that memory is
 * what is asked for and one block more. A block that turns out bad meanwhile is left out and the sum begun again. */
#include "packager/parity.h"
#include "packager/volumes_internal.h"

#include <string.h>

typedef struct VolumesRepairer {
    GMutex lock; /* one repair at a time */
    OkseParity *code;
    unsigned data, count; /* of `code`, with what it is made of */
    unsigned have[OKSE_VOLUME_GROUP], lost[OKSE_VOLUME_GROUP];
    uint8_t *block;
} VolumesRepairer;

struct VolumesRepairer *volumes_repairer_new(bool load)
{
    VolumesRepairer *repairer = g_new0(VolumesRepairer, 1);

    if (load)
        okse_parity_free(okse_parity_new(1, 1, NULL)); /* it stays loaded; a failure is told when it is needed */
    g_mutex_init(&repairer->lock);
    return repairer;
}

void volumes_repairer_free(struct VolumesRepairer *repairer)
{
    g_clear_pointer(&repairer->code, okse_parity_free);
    g_mutex_clear(&repairer->lock);
    g_free(repairer->block);
    g_free(repairer);
}

typedef struct {
    OkseVolumes *volumes;
    const OkseStripe *stripe;
    unsigned data, parity; /* of the group */
    OkseBlockState states[OKSE_VOLUME_GROUP];
} Repair;

/* Place in the group, parity behind data, to the volume's index in the set. */
static unsigned volume_of(const Repair *repair, unsigned place)
{
    const OkseVolumeSet *set = repair->volumes->set;
    bool parity = place >= repair->data;

    return (unsigned)(okse_volume_group_member(set, parity ? OKSE_VOLUME_PARITY : OKSE_VOLUME_DATA,
                                               repair->stripe->group, parity ? place - repair->data : place) -
                      set->volumes);
}

/* A `data` that has ended before this stripe counts as zeros, which are always there. */
static bool has_ended(const Repair *repair, unsigned place)
{
    return repair->stripe->stripe >= okse_volume_blocks(&repair->volumes->set->volumes[volume_of(repair, place)]);
}

static bool fail_stripe(const Repair *repair, GError **error)
{
    const OkseVolumeSet *set = repair->volumes->set;
    g_autoptr(GString) list = g_string_new(NULL);
    bool unreadable = false;

    for (unsigned i = 0; i < repair->data + repair->parity; i++) {
        g_autofree char *words = NULL;

        if (repair->states[i] == OKSE_BLOCK_GOOD)
            continue;
        words = okse_volume_words(set, &set->volumes[volume_of(repair, i)]);
        unreadable = unreadable || repair->states[i] == OKSE_BLOCK_UNREADABLE;
        g_string_append_printf(list, "%s%s (%s)", list->len > 0 ? ", " : "", words,
                               repair->states[i] == OKSE_BLOCK_MISSING      ? "missing"
                               : repair->states[i] == OKSE_BLOCK_UNREADABLE ? "cannot be read"
                                                                            : "damaged");
    }
    return okse_fail(error, unreadable ? OKSE_ERROR_SYSTEM : OKSE_ERROR_REFUSED,
                     "block %" G_GUINT64_FORMAT
                     " cannot be repaired: more is lost than %u parity part%s can replace: %s",
                     repair->stripe->stripe, repair->parity, repair->parity == 1 ? "" : "s", list->str);
}

/* The first `data` places that are not known to be bad. */
static bool choose(const Repair *repair, unsigned *have)
{
    unsigned count = 0;

    for (unsigned i = 0; i < repair->data + repair->parity && count < repair->data; i++)
        if (repair->states[i] == OKSE_BLOCK_GOOD)
            have[count++] = i;
    return count == repair->data;
}

static bool prepare(VolumesRepairer *repairer, const Repair *repair, const unsigned *have, GError **error)
{
    const OkseStripe *stripe = repair->stripe;
    size_t have_size = repair->data * sizeof *have, lost_size = stripe->count * sizeof *stripe->places;

    if (repairer->code != NULL && repairer->data == repair->data && repairer->count == stripe->count &&
        memcmp(repairer->have, have, have_size) == 0 && memcmp(repairer->lost, stripe->places, lost_size) == 0)
        return true;
    g_clear_pointer(&repairer->code, okse_parity_free);
    repairer->code = okse_parity_new_recovery(repair->data, have, stripe->places, stripe->count, error);
    repairer->data = repair->data;
    repairer->count = stripe->count;
    memcpy(repairer->have, have, have_size);
    memcpy(repairer->lost, stripe->places, lost_size);
    return repairer->code != NULL;
}

/* False without an error: a block was bad, choose again. */
static bool add_up(VolumesRepairer *repairer, Repair *repair, const unsigned *have, uint8_t **results)
{
    if (repairer->block == NULL)
        repairer->block = g_malloc(OKSE_VOLUME_BLOCK);
    for (unsigned i = 0; i < repair->stripe->count; i++)
        memset(results[i], 0, OKSE_VOLUME_BLOCK);
    for (unsigned i = 0; i < repair->data; i++) {
        if (has_ended(repair, have[i]))
            continue;
        repair->states[have[i]] = okse_volumes_read_block(repair->volumes, volume_of(repair, have[i]),
                                                          repair->stripe->stripe, repairer->block);
        if (repair->states[have[i]] != OKSE_BLOCK_GOOD)
            return false;
        okse_parity_add(repairer->code, i, repairer->block, OKSE_VOLUME_BLOCK, results);
    }
    return true;
}

/* What was worked out must have the digests of what was lost, where they are known. */
static bool check_results(const Repair *repair, uint8_t *const *results, GError **error)
{
    for (unsigned i = 0; i < repair->stripe->count; i++) {
        unsigned index = volume_of(repair, repair->stripe->places[i]);
        const OkseVolume *volume = &repair->volumes->set->volumes[index];
        OkseSha256 expected, digest;
        g_autofree char *words = NULL;

        if (!okse_volumes_has_table(repair->volumes, index) ||
            !okse_volumes_digest(repair->volumes, index, repair->stripe->stripe, &expected))
            continue;
        digest = okse_sha256_of(results[i], okse_volume_block_size(volume, repair->stripe->stripe));
        if (okse_sha256_equal(&digest, &expected))
            continue;
        words = okse_volume_words(repair->volumes->set, volume);
        return okse_fail(error, OKSE_ERROR_REFUSED,
                         "block %" G_GUINT64_FORMAT
                         " of %s cannot be repaired: the parity does not give what its digest says",
                         repair->stripe->stripe, words);
    }
    return true;
}

static bool repair_locked(VolumesRepairer *repairer, Repair *repair, uint8_t **results, GError **error)
{
    unsigned have[OKSE_VOLUME_GROUP];

    do {
        if (!choose(repair, have))
            return fail_stripe(repair, error);
        if (!prepare(repairer, repair, have, error))
            return false;
    } while (!add_up(repairer, repair, have, results));
    return check_results(repair, results, error);
}

static OkseBlockState first_state(const Repair *repair, unsigned place)
{
    unsigned index = volume_of(repair, place);
    uint64_t stripe = repair->stripe->stripe;
    bool lost = false;

    for (unsigned i = 0; i < repair->stripe->count; i++)
        lost = lost || repair->stripe->places[i] == place;
    if (!lost && has_ended(repair, place))
        return OKSE_BLOCK_GOOD;
    if (!lost && volumes_is_joined(repair->volumes, &repair->volumes->set->volumes[index], stripe))
        return OKSE_BLOCK_GOOD;
    if (repair->volumes->files[index]->len == 0)
        return OKSE_BLOCK_MISSING;
    if (!lost)
        return OKSE_BLOCK_GOOD;
    return volumes_is_unreadable(repair->volumes, index, stripe) ? OKSE_BLOCK_UNREADABLE : OKSE_BLOCK_DAMAGED;
}

bool okse_volumes_repair(OkseVolumes *volumes, const OkseStripe *stripe, uint8_t **results, GError **error)
{
    VolumesRepairer *repairer = volumes->repairer;
    Repair repair = {.volumes = volumes,
                     .stripe = stripe,
                     .data = okse_volume_group_count(volumes->set, OKSE_VOLUME_DATA, stripe->group),
                     .parity = okse_volume_group_count(volumes->set, OKSE_VOLUME_PARITY, stripe->group)};
    bool good;

    for (unsigned i = 0; i < repair.data + repair.parity; i++)
        repair.states[i] = first_state(&repair, i);
    g_mutex_lock(&repairer->lock);
    good = repair_locked(repairer, &repair, results, error);
    g_mutex_unlock(&repairer->lock);
    if (!good)
        return false;
    g_mutex_lock(&volumes->lock);
    volumes->repaired += stripe->count;
    g_mutex_unlock(&volumes->lock);
    return true;
}
