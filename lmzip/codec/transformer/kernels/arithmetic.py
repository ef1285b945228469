"""Quantised arithmetic in compiled loops: the same operations as the reference, row by row.

Codes are integers in float32. Kernels marked `exact_sum_kernel` only add and multiply such
integers within the exact range, or take maxima, so their order is free; in all others every
operation is rounded on its own, in the order in which the reference applies them. Rows are
positions of one stream, [T, ...]; matrices are stored input-major, [in, out].
"""

from __future__ import annotations

import numpy as np

from lmzip.codec.entry import entry
from lmzip.codec.jit import exact_sum_kernel, kernel

F = np.float32
LEVELS = F(127)
TINY = F(1e-30)


@exact_sum_kernel
def product(a, b, y):
    """y [N, O] = a [N, I] b [I, O], codes; four rows share each pass over b."""
    rows, inner, columns = a.shape[0], a.shape[1], b.shape[1]
    whole = rows - rows % 4
    for r in range(0, whole, 4):
        for o in range(columns):
            y[r, o] = y[r + 1, o] = y[r + 2, o] = y[r + 3, o] = 0
        for i in range(0, inner, 4):
            a0, a1, a2, a3 = a[r, i], a[r, i + 1], a[r, i + 2], a[r, i + 3]
            b0, b1, b2, b3 = a[r + 1, i], a[r + 1, i + 1], a[r + 1, i + 2], a[r + 1, i + 3]
            c0, c1, c2, c3 = a[r + 2, i], a[r + 2, i + 1], a[r + 2, i + 2], a[r + 2, i + 3]
            d0, d1, d2, d3 = a[r + 3, i], a[r + 3, i + 1], a[r + 3, i + 2], a[r + 3, i + 3]
            for o in range(columns):
                w0, w1, w2, w3 = b[i, o], b[i + 1, o], b[i + 2, o], b[i + 3, o]
                y[r, o] += a0 * w0 + a1 * w1 + a2 * w2 + a3 * w3
                y[r + 1, o] += b0 * w0 + b1 * w1 + b2 * w2 + b3 * w3
                y[r + 2, o] += c0 * w0 + c1 * w1 + c2 * w2 + c3 * w3
                y[r + 3, o] += d0 * w0 + d1 * w1 + d2 * w2 + d3 * w3
    for r in range(whole, rows):
        vector_product(a[r], b, y[r])


@exact_sum_kernel
def vector_product(x, b, y):
    """y [O] = x [I] b [I, O], codes; groups of four inputs that are all zero are skipped."""
    columns = b.shape[1]
    for o in range(columns):
        y[o] = 0
    for i in range(0, x.shape[0], 4):
        x0, x1, x2, x3 = x[i], x[i + 1], x[i + 2], x[i + 3]
        if x0 != 0 or x1 != 0 or x2 != 0 or x3 != 0:
            for o in range(columns):
                y[o] += x0 * b[i, o] + x1 * b[i + 1, o] + x2 * b[i + 2, o] + x3 * b[i + 3, o]


@exact_sum_kernel
def peak(x):
    """max|x|, float32."""
    top = F(0)
    for i in range(x.shape[0]):
        top = max(top, abs(x[i]))
    return top


@exact_sum_kernel
def magnitude(codes):
    """Sum of |codes|, an exact integer in float32."""
    total = F(0)
    for i in range(codes.shape[0]):
        total += abs(codes[i])
    return total


@exact_sum_kernel
def dot(a, b):
    """Sum of a * b over codes, an exact integer in float32."""
    total = F(0)
    for i in range(a.shape[0]):
        total += a[i] * b[i]
    return total


@exact_sum_kernel
def raise_peaks(top, x):
    """top = max(top, |x|), element by element."""
    for o in range(x.shape[0]):
        top[o] = max(top[o], abs(x[o]))


@kernel
def quantise(x, codes, levels):
    """Fill `codes` from x; return scale = max|x| / levels and rate = levels / max|x|."""
    top = max(peak(x), TINY)
    rate = levels / top
    for i in range(x.shape[0]):
        codes[i] = np.rint(x[i] * rate)
    return top / levels, rate


@kernel
def quantise_columns(x, top, codes, scale, levels):
    """Quantise x [N, O] along its rows: codes [N, O], scale [O]; top [O] is scratch."""
    rows, columns = x.shape
    for o in range(columns):
        top[o] = TINY
    for r in range(rows):
        raise_peaks(top, x[r])
    for o in range(columns):
        scale[o] = top[o] / levels
        top[o] = levels / top[o]
    for r in range(rows):
        for o in range(columns):
            codes[r, o] = np.rint(x[r, o] * top[o])


@kernel
def norm(x, codes):
    """Codes of x [d], and the scale that makes their mean magnitude 1; also the rate."""
    _, rate = quantise(x, codes, LEVELS)
    return F(x.shape[0]) / max(magnitude(codes), F(1)), rate


@kernel
def rescale(y, row_scale, column_scale, out):
    """out = (y * row_scale) * column_scale."""
    for o in range(y.shape[0]):
        out[o] = y[o] * row_scale * column_scale[o]


@exact_sum_kernel
def key_products(q, keys, first, count, scores):
    """scores[j] = q [c] . keys [c, span] at slots first + j, codes."""
    for j in range(count):
        scores[j] = 0
    for c in range(0, q.shape[0], 4):
        q0, q1, q2, q3 = q[c], q[c + 1], q[c + 2], q[c + 3]
        k0 = keys[c, first : first + count]
        k1 = keys[c + 1, first : first + count]
        k2 = keys[c + 2, first : first + count]
        k3 = keys[c + 3, first : first + count]
        for j in range(count):
            scores[j] += q0 * k0[j] + q1 * k1[j] + q2 * k2[j] + q3 * k3[j]


@exact_sum_kernel
def mix_values(weights, values, first, count, mixed):
    """mixed [c] = sum over j of weights[j] * values[first + j, c], codes."""
    for c in range(mixed.shape[0]):
        mixed[c] = 0
    for j in range(count):
        weight = weights[j]
        if weight != 0:
            for c in range(mixed.shape[0]):
                mixed[c] += weight * values[first + j, c]


@kernel
def attention_weights(scores, q_scale, k_scale, first, bias, table, weights):
    """Integer weights of the W visible slots from their code products; returns the sum.

    bias [W] is by slot, the farthest first.
    """
    count = scores.shape[0]
    for j in range(count):
        scores[j] = scores[j] * q_scale * k_scale[first + j] + bias[j]
    top = scores[0]
    for j in range(1, count):
        top = max(top, scores[j])
    for j in range(count):
        code = np.rint((top - scores[j]) * F(16))
        weights[j] = table[np.int32(min(code, F(255)))]
    return magnitude(weights)


@kernel
def frequencies(logits, table, weights, freq):
    """Softmax in integers: logits float32 [256] -> freq int64 [256], which sum to 2^24."""
    top = logits[0]
    best = 0
    for i in range(1, logits.shape[0]):
        if logits[i] > top:
            top = logits[i]
            best = i
    total = np.float64(0)
    for i in range(logits.shape[0]):
        code = np.rint((top - logits[i]) * F(64))
        weights[i] = table[np.int32(min(code, F(1023)))]
        total += weights[i]
    share = np.float64((1 << 24) - 256) / total
    rest = np.int64(1 << 24)
    for i in range(logits.shape[0]):
        freq[i] = np.int64(weights[i] * share) + 1
        rest -= freq[i]
    freq[best] += rest


@entry
def requantise(w, rate, codes, codes_t):
    """codes = round(w * rate) and its transpose, in tiles that stay in the cache."""
    rows, columns = w.shape
    for i in range(rows):
        for o in range(columns):
            codes[i, o] = np.rint(w[i, o] * rate[o])
    for i0 in range(0, rows, 16):
        for o0 in range(0, columns, 16):
            for o in range(o0, o0 + 16):
                for i in range(i0, i0 + 16):
                    codes_t[o, i] = codes[i, o]


@exact_sum_kernel
def weighted_sum(weights, x):
    """Sum of weights * x over integers, exact in float64."""
    total = np.float64(0)
    for j in range(x.shape[0]):
        total += np.float64(weights[j]) * np.float64(x[j])
    return total
