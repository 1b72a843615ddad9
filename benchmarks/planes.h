/* What table.c and subset.c share: vectors of 512 columns, one bit each; counters of 16 such planes; trees of
   carry-save adders; the store of n - 2 count. Column 64 r + q of a block is bit r of byte q. The layouts are those of
   qtheory.core.product_layout; everything needs AVX-512F and BW. */
#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
#define PLANES 16
#define TRUTH(q, e, o) /* of the majority of x ^ q, y ^ e and z ^ o, as vpternlog's immediate takes it */ \
    (BIT(0, q, e, o) | BIT(1, q, e, o) | BIT(2, q, e, o) | BIT(3, q, e, o) | BIT(4, q, e, o) | BIT(5, q, e, o) | \
     BIT(6, q, e, o) | BIT(7, q, e, o))
#define BIT(i, q, e, o) (((((i) >> 2 & 1) ^ (q)) + (((i) >> 1 & 1) ^ (e)) + (((i) & 1) ^ (o)) > 1) << (i))

typedef __m512i vector;
typedef vector leaf(const void *from, int t);

INLINE vector parity(vector a, vector b, vector c) { return _mm512_ternarylogic_epi64(a, b, c, 0x96); }
INLINE vector majority(vector a, vector b, vector c) { return _mm512_ternarylogic_epi64(a, b, c, 0xE8); }

/* Add a and c to a plane; the carry, from the new sum. */
INLINE vector adder(vector *state, vector a, vector c) {
    *state = parity(*state, a, c);
    return _mm512_ternarylogic_epi64(a, c, *state, 0xD4);
}

/* Add leaves t, ..., t + 2^d - 1 to d planes; the carry. */
INLINE vector add2(leaf *of, const void *from, vector *s, int t) {
    const vector a = of(from, t), c = of(from, t + 1);
    return adder(s, a, c);
}
#define LEVEL(NAME, HALF, COUNT, PLANE) \
    INLINE vector NAME(leaf *of, const void *from, vector *s, int t) { \
        const vector a = HALF(of, from, s, t), c = HALF(of, from, s, t + COUNT / 2); \
        return adder(s + PLANE, a, c); \
    }
LEVEL(add4, add2, 4, 1)
LEVEL(add8, add4, 8, 2)
LEVEL(add16, add8, 16, 3)
LEVEL(add32, add16, 32, 4)
LEVEL(add64, add32, 64, 5)

/* Add a carry to so many planes. */
INLINE void ripple(vector *s, int planes, vector carry) {
    for (int p = 0; p < planes; p++) {
        const vector both = _mm512_and_si512(s[p], carry);
        s[p] = _mm512_xor_si512(s[p], carry);
        carry = both;
    }
}

/* Bit r of byte q of plane i becomes bit i of byte q of vector r, for 8 of each. */
INLINE void transpose(vector *planes) {
    const int keep[3] = {0x0F, 0x33, 0x55};
    for (int step = 0, shift = 4; shift; step++, shift >>= 1)
        for (int i = 0; i < 8; i++)
            if (!(i & shift)) {
                const vector a = planes[i], b = planes[i + shift], mask = _mm512_set1_epi8((char)keep[step]);
                const vector moved = _mm512_and_si512(_mm512_xor_si512(_mm512_srli_epi64(a, shift), b), mask);
                planes[i + shift] = _mm512_xor_si512(b, moved);
                planes[i] = _mm512_xor_si512(a, _mm512_slli_epi64(moved, shift));
            }
}

/* n - 2 count for the 512 columns, int32. */
INLINE void store(vector *planes, int32_t *y, long n) {
    const vector length = _mm512_set1_epi32((int)n);
    transpose(planes);
    transpose(planes + 8);
#pragma GCC unroll 8
    for (int r = 0; r < 8; r++)
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++) {
            const vector low = _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(planes[r], i));
            const vector high = _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(planes[8 + r], i));
            const vector count = _mm512_or_si512(low, _mm512_slli_epi32(high, 8));
            _mm512_storeu_si512(y + 64 * r + 16 * i, _mm512_sub_epi32(length, _mm512_add_epi32(count, count)));
        }
}
