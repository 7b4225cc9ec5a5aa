// A page of the server as a document, to take parts of it over: markup is read by the browser itself, never made here.

import { token } from "./api.js";

/** The request whose `responseXML` is the page at an address, made of what is `sent` there, if anything is; fails with the request. */
export function fetchedDocument(address, sent) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(sent === undefined ? "GET" : "POST", address);
    request.responseType = "document";
    request.timeout = 20_000;
    if (sent !== undefined) {
      request.setRequestHeader("Content-Type", "application/json");
      request.setRequestHeader("X-CSRF-Token", token);
    }
    request.onload = () => (request.status === 200 && request.responseXML ? resolve(request) : reject(request));
    request.onerror = request.ontimeout = () => reject(request);
    request.send(sent === undefined ? null : JSON.stringify(sent));
  });
}
