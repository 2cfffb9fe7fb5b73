"use strict";
/* A list of questions, of which only what is in view is in the document, and the one chosen.
   Texts of users and models come in as text nodes alone. */
const ROW = 58; /* px, as in the style */
const [RIGHT, SOME, NONE, FAILED, UNPARSED, SAME, OTHER] = [1, 2, 4, 8, 16, 32, 64];
const OUTCOMES = {
  right: (state) => state & RIGHT,
  missed: (state) => !(state & RIGHT),
  inconsistent: (state) => state & SOME,
  wrong: (state) => state & NONE,
  failed: (state) => state & FAILED,
  unparsed: (state) => state & UNPARSED,
};
const root = document.getElementById("questions");
const find = (selector) => root.querySelector(selector);
const form = find("form");
const list = find(".questions-list");
const rows = find(".questions-rows");
const one = find(".questions-one");
const count = find(".questions-count");
let data = null; /* parsed when the section comes near */
let entries = [];
let listed = [];
let chosen = -1; /* place in `listed` */
let wanted = ""; /* address of an entry that was asked for before there was data */

function make(name, words = "", text = null) {
  const made = document.createElement(name);
  if (words) made.className = words;
  if (text !== null) made.textContent = text;
  return made;
}

function isolated(text) {
  return make("bdi", "", text);
}

const text = (number) => data.texts[number];

function load() {
  if (data) return;
  data = JSON.parse(document.getElementById("data-questions").textContent);
  entries = data.entries.map(([question, setting, runs, looks]) => {
    const about = data.questions[question];
    const asked = runs.filter((run) => !data.runs[run[0]][2]); /* controls differ anyway */
    const right = asked.map((run) => Boolean(run[1] & RIGHT));
    return {
      about,
      runs,
      looks,
      id: text(about[0]),
      low: text(about[0]).toLocaleLowerCase("en"),
      category: text(about[1]),
      setting: data.settings[setting],
      differ: right.includes(true) && right.includes(false),
    };
  });
  const fromAddress = take();
  filter();
  if (!fromAddress && listed.length) choose(0, false);
}

/* Filters */

function choices() {
  const found = {};
  for (const field of form.elements) {
    if (!field.name) continue;
    const value = field.type === "checkbox" ? (field.checked ? "1" : "") : field.value.trim();
    if (value) found[field.name] = value;
  }
  return found;
}

function filter() {
  const { category, setting, run, state, error, id, differ } = choices();
  const own = run ? data.runs.findIndex((one) => one[0] === run) : -1;
  const outcome = OUTCOMES[state] ?? (() => true);
  const kind = { same: SAME, other: OTHER }[error];
  const low = id?.toLocaleLowerCase("en");
  const fits = (entry) =>
    (!category || entry.category === category) &&
    (!setting || entry.setting === setting) &&
    (!differ || entry.differ) &&
    (!low || entry.low.includes(low)) &&
    entry.runs.some(
      ([number, bits]) =>
        (own < 0 || number === own) && outcome(bits) && (!kind || bits & kind),
    );
  const before = listed[chosen];
  listed = entries.filter(fits);
  chosen = listed.indexOf(before);
  const all = entries.length.toLocaleString("en");
  count.textContent = `${listed.length.toLocaleString("en")} of ${all} entries listed`;
  rows.style.height = `${listed.length * ROW}px`;
  list.scrollTop = 0;
  draw(true);
  if (chosen < 0) {
    if (listed.length) choose(0, false);
    else one.replaceChildren();
  } else {
    reveal();
  }
}

/* The list */

function signs(run) {
  const made = make("span", "questions-signs");
  for (const answer of run[3]) {
    const read = answer[7];
    const good = Boolean(read?.[3]);
    const sign = !read ? "–" : good ? "●" : read[0] ? "○" : "?";
    made.append(make("span", good ? "questions-good" : "questions-bad", sign));
  }
  return made;
}

function spoken(state) {
  if (state & RIGHT) return "right";
  if (state & SOME) return "inconsistent";
  return state & NONE ? "wrong" : "failed";
}

function row(place) {
  const entry = listed[place];
  const made = make("div", "questions-row");
  made.id = `questions-row-${place}`;
  made.setAttribute("role", "option");
  made.setAttribute("aria-setsize", listed.length);
  made.setAttribute("aria-posinset", place + 1);
  made.setAttribute("aria-selected", String(place === chosen));
  const said = entry.runs.map((run) => `${data.runs[run[0]][1]} ${spoken(run[1])}`).join(", ");
  made.setAttribute("aria-label", `${entry.id}, ${entry.setting}: ${said}`);
  made.style.top = `${place * ROW}px`;
  const name = make("div");
  name.append(isolated(entry.id));
  const below = make("div", "questions-below");
  below.append(make("span", "questions-setting", entry.setting));
  if (entry.runs.length <= 4) {
    for (const run of entry.runs) below.append(signs(run));
  } else {
    const right = entry.runs.filter((run) => run[1] & RIGHT).length;
    below.append(` · ${right} of ${entry.runs.length} runs right`);
  }
  made.append(name, below);
  made.addEventListener("click", () => choose(place, true));
  return made;
}

function draw(anew = false) {
  const first = Math.max(0, Math.floor(list.scrollTop / ROW) - 5);
  const last = Math.min(listed.length, Math.ceil((list.scrollTop + list.clientHeight) / ROW) + 5);
  const there = new Map();
  for (const made of [...rows.children]) {
    const place = Number(made.dataset.place);
    if (anew || !(place >= first && place < last)) made.remove();
    else there.set(place, made);
  }
  for (let place = first; place < last; place += 1) {
    if (there.has(place)) continue;
    const made = row(place);
    made.dataset.place = place;
    rows.append(made);
  }
  if (!listed.length && anew) rows.append(make("div", "questions-empty", "No entry fits."));
}

function reveal() {
  const top = chosen * ROW;
  if (top < list.scrollTop) list.scrollTop = top;
  else if (top + ROW > list.scrollTop + list.clientHeight) {
    list.scrollTop = top + ROW - list.clientHeight;
  }
  draw();
  for (const made of rows.children) {
    made.setAttribute("aria-selected", String(Number(made.dataset.place) === chosen));
  }
  list.setAttribute("aria-activedescendant", `questions-row-${chosen}`);
}

function choose(place, byUser) {
  if (!listed.length) return;
  chosen = Math.min(Math.max(place, 0), listed.length - 1);
  reveal();
  show(listed[chosen]);
  if (byUser) write();
}

/* The question that is chosen */

function pre(content) {
  const made = make("pre", "", content);
  made.tabIndex = 0;
  made.dir = "auto";
  return made;
}

function folded(title, ...inside) {
  const made = make("details");
  made.append(make("summary", "", title), ...inside);
  return made;
}

function photo(number, words) {
  const made = make("figure");
  const image = make("img");
  [image.width, image.height] = data.sizes[number];
  image.alt = words;
  image.decoding = "async";
  image.src = data.pictures[number];
  made.append(image, make("figcaption", "", words));
  return made;
}

function photos(look, entry) {
  const [why, , pictures] = look;
  const made = make("div", "questions-photos");
  pictures.forEach((numbers, rotation) => {
    const turned = pictures.length > 1 ? `, rotation ${rotation + 1}` : "";
    numbers.forEach((number, place) => {
      const source = numbers.length > 1 && place === 0;
      if (source && rotation && number === pictures[0][0]) return; /* the same again */
      made.append(photo(number, source ? "Source, as sent, reduced" : `Target, as sent, reduced${turned}`));
    });
  });
  if (made.children.length) return [made];
  const none = pictures.length ? "No photo was sent." : text(why);
  return none ? [make("p", "questions-why", none)] : [];
}

const joined = (lines) => lines.map(text).join("\n");

function prompts(look) {
  const parts = [];
  const systems = new Set(look[1].map(([system]) => joined(system)));
  for (const system of systems) {
    if (system) parts.push(make("p", "questions-facts", "System text"), pre(system));
  }
  look[1].forEach(([, user], rotation) => {
    parts.push(make("p", "questions-facts", `Rotation ${rotation + 1}`), pre(joined(user)));
  });
  return parts.length ? [folded("Prompt in full", ...parts)] : [];
}

function read(name, [letter, label, rule, right]) {
  const made = make("p", "", `${name}: `);
  if (letter) {
    made.append(make("strong", "", text(letter)));
    if (label && text(label) !== text(letter)) made.append(" (point ", isolated(text(label)), ")");
    made.append(right ? " right" : " wrong");
  } else {
    made.append(right ? "no letter, counted right" : "no letter");
  }
  made.append(", rule ", isolated(text(rule)));
  return made;
}

function answer(values, rotation) {
  const [status, letter, label, said, reasoning, finish, error, official, strict] = values;
  const good = Boolean(official?.[3]);
  const made = make("div", `questions-answer${good ? " questions-is-right" : ""}`);
  const head = make("p", "questions-head");
  const right = make("span", "", `Rotation ${rotation + 1}`);
  if (letter) {
    right.append(` · right: ${text(letter)}`);
    if (text(label) !== text(letter)) right.append(" (point ", isolated(text(label)), ")");
  }
  const words = !official ? text(status) : good ? "● right" : official[0] ? "○ wrong" : "? unread";
  head.append(right, make("span", good ? "questions-good" : "questions-bad", words));
  made.append(head);
  if (said || official) made.append(pre(said ? text(said) : "(empty)"));
  if (official) made.append(read("official", official));
  if (strict) made.append(read("strict", strict));
  const end = make("p", "", `status ${text(status)}`);
  if (finish) end.append(", finish ", isolated(text(finish)));
  if (error) end.append(": ", isolated(text(error)));
  made.append(end);
  if (reasoning) made.append(folded("Reasoning", pre(text(reasoning))));
  return made;
}

function show(entry) {
  const [, , supercategory, query, concept, words, right, candidates] = entry.about;
  const title = make("h3");
  title.append(isolated(entry.id));
  const facts = make("p", "questions-facts");
  facts.append(make("strong", "", entry.setting), " · ", isolated(entry.category));
  if (supercategory) facts.append(" · ", isolated(text(supercategory)));
  if (words) facts.append(" · ", isolated(text(words)));
  if (query) facts.append(" · ", isolated(text(query)));
  const points = make("ul", "questions-points");
  for (const [label, name, of] of candidates) {
    const asked = label === right;
    const kin = !asked && of && of === concept ? ", same concept" : "";
    const item = make("li", asked ? "questions-asked" : "");
    item.append(isolated(text(label)), name ? ": " : "", isolated(text(name)));
    item.append(asked ? " ✓ right" : kin);
    points.append(item);
  }
  const parts = [title, facts];
  entry.looks.forEach((look, number) => {
    if (entry.looks.length > 1) {
      const names = entry.runs.filter((run) => run[2] === number).map((run) => data.runs[run[0]][1]);
      const asked = make("p", "questions-facts", "Asked so: ");
      asked.append(isolated(names.join(", ")));
      parts.push(asked);
    }
    parts.push(...photos(look, entry));
    if (number === 0) parts.push(points);
    parts.push(...prompts(look));
  });
  for (const run of entry.runs) {
    const [number, state, , answers] = run;
    const head = make("h4");
    head.append(isolated(data.runs[number][1]), make("small", "", spoken(state)));
    const grid = make("div", "questions-answers");
    answers.forEach((values, rotation) => grid.append(answer(values, rotation)));
    parts.push(head, grid);
  }
  one.replaceChildren(...parts);
}

/* The address: #questions?setting=vis&state=wrong&at=… leads to the same view again. */

function write() {
  const found = new URLSearchParams(choices());
  const entry = listed[chosen];
  if (entry) found.set("at", `${entry.setting} ${entry.id}`);
  try {
    history.replaceState(null, "", `#questions?${found}`);
  } catch {
    /* some browsers allow it but so often */
  }
}

/* Set filters as the address says; true if it names this section's filters. */
function take() {
  const [name, query] = location.hash.slice(1).split("?", 2);
  if (name !== "questions" || !query) return false;
  const found = new URLSearchParams(query);
  form.reset();
  for (const field of form.elements) {
    const value = field.name ? found.get(field.name) : null;
    if (value === null) continue;
    if (field.type === "checkbox") field.checked = value === "1";
    else field.value = value;
    if (field.tagName === "SELECT" && field.selectedIndex < 0) field.value = "";
  }
  wanted = found.get("at") ?? "";
  filter();
  const place = listed.findIndex((entry) => `${entry.setting} ${entry.id}` === wanted);
  choose(Math.max(place, 0), false);
  root.scrollIntoView();
  return true;
}

form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("input", () => {
  load();
  filter();
  write();
});
form.addEventListener("reset", () => {
  setTimeout(() => {
    filter();
    write();
  });
});
let waiting = false;
list.addEventListener("scroll", () => {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    draw();
  });
});
addEventListener("resize", () => data && draw());

const MOVES = {
  ArrowDown: (place) => place + 1,
  j: (place) => place + 1,
  ArrowUp: (place) => place - 1,
  k: (place) => place - 1,
  PageDown: (place) => place + 10,
  PageUp: (place) => place - 10,
  Home: () => 0,
  End: () => listed.length - 1,
};

root.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, select, button, summary")) return;
  const inList = event.target === list;
  if (!inList && event.key !== "j" && event.key !== "k") return;
  const move = MOVES[event.key];
  if (!move || !listed.length) return;
  event.preventDefault();
  choose(move(chosen), true);
});

addEventListener("hashchange", () => {
  if (location.hash.startsWith("#questions?")) {
    if (data) take();
    else load();
  }
});

find(".questions-app").hidden = false;
if (location.hash.startsWith("#questions?") || !("IntersectionObserver" in window)) load();
else {
  const near = new IntersectionObserver(
    (seen) => {
      if (!seen.some((one) => one.isIntersecting)) return;
      near.disconnect();
      load();
    },
    { rootMargin: "600px" },
  );
  near.observe(root);
}
