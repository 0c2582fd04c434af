/* Positions come back from a file: any text is refused or means what it says. */
#include "agents/inputs/tail_stream.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tail_place p, q;
    char text[TAIL_PLACE_TEXT];

    if (!tail_place_parse(kt_str_from(data, size), &p))
        return 0;
    tail_place_format(&p, text);
    if (!tail_place_parse(kt_str_of(text), &q) || q.dev != p.dev || q.ino != p.ino ||
        q.offset != p.offset || q.print_len != p.print_len || q.ahead != p.ahead)
        abort();
    return 0;
}
