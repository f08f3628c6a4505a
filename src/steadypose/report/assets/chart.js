// Line charts on a canvas: axes, shaded stretches, a cursor, hover values and zooming by dragging.

const PAD = { left: 58, right: 12, top: 18, bottom: 22 };

function palette() {
  const style = getComputedStyle(document.documentElement);
  const names = ["paper", "panel", "ink", "soft", "rule", "left", "right", "middle", "before", "after", "truth",
    "missing", "filled", "low", "strong", "grid"];
  return Object.fromEntries(names.map((n) => [n, style.getPropertyValue("--" + n).trim()]));
}

// A canvas cleared and scaled to the screen's pixels; its size in CSS pixels.
function prepare(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  const w = Math.round(width * ratio);
  const h = Math.round(height * ratio);
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
  }
  const g = canvas.getContext("2d");
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  g.clearRect(0, 0, width, height);
  g.font = "12px system-ui, sans-serif";
  return { g, width, height };
}

function ticks(low, high, count) {
  const raw = (high - low) / Math.max(1, count);
  if (!(raw > 0) || !Number.isFinite(raw)) return [];
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * ([1, 2, 5, 10].find((m) => m * power >= raw * 0.999) || 10);
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) found.push(i * step);
  return found;
}

function logTicks(low, high) {
  const found = [];
  const every = Math.max(1, Math.ceil((Math.log10(high) - Math.log10(low)) / 6));
  for (let e = Math.ceil(Math.log10(low)); e <= Math.log10(high); e += every) found.push(10 ** e);
  return found.length ? found : [low, high];
}

// Least and greatest value of lines within [x0, x1], with a little room; null where nothing is known.
function rangeOf(lines, [x0, x1], log) {
  let low = Infinity;
  let high = -Infinity;
  for (const { x, y } of lines) {
    for (let i = 0; i < y.length; i++) {
      if (x[i] < x0 || x[i] > x1 || !Number.isFinite(y[i]) || (log && y[i] <= 0)) continue;
      if (y[i] < low) low = y[i];
      if (y[i] > high) high = y[i];
    }
  }
  if (low > high) return null;
  if (log) return [low / 1.3, high * 1.3];
  const room = (high - low) * 0.06 || Math.abs(high) * 0.05 || 1;
  return [low - room, high + room];
}

// Draws what stays the same while playing only when something in the key (or size, or scheme) has changed.
function still(owner, canvas, key, paint) {
  const { g, width, height } = prepare(canvas);
  const ratio = window.devicePixelRatio || 1;
  const full = [canvas.width, canvas.height, palette().ink, key].join("|");
  if (owner.key !== full) {
    owner.key = full;
    owner.bitmap = document.createElement("canvas");
    owner.bitmap.width = canvas.width;
    owner.bitmap.height = canvas.height;
    const s = owner.bitmap.getContext("2d");
    s.setTransform(ratio, 0, 0, ratio, 0, 0);
    s.font = g.font;
    paint(s, width, height);
  }
  if (canvas.width && canvas.height) g.drawImage(owner.bitmap, 0, 0, width, height);
  return g;
}

// chart: {canvas, title, lines: [{x, y, colour, width, dash}], domain, log, shades, marks, cursor, drag, empty, xUnit}
function drawChart(chart) {
  const c = palette();
  const g = still(chart, chart.canvas, [chart.domain, chart.log], (s, width, height) => paintChart(chart, s, c, width, height));
  if (!chart.area) return;
  const { left, right, top, bottom } = chart.area;
  const now = chart.cursor;
  if (now >= chart.domain[0] && now <= chart.domain[1]) line(g, chart.X(now), top, chart.X(now), bottom, c.ink);
  if (chart.drag) {
    const [a, b] = chart.drag;
    g.globalAlpha = 0.15;
    g.fillStyle = c.ink;
    g.fillRect(Math.max(left, Math.min(a, b)), top, Math.min(right, Math.max(a, b)) - Math.min(a, b), bottom - top);
    g.globalAlpha = 1;
  }
}

function paintChart(chart, g, c, width, height) {
  const left = PAD.left;
  const right = width - PAD.right;
  const top = PAD.top;
  const bottom = height - PAD.bottom;
  const [x0, x1] = chart.domain;
  const X = (x) => left + ((x - x0) / (x1 - x0 || 1)) * (right - left);
  chart.X = X;
  chart.invert = (px) => x0 + ((px - left) / (right - left)) * (x1 - x0);
  chart.area = { left, right, top, bottom };

  g.textBaseline = "alphabetic";
  g.fillStyle = c.soft;
  g.textAlign = "left";
  g.fillText(chart.title, left, 12, right - left);
  const range = rangeOf(chart.lines, chart.domain, chart.log);
  g.save();
  g.beginPath();
  g.rect(left, top, right - left, bottom - top);
  g.clip();
  for (const { from, to, kind } of chart.shades || []) shade(g, c, kind, X(from), X(to), top, bottom);
  g.restore();
  if (!range) {
    g.textAlign = "center";
    g.fillText(chart.empty || "no values", (left + right) / 2, (top + bottom) / 2);
    g.strokeStyle = c.rule;
    g.strokeRect(left, top, right - left, bottom - top);
    return;
  }
  const f = chart.log ? Math.log10 : (v) => v;
  const [y0, y1] = range.map(f);
  const Y = (y) => bottom - ((f(y) - y0) / (y1 - y0)) * (bottom - top);

  g.textAlign = "right";
  g.textBaseline = "middle";
  const rows = chart.log ? logTicks(...range) : ticks(range[0], range[1], (bottom - top) / 28);
  for (const v of rows) {
    const y = Math.round(Y(v)) + 0.5;
    line(g, left, y, right, y, c.grid);
    g.fillText(format(v), left - 7, y);
  }
  g.textBaseline = "alphabetic";
  g.textAlign = "center";
  const columns = ticks(x0, x1, (right - left) / 90);
  columns.forEach((v, i) => {
    const x = Math.round(X(v)) + 0.5;
    if (x < left - 1 || x > right + 1) return;
    line(g, x, bottom, x, bottom + 4, c.rule);
    const unit = i === columns.length - 1 ? " " + chart.xUnit : "";
    g.textAlign = x > right - 18 ? "right" : "center";
    g.fillText(format(v) + unit, Math.min(x, right), height - 5);
  });
  line(g, left, bottom + 0.5, right, bottom + 0.5, c.rule);

  g.save();
  g.beginPath();
  g.rect(left, top - 2, right - left, bottom - top + 4);
  g.clip();
  for (const l of chart.lines) drawLine(g, l, X, Y, left, right, chart.log);
  for (const { x, kind } of chart.marks || []) {
    g.fillStyle = c[kind];
    g.fillRect(X(x) - 1, bottom - 5, Math.max(2, X(chart.domain[0] + chart.step) - left), 5);
  }
  g.restore();
}

function line(g, x0, y0, x1, y1, colour) {
  g.strokeStyle = colour;
  g.lineWidth = 1;
  g.beginPath();
  g.moveTo(x0, y0);
  g.lineTo(x1, y1);
  g.stroke();
}

function shade(g, c, kind, from, to, top, bottom) {
  const width = Math.max(1.5, to - from);
  g.globalAlpha = kind === "missing" ? 0.22 : 0.3;
  g.fillStyle = c[kind];
  g.fillRect(from, top, width, bottom - top);
  g.globalAlpha = 1;
  if (kind !== "missing") return;
  g.save();
  g.beginPath();
  g.rect(from, top, width, bottom - top);
  g.clip();
  const tall = bottom - top;
  for (let x = from - tall - ((from - tall) % 7); x < from + width; x += 7) line(g, x, bottom, x + tall, top, c.missing);
  g.restore();
}

// Where several values fall on one pixel their least and greatest are drawn, so that no peak is lost.
function drawLine(g, l, X, Y, left, right, log) {
  g.strokeStyle = l.colour;
  g.fillStyle = l.colour;
  g.lineWidth = l.width;
  g.setLineDash(l.dash || []);
  g.lineJoin = "round";
  g.beginPath();
  let open = false;
  let pixel = NaN;
  let low = 0;
  let high = 0;
  const alone = [];
  const known = (i) => i >= 0 && i < l.y.length && Number.isFinite(l.y[i]) && (!log || l.y[i] > 0);
  for (let i = 0; i < l.y.length; i++) {
    if (!known(i)) {
      open = false;
      pixel = NaN;
      continue;
    }
    const x = X(l.x[i]);
    if (x < left - 40 || x > right + 40) {
      open = false;
      continue;
    }
    const y = Y(l.y[i]);
    if (!open) {
      g.moveTo(x, y);
      if (!known(i + 1)) alone.push([x, y]);
    } else if (Math.floor(x) === pixel) {
      if (y < low) g.lineTo(x, (low = y));
      else if (y > high) g.lineTo(x, (high = y));
      continue;
    } else g.lineTo(x, y);
    open = true;
    pixel = Math.floor(x);
    low = high = y;
  }
  g.stroke();
  g.setLineDash([]);
  for (const [x, y] of alone) {
    g.beginPath();
    g.arc(x, y, l.width + 0.6, 0, 2 * Math.PI);
    g.fill();
  }
}

function showTip(text, event) {
  const tip = document.getElementById("tip");
  tip.hidden = !text;
  if (!text) return;
  tip.textContent = text;
  const box = tip.getBoundingClientRect();
  tip.style.left = Math.max(4, Math.min(event.clientX + 14, window.innerWidth - box.width - 8)) + "px";
  tip.style.top = Math.max(4, event.clientY - box.height - 12) + "px";
}

// Pointer behaviour of a chart: hover(x) gives the tip's text, choose(x) a click, zoom([a, b] or null) a drag.
function attach(chart, { hover, choose, zoom, redraw }) {
  const canvas = chart.canvas;
  const where = (e) => e.clientX - canvas.getBoundingClientRect().left;
  const inside = (px) => Math.min(chart.area.right, Math.max(chart.area.left, px));
  let start = null;
  canvas.onpointerdown = (e) => {
    if (e.button !== 0 || !chart.invert) return;
    start = inside(where(e));
    canvas.setPointerCapture(e.pointerId);
  };
  canvas.onpointermove = (e) => {
    if (!chart.invert) return;
    const px = inside(where(e));
    if (start !== null && zoom) {
      chart.drag = Math.abs(px - start) > 5 ? [start, px] : null;
      redraw();
    }
    showTip(hover(chart.invert(px)), e);
  };
  canvas.onpointerup = (e) => {
    if (start === null) return;
    const ends = chart.drag && chart.drag.map(chart.invert).sort((a, b) => a - b);
    const px = start;
    start = null;
    chart.drag = null;
    if (ends && zoom) zoom(ends);
    else if (choose) choose(chart.invert(px));
    redraw();
  };
  canvas.onpointercancel = () => {
    start = null;
    chart.drag = null;
    redraw();
  };
  canvas.onpointerleave = () => showTip(null);
  if (zoom) canvas.ondblclick = () => zoom(null);
}
