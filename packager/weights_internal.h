#pragma once

#include "packager/weights.h"

/* What the readers of single formats share: for packager/weights*.c only. */

#define WEIGHTS_HEADER_LIMIT                                                                                           \
    (100u * 1000 * 1000)                  /* JSON header of safetensors. Source: safetensors, MAX_HEADER_SIZE          \
                                           */
#define WEIGHTS_TEMPLATE_LIMIT (4u << 20) /* chat template, config */
#define WEIGHTS_JSON_LIMIT (64u << 20)    /* tokenizer.json, shard index */
#define WEIGHTS_ARCHIVE_DEPTH 4u          /* archives in archives */
#define WEIGHTS_FINDINGS 500u             /* findings kept for one source; the rest is counted */

typedef OkseReadable WeightsFile;

/* A part of a file read forward. Taking beyond the end is false; failures of reading stay in `error`. */
typedef struct {
    const WeightsFile *file;
    uint64_t at, end;
    uint64_t buffered_at;
    size_t buffered;
    uint8_t *buffer;
    GError *error;
} WeightsCursor;

void weights_cursor_open(WeightsCursor *cursor, const WeightsFile *file, uint64_t at, uint64_t end);
void weights_cursor_clear(WeightsCursor *cursor);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(WeightsCursor, weights_cursor_clear)
static inline uint64_t weights_left(const WeightsCursor *cursor)
{
    return cursor->end - cursor->at;
}
bool weights_take(WeightsCursor *cursor, void *out, size_t length);
bool weights_skip(WeightsCursor *cursor, uint64_t length);
/* Little-endian, 1 to 8 bytes. */
bool weights_take_number(WeightsCursor *cursor, unsigned bytes, uint64_t *value);
/* A copy with a NUL behind; NULL when it is over `limit` or ends early. */
char *weights_take_text(WeightsCursor *cursor, uint64_t length, uint64_t limit);
/* Up to a new line, which is taken but not returned; NULL when it is over `limit` or there is none. */
char *weights_take_line(WeightsCursor *cursor, size_t limit, size_t *length);

struct OkseWeightsRules {
    GHashTable *allowed; /* "module\nname" of pickle imports */
    json_t *words;       /* manifests/weights.yaml */
};

typedef struct {
    const OkseWeightsRules *rules;
    GHashTable *sizes; /* path → uint64_t *, of the component's files; borrowed; NULL: not known */
    bool programs;     /* only what would run is looked for */
    json_t *files, *findings;
    GHashTable *tensors;     /* path → json object of its tensors' names (safetensors) */
    GHashTable *indexes;     /* path → json of a shard index */
    GPtrArray *listed;       /* OkseTensorFile; borrowed; NULL: nobody asked */
    OkseTensorFile *listing; /* of the file that is being read, when it is to be listed */
    bool unlistable;         /* a tensor of it does not fit a list */
    uint64_t dropped, parameters, critical;
    json_t *dtypes;                            /* name → parameters, of all files */
    char *architecture, *quantization, *dtype; /* dtype: what the config says */
    uint64_t vocabulary, largest_token;        /* of config.json and tokenizer.json; 0: not known */
    uint64_t embedded;                         /* rows of the table of embeddings; 0: not known */
    GError *error;                             /* the first failure of reading */
} WeightsScan;

typedef enum { WEIGHTS_WARNING, WEIGHTS_CRITICAL } WeightsSeverity;
#define WEIGHTS_NO_OFFSET G_MAXUINT64

void weights_finding(WeightsScan *scan, const WeightsFile *file, WeightsSeverity severity, const char *rule,
                     uint64_t offset, const char *format, ...) G_GNUC_PRINTF(6, 7);
/* A finding that was made beforehand; takes it. */
void weights_finding_add(WeightsScan *scan, json_t *finding);
json_t *weights_finding_new(const char *path, WeightsSeverity severity, const char *rule, uint64_t offset,
                            const char *text);
/* Keep the first failure of reading; takes it. */
void weights_failed(WeightsScan *scan, GError *error);

/* Add to the row's and the source's count of parameters. */
void weights_count(WeightsScan *scan, json_t *row, const char *dtype, uint64_t parameters);
/* A tensor of the file that is being read. */
void weights_list(WeightsScan *scan, const OkseTensor *tensor);
/* Whether a tensor of that name is the table of embeddings: one row a token. */
bool weights_is_embedding(const WeightsScan *scan, const char *tensor);
/* A text of the file's own, made safe and valid, into the row. */
void weights_note(json_t *object, const char *key, const char *text);
/* The last element of a path, lower-cased. */
char *weights_name(const char *path);
/* The whole of a file as JSON; NULL after a finding. */
json_t *weights_json(WeightsScan *scan, const WeightsFile *file, const char *rule);

/* One file, whatever it is. depth: archives around it. */
void weights_file(WeightsScan *scan, const WeightsFile *file, unsigned depth);

void weights_safetensors(WeightsScan *scan, const WeightsFile *file, json_t *row);
void weights_gguf(WeightsScan *scan, const WeightsFile *file, json_t *row);
void weights_onnx(WeightsScan *scan, const WeightsFile *file, json_t *row);
/* named: the name promises a pickle, so what cannot be followed is critical. offset: where it begins.
 * Returns whether the bytes are a pickle. */
bool weights_pickle(WeightsScan *scan, const WeightsFile *file, json_t *row, uint64_t offset, bool named);
void weights_numpy(WeightsScan *scan, const WeightsFile *file, json_t *row);
/* Whether the bytes are a zip, tar, 7z or compressed file, and its name, or NULL. */
const char *weights_archive_kind(WeightsScan *scan, const WeightsFile *file);
/* Every member. False when the bytes only begin like an archive of that kind. */
bool weights_archive(WeightsScan *scan, const WeightsFile *file, const char *kind, unsigned depth);
/* In no directory and no archive of the component. */
bool weights_is_top(const WeightsFile *file);
/* config.json, tokenizer files, shard indexes, templates; by name. */
void weights_model_file(WeightsScan *scan, const WeightsFile *file);
/* Once all files are known: shard indexes, agreement of tokenizer and config. */
void weights_model_agreement(WeightsScan *scan);
/* Code that a Keras model in HDF5, protobuf or JSON brings with it; by name. */
void weights_keras(WeightsScan *scan, const WeightsFile *file);
void weights_chat_template(WeightsScan *scan, const WeightsFile *file, const char *text, size_t length);
/* ModelPack's words for what was found. */
json_t *weights_summary(const WeightsScan *scan);
