// The pairs of the page: filtered, shown a page at a time, decided about, and the decisions saved as a file.
// Everything that a suite or its notes say becomes text nodes; nothing here makes markup of it.
"use strict";
(() => {
  const PAIRS = 20; // on one page
  const FIELDS = ["state", "op", "category"];
  const FIGURES = { parent_: "like its parent:", halves_: "halves alike:", "": "besides:" }; // by how a measure's name begins
  // What steers the eye or is not there to be seen. Joiners and marks are among it: operators hide words with them.
  const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0\ufe00-\ufe0d\u{e0100}-\u{e01ef}]/gu;
  const find = (id) => document.getElementById(id);
  const about = JSON.parse(find("about").textContent);
  const KEPT = `pytest-vsc review ${about.sha256}`;
  const state = { pairs: [], found: [], page: 0, texts: [], all: false, shown: new Set(), decided: new Map(), done: [], unsaved: false };
  const chunks = [...document.querySelectorAll("script.pictures")];
  const decoded = new Map();

  // --- data ---

  async function unpack(id) {
    const raw = atob(find(id).textContent);
    const bytes = Uint8Array.from(raw, (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return JSON.parse(await new Response(stream).text());
  }

  function picture(place) {
    let at = place;
    for (let chunk = 0; at >= 0 && chunk < chunks.length; chunk += 1) {
      if (!decoded.has(chunk)) decoded.set(chunk, JSON.parse(chunks[chunk].textContent));
      const known = decoded.get(chunk);
      if (at < known.length) return known[at];
      at -= known.length;
    }
    return null;
  }

  // --- what is decided, kept in this browser where it keeps anything ---

  let storage = null;
  try {
    storage = window.localStorage;
    storage.getItem(KEPT);
  } catch {
    storage = null;
  }

  function recall() {
    let kept = {};
    try {
      kept = JSON.parse((storage && storage.getItem(KEPT)) || "{}") || {};
    } catch {
      kept = {};
    }
    return { decided: kept.decided && typeof kept.decided === "object" ? kept.decided : {}, reviewer: String(kept.reviewer || "") };
  }

  // Decisions of other pages about the same suite lie there too, and stay.
  function keep(name, decision) {
    state.unsaved = true;
    const kept = recall();
    if (decision) kept.decided[name] = decision;
    else delete kept.decided[name];
    put(kept);
  }

  function put(kept) {
    try {
      if (!storage) throw new Error("no storage");
      storage.setItem(KEPT, JSON.stringify(kept));
    } catch {
      storage = null;
      trouble("This browser keeps nothing for this page: save the decisions before you close it.");
    }
  }

  function restore() {
    const kept = recall();
    state.decided.clear();
    for (const pair of state.pairs) {
      const said = Object.hasOwn(kept.decided, pair.name) ? kept.decided[pair.name] : "";
      if (said === "accepted" || said === "struck") state.decided.set(pair.name, said);
    }
    if (!find("reviewer").value) find("reviewer").value = kept.reviewer || about.reviewer;
  }

  const decisionOf = (pair) => state.decided.get(pair.name) || "undecided";

  function decide(pair, decision) {
    if (decision === "accepted" && !isShown(pair)) {
      toggle(pair);
      tell(`The words of ${pair.name} are shown now. Accept it again if it is sound.`);
      return;
    }
    state.done.push([pair.name, state.decided.get(pair.name) || ""]);
    set(pair, decision);
    tell(`${pair.name}: ${decision}.`);
    step(pair, 1);
  }

  function set(pair, decision) {
    if (decision) state.decided.set(pair.name, decision);
    else state.decided.delete(pair.name);
    keep(pair.name, decision);
    redraw(pair);
    count();
  }

  function undoLast() {
    const last = state.done.pop();
    const pair = last && state.pairs.find((one) => one.name === last[0]);
    if (!pair) {
      tell("Nothing to undo.");
      return;
    }
    set(pair, last[1]);
    if (!state.found.includes(pair)) clear();
    state.page = Math.floor(state.found.indexOf(pair) / PAIRS);
    show();
    focus(state.found.indexOf(pair) % PAIRS);
    tell(`${pair.name}: ${decisionOf(pair)} again.`);
  }

  function undo(pair) {
    state.done.push([pair.name, state.decided.get(pair.name) || ""]);
    set(pair, "");
    tell(`${pair.name}: undecided.`);
  }

  function count() {
    const number = (decision) => state.pairs.filter((pair) => decisionOf(pair) === decision).length;
    const [accepted, struck] = [number("accepted"), number("struck")];
    find("progress").max = Math.max(1, state.pairs.length);
    find("progress").value = accepted + struck;
    find("decided").textContent = `${accepted + struck} of ${state.pairs.length} decided: ${accepted} accepted, ${struck} struck`;
    find("undo-last").disabled = !state.done.length;
    find("save").disabled = !(accepted + struck);
  }

  function save() {
    const named = (decision) => state.pairs.filter((pair) => decisionOf(pair) === decision).map((pair) => pair.name);
    const said = { format: 1, suite: about.suite, sha256: about.sha256, reviewer: find("reviewer").value.trim(), accepted: named("accepted"), struck: named("struck") };
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([JSON.stringify(said, null, 1) + "\n"], { type: "application/json" }));
    link.download = "decisions.json";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    state.unsaved = false;
    tell(`Saved as decisions.json: ${said.accepted.length} accepted, ${said.struck.length} struck.`);
  }

  // --- filters ---

  function option(value, label) {
    const made = document.createElement("option");
    made.value = value;
    made.textContent = label;
    return made;
  }

  function fill() {
    for (const [field, of] of [["op", (pair) => pair.ops], ["category", (pair) => [pair.category]]]) {
      const known = new Map();
      for (const pair of state.pairs) for (const value of of(pair)) known.set(value, (known.get(value) || 0) + 1);
      for (const [value, number] of [...known].sort()) find(field).append(option(value, `${value} (${number})`));
      find(field).parentElement.hidden = known.size < 2;
    }
  }

  function filter() {
    const [decision, op, category] = FIELDS.map((field) => find(field).value);
    state.found = state.pairs.filter((pair) =>
      (!decision || decisionOf(pair) === decision) && (!op || pair.ops.includes(op)) && (!category || pair.category === category));
    state.page = 0;
    show();
    find("count").textContent = state.found.length === state.pairs.length ? `All ${state.pairs.length} pairs.` : `${state.found.length} of ${state.pairs.length} pairs match.`;
  }

  function clear() {
    for (const field of FIELDS) find(field).value = "";
    filter();
  }

  // --- showing ---

  function make(tag, text, kind) {
    const made = document.createElement(tag);
    if (text !== undefined && text !== null) made.textContent = text;
    if (kind) made.className = kind;
    return made;
  }

  function show() {
    const pages = Math.max(1, Math.ceil(state.found.length / PAIRS));
    state.page = Math.min(Math.max(0, state.page), pages - 1);
    const start = state.page * PAIRS;
    find("pairs").replaceChildren(...state.found.slice(start, start + PAIRS).map(article));
    for (const told of document.querySelectorAll("[data-page]")) told.textContent = `page ${state.page + 1} of ${pages}`;
    for (const bar of document.querySelectorAll(".pager")) bar.hidden = pages === 1;
    for (const button of document.querySelectorAll("[data-go]")) {
      const backwards = ["first", "back"].includes(button.dataset.go);
      button.disabled = backwards ? state.page === 0 : state.page >= pages - 1;
    }
    openToKeys(find("pairs"));
  }

  // What can be scrolled must be reached by the keyboard, and nothing else need be.
  function openToKeys(inside) {
    for (const text of inside.querySelectorAll(".text")) if (text.scrollHeight > text.clientHeight) text.tabIndex = 0;
  }

  const isShown = (pair) => state.all || state.shown.has(pair.name);
  const drawn = (pair) => [...find("pairs").children].find((one) => one.dataset.pair === pair.name);

  function redraw(pair) {
    const old = drawn(pair);
    if (!old) return;
    const active = document.activeElement;
    const kind = old.contains(active) && active.tagName === "BUTTON" ? active.dataset.does : "";
    const inside = old.contains(active);
    const made = article(pair);
    old.replaceWith(made);
    openToKeys(made);
    if (inside) ((kind && made.querySelector(`button[data-does="${kind}"]`)) || made).focus({ preventScroll: true });
  }

  function article(pair) {
    const decision = decisionOf(pair);
    const made = make("article", null, decision);
    made.tabIndex = -1;
    made.dataset.pair = pair.name;
    const title = make("h3", pair.name);
    title.id = `pair-${pair.order}`;
    made.setAttribute("aria-labelledby", title.id);
    const head = make("header");
    head.append(title, make("span", decision, `badge ${decision}`));
    made.append(head, make("p", kindOf(pair), "facts"), recipe(pair), figures(pair));
    const sides = make("div", null, "sides");
    sides.append(...pair.halves.map((half, number) => side(pair, half, number)));
    made.append(sides, buttons(pair, decision));
    return made;
  }

  function kindOf(pair) {
    const told = [`out of ${pair.parent}`, pair.category, `${pair.centric}-centric`, pair.halves[0].variant];
    if (pair.accepted) told.push(`accepted before: ${pair.accepted}`);
    return told.filter(Boolean).join(", ");
  }

  function recipe(pair) {
    const made = make("p", null, "recipe");
    made.append(make("span", "recipe ", "aloud"), pair.recipe);
    return made;
  }

  function figures(pair) {
    const made = make("dl", null, "figures");
    for (const [start, title] of Object.entries(FIGURES)) {
      const one = make("div");
      for (const [name, value] of Object.entries(pair.similarity)) {
        const mine = Object.keys(FIGURES).find((other) => name.startsWith(other));
        if (mine !== start) continue;
        const bits = name.endsWith("phash");
        one.append(make("dd", `${name.slice(start.length)} ${bits ? `${value} bits apart` : value.toFixed(2)}`));
      }
      if (!one.children.length) continue;
      one.prepend(make("dt", title));
      made.append(one);
    }
    return made;
  }

  function button(pair, does, label, act, pressed) {
    const made = make("button", label, does);
    made.type = "button";
    made.dataset.does = does;
    made.setAttribute("aria-label", `${label}: ${pair.name}`);
    if (pressed !== undefined) made.setAttribute("aria-pressed", String(pressed));
    made.addEventListener("click", act);
    return made;
  }

  function buttons(pair, decision) {
    const made = make("div", null, "decide");
    made.append(
      button(pair, "accept", "Accept", () => decide(pair, "accepted"), decision === "accepted"),
      button(pair, "strike", "Strike", () => decide(pair, "struck"), decision === "struck"),
      button(pair, "words", isShown(pair) ? "Hide words" : "Show words", () => toggle(pair)),
    );
    if (decision !== "undecided") made.append(button(pair, "undo", "Undo", () => undo(pair)));
    return made;
  }

  function side(pair, half, number) {
    const made = make("div", null, "case");
    const title = make("h4");
    title.append(make("span", half.side, `side ${half.side}`));
    made.append(title);
    if (half.id !== `${pair.name}.${half.side}`) made.append(make("p", half.id, "facts"));
    const shown = isShown(pair);
    if (half.images.length && (shown || !pair.written)) made.append(shots(half));
    if (shown) made.append(said(state.texts[pair.order][number]));
    else made.append(make("p", withheld(pair, half), "held"));
    return made;
  }

  function withheld(pair, half) {
    const pictures = half.images.length === 1 ? "picture, " : `${half.images.length} pictures, `;
    return `${pair.written && half.images.length ? pictures : ""}prompt of ${half.length.toLocaleString("en")} characters: withheld`;
  }

  function shots(half) {
    const made = make("div", null, "shots");
    half.images.forEach((place, number) => {
      const name = `picture ${number + 1} of ${half.images.length} of the ${half.side} half`;
      const known = picture(place);
      if (!known) {
        made.append(make("span", `${name}: not in this page`, "held"));
        return;
      }
      const [kind, width, height, data] = known;
      const image = make("img");
      image.alt = name;
      image.width = width;
      image.height = height;
      image.src = `data:${kind};base64,${data}`;
      made.append(image);
    });
    return made;
  }

  function said(text) {
    const made = make("div", null, "text prompt");
    made.dir = "auto";
    made.setAttribute("role", "group");
    made.setAttribute("aria-label", "prompt");
    let at = 0;
    for (const found of text.matchAll(UNSEEN)) {
      if (found[0] === "\n" || found[0] === "\t") continue;
      const code = found[0].codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
      made.append(text.slice(at, found.index), make("span", `U+${code}`, "unseen"));
      at = found.index + found[0].length;
    }
    made.append(text.slice(at));
    if (!text) made.append(make("i", "(empty)"));
    return made;
  }

  function toggle(pair) {
    if (state.all) {
      state.all = false;
      state.shown = new Set(state.pairs.map((one) => one.name));
      tellAll();
    }
    if (!state.shown.delete(pair.name)) state.shown.add(pair.name);
    redraw(pair);
  }

  function showAll(shown) {
    state.all = shown;
    if (!shown) state.shown.clear();
    tellAll();
    show();
  }

  function tellAll() {
    find("words-all").textContent = state.all ? "Hide all words" : "Show all words";
  }

  // --- moving ---

  function focus(place) {
    const list = find("pairs").children;
    const one = list[Math.min(Math.max(0, place), list.length - 1)];
    if (!one) return;
    one.focus({ preventScroll: true });
    one.scrollIntoView({ block: "start" });
  }

  function go(where) {
    const pages = Math.ceil(state.found.length / PAIRS);
    state.page = { first: 0, back: state.page - 1, next: state.page + 1, last: pages - 1 }[where];
    show();
    focus(0);
  }

  // From a pair to the next or the one before, over the ends of a page.
  function step(pair, by) {
    const at = state.found.indexOf(pair) + by;
    if (at < 0 || at >= state.found.length) {
      focus(state.found.indexOf(pair) - state.page * PAIRS);
      return;
    }
    const page = Math.floor(at / PAIRS);
    if (page !== state.page) {
      state.page = page;
      show();
    }
    focus(at % PAIRS);
  }

  function current() {
    const inside = document.activeElement && document.activeElement.closest("article");
    return (inside && state.pairs.find((pair) => pair.name === inside.dataset.pair)) || null;
  }

  function onKey(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
    if (event.target.closest("input, select, textarea, dialog")) return;
    const pair = current();
    const first = () => focus(0);
    const keys = {
      a: () => (pair ? decide(pair, "accepted") : first()),
      s: () => (pair ? decide(pair, "struck") : first()),
      w: () => (pair ? toggle(pair) : first()),
      j: () => (pair ? step(pair, 1) : first()),
      k: () => (pair ? step(pair, -1) : first()),
      u: undoLast,
    };
    const act = Object.hasOwn(keys, event.key) && keys[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  function tell(what) {
    find("told").textContent = what;
  }

  function trouble(what) {
    find("trouble").textContent = what;
    find("trouble").hidden = !what;
  }

  function theme(chosen) {
    if (chosen === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = chosen;
  }

  // --- beginning ---

  function listen() {
    for (const field of FIELDS) find(field).addEventListener("change", filter);
    find("filters").addEventListener("submit", (event) => event.preventDefault());
    find("reviewer").addEventListener("input", () => put({ ...recall(), reviewer: find("reviewer").value }));
    find("words-all").addEventListener("click", () => (state.all ? showAll(false) : find("warning").showModal()));
    find("words-yes").addEventListener("click", () => (find("warning").close(), showAll(true)));
    find("words-no").addEventListener("click", () => find("warning").close());
    find("keys").addEventListener("click", () => find("help").showModal());
    find("help-close").addEventListener("click", () => find("help").close());
    find("undo-last").addEventListener("click", undoLast);
    find("save").addEventListener("click", save);
    for (const button of document.querySelectorAll("[data-go]")) button.addEventListener("click", () => go(button.dataset.go));
    find("theme").addEventListener("change", () => theme(find("theme").value));
    document.addEventListener("keydown", onKey);
    window.addEventListener("storage", (event) => {
      if (event.key === KEPT) (restore(), show(), count());
    });
    window.addEventListener("beforeunload", (event) => {
      if (!storage && state.unsaved) event.preventDefault();
    });
  }

  async function begin() {
    find("tools").hidden = false;
    if (typeof DecompressionStream === "undefined") {
      trouble("This browser is too old to unpack the pairs.");
      return;
    }
    try {
      [state.pairs, state.texts] = await Promise.all([unpack("pair-data"), unpack("text-data")]);
    } catch (error) {
      trouble(`The pairs of this page cannot be unpacked (${error.name}): the file is damaged.`);
      return;
    }
    state.pairs.forEach((pair, place) => (pair.order = place));
    restore();
    if (!storage) trouble("This browser keeps nothing for this page: save the decisions before you close it.");
    find("viewer").hidden = false;
    fill();
    filter();
    count();
    listen();
    document.documentElement.classList.remove("static");
  }

  begin();
})();
