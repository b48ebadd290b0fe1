#pragma once

#include "core/bytes.h"
#include "packager/frames.h"

/* Plain bytes at any place, out of coded ones. What several readers (the parts of one set) share: decoders, and the
 * frames decoded last, so that reading piece by piece decodes each frame once. About 12 MiB, and 2 MiB a thread. */
typedef struct OkseFrameCache OkseFrameCache;
OkseFrameCache *okse_frame_cache_new(void) G_GNUC_WARN_UNUSED_RESULT;
void okse_frame_cache_free(OkseFrameCache *cache);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseFrameCache, okse_frame_cache_free)

/* One run of frames with the index behind them. cache: borrowed. data: a reference is taken. plain: bytes that it must
 * hold, known from elsewhere. name: in messages; copied. The index is read now: 8 bytes a MiB. Errors: INVALID, SYSTEM,
 * those of reading `data`. */
typedef struct OkseFrameReader OkseFrameReader;
OkseFrameReader *okse_frame_reader_new(OkseFrameCache *cache, const OkseBytes *data, uint64_t plain, const char *name,
                                       GError **error) G_GNUC_WARN_UNUSED_RESULT;
void okse_frame_reader_free(OkseFrameReader *reader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseFrameReader, okse_frame_reader_free)

/* An OkseBytesRead; context is the reader. By several threads at once. Errors: INVALID (a damaged frame, by the part's
 * name), SYSTEM. */
bool okse_frame_reader_read(const void *context, uint64_t offset, void *buffer, size_t length, GError **error);
