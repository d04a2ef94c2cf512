"use strict";
// A client of the workflow API. Whatever comes from outside is put into the page as text, never as HTML.
(() => {
  const settings = JSON.parse(document.getElementById("settings").textContent);
  const shownLimit = 512 * 1024; // bytes of a file that are shown
  const pollEvery = 5000; // ms; beside the events, since a proxy may hold them back
  const reloadAfter = 400; // ms; events that come closer together are one reload
  const pageSize = 20;

  const $ = (id) => document.getElementById(id);

  // make gives an element with text or elements in it.
  function make(name, attributes, ...inside) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (value !== undefined && value !== "") element.setAttribute(key, value);
    }
    element.append(...inside);
    return element;
  }

  // say changes a text only when it is another one, so that screen readers hear it once.
  function say(element, text) {
    if (element.textContent !== text) element.textContent = text;
  }

  // --- The API ---

  // Problem is an answer that is none: the API's problem document, or what stands in its place.
  class Problem extends Error {
    constructor(status, document) {
      super(document.detail || document.title || "The server answers " + status + ".");
      this.status = status;
      this.hint = document.hint || "";
      this.fields = document.errors || [];
    }
  }

  async function ask(path, options) {
    let response;
    try {
      response = await fetch(path, options);
    } catch {
      throw new Problem(0, { detail: "The platform cannot be reached.", hint: "Is it running? This page tries again." });
    }
    if (response.ok) return response;
    let document = {};
    try {
      document = await response.json();
    } catch {
      // a proxy's answer: its status has to do
    }
    throw new Problem(response.status, document);
  }

  const json = async (path, options) => (await ask(path, options)).json();
  const pathOf = (id) => settings.runs + "/" + encodeURIComponent(id);
  const encodePath = (path) => path.split("/").map(encodeURIComponent).join("/");

  // --- Words ---

  const words = (s) => (s ? s.replaceAll("_", " ") : "not run");
  const number = (n) => n.toLocaleString("en");
  const count = (n, noun) => number(n) + " " + noun + (n === 1 ? "" : "s");
  const moment = (time) => new Date(time).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });

  function size(bytes) {
    if (bytes < 1024) return bytes + " B";
    if (bytes < 1024 * 1024) return (bytes / 1024).toFixed(1) + " KiB";
    return (bytes / 1024 / 1024).toFixed(1) + " MiB";
  }

  function duration(ms) {
    const seconds = Math.max(0, ms) / 1000;
    if (seconds < 9.95) return seconds.toFixed(1) + "s";
    const whole = Math.round(seconds);
    if (whole < 60) return whole + "s";
    const two = (n) => String(n).padStart(2, "0");
    if (whole < 3600) return Math.floor(whole / 60) + "m" + two(whole % 60) + "s";
    return Math.floor(whole / 3600) + "h" + two(Math.floor(whole / 60) % 60) + "m";
  }

  const ended = (status) => status !== "pending" && status !== "running";
  const packaged = (status) => status === "completed" || status === "completed_with_findings";
  const verified = (run) => packaged(run.status) && Boolean(run.verification && run.verification.verified);

  // tone is how a status is coloured; its words always stand beside the colour.
  const tones = { completed: "good", completed_with_findings: "warn", failed: "bad", running: "going" };
  const tone = (status) => tones[status] || "idle";
  const marks = { completed: "✓", failed: "✗", running: "●", cancelled: "–", skipped: "–", completed_with_findings: "!" };

  // verdict says whether the project can be relied on, and why not.
  function verdict(run) {
    const v = run.verification;
    if (verified(run)) {
      const builds = "the project builds, and " + count(v.passed, "test") + (v.passed === 1 ? " passes" : " pass");
      const unused = (run.unused || []).length;
      if (!unused) return ["Verified: " + builds + ".", ""];
      return ["Verified, but " + count(unused, "part") + " of the prompt " + (unused === 1 ? "was" : "were") + " not used", builds.replace("the", "The") + "; it does nothing about what stands below."];
    }
    const problem = run.problem ? [run.problem.detail || run.problem.title, run.problem.hint].filter(Boolean).join("\n") : "";
    if (run.status === "cancelled") return ["Cancelled", problem];
    if (run.problem && run.problem.code === settings.refused) return ["Refused", problem];
    if (run.status === "failed") return ["Failed", problem || "The platform gave no reason."];
    if (ended(run.status)) {
      return ["Not verified", problem || (v ? v.reason || (run.findings || [])[0] || "The platform gave no reason." : "Nothing was built or run.")];
    }
    const stages = run.stages || [];
    const now = stages.filter((s) => s.status === "running").map((s) => s.stage);
    return [now.length ? "Running: " + now.join(", ") : "Running", stages.filter((s) => ended(s.status)).length + " of " + stages.length + " steps are done."];
  }

  // --- The page's places: #, #RUN and #RUN/PATH ---

  const state = { id: "", run: null, progress: {}, path: "", events: null, timers: [], filesOf: "", files: [], turn: 0 };

  function show(place) {
    for (const id of ["home", "run", "missing"]) $(id).hidden = id !== place;
  }

  function leave() {
    if (state.events) state.events.close();
    state.timers.forEach(clearInterval);
    Object.assign(state, { id: "", run: null, progress: {}, path: "", events: null, timers: [], filesOf: "", files: [] });
    state.turn++; // answers that are still on their way belong to the place that was left
  }

  function decode(part) {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  }

  function go() {
    const [id, ...path] = location.hash.slice(1).split("/");
    const run = decode(id);
    if (run && run === state.id) {
      state.path = path.map(decode).join("/");
      showFile();
      return;
    }
    leave();
    if (run) openRun(run, path.map(decode).join("/"));
    else openHome();
  }

  // --- Home ---

  function openHome() {
    document.title = "QuantumLayer";
    show("home");
    listRuns("");
  }

  async function listRuns(cursor) {
    const turn = state.turn;
    const note = $("recent-note");
    $("more").hidden = true;
    try {
      const page = await json(settings.runs + "?limit=" + pageSize + (cursor ? "&cursor=" + encodeURIComponent(cursor) : ""));
      if (turn !== state.turn) return;
      const rows = page.runs.map(runRow);
      if (cursor) $("recent").append(...rows);
      else $("recent").replaceChildren(...rows);
      say(note, $("recent").children.length ? "" : "None yet.");
      $("more").hidden = !page.cursor;
      $("more").onclick = () => listRuns(page.cursor);
    } catch (problem) {
      if (turn === state.turn) say(note, "The runs cannot be listed. " + problem.message + " " + problem.hint);
    }
  }

  function runRow(run) {
    let when = moment(run.started_at);
    if (run.ended_at) when += ", took " + duration(new Date(run.ended_at) - new Date(run.started_at));
    else if (run.stage) when += ", " + run.stage;
    return make("li", {}, make("a", { href: "#" + encodeURIComponent(run.id) },
      make("span", { class: "what" }, run.request.prompt || run.id),
      make("span", { class: "badge " + tone(run.status) }, words(run.status)),
      make("span", { class: "when" }, when)));
  }

  // --- The form ---

  let unsent = { body: "", key: "" }; // the last request that may or may not have arrived: sent again it must not start twice

  function newKey() {
    return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
  }

  function frameworks() {
    $("framework").replaceChildren(...(settings.frameworks[$("language").value] || []).map((name) => make("option", {}, name)));
  }

  function complain(lines, field) {
    $("problems").replaceChildren(...lines.filter(Boolean).map((line) => make("p", {}, line)));
    for (const id of ["prompt", "language", "type", "framework"]) {
      if (id === field) $(id).setAttribute("aria-invalid", "true");
      else $(id).removeAttribute("aria-invalid");
    }
    if (field) $(field).focus();
  }

  // reuse puts a run's request into the form.
  function reuse(request) {
    $("prompt").value = request.prompt;
    $("language").value = request.language;
    frameworks();
    $("framework").value = request.framework;
    $("type").value = request.type;
    complain([], "");
  }

  async function start(event) {
    event.preventDefault();
    if ($("start").disabled) return;
    const prompt = $("prompt").value;
    const bytes = new TextEncoder().encode(prompt).length;
    if (!prompt.trim()) return complain(["The prompt is empty: say what to build."], "prompt");
    if (bytes > settings.prompt_limit) {
      return complain(["The prompt has " + number(bytes) + " bytes, the limit is " + number(settings.prompt_limit) + ": shorten it."], "prompt");
    }
    complain([], "");
    const body = JSON.stringify({ prompt, language: $("language").value, type: $("type").value, framework: $("framework").value });
    if (body !== unsent.body) unsent = { body, key: newKey() };
    $("start").disabled = true;
    try {
      const run = await json(settings.runs, { method: "POST", headers: { "Content-Type": "application/json", "Idempotency-Key": unsent.key }, body });
      unsent = { body: "", key: "" };
      $("prompt").value = "";
      location.hash = encodeURIComponent(run.id);
    } catch (problem) {
      const wrong = problem.fields.map((f) => f.location.replace("body.", "") + ": " + f.message);
      const field = problem.fields.map((f) => f.location.replace("body.", "")).find((name) => ["prompt", "language", "type", "framework"].includes(name));
      complain([problem.message, ...wrong, problem.hint], field || "");
    } finally {
      $("start").disabled = false;
    }
  }

  // --- A run ---

  async function openRun(id, path) {
    Object.assign(state, { id, path });
    const turn = state.turn;
    clearRun();
    if (await reload(turn)) follow(turn);
  }

  function clearRun() {
    say($("run-title"), "");
    for (const id of ["findings", "unchecked", "stages", "facts", "files"]) $(id).replaceChildren();
    for (const id of ["lost", "capsule", "retry", "cancel", "viewer"]) $(id).hidden = true;
    for (const id of ["files-note", "headline", "reason"]) say($(id), "");
  }

  // follow reloads the run whenever something happens in it, until it ends.
  function follow(turn) {
    if (ended(state.run.status)) return;
    let waiting = null;
    const soon = () => {
      waiting ??= setTimeout(() => {
        waiting = null;
        if (turn === state.turn) reload(turn);
      }, reloadAfter);
    };
    const events = new EventSource(pathOf(state.id) + "/events");
    for (const type of settings.events) {
      events.addEventListener(type, (message) => {
        if (type.endsWith(".progress")) noteProgress(message.data);
        else soon();
      });
    }
    state.events = events;
    state.timers.push(setInterval(soon, pollEvery), setInterval(() => drawStages(), 1000));
  }

  function noteProgress(data) {
    try {
      const progress = JSON.parse(data).data;
      state.progress[progress.stage] = progress;
      drawStages();
    } catch {
      // an event that is no JSON says nothing
    }
  }

  // reload reads the run again and answers whether there is one.
  async function reload(turn) {
    try {
      const run = await json(pathOf(state.id));
      if (turn !== state.turn) return false;
      const wasOpen = !$("run").hidden;
      state.run = run;
      $("lost").hidden = true;
      draw();
      show("run");
      if (!wasOpen) $("run-title").focus();
      loadFiles(turn);
      if (ended(run.status)) stop();
      return true;
    } catch (problem) {
      if (turn !== state.turn) return false;
      if (state.run) {
        $("lost").hidden = false;
        say($("lost"), problem.message + " The page tries again; what is below may be old.");
        return true;
      }
      missing(problem, turn);
      return false;
    }
  }

  function stop() {
    if (state.events) state.events.close();
    state.timers.forEach(clearInterval);
    Object.assign(state, { events: null, timers: [] });
  }

  // missing says why there is no run to show. What may pass is tried again.
  function missing(problem, turn) {
    show("missing");
    say($("missing-title"), problem.status === 404 || problem.status === 422 ? "There is no run " + state.id : "The run cannot be read");
    say($("missing-hint"), [problem.message, problem.hint].filter(Boolean).join(" "));
    document.title = "QuantumLayer";
    if (problem.status !== 0 && problem.status !== 429 && problem.status !== 503) return;
    setTimeout(async () => {
      if (turn === state.turn && (await reload(turn))) follow(turn);
    }, pollEvery);
  }

  function draw() {
    const run = state.run;
    const [headline, reason] = verdict(run);
    const title = run.request.prompt.trim().split("\n")[0];
    say($("run-title"), title.length > 90 ? title.slice(0, 89) + "…" : title);
    document.title = words(run.status) + " · " + title.slice(0, 60) + " · QuantumLayer";
    $("verdict").className = "verdict " + (run.status === "completed" && !verified(run) ? "warn" : tone(run.status));
    say($("headline"), headline);
    say($("reason"), reason);
    $("capsule").hidden = !run.capsule;
    if (run.capsule) {
      $("capsule").href = pathOf(run.id) + "/capsule";
      say($("capsule"), "Download the capsule (" + size(run.capsule.size) + ")");
    }
    const refused = run.problem && run.problem.code === settings.refused; // it would be refused again
    $("retry").hidden = refused || verified(run) || !["failed", "cancelled", "completed_with_findings"].includes(run.status);
    $("cancel").hidden = ended(run.status);
    say($("asked-prompt"), run.request.prompt);
    say($("asked-how"), [run.request.language, run.request.framework, run.request.type, run.request.model, run.id].filter(Boolean).join(", "));
    drawLists(run);
    drawStages();
    drawFacts(run);
  }

  function drawLists(run) {
    const section = (title, items) => (items.length ? [make("section", {}, make("h2", {}, title), make("ul", {}, ...items.map((item) => make("li", {}, item))))] : []);
    const fields = ((run.problem || {}).errors || []).map((f) => f.location + ": " + f.message);
    $("unused").replaceChildren(...section("Parts of the prompt that were not used", run.unused || []));
    $("findings").replaceChildren(...section("Findings", [...fields, ...(run.findings || [])]));
    $("unchecked").replaceChildren(...section("Not checked", run.not_checked || []));
  }

  function drawStages() {
    const run = state.run;
    if (!run) return;
    const list = $("stages");
    const stages = run.stages || [];
    if (list.children.length !== stages.length) {
      list.replaceChildren(...stages.map(() => make("li", {},
        make("span", { class: "mark", "aria-hidden": "true" }), make("span", {}, make("span", { class: "name" }), make("span", { class: "seen" })),
        make("span", { class: "time" }), make("span", { class: "detail" }))));
    }
    stages.forEach((stage, i) => drawStage(list.children[i], stage));
  }

  function drawStage(row, stage) {
    const part = (name) => row.querySelector("." + name);
    const progress = stage.status === "running" ? state.progress[stage.stage] : undefined;
    const now = stage.status === "running";
    // Verification is done when its answer is there, whatever that is: it must not look like a suite that passed.
    const red = stage.stage === settings.verification && stage.status === "completed" && state.run.verification && !state.run.verification.verified;
    const status = red ? "not verified" : stage.status;
    row.className = now ? "now" : stage.status === "pending" ? "pending" : "";
    part("mark").className = "mark " + (red ? "warn" : tone(status));
    say(part("mark"), red ? "!" : marks[status] || "○");
    say(part("name"), stage.stage + (stage.round ? ", repair round " + stage.round : ""));
    say(part("seen"), ": " + words(status));
    let took = "";
    if (stage.started_at) took = duration((stage.ended_at ? new Date(stage.ended_at) : Date.now()) - new Date(stage.started_at));
    say(part("time"), took);
    const details = [];
    if (progress) details.push((progress.total ? progress.done + "/" + progress.total + " " : "") + progress.message);
    else if (stage.detail || stage.problem) details.push(stage.detail || stage.problem.detail || stage.problem.title);
    if (stage.reused) details.push("was there already");
    const used = ((progress || stage).usage || {});
    if (used.calls) details.push(number(used.input_tokens + used.output_tokens) + " tokens");
    say(part("detail"), details.join(" · "));
  }

  function drawFacts(run) {
    const facts = [];
    const v = run.verification;
    if (v) {
      facts.push(["Build", words(v.build)], ["Vet", words(v.vet)]);
      facts.push(["Tests", words(v.tests) + (v.passed + v.failed + v.skipped ? " (" + v.passed + " passed, " + v.failed + " failed, " + v.skipped + " skipped)" : "")]);
      facts.push(["Sandbox", v.mode + (v.weaker ? ", " + v.weaker : "")]);
      if (v.rounds) facts.push(["Repairs", count(v.rounds, "round")]);
    } else {
      facts.push(["Verified", ended(run.status) ? "nothing was built or run" : "not yet"]);
    }
    const used = run.usage;
    if (used.calls) {
      facts.push(["Model", used.model || "unknown"]);
      facts.push(["Used", count(used.calls, "call") + ", " + number(used.input_tokens) + " tokens in, " + number(used.output_tokens) + " out" + (used.cached ? ", " + used.cached + " from the cache" : "")]);
      if (used.cost_micros) facts.push(["Cost", "$" + (used.cost_micros / 1e6).toFixed(4)]);
    }
    facts.push(["Started", moment(run.started_at)]);
    if (run.ended_at) facts.push(["Time", duration(new Date(run.ended_at) - new Date(run.started_at))]);
    if (run.attempt > 1) facts.push(["Attempt", String(run.attempt)]);
    if (run.capsule) facts.push(["Capsule", count(run.capsule.files, "file") + ", SHA-256 " + run.capsule.sha256]);
    $("facts").replaceChildren(...facts.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
  }

  async function act(button, path, method) {
    const turn = state.turn;
    button.disabled = true;
    try {
      await ask(path, { method });
      if (turn !== state.turn) return;
      stop();
      state.progress = {};
      if (await reload(turn)) follow(turn);
    } catch (problem) {
      if (turn !== state.turn) return;
      $("lost").hidden = false;
      say($("lost"), [problem.message, problem.hint].filter(Boolean).join(" "));
    } finally {
      button.disabled = false;
    }
  }

  // --- Files ---

  // loadFiles lists the files anew when a stage that writes some has written others.
  async function loadFiles(turn) {
    const made = state.run.stages.filter((s) => settings.writing.includes(s.stage) && s.drop_id).map((s) => s.drop_id).join(" ");
    if (!made) say($("files-note"), ended(state.run.status) ? "None were written." : "None yet.");
    if (made === state.filesOf) return;
    state.filesOf = made;
    try {
      const { files } = await json(pathOf(state.id) + "/files");
      if (turn !== state.turn) return;
      state.files = files;
      say($("files-note"), count(files.length, "file"));
      $("files").replaceChildren(...files.map((f) => make("li", {}, make("a", { href: "#" + encodeURIComponent(state.id) + "/" + encodePath(f.path) },
        make("span", {}, f.path), make("span", { class: "size" }, size(f.size))))));
      showFile();
    } catch (problem) {
      if (turn !== state.turn) return;
      state.filesOf = "";
      say($("files-note"), "The files cannot be listed. " + problem.message);
    }
  }

  // showFile shows the file that the address names, as far as it fits.
  async function showFile() {
    const { turn, path } = state;
    const i = state.files.findIndex((f) => f.path === path);
    [...$("files").querySelectorAll("a")].forEach((link, j) => {
      if (i === j) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    });
    if (i < 0) {
      $("viewer").hidden = true;
      if (path && state.files.length) say($("files-note"), "There is no file " + path + ".");
      return;
    }
    const file = state.files[i];
    const address = pathOf(state.id) + "/files/" + encodePath(path);
    try {
      const cut = file.size > shownLimit;
      const text = await (await ask(address, cut ? { headers: { Range: "bytes=0-" + (shownLimit - 1) } } : {})).text();
      if (turn !== state.turn || path !== state.path) return;
      say($("files-note"), count(state.files.length, "file"));
      say($("file-title"), path);
      say($("file-note"), size(file.size) + ", " + file.stage + (cut ? "; the first " + size(shownLimit) + " are shown." : "."));
      $("raw").href = address;
      say($("content"), text);
      $("content").scrollTop = 0;
      $("viewer").hidden = false;
      $("file-title").focus({ preventScroll: true });
      $("viewer").scrollIntoView({ block: "nearest" });
    } catch (problem) {
      if (turn === state.turn) say($("files-note"), path + " cannot be read. " + problem.message);
    }
  }

  // --- Begin ---

  frameworks();
  $("language").addEventListener("change", frameworks);
  $("form").addEventListener("submit", start);
  $("prompt").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) start(event);
  });
  $("skip").addEventListener("click", (event) => {
    event.preventDefault(); // the address after # is the page's own
    $("main").focus();
  });
  $("cancel").addEventListener("click", () => act($("cancel"), pathOf(state.id), "DELETE"));
  $("retry").addEventListener("click", () => act($("retry"), pathOf(state.id) + "/retry", "POST"));
  $("reuse").addEventListener("click", () => {
    reuse(state.run.request);
    location.hash = "";
    show("home"); // now, so that the prompt can take the focus
    $("prompt").focus();
  });
  addEventListener("hashchange", go);
  go();
})();
