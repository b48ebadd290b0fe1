#pragma once

#include "cli/options.h"

/* One file per subcommand, one table entry per file. */

/* stack, sources, building */
/* reading */
/* statements and trust */
extern const OkseCommand okse_command_key_new;
extern const OkseCommand okse_command_trust_init;
extern const OkseCommand okse_command_trust_show;
/* installing */
extern const OkseCommand okse_command_install;
extern const OkseCommand okse_command_rollback;
extern const OkseCommand okse_command_status;
/* facts */
/* law */
/* reports */
