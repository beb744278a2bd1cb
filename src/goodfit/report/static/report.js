"use strict";
/* Draws the page's figures, in the reader's colours, and again when these change or the page is printed. */
(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const figures = read("figures");
  const { light, dark } = read("palettes");
  const toDark = new Map(Object.keys(light).map((name) => [light[name], dark[name]]));
  const prefersDark = matchMedia("(prefers-color-scheme: dark)");
  const finePointer = matchMedia("(pointer: fine)").matches;
  const config = { responsive: true, displayModeBar: false, scrollZoom: false, showTips: false, typesetMath: false };

  const coloured = (value, colours) => {
    if (typeof value === "string") return colours.get(value) ?? value;
    if (Array.isArray(value)) return value.map((each) => coloured(each, colours));
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, coloured(each, colours)]));
  };

  const draw = (colours, size) => {
    for (const [name, figure] of Object.entries(figures)) {
      const { data, layout } = coloured(figure, colours);
      Plotly.react(`figure-${name}`, data, { ...layout, ...size, dragmode: finePointer ? "zoom" : false }, config);
    }
  };
  const drawForScreen = () => draw(prefersDark.matches ? toDark : new Map(), {});

  drawForScreen();
  prefersDark.addEventListener("change", drawForScreen);
  addEventListener("beforeprint", () => draw(new Map(), { width: 640 }));
  addEventListener("afterprint", drawForScreen);
})();
