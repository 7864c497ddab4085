// The search of the website. INDEX comes from search-index.js, and each of its entries is a section.

const MOST = 30; // results that are shown
const AROUND = 90; // characters of text before and after the first word that was found

const field = document.querySelector("input[name=q]");
const found = document.querySelector("#found");
const results = document.querySelector("#results");

function wordsOf(text) {
  return text.toLowerCase().split(/\s+/).filter(Boolean);
}

// Every word must be in the section. A word in a title counts more than a word in the text.
function score(section, words) {
  let sum = 0;
  for (const word of words) {
    const points =
      8 * section.title.toLowerCase().includes(word) +
      4 * section.page.toLowerCase().includes(word) +
      Math.min(3, section.text.toLowerCase().split(word).length - 1);
    if (!points) return 0;
    sum += points;
  }
  return sum;
}

// Returns the text around the first match, or the beginning of the text if only a title matches.
function excerpt(section, words) {
  const places = words.map((word) => section.text.toLowerCase().indexOf(word));
  const first = Math.min(...places.filter((place) => place >= 0), section.text.length);
  const middle = first < section.text.length ? first : 0;
  const start = middle > AROUND ? section.text.indexOf(" ", middle - AROUND) + 1 : 0;
  const end = section.text.indexOf(" ", middle + AROUND);
  const piece = section.text.slice(start, end < 0 ? undefined : end);
  return `${start ? "… " : ""}${piece}${end < 0 ? "" : " …"}`;
}

// Adds a text to an element, with the words marked. The text is never treated as HTML.
function mark(element, text, words) {
  const escaped = words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  text.split(new RegExp(`(${escaped.join("|")})`, "i")).forEach((part, place) => {
    if (place % 2) {
      const marked = document.createElement("mark");
      marked.textContent = part;
      element.append(marked);
    } else {
      element.append(part);
    }
  });
  return element;
}

function item(section, words) {
  const link = document.createElement("a");
  link.href = section.address;
  mark(link, section.title, words);
  const page = document.createElement("span");
  page.textContent = section.page;
  const text = mark(document.createElement("p"), excerpt(section, words), words);
  const line = document.createElement("li");
  line.append(link, " ", page, text);
  return line;
}

function search() {
  const words = wordsOf(field.value);
  const ranked = words.length
    ? INDEX.map((section) => [score(section, words), section])
        .filter(([points]) => points)
        .sort((one, other) => other[0] - one[0])
        .map(([, section]) => section)
    : [];
  results.replaceChildren(...ranked.slice(0, MOST).map((section) => item(section, words)));
  const count = `${ranked.length} section${ranked.length === 1 ? "" : "s"} found`;
  const more = ranked.length > MOST ? `, and the first ${MOST} are shown` : "";
  found.textContent = words.length ? `${count}${more}.` : "Type a word into the search field.";
}

field.value = new URLSearchParams(location.search).get("q") || "";
field.addEventListener("input", search);
search();
