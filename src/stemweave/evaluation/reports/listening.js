"use strict";

const SCALE = ["bad", "poor", "fair", "good", "excellent"];
const test = JSON.parse(document.getElementById("test").textContent);
const stage = document.getElementById("stage");
const place = `stemweave-listening-${test.id}`;
let state = recalled();

/** Where an earlier visit stopped, or the beginning; some browsers remember nothing for pages opened from disk. */
function recalled() {
  const fresh = { rater: "", trial: 0, ratings: {}, seconds: {} };
  try {
    return Object.assign(fresh, JSON.parse(localStorage.getItem(place)));
  } catch {
    return fresh;
  }
}

function remember() {
  try {
    localStorage.setItem(place, JSON.stringify(state));
  } catch {
    // the test goes on without it
  }
}

function forget() {
  try {
    localStorage.removeItem(place);
  } catch {
    // nothing was remembered
  }
  state = recalled();
}

function make(tag, properties, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

/** Replace what is shown, and take keyboard and screen reader to its heading. */
function show(heading, ...nodes) {
  const title = make("h1", { tabIndex: -1 }, heading);
  stage.replaceChildren(title, ...nodes);
  title.focus();
}

function next() {
  if (!state.rater) begin();
  else if (state.trial < test.trials.length) listen(test.trials[state.trial]);
  else finish();
}

function begin() {
  const name = make("input", { id: "rater", required: true, maxLength: 60, autocomplete: "off" });
  const form = make("form", {}, make("label", { htmlFor: "rater" }, "Your name or initials: "), name, " ", make("button", {}, "Start"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    state.rater = name.value.trim();
    remember();
    next();
  });
  const trials = test.trials.length;
  const clips = test.trials[0].clips.length;
  show(
    "Listening test",
    make("p", {}, `You will hear ${trials} × ${clips} clips, preferably on headphones. Rate each from 1 (bad) to 5 (excellent).`),
    make("p", {}, "You can listen as often as you like. If you close the page, most browsers let you go on where you stopped."),
    form,
  );
}

function listen(trial) {
  const codes = trial.clips.map((clip) => clip.code);
  const hint = make("p", { id: "hint", ariaLive: "polite" });
  const on = make("button", { id: "next" }, "Next");
  on.setAttribute("aria-describedby", "hint");
  const check = () => {
    const open = codes.filter((code) => !(code in state.ratings)).length;
    on.disabled = open > 0;
    hint.textContent = open ? `${open} of ${codes.length} clips are not rated yet.` : "All clips are rated.";
  };
  on.addEventListener("click", () => {
    state.trial += 1;
    remember();
    next();
  });
  const clips = trial.clips.map((clip, index) => player(clip, letter(index), check));
  const progress = make("progress", { value: state.trial, max: test.trials.length, ariaLabel: "Trials done" });
  check();
  show(`Trial ${state.trial + 1} of ${test.trials.length}`, progress, ...clips, hint, on);
}

function letter(index) {
  return index < 26 ? String.fromCharCode(65 + index) : String(index + 1);
}

function player(clip, label, rated) {
  const audio = make("audio", { controls: true, src: clip.sound, ariaLabel: `Clip ${label}` });
  audio.addEventListener("play", () => {
    for (const other of stage.querySelectorAll("audio")) if (other !== audio) other.pause();
  });
  count(audio, clip.code);
  const choices = SCALE.map((word, index) => choice(clip.code, index + 1, word, rated));
  const scale = make("fieldset", {}, make("legend", {}, `Clip ${label}: ${test.question}`), ...choices);
  return make("section", { className: "clip" }, make("h2", {}, `Clip ${label}`), audio, scale);
}

/** Add up the seconds that are played; a jump counts nothing. */
function count(audio, code) {
  let last = 0;
  audio.addEventListener("seeking", () => (last = audio.currentTime));
  audio.addEventListener("timeupdate", () => {
    state.seconds[code] = (state.seconds[code] || 0) + Math.max(0, audio.currentTime - last);
    last = audio.currentTime;
  });
  audio.addEventListener("pause", remember);
}

function choice(code, rating, word, rated) {
  const button = make("input", { type: "radio", name: code, value: rating, checked: state.ratings[code] === rating });
  button.addEventListener("change", () => {
    state.ratings[code] = rating;
    remember();
    rated();
  });
  return make("label", {}, button, ` ${rating} ${word}`);
}

function finish() {
  const save = make("button", { id: "save" }, "Save CSV");
  const another = make("button", { id: "another", disabled: true }, "Another listener");
  save.addEventListener("click", () => {
    download(`ratings-${state.rater.replace(/[^\p{L}\p{N}]+/gu, "-")}.csv`, table());
    another.disabled = false;
  });
  another.addEventListener("click", () => {
    forget();
    next();
  });
  show("Thank you", make("p", {}, "Save your ratings, and send the file to whoever gave you this page."), save, " ", another);
}

function table() {
  const rows = test.trials.flatMap((trial, at) =>
    trial.clips.map(({ code }, index) => {
      const seconds = (state.seconds[code] || 0).toFixed(1);
      return [state.rater, at + 1, trial.item, code, state.ratings[code], seconds, index + 1];
    }),
  );
  const header = ["rater", "trial", "item", "label", "rating", "seconds", "order"];
  return [header, ...rows].map((row) => `${row.map(quoted).join(",")}\r\n`).join("");
}

function quoted(value) {
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function download(name, text) {
  const link = make("a", { href: URL.createObjectURL(new Blob([text], { type: "text/csv" })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

next();
