/* What a model directory says about itself: config.json, tokenizer files, shard indexes, chat templates. */
#include "packager/weights_internal.h"

#include "core/fd.h"
#include "core/text.h"

#include <string.h>

/* Python that the loader would take from the repository, or from another one. */
static void check_auto_map(WeightsScan *scan, const WeightsFile *file, const json_t *config)
{
    const json_t *map = json_object_get(config, "auto_map");
    json_t *row, *value;
    const char *key;
    size_t i;

    if (json_is_true(json_object_get(config, "trust_remote_code")))
        weights_finding(scan, file, WEIGHTS_CRITICAL, "config.trust-remote-code", WEIGHTS_NO_OFFSET,
                        "switches trust_remote_code on for whoever loads it");
    if (map == NULL)
        return;
    weights_finding(scan, file, WEIGHTS_WARNING, "config.auto-map", WEIGHTS_NO_OFFSET,
                    "auto_map: loading the model runs Python files that come with it (trust_remote_code)");
    json_object_foreach((json_t *)(uintptr_t)map, key, row)
    {
        g_autoptr(json_t) list = json_is_array(row) ? json_incref(row) : json_pack("[O]", row);

        json_array_foreach(list, i, value)
        {
            if (json_is_string(value) && strstr(json_string_value(value), "--") != NULL)
                weights_finding(scan, file, WEIGHTS_CRITICAL, "config.foreign-code", WEIGHTS_NO_OFFSET,
                                "auto_map.%s: '%s' is code of another repository, fetched when the model is loaded",
                                key, json_string_value(value));
        }
    }
}

static void check_template(WeightsScan *scan, const WeightsFile *file, const json_t *value)
{
    if (json_is_string(value))
        weights_chat_template(scan, file, json_string_value(value), json_string_length(value));
    for (size_t i = 0; i < json_array_size(value); i++)
        check_template(scan, file, json_object_get(json_array_get(value, i), "template"));
}

static const char *text_of(const json_t *object, const char *first, const char *second)
{
    const char *text = okse_json_peek_text(object, first);

    return text != NULL ? text : okse_json_peek_text(object, second);
}

static void keep(char **place, const char *text)
{
    if (*place == NULL && text != NULL)
        *place = okse_text_show(text, -1, false);
}

bool weights_is_top(const WeightsFile *file)
{
    return strchr(file->path, '/') == NULL && strchr(file->path, '!') == NULL;
}

static void read_config(WeightsScan *scan, const WeightsFile *file, const json_t *config)
{
    const json_t *vocabulary = json_object_get(config, "vocab_size");
    const char *architecture = json_string_value(json_array_get(json_object_get(config, "architectures"), 0));

    if (!weights_is_top(file))
        return;
    if (vocabulary == NULL)
        vocabulary = json_object_get(json_object_get(config, "text_config"), "vocab_size");
    keep(&scan->architecture, architecture != NULL ? architecture : okse_json_peek_text(config, "model_type"));
    keep(&scan->quantization, okse_json_peek_text(json_object_get(config, "quantization_config"), "quant_method"));
    keep(&scan->dtype, text_of(config, "torch_dtype", "dtype"));
    if (json_is_integer(vocabulary) && json_integer_value(vocabulary) > 0)
        scan->vocabulary = (uint64_t)json_integer_value(vocabulary);
}

static void see_token(WeightsScan *scan, const json_t *id)
{
    if (json_is_integer(id) && json_integer_value(id) >= 0)
        scan->largest_token = MAX(scan->largest_token, (uint64_t)json_integer_value(id));
}

static void read_tokenizer(WeightsScan *scan, const WeightsFile *file, const json_t *tokenizer)
{
    const json_t *model = json_object_get(tokenizer, "model"), *vocabulary = json_object_get(model, "vocab");
    const json_t *added = json_object_get(tokenizer, "added_tokens");
    const char *token;
    json_t *id;

    if (!weights_is_top(file))
        return;
    if (json_is_array(vocabulary) && json_array_size(vocabulary) > 0)
        scan->largest_token = MAX(scan->largest_token, json_array_size(vocabulary) - 1);
    json_object_foreach((json_t *)(uintptr_t)vocabulary, token, id) see_token(scan, id);
    for (size_t i = 0; i < json_array_size(added); i++)
        see_token(scan, json_object_get(json_array_get(added, i), "id"));
}

static char *beside(const char *path, const char *name)
{
    g_autofree char *directory = g_path_get_dirname(path);

    return strcmp(directory, ".") == 0 ? g_strdup(name) : g_build_filename(directory, name, NULL);
}

static bool has_file(const WeightsScan *scan, const char *path)
{
    return g_hash_table_contains(scan->sizes, path);
}

/* Every shard is there, and has every tensor that the index promises. Tensors are known once all files were read, so
 * the index waits for them. */
static void check_index(WeightsScan *scan, const WeightsFile *file, const json_t *index)
{
    const json_t *map = json_object_get(index, "weight_map");
    g_autoptr(GHashTable) missing = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    const char *tensor;
    json_t *shard;

    if (!json_is_object(map)) {
        weights_finding(scan, file, WEIGHTS_CRITICAL, "shards.index", WEIGHTS_NO_OFFSET, "has no weight_map");
        return;
    }
    json_object_foreach((json_t *)(uintptr_t)map, tensor, shard)
    {
        const char *name = json_string_value(shard);
        g_autofree char *path = name != NULL && okse_path_check(name, NULL) ? beside(file->path, name) : NULL;
        const json_t *tensors;

        if (path == NULL) {
            weights_finding(scan, file, WEIGHTS_CRITICAL, "shards.index", WEIGHTS_NO_OFFSET,
                            "tensor '%s' is said to lie outside the component", tensor);
            return;
        }
        if (!has_file(scan, path)) {
            if (g_hash_table_add(missing, g_strdup(path)))
                weights_finding(scan, file, WEIGHTS_CRITICAL, "shards.missing", WEIGHTS_NO_OFFSET,
                                "the shard '%s' is missing", path);
            continue;
        }
        tensors = g_hash_table_lookup(scan->tensors, path);
        if (tensors != NULL && json_object_get(tensors, tensor) == NULL)
            weights_finding(scan, file, WEIGHTS_CRITICAL, "shards.tensor", WEIGHTS_NO_OFFSET,
                            "tensor '%s' is not in '%s'", tensor, path);
    }
}

static void check_template_file(WeightsScan *scan, const WeightsFile *file)
{
    g_auto(WeightsCursor) cursor = {0};
    g_autofree char *text = NULL;

    weights_cursor_open(&cursor, file, 0, file->size);
    text = weights_take_text(&cursor, file->size, WEIGHTS_TEMPLATE_LIMIT);
    weights_failed(scan, g_steal_pointer(&cursor.error));
    if (text != NULL)
        weights_chat_template(scan, file, text, (size_t)file->size);
    else
        weights_finding(scan, file, WEIGHTS_CRITICAL, "template.large", WEIGHTS_NO_OFFSET,
                        "a chat template of more than %u bytes", WEIGHTS_TEMPLATE_LIMIT);
}

void weights_model_file(WeightsScan *scan, const WeightsFile *file)
{
    static const char *const configs[] = {"config.json",
                                          "tokenizer_config.json",
                                          "tokenizer.json",
                                          "processor_config.json",
                                          "preprocessor_config.json",
                                          "chat_template.json",
                                          "generation_config.json",
                                          "adapter_config.json",
                                          NULL};
    g_autofree char *name = weights_name(file->path);
    g_autoptr(json_t) value = NULL;

    if (g_str_has_suffix(name, ".jinja") || g_str_has_suffix(name, ".jinja2") || g_str_has_suffix(name, ".j2")) {
        check_template_file(scan, file);
        return;
    }
    if (!g_strv_contains(configs, name) && !g_str_has_suffix(name, ".index.json"))
        return;
    value = weights_json(scan, file, "config.unreadable");
    if (value == NULL)
        return;
    if (g_str_has_suffix(name, ".index.json")) {
        if (scan->sizes != NULL && strchr(file->path, '!') == NULL)
            g_hash_table_insert(scan->indexes, g_strdup(file->path), json_incref(value));
        return;
    }
    check_auto_map(scan, file, value);
    check_template(scan, file, json_object_get(value, "chat_template"));
    if (strcmp(name, "config.json") == 0)
        read_config(scan, file, value);
    else if (strcmp(name, "tokenizer.json") == 0)
        read_tokenizer(scan, file, value);
}

/* Files that count themselves, "…-00001-of-00014.gguf": none is missing. Told once, at the first that is there. */
static void check_counted(WeightsScan *scan)
{
    g_autoptr(GRegex) counted = g_regex_new("^(.*-)([0-9]{5})(-of-([0-9]{5})\\.(?:gguf|safetensors|bin))$", 0, 0, NULL);
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GList) paths = g_list_sort(g_hash_table_get_keys(scan->sizes), (GCompareFunc)strcmp);

    for (GList *at = paths; at != NULL; at = at->next) {
        WeightsFile file = {.path = at->data};
        g_autoptr(GMatchInfo) match = NULL;

        if (!g_regex_match(counted, file.path, 0, &match))
            continue;
        g_autofree char *start = g_match_info_fetch(match, 1), *end = g_match_info_fetch(match, 3);
        g_autofree char *count = g_match_info_fetch(match, 4);

        if (!g_hash_table_add(seen, g_strconcat(start, end, NULL)))
            continue;
        for (guint64 k = 1, of = g_ascii_strtoull(count, NULL, 10); k <= of; k++) {
            g_autofree char *path = g_strdup_printf("%s%05" G_GUINT64_FORMAT "%s", start, k, end);

            if (!has_file(scan, path)) {
                weights_finding(scan, &file, WEIGHTS_CRITICAL, "shards.missing", WEIGHTS_NO_OFFSET,
                                "the shard '%s' is missing", path);
                break;
            }
        }
    }
}

/* One row for every token: a model that is asked for a row it has not reads what lies behind, or stops. */
static void check_vocabulary(WeightsScan *scan)
{
    WeightsFile config = {.path = "config.json"}, tokenizer = {.path = "tokenizer.json"};

    if (scan->vocabulary > 0 && scan->largest_token >= scan->vocabulary)
        weights_finding(scan, &config, WEIGHTS_WARNING, "tokenizer.vocabulary", WEIGHTS_NO_OFFSET,
                        "tokenizer.json has token %" G_GUINT64_FORMAT ", but vocab_size is %" G_GUINT64_FORMAT,
                        scan->largest_token, scan->vocabulary);
    if (scan->embedded == 0)
        return;
    if (scan->vocabulary > scan->embedded)
        weights_finding(scan, &config, WEIGHTS_CRITICAL, "embeddings.vocabulary", WEIGHTS_NO_OFFSET,
                        "vocab_size is %" G_GUINT64_FORMAT ", but the weights embed %" G_GUINT64_FORMAT " tokens only",
                        scan->vocabulary, scan->embedded);
    if (scan->largest_token >= scan->embedded)
        weights_finding(scan, &tokenizer, WEIGHTS_CRITICAL, "embeddings.tokenizer", WEIGHTS_NO_OFFSET,
                        "has token %" G_GUINT64_FORMAT ", but the weights embed %" G_GUINT64_FORMAT " tokens only",
                        scan->largest_token, scan->embedded);
}

void weights_model_agreement(WeightsScan *scan)
{
    g_autoptr(GList) paths = g_list_sort(g_hash_table_get_keys(scan->indexes), (GCompareFunc)strcmp);

    for (GList *at = paths; at != NULL; at = at->next) {
        WeightsFile file = {.path = at->data};

        check_index(scan, &file, g_hash_table_lookup(scan->indexes, at->data));
    }
    if (scan->sizes != NULL)
        check_counted(scan);
    check_vocabulary(scan);
}

/* "8.0b", "22.7m", "340": as the model-spec shows sizes; integers only, so that it is the same everywhere. */
static char *parameter_size(uint64_t count)
{
    static const struct {
        uint64_t unit;
        char letter;
    } units[] = {{1000000000000, 't'}, {1000000000, 'b'}, {1000000, 'm'}, {1000, 'k'}};

    for (size_t i = 0; i < G_N_ELEMENTS(units); i++)
        if (count >= units[i].unit) {
            uint64_t tenths = count / (units[i].unit / 10);

            return g_strdup_printf("%" G_GUINT64_FORMAT ".%" G_GUINT64_FORMAT "%c", tenths / 10, tenths % 10,
                                   units[i].letter);
        }
    return g_strdup_printf("%" G_GUINT64_FORMAT, count);
}

/* The type of most parameters; by name where two have as many. */
static const char *main_dtype(const json_t *counts)
{
    const char *name, *best = NULL;
    json_int_t most = 0;
    json_t *count;

    json_object_foreach((json_t *)(uintptr_t)counts, name, count)
    {
        json_int_t parameters = json_integer_value(count);

        if (parameters > most || (parameters == most && best != NULL && strcmp(name, best) < 0)) {
            best = name;
            most = parameters;
        }
    }
    return best;
}

static char *precision(const char *dtype)
{
    static const struct {
        const char *from, *to;
    } words[] = {{"F64", "fp64"},    {"F32", "fp32"},     {"F16", "fp16"},     {"BF16", "bf16"},    {"I8", "int8"},
                 {"U8", "uint8"},    {"I16", "int16"},    {"I32", "int32"},    {"I64", "int64"},    {"F8_E4M3", "fp8"},
                 {"F8_E5M2", "fp8"}, {"float32", "fp32"}, {"float16", "fp16"}, {"bfloat16", "bf16"}};

    for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
        if (strcmp(words[i].from, dtype) == 0)
            return g_strdup(words[i].to);
    return g_ascii_strdown(dtype, -1);
}

/* GGUF's types that are no plain numbers: Q4_K, IQ2_XS, TQ1_0, MXFP4 … */
static bool is_quantized(const char *dtype)
{
    return dtype != NULL && (g_str_has_prefix(dtype, "Q") || g_str_has_prefix(dtype, "IQ") ||
                             g_str_has_prefix(dtype, "TQ") || strstr(dtype, "FP4") != NULL);
}

json_t *weights_summary(const WeightsScan *scan)
{
    const char *dtype = main_dtype(scan->dtypes);
    g_autofree char *words = dtype != NULL ? precision(dtype) : scan->dtype != NULL ? precision(scan->dtype) : NULL;
    const char *quantization = scan->quantization != NULL ? scan->quantization : is_quantized(dtype) ? dtype : NULL;
    json_t *summary = json_object();

    weights_note(summary, "architecture", scan->architecture);
    weights_note(summary, "precision", words);
    weights_note(summary, "quantization", quantization);
    if (scan->parameters > 0) {
        g_autofree char *size = parameter_size(scan->parameters);

        json_object_set_new(summary, "paramSize", json_string(size));
        json_object_set_new(summary, "parameters", json_integer((json_int_t)MIN(scan->parameters, G_MAXINT64)));
        json_object_set(summary, "dtypes", scan->dtypes);
    }
    return summary;
}
