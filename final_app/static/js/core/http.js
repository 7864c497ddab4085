// HTTP requests. Any response other than {"ok": true, …} throws an Error with the server's message.

import { noAnswer } from "./connection.js";

const ANSWER_TIMEOUT_MS = 30_000; // enough for a page of history over a slow connection
const STALLED_MS = 60_000; // an upload without progress for this long starts again

export class Http {
  #base; #token;

  constructor(base, token) { [this.#base, this.#token] = [base, token]; }

  get = (address) => this.#call("GET", address);
  post = (address, body = {}) => this.#call("POST", address, body);
  put = (address, body = {}) => this.#call("PUT", address, body);
  patch = (address, body) => this.#call("PATCH", address, body);
  delete = (address) => this.#call("DELETE", address);

  // Uploads a form with a file. It uses XMLHttpRequest, because fetch doesn't report upload progress.
  // Returns the response, or an error in the same form if none arrived, as Connection does.
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

  // Returns whether the server responds with 404. Then the resource is gone, or the user can't see it.
  async isGone(address) {
    const answer = await this.#fetch(address, { method: "HEAD" }).catch(() => null);
    return answer?.status === 404;
  }

  // Returns whether the server responds at all.
  reaches(address) {
    return this.#fetch(address, { method: "HEAD" }).then(() => true, () => false);
  }

  async #call(method, address, body) {
    const headers = { "X-CSRFToken": this.#token, "Content-Type": "application/json" };
    const options = { method, headers, body: body && JSON.stringify(body) };
    const answering = this.#fetch(address, options).then((answer) => answer.json());
    const answer = await answering.catch(noAnswer);
    if (!answer.ok) throw new Error(answer.error.message);
    return answer;
  }

  // A browser waits for minutes if the connection has died silently.
  #fetch(address, options) {
    const signal = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
    return fetch(new URL(address, this.#base), { ...options, signal });
  }
}
