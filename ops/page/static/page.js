// Keys, the player, and the arrow keys in the table of days. Everything else works without it.
"use strict";

const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

// --- keys -----------------------------------------------------------------------------------------------------------

const keysAreOn = () => localStorage.getItem("keys") !== "off";
const writes = (element) =>
  element.isContentEditable || (element.matches("input, select, textarea") && !element.matches("[type=range], [type=checkbox]"));

function moveRow(step) {
  const links = $$("[data-row] th a");
  if (!links.length) return;
  const now = links.findIndex((link) => link.closest("tr").contains(document.activeElement));
  const next = now < 0 ? (step > 0 ? 0 : links.length - 1) : Math.min(Math.max(now + step, 0), links.length - 1);
  links[next].focus();
  links[next].scrollIntoView({ block: "nearest" });
}

function postForm(action, values) {
  const form = document.createElement("form");
  form.method = "post";
  form.action = action;
  for (const [name, value] of Object.entries(values)) {
    const input = document.createElement("input");
    input.type = "hidden";
    input.name = name;
    input.value = value;
    form.append(input);
  }
  document.body.append(form);
  form.submit();
}

function pick() {
  const button = $("[data-key=e]");
  if (button) return button.click();
  const row = document.activeElement?.closest("[data-row]");
  if (!row) return;
  const token = $("meta[name=form-token]")?.content ?? "";
  const picked = $$(".mark", row).some((mark) => mark.textContent === "in the case");
  postForm("/case", {
    form_token: token,
    do: picked ? "remove" : "add",
    source: row.dataset.source,
    id: row.dataset.id,
    back: location.pathname + location.search,
  });
}

function hold() {
  const field = $("[data-hold]");
  if (field) return field.focus();
  const row = document.activeElement?.closest("[data-row]");
  if (row) location.href = $("th a", row).href + "#hold-case";
}

const KEYS = {
  "/": () => { const box = $("[data-box]"); if (box) { box.focus(); box.select(); } else location.href = "/"; },
  j: () => moveRow(1),
  k: () => moveRow(-1),
  h: hold,
  e: pick,
  "?": () => { location.href = "/keys"; },
};

document.addEventListener("keydown", (event) => {
  if (!keysAreOn() || event.ctrlKey || event.metaKey || event.altKey || writes(event.target)) return;
  const onControl = event.target.matches("button, a, select, summary, input");
  const act = KEYS[event.key] ?? player?.keys[event.key];
  if (!act || (onControl && (event.key === " " || event.key === "Enter"))) return;
  if (event.target.matches("[type=range]") && event.key.startsWith("Arrow") && !event.shiftKey) return;
  if (event.target.closest("[data-grid]")) return;
  event.preventDefault();
  act(event);
});

const toggle = $("[data-toggle-keys]");
if (toggle) {
  const show = () => {
    toggle.setAttribute("aria-pressed", String(keysAreOn()));
    toggle.textContent = keysAreOn() ? "Keys are on" : "Keys are off";
  };
  toggle.addEventListener("click", () => { localStorage.setItem("keys", keysAreOn() ? "off" : "on"); show(); });
  show();
}

if (location.hash === "#hold-case") $("#hold-case")?.focus();

// --- the player -----------------------------------------------------------------------------------------------------

function clock(seconds) {
  if (!Number.isFinite(seconds)) return "–";
  const whole = Math.round(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (number) => String(number).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

class Player {
  constructor(audio) {
    this.audio = audio;
    this.bar = $("[data-controls]");
    this.seek = $("[data-seek]");
    this.speed = $("[data-speed]");
    this.dragged = false;
    this.bar.hidden = false;
    this.keys = {
      " ": () => this.toggle(),
      ArrowLeft: (event) => this.jump(event.shiftKey ? -30 : -5),
      ArrowRight: (event) => this.jump(event.shiftKey ? 30 : 5),
      Home: () => this.go(0),
      End: () => this.go(this.length() - 1),
      "<": () => this.step(-1),
      ">": () => this.step(1),
      0: () => this.setSpeed("1"),
    };
    $("[data-do=play]").addEventListener("click", () => this.toggle());
    $("[data-do=back]").addEventListener("click", () => this.jump(-5));
    $("[data-do=forth]").addEventListener("click", () => this.jump(5));
    this.speed.addEventListener("change", () => this.setSpeed(this.speed.value));
    this.seek.addEventListener("input", () => { this.dragged = true; this.show(); });
    this.seek.addEventListener("change", () => { this.dragged = false; this.go(Number(this.seek.value)); });
    for (const name of ["timeupdate", "durationchange", "play", "pause", "ratechange", "ended", "seeked"]) {
      audio.addEventListener(name, () => this.show());
    }
    audio.addEventListener("loadedmetadata", () => this.goToHash());
    audio.addEventListener("error", () => { this.bar.hidden = true; $("[data-unplayed]").hidden = false; });
    window.addEventListener("hashchange", () => this.goToHash());
    if (audio.error) audio.dispatchEvent(new Event("error"));
    if (audio.readyState) this.goToHash();
    this.show();
  }

  length() {
    return Number.isFinite(this.audio.duration) ? this.audio.duration : Number(this.audio.dataset.seconds) || 0;
  }

  toggle() {
    if (this.audio.paused) this.audio.play().catch(() => {});
    else this.audio.pause();
  }

  go(seconds) {
    this.audio.currentTime = Math.min(Math.max(seconds, 0), this.length());
  }

  jump(seconds) {
    this.go(this.audio.currentTime + seconds);
  }

  setSpeed(value) {
    this.speed.value = value;
    this.audio.playbackRate = Number(value);
  }

  step(by) {
    const next = Math.min(Math.max(this.speed.selectedIndex + by, 0), this.speed.options.length - 1);
    this.setSpeed(this.speed.options[next].value);
  }

  goToHash() {
    const match = /^#t=(?:(\d+):)?(?:(\d+):)?(\d+(?:\.\d+)?)$/.exec(location.hash);
    if (!match) return;
    const parts = match.slice(1).filter((part) => part !== undefined).map(Number);
    this.go(parts.reduce((sum, part) => sum * 60 + part, 0));
  }

  show() {
    const { audio } = this;
    const now = this.dragged ? Number(this.seek.value) : audio.currentTime;
    this.seek.max = this.length();
    if (!this.dragged) this.seek.value = now;
    this.seek.setAttribute("aria-valuetext", `${clock(now)} of ${clock(this.length())}`);
    $("[data-time]").textContent = `${clock(now)} / ${clock(this.length())}`;
    $("[data-left]").textContent = `${clock((this.length() - now) / audio.playbackRate)} left`;
    const play = $("[data-do=play]");
    play.textContent = audio.paused ? "Play" : "Pause";
    play.setAttribute("aria-pressed", String(!audio.paused));
  }
}

const element = $("[data-player]");
const player = element ? new Player(element) : null;

// --- the table of days ----------------------------------------------------------------------------------------------

for (const box of $$(".scroll")) box.scrollLeft = box.scrollWidth; // today is at the end

$("[data-grid]")?.addEventListener("keydown", (event) => {
  const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
  const cell = event.target.closest("td");
  if (!step || !cell) return;
  let row = cell.parentElement;
  let column = cell.cellIndex;
  const rows = $$("tbody tr", event.currentTarget);
  for (let tries = 0; tries < 60; tries += 1) {
    row = step[0] ? rows[rows.indexOf(row) + step[0]] : row;
    column += step[1];
    const next = row?.cells[column];
    if (!next) return;
    const link = $("a", next);
    if (link) { event.preventDefault(); link.focus(); return; }
  }
});
