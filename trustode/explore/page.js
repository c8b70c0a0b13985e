"use strict";
/* The page: controls, figures and the link that holds them.
 *
 * `model` (generated), `solver` and the data block are all that it reads. Texts of the model are
 * set as text, never as markup.
 */
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const { states, params, inputs, observables } = data;
  const unit = data.time_unit ? ` ${data.time_unit}` : "";
  const get = (id) => document.getElementById(id);
  /* Told apart by dashes as well as by colours (Okabe & Ito's, which the colour-blind can read). */
  const LOOKS = [["#000000", ""], ["#0072b2", "7 3"], ["#d55e00", "2 2"], ["#009e73", "9 3 2 3"],
    ["#cc79a7", "4 2"], ["#8a6d00", "12 3"], ["#56b4e9", "5 2 1 2 1 2"], ["#666666", "1 3"]];
  const SLIDER_STEPS = 400, SAMPLES = 600;
  const series = [...states, ...observables].map((each) => each.name);
  const KINDS = {
    constant: ["value"],
    episode: ["value", "time", "height", "sd"],
    pulse: ["value", "time", "height", "width"],
    sessions: ["first", "every", "number"],
    given: [],
  };
  const FIELDS = {
    value: ["outside of it", "", ""], time: ["when", unit, ""], height: ["height", "", ""],
    sd: ["standard deviation", unit, "positive"], width: ["width", unit, "positive"],
    first: ["first session", unit, ""], every: ["days between", "", "positive"],
    number: ["how many", "", "whole"],
  };

  /* ------------------------------------------------------------ small helpers */

  function make(tag, parent, attributes = {}, text = "") {
    const element = document.createElement(tag);
    return dress(element, parent, attributes, text);
  }

  function draw(tag, parent, attributes = {}, text = "") {
    return dress(document.createElementNS("http://www.w3.org/2000/svg", tag), parent, attributes, text);
  }

  function dress(element, parent, attributes, text) {
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    if (text !== "") element.textContent = text;
    if (parent) parent.append(element);
    return element;
  }

  /* A number for reading: six digits, and no more noughts than are needed. */
  function shown(value, digits = 6) {
    if (value === null || !Number.isFinite(value)) return "–";
    return String(Number(value.toPrecision(digits))).replace("-", "−");
  }
  const plain = (value) => String(Number(value.toPrecision(12)));

  /* Round to what a slider's step can tell apart. */
  function rounded(value, grain) {
    const digits = Math.max(0, Math.min(15, Math.ceil(-Math.log10(grain))));
    return grain < 1 ? Number(value.toFixed(digits)) : Number(value.toPrecision(4));
  }

  const listed = (names, most) =>
    names.slice(0, most).join(", ") + (names.length > most ? " and others" : "");

  /* ------------------------------------------------------------ what is chosen */

  const usual = () => ({
    p: params.map((each) => each.value),
    y: states.map((each) => each.start),
    u: inputs.map((each) => ({ kind: each.kind, ...each.fields })),
    end: data.span[1],
    at: data.span[1],
    lines: new Set(data.lines),
    across: data.plane[0],
    up: data.plane[1],
    of: data.plane[1],
  });
  let now = usual();
  let solution = null, samples = null;

  function starts() {
    const y = new Float64Array(states.length);
    model.initial(data.span[0], y, now.p, inputs.map((each) => each.fields.value), y);
    now.y.forEach((value, i) => { if (value !== null) y[i] = value; });
    return y;
  }

  function outside(k) {
    const u = now.u[k];
    if (u.kind === "episode") return solver.episode(u.value, u.time, u.height, u.sd);
    if (u.kind === "pulse") return solver.pulse(u.value, u.time, u.height, u.width);
    if (u.kind === "sessions") return solver.sessions(u.first, u.every, u.number);
    if (u.kind === "given") {
      const { knots, pieces, breaks } = inputs[k].table;
      return solver.table(knots, pieces, breaks);
    }
    return solver.constant(u.value);
  }

  /* ------------------------------------------------------------ the link */

  function encoded() {
    const basis = usual(), parts = [];
    const put = (key, value) => parts.push(`${encodeURIComponent(key)}=${encodeURIComponent(value)}`);
    params.forEach((each, i) => { if (now.p[i] !== basis.p[i]) put(each.name, plain(now.p[i])); });
    states.forEach((each, i) => {
      if (now.y[i] !== basis.y[i]) put(`${each.name}(0)`, plain(now.y[i] ?? starts()[i]));
    });
    inputs.forEach((each, k) => {
      const written = (u) => [u.kind, ...KINDS[u.kind].map((name) => plain(u[name]))].join(",");
      if (written(now.u[k]) !== written(basis.u[k])) put(each.name, written(now.u[k]).replace(",", ":"));
    });
    if (now.end !== basis.end) put("~end", plain(now.end));
    if (now.at !== now.end) put("~at", plain(now.at));
    if ([...now.lines].sort().join() !== [...basis.lines].sort().join()) put("~lines", [...now.lines].join("."));
    for (const key of ["across", "up", "of"])
      if (now[key] !== basis[key]) put(`~${key}`, states[now[key]].name);
    return parts.join("&");
  }

  /* Read a link; what it names wrongly is said, and left as usual. */
  function decoded(text) {
    const made = usual(), wrong = [];
    const number = (words) => (words.trim() === "" ? NaN : Number(words));
    made.at = null;
    for (const [key, words] of new URLSearchParams(text)) {
      const p = params.findIndex((each) => each.name === key);
      const y = states.findIndex((each) => `${each.name}(0)` === key);
      const u = inputs.findIndex((each) => each.name === key);
      const state = states.findIndex((each) => each.name === words);
      const value = number(words);
      let fine = true;
      if (p >= 0) {
        fine = allowed(params[p], value);
        if (fine) made.p[p] = value;
      } else if (y >= 0) {
        fine = Number.isFinite(value);
        if (fine) made.y[y] = value;
      } else if (u >= 0) {
        const [kind, rest = ""] = words.split(":");
        const values = rest === "" ? [] : rest.split(",").map(number);
        const names = Object.hasOwn(KINDS, kind) ? KINDS[kind] : null;
        fine = names !== null && inputs[u].kinds.includes(kind) && values.length === names.length;
        const found = { ...made.u[u], kind };
        if (fine) names.forEach((name, i) => { found[name] = values[i]; });
        fine &&= names.every((name) => fits(inputs[u], found, name, found[name]));
        if (fine) made.u[u] = found;
      } else if (key === "~end") {
        fine = Number.isFinite(value) && value > data.span[0];
        if (fine) made.end = value;
      } else if (key === "~at") {
        fine = Number.isFinite(value);
        if (fine) made.at = value;
      } else if (key === "~lines") {
        const names = words.split(".").filter(Boolean);
        fine = names.every((name) => series.includes(name));
        if (fine) made.lines = new Set(names);
      } else if (["~across", "~up", "~of"].includes(key)) {
        fine = state >= 0;
        if (fine) made[key.slice(1)] = state;
      } else fine = false;
      if (!fine) wrong.push(`${key} = ${words}`.slice(0, 60));
    }
    made.at = Math.min(made.end, Math.max(data.span[0], made.at ?? made.end));
    now = made;
    say(wrong.length ? `Not understood in the link, and left as usual: ${listed(wrong, 4)}.` : "");
  }

  const allowed = (each, value) =>
    Number.isFinite(value) && value >= (each.min ?? -Infinity) && value <= (each.max ?? Infinity);

  /* Whether a field of an input takes a value: its own rule, and the input's bounds. */
  function fits(each, u, name, value) {
    if (!Number.isFinite(value)) return false;
    if (name === "value") return allowed(each, value);
    if (name === "height") return allowed(each, u.value + value);
    if (FIELDS[name][2] === "positive") return value > 0;
    if (FIELDS[name][2] === "whole") return Number.isInteger(value) && value >= 1 && value <= 500;
    return true;
  }

  /* Lower an episode or a pulse that would leave its input's bounds. */
  function within(each, u) {
    if (!KINDS[u.kind].includes("height")) return;
    const low = (each.min ?? -Infinity) - u.value, high = (each.max ?? Infinity) - u.value;
    u.height = Math.min(Math.max(u.height, low), high);
  }

  function say(text) { get("said").textContent = text; }

  /* ------------------------------------------------------------ controls */

  const refreshers = [];

  /* A labelled slider with a box for exact numbers and a way back.
   * `read` gives the value, `usual` what it was at first, `write` takes a new one. */
  function slider(parent, { name, words, low, high, log, whole, read, usual: first, write, fine }) {
    const row = make("div", parent, { class: "row" });
    const label = make("label", row);
    make("b", label, {}, name);
    if (words) make("span", label, {}, ` ${words}`);
    const range = make("input", row, { type: "range", min: 0, max: SLIDER_STEPS, step: 1 });
    const box = make("input", row, { type: "number", step: "any", "aria-label": `${name}, exact` });
    const back = make("button", row, { type: "button", class: "back", title: "back to what it was", "aria-label": `${name}: back to what it was` }, "↺");
    range.id = `s${refreshers.length}`;
    label.htmlFor = range.id;
    const grain = (high - low) / SLIDER_STEPS;
    const toValue = (k) => {
      if (log) return Number((low * (high / low) ** (k / SLIDER_STEPS)).toPrecision(4));
      if (whole) return Math.round(low + grain * k);
      return k === SLIDER_STEPS ? high : k === 0 ? low : rounded(low + grain * k, grain);
    };
    const toPlace = (value) => log ? (Math.log(value / low) / Math.log(high / low)) * SLIDER_STEPS
      : (value - low) / grain;
    range.addEventListener("input", () => { write(toValue(Number(range.value))); changed(); });
    box.addEventListener("input", () => {
      const value = box.value === "" ? NaN : Number(box.value);
      row.classList.toggle("bad", !fine(value));
      if (fine(value)) { write(value); changed(box); }
    });
    back.addEventListener("click", () => { write(first()); changed(); range.focus(); });
    refreshers.push((typing) => {
      const value = read();
      range.value = toPlace(value);
      range.setAttribute("aria-valuetext", plain(value));
      if (box !== typing) { box.value = plain(value); row.classList.remove("bad"); }
      row.classList.toggle("changed", value !== first());
    });
    return row;
  }

  function parameter(parent, i) {
    const each = params[i];
    const words = [each.meaning, each.unit && `(${each.unit})`].filter(Boolean).join(" ");
    const row = slider(parent, {
      name: each.name, words, low: each.low, high: each.high, log: each.log,
      read: () => now.p[i], usual: () => each.value,
      write: (value) => { now.p[i] = value; }, fine: (value) => allowed(each, value),
    });
    row.title = [each.theme, each.source].filter(Boolean).join(" — ");
    return row;
  }

  function input(parent, k) {
    const each = inputs[k];
    const group = make("div", parent, { class: "outside" });
    const head = make("div", group, { class: "choices" });
    const label = make("label", head, {}, "");
    make("b", label, {}, each.name);
    if (each.meaning) make("span", label, { class: "soft" }, ` ${each.meaning} `);
    const choice = make("select", label);
    for (const kind of each.kinds) make("option", choice, { value: kind }, kind === "given" ? "as given" : kind);
    choice.addEventListener("change", () => { now.u[k].kind = choice.value; within(each, now.u[k]); changed(); });
    const span = data.span[1] - data.span[0];
    const ranges = {
      value: each.range, time: [data.span[0], data.span[1]], height: each.heights,
      sd: [span / 2000, span / 10], width: [span / 600, span], first: [data.span[0], data.span[1]],
      every: [1, 30], number: [1, 100],
    };
    const rows = {};
    for (const name of Object.keys(FIELDS)) {
      const [words, units, kind] = FIELDS[name];
      rows[name] = slider(group, {
        name: words, words: units && `(${units.trim()})`, low: ranges[name][0], high: ranges[name][1],
        log: name === "sd" || name === "width", whole: kind === "whole",
        read: () => now.u[k][name], usual: () => each.fields[name],
        write: (value) => { now.u[k][name] = value; within(each, now.u[k]); },
        fine: (value) => fits(each, now.u[k], name, value),
      });
    }
    refreshers.push(() => {
      choice.value = now.u[k].kind;
      for (const [name, row] of Object.entries(rows)) row.hidden = !KINDS[now.u[k].kind].includes(name);
      rows.value.querySelector("b").textContent = now.u[k].kind === "constant" ? "value" : "outside of it";
      for (const row of Object.values(rows)) row.style.display = row.hidden ? "none" : "";
    });
  }

  function build() {
    get("name").textContent = data.name;
    get("description").textContent = data.description;
    get("source").textContent = data.source;
    get("caution").textContent = data.caution;
    get("made").textContent = data.made;
    const [begin, finish] = data.span, length = finish - begin;
    slider(get("times"), {
      name: "end", words: unit && `(${unit.trim()})`, low: begin + length / 20, high: begin + 5 * length,
      read: () => now.end, usual: () => finish, fine: (value) => value > begin,
      write: (value) => { if (now.at === now.end || now.at > value) now.at = value; now.end = value; },
    });
    slider(get("times"), {
      name: "look at", words: `the mark in the figures${unit && ` (${unit.trim()})`}`, low: begin,
      high: finish, read: () => now.at, usual: () => now.end,
      fine: (value) => value >= begin && value <= now.end,
      write: (value) => { now.at = Math.min(value, now.end); },
    });
    inputs.forEach((_, k) => input(get("inputs"), k));
    get("outside").hidden = !inputs.length;
    const rest = params.map((_, i) => i).filter((i) => !data.chosen.includes(i));
    data.chosen.forEach((i) => parameter(get("chosen"), i));
    get("chosen").parentElement.hidden = !params.length;
    get("others").hidden = !rest.length;
    get("others-title").textContent = `${rest.length} more parameter${rest.length === 1 ? "" : "s"}`;
    if (data.why) make("p", get("chosen"), { class: "note" }, data.why);
    const groups = new Map();
    for (const i of rest) {
      const theme = params[i].theme.split(":")[0];
      if (!groups.has(theme)) groups.set(theme, make("div", get("rest")));
      const group = groups.get(theme);
      if (!group.childElementCount) make("h3", group, {}, theme);
      const row = parameter(group, i);
      row.dataset.words = `${params[i].name} ${params[i].meaning} ${params[i].theme}`.toLowerCase();
    }
    get("find").addEventListener("input", () => {
      const wanted = get("find").value.trim().toLowerCase();
      for (const group of groups.values()) {
        let any = false;
        for (const row of group.querySelectorAll(".row")) {
          const found = row.dataset.words.includes(wanted);
          row.style.display = found ? "" : "none";
          any = any || found;
        }
        group.style.display = any ? "" : "none";
      }
    });
    states.forEach((each, i) => {
      slider(get("starts"), {
        name: `${each.name}(0)`, words: each.meaning, low: each.low, high: each.high,
        read: () => now.y[i] ?? starts()[i], fine: Number.isFinite,
        usual: () => each.start ?? plainStart(i),
        write: (value) => { now.y[i] = each.start === null && value === plainStart(i) ? null : value; },
      });
    });
    series.forEach((name, i) => {
      const label = make("label", get("lines"));
      const tick = make("input", label, { type: "checkbox" });
      label.append(` ${name}`);
      const each = [...states, ...observables][i];
      if (each.meaning) label.title = each.meaning;
      tick.addEventListener("change", () => {
        if (tick.checked) now.lines.add(name); else now.lines.delete(name);
        changed();
      });
      refreshers.push(() => { tick.checked = now.lines.has(name); });
    });
    get("plane-figure").hidden = states.length < 2;
    for (const key of ["across", "up", "of"]) {
      states.forEach((each, i) => make("option", get(key), { value: i }, each.name));
      get(key).addEventListener("change", () => { now[key] = Number(get(key).value); changed(); });
      refreshers.push(() => { get(key).value = now[key]; });
    }
    get("reset").addEventListener("click", () => { now = usual(); say("All is as it was at first."); changed(); });
    get("copy").addEventListener("click", copy);
    get("save").addEventListener("click", save);
    if (data.diagram) {
      get("diagram-figure").hidden = false;
      get("diagram-title").textContent = `Where it can settle, by ${data.diagram.name}`;
    }
  }

  function plainStart(i) {
    const y = new Float64Array(states.length);
    model.initial(data.span[0], y, now.p, inputs.map((each) => each.fields.value), y);
    return y[i];
  }

  async function copy() {
    remember();
    try {
      await navigator.clipboard.writeText(location.href);
      say("The link to this picture is copied.");
    } catch {
      say("The address bar holds the link to this picture; copy it from there.");
    }
  }

  function save() {
    const rows = [["t", ...series].join(",")];
    for (let k = 0; k < samples.t.length; k++)
      rows.push([samples.t[k], ...samples.values.map((line) => line[k])].join(","));
    const link = make("a", null, {
      href: URL.createObjectURL(new Blob([rows.join("\n") + "\n"], { type: "text/csv" })),
      download: `${data.name.replace(/[^\w.-]+/g, "-")}.csv`,
    });
    link.click();
    URL.revokeObjectURL(link.href);
  }

  function remember() {
    const hash = `#${encoded()}`;
    if (hash === location.hash || (hash === "#" && !location.hash)) return;
    try {
      history.replaceState(null, "", hash);
    } catch {
      location.hash = hash;
    }
  }

  let waiting = 0, later = 0;
  function changed(typing = null) {
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(() => { compute(); refresh(typing); });
    clearTimeout(later);
    later = setTimeout(remember, 300);
  }

  function refresh(typing = null) {
    for (const each of refreshers) each(typing);
    picture();
  }

  /* ------------------------------------------------------------ numbers */

  function compute() {
    const given = inputs.map((_, k) => outside(k));
    solution = solver.solve(model, now.p, starts(), given, data.span[0], now.end);
    const times = new Set();
    const reached = solution.t;
    for (let k = 0; k <= SAMPLES; k++)
      times.add(k === SAMPLES ? reached : data.span[0] + ((reached - data.span[0]) * k) / SAMPLES);
    const stride = Math.ceil(solution.steps.length / (4 * SAMPLES));
    solution.steps.forEach((step, k) => { if (k % stride === 0) times.add(step.t); });
    const t = [...times].sort((a, b) => a - b);
    const values = series.map(() => new Float64Array(t.length));
    const arriving = inputs.map(() => new Float64Array(t.length));
    t.forEach((time, k) => {
      const [row, u] = readings(time, given);
      row.forEach((value, i) => { values[i][k] = value; });
      u.forEach((value, i) => { arriving[i][k] = value; });
    });
    samples = { t, values, arriving, given };
    get("trouble").textContent = inWords();
    const left = states.filter((each, i) => each.bounds && values[i].some(
      (value) => value < each.bounds[0] - 1e-6 || value > each.bounds[1] + 1e-6));
    get("left").textContent = left.length
      ? `Outside of the region in which the model makes sense: ${listed(left.map((each) => each.name), 5)}.` : "";
    numbers();
  }

  /* States and observables, and inputs, at a time. */
  function readings(time, given) {
    const y = solver.evaluate(solution, time);
    const u = given.map((each) => each.value(time));
    const read = new Float64Array(observables.length);
    model.observe(time, y, now.p, u, read);
    return [[...y, ...read], u];
  }

  function inWords() {
    const { trouble, t, state } = solution;
    if (!trouble) return "";
    const name = state >= 0 ? states[state].name : "";
    const why = {
      "no start": `The start of ${name} is not a number.`,
      "not finite": name ? `The equation of ${name} has no finite value there.` : "An equation has no finite value there.",
      "too many steps": "It takes too many steps to go on: the states change too fast for this span.",
      "too slow": "It takes too long to go on; choose a shorter span.",
      "step too small": "The solution seems to have a singularity there.",
      grows: "The states grow without bound there.",
    }[trouble];
    return `Stopped at t = ${shown(t)}${unit} of ${shown(now.end)}. ${why} What is drawn ends there.`;
  }

  function numbers() {
    const table = get("numbers");
    table.replaceChildren();
    const at = Math.min(now.at, solution.t);
    const head = make("tr", make("thead", table));
    for (const words of ["", `at t = ${shown(at)}`, "lowest", "highest", `at the end, t = ${shown(solution.t)}`])
      make("th", head, { scope: "col" }, words);
    const body = make("tbody", table);
    const [here] = readings(at, samples.given), [last] = readings(solution.t, samples.given);
    series.forEach((name, i) => {
      const row = make("tr", body, { "data-name": name });
      make("th", row, { scope: "row" }, name);
      const line = samples.values[i];
      for (const value of [here[i], extent([line])[0], extent([line])[1], last[i]])
        make("td", row, { "data-value": value }, shown(value));
    });
  }

  /* ------------------------------------------------------------ figures */

  function extent(lines) {
    let low = Infinity, high = -Infinity;
    for (const line of lines)
      for (const value of line)
        if (Number.isFinite(value)) { low = Math.min(low, value); high = Math.max(high, value); }
    return low <= high ? [low, high] : [0, 1];
  }

  function roomy([low, high], share = 0.05) {
    const pad = (high - low || Math.abs(high) || 1) * share;
    return [low - pad, high + pad];
  }

  function ticks([low, high], most) {
    const raw = (high - low) / most, power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].find((k) => k * power >= raw) * power;
    const made = [];
    for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++) made.push(k * step);
    return made;
  }

  /* An empty figure with axes; x and y turn numbers into places. */
  function frame(id, height, xs, ys, names, margin = { right: 14 }) {
    const box = get(id), width = Math.max(260, box.clientWidth);
    const left = 52, right = width - margin.right, top = 8, bottom = height - 38;
    box.replaceChildren();
    const svg = draw("svg", box, { viewBox: `0 0 ${width} ${height}`, height, role: "img", "aria-label": names.alt });
    const clip = draw("clipPath", draw("defs", svg), { id: `${id}-clip` });
    draw("rect", clip, { x: left, y: top, width: right - left, height: bottom - top });
    const x = (value) => left + ((value - xs[0]) / (xs[1] - xs[0])) * (right - left);
    const y = (value) => bottom - ((value - ys[0]) / (ys[1] - ys[0])) * (bottom - top);
    for (const value of ticks(ys, Math.max(4, height / 50))) {
      draw("line", svg, { x1: left, x2: right, y1: y(value), y2: y(value), stroke: "#e6e6e6" });
      draw("text", svg, { x: left - 6, y: y(value) + 4, "text-anchor": "end" }, shown(value));
    }
    for (const value of ticks(xs, Math.max(3, width / 95))) {
      draw("line", svg, { x1: x(value), x2: x(value), y1: bottom, y2: bottom + 4, stroke: "#777" });
      draw("text", svg, { x: x(value), y: bottom + 17, "text-anchor": "middle" }, shown(value));
    }
    draw("path", svg, { d: `M${left} ${top}V${bottom}H${right}`, fill: "none", stroke: "#777" });
    draw("text", svg, { x: (left + right) / 2, y: height - 5, "text-anchor": "middle" }, names.x);
    if (names.y)
      draw("text", svg, { transform: `translate(11 ${(top + bottom) / 2}) rotate(-90)`, "text-anchor": "middle" }, names.y);
    const inner = draw("g", svg, { "clip-path": `url(#${id}-clip)` });
    return { svg, inner, x, y, left, right, top, bottom, width };
  }

  /* A path through points; a gap where one is not a number. */
  function path(xs, ys, x, y) {
    let text = "", down = false;
    for (let k = 0; k < xs.length; k++) {
      const a = xs[k] === null ? NaN : x(xs[k]), b = ys[k] === null ? NaN : y(ys[k]);
      if (!Number.isFinite(a) || !Number.isFinite(b)) { down = false; continue; }
      text += `${down ? "L" : "M"}${a.toFixed(1)} ${Math.max(-1e4, Math.min(1e4, b)).toFixed(1)}`;
      down = true;
    }
    return text;
  }

  function picture() {
    timeCourse();
    if (states.length > 1) plane();
    if (data.diagram) diagram();
  }

  function timeCourse() {
    const narrow = window.innerWidth < 700;
    const drawn = series.map((name, i) => [name, i]).filter(([name]) => now.lines.has(name));
    const ys = roomy(extent(drawn.map(([, i]) => samples.values[i])));
    const xs = [data.span[0], now.end];
    const moving = inputs.map((each, k) => [each.name, samples.arriving[k]])
      .filter(([, line]) => line.some((value) => value !== line[0]));
    const strip = moving.length ? 46 : 0, height = narrow ? 235 : 330;
    const longest = Math.max(1, ...[...drawn, ...moving].map(([name]) => name.length));
    const f = frame("time", height, xs, ys, {
      x: `time${unit && ` (${unit.trim()})`}`, y: "",
      alt: `${listed(drawn.map(([name]) => name), 8)} over time; the numbers are in the table below`,
    }, { right: 20 + 7 * longest });
    const ends = [];
    drawn.forEach(([name, i]) => {
      const [colour, dashes] = LOOKS[i % LOOKS.length], line = samples.values[i];
      draw("path", f.inner, { d: path(samples.t, line, f.x, f.y), fill: "none", stroke: colour, "stroke-width": 1.8, "stroke-dasharray": dashes });
      ends.push({ name, colour, y: f.y(line[line.length - 1]) });
    });
    ends.sort((a, b) => a.y - b.y);
    let above = -Infinity;
    for (const end of ends) { end.y = above = Math.max(Number.isFinite(end.y) ? end.y : f.top, above + 13, f.top + 6); }
    let below = f.bottom + 13;
    for (const end of ends.reverse()) { end.y = below = Math.min(end.y, below - 13); }
    for (const end of ends) draw("text", f.svg, { x: f.right + 8, y: end.y + 4, style: `fill:${end.colour};font-weight:600` }, end.name);
    marker(f);
    if (strip) arriving(moving, xs, f);
  }

  /* What arrives from outside, under the time course. */
  function arriving(moving, xs, above) {
    const height = 16 + 30 * moving.length;
    const svg = draw("svg", get("time"), { viewBox: `0 0 ${above.width} ${height}`, height, role: "img", "aria-label": "what arrives from outside" });
    moving.forEach(([name, line], row) => {
      const [low, high] = extent([line, [0]]), top = 4 + 30 * row;
      const y = (value) => top + 22 - ((value - low) / (high - low || 1)) * 22;
      const d = path(samples.t, line, above.x, y);
      draw("path", svg, { d, fill: "none", stroke: "#555", "stroke-width": 1.2 });
      draw("line", svg, { x1: above.left, x2: above.right, y1: y(0), y2: y(0), stroke: "#ccc" });
      draw("text", svg, { x: above.right + 8, y: top + 16 }, name);
      draw("text", svg, { x: above.left - 6, y: top + 16, "text-anchor": "end" }, shown(Math.abs(low) > Math.abs(high) ? low : high, 2));
    });
  }

  /* The time that is looked at: a line that can be dragged. */
  function marker(f) {
    const at = Math.min(now.at, solution.t);
    draw("line", f.svg, { x1: f.x(at), x2: f.x(at), y1: f.top, y2: f.bottom, stroke: "#888", "stroke-dasharray": "3 3" });
    f.svg.style.cursor = "crosshair";
    const move = (event) => {
      /* Of what holds the figure: the figure itself is drawn anew on the way. */
      const box = get("time").getBoundingClientRect();
      const share = (((event.clientX - box.left) / box.width) * f.width - f.left) / (f.right - f.left);
      const time = data.span[0] + Math.min(1, Math.max(0, share)) * (now.end - data.span[0]);
      now.at = share >= 1 ? now.end : rounded(time, (now.end - data.span[0]) / 1000);
      numbers();
      refresh();
    };
    f.svg.addEventListener("pointerdown", (event) => {
      move(event);
      const stop = () => {
        document.removeEventListener("pointermove", move);
        remember();
      };
      document.addEventListener("pointermove", move);
      document.addEventListener("pointerup", stop, { once: true });
      document.addEventListener("pointercancel", stop, { once: true });
    });
  }

  /* ------------------------------------------------------------ the plane of two states */

  function plane() {
    const i = now.across, j = now.up, a = samples.values[i], b = samples.values[j];
    const region = (k, line) => {
      const [low, high] = extent([line]), own = states[k].bounds;
      return roomy(own ? [Math.min(low, own[0]), Math.max(high, own[1])] : [low, high], own ? 0.02 : 0.15);
    };
    const xs = region(i, a), ys = region(j, b);
    const f = frame("plane", 300, xs, ys, {
      x: states[i].name, y: states[j].name,
      alt: `${states[j].name} against ${states[i].name}, with the flow and nullclines`,
    });
    const at = Math.min(now.at, solution.t);
    const here = solver.evaluate(solution, at), u = samples.given.map((each) => each.value(at));
    if (i !== j) flow(f, xs, ys, i, j, at, here, u);
    draw("path", f.inner, { d: path(a, b, f.x, f.y), fill: "none", stroke: "#000", "stroke-width": 1.8 });
    draw("circle", f.inner, { cx: f.x(a[0]), cy: f.y(b[0]), r: 4, fill: "#fff", stroke: "#000", "stroke-width": 1.5 });
    draw("circle", f.inner, { cx: f.x(here[i]), cy: f.y(here[j]), r: 4.5, fill: "#000" });
    const held = states.length > 2 ? ", the other states held as they are there" : "";
    get("plane-note").textContent = i === j ? "Choose two different states." :
      `From the ring; the dot is at t = ${shown(at)}. Arrows: the flow at that time${held}. ` +
      `Nullclines: ${states[i].name} at rest along the blue dashes, ${states[j].name} along the orange dots.`;
  }

  function flow(f, xs, ys, i, j, time, here, u) {
    const y = Float64Array.from(here), out = new Float64Array(states.length);
    const slope = (x, z) => {
      y[i] = x;
      y[j] = z;
      model.rhs(time, y, now.p, u, out);
      return [out[i], out[j]];
    };
    const place = ([low, high], k, n) => low + ((high - low) * k) / n;
    const across = 18, up = 13, length = Math.min((f.right - f.left) / across, (f.bottom - f.top) / up) * 0.62;
    let arrows = "";
    for (let k = 0; k < across; k++)
      for (let l = 0; l < up; l++) {
        const x = place(xs, k + 0.5, across), z = place(ys, l + 0.5, up), [dx, dz] = slope(x, z);
        const px = (dx / (xs[1] - xs[0])) * (f.right - f.left), pz = (-dz / (ys[1] - ys[0])) * (f.bottom - f.top);
        const size = Math.hypot(px, pz);
        if (!(size > 0 && Number.isFinite(size))) continue;
        const ex = (px / size) * length, ez = (pz / size) * length;
        const tx = f.x(x) + ex / 2, tz = f.y(z) + ez / 2;
        arrows += `M${(tx - ex).toFixed(1)} ${(tz - ez).toFixed(1)}L${tx.toFixed(1)} ${tz.toFixed(1)}`;
        arrows += `m${(-0.3 * ex - 0.2 * ez).toFixed(1)} ${(-0.3 * ez + 0.2 * ex).toFixed(1)}L${tx.toFixed(1)} ${tz.toFixed(1)}`;
        arrows += `l${(-0.3 * ex + 0.2 * ez).toFixed(1)} ${(-0.3 * ez - 0.2 * ex).toFixed(1)}`;
      }
    draw("path", f.inner, { d: arrows, fill: "none", stroke: "#b3b3b3", "stroke-width": 1 });
    const nx = 72, ny = 54, grid = [[], []];
    for (let l = 0; l <= ny; l++)
      for (let k = 0; k <= nx; k++) {
        const pair = slope(place(xs, k, nx), place(ys, l, ny));
        grid[0].push(pair[0]);
        grid[1].push(pair[1]);
      }
    for (const [which, colour, dashes] of [[0, "#0072b2", "6 3"], [1, "#d55e00", "1.5 2.5"]])
      draw("path", f.inner, {
        d: zeros(grid[which], nx, ny, (k, l) => [f.x(place(xs, k, nx)), f.y(place(ys, l, ny))]),
        fill: "none", stroke: colour, "stroke-width": 1.6, "stroke-dasharray": dashes,
      });
  }

  /* Where a function on a grid is zero: straight pieces through its cells, joined end to end so
   * that dashes run on. */
  function zeros(values, nx, ny, place) {
    const links = new Map(), join = (one, two) => {
      for (const [from, to] of [[one, two], [two, one]]) {
        if (!links.has(from)) links.set(from, []);
        links.get(from).push(to);
      }
    };
    const value = (k, l) => values[l * (nx + 1) + k];
    /* An edge is named by its lower corner and direction. */
    const points = new Map();
    const crossing = (k, l, direction) => {
      const a = value(k, l), b = direction ? value(k, l + 1) : value(k + 1, l);
      if (!Number.isFinite(a) || !Number.isFinite(b) || (a > 0) === (b > 0)) return -1;
      const id = (l * (nx + 1) + k) * 2 + direction, share = a / (a - b);
      points.set(id, place(k + (direction ? 0 : share), l + (direction ? share : 0)));
      return id;
    };
    for (let l = 0; l < ny; l++)
      for (let k = 0; k < nx; k++) {
        const found = [crossing(k, l, 0), crossing(k + 1, l, 1), crossing(k, l + 1, 0), crossing(k, l, 1)]
          .filter((id) => id >= 0);
        for (let m = 0; m + 1 < found.length; m += 2) join(found[m], found[m + 1]);
      }
    let text = "";
    const write = (id, pen) => {
      const [x, y] = points.get(id);
      text += `${pen}${x.toFixed(1)} ${y.toFixed(1)}`;
    };
    const follow = (start) => {
      write(start, "M");
      let id = start;
      while (links.get(id).length) {
        const next = links.get(id).pop(), back = links.get(next);
        back.splice(back.indexOf(id), 1);
        write(next, "L");
        id = next;
      }
    };
    for (const [id, ends] of links) if (ends.length === 1) follow(id);
    for (const [id, ends] of links) if (ends.length) follow(id);
    return text;
  }

  /* ------------------------------------------------------------ the diagram */

  function diagram() {
    const d = data.diagram, state = now.of;
    const value = d.kind === "parameter" ? now.p[d.index] : now.u[d.index].value;
    const lines = d.branches.flatMap((each) => each.lines.map((of) => of[state]));
    const tail = samples.t.map((time, k) => [time, samples.values[state][k]])
      .filter(([time]) => time >= solution.t - (solution.t - data.span[0]) / 3).map(([, y]) => y);
    const [low, high] = extent([tail]);
    const f = frame("diagram", 300, roomy(d.span, 0.02), roomy(extent([...lines, [low, high]])), {
      x: d.name, y: states[state].name,
      alt: `equilibria and cycles of ${states[state].name} by ${d.name}, and where the model is now`,
    });
    for (const branch of d.branches)
      for (const of of branch.lines)
        for (const stable of [true, false]) {
          /* A stretch keeps the point at which it ends, so that the two meet. */
          const y = of[state].map((v, k) =>
            branch.stable[k] === stable || (k > 0 && branch.stable[k - 1] === stable) ? v : null);
          draw("path", f.inner, {
            d: path(branch.at, y, f.x, f.y), fill: "none", stroke: branch.cycles ? "#0072b2" : "#000",
            "stroke-width": stable ? 2 : 1.3, "stroke-dasharray": stable ? "" : "4 3",
          });
        }
    for (const point of d.special) {
      const x = f.x(point.at);
      for (const y of point.y[state].map(f.y)) {
        if (!Number.isFinite(y)) continue;
        const mark = point.kind === "hopf" ? draw("circle", f.inner, { cx: x, cy: y, r: 4, fill: "#000" })
          : draw("rect", f.inner, { x: x - 3.5, y: y - 3.5, width: 7, height: 7, fill: "#fff", stroke: "#000" });
        draw("title", mark, {}, `${point.words} at ${d.name} = ${shown(point.at)}`);
      }
    }
    draw("line", f.inner, { x1: f.x(value), x2: f.x(value), y1: f.top, y2: f.bottom, stroke: "#d55e00", "stroke-dasharray": "3 3" });
    draw("line", f.inner, { x1: f.x(value), x2: f.x(value), y1: f.y(low), y2: f.y(high), stroke: "#d55e00", "stroke-width": 5, "stroke-linecap": "round" });
    get("diagram-note").textContent = diagramWords(d, value);
  }

  function diagramWords(d, value) {
    const words = ["Solid where stable, dashed where not"];
    if (d.branches.some((each) => each.cycles)) words.push("blue: highest and lowest of a cycle");
    const kinds = [...new Set(d.special.map((each) => each.kind))];
    if (kinds.includes("hopf")) words.push("black dots: Hopf points");
    if (kinds.some((kind) => kind !== "hopf")) words.push("squares: other special points (rest on one for its name)");
    words.push("orange: now, over the last third of the time");
    const other = params.filter((each, i) => i !== (d.kind === "parameter" ? d.index : -1) && now.p[i] !== d.params[i]).map((each) => each.name);
    inputs.forEach((each, k) => {
      const held = now.u[k].kind === "constant" || now.u[k].kind === "episode" || now.u[k].kind === "pulse";
      if (!(d.kind === "input" && k === d.index) && (!held || now.u[k].value !== d.inputs[k])) other.push(each.name);
    });
    let text = `${words.join("; ")}.`;
    if (value < d.span[0] || value > d.span[1]) text += ` ${d.name} = ${shown(value)} lies outside of the diagram.`;
    if (other.length) text += ` The diagram was computed beforehand, with other values of ${listed(other, 4)}: it does not hold here.`;
    return text;
  }

  /* ------------------------------------------------------------ begin */

  build();
  decoded(location.hash.slice(1));
  compute();
  refresh();
  window.addEventListener("hashchange", () => {
    if (location.hash.slice(1) === encoded()) return;
    decoded(location.hash.slice(1));
    compute();
    refresh();
  });
  window.addEventListener("resize", () => changed());
  document.body.dataset.ready = "yes";
})();
