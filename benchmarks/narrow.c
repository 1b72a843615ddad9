/* The tile of qtheory.core.product_narrow as one would write it straight in C for AVX-512 with VPOPCNTDQ: 4 rows by
   32 columns. a: (m, width) words; b: (n / 32, width, 32) words; y: (m, n) int32. n is a multiple of 32,
   m of 4 or 1 at a time. */
#include <immintrin.h>
#include <stdint.h>

static inline __attribute__((always_inline)) void tile(const uint64_t *a, const uint64_t *b, int32_t *y, long n,
                                                       long width, int rows) {
    __m512i total[4][4];
    for (int r = 0; r < rows; r++)
        for (int i = 0; i < 4; i++) total[r][i] = _mm512_setzero_si512();
    for (long w = 0; w < width; w++) {
        __m512i weight[4];
        for (int i = 0; i < 4; i++) weight[i] = _mm512_load_si512(b + 32 * w + 8 * i);
        for (int r = 0; r < rows; r++) {
            const __m512i word = _mm512_set1_epi64((long long)a[r * width + w]);
            for (int i = 0; i < 4; i++)
                total[r][i] = _mm512_add_epi64(total[r][i], _mm512_popcnt_epi64(_mm512_xor_si512(word, weight[i])));
        }
    }
    const __m256i length = _mm256_set1_epi32((int)(64 * width));
    for (int r = 0; r < rows; r++)
        for (int i = 0; i < 4; i++) {
            const __m256i count = _mm512_cvtepi64_epi32(total[r][i]);
            const __m256i product = _mm256_sub_epi32(length, _mm256_add_epi32(count, count));
            _mm256_storeu_si256((__m256i *)(y + r * n + 8 * i), product);
        }
}

void narrow(const uint64_t *a, const uint64_t *b, int32_t *y, long m, long n, long width) {
    const long chunk = 8 * n * width <= 1 << 18 ? 4 : 64;
    for (long top = 0; top < m; top += chunk) {
        const long end = top + chunk < m ? top + chunk : m;
        for (long j = 0; j < n / 32; j++) {
            long i = top;
            for (; i + 4 <= end; i += 4) tile(a + i * width, b + j * 32 * width, y + i * n + 32 * j, n, width, 4);
            for (; i < end; i++) tile(a + i * width, b + j * 32 * width, y + i * n + 32 * j, n, width, 1);
        }
    }
}

/* Limits: the instructions of either way alone, on registers and a table in the nearest cache. `rounds` rounds
   are those of 16 (count) or 32 (adder) vectors of 512 signs. The result keeps the compiler from leaving any out. */

uint64_t count_limit(long rounds) {
    __m512i total[16];
    for (int i = 0; i < 16; i++) total[i] = _mm512_set1_epi64(i);
    const __m512i weight = _mm512_set1_epi64((long long)rounds * 77);
    for (long k = 0; k < rounds; k++)
        for (int i = 0; i < 16; i++)
            total[i] = _mm512_add_epi64(total[i], _mm512_popcnt_epi64(_mm512_xor_si512(total[i], weight)));
    uint64_t sum = 0;
    for (int i = 0; i < 16; i++) sum += (uint64_t)_mm512_reduce_add_epi64(total[i]);
    return sum;
}

uint64_t adder_limit(long rounds) {
    static uint64_t table[2048] __attribute__((aligned(64)));
    for (int i = 0; i < 2048; i++) table[i] = (uint64_t)(i + rounds) * 0x9E3779B97F4A7C15u;
    __m512i state[8], carry[8];
    for (int i = 0; i < 8; i++) state[i] = carry[i] = _mm512_set1_epi64(i);
    for (long k = 0; k < 2 * rounds; k++)
        for (int i = 0; i < 8; i++) { /* a load and an adder of two instructions count for two vectors of signs */
            const __m512i entry = _mm512_load_si512(table + 64 * (k & 31) + 8 * i);
            state[i] = _mm512_ternarylogic_epi64(state[i], carry[i], entry, 0x96);
            carry[i] = _mm512_ternarylogic_epi64(carry[i], entry, state[i], 0xD4);
        }
    uint64_t sum = 0;
    for (int i = 0; i < 8; i++) sum += (uint64_t)_mm512_reduce_add_epi64(_mm512_add_epi64(state[i], carry[i]));
    return sum;
}
