#pragma once

#include <stdint.h>

/* Every bound on bytes from outside, named once. A message that refuses something names the limit it broke. */
#define OKSE_LIMIT_METADATA (4u << 20)      /* manifest, index, config: what registries accept (distribution-spec) */
#define OKSE_LIMIT_DOCUMENT (16u << 20)     /* a YAML file the user or a target gives us */
#define OKSE_LIMIT_EVIDENCE (512u << 20)    /* a facts or findings document */
#define OKSE_LIMIT_DEPTH 64u                /* nesting of YAML and JSON */
#define OKSE_LIMIT_NODES 2000000u           /* YAML nodes after alias expansion */
#define OKSE_LIMIT_ALIAS_NODES 100000u      /* nodes that aliases may add to one document */
#define OKSE_LIMIT_ISSUES 200u              /* issues kept for one document */
#define OKSE_LIMIT_PATH 1024u               /* bytes of a path inside a component */
#define OKSE_LIMIT_NAME 255u                /* bytes of one path element (NAME_MAX) */
#define OKSE_LIMIT_FILES 4000000u           /* files of one component */
#define OKSE_LIMIT_BLOBS 1000000u           /* blobs of one bundle */
#define OKSE_LIMIT_FILE_SIZE (1ull << 46)   /* 64 TiB: one file */
#define OKSE_LIMIT_BUNDLE_SIZE (1ull << 50) /* 1 PiB: one bundle; keeps every sum of offsets far below 2^63 */
#define OKSE_LIMIT_RAW_FILES 512u           /* from here on a component is one tar layer, see docs/formats/bundle.md */
#define OKSE_LIMIT_STATEMENTS 256u          /* statements of one bundle */
#define OKSE_LIMIT_TENSORS 262144u          /* tensors listed of one bundle: twice what the largest models have */
#define OKSE_LIMIT_CHECKPOINT (64u << 20)   /* what an interrupted verification remembers: 60 TiB of files */
#define OKSE_LIMIT_METADATA_TOTAL (256u << 20) /* all metadata of one bundle together */
#define OKSE_LIMIT_SET_PARTS 9999u /* parts a bundle is cut into, parity too: four digits, a set.json below 4 MiB */
#define OKSE_LIMIT_COLLECT_MEMORY (4ull << 30) /* of a process that looks at a target: its data */
#define OKSE_LIMIT_REQUEST_HEAD 16384u         /* request line and headers of a request to okse serve */
#define OKSE_LIMIT_REQUEST_TARGET 2048u        /* path and query in it */
#define OKSE_LIMIT_BASES 64u                   /* bundles and install roots that complete a thin bundle */
#define OKSE_LIMIT_PIECES 1000000u             /* runs of bytes in all recipes of a thin bundle */
#define OKSE_LIMIT_CMS_HEADER (256u << 10)     /* of an encrypted message: everything before its content */
#define OKSE_LIMIT_CMS_RECIPIENTS 64u          /* who one message may be encrypted to */
#define OKSE_LIMIT_CMS_PART (1472ull << 20)    /* `openssl cms -decrypt` opens no larger one (decision 51) */
#define OKSE_LIMIT_GCM ((1ull << 36) - 32)     /* bytes under one key and nonce. Source: NIST SP 800-38D §5.2.1.1 */
