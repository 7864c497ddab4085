// Calls by HTTP. Every answer is {"ok": true, …}, or it becomes an Error with the server's words.

import { noAnswer } from "./connection.js";

const STALLED_MS = 60_000; // a file that does not get on for this long begins anew

export class Http {
  #base; #token;

  constructor(base, token) { [this.#base, this.#token] = [base, token]; }

  get = (address) => this.#call("GET", address);
  post = (address, body = {}) => this.#call("POST", address, body);
  put = (address, body = {}) => this.#call("PUT", address, body);
  patch = (address, body) => this.#call("PATCH", address, body);
  delete = (address) => this.#call("DELETE", address);

  // Sends a form with a file, by XMLHttpRequest: fetch does not tell how far it has come. Returns what
  // came as it came; nothing is a refusal, too, as in Connection.
  upload(address, form, { progress, signal }) {
    const request = new XMLHttpRequest();
    let timer;
    const moving = (event) => {
      clearTimeout(timer);
      timer = setTimeout(() => request.abort(), STALLED_MS);
      if (event?.total) progress(event.loaded / event.total);
    };
    request.upload.onprogress = moving;
    request.responseType = "json";
    request.open("POST", new URL(address, this.#base));
    request.setRequestHeader("X-CSRFToken", this.#token);
    request.setRequestHeader("Accept", "application/json");
    signal.addEventListener("abort", () => request.abort());
    return new Promise((resolve) => {
      request.onloadend = () => [clearTimeout(timer), resolve(request.response ?? noAnswer())];
      moving();
      request.send(form);
    });
  }

  // Whether the server says that there is no such thing (any more), at least for this person.
  async isGone(address) {
    const answer = await fetch(new URL(address, this.#base), { method: "HEAD" }).catch(() => null);
    return answer?.status === 404;
  }

  async #call(method, address, body) {
    const headers = { "X-CSRFToken": this.#token, "Content-Type": "application/json" };
    const options = { method, headers, body: body && JSON.stringify(body) };
    const answering = fetch(new URL(address, this.#base), options).then((answer) => answer.json());
    const answer = await answering.catch(noAnswer);
    if (!answer.ok) throw new Error(answer.error.message);
    return answer;
  }
}
