/* Calls the C core's entries from several threads at once, for ThreadSanitizer to watch. */
#include <pthread.h>

#define main harness_main
#include "harness.c"
#undef main

enum { N_THREAD = 3 };

static void *work(void *result)
{
    *(int *)result = harness_main();
    return NULL;
}

int main(void)
{
    pthread_t threads[N_THREAD];
    int results[N_THREAD] = {0}, bad = 0;
    for (int k = 0; k < N_THREAD; k++)
        if (pthread_create(&threads[k], NULL, work, &results[k])) return 1;
    for (int k = 0; k < N_THREAD; k++) {
        pthread_join(threads[k], NULL);
        bad |= results[k];
    }
    return bad;
}
