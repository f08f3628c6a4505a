// The stick figure: 2D in image coordinates (y down), 3D turned by dragging.

// For every up axis: data axis and sign of the view's right, up and towards-the-viewer (right-handed).
const BASES = {
  "+y": [[0, 1], [1, 1], [2, 1]],
  "-y": [[0, 1], [1, -1], [2, -1]],
  "+z": [[0, 1], [2, 1], [1, -1]],
  "-z": [[0, 1], [2, -1], [1, 1]],
  "+x": [[1, -1], [0, 1], [2, 1]],
  "-x": [[1, 1], [0, -1], [2, 1]],
};
const TRAIL_SECONDS = 1;

class Figure {
  constructor(canvas, state) {
    this.canvas = canvas;
    this.state = state;
    this.pointers = new Map();
    this.listen();
  }

  show(stream) {
    this.stream = stream;
    this.reset();
  }

  reset() {
    const turned = this.stream.dims === 3 && !this.stream.figure.frontal;
    this.yaw = turned ? -0.35 : 0;
    this.pitch = turned ? 0.16 : 0;
    this.zoom = 1;
    this.pan = [0, 0];
  }

  // View coordinates (right, up, towards the viewer) of a drawing coordinate, before turning.
  oriented(point) {
    if (this.stream.dims === 2) return [point[0], -point[1], 0];
    return BASES[this.state.up].map(([axis, sign]) => sign * point[axis]);
  }

  point(layer, frame, person, keypoint) {
    const { positions, dims, figure } = this.stream;
    const i = this.stream.at(frame, person, keypoint) * dims;
    const p = [];
    for (let d = 0; d < dims; d++) p.push(positions[layer][i + d] * figure.scale[d]);
    return this.oriented(p);
  }

  // Middle of the shown person's points in a frame (all persons: of everybody), or null.
  middle(frame) {
    const sum = [0, 0, 0];
    let count = 0;
    for (const p of this.people()) {
      for (let k = 0; k < this.stream.K; k++) {
        const q = this.point(1, frame, p, k);
        if (Number.isNaN(q[0] + q[1] + q[2])) continue;
        q.forEach((v, d) => (sum[d] += v));
        count++;
      }
    }
    return count ? sum.map((v) => v / count) : null;
  }

  people() {
    const { person } = this.state;
    return person < 0 ? [...Array(this.stream.P).keys()] : [person];
  }

  // The projection for a viewport: a function from view coordinates to pixels and nearness.
  camera(width, height) {
    const corners = this.stream.figure.extent;
    const pairs = this.oriented(corners.map((e) => e[0])).map((a, i) => [a, this.oriented(corners.map((e) => e[1]))[i]]);
    const half = pairs.map(([a, b]) => Math.abs(b - a) / 2);
    this.floor = Math.min(...pairs[1]);
    this.bounds = pairs.map((p) => [Math.min(...p), Math.max(...p)]);
    let centre = pairs.map(([a, b]) => (a + b) / 2);
    if (this.state.follow) {
      const found = this.middle(this.state.frame);
      if (found) this.lastMiddle = found;
      centre = this.lastMiddle || centre;
    }
    const flat = this.stream.dims === 2;
    const across = flat ? half[0] : Math.hypot(half[0], half[2]);
    const radius = Math.max(Math.hypot(...half), 1e-9);
    const scale = this.zoom * 0.42 * Math.min(width / Math.max(across, 1e-9), height / Math.max(half[1], 1e-9));
    const fit = Number.isFinite(scale) && scale < 1e9 ? scale : this.zoom;
    const [cy, sy, cp, sp] = [Math.cos(this.yaw), Math.sin(this.yaw), Math.cos(this.pitch), Math.sin(this.pitch)];
    const distance = 3.2 * radius;
    const perspective = this.state.perspective && !flat;
    return (v) => {
      const [x, y, z] = [v[0] - centre[0], v[1] - centre[1], v[2] - centre[2]];
      const x1 = cy * x + sy * z;
      const z1 = -sy * x + cy * z;
      const y2 = cp * y - sp * z1;
      const z2 = sp * y + cp * z1;
      const f = perspective ? distance / Math.max(distance - z2, distance * 0.05) : 1;
      return [width / 2 + this.pan[0] + fit * f * x1, height / 2 + this.pan[1] - fit * f * y2, z2];
    };
  }

  draw() {
    const { g, width, height } = prepare(this.canvas);
    const c = palette();
    const { state, stream } = this;
    const layers = stream.layers.map((_, i) => i).filter((i) => state.visible[i]);
    if (!stream.positions) return;
    if (stream.P === 0) return this.say(g, c, width, height, "no person in this recording");
    if (state.mode === "overlay") {
      this.viewport(g, c, layers, 0, 0, width, height);
      return;
    }
    layers.forEach((layer, i) => {
      const w = width / layers.length;
      this.viewport(g, c, [layer], i * w, 0, w, height, stream.layers[layer]);
      if (i) line(g, Math.round(i * w) + 0.5, 12, Math.round(i * w) + 0.5, height - 12, c.rule);
    });
  }

  say(g, c, width, height, text) {
    g.fillStyle = c.soft;
    g.textAlign = "center";
    g.fillText(text, width / 2, height / 2);
  }

  viewport(g, c, layers, left, top, width, height, title) {
    const project = this.camera(width, height);
    g.save();
    g.beginPath();
    g.rect(left, top, width, height);
    g.clip();
    g.translate(left, top);
    if (this.stream.dims === 3) this.ground(g, c, project);
    else this.image(g, c, project);
    let drawn = 0;
    for (const layer of layers) {
      const ghost = layers.length > 1 && layer === 0;
      if (this.state.trail >= 0) this.trail(g, c, layer, project);
      for (const p of this.people()) drawn += this.person(g, c, layer, p, project, ghost);
    }
    if (!drawn) this.say(g, c, width, height, "no point in this frame");
    g.textAlign = "left";
    g.fillStyle = c.ink;
    if (title) g.fillText(title, 14, 24);
    g.restore();
  }

  image(g, c, project) {
    const size = this.stream.figure.image;
    if (!size) return;
    const [a, b] = [[0, 0], size].map((p) => project(this.oriented(p)));
    g.strokeStyle = c.rule;
    g.lineWidth = 1;
    g.strokeRect(a[0], a[1], b[0] - a[0], b[1] - a[1]);
  }

  ground(g, c, project) {
    const [x, , z] = this.bounds;
    const size = Math.max(x[1] - x[0], z[1] - z[0], this.bounds[1][1] - this.floor, 1e-9);
    const step = ticks(0, size, 6)[1] || size;
    const from = (range) => Math.floor(range[0] / step - 1) * step;
    const to = (range) => Math.ceil(range[1] / step + 1) * step;
    const between = (a, b) => {
      const [p, q] = [project(a), project(b)];
      line(g, p[0], p[1], q[0], q[1], c.grid);
    };
    for (let v = from(x); v <= to(x) + step / 2; v += step) between([v, this.floor, from(z)], [v, this.floor, to(z)]);
    for (let v = from(z); v <= to(z) + step / 2; v += step) between([from(x), this.floor, v], [to(x), this.floor, v]);
  }

  trail(g, c, layer, project) {
    const { stream, state } = this;
    const now = stream.times[state.frame];
    const colour = c[stream.layers[layer]];
    for (const p of this.people()) {
      let last = null;
      for (let f = state.frame; f >= 0 && now - stream.times[f] <= TRAIL_SECONDS; f--) {
        const q = project(this.point(layer, f, p, state.trail));
        if (last && !Number.isNaN(q[0] + last[0])) {
          g.globalAlpha = 0.9 * (1 - (now - stream.times[f]) / TRAIL_SECONDS) + 0.05;
          g.strokeStyle = colour;
          g.lineWidth = layer === 0 ? 1.2 : 2;
          g.beginPath();
          g.moveTo(last[0], last[1]);
          g.lineTo(q[0], q[1]);
          g.stroke();
        }
        last = q;
      }
    }
    g.globalAlpha = 1;
  }

  // Draws one person of one layer; how many points there were.
  person(g, c, layer, person, project, ghost) {
    const { stream, state } = this;
    const frame = state.frame;
    const sides = [c.middle, c.left, c.right];
    const truth = stream.layers[layer] === "truth";
    const points = [];
    for (let k = 0; k < stream.K; k++) points.push(project(this.point(layer, frame, person, k)));
    const there = (k) => !Number.isNaN(points[k][0] + points[k][1]);
    const low = (k) => !truth && stream.isLow(frame, person, k);
    const dense = stream.K > 45;
    g.lineCap = "round";
    for (const [a, b] of stream.edges) {
      if (!there(a) || !there(b)) continue;
      g.strokeStyle = ghost ? c.before : truth ? c.truth : sides[stream.sides[b] || stream.sides[a]];
      g.lineWidth = ghost || truth ? 1.5 : dense ? 2 : 3.2;
      g.setLineDash(truth ? [5, 4] : []);
      g.globalAlpha = low(a) || low(b) ? 0.35 : 1;
      g.beginPath();
      g.moveTo(points[a][0], points[a][1]);
      g.lineTo(points[b][0], points[b][1]);
      g.stroke();
    }
    g.setLineDash([]);
    g.globalAlpha = 1;
    let count = 0;
    for (let k = 0; k < stream.K; k++) {
      if (!there(k)) continue;
      count++;
      const colour = ghost ? c.before : truth ? c.truth : sides[stream.sides[k]];
      const size = (ghost || truth ? 2 : dense ? 2 : 4) * (k === state.trail && !ghost && !truth ? 1.35 : 1);
      if (stream.layers[layer] === "after" && stream.isFilled(frame, person, k)) diamond(g, points[k], size + 2, c.filled, c.panel);
      else disc(g, points[k], size, colour, low(k) ? c.panel : colour);
    }
    if (count && stream.P > 1 && !ghost && !truth) this.label(g, c, points.filter((_, k) => there(k)), person);
    return count;
  }

  label(g, c, points, person) {
    const top = points.reduce((a, b) => (b[1] < a[1] ? b : a));
    g.fillStyle = c.soft;
    g.textAlign = "center";
    g.fillText(this.stream.personName(person).slice(0, 24), top[0], top[1] - 10);
  }

  listen() {
    const { canvas, pointers } = this;
    canvas.onpointerdown = (e) => {
      pointers.set(e.pointerId, [e.clientX, e.clientY]);
      canvas.setPointerCapture(e.pointerId);
      canvas.focus({ preventScroll: true });
    };
    canvas.onpointermove = (e) => {
      const old = pointers.get(e.pointerId);
      if (!old) return;
      const now = [e.clientX, e.clientY];
      const move = [now[0] - old[0], now[1] - old[1]];
      if (pointers.size === 2) {
        const other = [...pointers].find(([id]) => id !== e.pointerId)[1];
        const spread = (p) => Math.hypot(p[0] - other[0], p[1] - other[1]);
        this.scaleBy(spread(now) / Math.max(spread(old), 1));
        this.shift(move[0] / 2, move[1] / 2);
      } else if (this.stream.dims === 3 && !e.shiftKey) this.turn(move[0] * 0.01, move[1] * 0.01);
      else this.shift(...move);
      pointers.set(e.pointerId, now);
      this.state.redraw();
    };
    canvas.onpointerup = canvas.onpointercancel = (e) => pointers.delete(e.pointerId);
    // The wheel scrolls the page until the figure has been clicked.
    canvas.addEventListener("wheel", (e) => {
      if (document.activeElement !== canvas && !e.ctrlKey) return;
      e.preventDefault();
      this.scaleBy(Math.exp(-e.deltaY * 0.0015));
      this.state.redraw();
    }, { passive: false });
    canvas.ondblclick = () => {
      this.reset();
      this.state.redraw();
    };
  }

  turn(yaw, pitch) {
    this.yaw += yaw;
    this.pitch = Math.max(-1.57, Math.min(1.57, this.pitch + pitch));
  }

  shift(x, y) {
    this.pan = [this.pan[0] + x, this.pan[1] + y];
  }

  scaleBy(factor) {
    const zoom = Math.max(0.1, Math.min(60, this.zoom * factor));
    this.pan = this.pan.map((v) => (v * zoom) / this.zoom);
    this.zoom = zoom;
  }
}

function disc(g, [x, y], size, colour, fill) {
  g.beginPath();
  g.arc(x, y, size, 0, 2 * Math.PI);
  g.fillStyle = fill;
  g.fill();
  g.strokeStyle = colour;
  g.lineWidth = 1.4;
  g.stroke();
}

function diamond(g, [x, y], size, colour, fill) {
  g.beginPath();
  g.moveTo(x, y - size);
  g.lineTo(x + size, y);
  g.lineTo(x, y + size);
  g.lineTo(x - size, y);
  g.closePath();
  g.fillStyle = fill;
  g.fill();
  g.strokeStyle = colour;
  g.lineWidth = 2;
  g.stroke();
}
