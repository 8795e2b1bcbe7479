"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const content = (id) => JSON.parse(document.getElementById(id).textContent);

  // Tables: a button in each heading sorts by its column, the third press restores the order.
  for (const table of all("table.sortable")) {
    const body = table.tBodies[0];
    const original = [...body.rows];
    const headings = [...table.tHead.rows[0].cells];
    const key = (row, column) => row.cells[column].dataset.sort ?? "";
    const compare = (a, b) => {
      const [x, y] = [Number(a), Number(b)];
      return Number.isNaN(x) || Number.isNaN(y)
        ? a.localeCompare(b, undefined, { numeric: true })
        : x - y;
    };
    const sort = (heading, column) => {
      const first = heading.dataset.first ?? "ascending";
      const second = first === "ascending" ? "descending" : "ascending";
      const now = heading.getAttribute("aria-sort");
      const next = now === first ? second : now === second ? "none" : first;
      for (const other of headings) other.removeAttribute("aria-sort");
      let rows = original;
      if (next !== "none") {
        heading.setAttribute("aria-sort", next);
        const sign = next === "ascending" ? 1 : -1;
        // What has no number stays at the end in either direction.
        const known = original.filter((row) => key(row, column) !== "");
        const unknown = original.filter((row) => key(row, column) === "");
        known.sort((a, b) => sign * compare(key(a, column), key(b, column)));
        rows = [...known, ...unknown];
      }
      body.append(...rows);
    };
    headings.forEach((heading, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => sort(heading, column));
    });
  }

  // Charts: one metric at a time; the case under the pointer is shown in every row.
  const tip = document.getElementById("tip");
  const SVG = "http://www.w3.org/2000/svg";
  for (const charts of all(".charts")) {
    const panels = all(".panel", charts);
    const select = charts.querySelector("select");
    const choose = () => panels.forEach((panel, number) => {
      panel.hidden = number !== select.selectedIndex;
    });
    if (select) {
      select.addEventListener("change", choose);
      choose();
    }
    const numbers = content(charts.dataset.numbers);
    for (const svg of all("svg[data-kind]", charts)) inspect(svg, numbers);
  }

  function inspect(svg, numbers) {
    const column = numbers.columns[svg.dataset.column];
    const cases = column.cases ?? numbers.cases;
    const minus = svg.dataset.minus;
    let points = null;
    const read = () => all("path.dots", svg).flatMap((path) => {
      const ids = path.dataset.cases.split(" ");
      return [...path.getAttribute("d").matchAll(/M(\S+) (\S+)h0/g)].map((match, number) => ({
        x: Number(match[1]), y: Number(match[2]), row: Number(path.dataset.row), id: ids[number],
      }));
    });
    const clear = () => {
      tip.hidden = true;
      for (const mark of all(".found", svg)) mark.remove();
    };
    svg.addEventListener("pointerleave", clear);
    svg.addEventListener("pointermove", (event) => {
      points ??= read();
      const at = new DOMPoint(event.clientX, event.clientY)
        .matrixTransform(svg.getScreenCTM().inverse());
      let nearest = null;
      let least = 100; // square of the farthest distance, in the drawing's pixels
      for (const point of points) {
        const distance = (point.x - at.x) ** 2 + (point.y - at.y) ** 2;
        if (distance < least) [nearest, least] = [point, distance];
      }
      clear();
      if (!nearest) return;
      for (const point of points.filter((other) => other.id === nearest.id)) {
        const mark = document.createElementNS(SVG, "circle");
        mark.setAttribute("class", "found");
        mark.setAttribute("cx", point.x);
        mark.setAttribute("cy", point.y);
        mark.setAttribute("r", 4);
        svg.append(mark);
      }
      const mine = column.values[nearest.row][nearest.id];
      const value = minus === undefined ? mine : mine - column.values[minus][nearest.id];
      const sign = minus !== undefined && value > 0 ? "+" : "";
      const digits = column.digits + (minus === undefined ? 0 : 1);
      tip.textContent = `${cases[nearest.id]} · ${numbers.methods[nearest.row]}: `
        + `${sign}${value.toFixed(digits)} ${column.unit}`;
      tip.hidden = false;
      const right = event.pageX + tip.offsetWidth + 24 > document.documentElement.clientWidth;
      tip.style.left = `${event.pageX + (right ? -tip.offsetWidth - 12 : 12)}px`;
      tip.style.top = `${event.pageY + 14}px`;
    });
  }

  // Slices: every volume is one picture of many slices; a canvas shows one of them.
  for (const viewer of all(".viewer")) {
    const subjects = all(".subject", viewer);
    const open = new Map();
    const show = (number) => {
      subjects.forEach((subject, other) => { subject.hidden = other !== number; });
      if (!open.has(number)) open.set(number, slices(subjects[number]));
    };
    for (const radio of all(".subjects input", viewer)) {
      radio.addEventListener("change", () => show(Number(radio.value)));
    }
    for (const radio of all(".planes input", viewer)) {
      radio.addEventListener("change", () => { viewer.dataset.planes = radio.value; });
    }
    for (const radio of all(".gain input", viewer)) {
      radio.addEventListener("change", () => {
        viewer.style.setProperty("--gain", radio.value);
        for (const output of all("output[data-largest]", viewer)) {
          output.textContent = Number((output.dataset.largest / radio.value).toPrecision(3));
        }
      });
    }
    show(0);
  }

  function slices(subject) {
    const { views, strips } = content(subject.dataset.sprites);
    // All three planes in one scale.
    const widths = views.map((view) => view.extent[0]);
    const template = widths.map((width) => `minmax(0, ${width.toFixed(1)}fr)`).join(" ");
    subject.style.setProperty("--planes", template);
    const canvases = all("canvas", subject).map((canvas) => {
      const { strip, view, what } = canvas.dataset;
      const { size, extent } = views[view];
      [canvas.width, canvas.height] = size;
      canvas.style.aspectRatio = `${extent[0]} / ${extent[1]}`;
      const picture = new Image();
      const painted = { canvas, picture, view: Number(view) };
      picture.addEventListener("load", () => paint(painted));
      picture.src = `data:image/jpeg;base64,${strips[strip][what][view]}`;
      return painted;
    });
    const sliders = all("input[type=range]", subject);
    const paint = ({ canvas, picture, view }) => {
      if (!picture.complete) return;
      const { size: [width, height], columns } = views[view];
      const number = Number(sliders[view].value);
      const left = (number % columns) * width;
      const top = Math.floor(number / columns) * height;
      canvas.getContext("2d").drawImage(picture, left, top, width, height, 0, 0, width, height);
    };
    sliders.forEach((slider, view) => slider.addEventListener("input", () => {
      slider.nextElementSibling.textContent = views[view].slices[slider.value];
      canvases.filter((each) => each.view === view).forEach(paint);
    }));
    return canvases;
  }
})();
