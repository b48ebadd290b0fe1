/* Hosts in a text of unknown form: every report lies inside the text and is a valid text. */
#include "audit/guess.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_guessed(void *context, const OkseGuessed *found)
{
    g_assert(*found->host != '\0' && g_utf8_validate(found->host, -1, NULL));
    g_assert(found->key == NULL || g_utf8_validate(found->key, -1, NULL));
    g_assert(g_utf8_validate(found->line, -1, NULL) && found->column > 0 && found->column <= strlen(found->line) + 1);
    g_assert(found->line_number > 0 && found->port <= 65535);
    *(unsigned *)context += 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static OkseGuess *guess;
    unsigned count = 0;

    if (guess == NULL) {
        g_autoptr(OkseResources) resources = okse_resources_open(NULL, NULL);

        guess = okse_guess_new(resources, NULL);
        g_assert(guess != NULL);
    }
    if (memchr(data, '\0', size) == NULL)
        okse_guess_text(guess, size % 2 == 0 ? "/etc/x/hosts" : "/etc/x.conf", (const char *)data, size, on_guessed,
                        &count);
    return 0;
}
