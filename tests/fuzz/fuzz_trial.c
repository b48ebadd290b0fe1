/* A query to a name server and an address handed to the kernel: what is understood is text that is safe to keep, and an
 * answer is never longer than its question. */
#include "packager/trial_wire.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_auto(OkseTrialQuestion) question = {NULL, 0, 0};
    g_auto(OkseTrialQuestion) again = {NULL, 0, 0};
    g_autoptr(GError) error = NULL;
    bool read = okse_trial_question_read(data, size, &question, &error);
    OkseTrialAddress address;

    g_assert_true(read == (error == NULL));
    if (read) {
        g_autoptr(GBytes) answer = okse_trial_answer(data, &question);

        g_assert_true(g_utf8_validate(question.name, -1, NULL) && strlen(question.name) <= 4 * 255);
        g_assert_true(g_bytes_get_size(answer) == question.end && question.end <= size);
        /* An answer is no question, so a server that talks to itself does not go on for ever. */
        g_assert_false(okse_trial_question_read(g_bytes_get_data(answer, NULL), question.end, &again, NULL));
    }
    if (okse_trial_address_read(data, size, &address))
        g_assert_true(memchr(address.address, 0, sizeof address.address) != NULL && address.address[0] != '\0');
    return 0;
}
