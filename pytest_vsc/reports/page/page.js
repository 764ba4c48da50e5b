// The cases of the page: filtered, sorted, shown a page at a time, their texts and pictures only when asked for.
// Everything that a model or a suite wrote becomes text nodes; nothing here makes markup of it.
"use strict";
(() => {
  const PAIRS = 20; // on one page
  const FIELDS = ["outcome", "verdict", "side", "centric", "category", "variant", "suite", "change"];
  const BAD = ["UNDERSAFE", "OVERSAFE", "WRONG", "INVALID"];
  const ORDERS = {
    suite: "as in the suite",
    flipped: "what flipped first",
    worst: "worst first",
    unsure: "least sure first",
    long: "longest answer first",
    slow: "slowest first",
  };
  const find = (id) => document.getElementById(id);
  const runs = JSON.parse(find("run-data").textContent);
  const last = runs.names.length - 1;
  const state = { cases: [], pairs: [], found: [], page: 0, texts: null, all: false, revealed: new Set(), aimed: "" };
  const chunks = [...document.querySelectorAll("script.pictures")];
  const decoded = new Map();
  const usual = { sort: "suite" };

  // --- data ---

  async function unpack(id) {
    const raw = atob(find(id).textContent);
    const bytes = Uint8Array.from(raw, (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return JSON.parse(await new Response(stream).text());
  }

  async function loadTexts() {
    if (!state.texts && runs.texts) state.texts = await unpack("text-data");
  }

  function picture(place) {
    if (place < 0 || !chunks.length) return null;
    let at = place;
    for (let chunk = 0; chunk < chunks.length; chunk += 1) {
      if (!decoded.has(chunk)) decoded.set(chunk, JSON.parse(chunks[chunk].textContent));
      const known = decoded.get(chunk);
      if (at < known.length) return known[at];
      at -= known.length;
    }
    return null;
  }

  function prepare(cases) {
    const pairs = new Map();
    cases.forEach((one, place) => {
      one.place = place;
      const said = one.answers.flat();
      one.verdicts = new Set(one.answers[last].map((answer) => answer.verdict).filter(Boolean));
      one.words = [one.suite + "/" + one.id, one.category, one.variant || "", ...one.tags, ...one.verdicts].join(" ").toLowerCase();
      one.name = one.suite + "/" + one.id;
      const now = one.answers[last];
      one.unsure = Math.min(...now.map((answer) => (answer.refused === null ? 1 : Math.abs(answer.refused - 0.5))), 1);
      one.long = Math.max(0, ...said.map((answer) => answer.length || 0));
      one.slow = Math.max(0, ...now.map((answer) => answer.seconds || 0));
      const key = one.suite + "/" + (one.pair === null ? one.id : one.pair);
      if (!pairs.has(key)) pairs.set(key, { name: key, order: pairs.size, cases: [] });
      pairs.get(key).cases.push(one);
    });
    for (const pair of pairs.values()) pair.cases.sort((a, b) => (a.side === b.side ? 0 : a.side === "safe" ? -1 : 1));
    state.cases = cases;
    state.pairs = [...pairs.values()];
  }

  // --- filters ---

  function values(field) {
    const found = new Map();
    for (const one of state.cases) {
      const mine = field === "verdict" ? [...one.verdicts] : [one[field]];
      for (const value of mine) if (value !== null && value !== undefined) found.set(value, (found.get(value) || 0) + 1);
    }
    return found;
  }

  function option(value, label) {
    const made = document.createElement("option");
    made.value = value;
    made.textContent = label;
    return made;
  }

  function fill() {
    for (const field of FIELDS) {
      const list = find(field);
      list.append(option("", "any"));
      if (field === "change") {
        const of = (sign) => state.cases.filter((one) => one.change === sign).length;
        const flipped = of(1) + of(-1);
        list.append(option("any", `worse or better (${flipped})`), option("1", `worse (${of(1)})`), option("-1", `better (${of(-1)})`));
        list.parentElement.hidden = !flipped;
        continue;
      }
      if (field === "outcome") list.append(option("wrong", "not correct"));
      const known = [...values(field)];
      for (const [value, number] of known.sort()) list.append(option(value, `${value} (${number})`));
      list.parentElement.hidden = known.length < 2;
    }
    for (const [value, label] of Object.entries(ORDERS)) find("sort").append(option(value, label));
    usual.sort = runs.names.length > 1 ? "flipped" : "suite";
    [...find("sort").options].forEach((one) => (one.defaultSelected = one.value === usual.sort));
    find("sort").value = usual.sort;
  }

  function matches(one, wanted, words) {
    for (const field of FIELDS) {
      const value = wanted[field];
      if (!value) continue;
      if (field === "verdict" ? !one.verdicts.has(value)
        : field === "change" && value === "any" ? !one.change
        : field === "outcome" && value === "wrong" ? !BAD.includes(one.outcome)
        : String(one[field]) !== value) return false;
    }
    return words.every((word) => one.words.includes(word) || (state.all && says(one, word)));
  }

  function says(one, word) {
    if (!state.texts) return false;
    const texts = [state.texts.prompts[one.place], ...state.texts.answers[one.place].flat(2)];
    return texts.some((text) => text.toLowerCase().includes(word));
  }

  function filter() {
    const wanted = Object.fromEntries(FIELDS.map((field) => [field, find(field).value]));
    const words = find("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    let hits = 0;
    state.found = state.pairs.filter((pair) => {
      const mine = pair.cases.filter((one) => matches(one, wanted, words)).length;
      hits += mine;
      return mine > 0;
    });
    sort(find("sort").value);
    state.page = 0;
    show();
    const pairs = state.found.length === 1 ? "1 pair or single case" : `${state.found.length.toLocaleString("en")} pairs or single cases`;
    find("count").textContent = `${hits.toLocaleString("en")} of ${state.cases.length.toLocaleString("en")} cases match, in ${pairs}.`;
  }

  function sort(order) {
    const wrong = (pair) => pair.cases.filter((one) => BAD.includes(one.outcome)).length * 2 + pair.cases.some((one) => one.outcome === "UNDERSAFE");
    const of = (field, pick) => (pair) => pick(...pair.cases.map((one) => one[field]));
    const keys = {
      worst: (pair) => -wrong(pair),
      flipped: (pair) => -Math.max(...pair.cases.map((one) => (one.change > 0 ? 2 : -one.change))),
      unsure: of("unsure", Math.min),
      long: (pair) => -of("long", Math.max)(pair),
      slow: (pair) => -of("slow", Math.max)(pair),
    };
    const key = keys[order];
    if (key) state.found.sort((a, b) => key(a) - key(b) || a.order - b.order);
  }

  // Without the form's own reset, whose event comes when all else is done and would undo it.
  function clear() {
    for (const field of [...FIELDS, "search"]) find(field).value = "";
    find("sort").value = usual.sort;
  }

  function tellAddress() {
    const chosen = FIELDS.filter((field) => find(field).value).map((field) => `${field}=${encodeURIComponent(find(field).value)}`);
    if (find("search").value) chosen.push(`search=${encodeURIComponent(find("search").value)}`);
    if (find("sort").value !== usual.sort) chosen.push(`sort=${find("sort").value}`);
    try {
      history.replaceState(null, "", `#filter/${chosen.join("&")}`);
    } catch {
      // some viewers of attachments have no address to change
    }
  }

  // --- showing ---

  function make(tag, text, kind) {
    const made = document.createElement(tag);
    if (text !== undefined && text !== null) made.textContent = text;
    if (kind) made.className = kind;
    return made;
  }

  function address(name) {
    return `#case/${name.split("/").map(encodeURIComponent).join("/")}`;
  }

  function show() {
    const pages = Math.max(1, Math.ceil(state.found.length / PAIRS));
    state.page = Math.min(Math.max(0, state.page), pages - 1);
    const start = state.page * PAIRS;
    find("pairs").replaceChildren(...state.found.slice(start, start + PAIRS).map(article));
    for (const told of document.querySelectorAll("[data-page]")) told.textContent = `page ${state.page + 1} of ${pages}`;
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

  function isShown(pair) {
    return state.texts !== null && (state.all || state.revealed.has(pair.name));
  }

  function article(pair) {
    const made = make("article");
    made.tabIndex = -1;
    made.dataset.pair = pair.name;
    if (state.aimed === pair.name) made.classList.add("aimed");
    const title = make("h3");
    const link = make("a", pair.name);
    link.href = address(pair.name);
    title.append(link);
    title.id = `pair-${pair.order}`;
    made.setAttribute("aria-labelledby", title.id);
    const head = make("header");
    head.append(title, make("span", kindOf(pair.cases[0]), "quiet"));
    if (runs.texts) {
      const button = make("button", isShown(pair) ? "Hide" : "Reveal");
      button.type = "button";
      button.setAttribute("aria-label", `${button.textContent} texts and pictures of ${pair.name}`);
      button.addEventListener("click", () => toggle(pair));
      head.append(button);
    }
    const sides = make("div", null, pair.cases.length > 1 ? "sides" : "sides single");
    sides.append(...pair.cases.map((one) => side(one, isShown(pair))));
    made.append(head, sides);
    return made;
  }

  function kindOf(one) {
    return [one.category, `${one.centric}-centric`, one.variant, ...one.tags].filter(Boolean).join(", ");
  }

  function side(one, shown) {
    const made = make("div", null, "case");
    const title = make("h4");
    title.append(`${one.side}: `, badge(one.outcome || "NOT RECORDED"));
    if (one.was && one.was !== one.outcome) title.append(" before ", badge(one.was));
    made.append(title, make("p", one.id, "facts"));
    if (shown) made.append(shots(one), said("prompt", state.texts.prompts[one.place], ""));
    else made.append(make("p", withheld(one), "held"));
    one.answers.forEach((answers, run) => {
      answers.forEach((answer, repeat) => made.append(answered(one, answer, run, repeat, shown)));
      if (!answers.length) made.append(make("p", `${runs.names[run]}: not recorded`, "facts"));
    });
    return made;
  }

  function badge(word) {
    return make("span", word, `badge ${word.toLowerCase().replace(/\W+/g, "_")}`);
  }

  function withheld(one) {
    const pictures = one.images.length;
    const answers = one.answers[last].filter((answer) => answer.length !== null);
    const told = pictures ? [pictures === 1 ? "picture" : `${pictures} pictures`] : [];
    told.push("prompt");
    if (answers.length) told.push(`answer of ${answers.map((answer) => answer.length.toLocaleString("en")).join(", ")} characters`);
    return `${told.join(", ")}: ${runs.texts ? "withheld" : "not in this page"}`;
  }

  function shots(one) {
    const made = make("div", null, "shots");
    one.images.forEach((place, number) => {
      const name = `picture ${number + 1} of ${one.images.length} of the ${one.side} case`;
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

  function said(what, text, span) {
    const made = make("div", null, `text ${what}`);
    made.dir = "auto";
    made.setAttribute("role", "group");
    made.setAttribute("aria-label", what);
    const at = span ? text.indexOf(span) : -1;
    if (at < 0) made.textContent = text;
    else made.append(text.slice(0, at), make("mark", span), text.slice(at + span.length));
    if (!text) made.append(make("i", "(empty)"));
    return made;
  }

  function answered(one, answer, run, repeat, shown) {
    const made = make("div", null, "answer");
    const times = one.answers[run].length > 1 ? `answer ${repeat + 1} of ${one.answers[run].length}: ` : "";
    const who = runs.names.length > 1 ? `${runs.names[run]}: ` : "";
    const line = make("p");
    line.append(who + times, make("b", answer.verdict || "not asked"));
    if (times || runs.names.length > 1) line.append(" ", badge(answer.outcome));
    made.append(line, make("p", factsOf(answer), "facts"));
    if (answer.error) made.append(make("p", answer.error, "note"));
    if (answer.length !== null && shown) {
      const [text, thought, span] = state.texts.answers[one.place][run][repeat];
      if (thought) {
        const before = make("details");
        before.append(make("summary", "what it thought before"), said("thought", thought, ""));
        made.append(before);
      }
      made.append(said("answer", text, span));
    }
    return made;
  }

  function factsOf(answer) {
    const percent = (share) => `${(100 * share).toFixed(0)} %`;
    const told = [answer.judge ? `judge ${answer.judge}` : ""];
    if (answer.refused !== null) told.push(`refused ${percent(answer.refused)}`);
    if (answer.aware !== null) told.push(`aware ${percent(answer.aware)}`);
    for (const [judge, verdict] of answer.opinions) told.push(`${judge}: ${verdict}`);
    if (answer.differ) told.push("the judges differ");
    if (answer.finish && answer.finish !== "stop") told.push(`finish ${answer.finish}`);
    if (answer.tokens !== null) told.push(`${answer.tokens} tokens`);
    if (answer.seconds !== null) told.push(`${answer.seconds.toFixed(2)} s`);
    return told.filter(Boolean).join(", ");
  }

  // --- revealing ---

  async function toggle(pair) {
    await loadTexts();
    const shown = isShown(pair);
    if (state.all) {
      state.all = false;
      state.revealed = new Set(state.found.map((one) => one.name));
      tellAll();
    }
    if (shown) state.revealed.delete(pair.name);
    else state.revealed.add(pair.name);
    const old = [...find("pairs").children].find((one) => one.dataset.pair === pair.name);
    if (!old) return;
    const inside = old.contains(document.activeElement);
    const onButton = document.activeElement && document.activeElement.tagName === "BUTTON";
    const made = article(pair);
    old.replaceWith(made);
    openToKeys(made);
    if (inside) (onButton ? made.querySelector("button") : made).focus({ preventScroll: true });
  }

  async function revealAll(shown) {
    await loadTexts();
    state.all = shown;
    if (!shown) state.revealed.clear();
    tellAll();
    if (find("search").value) filter();
    else show();
  }

  function tellAll() {
    find("reveal-all").textContent = state.all ? "Hide all texts and pictures" : "Reveal all texts and pictures";
    const label = document.querySelector("label[for=search]");
    label.textContent = state.all ? "Search ids, tags, verdicts and texts" : "Search ids, tags and verdicts";
  }

  // --- moving ---

  function move(step) {
    const shown = [...find("pairs").children];
    const at = shown.findIndex((one) => one.contains(document.activeElement));
    const next = at + step;
    if (next < 0 || next >= shown.length) {
      const before = state.page;
      state.page += step;
      show();
      if (state.page !== before) focus(step > 0 ? 0 : find("pairs").children.length - 1);
      return;
    }
    focus(next);
  }

  function focus(place) {
    const chosen = find("pairs").children[place];
    if (!chosen) return;
    chosen.focus({ preventScroll: true });
    chosen.scrollIntoView({ block: "nearest" });
  }

  function go(where) {
    const pages = Math.ceil(state.found.length / PAIRS);
    state.page = { first: 0, back: state.page - 1, next: state.page + 1, last: pages - 1 }[where];
    show();
  }

  function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const inside = document.activeElement && document.activeElement.closest("#pairs article");
    const keys = {
      j: () => move(1),
      k: () => move(-1),
      n: () => (go("next"), focus(0)),
      p: () => (go("back"), focus(0)),
      "/": () => find("search").focus(),
      r: () => {
        const pair = inside && state.pairs.find((one) => one.name === inside.dataset.pair);
        if (pair && runs.texts) toggle(pair);
      },
    };
    const act = keys[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  function follow() {
    const said = location.hash.slice(1);
    if (said.startsWith("filter/")) choose(said.slice("filter/".length));
    else if (said.startsWith("case/")) aim(said.slice("case/".length));
  }

  function decode(text) {
    try {
      return decodeURIComponent(text);
    } catch {
      return text;
    }
  }

  function choose(said) {
    clear();
    for (const part of said.split("&")) {
      const [field, value] = part.split("=").map(decode);
      if (![...FIELDS, "search", "sort"].includes(field)) continue;
      find(field).value = value;
    }
    filter();
    find("cases").scrollIntoView();
    find("count").focus({ preventScroll: true });
  }

  function aim(said) {
    const name = decode(said);
    const pair = state.pairs.find((one) => one.name === name || one.cases.some((half) => half.name === name));
    if (!pair) {
      trouble(`No case ${name} is in this page.`);
      return;
    }
    if (!state.found.includes(pair)) {
      clear();
      filter();
    }
    state.aimed = pair.name;
    state.page = Math.floor(state.found.indexOf(pair) / PAIRS);
    show();
    focus(state.found.indexOf(pair) % PAIRS);
  }

  function trouble(what) {
    const told = find("trouble");
    told.textContent = what;
    told.hidden = !what;
  }

  function theme(chosen) {
    if (chosen === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = chosen;
  }

  // --- beginning ---

  function listen() {
    let waiting = 0;
    find("search").addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => (filter(), tellAddress()), 80);
    });
    find("search").addEventListener("keydown", (event) => {
      if (event.key === "Escape") (event.preventDefault(), focus(0));
    });
    for (const field of [...FIELDS, "sort"]) find(field).addEventListener("change", () => (filter(), tellAddress()));
    find("filters").addEventListener("submit", (event) => event.preventDefault());
    find("filters").addEventListener("reset", () => setTimeout(() => (filter(), tellAddress())));
    find("reveal-all").hidden = !runs.texts;
    find("reveal-all").addEventListener("click", () => (state.all ? revealAll(false) : find("warning").showModal()));
    find("reveal-yes").addEventListener("click", () => (find("warning").close(), revealAll(true)));
    find("reveal-no").addEventListener("click", () => find("warning").close());
    find("keys").addEventListener("click", () => find("help").showModal());
    find("help-close").addEventListener("click", () => find("help").close());
    for (const button of document.querySelectorAll("[data-go]")) button.addEventListener("click", () => go(button.dataset.go));
    find("pairs").addEventListener("keydown", onKey);
    find("theme").addEventListener("change", () => theme(find("theme").value));
    window.addEventListener("hashchange", follow);
    document.addEventListener("click", (event) => {
      const link = event.target.closest("a[href^='#']");
      if (link && link.getAttribute("href") === location.hash) follow(); // the address stays, so nothing else would
    });
  }

  async function begin() {
    find("tools").hidden = false;
    if (typeof DecompressionStream === "undefined") {
      trouble("This browser is too old to unpack the cases; what decides is above. In a terminal: vsc show RUN");
      return;
    }
    try {
      prepare((await unpack("case-data")).cases);
    } catch (error) {
      trouble(`The cases of this page cannot be unpacked (${error.name}): the file is damaged.`);
      return;
    }
    find("count").tabIndex = -1;
    find("viewer").hidden = false;
    fill();
    filter();
    listen();
    follow();
    document.documentElement.classList.remove("static");
  }

  begin();
})();
