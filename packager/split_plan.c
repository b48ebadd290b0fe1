/* How a bundle is cut. Where `data` begins depends on the length of set.json, which says where it begins: asked again
 * until nothing changes. That does not end by itself: a head that grows by one block of tar may let `data` begin 4096
 * bytes earlier (where no padding is needed), with one digit less in set.json, which makes the head shorter again. */
#include "core/limits.h"
#include "packager/split_internal.h"
#include "packager/volume_header.h"

#include <string.h>

#define EXACT_TRIES 16u

bool okse_parity_wish_parse(const char *text, OkseParityWish *wish, GError **error)
{
    size_t digits = strspn(text, "0123456789");
    bool percent = text[digits] == '%' && text[digits + 1] == '\0';
    guint64 number = g_ascii_strtoull(text, NULL, 10);

    *wish = (OkseParityWish){0};
    if (digits == 0 || digits > 4 || (!percent && text[digits] != '\0') || number == 0 || (percent && number > 100))
        return okse_fail(error, OKSE_ERROR_INVALID, "'%s' is neither 1%% to 100%% of the parts nor their number", text);
    *(percent ? &wish->percent : &wish->parts) = (unsigned)number;
    return true;
}

static unsigned parity_count(unsigned data, const OkseParityWish *wish)
{
    return wish->percent > 0 ? (data * wish->percent + 99) / 100 : wish->parts;
}

static void fill_data(OkseVolumeSet *set, uint64_t each)
{
    for (unsigned i = 0; i < set->data; i++) {
        OkseVolume *volume = &set->volumes[i];

        volume->offset = each * i;
        volume->length = volume->size = MIN(each, set->bundle.size - volume->offset);
    }
    for (unsigned i = set->data; i < set->data + set->parity; i++)
        set->volumes[i].size = set->volumes[0].size;
}

/* Every place that is before the first possible one, or more than `slack` behind it, becomes that. True: none was. */
static bool places_stand(OkseVolumeSet *set, uint64_t slack)
{
    bool stand = true;

    okse_volume_set_seal(set);
    for (unsigned i = 0; i < set->data + set->parity; i++) {
        OkseVolume *volume = &set->volumes[i];
        uint64_t first = okse_volume_first_place(set, volume);

        if (volume->at >= first && volume->at - first <= slack)
            continue;
        volume->at = first;
        stand = false;
    }
    return stand;
}

/* A place that was changed once is never again more than the slack too far: all places together change the length of
 * set.json by less than 14 * OKSE_LIMIT_SET_PARTS bytes. So from then on places only grow, and they are bounded. */
G_STATIC_ASSERT(14 * OKSE_LIMIT_SET_PARTS + 2 * OKSE_TAR_ALIGN < OKSE_VOLUME_SLACK);
void split_settle(OkseVolumeSet *set)
{
    while (!places_stand(set, OKSE_VOLUME_SLACK))
        ;
}

/* Exactly where they can be first, if there is such a set. */
static void fill_places(OkseVolumeSet *set)
{
    for (unsigned tries = 0; tries < EXACT_TRIES; tries++)
        if (places_stand(set, 0))
            return;
    split_settle(set);
}

OkseVolumeSet *split_set_new(const OkseVolumeBundle *bundle, uint64_t data, const OkseParityWish *wish, GError **error)
{
    OkseVolumeSet *set;
    unsigned parity = 0, groups = 1;

    if (data <= OKSE_LIMIT_SET_PARTS) {
        parity = parity_count((unsigned)data, wish);
        groups = okse_volume_groups_for((unsigned)data, parity);
    }
    if (parity > 0 && parity < groups) {
        parity = groups;
        groups = okse_volume_groups_for((unsigned)data, parity);
    }
    if (data + parity > OKSE_LIMIT_SET_PARTS) {
        okse_fail(error, OKSE_ERROR_INVALID,
                  "that would be %" G_GUINT64_FORMAT " parts, and a set has at most %u: give a larger --size",
                  data + parity, OKSE_LIMIT_SET_PARTS);
        return NULL;
    }
    if (parity > 0 && data < groups) {
        okse_fail(error, OKSE_ERROR_INVALID, "%u parity parts are too many for %u parts", parity, (unsigned)data);
        return NULL;
    }
    set = okse_volume_set_new((unsigned)data, parity, groups);
    set->bundle = *bundle;
    set->bundle.name = g_strdup(bundle->name);
    set->bundle.version = g_strdup(bundle->version);
    set->bundle.country = g_strdup(bundle->country);
    return set;
}

static OkseVolumeSet *cut(const OkseVolumeBundle *bundle, uint64_t each, const OkseParityWish *wish, GError **error)
{
    OkseVolumeSet *set = split_set_new(bundle, (bundle->size + each - 1) / each, wish, error);

    if (set == NULL)
        return NULL;
    fill_data(set, each);
    fill_places(set);
    return set;
}

OkseVolumeSet *okse_split_plan(const OkseVolumeBundle *bundle, uint64_t file_size, const OkseParityWish *wish,
                               GError **error)
{
    uint64_t all = (bundle->size + OKSE_VOLUME_BLOCK - 1) / OKSE_VOLUME_BLOCK, blocks;

    for (blocks = MIN(file_size / OKSE_VOLUME_BLOCK, all); blocks > 0;) {
        g_autoptr(OkseVolumeSet) set = cut(bundle, blocks * OKSE_VOLUME_BLOCK, wish, error);
        uint64_t largest = 0, excess;

        if (set == NULL)
            return NULL;
        for (unsigned i = 0; i < set->data + set->parity; i++)
            largest = MAX(largest, okse_volume_file_size(&set->volumes[i]));
        if (largest <= file_size)
            return g_steal_pointer(&set);
        excess = (largest - file_size + OKSE_VOLUME_BLOCK - 1) / OKSE_VOLUME_BLOCK;
        blocks -= MIN(blocks, excess);
    }
    okse_fail(error, OKSE_ERROR_INVALID,
              "a part of %" G_GUINT64_FORMAT " bytes has no room for a block of 1 MiB: give a larger --size",
              file_size);
    return NULL;
}
