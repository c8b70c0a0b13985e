/* Each allocation of the C core fails once: nothing crashes, and AddressSanitizer sees no leak.
 *
 * Linked with --wrap for the three functions; what the harness itself asks for never fails. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);

static long left, failed;

static int fails(void)
{
    if (left < 0 || left-- > 0) return 0;
    failed++;
    return 1;
}

void *__wrap_malloc(size_t size) { return fails() ? NULL : __real_malloc(size); }
void *__wrap_calloc(size_t n, size_t size) { return fails() ? NULL : __real_calloc(n, size); }
void *__wrap_realloc(void *old, size_t size) { return fails() ? NULL : __real_realloc(old, size); }

#define malloc __real_malloc
#define calloc __real_calloc
#define main harness_main
#include "harness.c"
#undef main

static int lanes_of_states(void) { return lanes(0, 5, N_TIME, 0); }
static int lanes_with_tangents(void) { return lanes(3, 5, N_TIME, 0); }
static int explicit_steps(void) { return solve(&tro_dop853, NULL, 0, 60, 1.0, 0, 0); }
static int stiff_steps(void) { return solve(&tro_rodas5p, NULL, 2, 60, 1.0, 0, 1); }

int main(void)
{
    int (*const entries[])(void) = {lanes_of_states, lanes_with_tangents, explicit_steps,
                                    stiff_steps};
    for (size_t k = 0; k < sizeof entries / sizeof *entries; k++) {
        left = -1;
        const int whole = entries[k]();
        long nth = 0;
        for (;; nth++) {
            left = nth, failed = 0;
            const int status = entries[k]();
            left = -1;
            if (!failed) break;
            if (status == whole) return printf("entry %zu: failure %ld went unseen\n", k, nth), 1;
        }
        /* Every one of them asks for memory. */
        if (nth == 0) return printf("entry %zu asked for nothing\n", k), 1;
        if (entries[k]() != whole) return printf("entry %zu no longer works\n", k), 1;
    }
    return 0;
}
