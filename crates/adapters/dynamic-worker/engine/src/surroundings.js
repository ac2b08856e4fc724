// What V8 has beside the language and QuickJS has not, as far as a run may have it: timers,
// UTF-8, clones, random numbers. `natives` is what the engine gives, in natives.rs.

let natives;
let began = 0;

const set = (object, name, value) => {
  Object.defineProperty(object, name, { value, writable: true, configurable: true, enumerable: false });
};

/** Puts it where code looks for it. */
export function surround(given) {
  natives = given;
  set(Math, "random", natives.random);
  for (const [name, value] of Object.entries({ ...timers, TextEncoder, TextDecoder, structuredClone, crypto })) {
    set(globalThis, name, value);
  }
  set(globalThis, "performance", performance);
}

/** Begins a run. */
export function begin() {
  began = natives.now();
}

/** Says what nobody caught. */
export function uncaught(error) {
  console.error("uncaught", error);
}

const performance = {
  now: () => natives.now() - began,
  get timeOrigin() {
    return began;
  },
};

function timer(call, delay, repeats, values) {
  if (typeof call !== "function") throw new TypeError("a timer calls a function");
  const millis = Number(delay);
  return natives.setTimer(call, Number.isNaN(millis) ? 0 : millis, repeats, ...values);
}

function clear(id) {
  if (Number.isInteger(id) && id > 0 && id < 2 ** 32) natives.clearTimer(id);
}

const timers = {
  setTimeout: (call, delay = 0, ...values) => timer(call, delay, false, values),
  setInterval: (call, delay = 0, ...values) => timer(call, delay, true, values),
  clearTimeout: (id) => clear(id),
  clearInterval: (id) => clear(id),
};

function bytesOf(given) {
  if (given === undefined) return new Uint8Array(0);
  if (given instanceof ArrayBuffer) return new Uint8Array(given);
  if (ArrayBuffer.isView(given)) return new Uint8Array(given.buffer, given.byteOffset, given.byteLength);
  throw new TypeError("bytes are an ArrayBuffer or a view of one");
}

class TextEncoder {
  get encoding() {
    return "utf-8";
  }

  encode(text = "") {
    return natives.encode(`${text}`.toWellFormed());
  }

  encodeInto(text, into) {
    let read = 0;
    let written = 0;
    for (const letter of `${text}`.toWellFormed()) {
      const bytes = natives.encode(letter);
      if (written + bytes.length > into.length) break;
      into.set(bytes, written);
      written += bytes.length;
      read += letter.length;
    }
    return { read, written };
  }
}

const UTF_8 = new Set(["utf-8", "utf8", "unicode-1-1-utf-8", "unicode11utf8", "unicode20utf8", "x-unicode20utf8"]);

class TextDecoder {
  #fatal;
  #ignoreBOM;
  #kept = new Uint8Array(0);
  #begun = false;

  constructor(label = "utf-8", { fatal = false, ignoreBOM = false } = {}) {
    if (!UTF_8.has(`${label}`.trim().toLowerCase())) throw new RangeError(`a run decodes UTF-8, and no ${label}`);
    this.#fatal = Boolean(fatal);
    this.#ignoreBOM = Boolean(ignoreBOM);
  }

  get encoding() {
    return "utf-8";
  }

  get fatal() {
    return this.#fatal;
  }

  get ignoreBOM() {
    return this.#ignoreBOM;
  }

  decode(given, { stream = false } = {}) {
    let bytes = bytesOf(given);
    if (this.#kept.length > 0) {
      const both = new Uint8Array(this.#kept.length + bytes.length);
      both.set(this.#kept);
      both.set(bytes, this.#kept.length);
      bytes = both;
      this.#kept = new Uint8Array(0);
    }
    let [text, kept] = natives.decode(bytes, this.#fatal, Boolean(stream));
    if (kept > 0) this.#kept = bytes.slice(bytes.length - kept);
    if (!this.#begun && !this.#ignoreBOM && text.startsWith("\uFEFF")) text = text.slice(1);
    this.#begun = stream && (this.#begun || text.length > 0);
    return text;
  }
}

const crypto = {
  getRandomValues(view) {
    if (!ArrayBuffer.isView(view) || view instanceof DataView || view instanceof Float32Array || view instanceof Float64Array) {
      throw new TypeError("random values are put into an array of integers");
    }
    // Read once: what says how long it is may be the code's own.
    const length = view.byteLength;
    if (length > 65536) throw new DOMException("at most 65,536 bytes at a time", "QuotaExceededError");
    bytesOf(view).set(natives.randomBytes(length));
    return view;
  },

  randomUUID() {
    const bytes = natives.randomBytes(16);
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
  },
};

const ERRORS = { Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };

/** Copies what V8 would copy; the code's own classes become plain objects. Nothing is transferred. */
function structuredClone(value) {
  const known = new Map();
  const clone = (one) => {
    if (typeof one === "function" || typeof one === "symbol") {
      throw new DOMException(`a ${typeof one} cannot be cloned`, "DataCloneError");
    }
    if (typeof one !== "object" || one === null) return one;
    if (known.has(one)) return known.get(one);
    const keep = (copy) => {
      known.set(one, copy);
      return copy;
    };
    if (one instanceof Date) return keep(new Date(one.getTime()));
    if (one instanceof RegExp) return keep(new RegExp(one.source, one.flags));
    if (one instanceof Number || one instanceof String || one instanceof Boolean) return keep(Object(one.valueOf()));
    if (one instanceof ArrayBuffer) return keep(one.slice(0));
    if (one instanceof DataView) return keep(new DataView(clone(one.buffer), one.byteOffset, one.byteLength));
    if (ArrayBuffer.isView(one)) return keep(new one.constructor(clone(one.buffer), one.byteOffset, one.length));
    if (one instanceof Map) {
      const copy = keep(new Map());
      for (const [key, held] of [...one]) copy.set(clone(key), clone(held));
      return copy;
    }
    if (one instanceof Set) {
      const copy = keep(new Set());
      for (const held of [...one]) copy.add(clone(held));
      return copy;
    }
    if (one instanceof Error) {
      const kind = ERRORS[one.name] ?? Error;
      const copy = keep(new kind(one.message));
      set(copy, "stack", one.stack);
      if ("cause" in one) set(copy, "cause", clone(one.cause));
      return copy;
    }
    if (one instanceof Promise || one instanceof WeakMap || one instanceof WeakSet || one instanceof WeakRef) {
      throw new DOMException("it cannot be cloned", "DataCloneError");
    }
    const copy = keep(Array.isArray(one) ? new Array(one.length) : {});
    for (const key of Object.keys(one)) copy[key] = clone(one[key]);
    return copy;
  };
  return clone(value);
}
