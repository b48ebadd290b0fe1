/* The expressions are walked once, with what is known of each value instead of the value. Whatever is not understood is
 * taken to read everything: force() is the rule, the cases that do less are the exceptions. */
#include "audit/control_reads.h"

#include "audit/expression_tree.h"
#include "audit/fact_kinds.h"

#include <string.h>

typedef enum {
    VALUE_PLAIN, /* depends on facts through what has been recorded only */
    VALUE_ROOT,  /* the facts document */
    VALUE_LIST,  /* one of its lists */
    VALUE_ITEM,  /* a fact */
    VALUE_PATH,  /* something inside of a fact */
    VALUE_MIXED, /* facts of several lists, and plain values */
    VALUE_ARRAY, /* made of a stream: as long, and in the order, that the stream was */
    VALUE_COUNT, /* the length of a list, or of such an array */
    VALUE_LITERAL,
    VALUE_PARAMETER,
    VALUE_PARAMETER_ITEM,
} ValueKind;

/* domains: rows of okse_fact_kinds that a stream's repetitions and order depend on (ARRAY, COUNT), or that the facts
 * are of (LIST, ITEM, PATH: one; MIXED). */
typedef struct Value {
    ValueKind kind;
    guint64 domains;
    const char *name;            /* PATH, PARAMETER, PARAMETER_ITEM */
    const json_t *literal;       /* LITERAL */
    const struct Value *element; /* ARRAY */
} Value;

typedef struct {
    Value value;
    guint64 domains; /* on which the repetitions and the order of the stream depend */
} Stream;

typedef struct {
    const char *name;
    Value value;
} Binding;

typedef struct {
    OkseControlReads *reads;
    GArray *scope;    /* Binding */
    GPtrArray *owned; /* texts and values that live as long as the walk */
    const OkseControl *control;
} Walk;

static const Value plain_value = {.kind = VALUE_PLAIN};
static const Stream plain_stream = {.value = {.kind = VALUE_PLAIN}};

static Stream walk(Walk *state, const OkseTerm *node, Value input);

static void path_free(gpointer data)
{
    OkseReadPath *path = data;

    g_free(path->path);
    g_array_unref(path->atoms);
    g_free(path);
}

static void atom_clear(gpointer data)
{
    json_decref(((OkseReadAtom *)data)->literal);
}

static guint lists_count(void)
{
    guint count = 0;

    while (okse_fact_kinds[count].list != NULL)
        count++;
    return count;
}

void okse_control_reads_free(OkseControlReads *reads)
{
    if (reads == NULL)
        return;
    for (guint i = 0; i < lists_count(); i++)
        g_ptr_array_unref(reads->lists[i].paths);
    g_free(reads->lists);
    g_hash_table_unref(reads->members);
    g_free(reads);
}

static OkseReadList *list_of(Walk *state, guint64 domain)
{
    return &state->reads->lists[g_bit_nth_lsf((gulong)domain, -1)];
}

static void mark(Walk *state, guint64 domains, bool whole)
{
    for (guint i = 0; i < lists_count(); i++)
        if ((domains >> i & 1) != 0) {
            state->reads->lists[i].every = true;
            state->reads->lists[i].whole |= whole;
        }
}

static OkseReadPath *path_read(Walk *state, Value value)
{
    GPtrArray *paths = list_of(state, value.domains)->paths;
    OkseReadPath *path;

    for (guint i = 0; i < paths->len; i++) {
        path = g_ptr_array_index(paths, i);
        if (strcmp(path->path, value.name) == 0)
            return path;
    }
    path = g_new0(OkseReadPath, 1);
    path->path = g_strdup(value.name);
    path->shape = true;
    path->atoms = g_array_new(FALSE, TRUE, sizeof(OkseReadAtom));
    g_array_set_clear_func(path->atoms, atom_clear);
    g_ptr_array_add(paths, path);
    return path;
}

static void read_whole(Walk *state, Value path)
{
    OkseReadPath *read = path_read(state, path);

    read->whole = true;
    read->shape = false;
}

/* The value is used in a way that is not understood: all of it matters. */
static void force(Walk *state, Value value)
{
    switch (value.kind) {
    case VALUE_ROOT:
        state->reads->plain = true;
        break;
    case VALUE_LIST:
    case VALUE_ITEM:
    case VALUE_MIXED:
        mark(state, value.domains, true);
        break;
    case VALUE_PATH:
        read_whole(state, value);
        break;
    case VALUE_ARRAY:
        mark(state, value.domains, false);
        force(state, *value.element);
        break;
    case VALUE_COUNT:
        mark(state, value.domains, false);
        break;
    case VALUE_PLAIN:
    case VALUE_LITERAL:
    case VALUE_PARAMETER:
    case VALUE_PARAMETER_ITEM:
        break;
    }
}

/* … and so do its repetitions and its order. */
static guint64 force_stream(Walk *state, Stream stream)
{
    force(state, stream.value);
    return stream.domains;
}

/* Only whether it is null or false matters; facts that differ in that are never taken together. */
static guint64 truth(Walk *state, Stream stream)
{
    if (stream.value.kind == VALUE_PATH && strstr(stream.value.name, "[]") == NULL)
        path_read(state, stream.value)->shape = false;
    else
        force(state, stream.value);
    return stream.domains;
}

static const Value *keep(Walk *state, Value value)
{
    Value *kept = g_memdup2(&value, sizeof value);

    g_ptr_array_add(state->owned, kept);
    return kept;
}

static const char *join(Walk *state, const char *path, const char *separator, const char *name)
{
    char *text = g_strconcat(path, separator, name, NULL);

    g_ptr_array_add(state->owned, text);
    return text;
}

static bool is_plain(ValueKind kind)
{
    return kind == VALUE_PLAIN || kind == VALUE_LITERAL || kind == VALUE_PARAMETER || kind == VALUE_PARAMETER_ITEM;
}

static bool is_same(Value a, Value b)
{
    return a.kind == b.kind && a.domains == b.domains && g_strcmp0(a.name, b.name) == 0 && a.literal == b.literal &&
           a.element == b.element;
}

/* What either of two values is. */
static Value either(Walk *state, Value a, Value b)
{
    const Value *both[] = {&a, &b};
    guint64 facts = 0;

    if (is_same(a, b))
        return a;
    for (unsigned i = 0; i < G_N_ELEMENTS(both); i++) {
        if (both[i]->kind == VALUE_ITEM || both[i]->kind == VALUE_MIXED)
            facts |= both[i]->domains;
        else
            force(state, *both[i]);
    }
    return facts != 0 ? (Value){.kind = VALUE_MIXED, .domains = facts} : plain_value;
}

/* .[] of a value */
static Stream items(Walk *state, Value value)
{
    Value item = {.kind = VALUE_PATH, .domains = value.domains};

    if (value.kind == VALUE_LIST)
        return (Stream){{.kind = VALUE_ITEM, .domains = value.domains}, value.domains};
    if (value.kind == VALUE_ARRAY)
        return (Stream){*value.element, value.domains};
    if (value.kind == VALUE_PARAMETER)
        return (Stream){{.kind = VALUE_PARAMETER_ITEM, .name = value.name}, 0};
    if (value.kind != VALUE_PATH) {
        force(state, value);
        return plain_stream;
    }
    item.name = join(state, value.name, "[]", NULL);
    path_read(state, item);
    return (Stream){item, 0};
}

static Value root_member(Walk *state, const char *name)
{
    for (guint i = 0; okse_fact_kinds[i].list != NULL; i++)
        if (strcmp(okse_fact_kinds[i].list, name) == 0) {
            state->reads->lists[i].read = true;
            return (Value){.kind = VALUE_LIST, .domains = (guint64)1 << i};
        }
    g_hash_table_add(state->reads->members, g_strdup(name));
    return plain_value;
}

static bool is_simple_name(const char *name)
{
    return *name != '\0' && strpbrk(name, ".[]") == NULL;
}

static Value member(Walk *state, Value value, const char *name)
{
    Value found = {.kind = VALUE_PATH, .domains = value.domains};
    bool of_fact = value.kind == VALUE_ITEM && strcmp(name, "id") != 0;

    if (value.kind == VALUE_ROOT)
        return root_member(state, name);
    if ((!of_fact && value.kind != VALUE_PATH) || !is_simple_name(name)) {
        force(state, value);
        return plain_value;
    }
    found.name = of_fact ? join(state, name, "", NULL) : join(state, value.name, ".", name);
    path_read(state, found)->shape = false;
    return found;
}

static bool is_given(const Walk *state, const char *name)
{
    return strcmp(name, "country") == 0 || strcmp(name, "at") == 0 ||
           okse_control_parameter(state->control, name) != NULL;
}

static Value variable(Walk *state, const char *name)
{
    for (guint i = state->scope->len; i > 0; i--) {
        const Binding *binding = &g_array_index(state->scope, Binding, i - 1);

        if (strcmp(binding->name, name) == 0)
            return binding->value;
    }
    if (!is_given(state, name))
        state->reads->plain = true;
    return (Value){.kind = VALUE_PARAMETER, .name = join(state, name, "", NULL)};
}

static void add_atom(Walk *state, Value path, Value with)
{
    OkseReadPath *read = path_read(state, path);
    OkseReadAtom atom = {NULL, NULL, with.kind == VALUE_PARAMETER_ITEM};

    if (with.kind == VALUE_LITERAL)
        atom.literal = json_incref((json_t *)(uintptr_t)with.literal);
    else
        atom.parameter = g_intern_string(with.name);
    read->shape = false;
    g_array_append_val(read->atoms, atom);
}

/* path == with, or the path is IN(with): only which of these it equals matters. */
static void compare(Walk *state, Value path, Value with)
{
    bool simple = path.kind == VALUE_PATH && strstr(path.name, "[]") == NULL;

    if (simple && (with.kind == VALUE_LITERAL || with.kind == VALUE_PARAMETER || with.kind == VALUE_PARAMETER_ITEM)) {
        add_atom(state, path, with);
    } else {
        force(state, path);
        force(state, with);
    }
}

static bool is_zero(Value value)
{
    return value.kind == VALUE_LITERAL && json_is_real(value.literal) && json_real_value(value.literal) == 0;
}

static Stream comparison(Walk *state, const OkseTerm *node, Value input)
{
    Stream left = walk(state, okse_term_child(node, 0), input), right = walk(state, okse_term_child(node, 1), input);
    bool equality = strcmp(node->name, "==") == 0 || strcmp(node->name, "!=") == 0;
    bool none = left.value.kind == VALUE_COUNT && is_zero(right.value) && (equality || strcmp(node->name, ">") == 0);

    if (equality && left.value.kind == VALUE_PATH) {
        compare(state, left.value, right.value);
    } else if (equality && right.value.kind == VALUE_PATH) {
        compare(state, right.value, left.value);
    } else if (!none) {
        force(state, left.value);
        force(state, right.value);
    }
    return (Stream){plain_value, left.domains | right.domains};
}

/* A term whose errors are swallowed ends with the first of them, so that order matters. */
static guint64 swallowed(Walk *state, Stream stream)
{
    mark(state, stream.domains, false);
    return stream.domains;
}

static Stream operator(Walk *state, const OkseTerm *node, Value input)
{
    Stream left, right;

    if (node->children->len == 1)
        return (Stream){plain_value, force_stream(state, walk(state, okse_term_child(node, 0), input))};
    if (strchr("=!<>", *node->name) != NULL)
        return comparison(state, node, input);
    left = walk(state, okse_term_child(node, 0), input);
    right = walk(state, okse_term_child(node, 1), strcmp(node->name, "|") == 0 ? left.value : input);
    if (strcmp(node->name, "|") == 0)
        return (Stream){right.value, left.domains | right.domains};
    if (strcmp(node->name, ",") == 0)
        return (Stream){either(state, left.value, right.value), left.domains | right.domains};
    if (strcmp(node->name, "and") == 0 || strcmp(node->name, "or") == 0)
        return (Stream){plain_value, truth(state, left) | truth(state, right)};
    if (strcmp(node->name, "//") == 0)
        swallowed(state, left);
    force(state, left.value);
    force(state, right.value);
    return (Stream){plain_value, left.domains | right.domains};
}

static Stream conditional(Walk *state, const OkseTerm *node, Value input)
{
    Stream result = walk(state, okse_term_child(node, node->children->len - 1), input);

    for (guint i = 0; i + 1 < node->children->len; i += 2) {
        guint64 condition = truth(state, walk(state, okse_term_child(node, i), input));
        Stream branch = walk(state, okse_term_child(node, i + 1), input);

        result.value = either(state, result.value, branch.value);
        result.domains |= branch.domains | condition;
    }
    return result;
}

/* any(g; c), any(c), any: whether there is one, not how many. */
static Stream quantified(Walk *state, const OkseTerm *node, Value input)
{
    bool of_stream = node->children->len == 2;
    Stream stream = of_stream ? walk(state, okse_term_child(node, 0), input) : items(state, input);

    if (node->children->len == 0)
        truth(state, stream);
    else
        truth(state, walk(state, okse_term_child(node, of_stream ? 1 : 0), stream.value));
    return plain_stream;
}

static void compare_with_each(Walk *state, const OkseTerm *node, Value input)
{
    if (node->kind == OKSE_TERM_OPERATOR && strcmp(node->name, ",") == 0) {
        compare_with_each(state, okse_term_child(node, 0), input);
        compare_with_each(state, okse_term_child(node, 1), input);
    } else {
        compare(state, input, walk(state, node, input).value);
    }
}

static Stream collected(Stream stream, const Value *element)
{
    if (stream.domains == 0 && is_plain(stream.value.kind))
        return plain_stream;
    return (Stream){{.kind = VALUE_ARRAY, .domains = stream.domains, .element = element}, 0};
}

/* Any other function reads its input and its arguments, in their order; those may see items of the input at '.'. */
static Stream other_call(Walk *state, const OkseTerm *node, Value input)
{
    guint64 domains = 0;

    force(state, input);
    for (guint i = 0; i < node->children->len; i++) {
        Stream argument = walk(state, okse_term_child(node, i), plain_value);

        mark(state, argument.domains, false);
        domains |= force_stream(state, argument);
    }
    return (Stream){plain_value, domains};
}

static Stream length(Walk *state, Value input)
{
    if (input.kind == VALUE_LIST || (input.kind == VALUE_ARRAY && input.domains != 0))
        return (Stream){{.kind = VALUE_COUNT, .domains = input.domains}, 0};
    force(state, input);
    return plain_stream;
}

static Stream call(Walk *state, const OkseTerm *node, Value input)
{
    guint arity = node->children->len;
    Stream stream, mapped;

    if (strcmp(node->name, "select") == 0 && arity == 1)
        return (Stream){input, truth(state, walk(state, okse_term_child(node, 0), input))};
    if (strcmp(node->name, "any") == 0 || strcmp(node->name, "all") == 0)
        return quantified(state, node, input);
    if (strcmp(node->name, "empty") == 0)
        return plain_stream;
    if (strcmp(node->name, "not") == 0)
        return (Stream){plain_value, truth(state, (Stream){input, 0})};
    if (strcmp(node->name, "length") == 0)
        return length(state, input);
    if (strcmp(node->name, "isempty") == 0 && arity == 1) {
        walk(state, okse_term_child(node, 0), input);
        return plain_stream;
    }
    if (strcmp(node->name, "IN") == 0 && arity == 1) {
        compare_with_each(state, okse_term_child(node, 0), input);
        return plain_stream;
    }
    if (strcmp(node->name, "map") == 0 && arity == 1) {
        stream = items(state, input);
        mapped = walk(state, okse_term_child(node, 0), stream.value);
        mapped.domains |= stream.domains;
        return collected(mapped, keep(state, mapped.value));
    }
    return other_call(state, node, input);
}

/* Texts, objects, places in lists, signs: all parts are read, each output is made of one output of each. */
static Stream all_parts(Walk *state, const OkseTerm *node, Value input)
{
    guint64 domains = 0;

    for (guint i = 0; i < node->children->len; i++)
        domains |= force_stream(state, walk(state, okse_term_child(node, i), input));
    return (Stream){plain_value, domains};
}

static Stream bound(Walk *state, const OkseTerm *node, Value input)
{
    Stream source = walk(state, okse_term_child(node, 0), input), body;
    Binding binding = {node->name, source.value};

    g_array_append_val(state->scope, binding);
    body = walk(state, okse_term_child(node, 1), input);
    g_array_set_size(state->scope, state->scope->len - 1);
    body.domains |= source.domains;
    return body;
}

static Stream walk(Walk *state, const OkseTerm *node, Value input)
{
    Stream stream;
    guint64 before;

    switch (node->kind) {
    case OKSE_TERM_DOT:
        return (Stream){input, 0};
    case OKSE_TERM_LITERAL:
        return (Stream){{.kind = VALUE_LITERAL, .literal = node->literal}, 0};
    case OKSE_TERM_VARIABLE:
        return (Stream){variable(state, node->name), 0};
    case OKSE_TERM_MEMBER:
        stream = walk(state, okse_term_child(node, 0), input);
        return (Stream){member(state, stream.value, node->name), stream.domains};
    case OKSE_TERM_ITEMS:
        stream = walk(state, okse_term_child(node, 0), input);
        before = stream.domains;
        stream = items(state, stream.value);
        return (Stream){stream.value, stream.domains | before};
    case OKSE_TERM_TRY:
        stream = walk(state, okse_term_child(node, 0), input);
        swallowed(state, stream);
        return stream;
    case OKSE_TERM_ARRAY:
        if (node->children->len == 0)
            return plain_stream;
        stream = walk(state, okse_term_child(node, 0), input);
        return collected(stream, keep(state, stream.value));
    case OKSE_TERM_CALL:
        return call(state, node, input);
    case OKSE_TERM_IF:
        return conditional(state, node, input);
    case OKSE_TERM_AS:
        return bound(state, node, input);
    case OKSE_TERM_OPERATOR:
        return operator(state, node, input);
    case OKSE_TERM_TEXT:
    case OKSE_TERM_OBJECT:
    case OKSE_TERM_INDEX:
        return all_parts(state, node, input);
    }
    state->reads->plain = true;
    return plain_stream;
}

static int compare_paths(gconstpointer a, gconstpointer b)
{
    return strcmp((*(OkseReadPath *const *)a)->path, (*(OkseReadPath *const *)b)->path);
}

static void walk_expression(OkseControlReads *reads, const OkseControl *control, const OkseTerm *tree)
{
    g_autoptr(GArray) scope = g_array_new(FALSE, FALSE, sizeof(Binding));
    g_autoptr(GPtrArray) owned = g_ptr_array_new_with_free_func(g_free);
    Walk state = {reads, scope, owned, control};
    Stream output = walk(&state, tree, (Value){.kind = VALUE_ROOT});

    if (output.value.kind != VALUE_ITEM && output.value.kind != VALUE_MIXED) /* of a fact, its id is put out */
        force(&state, output.value);
}

OkseControlReads *okse_control_reads(const OkseControl *control)
{
    OkseControlReads *reads = g_new0(OkseControlReads, 1);
    guint count = lists_count();

    reads->members = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    reads->lists = g_new0(OkseReadList, count);
    reads->plain = count > 64;
    for (guint i = 0; i < count; i++)
        reads->lists[i].paths = g_ptr_array_new_with_free_func(path_free);
    for (unsigned i = 0; i < OKSE_EXPRESSIONS && !reads->plain; i++) {
        const char *text = control->expressions[i];
        g_autoptr(OkseTerm) tree = text != NULL ? okse_expression_tree(text) : NULL;

        if (tree != NULL)
            walk_expression(reads, control, tree);
        else if (text != NULL)
            reads->plain = true;
    }
    for (guint i = 0; i < count; i++)
        g_ptr_array_sort(reads->lists[i].paths, compare_paths);
    return reads;
}
