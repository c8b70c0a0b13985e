/* Steps kept for dense output. */
#include <stdlib.h>
#include <string.h>

#include "core.h"

double *tro_trace_row(tro_trace *trace)
{
    if (trace->n == trace->capacity) {
        const long capacity = trace->capacity ? 2 * trace->capacity : 64;
        double *rows = realloc(trace->rows, (size_t)capacity * (size_t)trace->width * sizeof *rows);
        if (!rows) return NULL;
        trace->rows = rows;
        trace->capacity = capacity;
    }
    double *row = trace->rows + (size_t)trace->n * (size_t)trace->width;
    memset(row, 0, (size_t)trace->width * sizeof *row);
    trace->n++;
    return row;
}

void tro_trace_free(tro_trace *trace)
{
    free(trace->rows);
    trace->rows = NULL;
    trace->n = trace->capacity = 0;
}
