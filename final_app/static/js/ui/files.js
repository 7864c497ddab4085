// The files of a message: images are shown, other files can be downloaded.

import { fileSize } from "../core/uploads.js";
import { $, keepList, setText } from "./dom.js";

const [WIDEST_PX, HIGHEST_PX] = [360, 280]; // as in _message.html

export const isImage = ({ width }) => Boolean(width);

// picture(upload) → the local URL of an image that was chosen on this page, if any
export function fillFiles(node, uploads, picture) {
  const images = uploads.filter(isImage);
  const others = uploads.filter((upload) => !isImage(upload));
  $(".uploads", node).hidden = !uploads.length;
  const fill = (figure, upload) => fillImage(figure, upload, picture);
  keepList($(".images", node), images, $("#image-template"), fill);
  keepList($(".files", node), others, $("#file-template"), fillFile);
}

function fillImage(figure, upload, picture) {
  const { id, filename: alt, width, height } = upload;
  const image = $("img", figure);
  const scale = Math.min(1, WIDEST_PX / width, HIGHEST_PX / height);
  Object.assign(image, { alt, width: Math.round(width * scale), height: Math.round(height * scale) });
  // Keeps an image that is already visible, so that it doesn't flicker when the message has been sent.
  if (!image.hasAttribute("src")) image.src = picture(upload) || `files/${id}/thumb`;
  Object.assign($("a", figure), { href: `files/${id}`, title: alt });
}

function fillFile(item, { id, filename, size }) {
  $("a", item).href = `files/${id}`;
  setText($(".file-name", item), filename);
  setText($(".file-size", item), fileSize(size));
}
