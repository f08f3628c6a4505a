// What the page holds: packed arrays become typed arrays, and a stream answers what is where.

function bufferOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes.buffer;
}

// Values of a packed array in one flat typed array, NaN where missing.
function decode(packed) {
  const buffer = bufferOf(packed.data);
  if (packed.type === "f4") return new Float32Array(buffer);
  if (packed.type === "f8") return new Float64Array(buffer);
  if (packed.type === "u1") return Float32Array.from(new Uint8Array(buffer), (v) => v * packed.scale);
  const steps = new Int16Array(buffer);
  const { scale, offset } = packed;
  const out = new Float32Array(steps.length);
  for (let i = 0; i < steps.length; i++) {
    const j = i % scale.length;
    out[i] = steps[i] === -32768 ? NaN : offset[j] + scale[j] * steps[i];
  }
  return out;
}

class Stream {
  constructor(raw) {
    Object.assign(this, raw);
    this.times = decode(raw.times);
    this.count = this.times.length;
    this.P = raw.persons.length;
    this.K = raw.keypoints.length;
    this.C = raw.channels.names.length;
    this.values = raw.channels.layers.map(decode);
    this.confidence = raw.confidence && decode(raw.confidence);
    this.marks = decode(raw.marks);
    if (raw.figure) {
      this.dims = raw.figure.dims;
      this.positions = raw.figure.layers ? raw.figure.layers.map(decode) : this.values;
    }
    const plot = (p) => ({ ...p, x: decode(p.x), lines: p.lines.map(decode) });
    this.acceleration = plot(raw.acceleration);
    this.spectrum = plot(raw.spectrum);
    this.threshold = raw.low;
    const t = this.times;
    this.every = raw.step; // embedded frames are every so many of the recording
    this.step = t.length > 1 ? (t[t.length - 1] - t[0]) / (t.length - 1) : 1;
    this.span = [t[0] - this.step / 2, t[t.length - 1] + this.step / 2];
  }

  at(frame, person, keypoint) {
    return (frame * this.P + person) * this.K + keypoint;
  }

  isMissing(layer, frame, person, keypoint) {
    const i = this.at(frame, person, keypoint) * this.C;
    return Number.isNaN(this.values[layer][i]);
  }

  isLow(frame, person, keypoint) {
    const i = this.at(frame, person, keypoint);
    return this.confidence !== null && this.threshold !== null && this.confidence[i] < this.threshold
      && !this.isMissing(0, frame, person, keypoint);
  }

  isFilled(frame, person, keypoint) {
    return (this.marks[this.at(frame, person, keypoint)] & 1) > 0;
  }

  isStrong(frame, person, keypoint) {
    return (this.marks[this.at(frame, person, keypoint)] & 2) > 0;
  }

  // One keypoint's values over all embedded frames.
  curve(layer, person, keypoint, channel) {
    const out = new Float32Array(this.count);
    for (let f = 0; f < this.count; f++) out[f] = this.values[layer][this.at(f, person, keypoint) * this.C + channel];
    return out;
  }

  // Stretches of frames [first, last] for which a test holds.
  spans(test) {
    const found = [];
    for (let f = 0; f < this.count; f++) {
      if (!test(f)) continue;
      const last = found[found.length - 1];
      if (last && last[1] === f - 1) last[1] = f;
      else found.push([f, f]);
    }
    return found;
  }

  // How many points a frame has before refinement, over all persons.
  pointsIn(frame) {
    let n = 0;
    for (let p = 0; p < this.P; p++) for (let k = 0; k < this.K; k++) n += !this.isMissing(0, frame, p, k);
    return n;
  }

  personName(person) {
    const name = this.persons[person];
    return /^\d+$/.test(name) ? "person " + name : name;
  }

  // The embedded frame nearest to a time.
  frameAt(time) {
    let low = 0;
    let high = this.count - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.times[middle] < time) low = middle + 1;
      else high = middle;
    }
    return low > 0 && time - this.times[low - 1] < this.times[low] - time ? low - 1 : low;
  }
}

function format(x) {
  if (!Number.isFinite(x)) return "–";
  const size = Math.abs(x);
  if (size !== 0 && (size < 1e-3 || size >= 1e7)) {
    const [mantissa, exponent] = x.toExponential(2).split("e");
    const raised = exponent.replace("+", "").replace(/./g, (d) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[d] || "⁻");
    return (Number(mantissa) === 1 ? "" : Number(mantissa) + "·") + "10" + raised;
  }
  return String(Number(x.toPrecision(4)));
}
