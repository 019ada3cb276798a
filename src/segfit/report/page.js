"use strict";
document.documentElement.classList.add("js");
for (const entry of document.querySelectorAll(".worst")) {
  const slider = entry.querySelector("input[type=range]");
  const choices = entry.querySelectorAll("input[type=radio]");
  const layers = entry.querySelectorAll(".layer");
  const show = () => {
    const chosen = [...choices].find((choice) => choice.checked);
    for (const layer of layers) {
      const name = layer.dataset.layer;
      const opacity = name === "truth" ? 1 : name === chosen.value ? slider.value / 100 : 0;
      layer.style.opacity = opacity;
      layer.setAttribute("aria-hidden", String(opacity === 0));
    }
    entry.querySelector(".chosen").textContent = chosen.parentElement.textContent;
  };
  slider.addEventListener("input", show);
  for (const choice of choices) {
    choice.addEventListener("change", () => {
      slider.value = 100;
      show();
    });
  }
  show();
}
