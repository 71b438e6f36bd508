"""Softplus and its slope as compiled loops: a quarter of the time of torch's exp and log, of which filters need many.

Polynomials are Chebyshev fits of our own. float32 only.
"""

import numpy as np

from models.fast.compiled import compiled

_LOG2_E, _LOG2_E_REST = np.float32(1.44269502), np.float32(1.92596303e-8)
_HALF, _ONE, _FAR = np.float32(0.5), np.float32(1), np.float32(87)  # exp(-87) is nearly the least normal number
# (2^r - 1) / r on -0.5 .. 0.5
_E0, _E1, _E2, _E3, _E4, _E5 = (
    np.float32(c) for c in (0.693147188, 0.240226509, 0.055503571, 0.00961805667, 0.00133908674, 0.000154614475)
)
# log(1 + u) / u on 0 .. 1
_L0, _L1, _L2, _L3, _L4, _L5, _L6, _L7, _L8, _L9 = (
    np.float32(c)
    for c in (
        0.999999995, -0.49999904, 0.33330004, -0.249545589, 0.196781173,
        -0.153118631, 0.106142647, -0.0570642008, 0.0199071609, -0.00325637848,
    )
)  # fmt: skip


@compiled
def softplus(values):  # type: ignore[no-untyped-def]
    """Replace `values` (n,) by log(1 + exp(values)); a NaN stays one. Relative error at most 4e-7."""
    for f in range(len(values)):
        x = values[f]
        # exp(-|x|) = 2^k (1 + rest)
        t = min(abs(x), _FAR)
        k = np.floor(_HALF - t * _LOG2_E)
        r = (-t * _LOG2_E - k) - t * _LOG2_E_REST
        scale = np.int32((np.int32(k) + 127) << 23).view(np.float32)
        rest = r * (_E0 + r * (_E1 + r * (_E2 + r * (_E3 + r * (_E4 + r * _E5)))))
        u = scale + scale * rest
        log = _L5 + u * (_L6 + u * (_L7 + u * (_L8 + u * _L9)))
        log = u * (_L0 + u * (_L1 + u * (_L2 + u * (_L3 + u * (_L4 + u * log)))))
        values[f] = _HALF * (x + abs(x)) + log


@compiled
def times_slope(gradient, values):  # type: ignore[no-untyped-def]
    """Multiply `gradient` (n,) by the slope of softplus where softplus is `values` (n,): 1 - exp(-softplus)."""
    for f in range(len(values)):
        t = min(values[f], _FAR)
        k = np.floor(_HALF - t * _LOG2_E)
        r = (-t * _LOG2_E - k) - t * _LOG2_E_REST
        scale = np.int32((np.int32(k) + 127) << 23).view(np.float32)
        rest = r * (_E0 + r * (_E1 + r * (_E2 + r * (_E3 + r * (_E4 + r * _E5)))))
        gradient[f] *= (_ONE - scale) - scale * rest
