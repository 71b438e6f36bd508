"""Sums over unordered pairs of atoms on the CPU, forwards and backwards, without an array of the size pairs x features.

The filter of pair p is a weighted sum of rows of `table` (n_rows, n_filters). With `weights` (n_pairs, 4) these are
the rows `rows[p]` to `rows[p] + 3` of a grid over distances; with `weights` (n_pairs, 1) it is row `p - base`, a
filter computed for this very pair. Every kernel goes through the pairs `begin` to `end - 1` in order and adds to its
results, so that a piece of a batch can be done at a time and equal input gives equal bits.

Loops over features are kept short, with at most two results each: only such ones become vector instructions.
"""

import numpy as np

from models.fast.compiled import compiled


@compiled
def _filter(table, rows, weights, p, base, result):  # type: ignore[no-untyped-def]
    """Write the filter of pair `p` to `result` (n_filters,), or as many of its entries as fit."""
    if weights.shape[1] == 1:
        row, weight = table[p - base], weights[p, 0]
        for f in range(len(result)):
            result[f] = weight * row[f]
    else:
        row0, row1, row2, row3 = table[rows[p]], table[rows[p] + 1], table[rows[p] + 2], table[rows[p] + 3]
        w0, w1, w2, w3 = weights[p, 0], weights[p, 1], weights[p, 2], weights[p, 3]
        for f in range(len(result)):
            result[f] = w0 * row0[f] + w1 * row1[f] + w2 * row2[f] + w3 * row3[f]


@compiled
def _add_filter_gradient(gradient, rows, weights, p, base, table_gradient):  # type: ignore[no-untyped-def]
    """Pass the gradient of the filter of pair `p` on to the rows of `table_gradient` that it was made of."""
    if weights.shape[1] == 1:
        row, weight = table_gradient[p - base], weights[p, 0]
        for f in range(len(gradient)):
            row[f] = weight * gradient[f]
    else:
        row0, row1, row2, row3 = (
            table_gradient[rows[p]],
            table_gradient[rows[p] + 1],
            table_gradient[rows[p] + 2],
            table_gradient[rows[p] + 3],
        )
        w0, w1, w2, w3 = weights[p, 0], weights[p, 1], weights[p, 2], weights[p, 3]
        for f in range(len(gradient)):
            row0[f] += w0 * gradient[f]
            row1[f] += w1 * gradient[f]
        for f in range(len(gradient)):
            row2[f] += w2 * gradient[f]
            row3[f] += w3 * gradient[f]


@compiled
def convolve(features, table, rows, weights, first, second, base, begin, end, result):  # type: ignore[no-untyped-def]
    """SchNet: add W_ij h_j to `result[i]` and W_ij h_i to `result[j]`; `features` h and `result` (n_atoms, n)."""
    n = features.shape[1]
    filters = np.empty(n, features.dtype)
    for p in range(begin, end):
        i, j = first[p], second[p]
        _filter(table, rows, weights, p, base, filters)
        at_i, at_j, to_i, to_j = features[i], features[j], result[i], result[j]
        for f in range(n):
            to_i[f] += filters[f] * at_j[f]
            to_j[f] += filters[f] * at_i[f]


@compiled
def convolve_backward(  # type: ignore[no-untyped-def]
    features, table, rows, weights, first, second, base, begin, end, gradient, feature_gradient, table_gradient
):
    """Gradients of `convolve` for `features` and `table`, from `gradient` (n_atoms, n) of its result."""
    n = features.shape[1]
    filters, filter_gradient = np.empty(n, features.dtype), np.empty(n, features.dtype)
    for p in range(begin, end):
        i, j = first[p], second[p]
        at_i, at_j, from_i, from_j = features[i], features[j], gradient[i], gradient[j]
        for f in range(n):
            filter_gradient[f] = from_i[f] * at_j[f] + from_j[f] * at_i[f]
        _add_filter_gradient(filter_gradient, rows, weights, p, base, table_gradient)
        _filter(table, rows, weights, p, base, filters)
        to_i, to_j = feature_gradient[i], feature_gradient[j]
        for f in range(n):
            to_i[f] += filters[f] * from_j[f]
            to_j[f] += filters[f] * from_i[f]


@compiled
def send_messages(  # type: ignore[no-untyped-def]
    context, vectors, directions, table, rows, weights, first, second, base, begin, end, scalar, vector
):
    """PaiNN: add the messages of all neighbours to `scalar` (n_atoms, n) and `vector` (n_atoms, 3, n).

    `context` and the filters hold three parts of n each: to the scalar features, along the direction to the neighbour
    (`directions` (n_pairs, 3), from first to second), and on the neighbour's own `vectors` (n_atoms, 3, n). Without
    atoms in `vectors`, these are zero and the third part is left out of everything.
    """
    n = scalar.shape[1]
    own = vectors.shape[0] > 0
    filters = np.empty(3 * n if own else 2 * n, context.dtype)
    along_i, along_j = np.empty(n, context.dtype), np.empty(n, context.dtype)
    on_i, on_j = np.empty(n, context.dtype), np.empty(n, context.dtype)
    for p in range(begin, end):
        i, j = first[p], second[p]
        _filter(table, rows, weights, p, base, filters)
        at_i, at_j, to_i, to_j = context[i], context[j], scalar[i], scalar[j]
        for f in range(n):
            to_i[f] += filters[f] * at_j[f]
            to_j[f] += filters[f] * at_i[f]
        for f in range(n):
            along_i[f] = filters[n + f] * at_j[n + f]
            along_j[f] = filters[n + f] * at_i[n + f]
        if own:
            for f in range(n):
                on_i[f] = filters[2 * n + f] * at_j[2 * n + f]
                on_j[f] = filters[2 * n + f] * at_i[2 * n + f]
        for axis in range(3):
            direction = directions[p, axis]
            vector_i, vector_j = vector[i, axis], vector[j, axis]
            if own:
                own_i, own_j = vectors[i, axis], vectors[j, axis]
                for f in range(n):
                    vector_i[f] += along_i[f] * direction + on_i[f] * own_j[f]
                for f in range(n):
                    vector_j[f] += on_j[f] * own_i[f] - along_j[f] * direction
            else:
                for f in range(n):
                    vector_i[f] += along_i[f] * direction
                    vector_j[f] -= along_j[f] * direction


@compiled
def send_messages_backward(  # type: ignore[no-untyped-def]
    context, vectors, directions, table, rows, weights, first, second, base, begin, end,
    scalar, vector, context_gradient, vectors_gradient, table_gradient,
):  # fmt: skip
    """Gradients of `send_messages`, from those of its results, `scalar` (n_atoms, n) and `vector` (n_atoms, 3, n)."""
    n = scalar.shape[1]
    own = vectors.shape[0] > 0
    n_parts = 3 * n if own else 2 * n
    filters, filter_gradient = np.empty(n_parts, context.dtype), np.empty(n_parts, context.dtype)
    sum_i, sum_j = np.empty(n, context.dtype), np.empty(n, context.dtype)
    for p in range(begin, end):
        i, j = first[p], second[p]
        _filter(table, rows, weights, p, base, filters)
        at_i, at_j, to_i, to_j = context[i], context[j], context_gradient[i], context_gradient[j]
        scalar_i, scalar_j = scalar[i], scalar[j]
        for f in range(n):
            filter_gradient[f] = scalar_i[f] * at_j[f] + scalar_j[f] * at_i[f]
        for f in range(n):
            to_i[f] += filters[f] * scalar_j[f]
            to_j[f] += filters[f] * scalar_i[f]
        x, y, z = directions[p, 0], directions[p, 1], directions[p, 2]
        vector_i, vector_j = vector[i], vector[j]
        for f in range(n):
            sum_i[f] = vector_i[0, f] * x + vector_i[1, f] * y + vector_i[2, f] * z
            sum_j[f] = -(vector_j[0, f] * x + vector_j[1, f] * y + vector_j[2, f] * z)
        for f in range(n):
            filter_gradient[n + f] = at_j[n + f] * sum_i[f] + at_i[n + f] * sum_j[f]
        for f in range(n):
            to_i[n + f] += filters[n + f] * sum_j[f]
            to_j[n + f] += filters[n + f] * sum_i[f]
        if own:
            own_i, own_j = vectors[i], vectors[j]
            for f in range(n):
                sum_i[f] = vector_i[0, f] * own_j[0, f] + vector_i[1, f] * own_j[1, f] + vector_i[2, f] * own_j[2, f]
            for f in range(n):
                sum_j[f] = vector_j[0, f] * own_i[0, f] + vector_j[1, f] * own_i[1, f] + vector_j[2, f] * own_i[2, f]
            for f in range(n):
                filter_gradient[2 * n + f] = at_j[2 * n + f] * sum_i[f] + at_i[2 * n + f] * sum_j[f]
            for f in range(n):
                to_i[2 * n + f] += filters[2 * n + f] * sum_j[f]
                to_j[2 * n + f] += filters[2 * n + f] * sum_i[f]
            for f in range(n):
                sum_i[f] = filters[2 * n + f] * at_i[2 * n + f]
                sum_j[f] = filters[2 * n + f] * at_j[2 * n + f]
            for axis in range(3):
                to_own_i, to_own_j = vectors_gradient[i, axis], vectors_gradient[j, axis]
                from_i, from_j = vector[i, axis], vector[j, axis]
                for f in range(n):
                    to_own_i[f] += sum_i[f] * from_j[f]
                    to_own_j[f] += sum_j[f] * from_i[f]
        _add_filter_gradient(filter_gradient, rows, weights, p, base, table_gradient)
