// Brings the page to life: one state, one redraw, and every control changes the one and asks for the other.

const byId = (id) => document.getElementById(id);
const MOST_PANELS = 12;

const state = {
  frame: 0, playing: false, speed: 1,
  mode: "overlay", visible: [], person: -1, trail: -1, follow: false, up: "+y", perspective: false,
  curvePerson: 0, keypoints: [], channels: [], window: null,
  redraw: () => {},
};

let stream = null;
let charts = [];
let timeline = {}; // what is kept of the drawn timeline; emptied when it changes
let waiting = false;
const figure = new Figure(byId("stage"), state);

state.redraw = () => {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    draw();
  });
};

function draw() {
  if (!stream) return;
  if (stream.positions) figure.draw();
  const c = palette();
  for (const chart of charts) {
    if (chart.overTime) {
      chart.domain = state.window || stream.span;
      chart.cursor = stream.times[state.frame];
      chart.step = stream.step;
    }
    for (const l of chart.lines) Object.assign(l, styleOf(l.layer, c));
    drawChart(chart);
  }
  drawTimeline(timeline, byId("timeline"), stream, state);
  byId("scrub").value = state.frame;
  const number = state.frame * stream.every + 1;
  byId("clock").textContent = `frame ${number} / ${stream.frames} · ${stream.times[state.frame].toFixed(2)} s`;
  byId("play").textContent = state.playing ? "❚❚" : "▶";
  byId("play").setAttribute("aria-label", state.playing ? "Pause" : "Play");
  for (const b of document.querySelectorAll(".zoom-reset")) b.disabled = state.window === null;
}

function styleOf(layer, c) {
  if (layer === "before") return { colour: c.before, width: 1.2 };
  if (layer === "truth") return { colour: c.truth, width: 1.2, dash: [5, 4] };
  return { colour: c.after, width: 1.9 };
}

function goTo(frame) {
  state.frame = Math.max(0, Math.min(stream.count - 1, frame));
  state.redraw();
}

function zoomTo(range) {
  const [a, b] = stream.span;
  state.window = range && range[1] - range[0] > 0
    ? [Math.max(a, range[0]), Math.min(b, range[1])]
    : null;
  state.redraw();
}

// Choices ------------------------------------------------------------------------------------------

function options(select, entries) {
  select.replaceChildren(...entries.map(([value, text]) => {
    const o = document.createElement("option");
    o.value = value;
    o.textContent = text;
    return o;
  }));
}

function toggles(group, names, isOn, toggle) {
  group.replaceChildren(...names.map((name, i) => {
    const b = document.createElement("button");
    b.type = "button";
    b.textContent = name;
    b.setAttribute("aria-pressed", isOn(i));
    b.onclick = () => {
      toggle(i);
      b.setAttribute("aria-pressed", isOn(i));
    };
    return b;
  }));
}

function chooseStream(index) {
  const raw = JSON.parse(byId("data-" + index).textContent);
  stream = new Stream(raw);
  const trail = raw.trail;
  const fastest = raw.fastest; // what is at stake is shown first: the fastest movement, and what was moved most
  const everyone = stream.persons.map((_, i) => [i, stream.personName(i)]);
  Object.assign(state, {
    frame: fastest ? stream.frameAt(fastest.time) : openingFrame(), person: -1, trail, visible: stream.layers.map(() => true), up: raw.figure ? raw.figure.up : "+y",
    curvePerson: fastest ? fastest.person : stream.P ? busiest() : -1,
    keypoints: fastest ? [...new Set([fastest.keypoint, trail])] : [trail], channels: stream.channels.names.map((_, i) => i),
    window: null, follow: false,
  });
  figure.show(stream);
  byId("figure-title").closest("section").hidden = !stream.positions;
  byId("space-controls").hidden = stream.dims !== 3;
  byId("stage-hint").textContent = stream.dims === 3
    ? "drag to turn, shift-drag to move, click and wheel to zoom" : "drag to move, click and wheel to zoom";
  toggles(byId("layers"), stream.layers, (i) => state.visible[i], (i) => {
    state.visible[i] = !state.visible[i];
    state.redraw();
  });
  toggles(byId("channels"), stream.channels.names, (i) => state.channels.includes(i), (i) => {
    state.channels = state.channels.includes(i) ? state.channels.filter((c) => c !== i) : [...state.channels, i].sort();
    rebuild();
  });
  for (const [id, label, all] of [["figure-person", "persons-label", [[-1, "all"]]], ["curve-person", "curve-person-label", []]]) {
    byId(label).hidden = stream.P < 2;
    options(byId(id), [...all, ...everyone]);
  }
  byId("curve-person").value = state.curvePerson;
  options(byId("trail"), [[-1, "none"], ...stream.keypoints.map((n, i) => [i, n])]);
  byId("trail").value = state.trail;
  byId("up").value = state.up;
  byId("follow").checked = false;
  const truth = stream.layers.includes("truth");
  byId("key-truth").hidden = !truth;
  for (const e of document.querySelectorAll(".key-truth")) e.hidden = !truth;
  for (const e of document.querySelectorAll(".key-low, #key-low, #threshold-label")) e.hidden = stream.confidence === null;
  byId("threshold").value = stream.threshold === null ? "" : Number(stream.threshold.toPrecision(3));
  byId("key-strong").hidden = stream.strong === null;
  byId("strong-text").textContent = stream.strong === null ? ""
    : `largest 1 % of changes (above ${format(stream.strong)} ${stream.unit})`;
  byId("scrub").max = stream.count - 1;
  for (const e of document.querySelectorAll("[data-stream]")) e.hidden = Number(e.dataset.stream) !== index;
  for (const b of document.querySelectorAll(".tabs button")) {
    b.setAttribute("aria-selected", Number(b.dataset.tab) === index);
    b.tabIndex = Number(b.dataset.tab) === index ? 0 : -1;
  }
  rebuild();
}

// Where to begin: the first frame with the most points, once the trail has its length.
function openingFrame() {
  const from = stream.frameAt(Math.min(stream.times[0] + TRAIL_SECONDS, stream.times[stream.count - 1]));
  let best = from;
  for (let f = from, most = -1; f < stream.count; f++) {
    const n = stream.pointsIn(f);
    if (n > most) [best, most] = [f, n];
  }
  return best;
}

// The person with the most points: whose curves are shown first.
function busiest() {
  const counts = stream.persons.map((_, p) => {
    let n = 0;
    for (let f = 0; f < stream.count; f++) for (let k = 0; k < stream.K; k++) n += !stream.isMissing(0, f, p, k);
    return n;
  });
  return counts.indexOf(Math.max(...counts));
}

// Charts -------------------------------------------------------------------------------------------

function rebuild() {
  const chips = state.keypoints.map((k) => {
    const b = document.createElement("button");
    b.type = "button";
    b.textContent = stream.keypoints[k] + "  ×";
    b.setAttribute("aria-label", "Remove " + stream.keypoints[k]);
    b.onclick = () => {
      state.keypoints = state.keypoints.filter((other) => other !== k);
      rebuild();
    };
    return b;
  });
  byId("chips").replaceChildren(...chips);
  options(byId("add-keypoint"), [["", "choose…"], ...stream.keypoints.map((n, i) => [i, n]).filter(([i]) => !state.keypoints.includes(i))]);
  const pairs = state.keypoints.flatMap((k) => state.channels.map((c) => [k, c])).slice(0, MOST_PANELS);
  const panels = pairs.map(([k, c]) => curveChart(k, c));
  byId("panels").replaceChildren(...panels.map((p) => p.canvas));
  charts = [...panels, accelerationChart(), spectrumChart()];
  timeline = {};
  state.redraw();
}

function curveChart(keypoint, channel) {
  const canvas = document.createElement("canvas");
  canvas.className = "plot panel";
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "img");
  const p = state.curvePerson;
  const title = `${stream.keypoints[keypoint]} · ${stream.channels.names[channel]} (${stream.unit})`;
  canvas.setAttribute("aria-label", `${title}, before and after over time`);
  const lines = p < 0 ? [] : stream.layers.map((layer, i) => ({ layer, x: stream.times, y: stream.curve(i, p, keypoint, channel) }));
  const half = stream.step / 2;
  const shades = (kind, test) => p < 0 ? [] : stream.spans(test)
    .map(([a, b]) => ({ kind, from: stream.times[a] - half, to: stream.times[b] + half }));
  const filled = p < 0 ? [] : stream.spans((f) => stream.isFilled(f, p, keypoint));
  const chart = {
    canvas, title, lines, overTime: true, xUnit: "s", empty: "no values here",
    shades: [...shades("missing", (f) => stream.isMissing(0, f, p, keypoint)), ...shades("low", (f) => stream.isLow(f, p, keypoint))],
    marks: filled.flatMap(([a, b]) => Array.from({ length: b - a + 1 }, (_, i) => ({ kind: "filled", x: stream.times[a + i] - half }))),
  };
  const hover = (t) => {
    const f = stream.frameAt(t);
    const said = [`${stream.times[f].toFixed(3)} s, frame ${f * stream.every + 1}`];
    for (const l of lines) said.push(`${l.layer}: ${format(l.y[f])} ${stream.unit}`);
    if (p >= 0 && stream.confidence) said.push(`confidence: ${stream.confidence[stream.at(f, p, keypoint)].toFixed(2)}`);
    if (p >= 0 && stream.isFilled(f, p, keypoint)) said.push(stream.isMissing(0, f, p, keypoint) ? "filled in" : "replaced");
    return said.join("\n");
  };
  bindTime(chart, hover);
  return chart;
}

function accelerationChart() {
  const a = stream.acceleration;
  const chart = {
    canvas: byId("acceleration"), title: `mean acceleration (${a.unit})`, overTime: true, xUnit: "s",
    lines: stream.layers.map((layer, i) => ({ layer, x: a.x, y: a.lines[i] })),
    log: byId("acceleration-log").checked, empty: "no three frames in a row",
  };
  byId("acceleration-note").textContent = a.note;
  bindTime(chart, (t) => {
    const i = nearest(a.x, t);
    return [`${a.x[i].toFixed(3)} s`, ...chart.lines.map((l) => `${l.layer}: ${format(l.y[i])} ${a.unit}`)].join("\n");
  });
  return chart;
}

function spectrumChart() {
  const s = stream.spectrum;
  const chart = {
    canvas: byId("spectrum"), title: `power (${s.unit})`, xUnit: "Hz", domain: [0, s.x.length ? s.x[s.x.length - 1] : 1],
    lines: s.lines.map((y, i) => ({ layer: stream.layers[i], x: s.x, y })),
    log: byId("spectrum-log").checked, empty: "too short",
  };
  byId("spectrum-note").textContent = s.note;
  attach(chart, {
    redraw: state.redraw,
    hover: (hz) => {
      if (!s.x.length) return null;
      const i = nearest(s.x, hz);
      return [`${s.x[i].toFixed(2)} Hz`, ...chart.lines.map((l) => `${l.layer}: ${format(l.y[i])} ${s.unit}`)].join("\n");
    },
  });
  return chart;
}

function nearest(x, value) {
  let best = 0;
  for (let i = 1; i < x.length; i++) if (Math.abs(x[i] - value) < Math.abs(x[best] - value)) best = i;
  return best;
}

function bindTime(chart, hover) {
  attach(chart, { hover, choose: (t) => goTo(stream.frameAt(t)), zoom: zoomTo, redraw: state.redraw });
  chart.canvas.onkeydown = (e) => {
    const [a, b] = state.window || stream.span;
    const now = stream.times[state.frame];
    const factor = { "+": 0.5, "=": 0.5, "-": 2 }[e.key];
    if (factor) zoomTo([now - ((now - a) * factor), now + ((b - now) * factor)]);
    else if (e.key === "0") zoomTo(null);
  };
}

// Playback -----------------------------------------------------------------------------------------

let clock = 0;

function play(on) {
  if (on === state.playing) return;
  state.playing = on;
  if (on && state.frame >= stream.count - 1) state.frame = 0;
  clock = stream.times[state.frame];
  let before = performance.now();
  const tick = (now) => {
    if (!state.playing) return;
    clock += ((now - before) / 1000) * state.speed;
    before = now;
    if (clock > stream.span[1]) clock = stream.times[0];
    goTo(stream.frameAt(clock));
    requestAnimationFrame(tick);
  };
  if (on) requestAnimationFrame(tick);
  state.redraw();
}

function bind(id, event, act) {
  byId(id).addEventListener(event, (e) => {
    act(e.currentTarget);
    state.redraw();
  });
}

bind("play", "click", () => play(!state.playing));
bind("back", "click", () => (play(false), goTo(state.frame - 1)));
bind("forth", "click", () => (play(false), goTo(state.frame + 1)));
bind("scrub", "input", (e) => (play(false), goTo(Number(e.value))));
bind("speed", "change", (e) => (state.speed = Number(e.value)));
bind("figure-person", "change", (e) => (state.person = Number(e.value)));
bind("trail", "change", (e) => (state.trail = Number(e.value)));
bind("follow", "change", (e) => (state.follow = e.checked));
bind("up", "change", (e) => (state.up = e.value));
bind("perspective", "change", (e) => (state.perspective = e.checked));
bind("zoom-in", "click", () => figure.scaleBy(1.3));
bind("zoom-out", "click", () => figure.scaleBy(1 / 1.3));
bind("view-reset", "click", () => figure.reset());
bind("curve-person", "change", (e) => {
  state.curvePerson = Number(e.value);
  rebuild();
});
bind("add-keypoint", "change", (e) => {
  if (e.value !== "") state.keypoints.push(Number(e.value));
  rebuild();
});
bind("threshold", "change", (e) => {
  if (e.value !== "") stream.threshold = Number(e.value);
  rebuild();
});
bind("acceleration-log", "change", rebuild);
bind("spectrum-log", "change", rebuild);
for (const b of document.querySelectorAll(".zoom-reset")) b.onclick = () => zoomTo(null);
for (const b of document.querySelectorAll("[data-mode]")) {
  b.onclick = () => {
    state.mode = b.dataset.mode;
    for (const other of document.querySelectorAll("[data-mode]")) other.setAttribute("aria-pressed", other === b);
    state.redraw();
  };
}
for (const b of document.querySelectorAll(".tabs button")) {
  b.onclick = () => (play(false), chooseStream(Number(b.dataset.tab)));
  b.onkeydown = (e) => {
    const next = { ArrowRight: b.nextElementSibling, ArrowLeft: b.previousElementSibling }[e.key];
    if (!next) return;
    e.stopPropagation();
    next.focus();
    next.click();
  };
}
byId("timeline").onclick = (e) => {
  const hit = timelineAt(byId("timeline"), stream, state, e);
  if (!hit) return;
  play(false);
  goTo(hit.frame);
  if (!state.keypoints.includes(hit.keypoint)) state.keypoints = [hit.keypoint];
  rebuild();
};
byId("timeline").onpointermove = (e) => {
  const hit = timelineAt(byId("timeline"), stream, state, e);
  showTip(hit && `${stream.keypoints[hit.keypoint]}, ${stream.times[hit.frame].toFixed(2)} s`, e);
};
byId("timeline").onpointerleave = () => showTip(null);

document.addEventListener("keydown", (e) => {
  const tag = e.target.tagName;
  if (!stream || e.ctrlKey || e.metaKey || e.altKey || tag === "SELECT" || tag === "INPUT") return;
  if (e.key === " " && tag !== "BUTTON" && tag !== "SUMMARY") play(!state.playing);
  else if (e.key === "ArrowLeft" || e.key === "ArrowRight") {
    play(false);
    goTo(state.frame + (e.key === "ArrowLeft" ? -1 : 1) * (e.shiftKey ? 10 : 1));
  } else if (e.target === byId("stage") && (e.key === "+" || e.key === "=")) figure.scaleBy(1.2);
  else if (e.target === byId("stage") && e.key === "-") figure.scaleBy(1 / 1.2);
  else return;
  e.preventDefault();
  state.redraw();
});

new ResizeObserver(state.redraw).observe(byId("interactive"));
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", state.redraw);
// Paper is white whatever the screen is: canvases are redrawn in the light colours, at once.
window.addEventListener("beforeprint", () => (document.documentElement.classList.add("print"), draw()));
window.addEventListener("afterprint", () => (document.documentElement.classList.remove("print"), draw()));

byId("interactive").hidden = false;
chooseStream(0);
