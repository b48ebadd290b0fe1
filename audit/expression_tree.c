#include "audit/expression_tree.h"

#include <stdbool.h>
#include <string.h>

#define DEPTH 96u
#define TERMS 1024u /* a chain of operators or members nests as deep as it is long */

typedef struct {
    const char *at;
    unsigned depth;
    unsigned terms; /* so far, with what is behind them */
} Reader;

static OkseTerm *read_pipe(Reader *reader);

void okse_term_free(OkseTerm *node)
{
    if (node == NULL)
        return;
    g_free(node->name);
    json_decref(node->literal);
    g_ptr_array_unref(node->children);
    g_free(node);
}

static void child_free(gpointer data)
{
    okse_term_free(data);
}

const OkseTerm *okse_term_child(const OkseTerm *node, guint index)
{
    return g_ptr_array_index(node->children, index);
}

static OkseTerm *node_new(OkseTermKind kind, const char *name)
{
    OkseTerm *node = g_new0(OkseTerm, 1);

    node->kind = kind;
    node->name = g_strdup(name);
    node->children = g_ptr_array_new_with_free_func(child_free);
    return node;
}

/* Takes `node` and `child`; NULL when there is no child. */
static OkseTerm *node_with(OkseTerm *node, OkseTerm *child)
{
    if (child != NULL) {
        g_ptr_array_add(node->children, child);
        return node;
    }
    okse_term_free(node);
    return NULL;
}

static OkseTerm *operator_new(const char *name, OkseTerm *left, OkseTerm *right)
{
    OkseTerm *node = node_with(node_new(OKSE_TERM_OPERATOR, name), left);

    if (node == NULL)
        okse_term_free(right);
    return node != NULL ? node_with(node, right) : NULL;
}

static void skip_space(Reader *reader)
{
    reader->at += strspn(reader->at, " \t\r\n");
}

static bool take(Reader *reader, const char *punctuation)
{
    skip_space(reader);
    if (!g_str_has_prefix(reader->at, punctuation))
        return false;
    reader->at += strlen(punctuation);
    return true;
}

static size_t word_length(Reader *reader)
{
    size_t length = 0;

    skip_space(reader);
    if (!g_ascii_isalpha(*reader->at) && *reader->at != '_')
        return 0;
    while (g_ascii_isalnum(reader->at[length]) || reader->at[length] == '_')
        length++;
    return length;
}

static char *take_word(Reader *reader)
{
    size_t length = word_length(reader);
    char *word = length > 0 ? g_strndup(reader->at, length) : NULL;

    reader->at += length;
    return word;
}

static bool take_keyword(Reader *reader, const char *keyword)
{
    size_t length = word_length(reader);

    if (length != strlen(keyword) || strncmp(reader->at, keyword, length) != 0)
        return false;
    reader->at += length;
    return true;
}

/* Behind the opening quote. A text with an escape is no literal here: what it says is not worked out. */
static OkseTerm *read_text(Reader *reader)
{
    OkseTerm *node = node_new(OKSE_TERM_LITERAL, NULL);
    const char *start = reader->at;

    while (*reader->at != '"' && *reader->at != '\0') {
        if (*reader->at != '\\') {
            reader->at++;
            continue;
        }
        node->kind = OKSE_TERM_TEXT;
        if (*++reader->at == '(') {
            reader->at++;
            node = node_with(node, read_pipe(reader));
            if (node == NULL || !take(reader, ")")) {
                okse_term_free(node);
                return NULL;
            }
        } else if (*reader->at != '\0') {
            reader->at++;
        }
    }
    if (node->kind == OKSE_TERM_LITERAL)
        node->literal = json_stringn(start, (size_t)(reader->at - start));
    if ((node->kind == OKSE_TERM_LITERAL && node->literal == NULL) || *reader->at != '"') {
        okse_term_free(node);
        return NULL;
    }
    reader->at++;
    return node;
}

/* The name that stands as a text: ."name", .["name"]. */
static char *read_quoted_name(Reader *reader)
{
    g_autoptr(OkseTerm) text = read_text(reader);

    return text != NULL && text->kind == OKSE_TERM_LITERAL ? g_strdup(json_string_value(text->literal)) : NULL;
}

/* .name and ."name", behind the dot; takes `base`. */
static OkseTerm *read_member(Reader *reader, OkseTerm *base)
{
    g_autofree char *name = NULL;

    if (*reader->at == '"') {
        reader->at++;
        name = read_quoted_name(reader);
    } else if (g_ascii_isalpha(*reader->at) || *reader->at == '_') {
        name = take_word(reader);
    }
    if (name != NULL)
        return node_with(node_new(OKSE_TERM_MEMBER, name), base);
    okse_term_free(base);
    return NULL;
}

/* Behind "["; takes `base`. */
static OkseTerm *read_brackets(Reader *reader, OkseTerm *base)
{
    OkseTerm *node;

    if (take(reader, "]"))
        return node_with(node_new(OKSE_TERM_ITEMS, NULL), base);
    node = node_with(node_new(OKSE_TERM_INDEX, NULL), base);
    if (!take(reader, ":"))
        node = node_with(node, read_pipe(reader));
    else
        reader->at--;
    if (node != NULL && take(reader, ":") && !g_str_has_prefix(reader->at + strspn(reader->at, " \t\r\n"), "]"))
        node = node_with(node, read_pipe(reader));
    if (node != NULL && !take(reader, "]")) {
        okse_term_free(node);
        return NULL;
    }
    return node;
}

static OkseTerm *read_call(Reader *reader, const char *name)
{
    OkseTerm *node = node_new(OKSE_TERM_CALL, name);

    if (!take(reader, "("))
        return node;
    do
        node = node_with(node, read_pipe(reader));
    while (node != NULL && take(reader, ";"));
    if (node != NULL && !take(reader, ")")) {
        okse_term_free(node);
        return NULL;
    }
    return node;
}

static OkseTerm *read_if(Reader *reader)
{
    OkseTerm *node = node_new(OKSE_TERM_IF, NULL);

    do {
        node = node_with(node, read_pipe(reader));
        if (node != NULL)
            node = take_keyword(reader, "then") ? node_with(node, read_pipe(reader)) : node_with(node, NULL);
    } while (node != NULL && take_keyword(reader, "elif"));
    if (node != NULL)
        node = take_keyword(reader, "else") ? node_with(node, read_pipe(reader)) : node_with(node, NULL);
    return node == NULL || take_keyword(reader, "end") ? node : node_with(node, NULL);
}

static OkseTerm *read_word(Reader *reader)
{
    static const char *const others[] = {"reduce", "foreach", "label", "break", "import", "include",
                                         "try",    "catch",   "then",  "else",  "elif",   "end",
                                         "as",     "def",     "and",   "or",    NULL};
    g_autofree char *word = take_word(reader);
    OkseTerm *node;

    if (word == NULL || g_strv_contains(others, word))
        return NULL;
    if (strcmp(word, "if") == 0)
        return read_if(reader);
    if (strcmp(word, "true") != 0 && strcmp(word, "false") != 0 && strcmp(word, "null") != 0)
        return read_call(reader, word);
    node = node_new(OKSE_TERM_LITERAL, NULL);
    node->literal = *word == 'n' ? json_null() : json_boolean(*word == 't');
    return node;
}

static OkseTerm *read_alternative(Reader *reader);

static OkseTerm *read_object_value(Reader *reader)
{
    OkseTerm *value = read_alternative(reader);

    while (value != NULL && take(reader, "|"))
        value = operator_new("|", value, read_alternative(reader));
    return value;
}

/* One member; its key, where it is computed, and its value become children of `node`, which is taken. */
static OkseTerm *read_object_member(Reader *reader, OkseTerm *node)
{
    g_autofree char *key = NULL;
    bool named = false;

    if (take(reader, "$")) {
        key = take_word(reader);
        return node_with(node, key != NULL ? node_new(OKSE_TERM_VARIABLE, key) : NULL);
    }
    if (take(reader, "\"")) {
        node = node_with(node, read_text(reader));
    } else if (take(reader, "(")) {
        node = node_with(node, read_pipe(reader));
        if (node != NULL && !take(reader, ")"))
            node = node_with(node, NULL);
    } else {
        key = take_word(reader);
        named = key != NULL;
        if (!named)
            node = node_with(node, NULL);
    }
    if (node != NULL && take(reader, ":"))
        return node_with(node, read_object_value(reader));
    if (node != NULL && named)
        return node_with(node, node_with(node_new(OKSE_TERM_MEMBER, key), node_new(OKSE_TERM_DOT, NULL)));
    return node != NULL ? node_with(node, NULL) : NULL;
}

static OkseTerm *read_object(Reader *reader)
{
    OkseTerm *node = node_new(OKSE_TERM_OBJECT, NULL);

    if (take(reader, "}"))
        return node;
    do
        node = read_object_member(reader, node);
    while (node != NULL && take(reader, ","));
    return node == NULL || take(reader, "}") ? node : node_with(node, NULL);
}

static OkseTerm *read_array(Reader *reader)
{
    OkseTerm *node = node_new(OKSE_TERM_ARRAY, NULL);

    if (take(reader, "]"))
        return node;
    node = node_with(node, read_pipe(reader));
    return node == NULL || take(reader, "]") ? node : node_with(node, NULL);
}

static OkseTerm *read_number(Reader *reader)
{
    OkseTerm *node = node_new(OKSE_TERM_LITERAL, NULL);
    char *end = NULL;

    node->literal = json_real(g_ascii_strtod(reader->at, &end));
    reader->at = end;
    return node->literal != NULL ? node : node_with(node, NULL);
}

static OkseTerm *read_primary(Reader *reader)
{
    g_autofree char *name = NULL;
    OkseTerm *node;

    skip_space(reader);
    if (g_ascii_isdigit(*reader->at))
        return read_number(reader);
    if (take(reader, "\""))
        return read_text(reader);
    if (take(reader, ".")) {
        node = node_new(OKSE_TERM_DOT, NULL);
        return *reader->at == '"' || *reader->at == '_' || g_ascii_isalpha(*reader->at) ? read_member(reader, node)
                                                                                        : node;
    }
    if (take(reader, "$")) {
        name = take_word(reader);
        return name != NULL ? node_new(OKSE_TERM_VARIABLE, name) : NULL;
    }
    if (take(reader, "(")) {
        node = read_pipe(reader);
        return node == NULL || take(reader, ")") ? node : node_with(node, NULL);
    }
    if (take(reader, "["))
        return read_array(reader);
    if (take(reader, "{"))
        return read_object(reader);
    return read_word(reader);
}

static OkseTerm *read_postfix(Reader *reader)
{
    OkseTerm *node = ++reader->terms <= TERMS ? read_primary(reader) : NULL;

    while (node != NULL) {
        if (++reader->terms > TERMS)
            return node_with(node, NULL);
        if (*reader->at == '.' && reader->at[1] == '[') {
            reader->at += 2;
            node = read_brackets(reader, node);
        } else if (*reader->at == '.') {
            reader->at++;
            node = read_member(reader, node);
        } else if (take(reader, "[")) {
            node = read_brackets(reader, node);
        } else if (take(reader, "?")) {
            node = node_with(node_new(OKSE_TERM_TRY, NULL), node);
        } else {
            break;
        }
    }
    return node;
}

/* "as" binds the one term before it, over all that follows. */
static OkseTerm *read_term(Reader *reader)
{
    g_autofree char *name = NULL;
    OkseTerm *node;

    if (take(reader, "-"))
        return node_with(node_new(OKSE_TERM_OPERATOR, "-"), read_postfix(reader));
    node = read_postfix(reader);
    if (node == NULL || !take_keyword(reader, "as"))
        return node;
    name = take(reader, "$") ? take_word(reader) : NULL;
    node = node_with(node_new(OKSE_TERM_AS, name), node);
    return node_with(node, name != NULL && take(reader, "|") ? read_pipe(reader) : NULL);
}

/* All arithmetic alike: what it computes does not matter to anybody here. */
static OkseTerm *read_sum(Reader *reader)
{
    OkseTerm *node = read_term(reader);

    while (node != NULL) {
        char name[2] = {0};

        skip_space(reader);
        if (*reader->at == '\0' || strchr("+-*/%", *reader->at) == NULL || g_str_has_prefix(reader->at, "//"))
            break;
        name[0] = *reader->at++;
        node = *reader->at == '=' ? node_with(node, NULL) : operator_new(name, node, read_term(reader));
    }
    return node;
}

static OkseTerm *read_comparison(Reader *reader)
{
    static const char *const operators[] = {"==", "!=", "<=", ">=", "<", ">", NULL};
    OkseTerm *node = read_sum(reader);

    for (unsigned i = 0; node != NULL && operators[i] != NULL; i++)
        if (take(reader, operators[i]))
            return operator_new(operators[i], node, read_sum(reader));
    return node;
}

static OkseTerm *read_and(Reader *reader)
{
    OkseTerm *node = read_comparison(reader);

    while (node != NULL && take_keyword(reader, "and"))
        node = operator_new("and", node, read_comparison(reader));
    return node;
}

static OkseTerm *read_or(Reader *reader)
{
    OkseTerm *node = read_and(reader);

    while (node != NULL && take_keyword(reader, "or"))
        node = operator_new("or", node, read_and(reader));
    return node;
}

static OkseTerm *read_alternative(Reader *reader)
{
    OkseTerm *node = read_or(reader);

    if (node != NULL && take(reader, "//"))
        return *reader->at == '=' ? node_with(node, NULL) : operator_new("//", node, read_alternative(reader));
    return node;
}

static OkseTerm *read_comma(Reader *reader)
{
    OkseTerm *node = read_alternative(reader);

    while (node != NULL && take(reader, ","))
        node = operator_new(",", node, read_alternative(reader));
    return node;
}

static OkseTerm *read_pipe(Reader *reader)
{
    OkseTerm *node = ++reader->depth <= DEPTH ? read_comma(reader) : NULL;

    if (node != NULL && take(reader, "|"))
        node = *reader->at == '=' ? node_with(node, NULL) : operator_new("|", node, read_pipe(reader));
    reader->depth--;
    return node;
}

OkseTerm *okse_expression_tree(const char *text)
{
    Reader reader = {text, 0, 0};
    OkseTerm *node = read_pipe(&reader);

    skip_space(&reader);
    if (node != NULL && *reader.at != '\0') {
        okse_term_free(node);
        return NULL;
    }
    return node;
}
