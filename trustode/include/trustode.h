/* The one contract between generated code and the C core: sizes and functions.
 *
 * Parameters and inputs arrive by pointer; a function touches nothing but its output, so
 * one compiled model serves every thread and every parameter value. Matrices are row-major.
 * Includes nothing: a compiler without system headers can read it.
 */
#ifndef TRUSTODE_H
#define TRUSTODE_H

typedef struct tro_model tro_model;

typedef void tro_function(const tro_model *model, double t, const double *y,
                          const double *p, const double *u, double *out);
/* Factors of shift I - jac with pivots in a fixed order; gives the squares of the multipliers
 * in sum, which are large or NaN where that order will not do. */
typedef double tro_factor(const double *jac, double shift, double *factors);
typedef void tro_substitute(const double *factors, double *b);
typedef void tro_stage(const tro_model *model, double t, const double *y, const double *p,
                       const double *u, const double *factors, double *out);

struct tro_model {
    int abi;
    int n_state, n_param, n_input, n_observable;
    tro_function *rhs;        /* (n_state)                 dy/dt */
    tro_function *jac;        /* (n_state, n_state)        df_i/dy_j */
    tro_function *dfdp;       /* (n_state, n_param)        df_i/dp_k */
    tro_function *tangent;    /* (n_state (1 + n_state + n_param)) rhs, jac and dfdp at once */
    tro_function *dfdt;       /* (n_state)                 explicit time only */
    tro_function *dfdu;       /* (n_state, n_input)        df_i/du_l */
    tro_function *observe;    /* (n_observable) */
    tro_function *observe_dy; /* (n_observable, n_state) */
    tro_function *observe_dp; /* (n_observable, n_param) */
    tro_function *initial;    /* (n_state)                 reads p only */
    tro_function *initial_dp; /* (n_state, n_param)        reads p only */
    /* (n_state (2 + n_state)) rhs, its total time derivative and jac at once; u holds the
     * inputs, then their rates. Of jac only what can differ from zero is written. */
    tro_function *slopes;
    /* (n_state (1 + n_state)) derivatives along a tangent of what slopes gives behind rhs; y holds
     * the states, then their tangent, p the parameters, then theirs. Written as slopes are. */
    tro_function *bends;
    tro_factor *factor;       /* (at most n_state, n_state); 0 where there is none */
    tro_substitute *solve;    /* in place */
    tro_stage *stage;         /* adds rhs to out and solves in place, in one go */
    void *context;            /* for functions that are not generated code; else 0 */
};

/* The size stands in the number, so that a part built with another struct is refused. */
#define TRO_ABI (1000 + (int)sizeof(struct tro_model))

#if defined(_WIN32)
#define TRO_EXPORT __declspec(dllexport)
#elif defined(__GNUC__) && !defined(__TINYC__)
#define TRO_EXPORT __attribute__((visibility("default")))
#else
#define TRO_EXPORT
#endif

/* Several models in one library each need an entry of their own. */
#ifndef TRO_ENTRY
#define TRO_ENTRY tro_entry
#endif

#endif
