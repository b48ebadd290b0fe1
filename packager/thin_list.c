#include "packager/thin_list.h"

#include "core/json.h"
#include "core/limits.h"

#include <string.h>

#define SCHEMA "okse.thin.v1"

static void recipe_free(gpointer data)
{
    OkseRecipe *recipe = data;

    g_array_unref(recipe->from);
    g_array_unref(recipe->pieces);
    g_free(recipe);
}

OkseThinList *okse_thin_list_new(void)
{
    OkseThinList *list = g_new0(OkseThinList, 1);

    list->against = g_array_new(FALSE, FALSE, sizeof(OkseSha256));
    list->stored = g_array_new(FALSE, FALSE, sizeof(OkseThinBlob));
    list->recipes = g_ptr_array_new_with_free_func(recipe_free);
    return list;
}

void okse_thin_list_free(OkseThinList *list)
{
    if (list == NULL)
        return;
    g_array_unref(list->against);
    g_array_unref(list->stored);
    g_ptr_array_unref(list->recipes);
    g_free(list);
}

OkseRecipe *okse_thin_list_add(OkseThinList *list, const OkseSha256 *blob)
{
    OkseRecipe *recipe = g_new0(OkseRecipe, 1);

    *recipe = (OkseRecipe){*blob, g_array_new(FALSE, FALSE, sizeof(OkseSha256)),
                           g_array_new(FALSE, FALSE, sizeof(OkseThinPiece)), 0};
    g_ptr_array_add(list->recipes, recipe);
    return recipe;
}

static unsigned from_index(OkseRecipe *recipe, const OkseSha256 *from)
{
    for (guint i = recipe->from->len; i > 0; i--)
        if (okse_sha256_equal(&g_array_index(recipe->from, OkseSha256, i - 1), from))
            return i - 1;
    g_array_append_val(recipe->from, *from);
    return recipe->from->len - 1;
}

void okse_recipe_add(OkseRecipe *recipe, const OkseSha256 *from, uint64_t offset, uint64_t length)
{
    OkseThinPiece *last =
        recipe->pieces->len > 0 ? &g_array_index(recipe->pieces, OkseThinPiece, recipe->pieces->len - 1) : NULL;
    OkseThinPiece piece = {.offset = offset, .length = length};

    if (length == 0)
        return;
    piece.from = from_index(recipe, from);
    recipe->size += length;
    if (last != NULL && last->from == piece.from && last->offset + last->length == offset)
        last->length += length;
    else
        g_array_append_val(recipe->pieces, piece);
}

static bool refuse(const char *origin, const char *why, GError **error)
{
    return okse_fail(error, OKSE_ERROR_INVALID, "%s: %s", origin, why);
}

static bool digest_read(const json_t *value, OkseSha256 *digest, const char *origin, GError **error)
{
    const char *text = json_string_value(value);

    return (text != NULL && g_str_has_prefix(text, "sha256:") && okse_sha256_parse(text, digest, NULL)) ||
           refuse(origin, "a digest is not sha256", error);
}

static bool against_read(OkseThinList *list, const json_t *values, const char *origin, GError **error)
{
    if (json_array_size(values) > OKSE_LIMIT_BASES)
        return refuse(origin, "made thin against more bundles than the limit", error);
    for (size_t i = 0; i < json_array_size(values); i++) {
        OkseSha256 identity;

        if (!digest_read(json_array_get(values, i), &identity, origin, error))
            return false;
        g_array_append_val(list->against, identity);
    }
    return true;
}

static bool stored_read(OkseThinList *list, const json_t *values, const char *origin, GError **error)
{
    if (json_array_size(values) > OKSE_LIMIT_BLOBS)
        return refuse(origin, "more blobs than the limit", error);
    for (size_t i = 0; i < json_array_size(values); i++) {
        const json_t *value = json_array_get(values, i);
        OkseThinBlob blob;

        if (json_object_size(value) != 3 || g_strcmp0(okse_json_peek_text(value, "mediaType"), OKSE_TYPE_PIECES) != 0)
            return refuse(origin, "a stored blob is no descriptor of pieces", error);
        if (!digest_read(json_object_get(value, "digest"), &blob.digest, origin, error) ||
            !okse_json_unsigned(value, "size", &blob.size, origin, error))
            return false;
        if (blob.size > OKSE_LIMIT_FILE_SIZE)
            return refuse(origin, "a stored blob is over the limit of 64 TiB", error);
        g_array_append_val(list->stored, blob);
    }
    return true;
}

static bool number_read(const json_t *value, uint64_t most, uint64_t *number, const char *origin, GError **error)
{
    json_int_t given = json_integer_value(value);

    if (!json_is_integer(value) || given < 0 || (uint64_t)given > most)
        return refuse(origin, "a piece has a number that no piece has", error);
    *number = (uint64_t)given;
    return true;
}

/* [from, offset, length] */
static bool piece_read(OkseRecipe *recipe, const json_t *value, const char *origin, GError **error)
{
    uint64_t from = 0, offset = 0, length = 0;
    OkseThinPiece piece;

    if (json_array_size(value) != 3)
        return refuse(origin, "a piece is not [from, offset, length]", error);
    if (!number_read(json_array_get(value, 0), OKSE_LIMIT_BLOBS, &from, origin, error) ||
        !number_read(json_array_get(value, 1), OKSE_LIMIT_FILE_SIZE, &offset, origin, error) ||
        !number_read(json_array_get(value, 2), OKSE_LIMIT_FILE_SIZE, &length, origin, error))
        return false;
    if (from >= recipe->from->len)
        return refuse(origin, "a piece is of a blob that its recipe does not list", error);
    if (length == 0 || offset + length > OKSE_LIMIT_FILE_SIZE || recipe->size + length > OKSE_LIMIT_FILE_SIZE)
        return refuse(origin, "a piece is empty or over the limit of 64 TiB", error);
    recipe->size += length;
    piece = (OkseThinPiece){(unsigned)from, offset, length};
    g_array_append_val(recipe->pieces, piece);
    return true;
}

static bool recipe_read(OkseThinList *list, const json_t *value, size_t *pieces, const char *origin, GError **error)
{
    const json_t *from = json_object_get(value, "from"), *runs = json_object_get(value, "pieces");
    const OkseRecipe *before = list->recipes->len > 0 ? g_ptr_array_index(list->recipes, list->recipes->len - 1) : NULL;
    OkseRecipe *recipe;
    OkseSha256 digest;

    if (json_object_size(value) != 3 || !json_is_array(from) || !json_is_array(runs))
        return refuse(origin, "a recipe does not have exactly blob, from and pieces", error);
    if (!digest_read(json_object_get(value, "blob"), &digest, origin, error))
        return false;
    if (before != NULL && okse_sha256_compare(&before->blob, &digest) >= 0)
        return refuse(origin, "recipes are not sorted, or there are two for one blob", error);
    *pieces += json_array_size(runs) + json_array_size(from);
    if (*pieces > OKSE_LIMIT_PIECES)
        return refuse(origin, "more pieces than the limit", error);
    recipe = okse_thin_list_add(list, &digest);
    for (size_t i = 0; i < json_array_size(from); i++) {
        if (!digest_read(json_array_get(from, i), &digest, origin, error))
            return false;
        g_array_append_val(recipe->from, digest);
    }
    for (size_t i = 0; i < json_array_size(runs); i++)
        if (!piece_read(recipe, json_array_get(runs, i), origin, error))
            return false;
    return true;
}

/* A recipe takes from what exists by itself, so that no chain of them can be built. */
static bool sources_check(const OkseThinList *list, const char *origin, GError **error)
{
    for (guint i = 0; i < list->recipes->len; i++) {
        const OkseRecipe *recipe = g_ptr_array_index(list->recipes, i);

        for (guint k = 0; k < recipe->from->len; k++)
            if (okse_thin_list_recipe(list, &g_array_index(recipe->from, OkseSha256, k)) != NULL)
                return refuse(origin, "a recipe takes from a blob that has a recipe itself", error);
    }
    return true;
}

OkseThinList *okse_thin_list_read(GBytes *bytes, const char *origin, GError **error)
{
    g_autoptr(OkseThinList) list = okse_thin_list_new();
    g_autoptr(json_t) value = okse_json_read(bytes, OKSE_LIMIT_DOCUMENT, origin, error);
    const json_t *recipes = json_object_get(value, "recipes");
    g_autoptr(GBytes) again = NULL;
    size_t pieces = 0;

    if (value == NULL)
        return NULL;
    again = okse_json_write(value);
    if (!g_bytes_equal(bytes, again) || json_object_size(value) != 4 ||
        g_strcmp0(okse_json_peek_text(value, "schema"), SCHEMA) != 0 || !json_is_array(recipes) ||
        !json_is_array(json_object_get(value, "against")) || !json_is_array(json_object_get(value, "stored"))) {
        refuse(origin, "is no canonical " SCHEMA " document", error);
        return NULL;
    }
    if (!against_read(list, json_object_get(value, "against"), origin, error) ||
        !stored_read(list, json_object_get(value, "stored"), origin, error))
        return NULL;
    for (size_t i = 0; i < json_array_size(recipes); i++)
        if (!recipe_read(list, json_array_get(recipes, i), &pieces, origin, error))
            return NULL;
    return sources_check(list, origin, error) ? g_steal_pointer(&list) : NULL;
}

static json_t *digests_json(const GArray *digests)
{
    json_t *values = json_array();
    char text[OKSE_SHA256_TEXT];

    for (guint i = 0; i < digests->len; i++)
        json_array_append_new(values, json_string(okse_sha256_text(&g_array_index(digests, OkseSha256, i), text)));
    return values;
}

static json_t *recipe_json(const OkseRecipe *recipe)
{
    json_t *pieces = json_array();
    char text[OKSE_SHA256_TEXT];

    for (guint i = 0; i < recipe->pieces->len; i++) {
        const OkseThinPiece *piece = &g_array_index(recipe->pieces, OkseThinPiece, i);

        json_array_append_new(pieces, json_pack("[I,I,I]", (json_int_t)piece->from, (json_int_t)piece->offset,
                                                (json_int_t)piece->length));
    }
    return json_pack("{s:s, s:o, s:o}", "blob", okse_sha256_text(&recipe->blob, text), "from",
                     digests_json(recipe->from), "pieces", pieces);
}

static int compare_recipes(gconstpointer a, gconstpointer b)
{
    return okse_sha256_compare(&(*(const OkseRecipe *const *)a)->blob, &(*(const OkseRecipe *const *)b)->blob);
}

GBytes *okse_thin_list_write(OkseThinList *list)
{
    json_t *recipes = json_array(), *stored = json_array();
    g_autoptr(json_t) value = NULL;
    char text[OKSE_SHA256_TEXT];

    g_ptr_array_sort(list->recipes, compare_recipes);
    for (guint i = 0; i < list->recipes->len; i++)
        json_array_append_new(recipes, recipe_json(g_ptr_array_index(list->recipes, i)));
    for (guint i = 0; i < list->stored->len; i++) {
        const OkseThinBlob *blob = &g_array_index(list->stored, OkseThinBlob, i);

        json_array_append_new(stored, json_pack("{s:s, s:s, s:I}", "mediaType", OKSE_TYPE_PIECES, "digest",
                                                okse_sha256_text(&blob->digest, text), "size", (json_int_t)blob->size));
    }
    value = json_pack("{s:s, s:o, s:o, s:o}", "schema", SCHEMA, "against", digests_json(list->against), "stored",
                      stored, "recipes", recipes);
    return okse_json_write(value);
}

const OkseRecipe *okse_thin_list_recipe(const OkseThinList *list, const OkseSha256 *blob)
{
    guint low = 0, high = list->recipes->len;

    while (low < high) {
        guint middle = low + (high - low) / 2;
        const OkseRecipe *recipe = g_ptr_array_index(list->recipes, middle);
        int order = okse_sha256_compare(&recipe->blob, blob);

        if (order == 0)
            return recipe;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}
