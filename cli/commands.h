#pragma once

#include "cli/options.h"

/* One file per subcommand, one table entry per file. */

/* stack, sources, building */
/* reading */
/* statements and trust */
/* installing */
/* facts */
/* law */
/* reports */
extern const OkseCommand okse_command_report;
extern const OkseCommand okse_command_report_diff;
