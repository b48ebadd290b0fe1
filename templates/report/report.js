"use strict";
(() => {
  const root = document.documentElement;
  const findings = [...document.querySelectorAll("[data-finding]")];

  // The style sheet switches languages alone; scripts add what it cannot: the document's language and direction, and a
  // switch for browsers without :has().
  const radios = [...document.querySelectorAll("input[name=language]")];
  const choose = () => {
    const chosen = radios.find((radio) => radio.checked);
    if (!chosen) return;
    root.lang = chosen.value;
    root.dir = chosen.classList.contains("rtl") ? "rtl" : "ltr";
    if (CSS.supports("selector(:has(a))")) return;
    const own = "l" + chosen.id.slice(1), stand = "m" + chosen.id.slice(1);
    for (const text of document.querySelectorAll(".t"))
      text.classList.toggle("skip", !text.classList.contains(own) && !text.classList.contains(stand));
  };
  radios.forEach((radio) => radio.addEventListener("change", choose));
  choose();

  // Filter and search.
  const form = document.getElementById("filter"), search = document.getElementById("search");
  const boxes = [...form.querySelectorAll("input[name=status]")], shown = document.getElementById("shown");
  const words = new Map();
  const text = (finding) => {
    if (!words.has(finding)) {
      const provision = finding.closest(".provision"), head = provision ? provision.querySelector("h5").textContent : "";
      words.set(finding, (finding.textContent + " " + finding.id + " " + head).toLowerCase());
    }
    return words.get(finding);
  };
  const apply = () => {
    const wanted = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    const terms = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const finding of findings) {
      finding.hidden = !wanted.has(finding.dataset.finding) || !terms.every((term) => text(finding).includes(term));
      count += finding.hidden ? 0 : 1;
    }
    const narrowed = count < findings.length;
    for (const part of document.querySelectorAll(".brief,.provision,.instrument,.law"))
      part.hidden = narrowed && !part.querySelector("[data-finding]:not([hidden])");
    shown.textContent = count + " / " + findings.length;
  };
  form.hidden = findings.length === 0;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("change", apply);
  search.addEventListener("input", apply);
  apply();

  // A link to a finding opens it, and shows it when the filter hides it.
  const reveal = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    if (target.closest("[hidden]")) {
      search.value = "";
      boxes.forEach((box) => { box.checked = true; });
      apply();
    }
    if (target.tagName === "DETAILS") target.open = true;
    target.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  if (location.hash) reveal();

  // Paper shows everything.
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    closed.forEach((details) => { details.open = true; });
  });
  addEventListener("afterprint", () => { closed.forEach((details) => { details.open = false; }); });
})();
