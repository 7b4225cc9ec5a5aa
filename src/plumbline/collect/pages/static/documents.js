// A page of the server as a document, to take parts of it over: markup is read by the browser itself, never made here.

/** The request whose `responseXML` is the page at an address; fails with the request. */
export function fetchedDocument(address) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("GET", address);
    request.responseType = "document";
    request.timeout = 20_000;
    request.onload = () => (request.status === 200 && request.responseXML ? resolve(request) : reject(request));
    request.onerror = request.ontimeout = () => reject(request);
    request.send();
  });
}
