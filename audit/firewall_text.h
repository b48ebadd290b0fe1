#pragma once

#include "core/json.h"

/* The tokens of a text in the language of nft(8); shared by the outline and the rules. */
typedef struct {
    char *text; /* "\n" and ";" end a statement */
    unsigned line;
    bool quoted;
} OkseNftToken;

/* A new array of OkseNftToken (owned). At most OKSE_NFT_TOKENS. */
#define OKSE_NFT_TOKENS 4000000u
GPtrArray *okse_nft_tokens(const char *text, gsize length) G_GNUC_WARN_UNUSED_RESULT;

/* Reading on from a place; the tokens are borrowed. */
typedef struct {
    const GPtrArray *tokens;
    guint at, end;
} OkseNftCursor;

static inline const char *okse_nft_peek(const OkseNftCursor *cursor)
{
    return cursor->at < cursor->end ? ((const OkseNftToken *)g_ptr_array_index(cursor->tokens, cursor->at))->text
                                    : NULL;
}
/* Go on behind the token when it is this one. */
bool okse_nft_take(OkseNftCursor *cursor, const char *text);
const char *okse_nft_next(OkseNftCursor *cursor);

/* The expressions of a rule up to its end; a new array. */
json_t *okse_nft_rule(OkseNftCursor *cursor) G_GNUC_WARN_UNUSED_RESULT;
/* The elements between "{" and "}"; the first is taken already. A new array, or NULL. */
json_t *okse_nft_elements(OkseNftCursor *cursor) G_GNUC_WARN_UNUSED_RESULT;
