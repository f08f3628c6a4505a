// One strip per keypoint: where it is missing, filled in, doubtful or strongly changed.

const ROW = 15;

function timelineArea(canvas, stream) {
  const width = canvas.clientWidth;
  const label = Math.min(150, Math.max(84, width * 0.2));
  return { left: label, right: width - 12, top: 4, height: stream.K * ROW + 26 };
}

function drawTimeline(owner, canvas, stream, state) {
  const area = timelineArea(canvas, stream);
  canvas.style.height = area.height + "px";
  const [t0, t1] = state.window || stream.span;
  const X = (t) => area.left + ((t - t0) / (t1 - t0 || 1)) * (area.right - area.left);
  const g = still(owner, canvas, [t0, t1], (s, width) => paintTimeline(s, width, stream, state, area, [t0, t1], X));
  const now = stream.times[state.frame];
  if (now >= t0 && now <= t1) line(g, X(now), area.top, X(now), area.top + stream.K * ROW, palette().ink);
}

function paintTimeline(g, width, stream, state, area, [t0, t1], X) {
  const c = palette();
  const p = state.curvePerson;
  g.textBaseline = "middle";
  g.save();
  for (let k = 0; k < stream.K; k++) {
    const y = area.top + k * ROW;
    g.fillStyle = state.keypoints.includes(k) ? c.ink : c.soft;
    g.textAlign = "right";
    g.fillText(shorten(g, stream.keypoints[k], area.left - 14), area.left - 8, y + ROW / 2);
    g.fillStyle = c.panel;
    g.fillRect(area.left, y + 1, area.right - area.left, ROW - 3);
    if (p < 0) continue;
    g.beginPath();
    const band = (test, colour, from, height) => {
      g.fillStyle = colour;
      for (const [a, b] of stream.spans(test)) {
        const left = Math.max(area.left, X(stream.times[a] - stream.step / 2));
        const right = Math.min(area.right, X(stream.times[b] + stream.step / 2));
        if (right > area.left && left < area.right) g.fillRect(left, from, Math.max(1.5, right - left), height);
      }
    };
    band((f) => stream.isMissing(0, f, p, k), c.missing, y + 1, ROW - 3);
    band((f) => stream.isLow(f, p, k), c.low, y + 1, ROW - 3);
    band((f) => stream.isFilled(f, p, k), c.filled, y + 1, ROW - 3);
    band((f) => stream.isStrong(f, p, k), c.strong, y + ROW - 7, 5);
  }
  g.restore();
  const bottom = area.top + stream.K * ROW;
  g.fillStyle = c.soft;
  const columns = ticks(t0, t1, (area.right - area.left) / 90);
  columns.forEach((t, i) => {
    g.textAlign = X(t) > width - 30 ? "right" : "center";
    g.fillText(format(t) + (i === columns.length - 1 ? " s" : ""), X(t), bottom + 14);
  });
}

function shorten(g, text, width) {
  if (g.measureText(text).width <= width) return text;
  let end = text.length;
  while (end > 1 && g.measureText(text.slice(0, end) + "…").width > width) end--;
  return text.slice(0, end) + "…";
}

// Frame and keypoint under the pointer; null outside.
function timelineAt(canvas, stream, state, event) {
  const box = canvas.getBoundingClientRect();
  const area = timelineArea(canvas, stream);
  const k = Math.floor((event.clientY - box.top - area.top) / ROW);
  if (k < 0 || k >= stream.K) return null;
  const [t0, t1] = state.window || stream.span;
  const x = (event.clientX - box.left - area.left) / (area.right - area.left);
  return { frame: stream.frameAt(t0 + Math.max(0, Math.min(1, x)) * (t1 - t0)), keypoint: k };
}
