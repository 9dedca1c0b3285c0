"""Writes cpp/src/kernels/math_coefficients.hpp: the polynomials and split constants of kernels/math.hpp.

    python cpp/tools/make_coefficients.py            # needs mpmath; about two minutes
    python cpp/tools/make_coefficients.py --check    # exit code 1 if the file would change

Each polynomial is the minimax fit (Remez exchange on a dense grid, 50 digits) of the least degree that keeps the
approximation error, as a share of the function's value, below `goal`, its coefficients then rounded to the type.
"""

from __future__ import annotations

import argparse
import pathlib
import sys
from collections.abc import Callable

import mpmath as mp
from mpmath import mpf

mp.mp.dps = 50
OUTPUT = pathlib.Path(__file__).parents[1] / "src" / "kernels" / "math_coefficients.hpp"
GRID = 600
Function = Callable[[mpf], mpf]


def round_to(x: mpf, bits: int) -> mpf:
    """x with `bits` significant bits, ties to even."""
    if x == 0:
        return mpf(0)
    scale = mpf(2) ** (bits - int(mp.floor(mp.log(abs(x), 2))) - 1)
    return mp.nint(x * scale) / scale


def literal(x: mpf, bits: int) -> str:
    """The exact hexadecimal C++ literal."""
    mantissa, exponent = float(x).hex().split("p")
    if abs(x) < 1000 and x * 8 == int(x * 8):
        return str(float(x)) + ("F" if bits == 24 else "")
    return f"{mantissa.rstrip('0').rstrip('.')}p{exponent}" + ("F" if bits == 24 else "")


def solve_exchange(xs: list[mpf], fs: list[mpf], ws: list[mpf], degree: int) -> tuple[list[mpf], mpf]:
    """The polynomial c with max |w (f - c)| least over the grid, and that maximum."""
    n = len(xs)
    points = degree + 2
    index = [round((n - 1) * (1 - mp.cos(mp.pi * i / (points - 1))) / 2) for i in range(points)]
    for i in range(1, points):
        index[i] = max(index[i], index[i - 1] + 1)
    for _ in range(60):
        a = mp.matrix(points, points)
        b = mp.matrix(points, 1)
        for row, i in enumerate(index):
            power = mpf(1)
            for col in range(degree + 1):
                a[row, col] = power
                power *= xs[i]
            a[row, degree + 1] = (-1) ** row / ws[i]
            b[row] = fs[i]
        solution = mp.lu_solve(a, b)
        c = [solution[i] for i in range(degree + 1)]
        level = abs(solution[degree + 1])
        error = [w * (f - mp.polyval(c[::-1], x)) for x, f, w in zip(xs, fs, ws, strict=True)]
        # One extremum of each run of equal sign, and of those the best `points` in a row.
        runs: list[int] = []
        for i in range(n):
            if runs and (error[i] >= 0) == (error[runs[-1]] >= 0):
                if abs(error[i]) > abs(error[runs[-1]]):
                    runs[-1] = i
            else:
                runs.append(i)
        worst = max(abs(e) for e in error)
        if len(runs) < points or worst <= level * mpf("1.001"):
            break
        start = max(
            range(len(runs) - points + 1),
            key=lambda s: min(abs(error[i]) for i in runs[s : s + points]),
        )
        new = runs[start : start + points]
        if new == index:
            break
        index = new
    return c, worst


def least_squares(xs: list[mpf], fs: list[mpf], ws: list[mpf], degree: int) -> list[mpf]:
    n = degree + 1
    a = mp.matrix(n, n)
    b = mp.matrix(n, 1)
    powers = [[w * x**i for i in range(n)] for x, w in zip(xs, ws, strict=True)]
    values = [w * f for f, w in zip(fs, ws, strict=True)]
    for i in range(n):
        b[i] = mp.fdot((p[i], v) for p, v in zip(powers, values, strict=True))
        for j in range(i, n):
            a[i, j] = a[j, i] = mp.fdot((p[i], p[j]) for p in powers)
    solution = mp.lu_solve(a, b)
    return [solution[i] for i in range(n)]


def fit(f: Function, weight: Function, a: mpf, b: mpf, goal: mpf, bits: int) -> tuple[list[mpf], mpf]:
    """Coefficients, lowest power first, rounded to `bits`, and max |weight (f - p)| over [a, b]."""
    xs = [(a + b) / 2 - (b - a) / 2 * mp.cos(mp.pi * i / (GRID - 1)) for i in range(GRID)]
    xs = [x for x in xs if x != 0]
    values = [f(x) for x in xs]
    ws = [weight(x) for x in xs]
    degree = 1
    while solve_exchange(xs, values, ws, degree)[1] > goal:
        degree += 1
    c, _ = solve_exchange(xs, values, ws, degree)

    def worst(p: list[mpf]) -> mpf:
        return max(abs(w * (v - mp.polyval(p[::-1], x))) for x, v, w in zip(xs, values, ws, strict=True))

    candidates = [[round_to(x, bits) for x in c]]
    # Round the lowest coefficient, let the others make up for it (least squares), and so on upwards.
    rounded: list[mpf] = []
    rest, scale = list(values), list(ws)
    for left in range(degree, -1, -1):
        if left < degree:
            c = least_squares(xs, rest, scale, left)
        rounded.append(round_to(c[0], bits))
        rest = [(v - rounded[-1]) / x for v, x in zip(rest, xs, strict=True)]
        scale = [w * abs(x) for w, x in zip(scale, xs, strict=True)]
    candidates.append(rounded)
    return min(((p, worst(p)) for p in candidates), key=lambda found: found[1])


def mills(a: mpf) -> mpf:
    """Phi(-a) exp(a^2 / 2), Mills' ratio over sqrt(2 pi)."""
    return mp.exp(a * a / 2) * mp.erfc(a / mp.sqrt(2)) / 2


TANH_EDGE = 1
ERF_EDGE = mpf("0.875")
MILLS_SHIFT = 4
MILLS_CENTER = {24: mpf("0.625"), 53: mpf("0.75")}  # by significant bits: the least error after rounding


def arrays(bits: int) -> list[tuple[str, str, list[mpf], mpf]]:
    """(name, comment, coefficients, error) for one type."""
    single = bits == 24
    out = []

    def add(name: str, words: str, spare: float, f: Function, weight: Function, a: mpf, b: mpf) -> None:
        out.append((name, words, *fit(f, weight, a, b, mpf(2) ** -(bits + spare), bits)))

    half = mp.log(2) / 2 * mpf("1.0001")
    for name, words, spare, divisor in (
        ("kExp", "exp(r)", 2.9, mp.exp),
        ("kExpm1", "expm1(r)", 2.5, mp.expm1),
    ):
        add(
            name,
            f"exp(r) = 1 + r + r^2 P(r), |r| <= ln(2)/2, as a share of {words}",
            spare,
            lambda r: (mp.expm1(r) - r) / r**2,
            lambda r, divisor=divisor: r**2 / abs(divisor(r)),
            -half,
            half,
        )

    s2 = ((mp.sqrt(2) - 1) / (mp.sqrt(2) + 1)) ** 2 * mpf("1.0001")
    add(
        "kLog",
        "log((1+s)/(1-s)) = 2 s + s z P(z), z = s^2, sqrt(1/2) <= (1+s)/(1-s) <= sqrt(2)",
        2,
        lambda z: (2 * mp.atanh(mp.sqrt(z)) / mp.sqrt(z) - 2) / z,
        lambda z: z / 2,
        mpf(0),
        s2,
    )

    add(
        "kTanh",
        f"tanh(x) = x + x z P(z), z = x^2, |x| <= {TANH_EDGE}",
        3,
        lambda z: (mp.tanh(mp.sqrt(z)) / mp.sqrt(z) - 1) / z,
        lambda z: z / (mp.tanh(mp.sqrt(z)) / mp.sqrt(z)),
        mpf(0),
        mpf(TANH_EDGE) ** 2,
    )
    # Above TANH_EDGE exp(2 x) counts a quarter.
    add(
        "kTanhExp",
        "expm1(2 r) / 2 = r + r^2 P(r), |r| <= ln(2)/4, as a share of exp(2 r)",
        2,
        lambda r: (mp.expm1(2 * r) / 2 - r) / r**2,
        lambda r: 2 * r**2 / mp.exp(2 * r),
        -half / 2,
        half / 2,
    )

    add(
        "kErf",
        f"erf(x) = x + x P(z), z = x^2, |x| <= {ERF_EDGE}",
        4 if single else 3,
        lambda z: mp.erf(mp.sqrt(z)) / mp.sqrt(z) - 1,
        lambda z: mp.sqrt(z) / mp.erf(mp.sqrt(z)),
        mpf(0),
        ERF_EDGE**2,
    )
    most = 4 if single else 6
    add(
        "kErfTail",
        f"erf(x) = 1 - exp(P(x - 1)), {ERF_EDGE} <= x <= {most}",
        3,
        lambda s: mp.log(mp.erfc(s + 1)),
        lambda s: mp.erfc(s + 1) / mp.erf(s + 1),
        ERF_EDGE - 1,
        mpf(most) - 1,
    )

    if not single:  # for float lanes held as doubles: 2^-29 is enough
        add("kWideExp", "exp(r) = P(r), |r| <= ln(2)/2", -24.2, mp.exp, lambda r: mp.exp(-r), -half, half)
        add(
            "kWideLog1p",
            "log(1 + x) = x P(x), 0 <= x <= 1",
            -24.2,
            lambda x: mp.log1p(x) / x,
            lambda x: x / mp.log1p(x),
            mpf(0),
            mpf(1),
        )

    # v = a / (a + shift), t = 2 v - center
    shift, far, center = mpf(MILLS_SHIFT), mpf(15 if single else 40), MILLS_CENTER[bits]

    def scaled_mills(t: mpf) -> mpf:
        v = (t + center) / 2
        a = shift * v / (1 - v)
        return mills(a) * (a + shift)

    add(
        "kMills",
        f"Phi(-a) exp(a^2/2) = P(t) / (a + {MILLS_SHIFT}), "
        f"t = 2 a / (a + {MILLS_SHIFT}) - {center}, a <= {far}",
        3.5 if single else 2.5,
        scaled_mills,
        lambda t: 1 / scaled_mills(t),
        -center,
        2 * far / (far + shift) - center,
    )
    return out


def split(x: mpf, bits: int, high_bits: int) -> tuple[mpf, mpf]:
    high = round_to(x, high_bits)
    return high, round_to(x - high, bits)


def constants(bits: int) -> list[tuple[str, str, mpf]]:
    # k fits in 8 (11) bits, so k kLn2High is exact: 24 - 8 = 16 and 53 - 11 = 42.
    ln2 = split(mp.log(2), bits, 16 if bits == 24 else 42)
    out = [
        ("kLog2e", "1 / ln(2)", round_to(1 / mp.log(2), bits)),
        ("kHalfLn2", "ln(2) / 2", round_to(mp.log(2) / 2, bits)),
        ("kLn2High", "ln(2), so short that a product with an exponent is exact", ln2[0]),
        ("kLn2Low", "ln(2) - kLn2High", ln2[1]),
        ("kMillsShift", "of kMills", mpf(MILLS_SHIFT)),
        ("kMillsCenter", "of kMills", MILLS_CENTER[bits]),
        ("kEpsilon", "ulp(1)", mpf(2) ** (1 - bits)),
        ("kLog2Epsilon", "its exponent", mpf(1 - bits)),
        ("kSqrt2", "sqrt(2)", round_to(mp.sqrt(2), bits)),
        ("kInvSqrt2Pi", "1 / sqrt(2 pi)", round_to(1 / mp.sqrt(2 * mp.pi), bits)),
    ]
    for name, words, x in (
        ("kGelu1", "2 sqrt(2/pi)", 2 * mp.sqrt(2 / mp.pi)),
        ("kGelu3", "2 sqrt(2/pi) 0.044715", 2 * mp.sqrt(2 / mp.pi) * mpf("0.044715")),
    ):
        high, low = split(x, bits, bits)
        out += [(name, words, high), (name + "Low", f"{words} - {name}", low)]
    return out


def render() -> str:
    lines = [
        "#pragma once",
        "// Written by cpp/tools/make_coefficients.py; do not edit. Errors are shares of the function's value.",
        "",
        '#include "kernels/vec.hpp"',
        "",
        "namespace nnfast::NNFAST_ISA {",
        "",
        "template <class T>",
        "struct Coefficients;",
    ]
    for name, bits in (("float", 24), ("double", 53)):
        lines += ["", "template <>", f"struct Coefficients<{name}> {{"]
        for constant, words, value in constants(bits):
            lines.append(f"  static constexpr {name} {constant} = {literal(value, bits)};  // {words}")
        for array, words, coefficients, error in arrays(bits):
            size = float(mp.log(error, 2))
            print(f"{name} {array}: degree {len(coefficients) - 1}, error 2^{size:.2f}", file=sys.stderr)
            lines.append(f"  // {words}: error 2^{size:.1f}")
            lines.append(f"  static constexpr {name} {array}[] = {{")
            lines += [f"      {literal(c, bits)}," for c in coefficients]
            lines.append("  };")
        lines.append("};")
    lines += ["", "}  // namespace nnfast::NNFAST_ISA", ""]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the file would change")
    check = parser.parse_args().check
    text = render()
    if check:
        return int(not OUTPUT.exists() or OUTPUT.read_text() != text)
    OUTPUT.write_text(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
