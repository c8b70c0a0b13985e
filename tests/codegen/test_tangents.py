"""The generated series of tangents: the same bits, however many go together."""

import ctypes
import subprocess
from pathlib import Path

import numpy as np
import pytest
from _compilers import COMPILER, processor_flags

import trustode as tr
from trustode.codegen.source import Source

INCLUDE = Path(tr.__file__).parent / "include"
#: Tangents side by side, flags of the compiler, and what the processor must have.
WIDTHS = {
    2: ([], ()),
    4: (["-mavx2", "-mfma"], ("avx2", "fma")),
    8: (["-mavx512f", "-mavx512dq", "-mavx512vl", "-mfma"], ("avx512f", "avx512dq")),
}
ORDER = 7
#: Runs the series through y and its tangents along the parameters, then along each state.
DOOR = """
#include <stdlib.h>
TRO_EXPORT int run(int order, const double *p, const double *y, double *out)
{
    const int n_state = taylor_.n_state, n_vary = taylor_.n_vary;
    const int n_block = (n_vary + TRO_WIDE - 1) / TRO_WIDE + (n_state + TRO_WIDE - 1) / TRO_WIDE;
    static tro_w z[200 * 64], d[64 * 64];
    static double c[400], s[400 * 12], none[8];
    for (int i = 0; i < 200 * 64; i++) z[i] = tro_wide_set(0.0);
    for (int i = 0; i < 64 * 64; i++) d[i] = tro_wide_set(0.0);
    hoist(p, none, c);
    for (int i = 0; i < n_state; i++) s[i] = y[i];
    series(order, 0.0, 0.5, c, none, s);
    const int size = taylor_.n_wide * (order + 1);
    for (int k = 0; k < n_vary; k++)
        TRO_WIDE_LANE(d[k / TRO_WIDE * n_vary + k], k % TRO_WIDE) = 1.0;
    const int before = (n_vary + TRO_WIDE - 1) / TRO_WIDE;
    for (int i = 0; i < n_state; i++)
        TRO_WIDE_LANE(z[(before + i / TRO_WIDE) * size + i], i % TRO_WIDE) = 1.0;
    tangent(n_block, order, 0.5, c, s, d, z);
    for (int k = 0; k < n_vary + n_state; k++) {
        const int at = k < n_vary ? k : before * TRO_WIDE + k - n_vary;
        for (int j = 0; j <= order; j++)
            for (int i = 0; i < n_state; i++)
                *out++ = TRO_WIDE_LANE(z[at / TRO_WIDE * size + j * taylor_.n_wide + i],
                                       at % TRO_WIDE);
    }
    return TRO_WIDE;
}
"""


def coefficients(model, n_vary, width, folder):
    """Return the tangents' coefficients, shape (n_vary + n_state, order + 1, n_state)."""
    flags, _ = WIDTHS[width]
    source, library = folder / f"{n_vary}-{width}.c", folder / f"{n_vary}-{width}.so"
    source.write_text(Source(model).series_text(tuple(range(n_vary))) + DOOR)
    command = [COMPILER, "-O1", "-ffp-contract=off", "-shared", "-fPIC", "-Wno-psabi"]
    command += [*flags, "-DTRO_LANES=1", "-DTRO_ENTRY=entry", f"-I{INCLUDE}", source]
    subprocess.run([*command, "-o", library, "-lm"], check=True, capture_output=True)
    n_state = len(model.states)
    out = np.empty((n_vary + n_state, ORDER + 1, n_state))
    array = np.ctypeslib.ndpointer(np.float64, flags="C_CONTIGUOUS")
    run = ctypes.CDLL(str(library)).run
    run.argtypes = [ctypes.c_int, array, array, array]
    p = np.array([model.defaults[name] for name in model.params])
    y = 0.3 + 0.05 * np.arange(n_state)
    assert run(ORDER, p, y, out) == width
    return out


@pytest.mark.skipif(COMPILER is None, reason="no C compiler here")
@pytest.mark.parametrize("n_vary", [0, 1, 6, 9, 17, 30])
def test_every_width_gives_the_same_bits(n_vary, tmp_path):
    """Blocks alone, two to six together, twice four, and more than have code of their own."""
    model = tr.models.load("trust-updated", profile="bpd")
    able = processor_flags()
    widths = [width for width, (_, needs) in WIDTHS.items() if able.issuperset(needs)]
    if len(widths) < 2:
        pytest.skip("this processor has vectors of one width only")
    narrow, *wider = (coefficients(model, n_vary, width, tmp_path) for width in widths)
    assert np.isfinite(narrow).all()
    moving = np.abs(narrow[:, 1:]).max(axis=(1, 2)) > 0.0
    assert moving.mean() > 0.9  # of the profile some weights multiply nothing
    for found in wider:
        assert np.array_equal(found, narrow)
