/* One pass over the files of a source: what each is, by its first bytes before its name, and what was found. */
#include "packager/weights_internal.h"

#include "core/limits.h"
#include "core/text.h"
#include "core/worker.h"
#include "packager/patterns.h"
#include "packager/source_look.h"

#include <string.h>

static bool ends_with_any(const char *name, const json_t *endings)
{
    for (size_t i = 0; i < json_array_size(endings); i++)
        if (g_str_has_suffix(name, json_string_value(json_array_get(endings, i))))
            return true;
    return false;
}

static const json_t *words(const WeightsScan *scan, const char *key)
{
    return json_object_get(scan->rules->words, key);
}

json_t *weights_finding_new(const char *path, WeightsSeverity severity, const char *rule, uint64_t offset,
                            const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1), *file = g_utf8_make_valid(path, -1);
    json_t *finding = json_pack("{s:s,s:s,s:s,s:s}", "file", file, "rule", rule, "severity",
                                severity == WEIGHTS_CRITICAL ? "critical" : "warning", "text", valid);

    if (offset != WEIGHTS_NO_OFFSET)
        json_object_set_new(finding, "offset", json_integer((json_int_t)offset));
    return finding;
}

void weights_finding_add(WeightsScan *scan, json_t *finding)
{
    bool critical = strcmp(okse_json_peek_text(finding, "severity"), "critical") == 0;

    scan->critical += critical;
    if (json_array_size(scan->findings) < WEIGHTS_FINDINGS) {
        json_array_append_new(scan->findings, finding);
        return;
    }
    scan->dropped++;
    json_decref(finding);
}

void weights_finding(WeightsScan *scan, const WeightsFile *file, WeightsSeverity severity, const char *rule,
                     uint64_t offset, const char *format, ...)
{
    g_autofree char *text = NULL, *shown = NULL;
    va_list arguments;

    va_start(arguments, format);
    text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    shown = okse_text_show(text, -1, false);
    weights_finding_add(scan, weights_finding_new(file->path, severity, rule, offset, shown));
}

void weights_failed(WeightsScan *scan, GError *error)
{
    if (error == NULL)
        return;
    if (scan->error == NULL)
        scan->error = error;
    else
        g_error_free(error);
}

static void add_count(json_t *counts, const char *dtype, uint64_t parameters)
{
    uint64_t sum = (uint64_t)json_integer_value(json_object_get(counts, dtype));

    if (__builtin_add_overflow(sum, parameters, &sum) || sum > G_MAXINT64)
        sum = G_MAXINT64;
    json_object_set_new(counts, dtype, json_integer((json_int_t)sum));
}

void weights_count(WeightsScan *scan, json_t *row, const char *dtype, uint64_t parameters)
{
    json_t *counts = json_object_get(row, "dtypes");

    if (counts == NULL) {
        counts = json_object();
        json_object_set_new(row, "dtypes", counts);
    }
    add_count(counts, dtype, parameters);
    add_count(scan->dtypes, dtype, parameters);
    add_count(row, "parameters", parameters);
    if (__builtin_add_overflow(scan->parameters, parameters, &scan->parameters))
        scan->parameters = G_MAXUINT64;
}

void weights_list(WeightsScan *scan, const OkseTensor *tensor)
{
    if (scan->listing != NULL && !okse_tensor_file_add(scan->listing, tensor))
        scan->unlistable = true;
}

bool weights_is_embedding(const WeightsScan *scan, const char *tensor)
{
    return ends_with_any(tensor, words(scan, "embeddings"));
}

void weights_note(json_t *object, const char *key, const char *text)
{
    g_autofree char *shown = text == NULL ? NULL : okse_text_show(text, -1, false);

    if (shown != NULL)
        json_object_set_new(object, key, json_string(shown));
}

char *weights_name(const char *path)
{
    const char *member = strrchr(path, '!');
    g_autofree char *base = g_path_get_basename(member != NULL && member[1] != '\0' ? member + 1 : path);

    return g_ascii_strdown(base, -1);
}

json_t *weights_json(WeightsScan *scan, const WeightsFile *file, const char *rule)
{
    g_auto(WeightsCursor) cursor = {0};
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) bytes = NULL;
    char *text;
    json_t *value;

    weights_cursor_open(&cursor, file, 0, file->size);
    text = weights_take_text(&cursor, file->size, WEIGHTS_JSON_LIMIT);
    weights_failed(scan, g_steal_pointer(&cursor.error));
    if (text == NULL) {
        weights_finding(scan, file, WEIGHTS_CRITICAL, rule, WEIGHTS_NO_OFFSET, "is larger than the limit of %u bytes",
                        WEIGHTS_JSON_LIMIT);
        return NULL;
    }
    bytes = g_bytes_new_take(text, (gsize)file->size);
    value = okse_json_read(bytes, WEIGHTS_JSON_LIMIT, "JSON", &error);
    if (value == NULL)
        weights_finding(scan, file, WEIGHTS_CRITICAL, rule, WEIGHTS_NO_OFFSET, "%s", error->message);
    return value;
}

/* Programs among weights: under a name that says so a warning, under another one hidden. */
static void check_executable(WeightsScan *scan, const WeightsFile *file, const uint8_t *head, size_t length)
{
    static const struct {
        const char *magic;
        size_t length;
        const char *what;
    } kinds[] = {
        {"\x7f"
         "ELF",
         4, "an ELF program or library"},
        {"MZ", 2, "a Windows program"},
        {"\xcf\xfa\xed\xfe", 4, "a Mach-O program"},
        {"\xca\xfe\xba\xbe", 4, "a Mach-O or Java program"},
        {"\0asm", 4, "a WebAssembly program"},
        {"#!", 2, "a script"},
    };
    g_autofree char *name = weights_name(file->path);
    bool open = ends_with_any(name, words(scan, "code"));

    if (scan->programs && !ends_with_any(name, words(scan, "data")))
        return; /* where programs belong, only one under the name of data hides */
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (length <= kinds[i].length || memcmp(head, kinds[i].magic, kinds[i].length) != 0)
            continue;
        /* two letters alone are no proof: the header of a real program says where the rest is */
        if (kinds[i].magic[0] == 'M' && (length < 64 || head[0x3c] < 0x40 || head[0x3e] != 0 || head[0x3f] != 0))
            continue;
        weights_finding(scan, file, open ? WEIGHTS_WARNING : WEIGHTS_CRITICAL, open ? "code.executable" : "code.hidden",
                        0, "is %s%s", kinds[i].what, open ? "" : ", which its name does not say");
        return;
    }
    if (open)
        weights_finding(scan, file, WEIGHTS_WARNING, "code.executable", WEIGHTS_NO_OFFSET, "is code among the weights");
}

/* Texts that must not be in files of some names (manifests/weights.yaml, contains). Bounded by the file. */
static void check_contents(WeightsScan *scan, const WeightsFile *file, const json_t *row)
{
    const char *text = okse_json_peek_text(row, "text");
    size_t length = strlen(text), kept = 0;
    g_autofree uint8_t *buffer = g_malloc((1u << 20) + length);
    GError *error = NULL;

    for (uint64_t at = 0; at < file->size;) {
        size_t part = (size_t)MIN(1u << 20, file->size - at);
        const uint8_t *hit;

        if (!file->read(file->context, at, buffer + kept, part, &error)) {
            weights_failed(scan, error);
            return;
        }
        hit = memmem(buffer, kept + part, text, length);
        if (hit != NULL) {
            weights_finding(scan, file, WEIGHTS_CRITICAL, okse_json_peek_text(row, "rule"),
                            at - kept + (uint64_t)(hit - buffer), "%s", okse_json_peek_text(row, "means"));
            return;
        }
        at += part;
        part += kept;
        kept = MIN(length - 1, part);
        memmove(buffer, buffer + part - kept, kept);
    }
}

static void check_all_contents(WeightsScan *scan, const WeightsFile *file)
{
    const json_t *rows = words(scan, "contains");
    g_autofree char *name = weights_name(file->path);

    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);

        if (g_pattern_match_simple(okse_json_peek_text(row, "pattern"), name))
            check_contents(scan, file, row);
    }
}

static const char *named_format(const WeightsScan *scan, const char *name)
{
    const json_t *row = okse_patterns_find(words(scan, "formats"), name);

    return okse_json_peek_text(row, "format");
}

/* The format of a file; its first bytes come before its name. */
static const char *read_format(WeightsScan *scan, const WeightsFile *file, json_t *row, unsigned depth)
{
    g_autofree char *name = weights_name(file->path);
    const char *format = named_format(scan, name), *archive;
    bool pickled = ends_with_any(name, words(scan, "pickles"));
    uint8_t head[64] = {0};
    size_t length = (size_t)MIN(sizeof head, file->size);
    GError *error = NULL;

    if (length > 0 && !file->read(file->context, 0, head, length, &error)) {
        weights_failed(scan, error);
        return NULL;
    }
    check_executable(scan, file, head, length);
    archive = weights_archive_kind(scan, file);
    /* a zip may also stand behind something else, which is then examined, too */
    if (archive != NULL && weights_archive(scan, file, archive, depth) &&
        (strcmp(archive, "zip") != 0 || memcmp(head, "PK", 2) == 0))
        return archive;
    if (memcmp(head, "GGUF", 4) == 0 || g_strcmp0(format, "gguf") == 0)
        return weights_gguf(scan, file, row), "gguf";
    if (g_strcmp0(format, "safetensors") == 0)
        return weights_safetensors(scan, file, row), format;
    if (memcmp(head, "\x93NUMPY", 6) == 0)
        return weights_numpy(scan, file, row), "numpy";
    if (g_strcmp0(format, "onnx") == 0)
        return weights_onnx(scan, file, row), format;
    if (length > 0 && weights_pickle(scan, file, row, 0, pickled))
        return "pickle";
    return format;
}

static unsigned count_listed(const GPtrArray *files)
{
    unsigned count = 0;

    for (guint i = 0; i < files->len; i++)
        count += ((const OkseTensorFile *)g_ptr_array_index(files, i))->tensors->len;
    return count;
}

/* The format of a file, and the list of its tensors where it is wanted and holds. */
static const char *read_listed(WeightsScan *scan, const WeightsFile *file, json_t *row, unsigned depth)
{
    OkseTensorFile *around = scan->listing;
    g_autoptr(OkseTensorFile) listing = NULL;
    uint64_t critical = scan->critical;
    const char *format;

    if (depth == 0 && scan->listed != NULL && file->size >= OKSE_TENSORS_FROM)
        listing = okse_tensor_file_new(NULL, file->path, file->size);
    scan->listing = listing;
    scan->unlistable = false;
    format = read_format(scan, file, row, depth);
    scan->listing = around;
    if (listing == NULL || scan->unlistable || scan->error != NULL || scan->critical > critical || format == NULL ||
        !okse_tensor_file_finish(listing) || listing->tensors->len > OKSE_LIMIT_TENSORS - count_listed(scan->listed))
        return format;
    listing->format = format;
    g_ptr_array_add(scan->listed, g_steal_pointer(&listing));
    return format;
}

void weights_file(WeightsScan *scan, const WeightsFile *file, unsigned depth)
{
    json_t *row = json_object();
    const char *format;

    if (scan->error != NULL || okse_interrupted()) {
        if (scan->error == NULL)
            okse_fail(&scan->error, OKSE_ERROR_CANCELLED, "interrupted");
        json_decref(row);
        return;
    }
    format = read_listed(scan, file, row, depth);
    check_all_contents(scan, file);
    weights_keras(scan, file);
    if (format == NULL) {
        if (!scan->programs)
            weights_model_file(scan, file);
        json_decref(row);
        return;
    }
    weights_note(row, "path", file->path);
    json_object_set_new(row, "format", json_string(format));
    json_object_set_new(row, "size", json_integer((json_int_t)file->size));
    json_array_append_new(scan->files, row);
}

static void value_free(gpointer value)
{
    json_decref(value);
}

static void scan_open(WeightsScan *scan, const OkseWeightsRules *rules)
{
    *scan = (WeightsScan){.rules = rules,
                          .files = json_array(),
                          .findings = json_array(),
                          .dtypes = json_object(),
                          .tensors = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, value_free),
                          .indexes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, value_free)};
}

static void scan_clear(WeightsScan *scan)
{
    json_decref(scan->files);
    json_decref(scan->findings);
    json_decref(scan->dtypes);
    g_hash_table_unref(scan->tensors);
    g_hash_table_unref(scan->indexes);
    g_free(scan->architecture);
    g_free(scan->quantization);
    g_free(scan->dtype);
    g_clear_error(&scan->error);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(WeightsScan, scan_clear)

static json_t *report(WeightsScan *scan, GError **error)
{
    json_t *document;

    if (scan->error == NULL)
        weights_model_agreement(scan);
    if (scan->error != NULL) {
        g_propagate_error(error, g_steal_pointer(&scan->error));
        return NULL;
    }
    document = json_pack("{s:s,s:O,s:O,s:o,s:I}", "schema", "okse.weights.v1", "files", scan->files, "findings",
                         scan->findings, "summary", weights_summary(scan), "critical", (json_int_t)scan->critical);
    if (scan->dropped > 0)
        json_object_set_new(document, "findings_left_out", json_integer((json_int_t)scan->dropped));
    return document;
}

struct OkseExamination {
    WeightsScan scan;
};

OkseExamination *okse_examination_new(const OkseWeightsRules *rules, GHashTable *sizes, bool programs)
{
    OkseExamination *examination = g_new0(OkseExamination, 1);

    scan_open(&examination->scan, rules);
    examination->scan.sizes = sizes;
    examination->scan.programs = programs;
    return examination;
}

void okse_examination_free(OkseExamination *examination)
{
    if (examination == NULL)
        return;
    scan_clear(&examination->scan);
    g_free(examination);
}

void okse_examination_look(OkseExamination *examination, const OkseReadable *file)
{
    weights_file(&examination->scan, file, 0);
}

json_t *okse_examination_finish(OkseExamination *examination, GError **error)
{
    return report(&examination->scan, error);
}

static bool look(void *context, const OkseReadable *file, GError **error)
{
    (void)error;
    okse_examination_look(context, file);
    return true;
}

json_t *okse_weights_examine(const OkseWeightsRules *rules, const OkseSource *source, GPtrArray *tensors,
                             GError **error)
{
    g_autoptr(GHashTable) sizes = okse_source_sizes(source);
    g_autoptr(OkseExamination) examination = okse_examination_new(rules, sizes, false);
    GError *failed = NULL;

    examination->scan.listed = tensors;
    if (!okse_source_look(source, look, examination, &failed))
        weights_failed(&examination->scan, failed);
    return okse_examination_finish(examination, error);
}

json_t *okse_weights_examine_bytes(const OkseWeightsRules *rules, const char *name, GBytes *bytes, GError **error)
{
    g_autoptr(OkseExamination) examination = okse_examination_new(rules, NULL, false);
    OkseReadable file = {.path = name, .size = g_bytes_get_size(bytes), .read = okse_readable_bytes, .context = bytes};

    okse_examination_look(examination, &file);
    return okse_examination_finish(examination, error);
}

OkseTensorFile *okse_weights_tensors(const OkseWeightsRules *rules, const OkseReadable *file, GError **error)
{
    g_autoptr(OkseExamination) examination = okse_examination_new(rules, NULL, false);
    g_autoptr(GPtrArray) files = okse_tensor_files_new();
    GError *failed;

    examination->scan.listed = files;
    okse_examination_look(examination, file);
    failed = g_steal_pointer(&examination->scan.error);
    if (failed != NULL) {
        g_propagate_error(error, failed);
        return NULL;
    }
    return files->len == 0 ? NULL : g_ptr_array_steal_index(files, 0);
}

unsigned okse_weights_critical(const json_t *report_)
{
    return (unsigned)MIN(json_integer_value(json_object_get(report_, "critical")), G_MAXINT);
}

char *okse_weights_finding_text(const json_t *finding)
{
    const json_t *offset = json_object_get(finding, "offset");
    g_autofree char *at =
        offset == NULL ? g_strdup("") : g_strdup_printf(" at byte %" JSON_INTEGER_FORMAT, json_integer_value(offset));
    g_autofree char *text = g_strdup_printf("%s%s: %s (%s)", okse_json_peek_text(finding, "file"), at,
                                            okse_json_peek_text(finding, "text"), okse_json_peek_text(finding, "rule"));

    return okse_text_show(text, -1, false);
}
