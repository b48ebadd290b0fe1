#pragma once

#include "audit/jurisdiction.h"

/* Private to jurisdiction*.c and transfer.c: reading the `transfers` of a jurisdiction. */
void okse_transfers_read(OkseJurisdiction *jurisdiction, const OkseNode *list, OkseIssues *issues);
void okse_transfer_free(gpointer transfer);
