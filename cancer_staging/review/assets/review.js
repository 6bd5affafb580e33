// The review of staged reports: a list, the report with its evidence, its values. Decisions are only ever added to a log, one line of review.jsonl each.
// Whatever comes from a report is put into the page as text, never as HTML.

const BASIS = { stated: "S", derived: "D", inferred: "I", reviewed: "R" };
const MEANING = { S: "stated", D: "derived", I: "inferred", R: "reviewed" };
const ITEM = 58; // pixels of a line of the list, as in review.css
const MARKED_UNSEEN = 5000; // runs of unseen characters that are shown as codes; a hostile report could hold millions
const PIECE = 20000; // characters of a long report that are laid out together, when they come into view
const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]+|(?:\udb40[\udc00-\udc7f])+/g;
const KEYS = [
  ["j / k", "next, previous report"], ["1 – 9, 0", "field 1 to 10"], ["Shift 1 – 9", "field 11 to 19"], ["a", "accept the value"], ["e", "edit the value"],
  ["n", "none: the report does not say"], ["w", "the words selected in the report become the evidence"], ["← →", "in the report: select the word before, after; with Shift, one more"],
  ["c", "comment"], ["u", "undo"], ["s", "sign the report and go on; or take the signature back"], ["/", "search"], ["Esc", "leave what is open"], ["?", "this list"],
];
const TAKE = "xyzvbf"; // the keys of the earlier reviewers' answers; of more than six by their buttons alone
const CONFLICT_KEYS = [["x, y, z …", "take the answer of the first, second, third … reviewer"], ["d", "next conflict"]];

// Offsets in review.jsonl count code points, as Python does; strings here count UTF-16 units.
export function offsets(text) {
  const high = [...text.matchAll(/[\ud800-\udbff][\udc00-\udfff]/g)].map((found) => found.index);
  const before = (position, place) => {
    let low = 0, end = high.length;
    while (low < end) {
      const middle = (low + end) >> 1;
      if (place(middle) < position) low = middle + 1; else end = middle;
    }
    return low;
  };
  return {
    unit: (point) => point + before(point, (index) => high[index] - index),
    point: (unit) => unit - before(unit, (index) => high[index]),
  };
}

// Spans, which may overlap, as segments that do not: each knows the spans that cover it; cut elsewhere too where that is asked for.
export function segments(length, spans, also = []) {
  const cuts = [...new Set([0, length, ...also, ...spans.flatMap((span) => [span.start, span.end])])].filter((cut) => cut >= 0 && cut <= length).sort((a, b) => a - b);
  return cuts.slice(0, -1).map((start, index) => {
    const end = cuts[index + 1];
    return { start, end, spans: spans.filter((span) => span.start <= start && span.end >= end).sort((a, b) => a.end - a.start - (b.end - b.start)) };
  });
}

// Where a long text is cut into pieces: behind a line's end, or anywhere in a line that has none.
export function pieceEnds(text) {
  const ends = [];
  for (let start = 0; text.length - start > PIECE;) {
    const line = text.indexOf("\n", start + PIECE);
    start = line >= 0 && line < start + 2 * PIECE ? line + 1 : Math.min(text.length, start + 2 * PIECE);
    if (/[\udc00-\udfff]/.test(text[start] ?? "")) start--; // not within a character
    ends.push(start);
  }
  return text.length > 5 * PIECE ? [...ends.filter((end) => end < text.length), text.length] : [text.length];
}

// What still stands of a log of decisions, by row, in order; an undo takes back the one before it on the same field by the same reviewer.
export function standing(log) {
  const kept = new Map();
  for (const decision of log) addStanding(kept, decision);
  return kept;
}

function addStanding(kept, decision) {
  const row = kept.get(decision.row) ?? kept.set(decision.row, { decisions: [], lapsed: new Set() }).get(decision.row);
  if (decision.field !== null) row.lapsed.add(decision.reviewer); // a signature is for what stood there when it was given
  if (decision.action === "sign") row.lapsed.delete(decision.reviewer);
  if (decision.action !== "undo") return void row.decisions.push(decision);
  const at = row.decisions.findLastIndex((one) => one.field === decision.field && one.reviewer === decision.reviewer);
  if (at >= 0) row.decisions.splice(at, 1);
}

// Who signed the row, and changed nothing in it since.
export function signersOf(kept, row) {
  const last = new Map(), { decisions, lapsed } = kept.get(row) ?? { decisions: [], lapsed: new Set() };
  for (const one of decisions) if (one.action === "sign" || one.action === "unsign") last.set(one.reviewer, one.action === "sign");
  return [...last].filter(([name, signed]) => signed && !lapsed.has(name)).map(([name]) => name);
}

// The lines of two logs as one: what both hold stands once.
export function merged(log, more) {
  const count = new Map();
  for (const one of log) count.set(line(one), (count.get(line(one)) ?? 0) + 1);
  const fresh = more.filter((one) => {
    const left = count.get(line(one)) ?? 0;
    if (left) count.set(line(one), left - 1);
    return !left;
  });
  return [...log, ...fresh].map((one, index) => [one, index]).sort(([a, i], [b, j]) => (a.at < b.at ? -1 : a.at > b.at ? 1 : i - j)).map(([one]) => one);
}

export function line({ report_id, row, text_digest, field, action, label, detail, evidence, comment, reviewer, at }) {
  return JSON.stringify({ report_id, row, text_digest, field, action, label, detail, evidence, comment, reviewer, at });
}

// A line of review.jsonl as a decision on a report of this page, or null.
export function decisionOf(written, data) {
  let one;
  try { one = JSON.parse(written); } catch { return null; }
  const textOrNull = (value) => value === null || typeof value === "string";
  const row = data.rows[one?.row];
  const fieldless = ["comment", "sign", "unsign"].includes(one?.action);
  const known = fieldless ? one.field === null : ["accept", "edit", "none"].includes(one?.action) ? data.fields.some((field) => field.name === one.field)
    : one?.action === "undo" && (one.field === null || data.fields.some((field) => field.name === one.field));
  const labels = data.fields.find((field) => field.name === one?.field)?.labels ?? [];
  const good = row && known && one.report_id === row.id && one.text_digest === row.digest && [one.label, one.detail, one.comment].every((value) => value === undefined || textOrNull(value))
    && (one.label == null || !labels.length || labels.includes(one.label)) && typeof one.reviewer === "string" && one.reviewer.trim() && typeof one.at === "string" && Array.isArray(one.evidence ?? [])
    && (one.evidence ?? []).every((piece) => Number.isInteger(piece?.start) && Number.isInteger(piece.end) && 0 <= piece.start && piece.start < piece.end && piece.end <= row.chars && typeof piece.text === "string" && [...piece.text].length === piece.end - piece.start);
  return good ? { ...one, label: one.label ?? null, detail: one.detail ?? null, evidence: one.evidence ?? [], comment: one.comment ?? null } : null;
}

function el(tag, given = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "text") made.textContent = value;
    else if (name === "value") made.value = value;
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== false && child !== undefined));
  return made;
}

const codeOf = (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
const labelled = (words, key) => [`${words} `, el("kbd", { text: key })];
const shown = (text) => String(text ?? "").replace(UNSEEN, (run) => (run.length > 8 ? `${codeOf(run)}…` : [...run].map(codeOf).join("")));

// The text as nodes whose text is as long; what cannot be seen stands hidden beside its code, so that nothing turns the words around.
function textNodes(text, budget) {
  const nodes = [];
  let last = 0;
  for (const found of text.matchAll(UNSEEN)) {
    if (found[0] === "\r") continue;
    nodes.push(text.slice(last, found.index), --budget.left < 0 ? "\ufffd".repeat(found[0].length) : el("span", { class: "unseen", "data-code": shown(found[0]) }, el("span", { text: found[0] })));
    last = found.index + found[0].length;
  }
  nodes.push(text.slice(last));
  return nodes;
}

// Dark where the notebook's theme is; elsewhere where the system's is. What it gives ends it.
function followTheme(root) {
  const system = matchMedia("(prefers-color-scheme: dark)"), theme = document.body.dataset;
  const set = () => root.classList.toggle("dark", theme.jpThemeLight ? theme.jpThemeLight === "false" : system.matches);
  const watched = new MutationObserver(set);
  watched.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light"] });
  system.addEventListener("change", set);
  set();
  return () => { watched.disconnect(); system.removeEventListener("change", set); };
}

// `callbacks`: `load()` gives decisions of before, `changed(log)` hears of each, `kept()` says whether they are kept somewhere, `keys` is where keys are heard,
// `reviewer` and `named(name)` hold the name, `save(lines)` takes the file. What it gives: `take(decisions)` takes in those of another view, `rename(name)` its name.
export function mount(root, data, callbacks = {}) {
  const titles = Object.fromEntries(data.fields.map((field) => [field.name, field.title]));
  const second = data.second ?? { reviewers: [], rows: {} }; // what earlier reviewers decided, where this is an adjudication
  const adjudicates = second.reviewers.length > 0;
  const log = [...(callbacks.load?.() ?? [])];
  let kept = standing(log), reviewer = callbacks.reviewer || null, current = null, focused = null, editing = null, commenting = false, saved = true;
  let order = data.order, drawn = { row: null, key: null, text: "", places: null };
  const filter = { search: "", field: "", basis: "", below: "", check: "", status: "", signed: "", conflict: "" };

  const decisionsOn = (row) => kept.get(row)?.decisions ?? [];
  const lastOn = (row, field) => decisionsOn(row).findLast((one) => one.field === field && ["accept", "edit", "none"].includes(one.action));
  const answersOn = (row, field) => second.rows[row]?.values[field] ?? [];
  const differ = (answers) => new Set(answers.map((one) => one.said)).size > 1;
  const disputed = new Map(Object.entries(second.rows).map(([row, { values }]) => [Number(row), data.fields.map((field) => field.name).filter((name) => differ(values[name] ?? []))]).filter(([, names]) => names.length));
  const openOn = (row) => (disputed.get(row) ?? []).filter((name) => !lastOn(row, name)); // conflicts that nobody decided
  const whyOf = (row) => (openOn(row).length ? `reviewers differ on ${openOn(row).map((name) => titles[name]).join(", ")}` : data.rows[row].why);
  const commentsOn = (row) => {
    const last = new Map(second.rows[row]?.comments);
    for (const one of decisionsOn(row)) if (one.action === "comment") last.set(one.reviewer, one.comment);
    return [...last].filter(([, comment]) => comment);
  };
  const valueOf = (row, field) => {
    const decision = lastOn(row, field), machine = data.rows[row].values[field];
    const answers = answersOn(row, field), answer = differ(answers) ? null : answers.at(-1), said = decision ?? answer; // where earlier reviewers differ, the machine's value stays
    if (said?.action === "none") return { label: null, detail: null, basis: null, confidence: null, evidence: [], none: true, decision, answer };
    if (said) return { label: said.label, detail: said.detail, basis: said.action === "accept" ? machine?.[2] ?? "reviewed" : "reviewed", confidence: null, evidence: decision ? decision.evidence.map((piece) => [piece.start, piece.end]) : answer.evidence, decision, answer, probs: machine?.[5] };
    return machine ? { label: machine[0], detail: machine[1], basis: machine[2], confidence: machine[3], evidence: machine[4], probs: machine[5] } : null;
  };
  const unsure = (value) => value && value.basis === "inferred" && value.label === null && value.detail === null;

  // ---- the frame

  const status = el("p", { class: "told", role: "status", "aria-live": "polite" });
  const progress = el("progress", { max: data.rows.length || 1, value: "0", "aria-label": "signed reports" });
  const progressText = el("span", { class: "progress-text" });
  const reviewerButton = el("button", { type: "button", class: "quiet", onclick: () => askName() });
  const loadFile = el("input", { type: "file", accept: ".jsonl", class: "hidden-file", tabindex: "-1", "aria-hidden": "true", onchange: load });
  const list = el("div", { class: "list", role: "listbox", tabindex: "0", "aria-label": `Reports, ${data.sorted}`, onscroll: drawItems, onkeydown: listKeys });
  const space = el("div", { class: "space", role: "presentation" });
  list.append(space);
  const listCount = el("p", { class: "count", role: "status" });
  const reportPane = el("main", { class: "report-pane", "aria-label": "Report" });
  const report = el("div", { class: "report", tabindex: "0", role: "document", "aria-label": "Text of the report", dir: "auto", onkeydown: wordKeys, onclick: clickWords });
  const head = el("div", { class: "report-head" });
  reportPane.append(head, report);
  const valueList = el("ol", { class: "values" });
  const valuesPane = el("section", { class: "values-pane", "aria-label": "Values" }, el("h2", { text: "Values" }), legend(), valueList);
  const listPane = el("nav", { class: "list-pane", "aria-label": "List of reports" }, filters(), listCount, list);
  const listToggle = el("button", { type: "button", class: "quiet list-toggle", "aria-expanded": "false", text: "Reports", onclick: () => openList(!root.classList.contains("list-open")) });
  const dialog = el("dialog", { class: "dialog" });
  root.classList.add("review");
  root.tabIndex = -1; // holds the focus where what had it is gone, so that keys go on being heard
  const unfollow = followTheme(root);
  root.replaceChildren(
    el("header", { class: "top" }, listToggle, el("h1", { text: shown(data.title) }), el("div", { class: "tally" }, progress, progressText), el("div", { class: "actions" }, reviewerButton,
      el("button", { type: "button", text: "Save", title: "Download the decisions as review.jsonl", onclick: save }), el("button", { type: "button", class: "quiet", text: "Load", title: "Take in a review.jsonl", onclick: () => loadFile.click() }), loadFile,
      el("button", { type: "button", class: "quiet", onclick: help }, ...labelled("Keys", "?")))),
    el("div", { class: "panes" }, listPane, reportPane, valuesPane), status, dialog);
  const keyTarget = callbacks.keys ?? root;
  keyTarget.addEventListener("keydown", keys);

  function tell(words) { status.textContent = words; }

  function openList(open) {
    root.classList.toggle("list-open", open);
    listToggle.setAttribute("aria-expanded", String(open));
    if (open) drawItems();
  }

  function legend() {
    return el("p", { class: "legend" }, ...Object.values(BASIS).map((letter) => el("span", {}, el("span", { class: `badge ${letter}`, "aria-hidden": "true", text: letter }), ` ${MEANING[letter]}`)));
  }

  function badge(letter) { return el("span", { class: `badge ${letter}`, title: MEANING[letter] }, el("span", { "aria-hidden": "true", text: letter }), el("span", { class: "unheard", text: MEANING[letter] })); }

  // Draws a part of the page anew; the focus stays where it was.
  function redrawn(part, ...children) {
    const held = part.contains(document.activeElement), key = held && document.activeElement.dataset.key;
    part.replaceChildren(...children);
    if (held) ((key && part.querySelector(`[data-key="${key}"]`)) || (part.tabIndex >= 0 ? part : root)).focus({ preventScroll: true });
  }

  // ---- the list and its filters

  function choice(name, label, options) {
    const select = el("select", { onchange: (event) => { filter[name] = event.target.value; applyFilter(); } }, ...options.map(([value, text]) => el("option", { value, text })));
    return el("label", {}, el("span", { text: label }), select);
  }

  function filters() {
    const checks = [...new Set(data.rows.flatMap((row) => row.checks.map((check) => check[0])))].sort();
    let wait;
    const search = el("input", { type: "search", class: "search", placeholder: "Search ids and texts  /", "aria-label": "Search ids and texts", oninput: (event) => { clearTimeout(wait); wait = setTimeout(() => { filter.search = event.target.value.trim().toLowerCase(); applyFilter(); }, 150); } });
    return el("div", { class: "filters" }, search, el("details", { open: true }, el("summary", { text: "Filters" }), el("div", { class: "grid" },
      choice("field", "Field", [["", "any"], ...data.fields.map((field) => [field.name, field.title])]),
      choice("basis", "Basis", [["", "any"], ["stated", "stated"], ["derived", "derived"], ["inferred", "inferred"], ["unsure", "not sure enough"], ["empty", "no value"], ["reviewed", "decided here"]]),
      el("label", {}, el("span", { text: "Confidence below" }), el("input", { type: "number", min: "0", max: "1", step: "0.05", placeholder: "1.00", oninput: (event) => { filter.below = event.target.value; applyFilter(); } })),
      choice("check", "Checks", [["", "any"], ["*", "any failed"], ["-", "none failed"], ...checks.map((name) => [name, name.replaceAll("_", " ")])]),
      choice("status", "Status", [["", "any"], ...[...new Set(data.rows.map((row) => row.status))].sort().map((one) => [one, one])]),
      choice("signed", "Signed", [["", "any"], ["no", "not signed"], ["yes", "signed"]]),
      adjudicates && choice("conflict", "Conflicts", [["", "any"], ["open", "open"], ["settled", "settled"], ["none", "none"]]))));
  }

  function passes(row) {
    const report = data.rows[row];
    if (filter.status && report.status !== filter.status) return false;
    if (filter.check === "*" ? !report.checks.length : filter.check === "-" ? report.checks.length : filter.check && !report.checks.some((check) => check[0] === filter.check)) return false;
    if (filter.conflict && filter.conflict !== (openOn(row).length ? "open" : disputed.has(row) ? "settled" : "none")) return false;
    if (filter.signed && (filter.signed === "yes") !== signersOf(kept, row).length > 0) return false;
    if (!filter.field && !filter.basis && filter.below === "") return true;
    const fields = filter.field ? [filter.field] : data.fields.map((field) => field.name);
    return fields.some((name) => {
      const value = valueOf(row, name), none = !value || value.none;
      if (filter.basis === "empty") return none;
      if (filter.basis === "reviewed") return Boolean(value?.decision);
      if (none || (filter.basis === "unsure" && !unsure(value)) || (filter.basis && filter.basis !== "unsure" && (value.basis !== filter.basis || unsure(value)))) return false;
      return filter.below === "" || (value.confidence !== null && value.confidence < Number(filter.below));
    });
  }

  let search = 0;
  async function applyFilter() {
    const turn = ++search, wanted = filter.search;
    let rows = data.order.filter(passes);
    if (wanted) {
      const found = [];
      for (const row of rows) {
        if (data.rows[row].id.toLowerCase().includes(wanted) || (await data.text(row) ?? "").toLowerCase().includes(wanted)) found.push(row);
        if (turn !== search) return; // the next letter was typed
      }
      rows = found;
    }
    order = rows;
    list.scrollTop = 0;
    drawList();
    if (order.length && !order.includes(current)) await show(order[0]);
  }

  function drawList() {
    space.style.height = `${order.length * ITEM}px`;
    listCount.textContent = `${order.length === data.rows.length ? "" : `${order.length.toLocaleString("en")} of `}${data.rows.length.toLocaleString("en")} reports, ${data.sorted}`;
    drawItems();
  }

  function drawItems() {
    const first = Math.max(0, Math.floor(list.scrollTop / ITEM) - 5), last = Math.min(order.length, first + Math.ceil((list.clientHeight || 800) / ITEM) + 10);
    space.replaceChildren(...order.slice(first, last).map((row, index) => {
      const report = data.rows[row], signers = signersOf(kept, row), open = openOn(row).length, decided = data.fields.filter((field) => lastOn(row, field.name)).length;
      const item = el("div", { class: `item need-${open ? 1 : report.rank}`, role: "option", id: `report-${row}`, "aria-selected": String(row === current), "aria-setsize": order.length, "aria-posinset": first + index + 1, "data-row": row, onclick: () => { show(row); openList(false); } },
        el("span", { class: "item-id", text: shown(report.id) }), el("span", { class: open ? "item-state warn" : "item-state" }, open > 0 && el("span", { "aria-hidden": "true", text: "≠ " }), open ? `${open} conflict${open > 1 ? "s" : ""}` : signers.length ? "✓ signed" : decided ? `${decided} decided` : ""), el("span", { class: "item-why", text: shown(whyOf(row)), title: shown(whyOf(row)) }));
      item.style.top = `${(first + index) * ITEM}px`;
      return item;
    }));
    if (current !== null) list.setAttribute("aria-activedescendant", `report-${current}`);
  }

  function listKeys(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) { event.preventDefault(); move(step); }
    if (event.key === "Home" && order.length) { event.preventDefault(); show(order[0]); }
    if (event.key === "End" && order.length) { event.preventDefault(); show(order.at(-1)); }
  }

  function reveal() {
    const at = order.indexOf(current) * ITEM;
    if (at < 0) return;
    if (at < list.scrollTop) list.scrollTop = at;
    else if (at + ITEM > list.scrollTop + list.clientHeight) list.scrollTop = at + ITEM - list.clientHeight;
  }

  async function move(step) {
    const at = order.indexOf(current), next = order[at + step];
    if (next === undefined) return tell(step > 0 ? "That was the last report of the list." : "That was the first report of the list.");
    await show(next);
  }

  // ---- one report

  async function show(row) {
    current = row;
    editing = null; commenting = false;
    const value = (name) => data.rows[row].values[name];
    const wrong = data.rows[row].checks.flatMap(about).find(value);
    const guessed = data.fields.filter((field) => value(field.name)?.[2] === "inferred").sort((a, b) => (value(a.name)[3] ?? 0) - (value(b.name)[3] ?? 0))[0]?.name;
    focused = openOn(row)[0] ?? wrong ?? guessed ?? data.fields.find((field) => value(field.name))?.name ?? data.fields[0].name;
    reveal(); drawItems(); drawHead(); drawValues();
    await drawReport();
    if (row !== current) return;
    drawValues(); // now with their words
    report.scrollTop = 0;
    revealWords(false);
    tell(`${shown(data.rows[row].id)}: ${shown(whyOf(row))}`);
  }

  // The fields of a failed check that its message names; all of them where it names none.
  function about([, fields, message]) {
    const named = fields.filter((name) => new RegExp(`(?<![\\w-])${titles[name]}(?![\\w-])`).test(message));
    return named.length ? named : fields;
  }

  function drawHead() {
    const row = data.rows[current], signers = signersOf(kept, current), open = openOn(current), before = second.rows[current]?.signed ?? [];
    const origin = [row.source, row.page && `page ${row.page}`, row.date, row.edition && `AJCC ${row.edition} (${row.edition_basis})`, row.reportable === true ? "reportable" : row.reportable === false ? "not reportable" : null].filter(Boolean).map(shown).join(" · ");
    redrawn(head, ...[
      el("div", { class: "head-line" }, el("h2", { text: shown(row.id) }), el("button", { type: "button", class: "quiet", "data-key": "previous", onclick: () => move(-1) }, ...labelled("Previous", "k")), el("button", { type: "button", class: "quiet", "data-key": "next", onclick: () => move(1) }, ...labelled("Next", "j")),
        el("button", { type: "button", class: "quiet", "data-key": "comment", onclick: openComment }, ...labelled("Comment", "c")), el("button", { type: "button", class: "quiet", "data-key": "undo", onclick: undo }, ...labelled("Undo", "u")), el("button", { type: "button", class: signers.includes(reviewer) ? "quiet" : "main", "data-key": "sign", onclick: sign }, ...labelled(signers.includes(reviewer) ? "Take back signature" : "Sign", "s"))),
      origin && el("p", { class: "origin", text: origin }),
      (row.status !== "ok" || row.error) && el("p", { class: row.status === "ok" ? "note" : "failed", text: `${row.status === "ok" ? "Note" : row.status}: ${shown(row.error)}` }),
      row.checks.length > 0 && el("ul", { class: "checks", "aria-label": "Failed checks" }, ...row.checks.map((check) => el("li", { text: shown(check[2]) }))),
      open.length > 0 && el("p", { class: "warn" }, el("span", { "aria-hidden": "true", text: "≠ " }), `The reviewers differ on ${open.map((name) => titles[name]).join(", ")}.`),
      ...commentsOn(current).map(([name, comment]) => el("p", { class: "comment" }, el("b", { text: `${shown(name)}: ` }), shown(comment))),
      before.length > 0 && el("p", { class: "note", text: `signed by ${before.map(shown).join(", ")}, who reviewed it` }),
      signers.length > 0 && el("p", { class: "signed", text: `✓ signed by ${signers.map(shown).join(", ")}` }),
      commenting && commentForm(),
    ].filter(Boolean));
  }

  function spansOf(row, places) {
    return data.fields.flatMap((field) => {
      const value = valueOf(row, field.name), had = new Set((value?.evidence ?? []).map(String)), name = titles[field.name];
      const span = ([start, end], letter, title) => ({ start: places.unit(start), end: places.unit(end), field: field.name, letter, title });
      const others = value?.decision ? [] : answersOn(row, field.name).flatMap((answer) => answer.evidence.filter((piece) => !had.has(String(piece))).map((piece) => span(piece, "R", `${name}: ${shown(answer.said)}, ${shown(second.reviewers[answer.reviewer])}`)));
      return [...(value?.evidence ?? []).map((piece) => span(piece, BASIS[value.basis] ?? "R", `${name}: ${shown(value.label ?? "no label")}, ${MEANING[BASIS[value.basis] ?? "R"]}`)), ...others];
    });
  }

  async function drawReport() {
    const row = current, late = setTimeout(() => { if (row === current) { drawn.key = null; redrawn(report, el("p", { class: "empty", text: "The text is on its way. Where this line stays, nobody answers any more: run the cell again." })); } }, 200);
    const text = await data.text(row);
    clearTimeout(late);
    if (row !== current) return;
    if (drawn.row !== row) drawn = { row, key: null, text: text ?? "", places: offsets(text ?? "") };
    const spans = spansOf(row, drawn.places), key = JSON.stringify(spans);
    if (key !== drawn.key) {
      drawn.key = key;
      const budget = { left: MARKED_UNSEEN };
      redrawn(report, ...(drawn.text ? pieces(spans, budget) : [el("p", { class: "empty", text: "There is no text." })]));
    }
    focusWords();
  }

  function pieces(spans, budget) {
    const ends = pieceEnds(drawn.text);
    if (ends.length === 1) return segments(drawn.text.length, spans).flatMap((one) => segmentNodes(one, budget));
    const parts = segments(drawn.text.length, spans, ends);
    let at = 0;
    return ends.map((end) => {
      const from = at;
      while (at < parts.length && parts[at].end <= end) at++;
      return el("div", { class: "piece" }, ...parts.slice(from, at).flatMap((one) => segmentNodes(one, budget)));
    });
  }

  function segmentNodes({ start, end, spans }, budget) {
    const words = textNodes(drawn.text.slice(start, end), budget);
    if (!spans.length) return words;
    const begins = spans.filter((span) => span.start === start);
    let inner = words;
    spans.slice(0, 4).forEach((span, depth) => { inner = [el("span", { class: `line ${span.letter} depth-${depth}`, "data-field": span.field }, ...inner)]; });
    return [el("mark", {
      "data-fields": spans.map((span) => span.field).join(" "), "data-badge": [..."SDIR"].filter((letter) => begins.some((span) => span.letter === letter)).join(""), class: begins.length ? "begins" : null, tabindex: begins.length ? "0" : null, role: begins.length ? "button" : null,
      title: spans.map((span) => span.title).join("\n"),
      onkeydown: (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); wordsToValue(event.currentTarget); } },
    }, ...inner)];
  }

  function marksOf(field) { return [...report.querySelectorAll("mark")].filter((mark) => mark.dataset.fields.split(" ").includes(field)); }

  function focusWords() {
    for (const mark of report.querySelectorAll("mark")) mark.classList.toggle("focused", mark.dataset.fields.split(" ").includes(focused));
    for (const one of report.querySelectorAll(".line")) one.classList.toggle("strong", one.dataset.field === focused);
  }

  function revealWords(pulse = true) {
    const marks = marksOf(focused);
    for (let turn = 0; marks.length && turn < (report.querySelector(".piece") ? 3 : 1); turn++) { // pieces get their true height when they come into view
      const box = report.getBoundingClientRect(), place = marks[0].getBoundingClientRect(); // only the report scrolls, not the page around it
      if (place.top < box.top + 30 || place.bottom > box.bottom - 30) report.scrollTop += place.top - box.top - box.height / 3;
    }
    if (pulse) for (const mark of marks) { mark.classList.remove("pulse"); void mark.offsetWidth; mark.classList.add("pulse"); }
    return marks.length;
  }

  function clickWords(event) {
    const mark = event.target.closest("mark");
    if (mark && getSelection().isCollapsed) wordsToValue(mark);
  }

  function wordsToValue(mark) { // where several values share the words, the next at each click
    const fields = [...new Set(mark.dataset.fields.split(" "))];
    choose(fields[(fields.indexOf(focused) + 1) % fields.length], false);
    valueList.querySelector(".value.chosen .value-head").focus();
  }

  // Arrow keys select words, so that evidence can be marked without a mouse.
  function wordKeys(event) {
    const way = { ArrowRight: "forward", ArrowLeft: "backward" }[event.key];
    if (!way || event.ctrlKey || event.metaKey || event.altKey || !drawn.text) return;
    event.preventDefault();
    const selection = getSelection();
    if (!report.contains(selection.anchorNode)) {
      selection.setBaseAndExtent(marksOf(focused)[0] ?? report, 0, marksOf(focused)[0] ?? report, 0);
      selection.modify("extend", "forward", "word");
    } else if (event.shiftKey) selection.modify("extend", way, "word");
    else {
      if (way === "forward") selection.collapseToEnd(); else { selection.collapseToStart(); selection.modify("move", "backward", "word"); }
      selection.modify("extend", "forward", "word");
    }
    selection.focusNode.parentElement?.scrollIntoView?.({ block: "nearest" });
  }

  function selected() {
    const selection = getSelection();
    if (!selection.rangeCount || selection.isCollapsed) return null;
    const range = selection.getRangeAt(0);
    if (!report.contains(range.startContainer) || !report.contains(range.endContainer)) return null;
    const lead = document.createRange();
    lead.setStart(report, 0);
    lead.setEnd(range.startContainer, range.startOffset);
    let start = lead.toString().length, end = start + range.toString().length;
    while (start < end && /\s/.test(drawn.text[start])) start++;
    while (end > start && /\s/.test(drawn.text[end - 1])) end--;
    return start < end ? [{ start: drawn.places.point(start), end: drawn.places.point(end), text: drawn.text.slice(start, end) }] : null;
  }

  // ---- values

  function drawValues() {
    redrawn(valueList, ...data.fields.map((field, index) => valueItem(field, index)));
  }

  function shownValue(value) {
    if (!value) return "–";
    if (value.none) return "not in the report";
    if (unsure(value)) return "not sure enough";
    return value.label === null ? "not assessable" : shown(value.label);
  }

  function valueItem(field, index) {
    const value = valueOf(current, field.name), chosen = field.name === focused, letter = value && BASIS[value.basis];
    const failed = data.rows[current].checks.filter((check) => value && about(check).includes(field.name));
    const answers = answersOn(current, field.name), open = differ(answers) && !value?.decision;
    const done = value?.decision ? { accept: "✓ accepted", edit: "✎ edited", none: "∅ none" }[value.decision.action] : open ? "≠ conflict" : answers.length > 1 ? "✓ agreed" : answers.length ? "✓ reviewed" : "";
    const number = index < 9 ? String(index + 1) : index === 9 ? "0" : `⇧${index - 9}`;
    const unit = field.kind === "number" && value?.label ? ` ${field.unit}` : "";
    const line = el("button", { type: "button", class: "value-head", "data-key": `value-${field.name}`, "aria-expanded": String(chosen), onclick: () => choose(field.name) },
      el("kbd", { text: number, "aria-hidden": "true" }), el("span", { class: "value-title", text: field.title, title: field.help }),
      el("span", { class: value?.label || open ? "value-label" : "value-label faint" }, el("span", { text: open ? [...new Set(answers.map((answer) => shown(answer.said)))].join(" ≠ ") : shownValue(value) + unit }), !open && value?.detail && value.detail !== value.label && el("span", { class: "detail", text: shown(value.detail) })),
      el("span", { class: "value-state" }, failed.length > 0 && el("span", { class: "warn", text: "⚠", title: "a check failed" }), el("span", { class: open ? "sure warn" : "sure", text: done || (typeof value?.confidence === "number" ? value.confidence.toFixed(2) : "") }), !open && letter && badge(letter)));
    return el("li", { class: `value${chosen ? " chosen" : ""}${open ? " conflict" : ""}` }, line, chosen && valueBody(field, value, failed, open));
  }

  // The words of some evidence, as quotations.
  function quotes(evidence) {
    const words = evidence.map(([start, end]) => shown(drawn.row === current ? drawn.text.slice(drawn.places.unit(start), drawn.places.unit(end)) : "").replace(/\s+/g, " "));
    return words.filter(Boolean).slice(0, 4).map((text) => el("q", { class: "words", text: text.length > 160 ? `${text.slice(0, 160)}…` : text }));
  }

  // What each earlier reviewer decided about the field, with the words and a button that takes it.
  function answerList(field) {
    const answers = answersOn(current, field.name), machine = data.rows[current].values[field.name];
    const more = (answer) => (answer.detail && !answer.said.includes(answer.detail) ? ` (${shown(answer.detail)})` : "");
    return answers.length > 0 && el("ul", { class: "answers", "aria-label": `What the reviewers say of ${field.title}` },
      ...answers.map((answer, index) => el("li", {}, el("p", {}, el("span", { class: "faint", text: `${shown(second.reviewers[answer.reviewer])} ` }), el("b", { text: shown(answer.said) }), more(answer)),
        el("button", { type: "button", "data-key": `take-${index}`, "aria-label": `Take ${shown(answer.said)}, as ${shown(second.reviewers[answer.reviewer])} decided`, onclick: () => take(index) }, ...labelled("Take", TAKE[answer.reviewer] ?? "")), ...quotes(answer.evidence))),
      machine && el("li", {}, el("p", {}, el("span", { class: "faint", text: "machine " }), shown(machine[0] ?? "no label"), machine[1] && machine[1] !== machine[0] ? ` (${shown(machine[1])})` : "", ` ${machine[2]}`)));
  }

  function valueBody(field, value, failed, open) {
    if (editing?.field === field.name) return editForm(field, value);
    const action = (letter, name, does, key = name) => el("button", { type: "button", "data-key": `do-${key}`, onclick: does }, ...labelled(name, letter));
    return el("div", { class: "value-body" },
      ...(open ? [] : quotes(value?.evidence ?? [])),
      value && !open && !value.evidence.length && !value.none && el("p", { class: "faint", text: "No words alone carry it." }),
      answerList(field),
      ...failed.map((check) => el("p", { class: "warn", text: shown(check[2]) })),
      value?.decision && el("p", { class: "faint", text: `by ${shown(value.decision.reviewer)}` }),
      el("div", { class: "buttons" }, acceptable(value) && action("a", open ? "Accept the machine's" : "Accept", accept, "Accept"), action("e", "Edit", () => edit()), action("n", "None", none), action("w", "Mark words", markWords)));
  }

  function choose(name, scroll = true) {
    focused = name;
    editing = null;
    drawValues();
    valueList.querySelector(".value.chosen")?.scrollIntoView({ block: "nearest" });
    focusWords();
    const found = scroll ? revealWords() : 1, value = valueOf(current, name);
    tell(`${titles[name]}: ${shownValue(value)}${value?.basis ? `, ${value.basis}` : ""}${value && !found ? "; no words alone carry it" : ""}`);
  }

  // ---- decisions

  async function decide(action, field, given = {}) {
    if (!reviewer && !(await askName())) return false;
    const row = data.rows[current];
    const decision = { report_id: row.id, row: current, text_digest: row.digest, field, action, label: null, detail: null, evidence: [], comment: null, ...given, reviewer, at: new Date().toISOString().replace(/\.\d+Z$/, "Z") };
    log.push(decision);
    addStanding(kept, decision);
    keep();
    return true;
  }

  function keep() {
    saved = false;
    try { callbacks.changed?.(log); } catch { tell("This browser keeps no more: Save now."); }
    drawProgress(); drawItems();
  }

  async function redraw() { if (current === null) return; drawHead(); await drawReport(); drawValues(); }

  function evidenceOf(value) {
    return (value?.evidence ?? []).map(([start, end]) => ({ start, end, text: drawn.text.slice(drawn.places.unit(start), drawn.places.unit(end)) }));
  }

  function acceptable(value) { return Boolean(value) && !value.none && !unsure(value); }

  async function accept() {
    const value = valueOf(current, focused);
    if (!acceptable(value)) return tell(`${titles[focused]} has no value to accept: e gives one, n says that the report has none.`);
    if (value.decision?.action === "edit" && value.decision.reviewer === reviewer) return tell(`You edited ${titles[focused]}: u takes that back.`);
    if (await decide((value.decision ?? value.answer)?.action === "edit" ? "edit" : "accept", focused, { label: value.label, detail: value.detail, evidence: evidenceOf(value) })) { await redraw(); tell(`${titles[focused]} accepted.`); }
  }

  // An earlier reviewer's answer becomes this reviewer's own decision.
  async function take(index) {
    const answer = answersOn(current, focused)[index], given = answer && { label: answer.label, detail: answer.detail, evidence: evidenceOf(answer) };
    if (!answer || !(await decide(answer.action, focused, given))) return;
    editing = null;
    await redraw();
    const left = openOn(current).length;
    tell(`${titles[focused]}: ${shown(answer.said)}, as ${shown(second.reviewers[answer.reviewer])} decided. ${left ? `${left} conflict${left > 1 ? "s" : ""} left in this report` : "No conflict is left in this report"}.`);
  }

  async function nextConflict() {
    const inReport = openOn(current), names = data.fields.map((field) => field.name), here = names.indexOf(focused);
    const name = inReport.find((one) => names.indexOf(one) > here) ?? inReport.find((one) => one !== focused);
    if (name) return choose(name);
    const at = order.indexOf(current), row = [...order.slice(at + 1), ...order.slice(0, at)].find((one) => openOn(one).length);
    if (row === undefined) return tell(inReport.length ? "That is the last conflict." : "No conflict is open.");
    await show(row);
  }

  async function none() {
    if (await decide("none", focused)) { editing = null; await redraw(); tell(`${titles[focused]}: the report does not say.`); }
  }

  async function markWords() {
    const evidence = selected(), value = valueOf(current, focused);
    if (!evidence) return tell("Select words in the report first: with the mouse, or with the arrow keys in the report.");
    if (!value || (value.label === null && value.detail === null)) return edit(evidence);
    if (await decide("edit", focused, { label: value.label, detail: value.detail, evidence })) { getSelection().removeAllRanges(); await redraw(); tell(`${titles[focused]}: words marked.`); }
  }

  function edit(evidence = null) {
    editing = { field: focused, evidence };
    drawValues();
    valueList.querySelector(".edit-label").focus();
  }

  function editForm(field, value) {
    const best = value?.probs ? field.labels[value.probs.indexOf(Math.max(...value.probs))] : null, start = value?.label ?? (unsure(value) ? best : null);
    const option = (label, index) => el("option", { value: label, text: value?.probs ? `${label}  (${(value.probs[index] / 100).toFixed(2)})` : label, selected: label === start });
    const label = field.kind === "label"
      ? el("select", { class: "edit-label", "data-key": "edit-label" }, el("option", { value: "", text: "cannot be assessed", selected: start === null }), ...field.labels.map(option))
      : el("input", { class: "edit-label", "data-key": "edit-label", type: field.kind === "number" ? "number" : "text", min: field.kind === "number" ? "0" : null, step: field.kind === "number" ? "any" : null, value: start ?? "" });
    const before = value?.detail ?? "";
    const detail = el("input", { class: "edit-detail", "data-key": "edit-detail", type: "text", value: before });
    const finish = async () => {
      const number = field.kind === "number" && label.value.trim() ? String(Number(label.value)) : null, name = field.kind === "number" ? number : label.value.trim() || null;
      if (number && !(field.unit === "nodes" ? /^\d+$/ : /^\d+(\.\d+)?$/).test(number)) return tell(`${field.title} is a number${field.unit === "nodes" ? " without a fraction" : ""}.`);
      if (field.kind !== "label" && name === null && !detail.value.trim()) return tell("Give a value, or leave with Esc; n says that the report has none.");
      if (name === null && !detail.value.trim()) { detail.focus(); return tell("Write as stated what cannot be assessed, such as TX."); }
      // the words of another label are no detail of this one
      const stated = name !== null && detail.value.trim() === before && name !== (value?.label ?? null) ? null : detail.value.trim() || null;
      const evidence = editing.evidence ?? evidenceOf(value);
      if (await decide("edit", field.name, { label: name, detail: stated, evidence })) {
        editing = null;
        await redraw();
        valueList.querySelector(".value.chosen .value-head").focus();
        tell(`${field.title} is now ${name ?? "not assessable"}.`);
      }
    };
    return el("div", { class: "value-body edit", role: "group", "aria-label": `Edit ${field.title}`, onkeydown: (event) => { if (event.key === "Enter" && event.target.tagName !== "BUTTON") { event.preventDefault(); finish(); } } },
      el("label", {}, el("span", { text: field.unit ? `Value, ${field.unit}` : "Value" }), label), el("label", {}, el("span", { text: "As stated" }), detail),
      editing.evidence && el("q", { class: "words", text: shown(editing.evidence[0].text) }),
      el("div", { class: "buttons" }, el("button", { type: "button", class: "main", onclick: finish }, ...labelled("Keep", "↵")), el("button", { type: "button", onclick: leave }, ...labelled("Leave", "Esc"))));
  }

  function openComment() { commenting = true; drawHead(); head.querySelector("textarea").focus(); }

  function commentForm() {
    const own = commentsOn(current).find(([name]) => name === reviewer)?.[1] ?? "";
    const field = el("textarea", { rows: "3", "aria-label": "Comment", value: own });
    const finish = async () => { if (await decide("comment", null, { comment: field.value.trim() || null })) { commenting = false; drawHead(); report.focus(); tell("Comment kept."); } };
    return el("div", { class: "comment-form", onkeydown: (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); finish(); } } }, field,
      el("div", { class: "buttons" }, el("button", { type: "button", class: "main", onclick: finish }, ...labelled("Keep", "Ctrl ↵")), el("button", { type: "button", onclick: leave }, ...labelled("Leave", "Esc"))));
  }

  async function sign() {
    if (!reviewer && !(await askName())) return;
    const signs = !signersOf(kept, current).includes(reviewer), row = current;
    if (!(await decide(signs ? "sign" : "unsign", null))) return;
    drawHead();
    if (signs && order.at(-1) !== row) await move(1);
    tell(`${shown(data.rows[row].id)} ${signs ? "signed" : "is no longer signed"}.`);
  }

  let undoing = Promise.resolve(); // one after the other, however fast the key is pressed
  function undo() { undoing = undoing.then(undoLast); }

  async function undoLast() {
    const own = new Map();
    let last = null;
    for (let index = log.length - 1; index >= 0 && !last; index--) { // the last of this reviewer that no undo took back
      const one = log[index], key = `${one.row} ${one.field}`;
      if (one.reviewer !== reviewer) continue;
      if (one.action === "undo") own.set(key, (own.get(key) ?? 0) + 1);
      else if (own.get(key)) own.set(key, own.get(key) - 1);
      else last = one;
    }
    if (!last) return tell("There is nothing of yours to undo.");
    if (current !== last.row) await show(last.row);
    await decide("undo", last.field);
    if (last.field) focused = last.field;
    await redraw();
    tell(`Undone: ${last.field ? `${titles[last.field]}, ` : ""}${last.action}.`);
  }

  // ---- reviewer, files, help

  function open(label, ...content) {
    return new Promise((resolve) => {
      const before = document.activeElement?.dataset?.key;
      dialog.setAttribute("aria-label", label);
      dialog.returnValue = "";
      dialog.replaceChildren(el("h2", { text: label }), ...content.filter(Boolean));
      dialog.onclose = () => { if (!root.contains(document.activeElement)) root.focus({ preventScroll: true }); if (before) root.querySelector(`[data-key="${before}"]`)?.focus(); resolve(dialog.returnValue); };
      dialog.showModal();
    });
  }

  const plain = (name) => name.trim().replace(/\s+/g, " ").toLowerCase();
  function isReviewer(name) { return second.reviewers.some((one) => plain(one) === plain(name)); }

  function rename(name) { reviewer = name; drawProgress(); if (current !== null) drawHead(); }

  async function askName() {
    const name = el("input", { type: "text", "aria-label": "Your name", autocomplete: "off", onkeydown: (event) => { if (event.key === "Enter") { event.preventDefault(); finish(); } } });
    const wrong = el("p", { class: "warn", role: "alert" });
    const finish = () => {
      const words = name.value.trim();
      if (!words || isReviewer(words)) { name.focus(); wrong.textContent = words && `${shown(words)} reviewed these reports: who adjudicates is another person.`; } else dialog.close(words);
    };
    const given = await open(adjudicates ? "Who adjudicates?" : "Who reviews?", el("p", { text: "Every decision carries the name that you give here." }),
      adjudicates && el("p", { text: `${second.reviewers.map(shown).join(" and ")} reviewed these reports. Who adjudicates is another person, under another name.` }), name, wrong,
      el("div", { class: "buttons" }, el("button", { type: "button", class: "main", text: "Go on", onclick: finish }), el("button", { type: "button", text: "Leave", onclick: () => dialog.close("") })));
    if (given) { rename(given); callbacks.named?.(given); }
    return Boolean(given);
  }

  function help() {
    open("Keys", el("dl", { class: "keys" }, ...[...KEYS, ...(adjudicates ? CONFLICT_KEYS : [])].flatMap(([key, does]) => [el("dt", {}, el("kbd", { text: key })), el("dd", { text: does })])), el("div", { class: "buttons" }, el("button", { type: "button", class: "main", text: "Close", onclick: () => dialog.close("") })));
  }

  function save() {
    const written = log.map((one) => line(one) + "\n").join("");
    if (callbacks.save) callbacks.save(written);
    else {
      const address = URL.createObjectURL(new Blob([written], { type: "application/x-ndjson" }));
      el("a", { href: address, download: "review.jsonl" }).click();
      setTimeout(() => URL.revokeObjectURL(address), 60000);
    }
    saved = true;
    tell(`${log.length} decisions saved as review.jsonl.`);
  }

  async function load() {
    const lines = (await loadFile.files[0].text()).split("\n").filter((one) => one.trim());
    const read = lines.map((written) => decisionOf(written, data)).filter(Boolean), good = read.filter((one) => !isReviewer(one.reviewer)); // theirs are in the page already
    const fresh = add(good);
    loadFile.value = "";
    keep();
    await redraw();
    tell(`${fresh} decisions taken in${good.length > fresh ? `, ${good.length - fresh} were here already` : ""}${read.length > good.length ? `, ${read.length - good.length} of the reviewers left out` : ""}${lines.length > read.length ? `, ${lines.length - read.length} lines left out: they are no decisions on these reports` : ""}.`);
  }

  // Takes decisions into the log: how many were not there.
  function add(decisions) {
    const all = merged(log, decisions), fresh = all.length - log.length;
    log.splice(0, log.length, ...all);
    kept = standing(log);
    return fresh;
  }

  // Decisions of another view of the same review.
  async function takeIn(decisions) {
    if (!add(decisions)) return;
    drawProgress(); drawItems();
    if (!editing && !commenting) await redraw();
  }

  function drawProgress() {
    const signed = [...kept.keys()].filter((row) => signersOf(kept, row).length).length;
    progress.value = signed;
    const open = [...disputed.keys()].reduce((sum, row) => sum + openOn(row).length, 0);
    progressText.textContent = `${signed.toLocaleString("en")} of ${data.rows.length.toLocaleString("en")} signed${adjudicates ? `, ${open.toLocaleString("en")} conflict${open === 1 ? "" : "s"} open` : ""}`;
    reviewerButton.textContent = `${adjudicates ? "Adjudicator" : "Reviewer"}: ${reviewer ? shown(reviewer) : "nobody yet"}`;
  }

  function leave() {
    const was = editing;
    if (commenting) { commenting = false; drawHead(); report.focus(); }
    editing = null;
    drawValues();
    if (was) valueList.querySelector(".value.chosen .value-head").focus();
    openList(false);
  }

  function keys(event) {
    if (dialog.open || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.key === "Escape") {
      if (event.target.type === "search") { event.target.value = filter.search = ""; applyFilter(); }
      if (listPane.contains(event.target)) root.focus({ preventScroll: true });
      return leave();
    }
    if (/^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) return;
    const digit = /^Digit(\d)$/.exec(event.code)?.[1];
    const does = { j: () => move(1), k: () => move(-1), a: accept, e: () => edit(), n: none, w: markWords, c: openComment, u: undo, s: sign, ...(adjudicates ? { d: nextConflict } : {}), "?": help, "/": () => { openList(true); root.querySelector(".search").focus(); } }[event.key];
    const taken = current !== null && event.key.length === 1 && TAKE.includes(event.key) ? answersOn(current, focused).findIndex((answer) => answer.reviewer === TAKE.indexOf(event.key)) : -1;
    if (digit !== undefined && event.key !== "?" && event.key !== "/") {
      const index = event.shiftKey ? 9 + Number(digit) : (Number(digit) + 9) % 10, field = data.fields[index];
      if (field && current !== null && !(event.shiftKey && digit === "0")) { event.preventDefault(); choose(field.name); }
    } else if (taken >= 0) { event.preventDefault(); take(taken); }
    else if (does && (current !== null || "?/".includes(event.key))) { event.preventDefault(); does(); }
  }

  const warn = (event) => { if (!saved && !callbacks.kept?.()) event.preventDefault(); };
  addEventListener("beforeunload", warn);
  drawProgress();
  drawList();
  const ready = order.length ? show(order[0]) : Promise.resolve(tell("The table has no rows."));
  return { ready, show, take: takeIn, rename, decisions: () => [...log], unmount: () => { unfollow(); removeEventListener("beforeunload", warn); keyTarget.removeEventListener("keydown", keys); root.replaceChildren(); } };
}

// ---- the page that carries its own data

export async function inflated(packed) {
  const bytes = Uint8Array.from(atob(packed), (char) => char.charCodeAt(0));
  return JSON.parse(await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).text());
}

// The data: the index at once, texts a block at a time when one of them is asked for. `packedBlock` gives the texts of a block.
export async function unpacked(index, packedBlock) {
  const data = await inflated(index), blocks = new Map();
  data.text = async (row) => {
    const block = Math.floor(row / data.block);
    if (!blocks.has(block)) blocks.set(block, Promise.resolve(packedBlock(block)).then(inflated));
    return (await blocks.get(block))[row % data.block];
  };
  return data;
}

// The page's own.
export function ofPage(page) {
  return unpacked(page.getElementById("index").textContent, (block) => page.getElementById(`texts-${block}`).textContent);
}

// Lines of review.jsonl as decisions on these reports; others are left out.
export function decisionsOf(lines, data) {
  return lines.split("\n").filter((one) => one.trim()).map((written) => decisionOf(written, data)).filter(Boolean);
}

// Decisions kept by the browser until the page is opened again; some browsers keep nothing for a file.
export function inBrowser(data, keys) {
  const key = `cancer-staging review ${data.digest}`;
  let kept = false;
  return {
    keys,
    load: () => {
      try { return decisionsOf(localStorage.getItem(key) ?? "", data); } catch { return []; }
    },
    changed: (log) => { kept = false; localStorage.setItem(key, log.map(line).join("\n")); kept = true; },
    kept: () => kept,
  };
}
