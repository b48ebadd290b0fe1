/* Whatever text stands as an expression, what it reads can be told, or that it cannot; the tree is read twice alike. */
#include "audit/control_reads.h"
#include "audit/expression_tree.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    g_autoptr(OkseTerm) tree = okse_expression_tree(text);
    g_autoptr(GPtrArray) parameters = g_ptr_array_new();
    OkseParameter parameter = {.name = (char *)(uintptr_t) "p"};
    OkseControl control = {.parameters = parameters, .expressions = {text, NULL, NULL, NULL}};
    g_autoptr(OkseControlReads) reads = NULL;

    g_ptr_array_add(parameters, &parameter);
    reads = okse_control_reads(&control);
    if (tree == NULL && !reads->plain)
        g_error("it reads what cannot be read");
    return 0;
}
