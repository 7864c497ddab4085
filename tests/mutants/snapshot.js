// Returns what a page is now: what it does ("page"), how it looks ("looks"), how it is built ("structure").
() => {
  const tidy = (text) => (text ?? "").replace(/\s+/g, " ").trim();
  const build = (node, depth) => {
    if (node.nodeType === Node.TEXT_NODE) return tidy(node.data) ? [" ".repeat(depth) + tidy(node.data)] : [];
    if (node.nodeType !== Node.ELEMENT_NODE) return [];
    const attributes = [...node.attributes].map(({ name, value }) => ` ${name}="${tidy(value)}"`).sort();
    const below = node.localName === "template" ? node.content.childNodes : node.childNodes;
    const inside = [...below].flatMap((each) => build(each, depth + 1));
    return [`${" ".repeat(depth)}<${node.localName}${attributes.join("")}>`, ...inside];
  };
  const body = document.body ?? document.documentElement;
  const elements = [...body.querySelectorAll("*")];
  const fields = [...document.querySelectorAll("input, button, select, textarea")].map((field) => [
    field.type, field.name, field.type === "file" ? field.files.length : field.value, field.disabled,
    field.required, field.maxLength, field.minLength, [...(field.labels ?? [])].map((it) => tidy(it.innerText)),
    field.list && [...field.list.options].map((option) => option.value),
    field.form && [field.formMethod || field.form.method, field.formAction || field.form.action],
    field === document.activeElement,
  ]);
  const looks = elements.filter((it) => it.getClientRects().length).map((it) => {
    const { x, width } = it.getBoundingClientRect();
    const { color, backgroundColor, fontWeight, textAlign } = getComputedStyle(it);
    const told = ["role", "aria-label", "aria-current"].map((name) => it.getAttribute(name));
    return [it.localName, Math.round(x), Math.round(width), color, backgroundColor, fontWeight, textAlign, ...told].join(" ");
  });
  const page = {
    title: document.title,
    address: location.pathname + location.search + location.hash,
    text: body.innerText.split("\n").map(tidy).filter(Boolean),
    fields,
    links: [...document.links].map((link) => [tidy(link.innerText), link.href, link.target]),
    atTheEnd: elements.filter((it) => it.scrollHeight > it.clientHeight + 4 && it.tabIndex === 0 && it.localName === "div")
      .map((it) => it.scrollTop + it.clientHeight >= it.scrollHeight - 4),
  };
  return {
    page: JSON.stringify(page, null, 1),
    looks: looks.join("\n"),
    structure: [document.compatMode, ...build(document.documentElement, 0)].join("\n"),
  };
}
