/* What a Keras model says of its layers, as JSON inside HDF5 and protobuf files. The bytes are cut at every quote that
 * no backslash escapes; "key", then a colon among white space, then "value" are three neighbouring pieces, wherever in
 * the file the JSON lies and whatever else it holds. Words: manifests/weights.yaml, keras. */
#include "packager/weights_internal.h"

#include "packager/patterns.h"

#include <string.h>

#define CHUNK (256u << 10)
#define PIECE 256u /* longer texts are no key and no value of interest */

typedef enum { KEY_OTHER, KEY_CLASS, KEY_MODULE } Key;
typedef enum { GAP_BLANK, GAP_COLON, GAP_OTHER } Gap; /* white space, with one colon, or something else */

typedef struct {
    WeightsScan *scan;
    const WeightsFile *file;
    const json_t *code, *modules;
    bool imports; /* a config.json that is in no archive is another library's: its modules are none of Keras's */
    char piece[PIECE];
    uint64_t length; /* of the piece so far; what is over PIECE is not kept */
    Gap gap;         /* what the piece so far is when it lies between two texts */
    bool escaped;    /* an odd number of backslashes came last */
    Key key;         /* what the last piece is */
    Key waiting;     /* the last piece was a colon behind such a key */
} Keras;

/* Most pieces cannot be a word that matters: their length alone says so. */
static bool may_matter(const Keras *keras)
{
    return keras->length <= PIECE &&
           (keras->waiting != KEY_OTHER || keras->length == strlen("class_name") || keras->length == strlen("module") ||
            memchr(keras->piece, '\\', (size_t)keras->length) != NULL);
}

/* The piece as a JSON string without its escapes; NULL when it is none, or too long. */
static char *unescape(const Keras *keras)
{
    char quoted[PIECE + 2] = {'"'};
    g_autoptr(json_t) text = NULL;

    if (!may_matter(keras))
        return NULL;
    memcpy(quoted + 1, keras->piece, (size_t)keras->length);
    quoted[keras->length + 1] = '"';
    text = json_loadb(quoted, (size_t)keras->length + 2, JSON_DECODE_ANY, NULL);
    return g_strdup(json_string_value(text));
}

static Gap gap_with(Gap gap, char c)
{
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
        return gap;
    return c == ':' && gap == GAP_BLANK ? GAP_COLON : GAP_OTHER;
}

static bool is_listed(const json_t *list, const char *text, bool inside)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *known = json_string_value(json_array_get(list, i));
        size_t length = strlen(known);

        if (strncmp(text, known, length) == 0 && (text[length] == '\0' || (inside && text[length] == '.')))
            return true;
    }
    return false;
}

static void judge(const Keras *keras, const char *text, uint64_t at)
{
    if (keras->waiting == KEY_CLASS && is_listed(keras->code, text, false))
        weights_finding(keras->scan, keras->file, WEIGHTS_CRITICAL, "keras.lambda", at,
                        "'%s' in a Keras model: Python code that runs when the model is loaded", text);
    if (keras->waiting == KEY_MODULE && !is_listed(keras->modules, text, true))
        weights_finding(keras->scan, keras->file, WEIGHTS_CRITICAL, "keras.module", at,
                        "loading the model imports the Python module '%s', which is not Keras's own", text);
}

/* The quote at `at` ends a piece, and begins the next. */
static void end_piece(Keras *keras, uint64_t at)
{
    g_autofree char *text = unescape(keras);

    if (keras->waiting != KEY_OTHER)
        judge(keras, text != NULL ? text : "(not to be read)", at - keras->length);
    keras->waiting = keras->gap == GAP_COLON ? keras->key : KEY_OTHER;
    keras->key = g_strcmp0(text, "class_name") == 0                 ? KEY_CLASS
                 : g_strcmp0(text, "module") == 0 && keras->imports ? KEY_MODULE
                                                                    : KEY_OTHER;
    keras->length = 0;
    keras->gap = GAP_BLANK;
}

static void look(Keras *keras, const char *bytes, size_t length, uint64_t at)
{
    for (size_t i = 0; i < length; i++) {
        char c = bytes[i];

        if (c == '"' && !keras->escaped) {
            end_piece(keras, at + i);
            continue;
        }
        keras->escaped = c == '\\' && !keras->escaped;
        if (keras->length < PIECE)
            keras->piece[keras->length] = c;
        keras->length++;
        keras->gap = gap_with(keras->gap, c);
    }
}

void weights_keras(WeightsScan *scan, const WeightsFile *file)
{
    const json_t *words = json_object_get(scan->rules->words, "keras");
    g_autofree char *name = weights_name(file->path), *buffer = NULL;
    Keras keras = {.scan = scan,
                   .file = file,
                   .code = json_object_get(words, "code"),
                   .modules = json_object_get(words, "modules"),
                   .imports = strcmp(name, "config.json") != 0 || strchr(file->path, '!') != NULL};
    GError *error = NULL;

    if (okse_patterns_find(json_object_get(words, "files"), name) == NULL)
        return;
    buffer = g_malloc(CHUNK);
    for (uint64_t at = 0; at < file->size;) {
        size_t part = (size_t)MIN(CHUNK, file->size - at);

        if (!file->read(file->context, at, buffer, part, &error)) {
            weights_failed(scan, error);
            return;
        }
        look(&keras, buffer, part, at);
        at += part;
    }
}
