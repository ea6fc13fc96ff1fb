// What moves on the page: the charts (Observable Plot draws them), and tables that sort, search and grow.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const day = 864e5;
  const utc = (text) => new Date(text);
  const number = (value) => Math.round(value).toLocaleString("en-US");
  const shortDay = d3.utcFormat("%-d %b %Y");
  const minute = d3.utcFormat("%Y-%m-%d %H:%M UTC");
  const colour = (index) => `var(--c${Math.min(index, 7)})`;
  const style = { fontSize: "12px", background: "transparent" };

  // -- charts ---------------------------------------------------------------------------------------------------------

  function picture(options, label) {
    const svg = Plot.plot({ style, ...options });
    for (const part of svg.querySelectorAll("[aria-label]")) part.removeAttribute("aria-label");
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", label);
    return svg;
  }

  function calendar(place) {
    const { title, days } = data.calendars[place.dataset.calendar];
    const first = utc(data.first);
    const offset = (first.getUTCDay() + 6) % 7;
    const cells = Array.from(days, (state, index) => {
      const date = new Date(+first + index * day);
      return { state, date, week: Math.floor((index + offset) / 7), weekday: (date.getUTCDay() + 6) % 7 };
    });
    const weeks = cells.at(-1).week + 1;
    const months = cells.filter((cell, index) => cell.date.getUTCDate() === 1 || index === 0);
    const shown = months.filter((cell, index) => index + 1 === months.length || months[index + 1].week - cell.week > 2);
    const size = 14;
    const counts = Object.entries(data.states)
      .map(([key, word]) => [cells.filter((cell) => cell.state === key).length, word])
      .filter(([count]) => count)
      .map(([count, word]) => `${count} ${count === 1 ? "day" : "days"} ${word}`);
    return picture(
      {
        width: weeks * size + 38,
        height: 7 * size + 20,
        marginLeft: 36, marginRight: 2, marginTop: 18, marginBottom: 2,
        x: { axis: null, domain: d3.range(weeks), padding: 0 },
        y: { domain: d3.range(7), padding: 0, tickSize: 0, label: null, tickFormat: (d) => ["Mon", "", "Wed", "", "Fri", "", ""][d] },
        color: { type: "identity" },
        marks: [
          Plot.cell(cells, {
            x: "week", y: "weekday", inset: 1, rx: 2,
            fill: (cell) => `var(--s-${cell.state})`,
            stroke: (cell) => ("on".includes(cell.state) ? "var(--s-edge)" : "none"),
            strokeWidth: 0.8,
            title: (cell) => `${shortDay(cell.date)}: ${data.states[cell.state]}`,
          }),
          Plot.text(cells.filter((cell) => data.glyphs[cell.state]), {
            x: "week", y: "weekday", text: (cell) => data.glyphs[cell.state], fontWeight: 700, fontSize: 10, pointerEvents: "none",
            fill: (cell) => (cell.state === "f" ? "var(--on-f)" : cell.state === "u" ? "var(--on-u)" : "var(--ink)"),
          }),
          Plot.text(shown, { x: "week", text: (cell) => d3.utcFormat("%b")(cell.date), frameAnchor: "top", dy: -14, dx: -6, textAnchor: "start", fill: "currentColor" }),
        ],
      },
      `Calendar of ${title}: ${counts.join(", ")}.`,
    );
  }

  const dayAxis = (rows) => ({ type: "utc", label: null, domain: [utc(rows[0][0]), new Date(+utc(rows.at(-1)[0]) + day)] });
  const countAxis = (label) => ({ label, labelAnchor: "top", labelArrow: "none", grid: true, nice: true, tickSize: 0, tickFormat: (count) => (count ? d3.format("~s")(count) : "0"), ticks: 4 });
  const fit = (place) => Math.max(280, place.clientWidth);
  const frame = (place, height) => ({ width: fit(place), height, marginTop: 28, marginRight: 6, marginBottom: 36, marginLeft: 44 });

  function messages(place) {
    const rows = data.messages.map(([date, count]) => ({ date: utc(date), count }));
    const most = d3.greatest(rows, (row) => row.count);
    return picture(
      {
        ...frame(place, 240),
        x: dayAxis(data.messages), y: countAxis("Messages"),
        marks: [
          Plot.rectY(rows, { x: "date", interval: "day", y: "count", fill: "var(--bar)", inset: 0.5, tip: { format: { x: false, y: false } }, title: (row) => `${shortDay(row.date)}\n${number(row.count)} messages` }),
          Plot.ruleY([0], { stroke: "var(--s-edge)" }),
        ],
      },
      `Messages per day: ${number(d3.sum(rows, (row) => row.count))} in all, most on ${shortDay(most.date)} with ${number(most.count)}.`,
    );
  }

  function statuses(place) {
    const { names, rows } = data.statuses;
    const cells = rows.flatMap(([date, ...counts]) => counts.map((count, index) => ({ date: utc(date), index, count })));
    const last = rows.at(-1).slice(1);
    return picture(
      {
        ...frame(place, 280),
        x: dayAxis(rows), y: countAxis("Campaigns"), color: { type: "identity" },
        marks: [
          Plot.rectY(cells, { x: "date", interval: "day", y: "count", fill: (cell) => colour(cell.index), order: "index", insetLeft: rows.length > 200 ? 0 : 0.5, title: (cell) => `${shortDay(cell.date)}\n${names[cell.index]}: ${number(cell.count)}`, tip: { format: { x: false, y: false, fill: false } } }),
          Plot.ruleY([0], { stroke: "var(--s-edge)" }),
        ],
      },
      `Campaigns by status; on the last day ${names.map((name, index) => `${name} ${number(last[index])}`).join(", ")}.`,
    );
  }

  function lists(place) {
    const rows = data.lists.map(([name, account, count], index) => ({ index, name, account, count }));
    const width = fit(place);
    const letters = Math.min(40, Math.floor(width / 18));
    const label = (text) => (Array.from(text).length > letters ? Array.from(text).slice(0, letters - 1).join("") + "…" : text);
    return picture(
      {
        width, height: rows.length * 24 + 8, marginLeft: Math.min(width * 0.46, letters * 7.2), marginRight: 48, marginTop: 4, marginBottom: 4,
        x: { axis: null }, y: { domain: d3.range(rows.length), tickSize: 0, label: null, padding: 0.25, tickFormat: (index) => label(rows[index].name) },
        marks: [
          Plot.barX(rows, { x: "count", y: "index", fill: "var(--bar)", title: (row) => `${row.name}\n${row.account}\n${number(row.count)} campaigns`, tip: { format: { x: false, y: false } } }),
          Plot.text(rows, { x: "count", y: "index", text: (row) => number(row.count), dx: 5, textAnchor: "start", fill: "currentColor" }),
        ],
      },
      `Most-used contact lists: ${rows.slice(0, 3).map((row) => `${row.name} with ${number(row.count)} campaigns`).join(", ")}.`,
    );
  }

  const runs = data.runs.map(([at, seconds, rate, limit, verdict, verb], index) => ({ index, at: utc(at), seconds, rate, limit, verdict, verb }));
  const isWell = (run) => run.verdict === "complete";
  const told = (run, what) => `${minute(run.at)}\n${run.verb}: ${run.verdict}\n${what}`;
  const runAxis = () => {
    const every = Math.max(1, Math.ceil(runs.length / 6));
    return { label: null, domain: runs.map((run) => run.index), padding: 0.2, tickSize: 0, ticks: runs.filter((run) => run.index % every === 0).map((run) => run.index), tickFormat: (index) => d3.utcFormat("%-d %b")(runs[index].at) };
  };
  const verdictColour = (run) => (isWell(run) ? "var(--bar)" : "var(--s-u)");

  function durations(place) {
    const ended = runs.filter((run) => run.seconds >= 0);
    const longest = d3.greatest(ended, (run) => run.seconds);
    const [unit, word] = longest && longest.seconds >= 7200 ? [3600, "Hours"] : longest && longest.seconds >= 120 ? [60, "Minutes"] : [1, "Seconds"];
    const shown = (run) => `${(run.seconds / unit).toFixed(unit === 1 ? 0 : 1)} ${word.toLowerCase()}`;
    return picture(
      {
        ...frame(place, 220),
        x: runAxis(), y: { ...countAxis(word), tickFormat: (count) => d3.format("~g")(count) }, color: { type: "identity" },
        marks: [
          Plot.barY(ended, { x: "index", y: (run) => run.seconds / unit, fill: verdictColour, title: (run) => told(run, shown(run)), tip: { format: { x: false, y: false, fill: false } } }),
          Plot.text(ended.filter((run) => !isWell(run)), { x: "index", y: (run) => run.seconds / unit, text: () => "!", dy: -7, fontWeight: 700, fill: "var(--warn)" }),
          Plot.ruleY([0], { stroke: "var(--s-edge)" }),
        ],
      },
      longest ? `Run durations: the longest took ${shown(longest)}, on ${minute(longest.at)}; the last one ${shown(ended.at(-1))}.` : "No run has ended.",
    );
  }

  function requests(place) {
    const most = d3.greatest(runs, (run) => run.rate);
    const rules = data.limit ? [{ y: data.limit, text: `limit ${data.limit}` }] : [];
    return picture(
      {
        ...frame(place, 220),
        x: runAxis(), y: { ...countAxis("Requests a minute"), tickFormat: (count) => d3.format("~g")(count), domain: [0, Math.max(data.limit * 1.15, most.rate * 1.1, 1)] },
        marks: [
          Plot.barY(runs, { x: "index", y: "rate", fill: "var(--bar)", title: (run) => told(run, `${run.rate} requests a minute, ${run.limit ? `limit ${run.limit}` : "no limit"}`), tip: { format: { x: false, y: false } } }),
          Plot.ruleY(rules, { y: "y", stroke: "var(--s-f)", strokeDasharray: "5 4", strokeWidth: 1.5 }),
          Plot.text(rules, { y: "y", text: "text", frameAnchor: "right", textAnchor: "end", dy: -8, dx: -2, fill: "var(--bad)", fontWeight: 600, stroke: "var(--card)", strokeWidth: 4 }),
          Plot.ruleY([0], { stroke: "var(--s-edge)" }),
        ],
      },
      `Requests a minute of the busiest account: at most ${most.rate}${data.limit ? `, the limit is ${data.limit}` : ""}.`,
    );
  }

  const drawn = { "messages-chart": messages, "statuses-chart": statuses, "lists-chart": lists, "durations-chart": durations, "requests-chart": requests };

  function draw() {
    for (const [id, chart] of Object.entries(drawn)) {
      const place = document.getElementById(id);
      if (place) place.replaceChildren(chart(place));
    }
  }

  for (const place of document.querySelectorAll("[data-calendar]")) place.replaceChildren(calendar(place));
  const wide = document.querySelector(".calendar svg");
  if (wide) document.querySelector(".calendars").style.setProperty("--calendar", `${wide.getAttribute("width")}px`);
  draw();
  let width = document.body.clientWidth;
  addEventListener("resize", () => {
    if (document.body.clientWidth === width) return;
    width = document.body.clientWidth;
    draw();
  });

  // -- tables ---------------------------------------------------------------------------------------------------------

  const FEW = 50;
  const compare = new Intl.Collator("en", { numeric: true }).compare;

  function value(row, column, isNumber) {
    const cell = row.cells[column];
    if (!isNumber) return cell.textContent.trim();
    return Number(cell.dataset.v ?? cell.textContent.replace(/[^\d.-]/g, "")) || 0;
  }

  function sortable(table, changed) {
    for (const [column, head] of [...table.tHead.rows[0].cells].entries()) {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const isNumber = head.classList.contains("n");
        const was = head.getAttribute("aria-sort");
        const down = was ? was === "ascending" : isNumber;
        const sign = down ? -1 : 1;
        const order = isNumber ? (a, b) => a - b : compare;
        const body = table.tBodies[0];
        const keyed = [...body.rows].map((row) => [value(row, column, isNumber), row]);
        keyed.sort((a, b) => sign * order(a[0], b[0]));
        body.append(...keyed.map(([, row]) => row));
        for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        changed();
      });
    }
  }

  function searchable(table) {
    const tools = document.createElement("div");
    tools.className = "tools";
    const search = document.createElement("input");
    search.type = "search";
    search.placeholder = table.dataset.filter;
    search.setAttribute("aria-label", table.dataset.filter);
    const column = [...table.tHead.rows[0].cells].findIndex((head) => "facet" in head.dataset);
    const choice = document.createElement("select");
    const heading = table.tHead.rows[0].cells[column].textContent;
    choice.setAttribute("aria-label", heading);
    choice.add(new Option(`${heading}: all`, ""));
    const counted = d3.rollup(table.tBodies[0].rows, (rows) => rows.length, (row) => row.cells[column].textContent.trim());
    for (const [word, count] of counted) choice.add(new Option(`${word} (${number(count)})`, word));
    const all = document.createElement("button");
    all.type = "button";
    const said = document.createElement("output");
    tools.append(search, choice, said, all);
    table.parentElement.before(tools);
    const texts = new Map(Array.from(table.tBodies[0].rows, (row) => [row, row.textContent.toLowerCase()]));
    let room = FEW;
    function show() {
      const wanted = search.value.trim().toLowerCase();
      let found = 0;
      for (const row of table.tBodies[0].rows) {
        const fits = (!wanted || texts.get(row).includes(wanted)) && (!choice.value || row.cells[column].textContent.trim() === choice.value);
        if (fits) found += 1;
        row.hidden = !fits || found > room;
      }
      said.textContent = `${number(Math.min(found, room))} of ${number(texts.size)} shown`;
      all.hidden = found <= room;
      all.textContent = `Show all ${number(found)}`;
    }
    search.addEventListener("input", show);
    choice.addEventListener("change", show);
    all.addEventListener("click", () => { room = Infinity; show(); });
    show();
    return show;
  }

  for (const table of document.querySelectorAll("table[data-filter]")) sortable(table, searchable(table));
  for (const table of document.querySelectorAll("table[data-sort]")) sortable(table, () => {});
})();
