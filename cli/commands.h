#pragma once

#include "cli/options.h"

/* One file per subcommand, one table entry per file. */

/* stack, sources, building */
/* reading */
/* statements and trust */
/* installing */
/* facts */
/* law */
extern const OkseCommand okse_command_audit;
extern const OkseCommand okse_command_policy_list;
extern const OkseCommand okse_command_policy_show;
extern const OkseCommand okse_command_policy_lint;
extern const OkseCommand okse_command_policy_test;
/* reports */
