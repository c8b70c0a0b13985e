"use strict";
/* Solve a model in the page.
 *
 * One method serves stiff and other models: Rodas5P, a Rosenbrock method of order 5(4) with
 * dense output of order 4 and the exact Jacobian. G. Steinebach (2023), BIT 63:27, in the
 * transformed form of Hairer & Wanner, Solving ODEs II, (IV.7.25); the same coefficients as
 * in the C core. Steps end at the breaks of the inputs.
 */
const solver = (() => {
  const GAMMA = 0.21193756319429014;
  const NODES = [0, 0.6358126895828704, 0.4095798393397535, 0.9769306725060716,
    0.4288403609558664, 1, 1, 1];
  const TIME_WEIGHTS = [0.21193756319429014, -0.42387512638858027, -0.3384627126235924,
    1.8046452872882734, 2.325825639765069, 0, 0, 0];
  const A = [
    [],
    [3],
    [2.849394379747939, 0.45842242204463923],
    [-6.954028509809101, 2.489845061869568, -10.358996098473584],
    [2.8029986275628964, 0.5072464736228206, -0.3988312541770524, -0.04721187230404641],
    [-7.502846399306121, 2.561846144803919, -11.627539656261098, -0.18268767659942256,
      0.030198172008377946],
  ];
  const C = [
    [],
    [-14.155112264123755],
    [-17.97296035885952, -2.859693295451294],
    [147.12150275711716, -1.41221402718213, 71.68940251302358],
    [165.43517024871676, -0.4592823456491126, 42.90938336958603, -5.961986721573306],
    [24.854864614690072, -3.0009227002832186, 47.4931110020768, 5.5814197821558125,
      -0.6610691825249471],
    [30.91273214028599, -3.1208243349937974, 77.79954646070892, 34.28646028294783,
      -19.097331116725623, -28.087943162872662],
    [37.80277123390563, -3.2571969029072276, 112.26918849496327, 66.9347231244047,
      -40.06618937091002, -54.66780262877968, -9.48861652309627],
  ];
  const H = [
    [25.948786856663858, -2.5579724845846235, 10.433815404888879, -2.3679251022685204,
      0.524948541321073, 1.1241088310450404, 0.4272876194431874, -0.17202221070155493],
    [-9.91568850695171, -0.9689944594115154, 3.0438037242978453, -24.495224566215796,
      20.176138334709044, 15.98066361424651, -6.789040303419874, -6.710236069923372],
    [11.419903575922262, 2.8879645146136994, 72.92137995996029, 80.12511834622643,
      -52.072871366152654, -59.78993625266729, -0.15582684282751913, 4.883087185713722],
  ];
  const STAGES = 8, ERROR_SCALE = 2.5;
  /* So that what is shown agrees with a tight solve to 1e-6. */
  const RTOL = 1e-9, ATOL = 1e-11;
  const MOST_STEPS = 200000, MOST_MILLISECONDS = 3000, LARGEST = 1e100;

  /* Factor a matrix in place, with partial pivoting; false if it is singular. */
  function factor(n, m, pivots) {
    for (let k = 0; k < n; k++) {
      let best = k;
      for (let i = k + 1; i < n; i++)
        if (Math.abs(m[i * n + k]) > Math.abs(m[best * n + k])) best = i;
      pivots[k] = best;
      if (!(Math.abs(m[best * n + k]) > 0)) return false;
      if (best !== k)
        for (let j = 0; j < n; j++) {
          const swap = m[k * n + j];
          m[k * n + j] = m[best * n + j];
          m[best * n + j] = swap;
        }
      for (let i = k + 1; i < n; i++) {
        const share = (m[i * n + k] /= m[k * n + k]);
        for (let j = k + 1; j < n; j++) m[i * n + j] -= share * m[k * n + j];
      }
    }
    return true;
  }

  /* Solve with these factors, in place, from an offset on. */
  function back(n, m, pivots, x, at) {
    for (let k = 0; k < n; k++) {
      const value = x[at + pivots[k]];
      x[at + pivots[k]] = x[at + k];
      x[at + k] = value;
    }
    for (let i = 1; i < n; i++)
      for (let j = 0; j < i; j++) x[at + i] -= m[i * n + j] * x[at + j];
    for (let i = n - 1; i >= 0; i--) {
      for (let j = i + 1; j < n; j++) x[at + i] -= m[i * n + j] * x[at + j];
      x[at + i] /= m[i * n + i];
    }
  }

  /* ---- inputs: value, slope and breaks; `end` is where the present stretch ends, so that a
   * value there is the one from the left */

  const constant = (value) => ({ value: () => value, slope: () => 0, breaks: [] });

  function episode(base, time, height, sd) {
    const bell = (t) => height * Math.exp(-0.5 * ((t - time) / sd) ** 2);
    return {
      value: (t) => base + bell(t),
      slope: (t) => (-(t - time) / (sd * sd)) * bell(t),
      breaks: [-6, -4, -2, 0, 2, 4, 6].map((k) => time + k * sd),
    };
  }

  function pulse(base, time, height, width) {
    return {
      value: (t, end) => {
        const begun = t === end ? t > time : t >= time;
        const going = t === end ? t <= time + width : t < time + width;
        return begun && going ? base + height : base;
      },
      slope: () => 0,
      breaks: [time, time + width],
    };
  }

  /* The dose of a therapy in sessions; see tr.Sessions for where the numbers come from. */
  function sessions(first, every, count) {
    const EFFECT = 0.12, RISE = 8, DECAY = 45;
    const times = Array.from({ length: count }, (_, k) => first + every * k);
    function sums(t) {
      let sum = 0, slope = 0;
      for (const time of times) {
        const s = t - time;
        if (s < -2.5) break;
        const bend = Math.tanh(RISE * s);
        const fade = Math.exp(-Math.max(s, 0) / DECAY);
        sum += 0.5 * (1 + bend) * fade;
        slope += 0.5 * RISE * (1 - bend * bend) * fade;
        if (s > 0) slope -= (0.5 * (1 + bend) * fade) / DECAY;
      }
      return [sum, slope];
    }
    return {
      value: (t) => -Math.expm1(-EFFECT * sums(t)[0]),
      slope: (t) => {
        const [sum, slope] = sums(t);
        return EFFECT * slope * Math.exp(-EFFECT * sum);
      },
      breaks: times.flatMap((t) => [-1, -0.5, -0.25, 0, 0.25, 0.5, 1].map((s) => t + s)),
    };
  }

  /* Piecewise cubics, as Python made them. */
  function table(knots, pieces, breaks) {
    function at(t, end) {
      let low = 0, high = knots.length;
      while (high - low > 1) {
        const middle = (low + high) >> 1;
        if (knots[middle] <= t && !(t === end && knots[middle] === end)) low = middle;
        else high = middle;
      }
      return low;
    }
    return {
      value: (t, end) => {
        const k = at(t, end), s = t - knots[k], [a, b, c, d] = pieces[k];
        return a + s * (b + s * (c + s * d));
      },
      slope: (t, end) => {
        const k = at(t, end), s = t - knots[k], [, b, c, d] = pieces[k];
        return b + s * (2 * c + s * 3 * d);
      },
      breaks,
    };
  }

  /* ---- one solve */

  /* Solve from y0; what is reached comes back whatever happens, with `trouble` in words. */
  function solve(model, p, y0, inputs, t0, t1) {
    const n = y0.length, k = inputs.length;
    const steps = [];
    const u = new Float64Array(k), f = new Float64Array(n);
    const slopes = new Float64Array(n * (n + 1 + k));
    const stage = new Float64Array(STAGES * n), matrix = new Float64Array(n * n);
    const pivots = new Int32Array(n), dfdt = new Float64Array(n), next = new Float64Array(n);
    const begun = performance.now();
    let y = Float64Array.from(y0), t = t0, h = 0, taken = 0, trouble = "";

    const outside = (time, end) => {
      for (let i = 0; i < k; i++) u[i] = inputs[i].value(time, end);
    };
    const unfinite = (values) => values.findIndex((value) => !Number.isFinite(value));
    const size = (values, a, b) => {
      let sum = 0;
      for (let i = 0; i < n; i++) {
        const share = values[i] / (ATOL + RTOL * Math.max(Math.abs(a[i]), Math.abs(b[i])));
        sum += share * share;
      }
      return Math.sqrt(sum / n);
    };
    const stops = [...new Set(inputs.flatMap((input) => [...input.breaks]))]
      .filter((time) => time > t0 && time < t1)
      .sort((a, b) => a - b);
    stops.push(t1);

    const wrong = unfinite(y);
    if (wrong >= 0) return { steps, t, y, taken, trouble: "no start", state: wrong };

    let state = -1;
    outer: for (const stop of stops) {
      outside(t, stop);
      model.rhs(t, y, p, u, f);
      state = unfinite(f);
      if (state >= 0) { trouble = "not finite"; break; }
      const fastest = size(f, y, y) * RTOL;
      const guess = fastest > 0 ? (0.01 * RTOL ** 0.2) / fastest : stop - t;
      h = h > 0 ? Math.min(h, Math.max(guess, h * 0.01)) : guess;
      while (t < stop) {
        const floor = 16 * Number.EPSILON * Math.max(Math.abs(t), Math.abs(t1));
        const left = stop - t;
        let last = false;
        if (h >= left * (1 - 1e-10)) { h = left; last = true; }
        else if (h > 0.5 * left) h = 0.5 * left;
        outside(t, stop);
        model.rhs(t, y, p, u, f);
        model.slopes(t, y, p, u, slopes);
        for (let i = 0; i < n; i++) {
          dfdt[i] = slopes[n * n + i];
          for (let j = 0; j < k; j++)
            dfdt[i] += slopes[n * n + n + i * k + j] * inputs[j].slope(t, stop);
        }
        for (;;) {
          if (++taken > MOST_STEPS) { trouble = "too many steps"; break outer; }
          if ((taken & 63) === 0 && performance.now() - begun > MOST_MILLISECONDS) {
            trouble = "too slow";
            break outer;
          }
          if (!(h > floor) && !last) { trouble = "step too small"; break outer; }
          const reached = attempt(stop, last ? stop : t + h);
          const measured = reached ? ERROR_SCALE * size(stage.subarray(7 * n), y, next) : NaN;
          const error = measured >= 0 ? measured : Infinity;
          if (error <= 1) {
            steps.push({ t, h, coefficients: dense() });
            t = last ? stop : t + h;
            y = Float64Array.from(next);
            h *= Math.min(5, Math.max(0.2, 0.85 * Math.max(error, 1e-10) ** -0.2));
            if (y.some((value) => Math.abs(value) > LARGEST)) { trouble = "grows"; break outer; }
            break;
          }
          if (last) last = false;
          h *= Number.isFinite(error) ? Math.max(0.2, 0.85 * error ** -0.2) : 0.2;
          if (!(h > floor)) {
            state = unfinite(next);
            trouble = state >= 0 ? "not finite" : "step too small";
            break outer;
          }
        }
      }
    }
    return { steps, t, y, taken, trouble, state };

    /* Take the stages of one step; false if something is not finite or singular. */
    function attempt(stop, end) {
      const inverse = 1 / h;
      for (let i = 0; i < n * n; i++) matrix[i] = -slopes[i];
      for (let i = 0; i < n; i++) matrix[i * n + i] += 1 / (h * GAMMA);
      if (!factor(n, matrix, pivots)) return false;
      for (let s = 0; s < STAGES; s++) {
        const here = s * n;
        for (let i = 0; i < n; i++) {
          let point = y[i], sum = 0;
          if (s < 6) for (let r = 0; r < s; r++) point += A[s][r] * stage[r * n + i];
          else point = next[i] + stage[here - n + i];
          for (let r = 0; r < s; r++) sum += C[s][r] * stage[r * n + i];
          next[i] = point;
          stage[here + i] = sum * inverse + h * TIME_WEIGHTS[s] * dfdt[i];
        }
        if (s > 0) {
          const time = NODES[s] === 1 ? end : t + NODES[s] * h;
          outside(time, stop);
          model.rhs(time, next, p, u, f);
        }
        for (let i = 0; i < n; i++) stage[here + i] += f[i];
        back(n, matrix, pivots, stage, here);
      }
      for (let i = 0; i < n; i++) next[i] += stage[7 * n + i];
      const fine = next.every(Number.isFinite);
      outside(t, stop);
      model.rhs(t, y, p, u, f);
      return fine;
    }

    /* The polynomial of a step that was taken, in powers of its share. */
    function dense() {
      const coefficients = new Float64Array(5 * n);
      for (let i = 0; i < n; i++) {
        const sum = H.map((row) => row.reduce((total, w, s) => total + w * stage[s * n + i], 0));
        coefficients[i] = y[i];
        coefficients[n + i] = next[i] - y[i] + sum[0];
        coefficients[2 * n + i] = sum[1] - sum[0];
        coefficients[3 * n + i] = sum[2] - sum[1];
        coefficients[4 * n + i] = -sum[2];
      }
      return coefficients;
    }
  }

  /* Evaluate a solution at a time inside of what was reached. */
  function evaluate(solution, time) {
    const { steps } = solution, n = solution.y.length;
    if (!steps.length || time >= solution.t) return Float64Array.from(solution.y);
    let low = 0, high = steps.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (steps[middle].t <= time) low = middle;
      else high = middle - 1;
    }
    const { t, h, coefficients: c } = steps[low], x = (time - t) / h;
    const y = new Float64Array(n);
    for (let i = 0; i < n; i++)
      y[i] = c[i] + x * (c[n + i] + x * (c[2 * n + i] + x * (c[3 * n + i] + x * c[4 * n + i])));
    return y;
  }

  return { constant, episode, pulse, sessions, table, solve, evaluate };
})();
