#pragma once

#include "core/yaml.h"
#include "packager/stack.h"

/* The part of stack.yaml that says where a component comes from. For stack.c only. */

/* Read the map `node` into the component's source. Whatever is wrong becomes an issue. */
void okse_stack_read_source(const OkseNode *node, OkseStackComponent *component, OkseIssues *issues);
void okse_stack_clear_source(OkseStackSource *source);
