"""An origin of this machine that stands for MTurk's: it frames whatever it is told to, and takes what forms send."""

import html
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


class StandIn:
    """Listens at `origin`, under another name than our server's, so that browsers take it for another site.

    Attributes:
        received: forms that were sent, as (path, fields).
    """

    def __init__(self):
        self.received, outer = [], self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                asked = urlsplit(self.path)
                if asked.path != "/frame":
                    self.answer(404, "")
                    return
                (source,) = parse_qs(asked.query)["source"]
                frame = f'<iframe name=framed width=1000 height=900 src="{html.escape(source)}"></iframe>'
                self.answer(200, f"<!doctype html><title>Stands for MTurk</title><main>{frame}</main>")

            def do_POST(self):
                length = int(self.headers["Content-Length"])
                outer.received.append((self.path, parse_qs(self.rfile.read(length).decode())))
                self.answer(200, "<!doctype html><title>Taken</title><p>Taken.</p>")

            def answer(self, status, text):
                self.send_response(status)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://localhost:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
