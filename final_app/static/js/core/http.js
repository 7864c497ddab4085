// Calls by HTTP. Every answer is {"ok": true, …}, or it becomes an Error with the server's words.

export class Http {
  #base; #token;

  constructor(base, token) { [this.#base, this.#token] = [base, token]; }

  get = (address) => this.#call("GET", address);
  post = (address, body = {}) => this.#call("POST", address, body);
  put = (address, body = {}) => this.#call("PUT", address, body);
  patch = (address, body) => this.#call("PATCH", address, body);
  delete = (address) => this.#call("DELETE", address);

  async #call(method, address, body) {
    const headers = { "X-CSRFToken": this.#token, "Content-Type": "application/json" };
    let answer;
    try {
      const options = { method, headers, body: body && JSON.stringify(body) };
      answer = await (await fetch(new URL(address, this.#base), options)).json();
    } catch {
      throw new Error("The server did not answer. Try again in a moment.");
    }
    if (!answer.ok) throw new Error(answer.error.message);
    return answer;
  }
}
