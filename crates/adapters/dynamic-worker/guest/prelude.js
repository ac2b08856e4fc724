// What delegated code finds around it, on every host: the files by their methods, a console,
// and how its value and its errors are told.
//
// A host gives `call(method, arguments, contents)`, which resolves to `[reply, contents]`: JSON,
// and bytes where the method answers with some; and `line(level, text)` for the console. Nothing
// here is a guard: what code does to it, it does to itself. What holds is held outside.

// What is taken from the globals is taken before the program can change them.
const { stringify, parse } = JSON;
const { defineProperty, getPrototypeOf, keys } = Object;
const { isView } = ArrayBuffer;
const { Error, EvalError, RangeError, TypeError, Uint8Array, ArrayBuffer: Buffer } = globalThis;
const { apply } = Reflect;
const { charCodeAt, slice } = String.prototype;
const [QUOTE, BACKSLASH, U, D] = [0x22, 0x5c, 0x75, 0x64];

/** The methods of the files, with the names of what comes before their options. */
const METHODS = {
  readFile: ["path"],
  readText: ["path"],
  writeFile: ["path"],
  edit: ["path", "edits"],
  list: ["path"],
  stat: ["path"],
  exists: ["path"],
  glob: ["pattern"],
  grep: ["pattern"],
  mkdir: ["path"],
  delete: ["path"],
  move: ["from", "to"],
  copy: ["from", "to"],
  diff: [],
};

const NAMED = keys(METHODS);

/** What stands where nothing does: a run has no way out but its files. */
const ABSENT = ["fetch", "WebSocket", "EventSource", "XMLHttpRequest", "caches", "scheduler"];

/** More is not told of one line, of a message, of a stack. */
const MAX_TEXT = 16 << 10;

function malformed(message) {
  return { status: "error", error: { code: "invalid", reason: "malformed_argument", message } };
}

function bytesOf(given) {
  if (typeof given === "string") return given.toWellFormed();
  try {
    // Copied: what the program does to it later is of no matter.
    if (given instanceof Buffer) return new Uint8Array(given.slice(0));
    if (isView(given)) return new Uint8Array(given.buffer.slice(given.byteOffset, given.byteOffset + given.byteLength));
  } catch {
    // A buffer that was given away.
  }
  return undefined;
}

function method(call, name, names) {
  return async (...given) => {
    const named = { __proto__: null };
    let contents;
    for (const one of names) {
      if (given.length > 0 && given[0] !== undefined) named[one] = given[0];
      given.shift();
    }
    if (name === "writeFile") {
      contents = bytesOf(given.shift());
      if (contents === undefined) return malformed("contents are text, or bytes: an ArrayBuffer or a view of one");
    }
    const [options, ...more] = given;
    if (more.length > 0 || (options !== undefined && (typeof options !== "object" || options === null))) {
      return malformed(`\`${name}\` takes ${names.join(", ") || "nothing"}${name === "writeFile" ? ", contents" : ""} and options`);
    }
    let text;
    try {
      text = stringify({ __proto__: null, ...options, ...named });
    } catch (error) {
      return malformed(`arguments are what JSON can say: ${told(error)}`);
    }
    const [reply, bytes] = await call(name, text, contents);
    const result = parse(reply);
    if (result.status === "ok" && bytes !== undefined) result.value = bytes;
    return result;
  };
}

function told(error) {
  try {
    return error instanceof Error ? `${error.name}: ${error.message}` : `${error}`;
  } catch {
    return "what was thrown cannot be told";
  }
}

function shown(value) {
  if (typeof value === "string") return value;
  if (value instanceof Error) return told(value);
  if (typeof value === "object" && value !== null) {
    try {
      return stringify(value) ?? `${value}`;
    } catch (error) {
      return `[${told(error)}]`;
    }
  }
  return typeof value === "symbol" ? value.toString() : typeof value === "function" ? `[function ${value.name}]` : `${value}`;
}

const cut = (text) => (text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text).toWellFormed();

function consoleOf(line) {
  const levels = {};
  for (const level of ["debug", "log", "info", "warn", "error"]) {
    levels[level] = (...values) => line(level, cut(values.map(shown).join(" ")));
  }
  return { ...levels, trace: levels.debug };
}

/** Where what is said goes: to the run that goes on. */
let said;

/** Takes away what a run does not have, and gives it the console. */
export function settle(line) {
  const again = said !== undefined;
  said = line;
  // What one run did to the globals another one of the same code finds.
  if (again) return;
  const none = (name) =>
    function absent() {
      throw new TypeError(`${name}: a run has no network, and nothing but its files`);
    };
  const set = (name, value) => {
    defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
  };
  for (const name of ABSENT) set(name, none(name));
  set("console", consoleOf((level, text) => said(level, text)));
  const code = () => {
    throw new EvalError("a run makes no code of text");
  };
  set("eval", code);
  for (const made of [async () => {}, function* () {}, async function* () {}, () => {}]) {
    const kind = getPrototypeOf(made);
    const none = function Function() {
      code();
    };
    none.prototype = kind;
    defineProperty(kind, "constructor", { value: none, writable: true, configurable: true });
    if (kind === getPrototypeOf(() => {})) set("Function", none);
  }
}

/** What the code is handed, of one key that is always there. */
export function environment(call) {
  const files = {};
  // Not by an iterator, which an earlier run of the same code may have made its own.
  for (let at = 0; at < NAMED.length; at += 1) {
    const name = NAMED[at];
    files[name] = method(call, name, METHODS[name]);
  }
  return { WORKSPACE: files };
}

/**
 * Runs a module's default export, a function of the environment and the input, or an object
 * with such a `run`. Resolves to how it ended, as JSON.
 */
export async function run(load, environment, input) {
  try {
    const { default: program } = await load();
    const main = typeof program === "function" ? program : program?.run;
    if (typeof main !== "function") {
      throw new TypeError("the module's default export is no function, and no object with a function `run`");
    }
    const value = await apply(main, program, [environment, parse(input)]);
    return `{"ended":"returned","value":${plain(value)}}`;
  } catch (error) {
    const { name, message, stack } = thrown(error);
    return `{"ended":"threw","name":${stringify(name)},"message":${stringify(message)},"stack":${stringify(stack)}}`;
  }
}

/** As deep may a value be. */
const DEEP = 100;
/** What is longer is no value, whatever is in it: it is refused outside. */
const LONGEST = 1 << 20;

/**
 * A value as JSON; nothing is null. What JSON cannot say is an error; in place of half of a pair
 * of surrogates, which is no character, stands U+FFFD, as in what is written.
 */
function plain(value) {
  const text = stringify(value, (_, one) => {
    if (typeof one === "function" || typeof one === "symbol" || typeof one === "bigint") {
      throw new TypeError(`a run returns what JSON can say, and no ${typeof one}`);
    }
    return one;
  });
  if (text === undefined) return "null";
  if (text.length > LONGEST) return stringify(apply(slice, text, [0, LONGEST]));
  let depth = 0;
  let quoted = false;
  let whole = "";
  let from = 0;
  for (let at = 0; at < text.length; at += 1) {
    const letter = apply(charCodeAt, text, [at]);
    if (letter === QUOTE) quoted = !quoted;
    else if (quoted) {
      if (letter !== BACKSLASH) continue;
      // Of what is escaped by its number, only half a pair begins so.
      if (apply(charCodeAt, text, [at + 1]) === U && apply(charCodeAt, text, [at + 2]) === D) {
        whole += `${apply(slice, text, [from, at])}\\ufffd`;
        from = at + 6;
      }
      at += 1;
    } else if (letter === 0x5b || letter === 0x7b) depth += 1;
    else if (letter === 0x5d || letter === 0x7d) depth -= 1;
    if (depth > DEEP) throw new RangeError(`a run returns what is up to ${DEEP} levels deep`);
  }
  return whole + apply(slice, text, [from]);
}

/** What was thrown, and where. A place is `(module:line:column)` or ends a line so. */
function thrown(error) {
  try {
    if (!(error instanceof Error)) return { name: "", message: cut(shown(error)), stack: "" };
    return { name: cut(`${error.name}`), message: cut(`${error.message}`), stack: cut(`${error.stack ?? ""}`) };
  } catch {
    return { name: "", message: "what was thrown cannot be told", stack: "" };
  }
}
