#pragma once

#include "cli/options.h"

/* One file per subcommand, one table entry per file. */
