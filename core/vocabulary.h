#pragma once

#include "core/resource.h"

/* Closed lists of words that people write in stack.yaml and site.yaml, kept as data: manifests/countries.yaml (ISO
 * 3166-1 alpha-2 code → English name), manifests/data-classes.yaml and manifests/sectors.yaml (word → what it means).
 */
typedef struct OkseVocabulary OkseVocabulary;

/* list: "countries", "data-classes" or "sectors". Errors: those of reading the file; INVALID when it is no map of
 * texts. */
OkseVocabulary *okse_vocabulary_read(const OkseResources *resources, const char *list,
                                     GError **error) G_GNUC_WARN_UNUSED_RESULT;
void okse_vocabulary_free(OkseVocabulary *vocabulary);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseVocabulary, okse_vocabulary_free)

/* What the word stands for, or NULL when it is not in the list; borrowed. */
const char *okse_vocabulary_find(const OkseVocabulary *vocabulary, const char *word);
/* All words, NULL-terminated, sorted by bytes; borrowed. */
const char *const *okse_vocabulary_words(const OkseVocabulary *vocabulary);
