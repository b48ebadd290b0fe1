#pragma once

#include "core/resource.h"
#include "core/yaml.h"

/* The words by which law is scoped: data classes and sectors. One that manifests/data-classes.yaml or
 * manifests/sectors.yaml does not have can be declared by nobody, so what it scopes would never be asked. */
typedef struct OkseLawWords OkseLawWords;

/* Errors: those of reading the two lists. */
OkseLawWords *okse_law_words_read(const OkseResources *resources, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void okse_law_words_free(OkseLawWords *words);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseLawWords, okse_law_words_free)

typedef enum { OKSE_WORD_DATA, OKSE_WORD_SECTOR } OkseWordKind;

/* NULL when the word is known; otherwise "unknown sector 'x' (did you mean 'y'?)". */
char *okse_law_words_objection(const OkseLawWords *words, OkseWordKind kind,
                               const char *word) G_GNUC_WARN_UNUSED_RESULT;

/* The words of a jurisdiction, a framework, a profile or scenarios: in `applies_to` and in `transfers`, where "all" may
 * stand, too, and in targets. What is no such document has none. */
void okse_law_words_lint(const OkseLawWords *words, GBytes *yaml, const char *origin, OkseIssues *issues);
/* Those of every jurisdiction, framework and table of scenarios there is, and of the rules by which words follow from
 * each other. Errors: those of reading files. */
bool okse_law_words_lint_all(const OkseResources *resources, OkseIssues *issues, GError **error);
