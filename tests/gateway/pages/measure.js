// What can be measured of the open page; an expression, so that it can be evaluated as it stands.
(() => {
  const channels = (colour) => {
    const [red, green, blue, alpha = 1] = colour.match(/[\d.]+/g).map(Number);
    return [red, green, blue, alpha];
  };
  const over = ([r, g, b, a], ground) => [r, g, b].map((channel, i) => channel * a + ground[i] * (1 - a));
  const groundOf = (element) => {
    const parents = [];
    for (let at = element; at; at = at.parentElement) parents.unshift(at);
    return parents.reduce((ground, at) => over(channels(getComputedStyle(at).backgroundColor), ground), [255, 255, 255]);
  };
  const linear = (channel) => (channel /= 255) <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  const luminance = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const contrastOf = (element) => {
    const ground = groundOf(element);
    const [lighter, darker] = [luminance(over(channels(getComputedStyle(element).color), ground)), luminance(ground)]
      .sort((a, b) => b - a);
    return (lighter + 0.05) / (darker + 0.05);
  };

  // A transition would be caught half way between two colours.
  document.getAnimations().forEach((animation) => animation.finish());
  let contrast = 21;
  let hardest = "";
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const text = texts.currentNode.data.trim();
    if (!text) continue;
    const found = contrastOf(texts.currentNode.parentElement);
    if (found < contrast) [contrast, hardest] = [found, text];
  }
  const targets = [...document.querySelectorAll("a, button, input")];
  return {
    width: document.documentElement.scrollWidth,
    contrast,
    hardest,
    target: Math.min(...targets.map((target) => target.getBoundingClientRect().height), 1000),
    ground: getComputedStyle(document.body).backgroundColor,
  };
})()
