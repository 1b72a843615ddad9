/* The kernel of qtheory.core.product_table in C: carry-save adders that a table feeds, int32 out.
   a: (m, width) words; slices: (n / 512, 64 width + 1) vectors; y: (m, n) int32. n is a multiple of 512. scratch:
   table_scratch(width) bytes, aligned to a vector. */
#include "planes.h"

#define ROWS 128
#define LOW 5 /* planes 1 to 5 */
/* From word to word: bytes of indices, vectors of carries. No powers of 2: their multiples share few cache lines. */
#define INDICES (32 * ROWS + 64)
#define CARRIES (ROWS + 1)

struct entries {
    const char *table;
    const uint8_t *index;
};

INLINE vector entry(const void *from, int t) {
    const struct entries *e = from;
    return _mm512_load_si512(e->table + 512 * t + 8 * (uint64_t)e->index[t]);
}

INLINE vector carry(const void *from, int t) { return ((const vector *)from)[CARRIES * t]; }

/* The carries of 32 pairs, by the row's even bit + 2 odd bit + 4 parity; the parity of all weights. */
INLINE vector fill(vector *table, const vector *weights, vector running) {
    for (int t = 0; t < 32; t++) {
        const vector x = weights[t], y = weights[t + 32];
#define ENTRY(e, o, q) table[8 * t + (e) + 2 * (o) + 4 * (q)] = _mm512_ternarylogic_epi64(running, x, y, TRUTH(q, e, o))
        ENTRY(0, 0, 0); ENTRY(1, 0, 0); ENTRY(0, 1, 0); ENTRY(1, 1, 0);
        ENTRY(0, 0, 1); ENTRY(1, 0, 1); ENTRY(0, 1, 1); ENTRY(1, 1, 1);
        running = parity(running, x, y);
    }
    return running;
}

/* 32 bytes a word and row, 8 (e + 2 o + 4 q), and the parity of each row, 0 or -1. */
static void indices(const uint64_t *a, long rows, long width, uint8_t *index, int64_t *parities) {
    for (long i = 0; i < rows; i++) {
        uint64_t before = 0;
        for (long w = 0; w < width; w++) {
            const uint64_t word = a[i * width + w], even = word & 0xFFFFFFFF, odd = word >> 32;
            uint64_t prefix = even ^ odd;
            for (int shift = 1; shift < 32; shift *= 2) prefix ^= prefix << shift;
            const __mmask32 q = (__mmask32)(prefix << 1 ^ before);
            const __m256i e8 = _mm256_maskz_set1_epi8((__mmask32)even, 8);
            const __m256i o16 = _mm256_maskz_set1_epi8((__mmask32)odd, 16), q32 = _mm256_maskz_set1_epi8(q, 32);
            const __m256i all = _mm256_or_si256(_mm256_or_si256(e8, o16), q32);
            _mm256_store_si256((__m256i *)(index + INDICES * w + 32 * i), all);
            before ^= -(prefix >> 31 & 1);
        }
        parities[i] = (int64_t)before;
    }
}

static void block(const vector *weights, const uint8_t *index, vector *table, vector *low, vector *carries,
                  vector *prefix, long rows) {
    *prefix = fill(table, weights, *prefix);
    for (long i = 0; i < rows; i++) {
        const struct entries from = {(const char *)table, index + 32 * i};
        vector s[LOW];
        for (int p = 0; p < LOW; p++) s[p] = low[LOW * i + p];
        carries[i] = add32(entry, &from, s, 0);
        for (int p = 0; p < LOW; p++) low[LOW * i + p] = s[p];
    }
}

static void finish(const vector *low, const vector *carries, long width, vector parities, int32_t *y) {
    vector planes[PLANES];
    planes[0] = parities;
    for (int p = 0; p < LOW; p++) planes[1 + p] = low[p];
    for (int p = 1 + LOW; p < PLANES; p++) planes[p] = _mm512_setzero_si512();
    vector *top = planes + 1 + LOW;
    long w = 0;
    for (; w + 16 <= width; w += 16) ripple(top + 4, PLANES - LOW - 5, add16(carry, carries + CARRIES * w, top, 0));
    for (; w + 4 <= width; w += 4) ripple(top + 2, PLANES - LOW - 3, add4(carry, carries + CARRIES * w, top, 0));
    for (; w < width; w++) ripple(top, PLANES - LOW - 1, carries[CARRIES * w]);
    store(planes, y, 64 * width);
}

long table_scratch(long width) { return 64 * (256 + ROWS * LOW + CARRIES * width) + INDICES * width + 8 * ROWS; }

void table(const uint64_t *a, const void *slices, int32_t *y, void *scratch, long m, long n, long width) {
    const vector *weights = slices;
    vector *entries = scratch, *low = entries + 256, *carries = low + ROWS * LOW;
    uint8_t *index = (uint8_t *)(carries + CARRIES * width);
    int64_t *parities = (int64_t *)(index + INDICES * width);
    for (long top = 0; top < m; top += ROWS) {
        const long rows = m - top < ROWS ? m - top : ROWS;
        indices(a + top * width, rows, width, index, parities);
        for (long j = 0; j < n / 512; j++) {
            const vector *some = weights + j * (64 * width + 1);
            vector prefix = _mm512_setzero_si512();
            memset(low, 0, (size_t)(64 * LOW * rows));
            for (long w = 0; w < width; w++)
                block(some + 64 * w, index + INDICES * w, entries, low, carries + CARRIES * w, &prefix, rows);
            for (long i = 0; i < rows; i++) {
                const vector odd = _mm512_xor_si512(prefix, _mm512_set1_epi64(parities[i]));
                finish(low + LOW * i, carries + i, width, odd, y + (top + i) * n + 512 * j);
            }
        }
    }
}
