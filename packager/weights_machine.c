/* Pickles are followed opcode by opcode: enough of the machine is kept (stack, marks, memo, texts) to know the name of
 * everything that would be imported. Nothing is imported, built or called here.
 * Source: CPython Lib/pickletools.py (opcodes), Modules/_pickle.c (what a loader accepts). */
#include "packager/weights_machine.h"

#include "core/text.h"
#include "core/worker.h"
#include "packager/weights_opcodes.h"

#include <string.h>

#define STACK_LIMIT (1u << 24)
#define MEMO_LIMIT (1u << 22)
#define TEXT_LIMIT 1024u           /* a longer text is no module name */
#define TEXTS_LIMIT (256ull << 20) /* all texts that are remembered */
#define LINE_LIMIT (64u << 20)     /* LONG and STRING of protocol 0 */

static guint fence(const WeightsMachine *machine)
{
    return machine->marks->len == 0 ? 0 : g_array_index(machine->marks, guint, machine->marks->len - 1);
}

static bool broken(WeightsMachine *machine, const char *why)
{
    if (machine->why == NULL)
        machine->why = why;
    return false;
}

static bool push(WeightsMachine *machine, const char *text)
{
    if (machine->stack->len >= STACK_LIMIT)
        return broken(machine, "its stack grows beyond the limit");
    g_ptr_array_add(machine->stack, (gpointer)(uintptr_t)text);
    return true;
}

static bool drop(WeightsMachine *machine, guint count)
{
    if (machine->stack->len - fence(machine) < count)
        return broken(machine, "takes more from its stack than there is");
    g_ptr_array_set_size(machine->stack, (gint)(machine->stack->len - count));
    return true;
}

static const char *top(const WeightsMachine *machine, guint below)
{
    return g_ptr_array_index(machine->stack, machine->stack->len - 1 - below);
}

/* Cut the stack back to the last mark, which goes away. */
static bool drop_to_mark(WeightsMachine *machine, guint *above)
{
    guint height = fence(machine);

    if (machine->marks->len == 0)
        return broken(machine, "uses a mark that is not there");
    *above = machine->stack->len - height;
    g_array_set_size(machine->marks, machine->marks->len - 1);
    g_ptr_array_set_size(machine->stack, (gint)height);
    return true;
}

static bool push_text(WeightsMachine *machine, const char *text, uint64_t length)
{
    if (length > TEXT_LIMIT || strlen(text) != length)
        return push(machine, NULL);
    machine->texts_size += length + 1;
    if (machine->texts_size > TEXTS_LIMIT)
        return broken(machine, "has more texts than are remembered");
    return push(machine, g_string_chunk_insert_const(machine->texts, text));
}

static void refuse(WeightsMachine *machine, const char *rule, const char *text)
{
    machine->refused++;
    json_array_append_new(machine->findings,
                          weights_finding_new(machine->file->path, WEIGHTS_CRITICAL, rule, machine->opcode_at, text));
}

static bool import(WeightsMachine *machine, const char *module, const char *name)
{
    g_autofree char *key = module == NULL || name == NULL ? NULL : g_strdup_printf("%s\n%s", module, name);
    g_autofree char *shown = NULL, *text = NULL;

    if (key == NULL) {
        refuse(machine, "pickle.computed-import", "imports something whose name is only known when it is loaded");
        return true;
    }
    if (!g_hash_table_add(machine->imports, g_strdup(key)))
        return true;
    text = g_strdup_printf("%s.%s", module, name);
    shown = okse_text_show(text, -1, false);
    json_array_append_new(machine->names, json_string(shown));
    if (g_hash_table_contains(machine->scan->rules->allowed, key))
        return true;
    g_free(text);
    text = g_strdup_printf("imports '%s', which is not on the list of what weights need", shown);
    refuse(machine, "pickle.import", text);
    return true;
}

static bool import_lines(WeightsMachine *machine)
{
    size_t module_length = 0, name_length = 0;
    g_autofree char *module = weights_take_line(&machine->cursor, TEXT_LIMIT, &module_length);
    g_autofree char *name = module == NULL ? NULL : weights_take_line(&machine->cursor, TEXT_LIMIT, &name_length);

    if (name == NULL)
        return broken(machine, "names an import that ends outside the file or is too long");
    if (strlen(module) != module_length || strlen(name) != name_length || !g_utf8_validate(module, -1, NULL) ||
        !g_utf8_validate(name, -1, NULL))
        return broken(machine, "names an import that is no UTF-8 text");
    return import(machine, module, name);
}

static bool import_stack(WeightsMachine *machine)
{
    const char *module, *name;

    if (machine->stack->len - fence(machine) < 2)
        return broken(machine, "takes more from its stack than there is");
    module = top(machine, 1);
    name = top(machine, 0);
    return drop(machine, 2) && import(machine, module, name) && push(machine, NULL);
}

static bool memo_put(WeightsMachine *machine, uint64_t index)
{
    if (machine->stack->len <= fence(machine))
        return broken(machine, "remembers a value that is not there");
    if (index > G_MAXUINT32 || g_hash_table_size(machine->memo) >= MEMO_LIMIT)
        return broken(machine, "remembers more than the limit");
    g_hash_table_insert(machine->memo, GUINT_TO_POINTER((guint)index), (gpointer)(uintptr_t)top(machine, 0));
    return true;
}

static bool memo_get(WeightsMachine *machine, uint64_t index)
{
    gpointer value = NULL;

    if (index > G_MAXUINT32 ||
        !g_hash_table_lookup_extended(machine->memo, GUINT_TO_POINTER((guint)index), NULL, &value))
        return broken(machine, "recalls what it never remembered");
    return push(machine, value);
}

/* Texts of protocol 0 with a backslash mean something else than they say; their value then counts as unknown. */
static bool push_line(WeightsMachine *machine, const char *line, size_t length, uint8_t code)
{
    g_autofree char *text = g_strndup(line, length);

    if (memchr(line, '\\', length) != NULL || memchr(line, '\0', length) != NULL)
        return push(machine, NULL);
    if (code == 'V')
        return push_text(machine, text, length);
    g_strstrip(text);
    length = strlen(text);
    if (length < 2 || text[0] != text[length - 1] || (text[0] != '\'' && text[0] != '"'))
        return broken(machine, "has a text without its quotes");
    text[length - 1] = '\0';
    return push_text(machine, text + 1, length - 2);
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

static bool take_argument(WeightsMachine *machine, const WeightsOpcode *opcode, Argument *argument)
{
    WeightsCursor *cursor = &machine->cursor;

    if (opcode->argument == WEIGHTS_ARG_NONE || opcode->argument == WEIGHTS_ARG_LINES)
        return true;
    if (opcode->argument == WEIGHTS_ARG_LINE) {
        argument->text = weights_take_line(cursor, LINE_LIMIT, &argument->length);
        return argument->text != NULL || broken(machine, "ends inside a line, or the line is too long");
    }
    if (!weights_take_number(cursor, opcode->bytes, &argument->number))
        return broken(machine, "ends inside an opcode");
    if (opcode->argument == WEIGHTS_ARG_NUMBER)
        return true;
    argument->length = argument->number;
    if (argument->length > weights_left(cursor))
        return broken(machine, "has a value that ends outside the file");
    if (argument->length > TEXT_LIMIT)
        return weights_skip(cursor, argument->length);
    argument->text = weights_take_text(cursor, argument->length, TEXT_LIMIT);
    return argument->text != NULL || broken(machine, "ends inside a value");
}

static bool index_of_line(WeightsMachine *machine, const Argument *argument, uint64_t *index)
{
    g_autofree char *text = g_strstrip(g_strdup(argument->text));

    return g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT32, index, NULL) ||
           broken(machine, "has a memo index that is no number");
}

static bool do_memo(WeightsMachine *machine, const WeightsOpcode *opcode, const Argument *argument)
{
    uint64_t index = argument->number;

    if (opcode->effect == WEIGHTS_DO_MEMOIZE)
        return memo_put(machine, g_hash_table_size(machine->memo));
    if (opcode->argument == WEIGHTS_ARG_LINE && !index_of_line(machine, argument, &index))
        return false;
    return opcode->effect == WEIGHTS_DO_GET ? memo_get(machine, index) : memo_put(machine, index);
}

/* LONG1 with these ten bytes begins a file of torch.save before zip. Source: pytorch torch/serialization.py. */
static void see_magic(WeightsMachine *machine, const Argument *argument)
{
    static const char magic[] = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";

    if (argument->length == sizeof magic - 1 && argument->text != NULL &&
        memcmp(argument->text, magic, sizeof magic - 1) == 0)
        machine->is_magic = true;
}

static bool do_text(WeightsMachine *machine, const WeightsOpcode *opcode, const Argument *argument)
{
    if (opcode->argument == WEIGHTS_ARG_LINE)
        return push_line(machine, argument->text, argument->length, opcode->code);
    return argument->text == NULL ? push(machine, NULL) : push_text(machine, argument->text, argument->length);
}

static bool do_import(WeightsMachine *machine, WeightsEffect effect)
{
    guint above = 0;

    if (effect == WEIGHTS_DO_STACK_GLOBAL)
        return import_stack(machine);
    if (effect == WEIGHTS_DO_GLOBAL)
        return import_lines(machine) && push(machine, NULL);
    if (effect == WEIGHTS_DO_INST)
        return import_lines(machine) && drop_to_mark(machine, &above) && push(machine, NULL);
    refuse(machine, "pickle.extension", "imports by a number of the copyreg registry");
    return push(machine, NULL);
}

/* POP takes a mark when nothing lies above it, as the loader in C does. */
static bool do_pop(WeightsMachine *machine)
{
    if (machine->marks->len > 0 && machine->stack->len == fence(machine)) {
        g_array_set_size(machine->marks, machine->marks->len - 1);
        return true;
    }
    return drop(machine, 1);
}

static bool do_mark(WeightsMachine *machine)
{
    guint height = machine->stack->len;

    if (machine->marks->len >= STACK_LIMIT)
        return broken(machine, "sets more marks than the limit");
    g_array_append_val(machine->marks, height);
    return true;
}

static bool do_opcode(WeightsMachine *machine, const WeightsOpcode *opcode, const Argument *argument)
{
    guint above = 0;

    switch (opcode->effect) {
    case WEIGHTS_DO_NOTHING:
        return true;
    case WEIGHTS_DO_PUSH:
        see_magic(machine, argument);
        return push(machine, NULL);
    case WEIGHTS_DO_TEXT:
        return do_text(machine, opcode, argument);
    case WEIGHTS_DO_REPLACE:
        return drop(machine, opcode->takes) && push(machine, NULL);
    case WEIGHTS_DO_MARK:
        return do_mark(machine);
    case WEIGHTS_DO_COLLECT:
        return drop_to_mark(machine, &above) && push(machine, NULL);
    case WEIGHTS_DO_COLLECT_INTO:
        return drop_to_mark(machine, &above) && drop(machine, 1) && push(machine, NULL);
    case WEIGHTS_DO_OBJ:
        return drop_to_mark(machine, &above) &&
               (above > 0 ? push(machine, NULL) : broken(machine, "makes an object without a class"));
    case WEIGHTS_DO_POP:
        return do_pop(machine);
    case WEIGHTS_DO_POP_MARK:
        return drop_to_mark(machine, &above);
    case WEIGHTS_DO_DUP:
        return machine->stack->len > fence(machine) ? push(machine, top(machine, 0))
                                                    : broken(machine, "doubles a value that is not there");
    case WEIGHTS_DO_GLOBAL:
    case WEIGHTS_DO_INST:
    case WEIGHTS_DO_STACK_GLOBAL:
    case WEIGHTS_DO_EXTENSION:
        return do_import(machine, opcode->effect);
    case WEIGHTS_DO_GET:
    case WEIGHTS_DO_PUT:
    case WEIGHTS_DO_MEMOIZE:
        return do_memo(machine, opcode, argument);
    case WEIGHTS_DO_PROTOCOL:
        return argument->number <= 5 || broken(machine, "is of a protocol above 5");
    case WEIGHTS_DO_STOP:
        machine->stopped = drop(machine, 1);
        return machine->stopped;
    }
    g_assert_not_reached();
}

void weights_machine_run(WeightsMachine *machine)
{
    uint64_t code, steps = 0;

    while (!machine->stopped && machine->why == NULL) {
        g_auto(Argument) argument = {0};
        const WeightsOpcode *opcode;

        machine->opcode_at = machine->cursor.at;
        if ((++steps & 0xffff) == 0 && okse_interrupted()) {
            okse_fail(&machine->cursor.error, OKSE_ERROR_CANCELLED, "interrupted");
            return;
        }
        if (!weights_take_number(&machine->cursor, 1, &code)) {
            broken(machine, "ends without a STOP");
            return;
        }
        opcode = weights_opcode((uint8_t)code);
        if (opcode == NULL)
            broken(machine, "has an opcode that no protocol knows");
        else if (take_argument(machine, opcode, &argument) && do_opcode(machine, opcode, &argument))
            machine->called = machine->called || (machine->refused > 0 && strchr("Riob\x81\x92", (int)code) != NULL);
    }
}
