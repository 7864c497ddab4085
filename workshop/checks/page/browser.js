// The parts of a browser that V8 and LinkeDOM lack, as far as the chat's pages use them. child.py runs
// this file before LinkeDOM, and then calls `workshop.open`. JavaScript cannot send a request or a frame,
// or open another page. It only adds the task to `asked`. Then child.py carries it out and returns the
// result.
(function () {
  const taken = { asked: [], errors: [], console: [] };
  const waiting = new Map(); // the number of a request -> the function that takes its answer
  let number = 0;

  function ask(what, details) {
    taken.asked.push({ id: ++number, what, ...details });
    return number;
  }

  // ---- errors -------------------------------------------------------------------------------------
  function fail(kind, error) {
    const message = error instanceof Error ? `${error.name}: ${error.message}` : plain(error);
    taken.errors.push({ kind, message, stack: String(error?.stack ?? "") });
  }

  function guarded(f, self, values) {
    try {
      const told = f.apply(self, values);
      if (told instanceof Promise) watch(told);
      return told;
    } catch (error) {
      fail("error", error);
    }
  }

  // V8 alone does not report rejected promises. So the page's `Promise` records each promise, and `then`
  // records each promise that it is called on. `await` also calls it if the constructor is not V8's own.
  const handled = new WeakSet();
  const lost = new Map(); // a rejected promise -> its error
  const { then } = Promise.prototype;
  let isWatching = false;
  function watch(promise) {
    isWatching = true;
    then.call(promise, undefined, (error) => lost.set(promise, error));
    isWatching = false;
    return promise;
  }
  globalThis.Promise = new Proxy(Promise, {
    construct(NativePromise, values) {
      const promise = new NativePromise(...values);
      return isWatching ? promise : watch(promise);
    },
  });
  Promise.prototype.constructor = Promise;
  Promise.prototype.then = function (...values) {
    handled.add(this);
    return then.apply(this, values);
  };

  // The Socket.IO client calls the page's listeners with `apply`, and ignores the promises they return.
  Function.prototype.apply = function (self, values) {
    const told = Reflect.apply(this, self, values ?? []);
    return told instanceof Promise ? watch(told) : told;
  };

  // From now on, every call of an async function that a script has declared is watched.
  function watchAsyncFunctions() {
    const AsyncFunction = (async () => {}).constructor;
    for (const name of Object.getOwnPropertyNames(globalThis)) {
      const found = Object.getOwnPropertyDescriptor(globalThis, name).value;
      if (!(found instanceof AsyncFunction)) continue;
      globalThis[name] = function (...values) { return watch(found.apply(this, values)); };
    }
  }

  // ---- console, timers ----------------------------------------------------------------------------
  function plain(value) {
    if (typeof value === "string") return value;
    if (value instanceof Error) return value.stack;
    if (value?.nodeType) return value.outerHTML ?? value.nodeName;
    try { return JSON.stringify(value) ?? String(value); } catch { return String(value); }
  }
  const say = (...values) => { taken.console.push(values.map(plain).join(" ")); };
  globalThis.console = { log: say, info: say, warn: say, error: say, debug: say, table: say, trace: say };
  globalThis.alert = (text = "") => say(`alert: ${text}`);
  globalThis.confirm = (text = "") => { say(`confirm: ${text}`); return true; };
  globalThis.prompt = (text = "") => { say(`prompt: ${text}`); return null; };

  // What a page may call without any effect on the chat.
  const begun = Date.now();
  const nothing = () => {};
  const someDigit = () => Math.floor(Math.random() * 16).toString(16);
  Object.assign(globalThis, {
    requestAnimationFrame: (f) => setTimeout(() => f(performance.now()), 16),
    cancelAnimationFrame: (id) => clearTimeout(id),
    performance: { now: () => Date.now() - begun, mark: nothing, measure: nothing },
    structuredClone: (value) => JSON.parse(JSON.stringify(value)),
    matchMedia: (media) => ({ media, matches: false, addEventListener: nothing, addListener: nothing }),
    history: { length: 1, state: null, pushState: nothing, replaceState: nothing },
    crypto: { randomUUID: () => "00000000-0000-4000-8000-000000000000".replace(/0/g, someDigit) },
    Image: class { constructor() { return document.createElement("img"); } },
    Audio: class { play() { return Promise.resolve(); } pause() {} load() {} },
    Notification: class { static permission = "default"; static async requestPermission() { return "denied"; } },
    AbortController: class { signal = { aborted: false }; abort() { this.signal.aborted = true; } },
  });

  const timers = new Map();
  const timer = (again) => (f, milliseconds, ...values) => {
    const delay = Math.max(Number(milliseconds) || 0, again ? 4 : 0);
    const run = () => guarded(typeof f === "function" ? f : new Function(f), globalThis, values);
    timers.set(++number, { run, at: Date.now() + delay, delay, again });
    return number;
  };
  globalThis.setTimeout = timer(false);
  globalThis.setInterval = timer(true);
  globalThis.clearTimeout = globalThis.clearInterval = (id) => { timers.delete(id); };
  globalThis.queueMicrotask = (f) => { then.call(Promise.resolve(), () => guarded(f, globalThis, [])); };
  const inTurn = () => [...timers].sort((a, b) => a[1].at - b[1].at);
  const nextTimer = () => inTurn()[0];
  const timersWithin = (milliseconds) =>
    inTurn().filter(([, { at }]) => at <= Date.now() + milliseconds).map(([id]) => id);
  function runTimer(id = nextTimer()[0]) {
    const due = timers.get(id);
    if (!due) return; // another timer has cleared it
    if (due.again) due.at = Date.now() + due.delay;
    else timers.delete(id);
    due.run();
  }

  // ---- addresses, forms, requests -----------------------------------------------------------------
  const characters = (bytes) => Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  globalThis.atob = (text) => characters(Uint8Array.fromBase64(text));

  const ADDRESS = /^(https?:|wss?:)\/\/(([^/:?#]*)(?::(\d+))?)([^?#]*)(\?[^#]*)?(#.*)?$/;
  function resolve(text, base) {
    const asked = String(text).trim().replace(/[^\x21-\x7e]/gu, encodeURIComponent);
    if (/^[a-z][a-z0-9+.-]*:/i.test(asked)) return asked;
    const [, protocol, host, , , path, search = ""] = ADDRESS.exec(base) ?? [];
    if (!protocol) throw new TypeError("Failed to construct 'URL': Invalid URL");
    if (asked.startsWith("//")) return protocol + asked;
    const [, way, rest] = /^([^?#]*)(.*)$/s.exec(asked);
    if (!way) return `${protocol}//${host}${path || "/"}${rest.startsWith("?") ? "" : search}${rest}`;
    const parts = [];
    for (const part of (way.startsWith("/") ? way : path.replace(/[^/]*$/, "") + way).split("/").slice(1)) {
      if (part === "..") parts.pop();
      else if (part !== ".") parts.push(part);
    }
    if (/(^|\/)\.{1,2}$/.test(way)) parts.push("");
    return `${protocol}//${host}/${parts.join("/")}${rest}`;
  }

  globalThis.URL = class URL {
    constructor(text, base) {
      const found = ADDRESS.exec(resolve(text, base)) ?? [];
      [, this.protocol = "", this.host = "", this.hostname = "", this.port = ""] = found;
      [this.pathname, this.search, this.hash] = [found[5] || "/", found[6] ?? "", found[7] ?? ""];
      this.origin = `${this.protocol}//${this.host}`;
      this.href = found[0] ? this.origin + this.pathname + this.search + this.hash : resolve(text, base);
      this.searchParams = new URLSearchParams(this.search);
    }
    toString() { return this.href; }
    static createObjectURL() { return `blob:${location.origin}/${++number}`; } // leads to nothing here
    static revokeObjectURL() {}
  };

  class Fields { // what FormData and URLSearchParams share
    fields = [];
    append(name, value) { this.fields.push([String(name), value instanceof File ? value : String(value)]); }
    set(name, value) { this.delete(name); this.append(name, value); }
    delete(name) { this.fields = this.fields.filter(([each]) => each !== name); }
    has(name) { return this.fields.some(([each]) => each === name); }
    get(name) { return this.fields.find(([each]) => each === name)?.[1] ?? null; }
    entries() { return this.fields.values(); }
    [Symbol.iterator]() { return this.entries(); }
  }

  globalThis.URLSearchParams = class URLSearchParams extends Fields {
    constructor(from = "") {
      super();
      const decoded = (text) => decodeURIComponent(text.replaceAll("+", " "));
      const split = (text) => text.replace(/^\?/, "").split("&").filter(Boolean)
        .map((pair) => /^([^=]*)=?(.*)$/s.exec(pair).slice(1).map(decoded));
      const isList = typeof from === "object" && Symbol.iterator in from;
      const pairs = typeof from === "string" ? split(from) : isList ? from : Object.entries(from);
      for (const [name, value] of pairs) this.append(name, value);
    }
    toString() {
      const code = (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`;
      const encoded = (text) => encodeURIComponent(text).replace(/%20/g, "+").replace(/[!'()~]/g, code);
      return this.fields.map((pair) => pair.map(encoded).join("=")).join("&");
    }
  };

  globalThis.File = class File { // `body` is base64, which only child.py decodes
    constructor(body, name, type, size) { Object.assign(this, { body, name, type, size }); }
  };

  globalThis.FormData = class FormData extends Fields {
    constructor(form, submitter) {
      super();
      if (form !== undefined && form?.localName !== "form") {
        const why = "parameter 1 is not of type 'HTMLFormElement'.";
        throw new TypeError(`Failed to construct 'FormData': ${why}`);
      }
      for (const field of form?.elements ?? []) {
        const isButton = field.localName === "button" || /^(submit|button|reset)$/.test(field.type);
        if (!field.name || field.disabled || (isButton && field !== submitter)) continue;
        if (field.type === "checkbox" && !field.checked) continue;
        if (field.type !== "file") this.append(field.name, field.value);
        else this.append(field.name, field.files[0] ?? new File("", "", "application/octet-stream", 0));
      }
    }
  };

  function bodyOf(body) {
    if (body instanceof FormData) return { fields: body.fields };
    const type = body instanceof URLSearchParams ? "application/x-www-form-urlencoded" : "text/plain";
    return body == null ? {} : { body: String(body), type: `${type};charset=UTF-8` };
  }

  class Response {
    #text;
    bodyUsed = false;
    constructor({ text, headers, ...about }) {
      const get = (name) => headers[name.toLowerCase()] ?? null;
      Object.assign(this, about, { ok: about.status >= 200 && about.status < 300, headers: { get } });
      this.#text = text;
    }
    async #read(method) {
      const why = "body stream already read";
      if (this.bodyUsed) throw new TypeError(`Failed to execute '${method}' on 'Response': ${why}`);
      this.bodyUsed = true;
      return this.#text;
    }
    text() { return Promise.resolve(this.#read("text")); }
    json() { return Promise.resolve(this.#read("json")).then((text) => JSON.parse(text)); }
  }

  globalThis.fetch = (to, { method = "GET", headers = {}, body = null } = {}) => new Promise((yes, no) => {
    const url = resolve(to?.href ?? to, document.baseURI);
    const id = ask("fetch", { url, method: method.toUpperCase(), headers, ...bodyOf(body) });
    waiting.set(id, (answer) => (answer ? yes(new Response(answer)) : no(new TypeError("Failed to fetch"))));
  });
  function answer(id, told) {
    waiting.get(id)(told);
    waiting.delete(id);
  }

  // ---- what the official Socket.IO client needs ---------------------------------------------------
  const sockets = new Map();
  globalThis.WebSocket = class WebSocket {
    readyState = 0;
    constructor(url) {
      this.url = url;
      this.id = ask("connect", { url });
      sockets.set(this.id, this);
    }
    send(frame) { ask("send", { connection: this.id, frame }); }
    close() {
      if (this.readyState > 1) return;
      this.readyState = 2;
      ask("disconnect", { connection: this.id });
    }
    hear(type, data) { // "open", "message", "error" or "close"
      if (type !== "message") this.readyState = type === "open" ? 1 : 3;
      if (this[`on${type}`]) guarded(this[`on${type}`], this, [{ type, data, target: this }]);
    }
  };

  // The client reconnects within a tenth of a second, not after several seconds, and uses only WebSocket.
  const PACE = { reconnectionDelay: 50, reconnectionDelayMax: 100 };
  function pace() {
    const real = globalThis.io;
    if (!real?.Manager || real.isPaced) return;
    globalThis.io = function io(to, options) {
      if (typeof to === "object") [to, options] = [undefined, to];
      return real(to, { ...options, ...PACE, transports: ["websocket"] });
    };
    Object.assign(globalThis.io, real, { isPaced: true, io: globalThis.io, connect: globalThis.io });
  }

  class Storage {
    constructor(kept) { this.kept = kept; }
    getItem(name) { return this.kept[name] ?? null; }
    setItem(name, value) { this.kept[name] = String(value); }
    removeItem(name) { delete this.kept[name]; }
    clear() { for (const name of Object.keys(this.kept)) delete this.kept[name]; }
  }

  // ---- the document -------------------------------------------------------------------------------
  let later = []; // while a script runs, what the parser has not reached yet: [parent, nodes]
  let scripts = [];
  let stored = {};
  let readyState = "loading";
  let focused = null;

  function open(html, href, kept) {
    const { window, document } = LinkeDOM.parseHTML(html);
    delete globalThis.LinkeDOM;
    stored = { local: {}, session: {}, ...kept };
    Object.assign(globalThis, {
      window: globalThis, self: globalThis, document, name: "", status: "",
      navigator: { onLine: true, language: "en", userAgent: "" },
      localStorage: new Storage(stored.local), sessionStorage: new Storage(stored.session),
    });
    const leave = (to) => {
      const url = resolve(to, document.baseURI);
      if (!url.startsWith(`${href.split("#")[0]}#`)) ask("go", { url, method: "GET" });
    };
    const location = Object.assign(new URL(href), { assign: leave, replace: leave });
    location.reload = () => leave(href);
    Object.defineProperty(location, "href", { get: () => href, set: leave });
    for (const owner of [globalThis, document])
      Object.defineProperty(owner, "location", { get: () => location, set: leave });
    const body = () => document.querySelector("body"); // LinkeDOM would create one if there is none yet
    const own = {
      body, URL: () => href, forms: () => [...document.querySelectorAll("form")],
      readyState: () => readyState, hidden: () => false, visibilityState: () => "visible",
      baseURI: () => resolve(document.querySelector("base")?.getAttribute("href") ?? href, href),
      activeElement: () => (focused?.isConnected ? focused : body()),
    };
    for (const [name, get] of Object.entries(own)) Object.defineProperty(document, name, { get });
    for (const name of ["Element", "HTMLElement", "Node", "Event", "CustomEvent", "EventTarget"])
      globalThis[name] = window[name];
    defineEvents(window);
    defineElements(document);
    defineNodes(document);
    for (const form of document.forms)
      for (const field of form.elements)
        for (const name of [field.name, field.id]) if (name && !(name in form)) form[name] = field;
    for (const each of document.querySelectorAll("*"))
      for (const { name, value } of each.attributes) readAttribute(each, name, value);
    focused = document.querySelector("[autofocus]");
    scripts = [...document.querySelectorAll("script")];
    return scripts.map((each, at) => {
      const type = each.getAttribute("type") ?? "";
      const deferred = type === "module" || (each.hasAttribute("defer") && each.hasAttribute("src"));
      return { at, src: each.src, text: each.textContent, type, deferred };
    });
  }

  // ---- what people see --------------------------------------------------------------------------
  let rules = []; // of the style sheets: [selector, whether it hides what it selects], the last one counts
  const sheets = () => [...document.querySelectorAll("link[rel=stylesheet]:not([disabled]), style")]
    .filter((each) => !each.closest("noscript, template"))
    .map((each) => ({
      href: each.href ? resolve(each.href, document.baseURI) : "", text: each.textContent,
      media: (each.getAttribute("media") ?? "").replace(/^\s*(all|screen)\s*$/i, ""),
    }));
  const style = (given) => { rules = given; };

  // Nothing is drawn, but `hidden` and `display: none` hide an element.
  function unseen() {
    const found = new Map([...document.querySelectorAll("[hidden]")].map((each) => [each, true]));
    // A selector that LinkeDOM cannot read may show everything, except pseudo-elements such as ::after.
    const matches = (each, selector) => {
      try { return each.matches(selector); } catch { return !/::|:(before|after)\b/.test(selector); }
    };
    function follow(wanted) {
      for (const [, selector, hides] of rules.filter((rule) => rule[0][0] === wanted))
        if (hides) try { for (const each of document.querySelectorAll(selector)) found.set(each, true); } catch {}
        else for (const each of found.keys()) if (matches(each, selector)) found.set(each, false);
    }
    follow(false);
    for (const each of document.querySelectorAll("[style]")) {
      const display = /(?:^|;)\s*display\s*:\s*([\w-]+)/i.exec(each.getAttribute("style"));
      if (display) found.set(each, display[1].toLowerCase() === "none");
    }
    follow(true);
    return new Set([...found.keys()].filter((each) => found.get(each)));
  }
  const isIn = (hidden, node) => hidden.has(node) || (!!node.parentNode && isIn(hidden, node.parentNode));
  const isShown = (node) => !isIn(unseen(), node);
  function textOf(node, hidden = unseen()) {
    if (isIn(hidden, node)) return "";
    const below = (each) => each.nodeType === 3 ? each.data
      : hidden.has(each) || /^(template|script|style|noscript)$/.test(each.localName) ? ""
      : [...each.childNodes].map(below).join("");
    return below(node).trim();
  }

  function readAttribute(element, name, value) {
    if (name === "id" && !(value in globalThis)) { // an element's id is also a global variable
      const set = (other) => Object.defineProperty(globalThis, value, { value: other, writable: true });
      const get = () => document.getElementById(value);
      Object.defineProperty(globalThis, value, { get, set, configurable: true });
    } else if (/^on[a-z]+$/.test(name)) {
      try { element[name] = new Function("event", value); } catch (error) { fail("syntax", error); }
    }
  }

  // While a script runs, the page ends after that script, because the parser has not read any further.
  function enter(at) {
    const root = document.documentElement;
    for (let node = scripts[at]; node.parentNode && node !== root; node = node.parentNode) {
      const after = [];
      for (let next = node.nextSibling; next; next = next.nextSibling) after.push(next);
      for (const each of after) each.remove();
      later.push([node.parentNode, after]);
    }
  }
  function left() {
    for (const [parent, after] of later.splice(0)) parent.append(...after);
    watchAsyncFunctions();
    pace();
  }

  let windowEvents;
  function loaded() {
    readyState = "interactive";
    document.dispatchEvent(new Event("DOMContentLoaded", { bubbles: true }));
    windowEvents.dispatchEvent(new Event("DOMContentLoaded"));
    readyState = "complete";
    windowEvents.dispatchEvent(new Event("load"));
    if (typeof globalThis.onload === "function") guarded(globalThis.onload, globalThis, [new Event("load")]);
  }

  function defineEvents(window) {
    const proto = window.EventTarget.prototype;
    const { addEventListener, removeEventListener, dispatchEvent } = proto;
    proto.dispatchEvent = function (event) {
      const get = () => this; // LinkeDOM removes it after the event, but an async listener reads it later
      if (Object.getOwnPropertyDescriptor(event, "target")?.configurable)
        Object.defineProperty(event, "target", { get, set() {}, configurable: false });
      return dispatchEvent.call(this, event);
    };
    const made = new WeakMap(); // a listener -> the function that calls it and catches its errors
    proto.addEventListener = function (type, f, options) {
      const start = "Failed to execute 'addEventListener' on 'EventTarget':";
      if (arguments.length < 2)
        throw new TypeError(`${start} 2 arguments required, but only ${arguments.length} present.`);
      if (f === null || f === undefined) return;
      if (typeof f !== "function" && typeof f !== "object")
        throw new TypeError(`${start} parameter 2 is not of type 'Object'.`);
      if (!made.has(f)) // LinkeDOM calls a listener with the event's target as `this`
        made.set(f, (event) => {
          const outer = globalThis.event;
          globalThis.event = event; // as in browsers while a listener runs
          if (f.handleEvent) guarded(f.handleEvent, f, [event]);
          else guarded(f, event.currentTarget, [event]);
          globalThis.event = outer;
        });
      addEventListener.call(this, type, made.get(f), options);
    };
    proto.removeEventListener = function (type, f, options) {
      removeEventListener.call(this, type, made.get(f) ?? f, options);
    };
    windowEvents = new window.EventTarget();
    for (const name of ["addEventListener", "removeEventListener", "dispatchEvent"])
      globalThis[name] = windowEvents[name].bind(windowEvents);
    for (const name of ["MouseEvent", "SubmitEvent", "InputEvent"])
      globalThis[name] = class extends Event {
        constructor(type, { submitter, ...options } = {}) {
          super(type, options);
          this.submitter = submitter;
        }
      };
    for (const name of Object.getOwnPropertyNames(window.HTMLElement.prototype)) {
      if (!/^on[a-z]/.test(name)) continue;
      const handlers = new WeakMap();
      Object.defineProperty(window.HTMLElement.prototype, name, {
        get() { return handlers.get(this) ?? null; },
        set(f) {
          if (!handlers.has(this))
            this.addEventListener(name.slice(2), function (event) {
              const told = handlers.get(this)?.call(this, event);
              if (told === false) event.preventDefault();
              return told;
            });
          handlers.set(this, typeof f === "function" ? f : null);
        },
      });
    }
  }

  // ---- elements -----------------------------------------------------------------------------------
  const states = new WeakMap(); // a field -> what somebody typed, chose or ticked
  const stateOf = (field) => states.get(field) ?? states.set(field, {}).get(field);

  // Nothing is drawn, so the height of an element's content is its length.
  const endOf = (element) => element.querySelectorAll("*").length;
  function scroll(element, top) {
    stateOf(element).top = Math.min(Math.max(Number(top) || 0, 0), endOf(element));
  }

  function defineElements(document) {
    function define(tags, members) {
      for (const tag of tags.split(" "))
        Object.defineProperties(Object.getPrototypeOf(document.createElement(tag)),
          Object.getOwnPropertyDescriptors(members));
    }
    const reflected = (attribute, missing = "") => ({
      get() { return this.getAttribute(attribute) ?? missing; },
      set(value) { this.setAttribute(attribute, value); },
    });
    const address = (attribute) => ({
      get() {
        const text = this.getAttribute(attribute);
        return text === null ? "" : resolve(text, document.baseURI);
      },
      set(value) { this.setAttribute(attribute, value); },
    });
    for (const [tag, name, property] of [
      ["a", "href", address("href")], ["img", "src", address("src")], ["script", "src", address("src")],
      ["form", "action", address("action")], ["form", "method", reflected("method", "get")],
      ["form", "name", reflected("name")], ["input", "name", reflected("name")],
      ["textarea", "name", reflected("name")], ["button", "name", reflected("name")],
      ["input", "type", reflected("type", "text")], ["button", "type", reflected("type", "submit")],
      ["input", "defaultValue", reflected("value")], ["button", "value", reflected("value")],
    ]) Object.defineProperty(Object.getPrototypeOf(document.createElement(tag)), name, property);

    const field = {
      get form() {
        const id = this.getAttribute("form");
        return id ? document.getElementById(id) : this.closest("form");
      },
      get maxLength() { return Number(this.getAttribute("maxlength") ?? -1); },
      set maxLength(length) { this.setAttribute("maxlength", length); },
      get required() { return this.hasAttribute("required"); },
      set required(value) { this.toggleAttribute("required", !!value); },
      get readOnly() { return this.hasAttribute("readonly"); },
      set readOnly(value) { this.toggleAttribute("readonly", !!value); },
      checkValidity() { return isValid(this); },
      reportValidity() { return isValid(this); },
      select() {},
      setSelectionRange() {},
    };
    define("input textarea button", field);
    define("input", {
      get value() {
        if (this.type === "file") return this.files[0] ? `C:\\fakepath\\${this.files[0].name}` : "";
        return stateOf(this).value ?? this.getAttribute("value") ?? (this.type === "checkbox" ? "on" : "");
      },
      set value(value) {
        const text = value === null ? "" : String(value).replace(/[\r\n]/g, "");
        if (this.type === "file") delete stateOf(this).files;
        else if (/^(hidden|checkbox|submit|button)$/.test(this.type)) this.setAttribute("value", text);
        else stateOf(this).value = text;
      },
      get checked() { return stateOf(this).checked ?? this.hasAttribute("checked"); },
      set checked(value) { stateOf(this).checked = !!value; },
      get files() { return this.type === "file" ? stateOf(this).files ?? [] : null; },
    });
    define("textarea", {
      get value() { return stateOf(this).value ?? this.textContent; },
      set value(value) { stateOf(this).value = value === null ? "" : String(value); },
    });
    define("template", { // the nodes in a template are only in its `content`
      querySelector: () => null, querySelectorAll: () => [],
      get children() { return []; }, get firstElementChild() { return null; },
    });
    define("a", { get pathname() { return new URL(this.href).pathname; } });
    define("form", {
      get elements() {
        const fields = [...document.querySelectorAll("input, button, textarea")];
        const mine = fields.filter((each) => each.form === this);
        for (const each of mine) for (const name of [each.name, each.id]) if (name) mine[name] ??= each;
        return mine;
      },
      reset() {
        for (const each of this.elements) states.delete(each);
        this.dispatchEvent(new Event("reset", { bubbles: true }));
      },
      submit() { send(this, null); },
      requestSubmit(submitter = null) { submit(this, submitter); },
      checkValidity() { return isValid(this); },
      reportValidity() { return isValid(this); },
    });
    Object.defineProperty(globalThis.HTMLElement.prototype, "innerText", {
      get() { return this.textContent; },
      set(text) { this.textContent = text; },
    });
    Object.assign(globalThis.HTMLElement.prototype, {
      click() { press(this); },
      focus() {
        if (focused === this || this.disabled) return;
        focused?.blur();
        focused = this;
        this.dispatchEvent(new Event("focus"));
      },
      blur() {
        if (focused !== this) return;
        focused = null;
        this.dispatchEvent(new Event("blur"));
      },
      scrollIntoView() {
        for (let each = this.parentElement; each; each = each.parentElement) scroll(each, endOf(each));
      },
      scrollTo(x, y) { scroll(this, x?.top ?? y); },
      scrollBy(x, y) { scroll(this, this.scrollTop + (x?.top ?? y)); },
      clientHeight: 0,
    });
    Object.defineProperties(globalThis.HTMLElement.prototype, {
      scrollHeight: { get() { return endOf(this); } },
      scrollTop: { get() { return stateOf(this).top ?? 0; }, set(top) { scroll(this, top); } },
    });
  }

  // A browser turns a value that is not a node into text, or refuses it with its own message.
  function defineNodes(document) {
    const textOf = (each) => (each?.nodeType ? each : String(each));
    for (const name of ["append", "prepend", "before", "after", "replaceWith", "replaceChildren"])
      replace(name, (original) => function (...nodes) { return original.apply(this, nodes.map(textOf)); });
    for (const name of ["appendChild", "insertBefore", "removeChild"])
      replace(name, (original) => function (node, ...more) {
        if (node?.nodeType) return original.call(this, node, ...more);
        throw new TypeError(`Failed to execute '${name}' on 'Node': parameter 1 is not of type 'Node'.`);
      });
    for (const name of ["querySelector", "querySelectorAll", "matches", "closest"])
      replace(name, (original) => function (selector) {
        try {
          return original.call(this, selector);
        } catch {
          const owner = this === document ? "Document" : "Element";
          const start = `Failed to execute '${name}' on '${owner}'`;
          throw new SyntaxError(`${start}: '${selector}' is not a valid selector.`);
        }
      });
    function replace(name, make) {
      const seen = new Set();
      for (const owner of [document.createElement("p"), document.createDocumentFragment(), document]) {
        let holder = owner;
        while (holder && !Object.hasOwn(holder, name)) holder = Object.getPrototypeOf(holder);
        if (!holder || seen.has(holder)) continue;
        seen.add(holder);
        holder[name] = make(holder[name]);
      }
    }
  }

  // ---- what people do -----------------------------------------------------------------------------
  function isValid(element) {
    if (element.localName === "form") return element.elements.map(isValid).every(Boolean);
    if (element.disabled || element.type === "hidden" || element.localName === "button") return true;
    const value = element.type === "checkbox" ? (element.checked ? "on" : "") : element.value;
    const pattern = element.getAttribute("pattern");
    const isShort = value.length < Number(element.getAttribute("minlength") ?? 0);
    const isOther = pattern && !new RegExp(`^(?:${pattern})$`, "v").test(value);
    const isBad = value ? isShort || isOther : element.required;
    if (isBad) element.dispatchEvent(new Event("invalid", { cancelable: true }));
    return !isBad;
  }

  function submit(form, submitter) {
    if (!form.hasAttribute("novalidate") && !isValid(form)) return false;
    const event = new SubmitEvent("submit", { bubbles: true, cancelable: true, submitter });
    form.dispatchEvent(event);
    if (!event.defaultPrevented && form.isConnected) send(form, submitter);
    return true;
  }

  function send(form, submitter) {
    const named = (name) => submitter?.getAttribute(`form${name}`) ?? form.getAttribute(name);
    const url = resolve(named("action") || location.href, document.baseURI);
    const fields = new FormData(form, submitter);
    const texts = new URLSearchParams(fields.fields.map(([name, value]) => [name, value.name ?? value]));
    const body = bodyOf(named("enctype") === "multipart/form-data" ? fields : texts);
    if (named("method")?.toLowerCase() === "post") ask("go", { url, method: "POST", ...body });
    else ask("go", { url: `${url.split(/[?#]/)[0]}?${texts}`, method: "GET" });
  }

  function press(element) {
    const target = element.closest("button, input, a[href]") ?? element;
    if (target.disabled) return;
    const isBox = target.type === "checkbox";
    if (isBox) target.checked = !target.checked;
    const event = new MouseEvent("click", { bubbles: true, cancelable: true });
    element.dispatchEvent(event);
    if (event.defaultPrevented) {
      if (isBox) target.checked = !target.checked;
    } else if (isBox) {
      for (const type of ["input", "change"]) target.dispatchEvent(new Event(type, { bubbles: true }));
    } else if (/^(submit|image)$/.test(target.type) && target.form) submit(target.form, target);
    else if (target.type === "reset" && target.form) target.form.reset();
    else if (target.localName === "a" && target.target !== "_blank") location.assign(target.href);
  }

  class Missing extends Error {}
  function find(selector, place = 0) {
    const found = document.querySelectorAll(selector)[place];
    if (!found) throw new Missing(`the page has no ${selector}`);
    return found;
  }

  const actions = {
    type(selector, text) {
      const field = find(selector);
      if (field.disabled || field.readOnly) return;
      field.focus();
      field.value = field.maxLength >= 0 ? text.slice(0, field.maxLength) : text;
      field.dispatchEvent(new InputEvent("input", { bubbles: true }));
    },
    submit(selector) {
      const form = find(selector).closest("form");
      if (!form) throw new Missing(`${selector} is in no form`);
      const button = form.elements.find((each) => each.type === "submit");
      if (button?.disabled) return false;
      if (!button) return submit(form, null);
      const event = new MouseEvent("click", { bubbles: true, cancelable: true });
      button.dispatchEvent(event); // as a browser does when somebody presses Enter
      return !event.defaultPrevented && submit(form, button);
    },
    click(selector, place) { press(find(selector, place)); },
    choose(selector, name, type, body, size) {
      const field = find(selector);
      stateOf(field).files = [new File(body, name, type, size)];
      for (const event of ["input", "change"]) field.dispatchEvent(new Event(event, { bubbles: true }));
    },
    text: (selector) => textOf(document.querySelector(selector) ?? document.createTextNode("")),
    all(selector) {
      const hidden = unseen();
      return [...document.querySelectorAll(selector)].map((each) => textOf(each, hidden));
    },
    is_shown: (selector) => !document.querySelector(selector) || isShown(document.querySelector(selector)),
    value: (selector) => find(selector).value ?? "",
    attributes: (selector, name) =>
      [...document.querySelectorAll(selector)].map((each) => each.getAttribute(name)),
    is_at_end: (selector) => (stateOf(find(selector)).top ?? Infinity) >= endOf(find(selector)),
    html: () => document.documentElement.outerHTML,
  };

  function act(name, ...values) {
    try {
      return { value: actions[name](...values) ?? null };
    } catch (error) {
      if (error instanceof Missing) return { missing: error.message };
      throw error;
    }
  }

  // ---- for child.py -------------------------------------------------------------------------------
  function take(script) {
    if (script) left();
    for (const [promise, error] of lost) if (!handled.has(promise)) fail("rejection", error);
    lost.clear();
    const told = { nextTimer: nextTimer()?.[1].at ?? null };
    for (const [name, each] of Object.entries(taken)) told[name] = each.splice(0);
    return told;
  }
  const hear = (id, ...news) => sockets.get(id).hear(...news);
  const workshop = {
    open, enter, loaded, sheets, style, act, answer, hear, take, runTimer, timersWithin, stored: () => stored,
  };
  Object.defineProperty(globalThis, "workshop", { value: workshop });
})();
