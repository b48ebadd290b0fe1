#pragma once

#include "core/json.h"
#include "core/resource.h"
#include "packager/readable.h"
#include "packager/source.h"
#include "packager/tensors.h"

/* What model files say of themselves, and what they would do to whoever loads them. Files are read, never loaded:
 * headers and tensor tables of safetensors, GGUF and ONNX within bounds; pickles opcode by opcode, also inside zip,
 * tar, 7z and compressed files; configs, shard indexes and chat templates. Rules and words are data
 * (manifests/weights.yaml, manifests/pickle-allow.yaml). Shapes: docs/weights.md. */
typedef struct OkseWeightsRules OkseWeightsRules;

/* Errors: those of reading the data; INVALID. */
OkseWeightsRules *okse_weights_rules_read(const OkseResources *resources, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void okse_weights_rules_free(OkseWeightsRules *rules);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseWeightsRules, okse_weights_rules_free)

/* Examine every file of a source. Returns the report "okse.weights.v1", which depends on the source's bytes and the
 * rules only. A broken or dangerous file is a finding in it, no error. Large members of archives are spooled into
 * unnamed temporary files. tensors: NULL, or gets an OkseTensorFile, without digests, for every file of at least
 * OKSE_TENSORS_FROM bytes that is a safetensors or GGUF file without critical findings and fits a list of tensors, up
 * to OKSE_LIMIT_TENSORS together. Errors: INVALID when a file changed meanwhile; CANCELLED; SYSTEM. */
json_t *okse_weights_examine(const OkseWeightsRules *rules, const OkseSource *source, GPtrArray *tensors,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The tensors of one file, as above; NULL without an error when it has no list. Errors: those of reading. */
OkseTensorFile *okse_weights_tensors(const OkseWeightsRules *rules, const OkseReadable *file,
                                     GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The same for bytes under a file name. */
json_t *okse_weights_examine_bytes(const OkseWeightsRules *rules, const char *name, GBytes *bytes,
                                   GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The same, file by file, for whoever finds the files himself. sizes: path → uint64_t * of all files of the component,
 * for what refers to its neighbours; borrowed; NULL when not known. programs: only what would run is looked for
 * (pickles, programs under the names of data, archives of either), not whether a model agrees with itself: for
 * components that hold no weights. */
typedef struct OkseExamination OkseExamination;
OkseExamination *okse_examination_new(const OkseWeightsRules *rules, GHashTable *sizes,
                                      bool programs) G_GNUC_WARN_UNUSED_RESULT;
void okse_examination_free(OkseExamination *examination);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseExamination, okse_examination_free)
void okse_examination_look(OkseExamination *examination, const OkseReadable *file);
/* The report, once. Errors: INVALID when a file changed meanwhile; CANCELLED; SYSTEM. */
json_t *okse_examination_finish(OkseExamination *examination, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* How many findings of the report are critical: such a component is not packed. */
unsigned okse_weights_critical(const json_t *report);

/* One finding as a line for people, made safe to show: "FILE at byte N: text". */
char *okse_weights_finding_text(const json_t *finding) G_GNUC_WARN_UNUSED_RESULT;
