/* The kernel of qtheory.core.product_subset in C: sums of the weights of a subset of the signs, int32 out.
   a: (m, width) words; slices: (n / 512, 64 width + 1) vectors, the last one of each block 0; totals: (n / 512, 16)
   vectors, the planes of the columns' ones; y: (m, n) int32. n is a multiple of 512. scratch:
   subset_scratch(width) bytes. */
#include "planes.h"

#define ROWS 16
#define LEAVES 64
#define DEPTH 6

struct list {
    const char *weights;
    const int32_t *offsets; /* bytes */
};

INLINE vector weight(const void *from, int t) {
    const struct list *of = from;
    return _mm512_load_si512(of->weights + of->offsets[t]);
}

/* The offsets of the ones of a ^ flip, 16 at a time, filled up to 64s with that of the zero vector; how many 64s. */
static long ones_of(const uint64_t *a, long width, uint64_t flip, int32_t *offsets) {
    const vector steps = _mm512_setr_epi32(0, 64, 128, 192, 256, 320, 384, 448, 512, 576, 640, 704, 768, 832, 896, 960);
    long count = 0;
    for (long w = 0; w < width; w++)
        for (int first = 0; first < 64; first += 16) {
            const __mmask16 bits = (__mmask16)((a[w] ^ flip) >> first);
            const vector all = _mm512_add_epi32(steps, _mm512_set1_epi32((int)(64 * (64 * w + first))));
            _mm512_storeu_si512(offsets + count, _mm512_maskz_compress_epi32(bits, all));
            count += __builtin_popcount(bits);
        }
    const long chunks = (count + LEAVES - 1) / LEAVES;
    while (count < LEAVES * chunks) offsets[count++] = (int32_t)(64 * 64 * width);
    return chunks;
}

/* ones + (-1)^flip (totals - 2 sum), in two's complement; then the products. */
static void sum(const vector *weights, const int32_t *offsets, long chunks, const vector *totals, long ones,
                uint64_t flip, int32_t *y, long n) {
    vector s[PLANES - 1], planes[PLANES];
    for (int p = 0; p < PLANES - 1; p++) s[p] = _mm512_setzero_si512();
    for (long c = 0; c < chunks; c++) {
        const struct list from = {(const char *)weights, offsets + LEAVES * c};
        ripple(s + DEPTH, PLANES - 1 - DEPTH, add64(weight, &from, s, 0));
    }
    const vector negate = _mm512_set1_epi64((long long)flip);
    vector borrow = _mm512_set1_epi64(-1), more = negate;
#pragma GCC unroll 16
    for (int p = 0; p < PLANES; p++) {
        const vector twice = p ? s[p - 1] : _mm512_setzero_si512();
        const vector less = _mm512_xor_si512(twice, _mm512_set1_epi64(-1));
        const vector term = _mm512_xor_si512(parity(totals[p], less, borrow), negate);
        const vector bit = _mm512_set1_epi64(-(long long)(ones >> p & 1));
        borrow = majority(totals[p], less, borrow);
        planes[p] = parity(term, bit, more);
        more = majority(term, bit, more);
    }
    store(planes, y, n);
}

long subset_scratch(long width) { return 4 * ROWS * (32 * width + LEAVES); }

void subset(const uint64_t *a, const void *slices, const void *totals, int32_t *y, void *scratch, long m, long n,
            long width) {
    const vector *weights = slices, *columns = totals;
    const long size = 32 * width + LEAVES;
    int32_t *offsets = scratch;
    long ones[ROWS], chunks[ROWS];
    uint64_t flips[ROWS];
    for (long top = 0; top < m; top += ROWS) {
        const long rows = m - top < ROWS ? m - top : ROWS;
        for (long i = 0; i < rows; i++) {
            const uint64_t *row = a + (top + i) * width;
            ones[i] = 0;
            for (long w = 0; w < width; w++) ones[i] += __builtin_popcountll(row[w]);
            flips[i] = -(uint64_t)(ones[i] > 32 * width);
            chunks[i] = ones_of(row, width, flips[i], offsets + i * size);
        }
        for (long j = 0; j < n / 512; j++)
            for (long i = 0; i < rows; i++)
                sum(weights + j * (64 * width + 1), offsets + i * size, chunks[i], columns + PLANES * j, ones[i],
                    flips[i], y + (top + i) * n + 512 * j, 64 * width);
    }
}
