/* How functions are compiled whose numbers of unknowns are mostly known by then. */
#ifndef TRO_WIDE_H
#define TRO_WIDE_H

#if defined(_MSC_VER)
#define INLINE __forceinline
#elif defined(__GNUC__)
#define INLINE inline __attribute__((always_inline))
#else
#define INLINE inline
#endif

/* Wider vectors where the processor has them; each element is computed as ever. Sanitizers do not
 * bear functions that are chosen when a program starts. */
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && defined(__linux__) \
    && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define WIDE __attribute__((target_clones("default", "avx2", "avx512f")))
#else
#define WIDE
#endif

#endif
