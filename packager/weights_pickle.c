/* Pickles are followed opcode by opcode: enough of the machine is kept (stack, marks, memo, texts) to know the name of
 * everything that would be imported. Nothing is imported, built or called here.
 * Source: CPython Lib/pickletools.py (opcodes), Modules/_pickle.c (what a loader accepts). */
#include "packager/weights_internal.h"

#include "core/text.h"
#include "core/worker.h"
#include "packager/weights_opcodes.h"

#include <string.h>

#define STACK_LIMIT (1u << 24)
#define MEMO_LIMIT (1u << 22)
#define TEXT_LIMIT 1024u           /* a longer text is no module name */
#define TEXTS_LIMIT (256ull << 20) /* all texts that are remembered */
#define LEGACY_PICKLES 5u
#define LINE_LIMIT (64u << 20) /* LONG and STRING of protocol 0 */

typedef struct {
    WeightsScan *scan;
    const WeightsFile *file;
    WeightsCursor cursor;
    GPtrArray *stack; /* const char *: a text whose value is known, or NULL */
    GArray *marks;    /* guint: heights of the stack */
    GHashTable *memo; /* index → such a value */
    GStringChunk *texts;
    uint64_t texts_size;
    GHashTable *imports; /* "module\nname", of this file; borrowed */
    json_t *findings;    /* of this pickle, until it is known to be one */
    json_t *names;       /* what it imports, as the row shows it; borrowed */
    uint64_t opcode_at;
    unsigned refused; /* imports outside the list, or not to be known */
    bool stopped, is_magic;
    bool called;     /* something would have been called after a refused import */
    const char *why; /* why it could not be followed to its end */
} Pickle;

static guint fence(const Pickle *pickle)
{
    return pickle->marks->len == 0 ? 0 : g_array_index(pickle->marks, guint, pickle->marks->len - 1);
}

static bool broken(Pickle *pickle, const char *why)
{
    if (pickle->why == NULL)
        pickle->why = why;
    return false;
}

static bool push(Pickle *pickle, const char *text)
{
    if (pickle->stack->len >= STACK_LIMIT)
        return broken(pickle, "its stack grows beyond the limit");
    g_ptr_array_add(pickle->stack, (gpointer)(uintptr_t)text);
    return true;
}

static bool drop(Pickle *pickle, guint count)
{
    if (pickle->stack->len - fence(pickle) < count)
        return broken(pickle, "takes more from its stack than there is");
    g_ptr_array_set_size(pickle->stack, (gint)(pickle->stack->len - count));
    return true;
}

static const char *top(const Pickle *pickle, guint below)
{
    return g_ptr_array_index(pickle->stack, pickle->stack->len - 1 - below);
}

/* Cut the stack back to the last mark, which goes away. */
static bool drop_to_mark(Pickle *pickle, guint *above)
{
    guint height = fence(pickle);

    if (pickle->marks->len == 0)
        return broken(pickle, "uses a mark that is not there");
    *above = pickle->stack->len - height;
    g_array_set_size(pickle->marks, pickle->marks->len - 1);
    g_ptr_array_set_size(pickle->stack, (gint)height);
    return true;
}

static bool push_text(Pickle *pickle, const char *text, uint64_t length)
{
    if (length > TEXT_LIMIT || strlen(text) != length)
        return push(pickle, NULL);
    pickle->texts_size += length + 1;
    if (pickle->texts_size > TEXTS_LIMIT)
        return broken(pickle, "has more texts than are remembered");
    return push(pickle, g_string_chunk_insert_const(pickle->texts, text));
}

static void refuse(Pickle *pickle, const char *rule, const char *text)
{
    pickle->refused++;
    json_array_append_new(pickle->findings,
                          weights_finding_new(pickle->file->path, WEIGHTS_CRITICAL, rule, pickle->opcode_at, text));
}

static bool import(Pickle *pickle, const char *module, const char *name)
{
    g_autofree char *key = module == NULL || name == NULL ? NULL : g_strdup_printf("%s\n%s", module, name);
    g_autofree char *shown = NULL, *text = NULL;

    if (key == NULL) {
        refuse(pickle, "pickle.computed-import", "imports something whose name is only known when it is loaded");
        return true;
    }
    if (!g_hash_table_add(pickle->imports, g_strdup(key)))
        return true;
    text = g_strdup_printf("%s.%s", module, name);
    shown = okse_text_show(text, -1, false);
    json_array_append_new(pickle->names, json_string(shown));
    if (g_hash_table_contains(pickle->scan->rules->allowed, key))
        return true;
    g_free(text);
    text = g_strdup_printf("imports '%s', which is not on the list of what weights need", shown);
    refuse(pickle, "pickle.import", text);
    return true;
}

static bool import_lines(Pickle *pickle)
{
    size_t module_length = 0, name_length = 0;
    g_autofree char *module = weights_take_line(&pickle->cursor, TEXT_LIMIT, &module_length);
    g_autofree char *name = module == NULL ? NULL : weights_take_line(&pickle->cursor, TEXT_LIMIT, &name_length);

    if (name == NULL)
        return broken(pickle, "names an import that ends outside the file or is too long");
    if (strlen(module) != module_length || strlen(name) != name_length || !g_utf8_validate(module, -1, NULL) ||
        !g_utf8_validate(name, -1, NULL))
        return broken(pickle, "names an import that is no UTF-8 text");
    return import(pickle, module, name);
}

static bool import_stack(Pickle *pickle)
{
    const char *module, *name;

    if (pickle->stack->len - fence(pickle) < 2)
        return broken(pickle, "takes more from its stack than there is");
    module = top(pickle, 1);
    name = top(pickle, 0);
    return drop(pickle, 2) && import(pickle, module, name) && push(pickle, NULL);
}

static bool memo_put(Pickle *pickle, uint64_t index)
{
    if (pickle->stack->len <= fence(pickle))
        return broken(pickle, "remembers a value that is not there");
    if (index > G_MAXUINT32 || g_hash_table_size(pickle->memo) >= MEMO_LIMIT)
        return broken(pickle, "remembers more than the limit");
    g_hash_table_insert(pickle->memo, GUINT_TO_POINTER((guint)index), (gpointer)(uintptr_t)top(pickle, 0));
    return true;
}

static bool memo_get(Pickle *pickle, uint64_t index)
{
    gpointer value = NULL;

    if (index > G_MAXUINT32 ||
        !g_hash_table_lookup_extended(pickle->memo, GUINT_TO_POINTER((guint)index), NULL, &value))
        return broken(pickle, "recalls what it never remembered");
    return push(pickle, value);
}

/* Texts of protocol 0 with a backslash mean something else than they say; their value then counts as unknown. */
static bool push_line(Pickle *pickle, const char *line, size_t length, uint8_t code)
{
    g_autofree char *text = g_strndup(line, length);

    if (memchr(line, '\\', length) != NULL || memchr(line, '\0', length) != NULL)
        return push(pickle, NULL);
    if (code == 'V')
        return push_text(pickle, text, length);
    g_strstrip(text);
    length = strlen(text);
    if (length < 2 || text[0] != text[length - 1] || (text[0] != '\'' && text[0] != '"'))
        return broken(pickle, "has a text without its quotes");
    text[length - 1] = '\0';
    return push_text(pickle, text + 1, length - 2);
}

/* The number or the text that an opcode carries. text: set for short texts only. */
typedef struct {
    uint64_t number, length;
    char *text;
} Argument;

static void argument_clear(Argument *argument)
{
    g_clear_pointer(&argument->text, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Argument, argument_clear)

static bool take_argument(Pickle *pickle, const WeightsOpcode *opcode, Argument *argument)
{
    WeightsCursor *cursor = &pickle->cursor;

    if (opcode->argument == WEIGHTS_ARG_NONE || opcode->argument == WEIGHTS_ARG_LINES)
        return true;
    if (opcode->argument == WEIGHTS_ARG_LINE) {
        argument->text = weights_take_line(cursor, LINE_LIMIT, &argument->length);
        return argument->text != NULL || broken(pickle, "ends inside a line, or the line is too long");
    }
    if (!weights_take_number(cursor, opcode->bytes, &argument->number))
        return broken(pickle, "ends inside an opcode");
    if (opcode->argument == WEIGHTS_ARG_NUMBER)
        return true;
    argument->length = argument->number;
    if (argument->length > weights_left(cursor))
        return broken(pickle, "has a value that ends outside the file");
    if (argument->length > TEXT_LIMIT)
        return weights_skip(cursor, argument->length);
    argument->text = weights_take_text(cursor, argument->length, TEXT_LIMIT);
    return argument->text != NULL || broken(pickle, "ends inside a value");
}

static bool index_of_line(Pickle *pickle, const Argument *argument, uint64_t *index)
{
    g_autofree char *text = g_strstrip(g_strdup(argument->text));

    return g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT32, index, NULL) ||
           broken(pickle, "has a memo index that is no number");
}

static bool do_memo(Pickle *pickle, const WeightsOpcode *opcode, const Argument *argument)
{
    uint64_t index = argument->number;

    if (opcode->effect == WEIGHTS_DO_MEMOIZE)
        return memo_put(pickle, g_hash_table_size(pickle->memo));
    if (opcode->argument == WEIGHTS_ARG_LINE && !index_of_line(pickle, argument, &index))
        return false;
    return opcode->effect == WEIGHTS_DO_GET ? memo_get(pickle, index) : memo_put(pickle, index);
}

/* LONG1 with these ten bytes begins a file of torch.save before zip. Source: pytorch torch/serialization.py. */
static void see_magic(Pickle *pickle, const Argument *argument)
{
    static const char magic[] = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";

    if (argument->length == sizeof magic - 1 && argument->text != NULL &&
        memcmp(argument->text, magic, sizeof magic - 1) == 0)
        pickle->is_magic = true;
}

static bool do_text(Pickle *pickle, const WeightsOpcode *opcode, const Argument *argument)
{
    if (opcode->argument == WEIGHTS_ARG_LINE)
        return push_line(pickle, argument->text, argument->length, opcode->code);
    return argument->text == NULL ? push(pickle, NULL) : push_text(pickle, argument->text, argument->length);
}

static bool do_import(Pickle *pickle, WeightsEffect effect)
{
    guint above = 0;

    if (effect == WEIGHTS_DO_STACK_GLOBAL)
        return import_stack(pickle);
    if (effect == WEIGHTS_DO_GLOBAL)
        return import_lines(pickle) && push(pickle, NULL);
    if (effect == WEIGHTS_DO_INST)
        return import_lines(pickle) && drop_to_mark(pickle, &above) && push(pickle, NULL);
    refuse(pickle, "pickle.extension", "imports by a number of the copyreg registry");
    return push(pickle, NULL);
}

/* POP takes a mark when nothing lies above it, as the loader in C does. */
static bool do_pop(Pickle *pickle)
{
    if (pickle->marks->len > 0 && pickle->stack->len == fence(pickle)) {
        g_array_set_size(pickle->marks, pickle->marks->len - 1);
        return true;
    }
    return drop(pickle, 1);
}

static bool do_mark(Pickle *pickle)
{
    guint height = pickle->stack->len;

    if (pickle->marks->len >= STACK_LIMIT)
        return broken(pickle, "sets more marks than the limit");
    g_array_append_val(pickle->marks, height);
    return true;
}

static bool do_opcode(Pickle *pickle, const WeightsOpcode *opcode, const Argument *argument)
{
    guint above = 0;

    switch (opcode->effect) {
    case WEIGHTS_DO_NOTHING:
        return true;
    case WEIGHTS_DO_PUSH:
        see_magic(pickle, argument);
        return push(pickle, NULL);
    case WEIGHTS_DO_TEXT:
        return do_text(pickle, opcode, argument);
    case WEIGHTS_DO_REPLACE:
        return drop(pickle, opcode->takes) && push(pickle, NULL);
    case WEIGHTS_DO_MARK:
        return do_mark(pickle);
    case WEIGHTS_DO_COLLECT:
        return drop_to_mark(pickle, &above) && push(pickle, NULL);
    case WEIGHTS_DO_COLLECT_INTO:
        return drop_to_mark(pickle, &above) && drop(pickle, 1) && push(pickle, NULL);
    case WEIGHTS_DO_OBJ:
        return drop_to_mark(pickle, &above) &&
               (above > 0 ? push(pickle, NULL) : broken(pickle, "makes an object without a class"));
    case WEIGHTS_DO_POP:
        return do_pop(pickle);
    case WEIGHTS_DO_POP_MARK:
        return drop_to_mark(pickle, &above);
    case WEIGHTS_DO_DUP:
        return pickle->stack->len > fence(pickle) ? push(pickle, top(pickle, 0))
                                                  : broken(pickle, "doubles a value that is not there");
    case WEIGHTS_DO_GLOBAL:
    case WEIGHTS_DO_INST:
    case WEIGHTS_DO_STACK_GLOBAL:
    case WEIGHTS_DO_EXTENSION:
        return do_import(pickle, opcode->effect);
    case WEIGHTS_DO_GET:
    case WEIGHTS_DO_PUT:
    case WEIGHTS_DO_MEMOIZE:
        return do_memo(pickle, opcode, argument);
    case WEIGHTS_DO_PROTOCOL:
        return argument->number <= 5 || broken(pickle, "is of a protocol above 5");
    case WEIGHTS_DO_STOP:
        pickle->stopped = drop(pickle, 1);
        return pickle->stopped;
    }
    g_assert_not_reached();
}

/* One pickle, to its STOP or to where it breaks. */
static void follow(Pickle *pickle)
{
    uint64_t code, steps = 0;

    while (!pickle->stopped && pickle->why == NULL) {
        g_auto(Argument) argument = {0};
        const WeightsOpcode *opcode;

        pickle->opcode_at = pickle->cursor.at;
        if ((++steps & 0xffff) == 0 && okse_interrupted()) {
            okse_fail(&pickle->cursor.error, OKSE_ERROR_CANCELLED, "interrupted");
            return;
        }
        if (!weights_take_number(&pickle->cursor, 1, &code)) {
            broken(pickle, "ends without a STOP");
            return;
        }
        opcode = weights_opcode((uint8_t)code);
        if (opcode == NULL)
            broken(pickle, "has an opcode that no protocol knows");
        else if (take_argument(pickle, opcode, &argument) && do_opcode(pickle, opcode, &argument))
            pickle->called = pickle->called || (pickle->refused > 0 && strchr("Riob\x81\x92", (int)code) != NULL);
    }
}

static void pickle_open(Pickle *pickle, uint64_t offset)
{
    pickle->stack = g_ptr_array_new();
    pickle->marks = g_array_new(FALSE, FALSE, sizeof(guint));
    pickle->memo = g_hash_table_new(g_direct_hash, g_direct_equal);
    pickle->texts = g_string_chunk_new(4096);
    pickle->findings = json_array();
    weights_cursor_open(&pickle->cursor, pickle->file, offset, pickle->file->size);
}

static void pickle_close(Pickle *pickle)
{
    g_ptr_array_unref(pickle->stack);
    g_array_unref(pickle->marks);
    g_hash_table_unref(pickle->memo);
    g_string_chunk_free(pickle->texts);
    json_decref(pickle->findings);
    weights_cursor_clear(&pickle->cursor);
}

/* Whether what was followed is a pickle, rather than other bytes that begin like one: its name or its first bytes
 * promise one, it came to its end, or it would have called something before it broke. */
static bool is_pickle(const Pickle *pickle, bool promised)
{
    return promised || pickle->called || (pickle->stopped && json_array_size(pickle->names) > 0);
}

static bool has_protocol(WeightsScan *scan, const WeightsFile *file, uint64_t offset)
{
    uint8_t start[2];
    GError *error = NULL;

    if (file->size - offset < sizeof start)
        return false;
    if (!file->read(file->context, offset, start, sizeof start, &error)) {
        weights_failed(scan, error);
        return false;
    }
    return start[0] == 0x80 && start[1] <= 5;
}

static void tell(Pickle *pickle, bool named)
{
    bool grave = named || pickle->refused > 0;

    for (size_t i = 0; i < json_array_size(pickle->findings); i++)
        weights_finding_add(pickle->scan, json_incref(json_array_get(pickle->findings, i)));
    if (pickle->why != NULL)
        weights_finding(pickle->scan, pickle->file, grave ? WEIGHTS_CRITICAL : WEIGHTS_WARNING, "pickle.broken",
                        pickle->opcode_at, "cannot be followed as a pickle: it %s", pickle->why);
}

/* Follow the pickle at *at and leave *at behind it. Returns whether it is one; *more: another may follow. */
static bool follow_one(const Pickle *shared, uint64_t *at, bool named, bool *magic, bool *more)
{
    Pickle pickle = *shared;
    bool marked = has_protocol(shared->scan, shared->file, *at), found;

    pickle_open(&pickle, *at);
    follow(&pickle);
    found = pickle.cursor.error == NULL && is_pickle(&pickle, named || marked);
    if (found)
        tell(&pickle, named);
    *magic = *magic || pickle.is_magic;
    *more = pickle.stopped && pickle.cursor.error == NULL;
    *at = pickle.cursor.at;
    weights_failed(shared->scan, g_steal_pointer(&pickle.cursor.error));
    pickle_close(&pickle);
    return found;
}

/* How many pickles lie in a file, one behind the other. Behind the five of torch.save's old form lie bare tensors,
 * which are not unpickled. */
static unsigned follow_all(const Pickle *shared, uint64_t offset, bool named)
{
    uint64_t at = offset;
    bool magic = false, more = true;
    unsigned count = 0;

    while (more && at < shared->file->size && !(magic && count >= LEGACY_PICKLES)) {
        if (!follow_one(shared, &at, count == 0 ? named : magic, &magic, &more) && !more)
            break;
        count++;
    }
    return count;
}

bool weights_pickle(WeightsScan *scan, const WeightsFile *file, json_t *row, uint64_t offset, bool named)
{
    g_autoptr(GHashTable) imports = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    Pickle shared = {.scan = scan, .file = file, .imports = imports, .names = json_array()};
    unsigned count = offset < file->size ? follow_all(&shared, offset, named) : 0;
    bool found = count > 0 && (json_array_size(shared.names) > 0 || named || has_protocol(scan, file, offset));

    if (found) {
        json_object_set(row, "imports", shared.names);
        json_object_set_new(row, "pickles", json_integer((json_int_t)count));
    }
    json_decref(shared.names);
    return found;
}
