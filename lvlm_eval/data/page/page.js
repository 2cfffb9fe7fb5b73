"use strict";
/* Shows and hides series, sorts tables, filters rows. Without it the page shows everything. */
(() => {
  const all = (selector, inside = document) => [...inside.querySelectorAll(selector)];

  /* A series is one row of tables and one or more groups of figures, with one id. */
  function show(series, on) {
    const name = CSS.escape(series);
    for (const button of all(`[data-toggles="${name}"]`)) {
      button.setAttribute("aria-pressed", String(on));
    }
    for (const group of all(`[data-series="${name}"]`)) {
      group.classList.toggle("off", !on);
    }
  }

  for (const button of all("[data-toggles]")) {
    button.addEventListener("click", () => {
      show(button.dataset.toggles, button.getAttribute("aria-pressed") !== "true");
    });
  }

  /* A click anywhere on a row counts as one on its button; keys go to the button itself. */
  for (const row of all("tr[data-row]")) {
    const button = row.querySelector("[data-toggles]");
    if (!button) continue;
    row.classList.add("clickable");
    row.addEventListener("click", (event) => {
      const selected = String(getSelection());
      if (!event.target.closest("button, a") && !selected) button.click();
    });
  }

  for (const button of all("[data-choose]")) {
    button.addEventListener("click", () => {
      const table = document.getElementById(`${button.dataset.of}-table`);
      for (const row of all("tr[data-row]", table)) {
        const own = row.classList.contains("own");
        const { choose } = button.dataset;
        show(row.dataset.row, choose === "all" || (choose === "own" && own));
      }
    });
  }

  /* Cells without a value come last, whichever way a column is sorted. */
  function value(row, place, numeric) {
    const cell = row.cells[place];
    if (!numeric) return cell.dataset.value ?? cell.textContent.trim();
    return "value" in cell.dataset ? Number(cell.dataset.value) : null;
  }

  function sort(table, head) {
    const place = head.cellIndex;
    const numeric = head.classList.contains("number");
    const was = head.getAttribute("aria-sort");
    const down = was === "none" ? numeric : was === "ascending";
    const sign = down ? -1 : 1;
    const rows = [...table.tBodies[0].rows];
    rows.sort((one, other) => {
      const [a, b] = [value(one, place, numeric), value(other, place, numeric)];
      const [noA, noB] = [a === null || a === "", b === null || b === ""];
      if (noA || noB) return noA - noB;
      return sign * (numeric ? a - b : a.localeCompare(b, "en", { numeric: true }));
    });
    table.tBodies[0].append(...rows);
    for (const other of all("th[aria-sort]", table)) other.setAttribute("aria-sort", "none");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
  }

  for (const table of all("table.sortable")) {
    for (const button of all("button.sort", table)) {
      button.addEventListener("click", () => sort(table, button.closest("th")));
    }
  }

  for (const input of all("[data-filters]")) {
    const id = input.dataset.filters;
    const rows = [...document.getElementById(`${id}-table`).tBodies[0].rows];
    const told = document.querySelector(`[data-counts="${id}"]`);
    const filter = () => {
      const wanted = input.value.trim().toLocaleLowerCase("en");
      let shown = 0;
      for (const row of rows) {
        row.hidden = !row.textContent.toLocaleLowerCase("en").includes(wanted);
        shown += !row.hidden;
      }
      told.textContent = wanted ? `${shown} of ${rows.length} rows` : `${rows.length} rows`;
    };
    input.addEventListener("input", filter);
    filter();
  }

  /* The section that is read is marked in the navigation. */
  const links = new Map(all("nav.bar a").map((link) => [link.hash.slice(1), link]));
  if ("IntersectionObserver" in window) {
    const seen = new IntersectionObserver(
      (entries) => {
        for (const entry of entries) {
          if (!entry.isIntersecting) continue;
          for (const link of links.values()) link.removeAttribute("aria-current");
          links.get(entry.target.id)?.setAttribute("aria-current", "true");
        }
      },
      { rootMargin: "-20% 0px -70% 0px" },
    );
    for (const section of all("main > section")) seen.observe(section);
  }

  /* Tables that are folded in must be on paper, too; manifests in full need not. */
  addEventListener("beforeprint", () => {
    for (const one of all("details:not([open])").filter((one) => !one.closest(".record"))) {
      one.open = true;
      one.dataset.opened = "";
    }
  });
  addEventListener("afterprint", () => {
    for (const one of all("details[data-opened]")) {
      one.open = false;
      delete one.dataset.opened;
    }
  });
})();
